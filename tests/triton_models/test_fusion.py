"""The fusion: references and catalogue add to the classifier, and never take from it when they are not there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from triton_models.fusion import Evidence, Fusion, fit, without
from triton_models.metrics import average_precision


def _world(seed: int, n: int = 3000) -> tuple[Evidence, NDArray[np.bool_]]:
    """A third damaged; the classifier misses a part that the gallery sees; a tenth of the galleries is wrong."""
    rng = np.random.default_rng(seed)
    damaged = rng.random(n) < 0.33
    wrong = rng.random(n) < 0.1
    changed = np.where(damaged & ~wrong, 2.0, -2.0) + rng.normal(0, 1.2, n)
    changed = np.where(wrong, rng.normal(3, 1, n), changed)
    compared = rng.random(n) < 0.8
    known = rng.random(n) < 0.5
    leaking = damaged & (rng.random(n) < 0.2)
    foreign = ~damaged & (rng.random(n) < 0.1)
    return Evidence(
        classifier=np.where(damaged & ~leaking, 1.2, -1.2) + rng.normal(0, 1.4, n),
        changed=np.where(compared, changed, np.nan),
        missing=np.where(compared, rng.normal(-3, 1, n), np.nan),
        mismatch=np.where(compared, np.where(wrong, 3.0, -3.0) + rng.normal(0, 1, n), np.nan),
        matter=np.where(leaking | foreign, 2.5, -3.0) + rng.normal(0, 1, n),
        foreignness=np.where(known, np.where(leaking, 4, 40) + rng.normal(0, 3, n), np.nan),
    ), damaged


@pytest.fixture(scope="module")
def fused() -> Fusion:
    evidence, damaged = _world(1)
    return fit(evidence, damaged, np.zeros_like(damaged))


def _ap(scores: Any, damaged: NDArray[np.bool_]) -> float:
    return float(average_precision(np.asarray(scores), damaged))


def test_with_references_it_beats_the_classifier_alone(fused: Fusion) -> None:
    evidence, damaged = _world(2)
    assert _ap(fused.logits(evidence), damaged) > _ap(evidence.classifier, damaged) + 0.02


def test_without_references_it_ranks_as_the_classifier_does(fused: Fusion) -> None:
    evidence, damaged = _world(3)
    nothing = np.full(len(damaged), np.nan)
    bare = replace(evidence, changed=nothing, missing=nothing, mismatch=nothing, foreignness=nothing)
    assert fused.scale > 0
    assert _ap(fused.logits(bare), damaged) == pytest.approx(_ap(evidence.classifier, damaged))


def test_a_wrong_gallery_makes_it_no_worse(fused: Fusion) -> None:
    evidence, damaged = _world(4)
    rng = np.random.default_rng(5)
    n = len(damaged)
    wrong = replace(
        evidence, changed=rng.normal(3, 1, n), mismatch=rng.normal(3, 1, n), missing=rng.normal(-3, 1, n)
    )
    nothing = np.full(n, np.nan)
    without = replace(evidence, changed=nothing, missing=nothing, mismatch=nothing)
    assert _ap(fused.logits(wrong), damaged) > _ap(fused.logits(without), damaged) - 0.01


def test_own_contents_beside_the_item_count_and_foreign_matter_does_not(fused: Fusion) -> None:
    row = {"classifier": -2.0, "changed": np.nan, "missing": np.nan, "mismatch": np.nan}
    own, foreign = (
        Evidence(**{k: np.array([v]) for k, v in {**row, "matter": 3.0, "foreignness": far}.items()})
        for far in (2.0, 50.0)
    )
    assert fused.logits(own)[0] > fused.logits(foreign)[0] + 1


def test_a_unit_that_is_missing_is_heard_against_a_classifier_that_sees_nothing() -> None:
    evidence, damaged = _world(6)
    lacking = damaged & (np.random.default_rng(7).random(len(damaged)) < 0.1) & ~np.isnan(evidence.missing)
    broken = replace(
        evidence,
        classifier=np.where(lacking, -1.5, evidence.classifier),
        changed=np.where(lacking, -2.0, evidence.changed),
        mismatch=np.where(lacking, -3.0, evidence.mismatch),
        missing=np.where(lacking, 4.0, evidence.missing),
    )
    found = fit(broken, damaged, lacking).logits(broken)
    assert np.median(found[lacking]) > np.quantile(found[~damaged], 0.97)


@pytest.mark.parametrize(("low", "high", "spread"), [(-6.0, -4.0, 0.5), (0.0, 4.0, 2.0), (0.0, 6.0, 1.0)])
def test_a_fit_ends_where_a_whole_step_would_overshoot(low: float, high: float, spread: float) -> None:
    evidence, damaged = _world(5)
    lacking = np.arange(len(damaged)) % 20 == 0
    missing = np.where(lacking, high, low) + np.random.default_rng(5).normal(0, spread, len(lacking))
    slope, offset = fit(replace(evidence, missing=missing), damaged | lacking, lacking).lacking
    assert 0 < slope < 20
    assert abs(offset) < 100


def test_a_ranking_is_the_classifiers_own_where_nothing_is_added(fused: Fusion) -> None:
    evidence, _ = _world(8)
    bare = replace(without(evidence), foreignness=np.full(len(evidence.classifier), np.nan))
    assert fused.ranking(bare) == pytest.approx(evidence.classifier)
