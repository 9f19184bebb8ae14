from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest

from services.dispose import decide
from services.kernel import records as r
from services.kernel.faults import DataFault
from tests.samples import NOON, command, facts

D = r.DispositionAction
A = r.SidelineAction
MINOR, MAJOR = r.Severity.MINOR, r.Severity.MAJOR


def disposed(*types: str, **given: Any) -> r.Disposition:
    """What is done with a damaged item; catalogue facts and fields of the command are given by name."""
    about = {k: v for k, v in given.items() if k in {"category", "price_cents", "hazardous", "unit_count"}}
    known, policies = given.get("known"), given.get("policies", ())
    rest = {k: v for k, v in given.items() if k not in {*about, "known", "policies"}}
    told = command(**{"product": facts(**{"category": "toy", **about}), "defect_types": types, **rest})
    return decide.disposition(told, known, policies, NOON)


@pytest.mark.parametrize(
    "types", [("penetration",), ("spillage",), ("actuation",), ("superficial", "spillage")]
)
@pytest.mark.parametrize("category", sorted(decide.CONSUMABLE))
def test_food_and_care_with_a_breached_pack_are_never_sold_or_given_away(
    types: tuple[str, ...], category: str
) -> None:
    for severity, price, stage in itertools.product([MINOR, MAJOR], [1, 499, 2_000, 90_000], r.Stage):
        found = disposed(*types, category=category, price_cents=price, severity=severity, stage=stage)
        assert found.action is D.DISPOSE
        assert (found.price_cents, found.discount_percent) == (None, 0)


@pytest.mark.parametrize("stage", r.Stage)
def test_hazardous_goods_that_leak_go_nowhere_else(stage: r.Stage) -> None:
    found = disposed("spillage", hazardous=True, price_cents=90_000, stage=stage)
    assert found.action is D.DISPOSE
    assert "safety procedure" in found.reason


def test_hazardous_goods_are_never_donated() -> None:
    assert disposed("deformation", hazardous=True, price_cents=100).action is D.DISPOSE


def test_food_is_never_donated_damaged() -> None:
    assert disposed("deformation", category="grocery", price_cents=100).action is D.DISPOSE


def test_an_item_that_a_person_found_intact_is_sold_as_it_is() -> None:
    found = disposed(action=A.RELEASE, damaged=False, price_cents=2_000)
    assert (found.action, found.price_cents, found.discount_percent) == (D.RESELL, 2_000, 0)


@pytest.mark.parametrize(
    "given", [{"action": A.SAMPLE}, {"damaged": False}, {"product": None, "product_id": None}]
)
def test_a_person_looks_first_at_what_nobody_is_sure_of(given: dict[str, Any]) -> None:
    assert disposed("spillage", **given).action is D.INSPECT


def test_what_arrives_damaged_is_the_suppliers() -> None:
    assert disposed("deformation", stage=r.Stage.RECEIVE).action is D.RETURN_TO_VENDOR
    assert disposed("deformation", stage=r.Stage.STOW).action is not D.RETURN_TO_VENDOR


def test_what_is_worth_less_than_its_way_back_is_not_sent_back() -> None:
    assert disposed("deformation", stage=r.Stage.RECEIVE, price_cents=999).action is not D.RETURN_TO_VENDOR


@pytest.mark.parametrize("severity", [MINOR, MAJOR])
@pytest.mark.parametrize("price", [100, 2_000, 90_000])
def test_a_broken_set_is_completed_and_not_sold_off_as_damaged(severity: r.Severity, price: int) -> None:
    found = disposed("missing_unit", severity=severity, unit_count=4, price_cents=price)
    assert (found.action, found.task, found.price_cents) == (D.REFURBISH, "complete_set", None)
    assert "of 4 units" in found.reason


def test_a_set_that_arrives_incomplete_is_claimed_from_the_supplier_whatever_it_costs() -> None:
    found = disposed("missing_unit", stage=r.Stage.RECEIVE, unit_count=4, price_cents=100)
    assert (found.action, found.task) == (D.RETURN_TO_VENDOR, "claim_missing_units")


@pytest.mark.parametrize("also", [(), ("superficial",), ("deformation", "penetration"), ("spillage",)])
def test_a_set_that_lacks_units_is_never_sold_as_damaged_goods(also: tuple[str, ...]) -> None:
    cheap = sale("everything", {"MINOR": 10, "MAJOR": 20}, priority=99)
    for severity, price, stage, category in itertools.product(
        [MINOR, MAJOR], [0, 499, 2_000, 90_000], r.Stage, sorted(decide.CATEGORIES)
    ):
        found = disposed(
            *also, "missing_unit", unit_count=6, severity=severity, price_cents=price, stage=stage,
            category=category, policies=[cheap],
        )  # fmt: skip
        assert found.action not in {D.DISCOUNT, D.RESELL}
        if not also:
            way = (D.RETURN_TO_VENDOR, "claim_missing_units")
            assert (found.action, found.task) == (
                way if stage is r.Stage.RECEIVE else (D.REFURBISH, "complete_set")
            )


def test_what_a_person_finds_incomplete_is_completed_whatever_the_catalogue_counts() -> None:
    found = disposed("missing_unit", verdict=r.Verdict.DAMAGED, unit_count=1)
    assert (found.action, found.confirmed) == (D.REFURBISH, True)
    assert found.reason == "Units are missing from the set: complete it from stock, then sell it as new."


def test_a_set_that_is_damaged_too_is_not_sold_under_its_title() -> None:
    for price in (600, 4_999, 5_000):
        assert (
            disposed("superficial", "missing_unit", severity=MINOR, price_cents=price).action
            is not D.DISCOUNT
        )
    assert disposed("superficial", "missing_unit", price_cents=5_000).task == "repair_and_complete_set"


