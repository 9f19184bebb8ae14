"""What labels prove about thresholds, however often one looks, and whichever items were labelled.

The question: of all intact items, is the share at or above a threshold t (they would be sidelined wrongly) within the
budget b? Labels exist for what was sidelined and for a random sample of what passed, so each labelled item stands for
w = 1 / (its probability of being labelled when it was decided on). For an item with score s, put

    Z(t) = w · [labelled and intact] · ([s ≥ t] - b)        E[Z(t)] = P(intact) · (share(t) - b)

If the threshold breaks the budget, E[Z(t)] > 0 whatever came before, and betting against it,

    K(t) = Π (1 - λ Z(t)),    0 ≤ λ ≤ 1 / max Z(t),  λ known before the item,

is a game that on average does not win: a non-negative supermartingale. By Ville's inequality K(t) reaches 1/α *ever*
with probability at most α: whenever it is there, t is safe at confidence 1 - α, at every look together. This is the
hedged-capital construction of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", J. R.
Stat. Soc. B 86 (2024, read 2023), with the importance weights of Waudby-Smith, Wu, Ramdas, Karampatziakis and
Mineiro, "Anytime-valid off-policy inference for contextual bandits", ACM/IMS J. Data Sci. 1 (2024).

Three choices beyond the paper:

* Bets are a fixed mixture over fractions (their "diversified Kelly"), not adaptive ones: each K is then a product of
  factors that commute. So the order of labels does not matter, a corrected label is taken back exactly, and a
  restart that reads the labels in any order finds the same evidence. That costs a few more labels than the best bet.
* λ is a fraction of `reach`, the least probability of being labelled that any item at or above t had *then*. At or
  above the threshold in force everything is labelled, so reach is 1: to confirm or raise a threshold is cheap, every
  decided item counts for it. To lower one, reach is the rate at which passing items are drawn between the two.
* Many thresholds need no union bound: candidates are a fixed grid, tested from the highest down, and the first that is
  not safe ends the sequence. The share only grows on the way down, so an unsafe candidate can only be accepted if the
  highest unsafe one is, which has probability α (fixed-sequence testing: Maurer, Hothorn and Lehmacher, 1995).

Valid while scores are stationary and labels are missing or late for no reason that has to do with score and truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from services.kernel import records as r

Floats = npt.NDArray[np.float64]

#: Probability with which an unsafe threshold is ever taken for safe, per center, stage and group.
ALPHA = 0.05
#: Fractions of the largest admissible bet, and how the first stake is spread over them. Large ones win where a
#: threshold is far inside its budget and few labels are there, small ones where it is close to it and there are many.
BETS: Floats = np.array([0.95, 0.5, 0.25, 0.15, 0.1, 0.06, 0.03])
STAKES: Floats = np.array([0.25, 0.12, 0.13, 0.15, 0.15, 0.12, 0.08])

#: Candidate thresholds, ascending: even steps of log-odds, and 1. In float32, as events carry them, so that an item
#: is on the same side of a candidate here and on the belt.
GRID: Floats = np.unique(
    np.append(1 / (1 + np.exp(-np.arange(-6.0, 14.01, 0.05))), 1.0).astype(np.float32).astype(np.float64)
)


def labels_needed(budget: float, alpha: float = ALPHA) -> int:
    """Intact labels without which no threshold can be shown to keep a budget: ln(1/α) / budget.

    So many items drawn evenly, none of them at or above the threshold, are what it takes if nothing is known of the
    scores: 2 996 for a budget of 0.1 % at 95 %. Each item at or above it asks for about 1 / budget more. At or above
    the threshold in force it is so many *decided* items, of which only the sample is looked at.
    """
    return math.ceil(math.log(1 / alpha) / budget)


def rate_at(labelling: r.Labelling, score: float) -> float:
    """Least probability with which an item of this score would have been labelled at that moment, in [0, 1]."""
    if score >= labelling.threshold:
        return labelling.candidate_rate
    if labelling.border is not None and score >= labelling.border:
        return max(labelling.sample_rate, labelling.border_rate)
    return labelling.sample_rate


@lru_cache(maxsize=4096)
def _loss(scale: float, budget: float) -> Floats:
    """Log factors of K for an intact label at or above a candidate; `scale`: weight x reach, at most 1."""
    factors: Floats = np.log1p(-BETS * min(1.0, scale) * (1 - budget))
    return factors


@lru_cache(maxsize=4096)
def _gain(scale: float, budget: float) -> Floats:
    """Log factors of K for an intact label below a candidate; `scale`: weight x reach, of any size."""
    factors: Floats = np.log1p(BETS * scale * budget)
    return factors


class Evidence:
    """Capital of the bets against each candidate, for one center, stage and group, from labels in any order."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.labels = 0
        #: Labels of intact items, and the intact items they stand for, by the number of candidates they reach.
        self._counts = np.zeros(len(GRID) + 1, np.int64)
        self._weights = np.zeros(len(GRID) + 1)
        # Differences along the grid: an item changes long runs of candidates by the same amount.
        self._steps = np.zeros((len(GRID) + 1, len(BETS)))

    def add(self, outcome: r.LabelledOutcome, sign: int = 1) -> None:
        """Take a label into account; `sign` -1 takes it back."""
        self.labels += sign
        if outcome.damaged or outcome.labelling is None:
            return  # says nothing about intact items; what it stands for is none of them
        reached = int(np.searchsorted(GRID, outcome.labelling.score, "right"))
        self._counts[reached] += sign
        self._weights[reached] += sign * outcome.weight
        for begin, end, factor in _runs(outcome, outcome.labelling, reached, self.budget):
            self._steps[begin] += sign * factor
            self._steps[end] -= sign * factor

    @property
    def intact(self) -> int:
        """Labels of intact items."""
        return int(self._counts.sum())

    @property
    def weight(self) -> float:
        """Intact items that they stand for."""
        return float(self._weights.sum())

    def capital(self) -> Floats:
        """Logarithm of K for each candidate: what a stake of 1 against its breaking the budget has become."""
        each = np.cumsum(self._steps[:-1], axis=0) + np.log(STAKES)
        top: Floats = each.max(axis=1)
        mixed: Floats = top + np.log(np.exp(each - top[:, None]).sum(axis=1))
        return mixed

    def lowest_safe(self, alpha: float = ALPHA) -> float | None:
        """The lowest candidate that is shown to keep the budget, and all above it; None while there is none."""
        safe = self.capital() >= math.log(1 / alpha)
        if not safe[-1]:
            return None
        unsafe = np.flatnonzero(~safe)
        return float(GRID[unsafe[-1] + 1 if len(unsafe) else 0])

    def share(self, threshold: float) -> float:
        """Estimated share of intact items at or above a candidate; 0 without labels."""
        reach = int(np.searchsorted(GRID, threshold, "left"))
        return float(self._weights[reach + 1 :].sum()) / self.weight if self.weight > 0 else 0.0

    def above(self, threshold: float) -> int:
        """Labels of intact items at or above a candidate."""
        return int(self._counts[int(np.searchsorted(GRID, threshold, "left")) + 1 :].sum())

    def lowest_with_share(self, share: float) -> float:
        """The lowest candidate at or above which no more than this estimated share of intact items lies."""
        tail = np.cumsum(self._weights[::-1])[::-1][1:]
        fits = np.flatnonzero(tail <= share * self.weight)
        return float(GRID[fits[0]]) if len(fits) else 1.0


