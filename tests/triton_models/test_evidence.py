"""Matter beside the item: found where the map says, its colour read without the tray's."""

from __future__ import annotations

import numpy as np
import pytest

from triton_models.evidence import foreignness, matter

BROWN = (110, 70, 40)


def _scene(colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A grey tray, a white item in the middle, a small heap at its right."""
    pixels = np.full((256, 256, 3), 150, np.uint8)
    pixels[70:190, 60:150] = (240, 240, 238)
    pixels[120:150, 170:205] = colour
    where = np.full((16, 16), -6.0)
    where[7:10, 10:13] = 4.0
    return pixels, where


@pytest.mark.parametrize("colour", [BROWN, (200, 40, 30), (60, 130, 60)])
def test_its_colour_is_read_off_the_picture(colour: tuple[int, int, int]) -> None:
    found = matter(*_scene(colour))
    assert foreignness(found, colour) < 10
    assert found.logit > 2


def test_another_products_colour_is_far_from_the_contents() -> None:
    assert foreignness(matter(*_scene((60, 130, 60))), BROWN) > 20


def test_dimmer_light_changes_little() -> None:
    pixels, where = _scene(BROWN)
    dim = (pixels * 0.75).astype(np.uint8)
    assert foreignness(matter(dim, where), BROWN) < 14


def test_nothing_beside_the_item_has_a_low_logit_and_no_share() -> None:
    pixels, where = _scene(BROWN)
    found = matter(pixels, np.full_like(where, -6.0))
    assert found.logit < -4
    assert found.share == 0
