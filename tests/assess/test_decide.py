from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from services.assess import decide
from services.assess.identity import Correction
from services.assess.labels import from_label
from services.assess.revisions import HISTORY, assessment_id, made_before
from services.assess.tolerance import Evidence
from services.kernel import policies as rules
from services.kernel import records as r
from services.kernel.faults import DataFault
from tests.samples import (
    ALONE,
    NOON,
    comparison,
    facts,
    label,
    order_line,
    product,
    result,
    scores,
    subject,
    uid,
)

LATER = NOON + timedelta(seconds=5)
PRODUCT = facts()
MINOR, MAJOR = r.Severity.MINOR, r.Severity.MAJOR


EVENING = NOON + timedelta(hours=3)


def policy(policy_id: str = "p", **given: Any) -> r.Policy:
    plain = r.Policy(
        policy_id=policy_id, up_to=r.Severity.NONE, judge_at=0.5, reason=f"reason of {policy_id}"
    )
    return dataclasses.replace(plain, **given)


def judged(
    damaged: float = 0.9, *policies: r.Policy, known: r.Assessment | None = None, **given: Any
) -> r.Assessment:
    """Judge item-1; `given` are the defects' scores and fields of the result."""
    names = {f.name for f in dataclasses.fields(r.Scores)}
    seen = scores(damaged, **{k: v for k, v in given.items() if k in names})
    rest = {k: v for k, v in given.items() if k not in names}
    rows = decide.Rows(policies=policies)
    return decide.from_result(result(**{"scores": seen, **rest}), known, rows, ALONE, LATER)


def deciding(
    policies: Iterable[r.Policy], product: r.ProductFacts | None = PRODUCT, stage: r.Stage = r.Stage.PICK
) -> r.Policy:
    """The policy that decides about a product, a toy unless it is given."""
    return rules.fitting(policies, rules.Context(product=product, stage=stage))[0]


def again(name: str, **given: Any) -> dict[str, Any]:
    """The item is photographed again."""
    return {"subject": subject(capture_id=uid(name), **given)}


# -- policies -----------------------------------------------------------------------------------------------------


def test_the_most_specific_policy_that_fits_decides() -> None:
    anything = policy("a-anything")
    toys = policy("b-toys", category="toys")
    picked_toys = policy("c-picked-toys", category="toys", stages=(r.Stage.PICK,))
    policies = (anything, toys, picked_toys)
    assert deciding(policies) is picked_toys
    assert deciding(policies, stage=r.Stage.SHIP) is toys
    assert deciding(policies, facts(category="grocery")) is anything
    assert deciding(policies, None) is anything


def test_a_policy_for_a_material_fits_that_material_only() -> None:
    bags = policy(material="plastic bag")
    assert deciding([bags], facts(material="plastic bag")) is bags
    assert deciding([bags], facts(material="cardboard")) is rules.DEFAULT


def test_of_equally_specific_policies_the_first_by_name_decides_whatever_the_order_they_came_in() -> None:
    one, other = policy("1", category="toys"), policy("2", material="cardboard")
    assert deciding([one, other]) is one
    assert deciding([other, one]) is one


def test_nothing_is_tolerated_where_no_policy_fits() -> None:
    found = judged(0.9, superficial=0.9)
    assert (found.damaged, found.tolerated, found.outcome.damaged) == (True, False, True)
    assert found.versions["policy"] == "default"


SCRATCHES = policy(
    "scratches",
    up_to=MINOR,
    tolerated_types=("superficial", "deformation"),
    reason="scratches do not matter here",
)


def test_tolerated_damage_is_seen_but_counts_for_nothing() -> None:
    found = judged(0.9, SCRATCHES, superficial=0.9)
    assert (found.damaged, found.tolerated, found.severity) == (True, True, MINOR)
    assert not found.outcome.damaged
    assert decide.event_for(found) is None
    assert "tolerated: scratches do not matter here" in found.reason


@pytest.mark.parametrize("seen", [{"superficial": 0.9, "spillage": 0.8}, {"superficial": 0.9, "major": 0.9}])
def test_worse_damage_or_one_defect_more_is_not_tolerated(seen: dict[str, float]) -> None:
    assert not judged(0.9, SCRATCHES, **dict[str, Any](seen)).tolerated


