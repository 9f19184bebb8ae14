from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.triton_models import small_set
from triton_models.kaputt import Query, load
from triton_models.weights import drawn, within_classes


@pytest.fixture
def queries(tmp_path: Path) -> tuple[Query, ...]:
    small_set.draw(tmp_path)
    return load(tmp_path, "test", references=False).queries


def test_without_weights_every_capture_counts_once(queries: tuple[Query, ...]) -> None:
    assert within_classes(queries).tolist() == [1.0] * len(queries)


def test_the_share_of_damage_stays_as_the_data_set_has_it(queries: tuple[Query, ...]) -> None:
    some = [replace(q, sampling_weight=1.0 if q.defect else 100.0) for q in queries]
    some[1] = replace(some[1], sampling_weight=1.0)
    weights = within_classes(some)
    damaged = np.array([q.defect for q in some])
    assert weights[damaged].mean() == pytest.approx(1)
    assert weights[~damaged].mean() == pytest.approx(1)
    assert weights[1] == pytest.approx(weights[2] / 100)


def test_captures_of_one_class_only_have_weights_too(queries: tuple[Query, ...]) -> None:
    intact = [q for q in queries if not q.defect]
    assert within_classes(intact).tolist() == [1.0] * len(intact)


def test_equal_weights_draw_each_row_once_in_another_order_each_time() -> None:
    rng = np.random.default_rng(1)
    first, second = (drawn(np.full(1000, 0.3), rng) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(1000))
    assert first.tolist() != second.tolist()


def test_a_row_comes_as_often_as_its_weight_says_give_or_take_one() -> None:
    weights = np.random.default_rng(2).uniform(0.01, 5, 400)
    wanted = weights / weights.mean()
    for seed in range(5):
        times = np.bincount(drawn(weights, np.random.default_rng(seed)), minlength=400)
        assert times.sum() == 400
        assert (np.abs(times - wanted) < 1).all()


def test_on_average_a_row_comes_exactly_as_often_as_its_weight_says() -> None:
    weights = np.array([0.1, 0.4, 1.0, 2.5])
    rng = np.random.default_rng(3)
    times = sum(np.bincount(drawn(weights, rng), minlength=4) for _ in range(4000)) / 4000
    assert times == pytest.approx(weights, abs=0.03)
