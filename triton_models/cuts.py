"""Every cut through a ranking at once: what is found, and what is called damaged without being it.

A measure is a function of these counts alone. Weights per row turn the same sort into any number of resamples, which is
what makes intervals cheap: 1000 resamples are 1000 rows of weights and two cumulative sums, no sort of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]
Marks = NDArray[np.bool_]

_CELLS: Final = 4_000_000
"""Weights held at once: 32 MB in double precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Counts at each cut, from "nothing is called damaged" to "everything is".

    Attributes:
        found: Weight of the damaged rows called damaged, (..., cuts).
        false: Weight of the intact rows called damaged, (..., cuts).
        scores: Lowest score that is called, (cuts,); infinite at the first. Rows of equal score share a cut.
    """

    found: Values
    false: Values
    scores: Values


Measure = Callable[[Cuts], Values]
"""Cuts with counts of (..., cuts) to values of (...); NaN where it is not defined, as without any damaged row."""


def cuts(scores: Values, damaged: Marks, weights: Values | None = None) -> Cuts:
    """Count at every cut.

    Args:
        scores: (rows,), higher means more likely damaged.
        damaged: (rows,).
        weights: (..., rows), how often each row counts; once unless given.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], damaged[order]
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, np.ones(min(len(ranked), 1), bool)))
    counted = np.ones(len(scores)) if weights is None else weights[..., order]
    return Cuts(
        found=_running(counted * hits, ends),
        false=_running(counted * ~hits, ends),
        scores=np.append(np.inf, ranked[ends]),
    )


def _running(weights: Values, ends: NDArray[np.intp]) -> Values:
    total = np.cumsum(weights, axis=-1)[..., ends]
    return np.concatenate([np.zeros((*total.shape[:-1], 1)), total], axis=-1)


def average_precision_of(found: Cuts) -> Values:
    """Precision at each cut, weighted by the recall it adds: no interpolation, equal scores are one cut."""
    with np.errstate(invalid="ignore"):
        recall = found.found / found.found[..., -1:]
        value = np.sum(np.diff(recall, axis=-1) * _precision(found)[..., 1:], axis=-1)
    return np.where(found.found[..., -1] > 0, value, np.nan)


def auroc_of(found: Cuts) -> Values:
    """The chance that a damaged row scores above an intact one; ties count half."""
    with np.errstate(invalid="ignore"):
        recall = found.found / found.found[..., -1:]
        wrong = found.false / found.false[..., -1:]
        value = np.sum(np.diff(wrong, axis=-1) * (recall[..., 1:] + recall[..., :-1]) / 2, axis=-1)
    return np.where((found.found[..., -1] > 0) & (found.false[..., -1] > 0), value, np.nan)


def recall_at_precision_of(precision: float) -> Measure:
    """Best recall of any cut whose precision is at least this; 0 where none is."""

    def measure(found: Cuts) -> Values:
        return _best_recall(found, _precision(found) >= precision)

    return measure


def recall_at_fpr_of(rate: float) -> Measure:
    """Best recall of any cut that calls at most this share of the intact rows damaged."""

    def measure(found: Cuts) -> Values:
        return _best_recall(found, found.false <= rate * found.false[..., -1:] + 1e-9)

    return measure


def _precision(found: Cuts) -> Values:
    called = found.found + found.false
    return np.divide(found.found, called, out=np.zeros_like(called), where=called > 0)


def _best_recall(found: Cuts, allowed: Marks) -> Values:
    with np.errstate(invalid="ignore"):
        best: Values = np.where(allowed, found.found, 0.0).max(axis=-1) / found.found[..., -1]
    return best


def intervals(
    scores: Values,
    damaged: Marks,
    measures: Mapping[str, Measure],
    *,
    groups: NDArray[Any] | None = None,
    weights: Values | None = None,
    resamples: int = 1000,
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals (percentiles), all measures on the same resamples.

    Args:
        scores: (rows,).
        damaged: (rows,).
        measures: By name.
        groups: (rows,), the design or item of each row. Captures of one design resemble each other, so whole designs
            are drawn; drawing captures would make the intervals too narrow. Without groups, rows are drawn among the
            damaged and among the intact separately.
        weights: (rows,), how many captures each row stands for; one unless given.
        resamples: How many; the draws are the same in each call.

    Returns:
        Low and high by name; NaN where no resample defines the measure.
    """
    if not len(scores):
        return dict.fromkeys(measures, (float("nan"), float("nan")))
    rng = np.random.default_rng(0)
    # Sorted once here; the same sort inside `cuts` then finds everything in order.
    order = np.argsort(-scores, kind="stable")
    scores, damaged = scores[order], damaged[order]
    heavy = np.ones(len(scores)) if weights is None else weights[order]
    strata, unit = _units(damaged, None if groups is None else groups[order])
    at_once = max(1, _CELLS // max(len(scores), 1))
    found: dict[str, list[Values]] = {name: [] for name in measures}
    for start in range(0, resamples, at_once):
        drawn = _draw(rng, strata, min(at_once, resamples - start))
        counted = cuts(scores, damaged, drawn[:, unit] * heavy)
        for name, measure in measures.items():
            found[name].append(measure(counted))
    return {name: middle(np.concatenate(values)) for name, values in found.items()}


def paired(
    ranked: Mapping[str, Values],
    damaged: Marks,
    measures: Mapping[str, Measure],
    *,
    groups: NDArray[Any],
    weights: Values,
    resamples: int = 1000,
) -> dict[str, dict[str, Values]]:
    """Measures of several rankings of the same rows on the same resamples, so that they can be held against each other.

    Args:
        ranked: (rows,) scores, by the method's name.
        damaged: (rows,).
        measures: By name.
        groups: (rows,), what is drawn as a whole; see `intervals`.
        weights: (rows,), how many captures each row stands for.
        resamples: How many.

    Returns:
        (resamples,) by method and measure; NaN where a resample does not define it.
    """
    strata, unit = _units(damaged, groups)
    at_once = max(1, _CELLS // max(len(damaged), 1))
    found: dict[str, dict[str, list[Values]]] = {name: {m: [] for m in measures} for name in ranked}
    rng = np.random.default_rng(0)
    for start in range(0, resamples, at_once):
        drawn = _draw(rng, strata, min(at_once, resamples - start))[:, unit] * weights
        for name, scores in ranked.items():
            counted = cuts(scores, damaged, drawn)
            for measure, of in measures.items():
                found[name][measure].append(of(counted))
    return {name: {m: np.concatenate(v) for m, v in values.items()} for name, values in found.items()}


def _units(damaged: Marks, groups: NDArray[Any] | None) -> tuple[list[int], NDArray[np.intp]]:
    """Sizes of the strata that are drawn from, and the place of each row in their row of draws."""
    if groups is not None:
        names, unit = np.unique(groups, return_inverse=True)
        return [len(names)], unit
    unit = np.where(damaged, np.cumsum(damaged) - 1, damaged.sum() + np.cumsum(~damaged) - 1)
    return [int(damaged.sum()), int((~damaged).sum())], unit


def _draw(rng: np.random.Generator, strata: list[int], resamples: int) -> NDArray[np.int64]:
    """How often each unit is drawn, (resamples, units); as many draws in each stratum as it has units."""
    parts = [rng.multinomial(size, np.full(size, 1 / size), resamples) for size in strata if size]
    return np.concatenate(parts, axis=1)


def middle(values: Values) -> tuple[float, float]:
    """The middle 95 % of what is defined; NaN where nothing is."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)