def _runs(
    outcome: r.LabelledOutcome, labelling: r.Labelling, reached: int, budget: float
) -> Iterator[tuple[int, int, Floats]]:
    """Runs of candidates (from, to) whose log capital an intact label changes, and by how much."""
    top = len(GRID)
    begin = int(np.searchsorted(GRID, labelling.threshold, "left"))
    reach = labelling.candidate_rate
    # From the top down: who could be labelled with the least probability so far bounds every bet below.
    yield from _split(begin, top, reached, outcome.weight * reach, budget)
    if labelling.border is not None and labelling.border < labelling.threshold:
        end, begin = begin, int(np.searchsorted(GRID, labelling.border, "left"))
        reach = min(reach, rate_at(labelling, labelling.border))
        yield from _split(begin, end, reached, outcome.weight * reach, budget)
    reach = min(reach, labelling.sample_rate)
    yield from _split(0, begin, reached, outcome.weight * reach, budget)


def _split(
    begin: int, end: int, reached: int, scale: float, budget: float
) -> Iterator[tuple[int, int, Floats]]:
    if begin < min(reached, end):
        yield begin, min(reached, end), _loss(scale, budget)
    if max(reached, begin) < end:
        yield max(reached, begin), end, _gain(scale, budget)


def upper_bound(outcomes: Iterable[r.LabelledOutcome], threshold: float, alpha: float = ALPHA) -> float:
    """Upper confidence bound of the share of intact items at or above a threshold, in [0, 1].

    The least budget that the same bets show to be kept, found by halving (to 1 % of itself): the confidence sequence
    of which `Evidence` is the test at one budget.
    """
    scales: list[float] = []
    above: list[bool] = []
    for outcome in outcomes:
        if outcome.labelling is None or outcome.damaged:
            continue
        scales.append(outcome.weight * _reach(outcome.labelling, threshold))
        above.append(outcome.labelling.score >= threshold)
    scale, up = np.array(scales)[:, None], np.array(above, bool)

    def shown(budget: float) -> bool:
        won = np.log1p(BETS * scale[~up] * budget).sum(axis=0)
        lost = np.log1p(-BETS * np.minimum(1.0, scale[up]) * (1 - budget)).sum(axis=0)
        each = won + lost + np.log(STAKES)
        return bool(np.logaddexp.reduce(each) >= math.log(1 / alpha))

    if not scales or not shown(1.0):
        return 1.0
    low, high = 1e-7, 1.0
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def _reach(labelling: r.Labelling, threshold: float) -> float:
    """Least probability with which any item at or above a candidate would have been labelled at that moment."""
    reach = rate_at(labelling, threshold)
    for above in (labelling.border, labelling.threshold):
        if above is not None and above >= threshold:
            reach = min(reach, rate_at(labelling, above))
    return reach