def test_an_incomplete_pack_of_food_that_leaks_is_food_that_leaks() -> None:
    assert disposed("missing_unit", "spillage", category="grocery", unit_count=4).action is D.DISPOSE


def test_no_rule_is_guessed_for_a_category_that_none_knows() -> None:
    for types, price in (("deformation", 100), ("superficial", 2_000), ("spillage", 90_000)):
        found = disposed(types, category="pets", severity=MINOR, price_cents=price)
        assert (found.action, found.task) == (D.INSPECT, "look")
        assert "'pets'" in found.reason


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(DataFault, match=r"costs -1 cents; correct its row in catalog\.products") as caught:
        disposed("superficial", price_cents=-1)
    assert caught.value.reason == "bad_price"


def test_nothing_goes_back_to_stock_under_another_products_barcode() -> None:
    wrong = {"barcode_check": r.BarcodeCheck.WRONG, "product_id": "P2", "price_cents": 2_000}
    back = disposed(action=A.RELEASE, damaged=False, **wrong)
    assert (back.action, back.task, back.price_cents) == (D.RESELL, "relabel", 2_000)
    assert "relabel it as P2 first" in back.reason
    sold = disposed("superficial", severity=MINOR, **wrong)
    assert (sold.action, sold.task) == (D.DISCOUNT, "relabel")
    assert disposed("spillage", category="grocery", barcode_check=r.BarcodeCheck.WRONG).task == "food_waste"
    assert disposed(action=A.RELEASE, damaged=False).task == ""


# -- the discount is a rule ---------------------------------------------------------------------------------------


def sale(policy_id: str, percent: dict[str, int], **given: Any) -> r.Policy:
    plain = r.Policy(
        policy_id=policy_id,
        version=4,
        up_to=r.Severity.NONE,
        judge_at=0.5,
        reason="so",
        discount_percent=percent,
    )
    return dataclasses.replace(plain, **given)


def test_the_discount_is_that_of_the_policy_which_is_recorded_with_its_version() -> None:
    rules = [sale("all", {"MINOR": 30}), sale("toys", {"MINOR": 25, "MAJOR": 70}, category="toy")]
    minor = disposed("superficial", severity=MINOR, price_cents=1_000, policies=rules)
    assert (minor.discount_percent, minor.price_cents) == (25, 750)
    assert (minor.policy_id, minor.policy_version) == ("toys", 4)
    assert "25 % off, by policy 'toys' version 4" in minor.reason
    major = disposed("deformation", severity=MAJOR, price_cents=1_000, policies=rules)
    assert (major.action, major.price_cents) == (D.DISCOUNT, 300)


def test_what_the_policy_does_not_name_is_not_sold_damaged() -> None:
    rules = [sale("all", {"MINOR": 30}), sale("toys", {"MAJOR": 70}, category="toy")]
    assert disposed("superficial", severity=MINOR, policies=rules).action is D.DONATE


def test_no_discount_sells_breached_food_or_leaking_hazards() -> None:
    rules = [sale("all", {"MINOR": 30, "MAJOR": 60}, priority=99)]
    for given in ({"category": "grocery"}, {"category": "beauty"}, {"hazardous": True}):
        assert disposed("spillage", severity=MINOR, policies=rules, **given).action is D.DISPOSE


# -- revisions ----------------------------------------------------------------------------------------------------


def test_an_item_that_never_left_the_belt_is_not_disposed_of_when_it_is_released() -> None:
    assert not decide.concerns(command(action=A.RELEASE, revision=2), None)


def test_older_revisions_and_repeats_say_nothing_new() -> None:
    known = disposed(revision=2)
    assert not decide.concerns(command(revision=1), known)
    assert not decide.concerns(command(revision=2), known)
    assert decide.concerns(command(revision=3), known)
    assert decide.concerns(command(action=A.RELEASE, revision=3), known)


def test_a_persons_verdict_routes_the_item_elsewhere_and_says_from_where() -> None:
    known = disposed("spillage", category="grocery")
    assert (known.action, known.confirmed) == (D.DISPOSE, False)
    found = disposed(
        "superficial", category="grocery", severity=MINOR, revision=2, verdict=r.Verdict.DAMAGED, known=known
    )
    assert (found.action, found.confirmed, found.previous_action) == (D.DISCOUNT, True, D.DISPOSE)
    assert "Before, in revision 1, it was to dispose." in found.reason


def test_minor_damage_is_sold_at_a_discount() -> None:
    found = disposed("superficial", severity=MINOR, price_cents=1_999)
    assert (found.action, found.discount_percent, found.price_cents) == (D.DISCOUNT, 30, 1_399)


@pytest.mark.parametrize(
    ("price", "action"), [(5_000, D.REFURBISH), (4_999, D.DONATE), (0, D.DONATE)]
)  # fmt: skip
def test_major_damage_is_repaired_if_that_pays_and_else_given_away(
    price: int, action: r.DispositionAction
) -> None:
    found = disposed("deformation", price_cents=price)
    assert (found.action, found.price_cents) == (action, None)


def test_an_item_has_one_disposition_per_revision() -> None:
    assert disposed().disposition_id == disposed("spillage").disposition_id
    assert disposed(revision=2).disposition_id != disposed().disposition_id


@pytest.mark.parametrize("action", [A.SIDELINE, A.SAMPLE, A.RELEASE])
def test_every_disposition_says_why(action: r.SidelineAction) -> None:
    assert disposed(action=action).reason.endswith(".")
