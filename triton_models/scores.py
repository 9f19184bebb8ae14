"""The field's scores, on numpy arrays: one number per capture, and whether it is damaged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
Marks = NDArray[np.bool_]


def auroc(scores: Scores, damaged: Marks) -> float:
    """The chance that a damaged capture scores above an intact one; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives, negatives = int(damaged.sum()), int((~damaged).sum())
    return float((ranks[damaged].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(scores: Scores, damaged: Marks) -> float:
    """Precision averaged over the damaged captures, best score first."""
    hits = damaged[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def threshold_at(scores_of_intact: Scores, rate: float) -> float:
    """The lowest threshold that at most `rate` of the intact captures are above."""
    allowed = int(np.floor(rate * len(scores_of_intact)))
    return float(np.sort(scores_of_intact)[::-1][allowed])


def recall_at(scores: Scores, damaged: Marks, rate: float) -> float:
    """The share of damaged captures found when at most `rate` of the intact ones are called damaged."""
    return float((scores[damaged] > threshold_at(scores[~damaged], rate)).mean())
