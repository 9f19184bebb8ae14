from __future__ import annotations

import math
from random import Random

import pytest

from services.vendors.estimate import (
    BASE_RATE,
    HEAVIEST,
    LIGHTEST,
    USUAL,
    Group,
    Prior,
    intervals,
    prior,
    probability_greater,
    weight,
)


def group(*products: tuple[int, int]) -> Group:
    """A category of products with (items, damaged)."""
    made = Group()
    for items, damaged in products:
        made.change(items, damaged, 1)
    return made


# -- intervals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("b", [1.0, 30.0, 1e3, 1e6])
def test_intervals_are_those_of_a_minimum(b: float) -> None:
    """Beta(1, b) is the smallest of b uniform numbers: its quantile u is 1 - (1 - u)^(1/b)."""
    ((low, high),) = intervals([(1.0, b)])
    assert low == pytest.approx(-math.expm1(math.log1p(-0.025) / b), rel=0.01)
    assert high == pytest.approx(-math.expm1(math.log1p(-0.975) / b), rel=0.01)


@pytest.mark.parametrize("a", [0.2, 1.0, 7.0, 500.0])
def test_intervals_are_those_of_a_maximum(a: float) -> None:
    ((low, high),) = intervals([(a, 1.0)])
    assert (low, high) == pytest.approx((0.025 ** (1 / a), 0.975 ** (1 / a)), rel=0.01)


@pytest.mark.parametrize(("a", "b"), [(3, 40), (12, 12), (2, 3000)])
def test_intervals_leave_a_fortieth_on_each_side_by_the_binomial(a: int, b: int) -> None:
    """P(Beta(a, b) <= x) is the chance of at least a successes in a + b - 1 trials."""
    ((low, high),) = intervals([(a, b)])
    n = a + b - 1

    def below(x: float) -> float:
        return 1 - sum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a))

    assert (below(low), below(high)) == pytest.approx((0.025, 0.975), abs=1e-3)


def test_no_shapes_have_no_intervals_and_huge_ones_stay_finite() -> None:
    assert intervals([]).shape == (0, 2)
    for low, high in intervals([(1e-4, 1e3), (1e8, 1e9), (1e3, 1e-4)]):
        assert 0 <= low <= high <= 1


@pytest.mark.parametrize(
    ("one", "other"),
    [((2.0, 1000.0), (1.0, 1000.0)), ((0.2, 199.0), (3.0, 400.0)), ((1e4, 1e6), (1.01e4, 1e6))],
)
def test_the_chance_to_be_greater_is_that_of_draws(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    random = Random(1)  # noqa: S311
    draws = 20_000
    share = sum(random.betavariate(*one) > random.betavariate(*other) for _ in range(draws)) / draws
    assert probability_greater(one, other) == pytest.approx(share, abs=0.012)
    assert probability_greater(one, other) + probability_greater(other, one) == pytest.approx(1, abs=1e-3)


# -- the prior ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("true", [150.0, 800.0])
def test_the_weight_is_found_again_from_products_that_differ_that_much(true: float) -> None:
    random = Random(int(true))  # noqa: S311
    made = Group()
    for _ in range(600):
        share = random.betavariate(0.02 * true, 0.98 * true)
        items = random.randrange(50, 600)
        made.change(items, sum(random.random() < share for _ in range(items)), 1)
    assert weight(made) == pytest.approx(true, rel=0.35)


def test_products_that_are_all_alike_are_believed_to_be() -> None:
    assert weight(group(*[(1000, 10)] * 20)) == HEAVIEST


def test_products_that_have_nothing_in_common_are_taken_each_by_itself() -> None:
    assert weight(group(*[(100, 100), (100, 0)] * 20)) == LIGHTEST


@pytest.mark.parametrize("seen", [[], [(500, 20)] * 4, [(500, 1)] * 9, [(3, 3)] * 9])
def test_too_little_seen_means_the_usual_weight(seen: list[tuple[int, int]]) -> None:
    assert weight(group(*seen)) == USUAL


def test_before_anything_was_seen_the_base_rate_holds() -> None:
    assert prior(Group(), Group()).mean == pytest.approx(BASE_RATE)


def test_a_small_category_borrows_from_its_stage_and_a_large_one_does_not() -> None:
    stage = group((100_000, 1_000))
    assert prior(group((10, 5)), stage).mean == pytest.approx(0.0148, abs=1e-3)
    assert prior(group((50_000, 100)), stage).mean == pytest.approx(0.0022, abs=1e-4)


def test_changes_of_a_group_are_taken_back_exactly() -> None:
    made = group((100, 3), (50, 1))
    made.change(100, 3, -1)
    made.change(130, 4, 1)
    assert (made.products, made.items, made.damaged, made.squares) == (2, 180, 5, 130.0**2 + 50.0**2)


def test_few_items_make_no_scandal() -> None:
    """1 of 3 and 2 of 5 damaged, at 1 in 1000: the interval still holds the category's share; 8 of 40 stand out."""
    usual = Prior(mean=1e-3, weight=USUAL)
    lows = [intervals([usual.shape(d, n)])[0][0] for d, n in ((1, 3), (2, 5), (8, 40))]
    assert [low > usual.mean for low in lows] == [False, False, True]


def test_of_2000_ordinary_small_products_few_stand_out() -> None:
    """A raw interval calls out each with one damaged item; shrunk to the category, at most the stated 2.5 %."""
    random = Random(9)  # noqa: S311
    counts = [
        (sum(random.random() < 1e-3 for _ in range(n)), n)
        for n in (random.randrange(1, 60) for _ in range(2000))
    ]
    usual = Prior(mean=1e-3, weight=USUAL)
    found = intervals([usual.shape(d, n) for d, n in counts])
    assert sum(d > 0 for d, _ in counts) > 30
    assert sum(low > usual.mean for low, _ in found) <= 2


def test_counts_below_zero_do_not_break_the_estimate() -> None:
    assert Prior(mean=0.01, weight=100.0).shape(-1, -2) == pytest.approx((1.0, 99.0))