def test_the_policy_says_from_where_on_damage_is_judged() -> None:
    strict = policy("strict", judge_at=0.2)
    assert judged(0.3, strict).damaged
    assert not judged(0.3, policy("calm", judge_at=0.31)).damaged
    assert judged(0.5, comparison=None).damaged  # the bound itself is damaged


# -- what is judged -----------------------------------------------------------------------------------------------


def test_probable_defects_are_named_most_probable_first() -> None:
    assert judged(0.9, spillage=0.6, penetration=0.8, deformation=0.4).defect_types == (
        "penetration",
        "spillage",
    )


def test_a_damaged_item_has_at_least_its_most_probable_defect() -> None:
    assert judged(0.9, deformation=0.2).defect_types == ("deformation",)


def test_an_intact_item_has_no_defects_and_no_severity() -> None:
    found = judged(0.1, penetration=0.9, major=0.9)
    assert (found.damaged, found.severity, found.defect_types) == (False, r.Severity.NONE, ())
    assert (found.outcome.damaged, found.outcome.defect_types) == (False, ())


@pytest.mark.parametrize(("major", "severity"), [(0.49, MINOR), (0.5, MAJOR)])
def test_severity_follows_the_models_word_on_it(major: float, severity: r.Severity) -> None:
    assert judged(0.9, major=major).severity is severity


def test_a_damaged_item_says_why() -> None:
    reason = judged(0.9, policy("house", version=4), penetration=0.8).reason
    for part in (
        "0.90",
        "above the 0.50",
        "'house' version 4",
        "2 references",
        "foreign 0.20",
        "missing 0.10",
    ):
        assert part in reason
    assert "damaged, minor (penetration)" in reason
    assert reason.count(". ") == 0  # one sentence


def test_an_intact_item_of_an_unknown_product_says_why_and_asks_for_a_person() -> None:
    reason = judged(0.1, product_id=None, product=None, comparison=None).reason
    assert "0.10 is below the 0.50" in reason
    assert "no confirmed references to compare with" in reason
    assert "the product is unknown, so a person should look" in reason
    assert "damaged," not in reason


def test_a_judgement_carries_what_it_was_made_with() -> None:
    rows = decide.Rows(
        policies=[policy("house", version=7, miss_cost_cents={"PICK": 200})],
        policy_row=lambda name: f"row of {name}",
        line=order_line(gift=True),
        versions={"row.orders.lines": "2@9"},
    )
    given = result(scores=scores(0.9), versions={"model.damage_classifier": "3+x"})
    found = decide.from_result(given, None, rows, ALONE, LATER)
    assert found.versions == {
        "model.damage_classifier": "3+x",
        "policy": "house",
        "policy.version": "7",
        "row.policies.tolerability": "row of house",
        "row.orders.lines": "2@9",
        "fusion": "alone",
        "damage_prior": "0.5",
    }
    assert (found.gift, found.expected_units, found.miss_cost_cents) == (True, 1, 200)
    assert "as a gift; a miss here would cost about 2.00" in found.reason
    assert found.comparison == comparison()
    assert found.assessed_at == LATER
    assert (found.outcome.vendor_id, found.outcome.material) == ("V1", "cardboard")


# -- revisions ----------------------------------------------------------------------------------------------------


def test_the_first_capture_makes_the_first_revision() -> None:
    found = judged(0.9)
    assert (found.revision, found.previous) == (1, None)
    assert found.history == (r.Cause(revision=1, cause_id=found.subject.capture_id),)


def test_another_capture_makes_the_next_revision_that_takes_the_first_one_back() -> None:
    first = judged(0.9)
    second = judged(0.1, known=first, **again("second"))
    assert (second.revision, second.previous) == (2, first.outcome)
    assert second.assessment_id != first.assessment_id


def test_a_replayed_cause_is_known_and_its_id_follows_from_it() -> None:
    first = judged(0.9)
    second = judged(0.1, known=first, **again("second"))
    assert made_before(second, first.cause_id)
    assert made_before(second, second.cause_id)
    assert not made_before(second, uid("third"))
    assert not made_before(None, first.cause_id)
    assert first.assessment_id == assessment_id("item-1", first.cause_id) == judged(0.9).assessment_id


def test_history_is_bounded_and_keeps_the_newest_causes() -> None:
    found = judged(0.1)
    for n in range(40):
        found = judged(0.1, known=found, **again(str(n)))
    assert found.revision == 41
    assert [c.revision for c in found.history] == list(range(42 - HISTORY, 42))


