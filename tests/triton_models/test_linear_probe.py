"""The probe says whether a data set is too easy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "sklearn", reason="scikit-learn is in the training environment only (intact train makes it)"
)

from tests.triton_models import small_set
from triton_models.linear_probe import probe


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
