"""The field's scores for damage, with intervals; calibration, and what a score means where damage is rare.

`scores` are (rows,) floats, higher means more likely damaged; `damaged` are (rows,) booleans; `weights` are (rows,)
floats, how many captures each row stands for, one unless given. A measure that is not defined (no damaged row, or no
intact one) is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triton_models.cuts import (
    Cuts,
    Marks,
    Measure,
    Values,
    auroc_of,
    average_precision_of,
    cuts,
    intervals,
    recall_at_fpr_of,
    recall_at_precision_of,
)

BELT_SHARE: Final = 0.001
"""Share of damaged items on a belt."""
_BINS: Final = 15

MEASURES: Final[dict[str, Measure]] = {
    "ap_any": average_precision_of,
    "auroc": auroc_of,
    "recall_at_50_precision": recall_at_precision_of(0.5),
    "recall_at_1_fpr": recall_at_fpr_of(0.01),
    "recall_at_01_fpr": recall_at_fpr_of(0.001),
}
"""Of damaged against intact; `ap_major` needs other rows."""


def average_precision(scores: Values, damaged: Marks, weights: Values | None = None) -> float:
    """Mean precision over the recall gained, rows of equal score taken together."""
    return float(average_precision_of(cuts(scores, damaged, weights)))


def auroc(scores: Values, damaged: Marks, weights: Values | None = None) -> float:
    """The chance that a damaged row scores above an intact one; ties count half."""
    return float(auroc_of(cuts(scores, damaged, weights)))


def recall_at_precision(scores: Values, damaged: Marks, precision: float = 0.5) -> float:
    """Best recall of any threshold with at least this precision."""
    return float(recall_at_precision_of(precision)(cuts(scores, damaged)))


def recall_at_fpr(scores: Values, damaged: Marks, rate: float = 0.01, weights: Values | None = None) -> float:
    """Best recall of any threshold that calls at most this share of the intact rows damaged."""
    return float(recall_at_fpr_of(rate)(cuts(scores, damaged, weights)))


def ap_major(scores: Values, damaged: Marks, major: Marks) -> float:
    """Average precision of major damage over the rows that are major or intact; minor ones are left out."""
    kept = major | ~damaged
    return average_precision(scores[kept], major[kept])


def headline(
    scores: Values,
    damaged: Marks,
    major: Marks,
    *,
    groups: NDArray[Any] | None = None,
    weights: Values | None = None,
    resamples: int = 1000,
) -> dict[str, tuple[float, float, float]]:
    """Every headline measure as (value, low, high), by name; groups as in `intervals`."""
    kept = major | ~damaged
    parts = (
        (scores, damaged, groups, weights, MEASURES),
        (
            scores[kept],
            major[kept],
            None if groups is None else groups[kept],
            None if weights is None else weights[kept],
            {"ap_major": average_precision_of},
        ),
    )
    found: dict[str, tuple[float, float, float]] = {}
    for some, marks, units, heavy, measures in parts:
        whole = cuts(some, marks, heavy)
        spread = intervals(some, marks, measures, groups=units, weights=heavy, resamples=resamples)
        found |= {name: (float(measure(whole)), *spread[name]) for name, measure in measures.items()}
    return found


def curve(scores: Values, damaged: Marks) -> Cuts:
    """All cuts, for plots."""
    return cuts(scores, damaged)


def threshold_at_fpr(scores: Values, damaged: Marks, rate: float, weights: Values | None = None) -> float:
    """The lowest threshold that at most `rate` of the intact rows are strictly above; choose it on validation.

    Raises:
        ValueError: There is no intact row to choose by, or `rate` is not in [0, 1).
    """
    if damaged.all() or not 0 <= rate < 1:
        raise ValueError("a threshold needs intact rows and a rate of false positives from 0 to below 1")
    whole = cuts(scores, damaged, weights)
    # Strictly above the score of a cut are the rows of the cuts before it.
    allowed = whole.false[:-1] <= rate * whole.false[-1] + 1e-9
    return float(whole.scores[1:][allowed].min())


def share_of(called: Marks, weights: Values) -> tuple[float, float, float]:
    """A weighted share with its 95 % interval: (value, low, high).

    The interval is Wilson's for as many captures of equal weight as tell as much (Kish's effective number).
    """
    share = float((weights * called).sum() / weights.sum())
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return (share, *share_interval(share * effective, effective))


def share_interval(count: float, of: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; honest where the count is 0 or all, unlike the bootstrap's."""
    if of == 0:
        return float("nan"), float("nan")
    z = 1.959964
    share, spread = count / of, z * z / of
    centre = (share + spread / 2) / (1 + spread)
    half = z * float(np.sqrt(share * (1 - share) / of + spread / (4 * of))) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def shifted(p: Values, from_share: float, to_share: float) -> Values:
    """Probabilities learnt where `from_share` of the items are damaged, as they are where `to_share` are.

    Bayes' rule with the classes' looks unchanged: the odds are multiplied by the ratio of the two prior odds.
    The order of scores stays.
    """
    if not (0 < from_share < 1 and 0 < to_share < 1):
        raise ValueError("shares of damaged items lie between 0 and 1")
    damaged = p * (to_share / from_share)
    intact = (1 - p) * ((1 - to_share) / (1 - from_share))
    return np.asarray(damaged / (damaged + intact))