# -- labels -------------------------------------------------------------------------------------------------------


def test_a_persons_verdict_overrules_the_model() -> None:
    known = judged(0.99, penetration=0.9, major=0.9)
    found = from_label(label(verdict=r.Verdict.INTACT), known, EVENING)
    assert (found.damaged, found.severity, found.defect_types) == (False, r.Severity.NONE, ())
    assert (found.outcome.damaged, found.previous) == (False, known.outcome)
    assert (found.revision, found.cause, found.verdict) == (2, r.CauseKind.LABEL, r.Verdict.INTACT)
    assert found.probability == known.probability  # what the model said stays on record
    assert found.reason == "A person found it intact."


def test_a_persons_verdict_overrules_what_is_tolerated() -> None:
    known = judged(0.9, SCRATCHES, superficial=0.9)
    found = from_label(label(severity=MINOR, defect_types=("superficial",)), known, EVENING)
    assert (found.damaged, found.tolerated, found.outcome.damaged) == (True, False, True)


def test_a_damaged_item_that_a_person_gave_no_severity_is_taken_to_be_badly_damaged() -> None:
    found = from_label(label(severity=r.Severity.NONE), judged(0.1), EVENING)
    assert found.severity is MAJOR
    assert found.outcome.severity is MAJOR


def test_a_second_opinion_replaces_the_first() -> None:
    first = from_label(label(verdict=r.Verdict.INTACT, name="1"), judged(0.9), EVENING)
    second = from_label(label(verdict=r.Verdict.DAMAGED, name="2"), first, EVENING)
    assert (second.revision, second.damaged, second.previous) == (3, True, first.outcome)
    assert made_before(second, first.cause_id)


# -- what the outside is told -------------------------------------------------------------------------------------


def kind_of(found: r.Assessment) -> r.EventKind | None:
    event = decide.event_for(found)
    return event.kind if event is not None else None


def test_damage_that_the_mesh_sees_is_detected() -> None:
    assert kind_of(judged(0.9)) is r.EventKind.DETECTED


def test_damage_that_a_person_sees_is_confirmed_even_if_the_mesh_missed_it() -> None:
    assert kind_of(from_label(label(), judged(0.9), EVENING)) is r.EventKind.CONFIRMED
    assert kind_of(from_label(label(), judged(0.1), EVENING)) is r.EventKind.CONFIRMED


def test_damage_that_was_told_and_is_none_is_retracted() -> None:
    assert kind_of(from_label(label(verdict=r.Verdict.INTACT), judged(0.9), EVENING)) is r.EventKind.RETRACTED


def test_nothing_is_told_of_an_item_that_is_and_was_intact() -> None:
    assert kind_of(judged(0.1)) is None
    assert kind_of(from_label(label(verdict=r.Verdict.INTACT), judged(0.1), EVENING)) is None


def test_tolerated_damage_was_never_told_so_it_is_not_retracted() -> None:
    known = judged(0.9, SCRATCHES, superficial=0.9)
    assert kind_of(from_label(label(verdict=r.Verdict.INTACT), known, EVENING)) is None


def test_an_event_repeats_the_assessment_and_has_one_id_per_revision() -> None:
    first = judged(0.9, penetration=0.9)
    event, confirmed = decide.event_for(first), decide.event_for(from_label(label(), first, EVENING))
    assert event is not None
    assert confirmed is not None
    assert (event.assessment_id, event.capture_id) == (first.assessment_id, first.subject.capture_id)
    assert (event.vendor_id, event.defect_types, event.reason) == ("V1", ("penetration",), first.reason)
    assert decide.event_for(judged(0.9, penetration=0.9)) == event
    assert confirmed.event_id != event.event_id


def test_a_picture_taken_before_the_newest_one_changes_nothing_when_it_comes_late() -> None:
    newer = judged(0.1)
    early = subject(capture_id=uid("earlier"), captured_at=NOON - timedelta(minutes=5))
    late = judged(0.99, known=newer, subject=early)
    assert (late.revision, late.cause_id) == (2, uid("earlier"))
    assert (late.damaged, late.subject) == (newer.damaged, newer.subject)
    assert "came late" in late.reason


