from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from services.assess import words
from services.assess.tolerance import Evidence, Judgement, judge
from services.kernel import policies as rules
from services.kernel import records as r
from services.stack.world import POLICIES
from tests.samples import comparison, contents, facts, matter, scores, subject

MINOR, MAJOR = r.Severity.MINOR, r.Severity.MAJOR


def policy(policy_id: str = "p", **given: Any) -> r.Policy:
    plain = r.Policy(
        policy_id=policy_id, up_to=r.Severity.NONE, judge_at=0.5, reason=f"reason of {policy_id}"
    )
    return dataclasses.replace(plain, **given)


def seen(damaged: float = 0.9, *, comparison: r.Comparison | None = None, **types: float) -> Evidence:
    return Evidence(scores=scores(damaged, **types), probability=damaged, comparison=comparison)


def where(stage: r.Stage = r.Stage.PICK, *, gift: bool = False, **about: Any) -> rules.Context:
    return rules.Context(product=facts(**about), stage=stage, gift=gift)


def house(evidence: Evidence, context: rules.Context) -> Judgement:
    """Judged by the policies that ship."""
    return judge(evidence, context, POLICIES)


SCUFFED = seen(superficial=0.9)
CARDBOARD = {"material": "cardboard", "category": "toy"}


# -- the policies that ship ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", r.Stage)
def test_a_scuff_on_packaging_that_is_thrown_away_passes_until_somebody_orders_the_item(
    stage: r.Stage,
) -> None:
    found = house(SCUFFED, where(stage, **CARDBOARD))
    assert found.tolerated == (stage in {r.Stage.RECEIVE, r.Stage.STOW})


@pytest.mark.parametrize(
    "types",
    [
        {"spillage": 0.9},
        {"penetration": 0.9},
        {"superficial": 0.9, "spillage": 0.6},
        {"superficial": 0.9, "major": 0.9},
    ],
)
def test_what_reaches_the_product_passes_nowhere(types: dict[str, float]) -> None:
    for stage in r.Stage:
        assert not house(seen(**dict[str, Any](types)), where(stage, **CARDBOARD)).tolerated


@pytest.mark.parametrize(
    "about",
    [
        {"category": "book", "material": "cardboard"},
        {"category": "grocery", "material": "cardboard"},
        {"category": "beauty", "material": "cardboard"},
        {"category": "toy", "material": "cardboard", "hazardous": True},
    ],
    ids=["book", "food", "care", "hazardous"],
)
def test_books_food_care_and_hazardous_goods_are_judged_more_strictly(about: dict[str, Any]) -> None:
    assert not house(SCUFFED, where(r.Stage.STOW, **about)).tolerated


def test_a_gift_is_judged_more_strictly_once_it_is_picked() -> None:
    bag = {"category": "toy", "material": "plastic_loose_bag"}
    dented = seen(deformation=0.9)
    assert house(dented, where(r.Stage.PACK, **bag)).tolerated
    assert not house(dented, where(r.Stage.PACK, gift=True, **bag)).tolerated


def test_doubt_about_hazardous_goods_counts_as_damage() -> None:
    doubtful = seen(0.45, penetration=0.4)
    assert not house(doubtful, where(category="household")).damaged
    assert house(doubtful, where(category="household", hazardous=True)).damaged


def test_a_miss_costs_more_the_longer_damage_goes_undetected() -> None:
    costs = [house(SCUFFED, where(stage, **CARDBOARD)).miss_cost_cents or 0 for stage in r.Stage]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


def test_an_unknown_product_is_tolerated_nothing() -> None:
    found = judge(SCUFFED, rules.Context(product=None, stage=r.Stage.STOW), POLICIES)
    assert (found.damaged, found.tolerated, found.policy.policy_id) == (True, False, "house")


# -- foreign matter -----------------------------------------------------------------------------------------------

LIMITED = policy("clean", tolerated_types=("superficial",), up_to=MINOR, foreign_up_to=0.5)


