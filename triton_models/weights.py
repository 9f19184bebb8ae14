"""What a labelled capture counts in training: what was labelled is not what was on the belt.

Nearly everything with a high score is labelled, and of the rest a small sample. `sampling_weight` undoes that choice.
It does so within the damaged and within the intact captures: how many there are of each stays as the data set has it,
since damage as rare as on a belt would leave a network little to learn from, and services correct for the share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triton_models.kaputt import Query

Weights = NDArray[np.float64]


def within_classes(queries: Sequence[Query]) -> Weights:
    """(captures,): weights with a mean of 1 among the damaged and among the intact captures."""
    weights = np.array([query.weight for query in queries], np.float64)
    damaged = np.array([query.defect for query in queries], bool)
    for those in (damaged, ~damaged):
        if those.any():
            weights[those] /= weights[those].mean()
    return weights


def drawn(weights: Weights, rng: np.random.Generator) -> NDArray[np.int64]:
    """As many rows as there are weights, in random order, each as often as its weight says on average.

    No draw is wasted on chance: a row of weight 2.3 comes twice or three times. With equal weights each comes once.
    """
    share = weights / weights.sum() * len(weights)
    # One point in each step of 1 along the weights laid end to end.
    ends = np.cumsum(share)
    points = np.arange(len(weights)) + rng.random()
    rows = np.searchsorted(ends, points * (ends[-1] / len(weights)), side="right")
    return np.asarray(rng.permutation(np.minimum(rows, len(weights) - 1)), np.int64)
