from __future__ import annotations

import itertools
from typing import Any

import pytest

from services.dispose import decide
from services.kernel import records as r
from tests.samples import NOON, command, facts

D = r.DispositionAction
A = r.SidelineAction
MINOR, MAJOR = r.Severity.MINOR, r.Severity.MAJOR


def disposed(*types: str, **given: Any) -> r.Disposition:
    """What is done with a damaged item; catalogue facts and fields of the command are given by name."""
    about = {k: v for k, v in given.items() if k in {"category", "price_cents", "hazardous"}}
    rest = {k: v for k, v in given.items() if k not in about}
    return decide.disposition(command(**{"product": facts(**about), "defect_types": types, **rest}), NOON)


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


def test_a_broken_set_is_completed() -> None:
    assert disposed("missing_unit", severity=MINOR).action is D.REFURBISH


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
