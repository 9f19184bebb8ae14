"""The scores agree with their definitions, written out threshold by threshold and pair by pair."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from triton_models import metrics as m
from triton_models.cuts import auroc_of, average_precision_of, cuts, intervals
from triton_models.cuts import recall_at_fpr_of as recall_within

Draw = tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.bool_]]]


def drawn(seed: int, rows: int = 60, step: float = 0.1) -> Draw:
    """Scores with many ties, about a third damaged."""
    rng = np.random.default_rng(seed)
    damaged = rng.random(rows) < 0.35
    scores = np.clip(np.round((rng.random(rows) + 0.3 * damaged) / 1.3 / step) * step, 0, 1)
    return scores, damaged


def thresholds(scores: Any, damaged: Any) -> list[tuple[int, int]]:
    """(found, falsely called) with everything at or above each score, highest first."""
    levels = sorted(set(scores.tolist()), reverse=True)
    pairs = list(zip(scores.tolist(), damaged.tolist(), strict=True))
    return [
        (sum(hit and s >= level for s, hit in pairs), sum(not hit and s >= level for s, hit in pairs))
        for level in levels
    ]


SEEDS = pytest.mark.parametrize("seed", range(8))


@SEEDS
def test_average_precision_sums_precision_times_gained_recall(seed: int) -> None:
    scores, damaged = drawn(seed)
    total, before = 0.0, 0
    for found, wrong in thresholds(scores, damaged):
        total += (found - before) / damaged.sum() * found / (found + wrong)
        before = found
    assert m.average_precision(scores, damaged) == pytest.approx(total)


def test_average_precision_does_not_depend_on_the_order_of_equal_scores() -> None:
    damaged = np.array([True, False, False, True])
    assert m.average_precision(np.zeros(4), damaged) == pytest.approx(0.5)
    assert m.average_precision(np.zeros(4), damaged[::-1]) == pytest.approx(0.5)


@SEEDS
def test_auroc_counts_pairs_and_ties_by_half(seed: int) -> None:
    scores, damaged = drawn(seed)
    pairs = [(a > b) + (a == b) / 2 for a in scores[damaged] for b in scores[~damaged]]
    assert m.auroc(scores, damaged) == pytest.approx(np.mean(pairs))


@SEEDS
@pytest.mark.parametrize("bound", [0.05, 0.2, 0.5, 0.7])
def test_recalls_are_the_best_of_all_thresholds_that_are_allowed(seed: int, bound: float) -> None:
    scores, damaged = drawn(seed)
    steps = thresholds(scores, damaged)
    intact = int((~damaged).sum())
    precise = [found for found, wrong in steps if found / (found + wrong) >= bound]
    clean = [found for found, wrong in steps if wrong / intact <= bound]
    assert m.recall_at_precision(scores, damaged, bound) == pytest.approx(
        max(precise, default=0) / damaged.sum()
    )
    assert m.recall_at_fpr(scores, damaged, bound) == pytest.approx(max(clean, default=0) / damaged.sum())


def test_major_damage_is_ranked_against_the_intact_alone() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.1])
    damaged = np.array([True, True, False, False])
    major = np.array([False, True, False, False])
    assert m.average_precision(scores, major) == pytest.approx(0.5)
    assert m.ap_major(scores, damaged, major) == pytest.approx(1.0)


def test_without_any_damaged_or_intact_row_nothing_is_defined() -> None:
    scores = np.array([0.2, 0.4])
    assert np.isnan(m.average_precision(scores, np.zeros(2, bool)))
    assert np.isnan(m.auroc(scores, np.ones(2, bool)))
    assert np.isnan(m.headline(scores, np.zeros(2, bool), np.zeros(2, bool), resamples=5)["ap_any"]).all()
    assert np.isnan(m.headline(np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))["ap_any"]).all()


@SEEDS
def test_a_weight_counts_like_so_many_copies_of_the_row(seed: int) -> None:
    scores, damaged = drawn(seed)
    weights = np.random.default_rng(seed).integers(0, 4, len(scores))
    copies = np.repeat(np.arange(len(scores)), weights)
    weighted = cuts(scores, damaged, weights.astype(float)[None])
    for measure, plain in (
        (average_precision_of, m.average_precision),
        (auroc_of, m.auroc),
        (recall_within(0.2), lambda s, d: m.recall_at_fpr(s, d, 0.2)),
    ):
        assert measure(weighted)[0] == pytest.approx(plain(scores[copies], damaged[copies]))


def test_whole_designs_are_drawn_so_that_intervals_do_not_feign_independence() -> None:
    rng = np.random.default_rng(3)
    design = np.repeat(np.arange(40), 25)
    lift = rng.normal(size=40)[design]
    damaged = rng.random(1000) < 0.3
    scores = damaged + lift + rng.normal(0, 0.3, 1000)
    value, low, high = m.headline(scores, damaged, damaged, groups=design, resamples=400)["auroc"]
    _, narrow, wide = m.headline(scores, damaged, damaged, resamples=400)["auroc"]
    assert low < value < high
    assert high - low > 1.5 * (wide - narrow)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = 0.760  # of two normal distributions one deviation apart
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        damaged = np.arange(300) < 100
        found = intervals(rng.normal(size=300) + damaged, damaged, {"auroc": auroc_of}, resamples=200)
        covered += found["auroc"][0] <= truth <= found["auroc"][1]
    assert 51 <= covered <= 60


def test_intervals_repeat_themselves_by_seed_and_are_quick() -> None:
    scores, damaged = drawn(1, rows=3000, step=0.001)
    design = np.arange(3000) % 96
    started = time.process_time()
    found = m.headline(scores, damaged, damaged, groups=design)
    assert time.process_time() - started < 3
    assert found == m.headline(scores, damaged, damaged, groups=design)


def test_the_threshold_lets_through_no_more_than_the_rate_of_intact_ones() -> None:
    scores = np.append(np.arange(200) / 200, np.ones(7))
    damaged = np.append(np.zeros(200, bool), np.ones(7, bool))
    assert (scores[~damaged] > m.threshold_at_fpr(scores, damaged, 0.01)).sum() == 2
    with pytest.raises(ValueError, match="needs intact rows"):
        m.threshold_at_fpr(np.ones(3), np.ones(3, bool), 0.01)


def test_a_shift_of_the_prior_multiplies_the_odds() -> None:
    p = np.array([0.0, 0.5, 2 / 3, 1.0])
    assert m.shifted(p, 2 / 3, 0.5) == pytest.approx([0.0, 1 / 3, 0.5, 1.0])
    assert m.shifted(m.shifted(p, 0.6, 0.001), 0.001, 0.6) == pytest.approx(p)
    with pytest.raises(ValueError, match="between 0 and 1"):
        m.shifted(p, 0.0, 0.5)


def test_calibration_error_is_the_mean_gap_over_bins_of_equal_mass() -> None:
    p = np.array([0.1, 0.1, 0.3, 0.3, 0.8, 0.8, 0.8, 0.9])
    damaged = np.array([False, False, True, False, True, True, False, True])
    # four bins of two by hand; the three equal 0.8 share one, which leaves the 0.9 alone
    gaps = 2 / 8 * 0.1 + 2 / 8 * abs(0.3 - 1 / 2) + 3 / 8 * abs(0.8 - 2 / 3) + 1 / 8 * 0.1
    assert m.expected_calibration_error(p, damaged, bins=4) == pytest.approx(gaps)
    turned = m.expected_calibration_error(p[::-1], damaged[::-1], bins=4)
    assert turned == pytest.approx(gaps)


def test_true_probabilities_are_calibrated_here_and_at_one_in_a_thousand() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.6, 0.9, 60_000)
    damaged = rng.random(60_000) < p
    share = float(damaged.mean())
    assert m.expected_calibration_error(p, damaged) < 0.01
    belt = m.reliability_at(p, damaged, from_share=share, to_share=0.001)
    assert belt.error < 2e-4
    assert (belt.was * belt.mass).sum() == pytest.approx(0.001)
    unshifted = m.expected_calibration_error(p, damaged, weights=m.importance(damaged, 0.001))
    assert unshifted > 100 * belt.error


def test_the_interval_of_a_share_is_open_where_nothing_was_seen() -> None:
    low, high = m.share_interval(0, 20)
    assert low == 0
    assert high == pytest.approx(0.161, abs=0.001)
    assert m.share_interval(20, 20) == pytest.approx((1 - high, 1))
    assert np.isnan(m.share_interval(0, 0)).all()


# -- rows that stand for several ----------------------------------------------------------------------------------


@SEEDS
def test_a_row_of_weight_three_counts_as_three_rows(seed: int) -> None:
    scores, damaged = drawn(seed)
    times = np.random.default_rng(seed + 100).integers(1, 4, len(scores))
    many, marks, weights = np.repeat(scores, times), np.repeat(damaged, times), times.astype(float)
    assert m.average_precision(scores, damaged, weights) == pytest.approx(m.average_precision(many, marks))
    assert m.auroc(scores, damaged, weights) == pytest.approx(m.auroc(many, marks))
    assert m.recall_at_fpr(scores, damaged, 0.1, weights) == pytest.approx(m.recall_at_fpr(many, marks, 0.1))
    assert m.threshold_at_fpr(scores, damaged, 0.1, weights) == m.threshold_at_fpr(many, marks, 0.1)
    value, low, high = m.headline(scores, damaged, damaged, weights=weights, resamples=50)["ap_major"]
    assert value == pytest.approx(m.ap_major(many, marks, marks))
    assert low <= high


def test_weights_that_are_all_the_same_change_nothing() -> None:
    scores, damaged = drawn(3)
    plain = m.headline(scores, damaged, damaged, resamples=50)
    weighted = m.headline(scores, damaged, damaged, weights=np.full(len(scores), 7.0), resamples=50)
    for name, figures in plain.items():
        assert weighted[name] == pytest.approx(figures, nan_ok=True)


def test_what_was_drawn_seldom_undoes_the_choice_of_what_was_labelled() -> None:
    """Of a belt all high scores are labelled and few low ones; weighted, the false positives are the belt's."""
    rng = np.random.default_rng(5)
    damaged = rng.random(40_000) < 0.1
    scores = np.clip(rng.normal(0.3 + 0.3 * damaged, 0.15), 0, 1)
    chance = np.where(scores > 0.6, 1.0, 0.05)
    labelled = rng.random(40_000) < chance
    some = scores[labelled], damaged[labelled]
    whole = m.recall_at_fpr(scores, damaged, 0.01)
    assert m.recall_at_fpr(*some, 0.01, 1 / chance[labelled]) == pytest.approx(whole, abs=0.03)
    assert m.recall_at_fpr(*some, 0.01) < whole - 0.1, "unweighted, the labels say something else"


def test_a_weighted_share_has_the_interval_of_what_it_really_rests_on() -> None:
    called = np.array([True, False, False, False, True, False])
    assert m.share_of(called, np.ones(6)) == (pytest.approx(1 / 3), *m.share_interval(2, 6))
    value, low, high = m.share_of(called, np.array([50.0, 1, 1, 1, 1, 1]))
    assert value == pytest.approx(51 / 55)
    assert high - low > 0.6, "one row of weight 50 is hardly more than one row"


def test_importance_keeps_the_weight_of_all_rows() -> None:
    _, damaged = drawn(2)
    weights = np.random.default_rng(1).uniform(1, 9, len(damaged))
    found = m.importance(damaged, 0.001, weights)
    assert found.sum() == pytest.approx(weights.sum())
    assert (found * damaged).sum() / found.sum() == pytest.approx(0.001)