@pytest.mark.parametrize(
    ("compared", "tolerated", "says"),
    [
        (comparison(foreign=0.5), True, ""),
        (comparison(foreign=0.51), False, "foreign 0.51 is above 0.50"),
        (None, False, "without references foreign matter cannot be ruled out"),
    ],
)
def test_damage_passes_only_while_foreign_matter_is_ruled_out(
    compared: r.Comparison | None,
    tolerated: bool,  # noqa: FBT001
    says: str,
) -> None:
    found = judge(seen(superficial=0.9, comparison=compared), where(), [LIMITED])
    assert found.tolerated is tolerated
    assert says in found.hindrance


def test_without_a_reference_that_fits_on_it_foreign_matter_is_not_ruled_out() -> None:
    empty = comparison(foreign=0.0, inliers=0)
    found = judge(seen(superficial=0.9, comparison=empty), where(), [LIMITED])
    assert not found.tolerated
    assert "no reference could be laid over it" in found.hindrance


# -- what lies beside it ------------------------------------------------------------------------------------------


def beside(
    foreignness: float | None, *, logit: float = 3.0, damaged: float = 0.9, **types: float
) -> Evidence:
    held = None if foreignness is None else contents()
    return dataclasses.replace(
        seen(damaged, **types), matter=matter(logit), contents=held, foreignness=foreignness
    )


def said(evidence: Evidence) -> str:
    product = facts(contents=contents())
    context = rules.Context(product=product, stage=r.Stage.PICK)
    return words.why(evidence, judge(evidence, context, ()), subject(), product, gift=False)


def test_its_own_contents_beside_it_are_spillage_whatever_else_is_named() -> None:
    found = judge(beside(4.0, deformation=0.8, spillage=0.1), where(), ())
    assert found.types == ("deformation", "spillage")
    assert "its own contents (powder) lie beside it, so it leaks" in said(beside(4.0))


def test_foreign_matter_is_never_named_spillage_and_is_the_totes_problem() -> None:
    found = judge(beside(40.0, deformation=0.2, spillage=0.9), where(), ())
    assert found.types == ("deformation",)
    reason = said(beside(40.0, damaged=0.1))
    assert "is not its own (it holds other contents, colour distance 40)" in reason
    assert "look into its tote" in reason


def test_matter_of_nobody_knows_whose_is_told_and_decides_nothing() -> None:
    assert judge(beside(None, spillage=0.9), where(), ()).types == ("spillage",)
    assert "whose it is the catalogue does not say" in said(beside(None))


def test_nothing_is_told_of_matter_that_is_hardly_there() -> None:
    assert "beside" not in said(beside(40.0, logit=-1.0))


# -- never --------------------------------------------------------------------------------------------------------


def test_what_one_policy_never_lets_pass_does_not_pass_whichever_decides() -> None:
    lax = policy("lax", priority=9, tolerated_types=("superficial", "spillage"), up_to=MAJOR)
    strict = policy("strict", never_types=("spillage",))
    assert judge(SCUFFED, where(), [lax, strict]).tolerated
    found = judge(seen(superficial=0.9, spillage=0.8), where(), [lax, strict])
    assert (found.tolerated, found.policy) == (False, lax)
    assert "policy 'strict' never lets spillage pass: reason of strict" in found.hindrance