def importance(damaged: Marks, to_share: float, weights: Values | None = None) -> Values:
    """Weights (rows,) under which `to_share` of the rows' weight is damaged; their sum stays."""
    known = np.ones(len(damaged)) if weights is None else weights
    share = float((known * damaged).sum() / known.sum())
    if not 0 < share < 1:
        raise ValueError("importance weights need damaged and intact rows")
    return np.asarray(known * np.where(damaged, to_share / share, (1 - to_share) / (1 - share)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """What was said against what was so, in bins of equal weight.

    Attributes:
        said: Mean probability of each bin, (bins,).
        was: Share of damaged rows in each, (bins,).
        mass: Share of all weight in each, (bins,); they sum to 1.
    """

    said: Values
    was: Values
    mass: Values

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between said and was."""
        return float((self.mass * np.abs(self.said - self.was)).sum())


def reliability(
    p: Values, damaged: Marks, *, weights: Values | None = None, bins: int = _BINS
) -> Reliability:
    """Points of a reliability diagram; rows of equal p are never torn apart, so there may be fewer bins."""
    weights = np.ones(len(p)) if weights is None else weights
    _, level = np.unique(p, return_inverse=True)
    mass = np.bincount(level, weights)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    place = np.minimum((middle * bins).astype(int), bins - 1)[level]
    total = np.bincount(place, weights)
    kept = total > 0
    return Reliability(
        said=np.bincount(place, weights * p)[kept] / total[kept],
        was=np.bincount(place, weights * damaged)[kept] / total[kept],
        mass=total[kept] / total.sum(),
    )


def expected_calibration_error(
    p: Values, damaged: Marks, *, weights: Values | None = None, bins: int = _BINS
) -> float:
    """Mean gap between probability and frequency over bins of equal weight."""
    return reliability(p, damaged, weights=weights, bins=bins).error


def reliability_at(
    p: Values, damaged: Marks, *, from_share: float, to_share: float, weights: Values | None = None
) -> Reliability:
    """The diagram that would be measured where `to_share` of the items are damaged.

    Args:
        p: Probabilities as learnt where `from_share` were damaged, (rows,).
        damaged: (rows,).
        from_share: See above.
        to_share: Such as `BELT_SHARE`; the rows are weighted to it, the probabilities shifted to it.
        weights: (rows,), how many captures each stands for.
    """
    heavy = importance(damaged, to_share, weights)
    return reliability(shifted(p, from_share, to_share), damaged, weights=heavy)
