"""The scores agree with small cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from triton_models.scores import auroc, average_precision, recall_at, threshold_at

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
DAMAGED = np.array([True, False, True, False, False])


def test_auroc_counts_pairs_in_order_and_ties_by_half() -> None:
    assert auroc(SCORES, DAMAGED) == pytest.approx(5 / 6)
    assert auroc(np.zeros(5), DAMAGED) == pytest.approx(0.5)


def test_average_precision_averages_over_the_damaged() -> None:
    assert average_precision(SCORES, DAMAGED) == pytest.approx((1 + 2 / 3) / 2)


def test_the_threshold_lets_through_no_more_than_the_rate() -> None:
    intact = np.arange(200) / 200
    threshold = threshold_at(intact, 0.01)
    assert (intact > threshold).sum() == 2


def test_recall_is_taken_at_that_threshold() -> None:
    assert recall_at(SCORES, DAMAGED, 0.01) == pytest.approx(0.5)