def test_priority_goes_before_exactness_and_exactness_before_names() -> None:
    exact = policy("a", category="toys", material="cardboard", stages=(r.Stage.PICK,))
    first = policy("z", priority=1)
    assert rules.fitting([exact, first], where())[0] is first
    assert rules.fitting([first, exact, policy("b")], where())[1:3] == (exact, policy("b"))


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"categories": ("book", "toys")}, True),
        ({"categories": ("book",)}, False),
        ({"materials": ("paper", "cardboard")}, True),
        ({"materials": ("paper",)}, False),
        ({"hazardous": False}, True),
        ({"hazardous": True}, False),
        ({"gift": False}, True),
        ({"gift": True}, False),
        ({"stages": (r.Stage.PACK,)}, False),
    ],
)
def test_a_policy_holds_where_it_says(given: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    assert rules.fits(policy(**given), where()) is fits


def test_of_an_unknown_product_nothing_is_known_so_only_policies_for_all_products_fit() -> None:
    unknown = rules.Context(product=None, stage=r.Stage.PICK)
    for given in ({"category": "toys"}, {"materials": ("paper",)}, {"hazardous": False}):
        assert not rules.fits(policy(**given), unknown)
    assert rules.fits(policy(stages=(r.Stage.PICK,)), unknown)


# -- broken sets --------------------------------------------------------------------------------------------------


def test_a_set_that_lacks_units_is_incomplete_and_else_undamaged() -> None:
    found = judge(seen(missing_unit=0.8), where(unit_count=4), [])
    assert (found.damaged, found.incomplete, found.types) == (True, True, ("missing_unit",))


def test_what_is_sold_alone_cannot_lack_units() -> None:
    found = judge(seen(missing_unit=0.9, superficial=0.2), where(unit_count=1), [])
    assert (found.incomplete, found.types) == (False, ("superficial",))


def test_a_set_can_be_damaged_and_incomplete() -> None:
    found = judge(seen(missing_unit=0.8, penetration=0.9), where(unit_count=2), [])
    assert (found.incomplete, found.types) == (True, ("penetration", "missing_unit"))


def test_the_policy_says_from_where_on_units_are_missing() -> None:
    for at, incomplete in ((0.3, True), (0.5, False)):
        found = judge(
            seen(missing_unit=0.4, superficial=0.1), where(unit_count=4), [policy(incomplete_at=at)]
        )
        assert found.incomplete is incomplete
        assert ("missing_unit" in found.types) is incomplete


def test_a_reference_of_the_same_print_sees_units_missing_where_the_classifier_does_not() -> None:
    lacking = comparison(missing=0.9)
    found = judge(seen(missing_unit=0.1, superficial=0.2, comparison=lacking), where(unit_count=4), [])
    assert (found.incomplete, found.types) == (True, ("missing_unit",))
    assert not judge(seen(comparison=lacking), where(unit_count=1), []).incomplete


@pytest.mark.parametrize(
    "given", [{"mismatch_logit": 0.1}, {"mismatch_logit": None}, {"missing_logit": None}]
)
def test_another_print_or_one_that_could_not_be_laid_over_it_says_nothing_about_units(
    given: dict[str, Any],
) -> None:
    unlike = comparison(missing=0.9, **given)
    assert not judge(seen(missing_unit=0.1, comparison=unlike), where(unit_count=4), []).incomplete


def test_an_incomplete_set_is_never_tolerated() -> None:
    lax = policy(tolerated_types=("missing_unit", "superficial"), up_to=MAJOR)
    assert not judge(seen(missing_unit=0.8), where(unit_count=4), [lax]).tolerated


# -- in words -----------------------------------------------------------------------------------------------------


def test_every_judgement_says_in_one_sentence_why() -> None:
    cases = [
        (seen(missing_unit=0.81), where(r.Stage.PACK, unit_count=4), "missing from a set of 4 (chance 0.81)"),
        (SCUFFED, where(r.Stage.STOW, **CARDBOARD), "tolerated: scuffs on cardboard are no harm"),
        (SCUFFED, where(r.Stage.RECEIVE, category="book"), "it is the supplier's to answer for"),
        (
            SCUFFED,
            where(r.Stage.PACK, category="book"),
            "promised to a customer; a miss here would cost about 5.00",
        ),
        (seen(0.1), where(), "is below the 0.50 of policy 'house' version 1"),
    ]
    for evidence, context, says in cases:
        made = house(evidence, context)
        said = words.why(evidence, made, subject(stage=context.stage), context.product, gift=context.gift)
        assert says in said
        assert said.endswith(".")
        assert ". " not in said
        assert "a person should look" not in said
