"""The probe finds the best line, and says whether a data set is too easy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.triton_models import small_set
from triton_models.linear_probe import fit, probe


def test_the_fit_is_where_the_slope_is_zero() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 40))
    damaged = rng.random(300) < 1 / (1 + np.exp(-(x[:, 0] * 2 - 1)))
    found = fit(x, damaged, ridge=0.01)
    gap = found.scores(x) - damaged
    assert np.abs(x.T @ gap / 300 + 0.01 * found.weights).max() < 1e-5
    assert gap.mean() == pytest.approx(0, abs=1e-5)


def test_separable_classes_and_more_columns_than_rows_do_not_run_away() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(30, 200))
    damaged = x[:, 0] > 0
    found = fit(x, damaged, ridge=1e-3)
    assert np.isfinite(found.weights).all()
    assert ((found.scores(x) > 0.5) == damaged).all()


def test_spots_on_plain_cards_are_too_easy_and_noise_is_not(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        small_set.draw(tmp_path, split)

    def red(image: Any) -> Any:
        pixels = image.astype(int)
        return np.array([((pixels[..., 0] - pixels[..., 1]) > 150).mean(), pixels.mean()], np.float32)

    easy = probe(tmp_path, red)
    assert easy.too_easy
    assert easy.interval[0] <= easy.ap_any <= easy.interval[1]
    assert not probe(tmp_path, lambda image: np.array([float(image.shape[0])], np.float32)).too_easy