def test_a_verdict_stands_against_a_picture_taken_before_it() -> None:
    verdict = from_label(
        label(labelled_at=NOON + timedelta(minutes=50)), judged(0.1), NOON + timedelta(hours=1)
    )
    before = subject(capture_id=uid("before"), captured_at=NOON + timedelta(minutes=1))
    after = result(subject=subject(capture_id=uid("after"), captured_at=NOON + timedelta(hours=2)))
    assert judged(0.99, known=verdict, subject=before).verdict is verdict.verdict
    assert decide.from_result(after, verdict, decide.Rows(), ALONE, EVENING).verdict is None


def test_a_verdict_stands_against_every_picture_taken_before_it_in_whatever_order_they_come() -> None:
    found = from_label(label(labelled_at=NOON + timedelta(minutes=50)), judged(0.1), EVENING)
    for minutes in (-5, 1, 2):  # the first of them makes a revision whose cause is a picture
        late = subject(capture_id=uid(str(minutes)), captured_at=NOON + timedelta(minutes=minutes))
        found = judged(0.1, known=found, subject=late)
    assert (found.revision, found.damaged, found.verdict) == (5, True, r.Verdict.DAMAGED)


# -- labels that disagree, and what people say an item is ---------------------------------------------------------


def verdict(verdict: r.Verdict, who: str, minutes: int) -> r.Label:
    at = NOON + timedelta(minutes=minutes)
    return label(verdict=verdict, name=f"{who} {minutes}", annotator=who, labelled_at=at)


BROKEN, WHOLE = r.Verdict.DAMAGED, r.Verdict.INTACT


def test_of_two_people_who_disagree_the_one_who_looked_last_counts_in_any_order() -> None:
    first, second = verdict(BROKEN, "ann", 10), verdict(WHOLE, "bob", 20)
    for order in ((first, second), (second, first)):
        found = judged(0.9)
        for one in order:
            found = from_label(one, found, EVENING)
        assert (found.verdict, found.damaged, found.annotator, found.disputed) == (WHOLE, False, "bob", True)
        assert not found.outcome.damaged
        assert "ann" in found.reason
        assert "bob" in found.reason
        assert "a third person should look" in found.reason


def test_a_third_person_settles_it() -> None:
    found = judged(0.9)
    for one in (verdict(BROKEN, "ann", 10), verdict(WHOLE, "bob", 20), verdict(WHOLE, "cy", 30)):
        found = from_label(one, found, EVENING)
    assert (found.verdict, found.disputed) == (WHOLE, False)


def test_who_repeats_themselves_settles_nothing_and_who_changes_their_mind_disputes_nothing() -> None:
    disputed = from_label(
        verdict(WHOLE, "bob", 20), from_label(verdict(BROKEN, "ann", 10), judged(0.9), EVENING), EVENING
    )
    assert from_label(verdict(WHOLE, "bob", 30), disputed, EVENING).disputed
    alone = from_label(verdict(BROKEN, "ann", 10), judged(0.9), EVENING)
    assert not from_label(verdict(WHOLE, "ann", 20), alone, EVENING).disputed


def test_that_people_disagree_is_told_with_the_event() -> None:
    found = from_label(verdict(WHOLE, "ann", 10), judged(0.9), EVENING)
    event = decide.event_for(from_label(verdict(BROKEN, "bob", 20), found, EVENING))
    assert event is not None
    assert event.disputed


@pytest.mark.parametrize(
    ("given", "reason", "says"),
    [
        ({"defect_types": ("wet",)}, "unknown_type", "'wet' is no type of damage; there are deformation"),
        (
            {"verdict": WHOLE, "severity": r.Severity.MAJOR, "defect_types": ()},
            "contradictory_label",
            "says INTACT and also severity MAJOR",
        ),
        ({"labelled_at": EVENING + timedelta(hours=1)}, "clock_ahead", "60 min ahead: set that clock"),
    ],
)
def test_a_label_that_says_nothing_clear_is_refused(given: dict[str, Any], reason: str, says: str) -> None:
    with pytest.raises(DataFault, match=says) as caught:
        from_label(label(**given), judged(0.9), EVENING)
    assert caught.value.reason == reason


