"""The bets are fair to a threshold that breaks its budget, and soon won against one that keeps it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from services.calibrate import evidence as e
from services.kernel import records as r
from services.kernel.wire import decode, encode
from tests.calibrate.makers import belt, f32, labelled, odds

BUDGET = 0.05
ODD = float(
    e.GRID[np.searchsorted(e.GRID, f32(0.95), "right") - 1]
)  # the highest candidate that 0.95 reaches


def of(outcomes: list[r.LabelledOutcome], budget: float = BUDGET) -> e.Evidence:
    found = e.Evidence(budget)
    for each in outcomes:
        found.add(each)
    return found


def by_hand(
    outcomes: list[r.LabelledOutcome], candidate: float, reach: float, budget: float = BUDGET
) -> float:
    """log K, factor by factor, as the definition has it."""
    capital = 0.0
    for bet, stake in zip(e.BETS, e.STAKES, strict=True):
        product = float(stake)
        for each in outcomes:
            assert each.labelling is not None
            z = each.weight * (not each.damaged) * ((each.labelling.score >= candidate) - budget)
            product *= 1 - float(bet) * reach * z
        capital += product
    return math.log(capital)


def test_capital_is_the_product_of_the_bets() -> None:
    outcomes = [labelled(s, damaged=d) for s, d in ((0.95, False), (0.7, False), (0.1, False), (0.99, True))]
    found = of(outcomes).capital()
    for candidate, reach in ((0.99, 1.0), (0.92, 1.0), (0.8, 0.25), (0.65, 0.25), (0.3, 0.0625)):
        number = int(np.searchsorted(e.GRID, candidate))
        wanted = by_hand(outcomes, float(e.GRID[number]), reach)
        assert found[number] == pytest.approx(wanted, abs=1e-9)


def test_stakes_are_one_and_no_bet_can_lose_more_than_it_has() -> None:
    assert e.STAKES.sum() == pytest.approx(1.0)
    assert (e.BETS < 1).all()
    worst = of([labelled(0.95, candidate_rate=0.25)] * 200)
    assert np.isfinite(worst.capital()).all()


def test_candidates_are_numbers_that_events_carry() -> None:
    assert (e.GRID.astype(np.float32).astype(np.float64) == e.GRID).all()
    assert (np.diff(e.GRID) > 0).all()
    assert e.GRID[-1] == 1.0
    candidate = float(e.GRID[300])
    assert decode(r.Labelling, encode(odds(candidate))).score == candidate


# -- labels come late, twice, corrected ---------------------------------------------------------------------------


def test_order_does_not_matter_and_a_label_is_taken_back_without_trace() -> None:
    rng = np.random.default_rng(5)
    outcomes = belt(2_000, rng, share=0.03)
    one, other = of(outcomes), of([outcomes[n] for n in rng.permutation(len(outcomes))])
    assert one.capital() == pytest.approx(other.capital(), abs=1e-6)
    other.add(labelled(0.99))
    other.add(labelled(0.99), -1)
    assert one.capital() == pytest.approx(other.capital(), abs=1e-6)
    assert (one.intact, one.weight) == (other.intact, pytest.approx(other.weight))


def test_damaged_items_tell_nothing_about_wrong_sidelining() -> None:
    found = of([labelled(0.95, damaged=True)] * 500)
    assert found.lowest_safe() is None
    assert (found.intact, found.weight) == (0, 0.0)
    assert found.labels == 500


# -- how many labels it takes -------------------------------------------------------------------------------------


def needed(each: r.LabelledOutcome, budget: float) -> int:
    """Labels like this one after which something is shown."""
    found = e.Evidence(budget)
    while found.lowest_safe() is None:
        found.add(each)
    return found.intact


def test_the_labour_is_that_of_the_textbook() -> None:
    assert e.labels_needed(0.001) == 2_996
    assert e.labels_needed(0.01) == 300
    assert e.labels_needed(0.01, alpha=0.01) == 461


@pytest.mark.parametrize("budget", [0.05, 0.01])
def test_evenly_drawn_labels_suffice_in_about_that_number(budget: float) -> None:
    even = labelled(0.1, border=None, candidate_rate=0.0625)  # everything is drawn at the same rate
    count = needed(even, budget)
    assert 1.0 <= count / e.labels_needed(budget) <= 1.6  # the mixture costs what the best single bet saves


def test_to_confirm_the_threshold_in_force_is_cheap_since_all_above_it_is_seen() -> None:
    budget = 0.01
    assert needed(labelled(0.1), budget) * 16 <= 1.8 * e.labels_needed(
        budget
    )  # each stands for 16 decided items


def test_without_a_sample_nothing_is_ever_shown_about_what_is_sidelined() -> None:
    outcomes = [labelled(0.95, border=None, sample_rate=0.0)] * 1_000
    shown = of(outcomes).lowest_safe()
    assert shown is not None
    assert shown > 0.95  # of what is sidelined much is lower: that much they do show


# -- which threshold is safe --------------------------------------------------------------------------------------


def test_the_lowest_safe_candidate_lies_just_above_what_there_is_too_much_of() -> None:
    rng = np.random.default_rng(7)
    found = of(belt(4_000, rng, share=0.2)).lowest_safe()
    assert found == e.GRID[np.searchsorted(e.GRID, ODD) + 1]
    rare = of(belt(4_000, rng, share=0.02)).lowest_safe()
    assert rare is not None
    assert rare < 0.5


def test_an_unsafe_candidate_ends_the_sequence_whatever_lies_below_it() -> None:
    found = of([labelled(0.1)] * 100 + [labelled(1.0)] * 100)
    assert found.lowest_safe() is None


def test_shares_are_those_of_the_items_that_labels_stand_for() -> None:
    found = of([labelled(0.95), labelled(0.7), labelled(0.1)])  # 1, 4 and 16 items
    assert found.share(float(e.GRID[np.searchsorted(e.GRID, 0.9)])) == pytest.approx(1 / 21)
    assert found.share(float(e.GRID[np.searchsorted(e.GRID, 0.5)])) == pytest.approx(5 / 21)
    assert found.above(float(e.GRID[np.searchsorted(e.GRID, 0.5)])) == 2
    assert 0.7 < found.lowest_with_share(1 / 21) < 0.72
    assert 0.95 < found.lowest_with_share(0.0) < 0.96


# -- the promise ---------------------------------------------------------------------------------------------------


def steps(rng: np.random.Generator, runs: int, items: int, rate: float) -> e.Floats:
    """What each item adds to the log of each bet, where exactly the budget scores 0.95 and the rest 0.1."""
    high = rng.random((runs, items)) < BUDGET
    seen = rng.random((runs, items)) < np.where(high, rate, 0.0625)
    z = seen / np.where(high, rate, 0.0625) * (high - BUDGET)
    moved: e.Floats = np.log1p(-e.BETS * rate * z[..., None])
    return moved


@pytest.mark.parametrize("candidate_rate", [1.0, 0.25])
def test_whoever_looks_at_every_label_is_wrong_no_more_often_than_said(candidate_rate: float) -> None:
    """Exactly the budget lies above: whenever that candidate is taken for safe, it is an error."""
    runs = 400
    moved = steps(np.random.default_rng(11), runs, 2_000, candidate_rate)
    capital = np.logaddexp.reduce(moved.cumsum(axis=1) + np.log(e.STAKES), axis=2)
    wrong = (capital.max(axis=1) >= math.log(1 / e.ALPHA)).mean()
    assert wrong <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("candidate_rate", [1.0, 0.25])
def test_on_average_the_stake_is_never_more_than_kept(candidate_rate: float) -> None:
    """The same for what the class computes, from real outcomes: E[K] = 1 where exactly the budget lies above."""
    rng = np.random.default_rng(13)
    number = int(np.searchsorted(e.GRID, ODD))
    found = [
        of(belt(40, rng, share=BUDGET, candidate_rate=candidate_rate)).capital()[number] for _ in range(400)
    ]
    capital = np.exp(np.array(found))
    assert capital.mean() <= 1 + 3 * capital.std() / math.sqrt(len(capital))
    assert capital.mean() > 0.7  # and nothing is given away: the game is fair


def test_a_bound_taken_anew_at_each_look_would_be_wrong_far_more_often() -> None:
    """Why the Wilson bound had to go: the same belts, the same looks."""
    rng = np.random.default_rng(11)
    wrong, runs = 0, 100
    for _ in range(runs):
        high = np.cumsum(rng.random(3_000) < BUDGET)
        n = np.arange(1, 3_001)
        share, z2 = high / n, 1.644854**2
        half = 1.644854 * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        wrong += bool((((share + z2 / (2 * n)) + half) / (1 + z2 / n) <= BUDGET).any())
    assert wrong / runs > 0.2


# -- the bound ----------------------------------------------------------------------------------------------------


def test_the_bound_is_the_least_budget_that_the_same_bets_show() -> None:
    outcomes = belt(6_000, np.random.default_rng(3), share=0.02)
    upper = e.upper_bound(outcomes, ODD)
    number = int(np.searchsorted(e.GRID, ODD))
    assert 0.02 < upper < 0.04
    assert of(outcomes, upper).capital()[number] >= math.log(1 / e.ALPHA) - 1e-6
    assert of(outcomes, upper / 1.02).capital()[number] < math.log(1 / e.ALPHA)


def test_the_bound_is_one_without_labels_and_closes_in_with_them() -> None:
    assert e.upper_bound([], ODD) == 1.0
    assert e.upper_bound([labelled(0.95)] * 5, ODD) == 1.0
    rng = np.random.default_rng(4)
    bounds = [e.upper_bound(belt(n, rng, share=0.02), ODD) for n in (500, 4_000, 32_000)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == pytest.approx(0.02, rel=0.25)


def test_a_candidate_below_the_border_is_judged_by_the_rarest_labels_above_it() -> None:
    outcomes = [replace(x) for x in belt(4_000, np.random.default_rng(8), share=0.01)]
    assert e.upper_bound(outcomes, 0.3) > e.upper_bound(outcomes, 0.92)
