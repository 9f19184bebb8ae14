"""The baselines do what their papers say, on small cases worked by hand and on drawn pictures."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.triton_models import small_set
from triton_models.anomalib_methods import run_anomalib
from triton_models.compare_methods import (
    AnomalyDino,
    PatchCore,
    anomaly_dino_score,
    compare,
    greedy_coreset,
    patchcore_score,
)
from triton_models.frozen_features import Encoder, item_pixels, square
from triton_models.kaputt import load
from triton_models.metrics import auroc
from triton_models.problems import BadData


def colours(image: Any) -> Any:
    """Patches (8, 8, 3): the mean colours of a grid."""
    return cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def line(*places: float) -> Any:
    return np.array([[place, 0.0] for place in places], np.float32)


def test_the_coreset_takes_what_is_farthest_from_what_it_has() -> None:
    bank = line(0, 1, 2, 10, 10, 30)
    for seed in range(6):
        chosen = bank[greedy_coreset(bank, 3, seed=seed), 0].tolist()
        assert len(set(chosen)) == 3
        assert {10.0, 30.0} < set(chosen)


def test_the_coreset_takes_each_row_once_even_where_rows_are_equal() -> None:
    assert sorted(greedy_coreset(line(1, 1, 1), 9).tolist()) == [0, 1, 2]


def test_patchcore_takes_the_farthest_patch() -> None:
    assert patchcore_score(line(0, 4, 1), line(0, 1), neighbours=1) == pytest.approx(3.0)


def test_patchcore_weighs_by_the_company_of_the_nearest_entry() -> None:
    bank = line(0, 1, 9)
    softmax = math.exp(3) / (math.exp(3) + math.exp(4))
    assert patchcore_score(line(0, 4), bank, neighbours=2) == pytest.approx(3 * (1 - softmax), rel=1e-5)


def test_anomalydino_averages_the_highest_hundredth_of_cosine_distances() -> None:
    bank = np.array([[2.0, 0.0]], np.float32)
    patches = np.tile(np.array([[5.0, 0.0]], np.float32), (250, 1))
    patches[7], patches[9], patches[11] = (0, 3), (0, 4), (1, 1)
    assert anomaly_dino_score(patches, bank) == pytest.approx(1.0)
    assert anomaly_dino_score(patches[:12], bank) == pytest.approx(1.0)
    assert anomaly_dino_score(patches[:7], bank) == pytest.approx(0.0, abs=1e-6)


def test_both_tell_a_spot_on_a_plain_card(tmp_path: Path) -> None:
    small_set.draw(tmp_path)
    data = load(tmp_path, "test")
    truth = np.array([query.defect for query in data.queries])
    for method in (PatchCore(colours), AnomalyDino(colours, rotations=2)):
        scores = [
            method.predict(query, data.references_by_item[query.item_identifier]).damage
            for query in data.queries
        ]
        assert auroc(np.array(scores), truth) > 0.95
        assert method.predict(data.queries[0], ()).damage == 0


def test_the_comparison_writes_a_report_for_each_method(tmp_path: Path) -> None:
    small_set.draw(tmp_path / "data")
    reports = compare(tmp_path / "data", tmp_path / "out", patches=colours, plots=False)
    assert len(reports) == 3
    assert (tmp_path / "out" / "methods.png").stat().st_size > 0
    assert len(list((tmp_path / "out").glob("*.json"))) == 3


def test_the_shipped_encoder_gives_one_vector() -> None:
    image = np.random.default_rng(0).integers(0, 255, (50, 100, 3), np.uint8)
    assert np.linalg.norm(Encoder().embedding(image)) == pytest.approx(1, abs=0.01)


def test_a_wide_picture_is_kept_whole_between_grey_margins() -> None:
    image = np.full((100, 400, 3), (250, 0, 0), np.uint8)
    found = square(image)
    assert found.shape == (224, 224, 3)
    assert (found[:80] == 127).all()
    assert (found[112, :, 0] == 250).all()


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed here")
def test_without_torch_the_message_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="need the training environment"):
        compare(tmp_path, tmp_path)


def test_a_mask_over_the_whole_picture_cuts_the_item_out(tmp_path: Path) -> None:
    small_set.draw(tmp_path)
    small = tmp_path / "small.png"
    assert cv2.imwrite(str(small), np.zeros((5, 5, 3), np.uint8))
    small_set.changed(tmp_path, query_crop=small)
    image, mask = item_pixels(load(tmp_path, "test").queries[0])
    assert image.shape == (40, 40, 3)
    assert mask.all()
    small_set.changed(tmp_path, query_crop=small, query_image=small)
    with pytest.raises(BadData, match="fits neither"):
        item_pixels(load(tmp_path, "test").queries[0])


@pytest.mark.skipif(importlib.util.find_spec("anomalib") is not None, reason="anomalib is installed here")
def test_without_anomalib_the_message_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="need the training environment"):
        run_anomalib(tmp_path, "test", method="patchcore", out=tmp_path)
