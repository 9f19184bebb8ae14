"""Notices that the thresholds in force break the budget now, whatever was shown about them before.

Evidence for a threshold is valid while scores are stationary; a new camera, lamp or packaging ends that. So the same
bets are made the other way round: with Z = w · [labelled and intact] · ([sidelined score] - b), a factor 1 + λ Z wins
while more than the budget b is sidelined wrongly. Restarted whenever it has lost its stake (a CUSUM of capital), it is
an e-detector: as long as the budget is kept, the mean number of labels until a false alarm is at least `ALARM`, for
any distribution of scores (Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change
detection", New England J. of Statistics in Data Science 2 (2024)). Each of several λ suits another size of excess.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from services.calibrate.evidence import GRID, Floats
from services.kernel import records as r

#: Mean labels of intact items until a false alarm, at least, for a threshold exactly at its budget; rarer below it.
ALARM = 100_000.0
#: λ against an excess of 1.25, 1.5, 2, 3 and 5 times the budget: the best for an excess of factor f is f - 1.
_BETS: Floats = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
#: No single label of a passing item may take more than this part of the capital.
_MOST_LOST = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An excess: since when, and after how many labels since then it was noticed. `at`: the last item's time."""

    since: datetime
    at: datetime
    labels: int


class Watch:
    """Capital of the bets that the budget is broken, for one center, stage and group; labels in order of arrival.

    `served`: the threshold that stands now. Of items that were decided on under a lower one it counts what would be
    pulled today; under a higher one, what was.
    """

    def __init__(self, budget: float, served: float) -> None:
        self.served = served
        self._budget = budget
        self._log = np.zeros(len(_BETS))
        self._since: list[datetime | None] = [None] * len(_BETS)
        self._labels = np.zeros(len(_BETS), np.int64)
        self.alarm: Alarm | None = None

    def add(self, outcome: r.LabelledOutcome) -> None:
        """Take a label into account. After an alarm nothing changes until a new watch begins."""
        labelling = outcome.labelling
        if outcome.damaged or labelling is None or labelling.sample_rate <= 0 or self.alarm is not None:
            return
        bets = np.minimum(_BETS, _MOST_LOST * labelling.sample_rate / self._budget)
        excess = float(labelling.score >= max(labelling.threshold, self.served)) - self._budget
        fresh = self._log <= 0
        for number in np.flatnonzero(fresh):
            self._since[number] = labelling.at
        self._labels[fresh] = 0
        self._labels += 1
        self._log = np.maximum(self._log, 0.0) + np.log1p(bets * outcome.weight * excess)
        if self._log.max() >= math.log(ALARM):
            self._check(labelling.at)

    def _check(self, at: datetime) -> None:
        if np.logaddexp.reduce(self._log) - math.log(len(_BETS)) < math.log(ALARM):
            return
        leading = int(self._log.argmax())
        since = self._since[leading]
        if since is not None:
            self.alarm = Alarm(since=min(since, at), at=at, labels=int(self._labels[leading]))


def remedy(intact: list[r.LabelledOutcome], served: float, budget: float) -> float:
    """The lowest candidate above the served threshold that keeps the budget among these intact labels.

    It is an estimate and half a standard deviation more, not a proof: the threshold counts as unconfirmed until new
    evidence has shown it. 1 when no candidate does.
    """
    weights = np.array([o.weight for o in intact])
    scores = np.array([o.labelling.score for o in intact if o.labelling is not None])
    total = weights.sum()
    for candidate in GRID[np.searchsorted(GRID, served, "right") :]:
        above = float(weights[scores >= candidate].sum())
        if above + 0.5 * math.sqrt(above) <= budget * total:
            return float(candidate)
    return 1.0
