"""What people say an item is, and what pictures and barcodes say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.assess import decide
from services.assess.identity import LINES, Correction, as_known
from services.assess.labels import from_label
from services.assess.memory import is_likely
from services.assess.tolerance import Evidence
from services.kernel import records as r
from services.kernel.faults import DataFault
from tests.samples import (
    ALONE,
    NOON,
    assessment,
    comparison,
    facts,
    label,
    product,
    result,
    scores,
    subject,
    uid,
)

LATER = NOON + timedelta(seconds=5)
EVENING = NOON + timedelta(hours=3)
CHECK = r.BarcodeCheck


def judged(damaged: float = 0.9, known: r.Assessment | None = None, **given: Any) -> r.Assessment:
    found = as_known(result(**{"scores": scores(damaged), **given}), known)
    return decide.from_result(found, known, decide.Rows(), ALONE, LATER)


def identity(product_id: str = "P2", who: str = "ann", minutes: int = 60, **given: Any) -> r.Label:
    return label(
        name=f"{product_id} {who} {minutes}",
        annotator=who,
        product_id=product_id,
        identity_only=True,
        labelled_at=NOON + timedelta(minutes=minutes),
        **given,
    )


def named(product_id: str = "P2", probability: float = 0.9, **given: Any) -> Correction:
    about = {"vendor_id": "V2", "price_cents": 9_900, **given.pop("row", {})}
    seen = Evidence(scores=scores(probability), probability=probability)
    return Correction(product=product(product_id, **about), evidence=seen, **given)


def told(one: r.Label, known: r.Assessment, correction: Correction | None = None) -> r.Assessment:
    return from_label(one, known, EVENING, correction or named(str(one.product_id)))


# -- a wrong barcode ----------------------------------------------------------------------------------------------


def scanned(check: r.BarcodeCheck, **given: Any) -> dict[str, Any]:
    about = subject(barcode="4001", **given.pop("about", {}))
    return {"barcode_check": check, "scanned_product_id": "P9", "subject": about, **given}


def test_a_wrong_barcode_is_on_the_assessment_in_its_sentence_and_in_the_suppliers_counts() -> None:
    found = judged(0.1, **scanned(CHECK.WRONG))
    assert (found.barcode_check, found.scanned_product_id, found.product_id) == (CHECK.WRONG, "P9", "P1")
    assert "It carries the barcode of P9 and is P1: relabel it." in found.reason
    assert found.outcome.wrong_barcode
    assert not found.damaged  # a wrong label is no damage


@pytest.mark.parametrize("check", [CHECK.DOUBTED, CHECK.UNKNOWN])
def test_a_barcode_that_nobody_is_sure_of_is_said_and_not_counted_against_the_supplier(
    check: r.BarcodeCheck,
) -> None:
    found = judged(0.1, **scanned(check))
    assert "barcode" in found.reason
    assert not found.outcome.wrong_barcode


@pytest.mark.parametrize("check", [CHECK.AGREES, CHECK.NONE_READ, CHECK.UNCHECKED])
def test_nothing_is_said_of_a_barcode_that_is_right(check: r.BarcodeCheck) -> None:
    assert "barcode" not in judged(0.1, **scanned(check)).reason


def test_a_person_finds_that_the_barcode_was_right_or_wrong() -> None:
    doubted = judged(0.1, **scanned(CHECK.WRONG))
    right = told(identity("P9"), doubted)
    assert (right.product_id, right.barcode_check, right.outcome.wrong_barcode) == ("P9", CHECK.AGREES, False)
    assert right.previous == doubted.outcome
    wrong = told(identity("P2"), judged(0.1, product_id="P9", **scanned(CHECK.AGREES)))
    assert (wrong.barcode_check, wrong.outcome.wrong_barcode, wrong.outcome.vendor_id) == (
        CHECK.WRONG,
        True,
        "V2",
    )


# -- a label that says only what it is ----------------------------------------------------------------------------


def test_a_label_may_say_only_what_the_item_is_and_leaves_the_damage_to_the_mesh() -> None:
    known = judged(0.9)
    found = told(identity(), known, named(probability=0.9))
    assert (found.product_id, found.verdict, found.annotator) == ("P2", None, None)
    assert (found.identified_by, found.identified_at) == ("ann", NOON + timedelta(minutes=60))
    assert (found.cause, found.revision, found.damaged) == (r.CauseKind.LABEL, 2, True)
    assert (found.outcome.vendor_id, found.previous) == ("V2", known.outcome)
    assert found.outcome.looks == known.outcome.looks  # nobody photographed it again
    assert "ann says that it is P2, not P1; judged as that: Damage probability 0.90" in found.reason


def test_the_damage_is_judged_again_without_another_products_references_and_by_its_own_policies() -> None:
    known = judged(0.9, comparison=comparison(0.9, 0.9))
    set_of_four = named(probability=0.2, row={"unit_count": 4, "category": "book"})
    found = told(identity(), known, set_of_four)
    assert (found.damaged, found.comparison, found.probability, found.expected_units) == (False, None, 0.2, 4)
    strict = r.Policy(
        policy_id="books",
        version=3,
        category="book",
        up_to=r.Severity.NONE,
        judge_at=0.1,
        reason="readers look closely",
    )
    by_policy = Correction(
        product=product("P2", category="book"),
        evidence=Evidence(scores=scores(0.2), probability=0.2),
        policies=(strict,),
        policy_row=lambda name: f"row of {name}",
    )
    found = told(identity(), known, by_policy)
    assert (found.damaged, found.outcome.damaged) == (True, True)
    versions = {"policy": "books", "policy.version": "3", "row.policies.tolerability": "row of books"}
    assert found.versions.items() >= versions.items()


def test_all_that_is_judged_follows_from_the_right_product() -> None:
    known = judged(0.9, versions={"model.damage_classifier": "3+x"})
    whole = Evidence(
        scores=scores(0.9, missing_unit=0.9, major=0.9), probability=0.9, matter=None, foreignness=4.0
    )
    dear = r.Policy(
        policy_id="sets", up_to=r.Severity.NONE, judge_at=0.5, reason="so", miss_cost_cents={"PICK": 700}
    )
    a_set = Correction(product=product("P2", unit_count=6), evidence=whole, policies=(dear,))
    found = told(identity(), known, a_set)
    assert (found.incomplete, found.severity, found.defect_types) == (
        True,
        r.Severity.MAJOR,
        ("missing_unit",),
    )
    assert (found.outcome.severity, found.outcome.defect_types) == (found.severity, found.defect_types)
    assert (found.miss_cost_cents, found.foreignness, found.foreign_matter) == (700, 4.0, False)
    assert found.versions["model.damage_classifier"] == "3+x"


def test_damage_that_the_right_product_may_have_is_tolerated_and_counts_for_nothing() -> None:
    known = judged(0.9)
    assert known.outcome.damaged
    lax = r.Policy(
        policy_id="lax",
        up_to=r.Severity.MINOR,
        tolerated_types=("superficial",),
        judge_at=0.5,
        reason="scuffs do not matter",
    )
    scuffed = Evidence(scores=scores(0.9, superficial=0.9), probability=0.9)
    fine = Correction(product=product("P2"), evidence=scuffed, policies=(lax,))
    found = told(identity(), known, fine)
    assert (found.damaged, found.tolerated, found.outcome.damaged) == (True, True, False)
    assert decide.event_for(found) is not None  # the damage that was told is taken back


def test_who_names_the_product_disputes_no_verdict() -> None:
    broken = from_label(label(annotator="ann"), judged(0.9), EVENING)
    found = told(identity(who="bob", minutes=170), broken)
    assert (found.disputed, found.verdict, found.annotator) == (False, r.Verdict.DAMAGED, "ann")
    assert "third person" not in found.reason


def test_a_person_who_finds_units_missing_makes_it_an_incomplete_set() -> None:
    lacking = label(defect_types=("missing_unit",))
    assert from_label(lacking, judged(0.1), EVENING).incomplete
    assert not from_label(label(), judged(0.1), EVENING).incomplete


def test_a_persons_verdict_stands_when_another_person_says_what_it_is() -> None:
    whole = from_label(label(verdict=r.Verdict.INTACT), judged(0.9), EVENING)
    found = told(identity(minutes=170), whole, named(probability=0.99))
    assert (found.verdict, found.damaged, found.product_id) == (r.Verdict.INTACT, False, "P2")
    assert (found.annotator, found.identified_by) == ("someone", "ann")


def test_a_person_who_agrees_with_the_mesh_changes_nothing_but_that_it_is_certain() -> None:
    known = judged(0.9)
    found = told(identity("P1"), known, named("P1"))
    assert (found.damaged, found.comparison, found.probability) == (True, known.comparison, known.probability)
    assert found.identified_by == "ann"
    assert found.order_line_id == known.order_line_id


def test_of_two_people_who_name_it_differently_the_one_who_looked_last_counts_in_any_order() -> None:
    first, second = identity("P2", "ann", 10), identity("P3", "bob", 20)
    for order in ((first, second), (second, first)):
        found = judged(0.9)
        for one in order:
            found = told(one, found)
        assert (found.product_id, found.identified_by, found.revision) == ("P3", "bob", 3)


def test_a_label_that_names_nothing_says_nothing() -> None:
    nothing = label(identity_only=True)
    with pytest.raises(DataFault, match="names none") as caught:
        from_label(nothing, judged(), EVENING)
    assert caught.value.reason == "empty_label"


def test_an_impossible_catalogue_row_is_refused_also_when_a_person_names_it() -> None:
    with pytest.raises(DataFault, match="product P2; correct its row") as caught:
        told(identity(), judged(), named(row={"price_cents": -5}))
    assert caught.value.reason == "bad_price"


# -- what stands --------------------------------------------------------------------------------------------------


def test_what_a_person_says_it_is_stands_against_later_pictures_while_the_damage_does_not() -> None:
    known = told(identity(), judged(0.9), named(order_line_id="L2"))
    packed = subject(capture_id=uid("packed"), captured_at=EVENING, stage=r.Stage.PACK, barcode="4001")
    seen = result(subject=packed, scanned_product_id="P1", barcode_check=CHECK.AGREES, product_id="P1")
    found = decide.from_result(as_known(seen, known), known, decide.Rows(), ALONE, EVENING)
    assert (found.product_id, found.product, found.order_line_id) == ("P2", known.product, "L2")
    assert (found.damaged, found.comparison) == (False, None)  # seen against another product's references
    assert (found.barcode_check, found.outcome.wrong_barcode) == (CHECK.WRONG, True)
    assert (found.identified_by, found.former_order_line_ids) == ("ann", ("L1",))


def test_the_references_of_the_product_that_a_person_named_are_good_to_compare_with() -> None:
    known = told(identity(), judged(0.9))
    seen = as_known(result(product_id="P2", product=facts(vendor_id="V2")), known)
    assert seen.comparison == comparison()


def test_a_picture_outside_the_tote_leaves_the_item_its_order_line() -> None:
    known = judged(0.1)
    for product_id in ("P1", None):
        assert as_known(result(order_line_id=None, product_id=product_id), known).order_line_id == "L1"
    assert as_known(result(order_line_id=None, product_id="P2"), known).order_line_id is None
    assert as_known(result(order_line_id=None), None).order_line_id is None


def test_order_lines_that_it_is_not_for_are_remembered_to_be_told() -> None:
    found = judged(0.9)
    for n in range(2, 20):
        found = judged(0.9, found, order_line_id=f"L{n}", subject=subject(capture_id=uid(str(n))))
    assert found.former_order_line_ids == tuple(f"L{n}" for n in range(19 - LINES, 19))
    back = judged(0.9, found, order_line_id="L18", subject=subject(capture_id=uid("back")))
    assert "L18" not in back.former_order_line_ids
    assert back.former_order_line_ids[-1] == "L19"


def test_a_verdict_that_was_given_before_the_newest_picture_says_nothing_about_it() -> None:
    early = label(verdict=r.Verdict.INTACT, labelled_at=NOON + timedelta(minutes=5))
    later = subject(capture_id=uid("later"), captured_at=NOON + timedelta(minutes=10), stage=r.Stage.PACK)
    seen_again = judged(0.9, judged(0.1), subject=later)
    found = from_label(early, seen_again, EVENING)
    assert (found.damaged, found.verdict) == (True, None)
    assert "came late and changes nothing" in found.reason


def test_the_only_look_at_an_item_is_what_a_verdict_is_about_whatever_the_terminals_clock_says() -> None:
    slow = label(verdict=r.Verdict.INTACT, labelled_at=NOON - timedelta(hours=1))
    assert from_label(slow, judged(0.9), EVENING).verdict is r.Verdict.INTACT


@pytest.mark.parametrize(
    "given", [{"identified_by": "ann"}, {"product_id": None}, {"barcode_check": CHECK.WRONG}]
)
def test_items_that_somebody_should_look_at_are_remembered_for_days(given: dict[str, Any]) -> None:
    quiet = next(f"item-{n}" for n in range(99) if not is_likely(assessment(f"item-{n}", probability=0.01)))
    assert is_likely(assessment(quiet, probability=0.01, **given))
