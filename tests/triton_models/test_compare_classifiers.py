"""Two classifiers on the same captures, and what may be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.triton_models import small_set
from triton_models.compare_classifiers import CANDIDATE, SERVING, Run, compared, run, threshold
from triton_models.kaputt import Query, load
from triton_models.problems import BadData


@pytest.fixture
def some(tmp_path: Path) -> Query:
    small_set.draw(tmp_path)
    return load(tmp_path, "test", references=False).queries[1]


def captures(some: Query, count: int = 600, share: float = 0.3) -> tuple[Query, ...]:
    """Captures of sixty products, some damaged."""
    rng = np.random.default_rng(4)
    damaged = rng.random(count) < share
    return tuple(
        replace(
            some, capture_id=f"c{n}", item_identifier=f"P{n % 60}", design=n % 60, defect=bool(damaged[n])
        )
        for n in range(count)
    )


def seen(queries: Sequence[Query], noise: float, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Scores of a network that errs by so much."""
    rng = np.random.default_rng(seed)
    truth = np.array([q.defect for q in queries])
    return np.clip(0.3 + 0.4 * truth + rng.normal(0, noise, len(queries)), 0, 1)


def said(
    queries: Sequence[Query], serving: float, candidate: float, *, seeds: tuple[int, int] = (1, 2)
) -> Run:
    scores = {SERVING: seen(queries, serving, seeds[0]), CANDIDATE: seen(queries, candidate, seeds[1])}
    return Run(scores=scores, cpu_ms={SERVING: 30.0, CANDIDATE: 20.0}, pictures=len(queries))


def test_a_better_candidate_is_called_better_with_the_interval_of_the_difference(some: Query) -> None:
    queries = captures(some)
    found = compared(queries, said(queries, 0.3, 0.12), resamples=200)
    low, high = found["difference"]["ap_any"]["interval"]
    assert 0 < low < found["difference"]["ap_any"]["value"] < high
    assert found["verdict"].startswith("The candidate is better: average precision")
    assert "20.0 ms of CPU a picture against 30.0" in found["verdict"]
    assert "of 60 products" in found["verdict"]


def test_a_worse_candidate_is_called_worse(some: Query) -> None:
    queries = captures(some)
    assert compared(queries, said(queries, 0.12, 0.3), resamples=200)["verdict"].startswith(
        "The candidate is worse"
    )


def test_two_that_are_equally_good_are_not_told_apart(some: Query) -> None:
    queries = captures(some)
    found = compared(queries, said(queries, 0.25, 0.25), resamples=200)
    low, high = found["difference"]["auroc"]["interval"]
    assert low < 0 < high
    assert found["verdict"].startswith("No difference is shown")


def test_the_same_scores_differ_by_nothing_at_all_since_resamples_are_shared(some: Query) -> None:
    queries = captures(some)
    found = compared(queries, said(queries, 0.25, 0.25, seeds=(1, 1)), resamples=100)
    assert {tuple(d["interval"]) for d in found["difference"].values()} == {(0.0, 0.0)}


def test_intervals_of_differences_are_narrower_than_two_intervals_apart(some: Query) -> None:
    queries = captures(some)
    base, more = seen(queries, 0.25, 1), seen(queries, 0.02, 9)
    scores = {SERVING: base, CANDIDATE: 0.95 * base + 0.05 * more}
    found = compared(
        queries, Run(scores=scores, cpu_ms={SERVING: 1.0, CANDIDATE: 1.0}, pictures=1), resamples=300
    )
    low, high = found["difference"]["ap_any"]["interval"]
    alone = found["serving"]["ap_any_interval"]
    assert high - low < (alone[1] - alone[0]) / 2


def test_a_capture_counts_for_as_many_as_it_stands_for(some: Query) -> None:
    queries = list(captures(some))
    result = said(queries, 0.2, 0.2)
    intact = [n for n, q in enumerate(queries) if not q.defect]
    heavy = tuple(replace(q, sampling_weight=50.0) if n in intact[:40] else q for n, q in enumerate(queries))
    plain, weighted = compared(queries, result, resamples=50), compared(heavy, result, resamples=50)
    assert weighted["stand_for"] == pytest.approx(len(queries) + 40 * 49)
    assert weighted["serving"]["ap_any"] != plain["serving"]["ap_any"]


@pytest.mark.parametrize("defect", [True, False])
def test_captures_of_one_kind_tell_nothing_apart(some: Query, *, defect: bool) -> None:
    queries = [replace(q, defect=defect) for q in captures(some, 20)]
    with pytest.raises(BadData, match=f"there is no {'intact' if defect else 'damaged'} capture among 20"):
        compared(queries, said(queries, 0.2, 0.2))


class Counting:
    """A network that knows what it was shown, and when."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name, self.order = name, order
        self.shown: list[Any] = []

    def chances(self, inputs: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        self.order.append(self.name)
        self.shown.append(inputs["PIXELS"])
        return np.full(9, inputs["PIXELS"], np.float32)


def test_both_networks_see_the_same_pictures_in_turns_and_are_pooled_as_served(some: Query) -> None:
    order: list[str] = []
    networks = {SERVING: Counting("s", order), CANDIDATE: Counting("c", order)}
    shown = {"c0": [0.1, 0.7], "c1": [0.4], "c2": [0.2]}
    ticks: list[None] = []
    made = run(
        networks,
        captures(some, 3),
        lambda query: [{"PIXELS": np.float32(x)} for x in shown[query.capture_id]],
        lambda: ticks.append(None),
    )
    assert order == ["c", "c", "s", "s", "s", "c", "c", "s"]
    assert networks[SERVING].shown == networks[CANDIDATE].shown
    assert (
        made.scores[SERVING].tolist()
        == made.scores[CANDIDATE].tolist()
        == pytest.approx([0.403, 0.4, 0.2], abs=1e-3)
    )
    assert (made.pictures, len(ticks)) == (4, 3)
    assert set(made.cpu_ms) == {SERVING, CANDIDATE}


def test_the_threshold_to_stage_with_lets_one_in_a_hundred_intact_captures_pass(some: Query) -> None:
    queries = captures(some, 2000)
    scores = seen(queries, 0.2, 5)
    intact = np.array([not q.defect for q in queries])
    assert (scores[intact] > threshold(queries, scores)).mean() <= 0.01
