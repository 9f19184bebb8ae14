"""A record's pictures as arrays."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.triton_models import small_set
from triton_models.kaputt import load
from triton_models.problems import BadData
from triton_models.record_pictures import item_pixels, square


def test_a_wide_picture_is_kept_whole_between_grey_margins() -> None:
    found = square(np.full((100, 400, 3), (250, 0, 0), np.uint8))
    assert found.shape == (224, 224, 3)
    assert (found[:80] == 127).all()
    assert (found[112, :, 0] == 250).all()


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