def test_what_a_person_says_it_is_corrects_product_supplier_and_price() -> None:
    is_really = Correction(
        product=product("P2", vendor_id="V2", material="paper", price_cents=9_900, unit_count=4),
        evidence=Evidence(scores=scores(0.9), probability=0.9),
        versions={"row.catalog.products": "1@7"},
    )
    known = judged(0.9)
    found = from_label(label(product_id="P2"), known, EVENING, is_really)
    assert found.product is not None
    assert (found.product_id, found.product.price_cents, found.expected_units) == ("P2", 9_900, 4)
    assert (found.outcome.vendor_id, found.outcome.product_id, found.outcome.material) == (
        "V2",
        "P2",
        "paper",
    )
    assert (found.previous, found.outcome.damaged) == (known.outcome, True)
    assert found.versions["row.catalog.products"] == "1@7"
    assert found.order_line_id == known.order_line_id  # the customer still waits for what was ordered
    assert "to be P2, not P1" in found.reason


# -- clocks -------------------------------------------------------------------------------------------------------


def test_a_picture_from_a_clock_that_is_far_ahead_is_refused() -> None:
    with pytest.raises(DataFault, match="set that clock") as caught:
        judged(0.9, subject=subject(captured_at=LATER + timedelta(minutes=16)))
    assert caught.value.reason == "clock_ahead"
    assert judged(0.9, subject=subject(captured_at=LATER + timedelta(minutes=14))).damaged


def test_a_station_down_the_chain_whose_clock_is_behind_is_believed() -> None:
    picked = judged(0.1)
    behind = NOON - timedelta(seconds=90)
    packed = again("packed", stage=r.Stage.PACK, captured_at=behind)
    assert judged(0.9, known=picked, **packed).damaged
    stowed = again("stowed", stage=r.Stage.STOW, captured_at=behind)
    assert not judged(0.9, known=picked, **stowed).damaged
    long_ago = again("long ago", stage=r.Stage.PACK, captured_at=NOON - timedelta(minutes=3))
    assert not judged(0.9, known=picked, **long_ago).damaged


def test_revisions_do_not_go_back_in_time_when_the_clock_is_set_back() -> None:
    first = judged(0.9)
    earlier = LATER - timedelta(minutes=10)
    second = decide.from_result(
        result(subject=subject(capture_id=uid("2"))), first, decide.Rows(), ALONE, earlier
    )
    assert (second.revision, second.assessed_at) == (2, first.assessed_at)


# -- impossible rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "reason", "says"),
    [
        ({"price_cents": -1}, "bad_price", "-1 cents is impossible: product P1; correct its row in catalog"),
        ({"unit_count": 0}, "bad_unit_count", "a set of 0 units is impossible"),
    ],
)
def test_impossible_facts_of_the_catalogue_are_refused(given: dict[str, Any], reason: str, says: str) -> None:
    with pytest.raises(DataFault, match=says) as caught:
        judged(0.9, product=facts(**given))
    assert caught.value.reason == reason


# -- what a look knows of the looks before -------------------------------------------------------------------------


def test_an_outcome_carries_what_earlier_looks_found() -> None:
    received = judged(0.1, **again("received", stage=r.Stage.RECEIVE))
    picked = judged(0.9, known=received, **again("picked", stage=r.Stage.PICK))
    packed = judged(0.9, known=picked, **again("packed", stage=r.Stage.PACK))
    assert [a.outcome.looks for a in (received, picked, packed)] == [1, 2, 3]
    assert (picked.outcome.earlier_damaged, picked.outcome.earlier_intact) == (None, r.Stage.RECEIVE)
    assert (packed.outcome.earlier_damaged, packed.outcome.earlier_intact) == (r.Stage.PICK, r.Stage.RECEIVE)


def test_a_verdict_corrects_the_newest_look_and_says_when_it_was_given() -> None:
    received = judged(0.1, **again("received", stage=r.Stage.RECEIVE))
    picked = judged(0.9, known=received, **again("picked", stage=r.Stage.PICK))
    found = from_label(label(verdict=WHOLE), picked, EVENING)
    assert (found.outcome.looks, found.outcome.earlier_intact) == (2, r.Stage.RECEIVE)
    assert (picked.outcome.judged_at, found.outcome.judged_at) == (LATER, EVENING)


def test_of_a_forgotten_item_nobody_knows_how_often_it_was_looked_at() -> None:
    found = decide.from_result(result(), None, decide.Rows(), ALONE, LATER, first=30_000_001)
    assert (found.revision, found.outcome.looks, found.previous) == (30_000_001, 0, None)
