"""A reference is laid over the picture of a capture, also where its print repeats; or it is said that it cannot be."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from tests.triton_models.printed import on_tray, printed, repeated
from triton_models.serving import serving_module

aligning: Any = serving_module("gallery_comparison", "aligning")


def look(picture: np.ndarray[Any, Any]) -> Any:
    return aligning.looked(picture)


def off(alignment: Any, true: np.ndarray[Any, Any]) -> float:
    """Greatest distance of the item's corners from where they should be, pixels of 320."""
    corners = np.array([[(60, 90), (260, 90), (260, 230), (60, 230)]], np.float64)
    found, wanted = (cv2.perspectiveTransform(corners, way)[0] for way in (alignment.homography, true))
    return float(np.linalg.norm(found - wanted, axis=1).max())


@pytest.mark.parametrize("turn", [0, 25, 140])
def test_a_print_is_laid_over_itself_however_it_is_turned(turn: float) -> None:
    reference, _ = on_tray(printed(1))
    query, way = on_tray(printed(1), turn=turn, scale=0.9, light=0.7)
    alignment = aligning.align(look(query), look(reference))
    assert alignment is not None
    assert alignment.inliers >= 30
    assert alignment.likeness > 0.6
    assert off(alignment, way) < 3


@pytest.mark.parametrize("turn", [0, 30])
def test_a_print_that_repeats_is_laid_by_its_outline(turn: float) -> None:
    reference, _ = on_tray(repeated(2))
    query, way = on_tray(repeated(2), turn=turn)
    alignment = aligning.align(look(query), look(reference))
    assert alignment is not None
    assert off(alignment, way) < 4


def test_what_features_alone_do_not_place_clearly_is_looked_for_near_a_guess() -> None:
    query, reference = (
        look(on_tray(repeated(3), turn=75, scale=0.8, light=0.7)[0]),
        look(on_tray(repeated(3))[0]),
    )
    alone, guided = (aligning.align(query, reference, guess=guess) for guess in (False, True))
    assert alone is None or alone.inliers < 30
    assert guided.inliers > 60


def test_another_print_is_not_laid_over_it() -> None:
    assert aligning.align(look(on_tray(printed(1))[0]), look(on_tray(printed(2))[0])) is None


def test_what_has_no_print_is_not_compared() -> None:
    blank = np.full((320, 320, 3), 90, np.uint8)
    assert aligning.align(look(blank), look(on_tray(printed(1))[0])) is None


def test_a_pair_has_one_frame_one_light_and_says_where_it_can_be_compared() -> None:
    reference, _ = on_tray(printed(3), light=0.6)
    query, _ = on_tray(printed(3), turn=40)
    one, other = look(query), look(reference)
    pair = aligning.pair(one, other, aligning.align(one, other))
    assert pair.query.shape == pair.reference.shape == (256, 256, 3)
    assert (pair.valid.shape, pair.facts.shape) == ((2, 32, 32), (aligning.FACTS,))
    where = cv2.resize(pair.valid[0], (256, 256)) > 0.9
    apart = np.abs(pair.query.astype(float) - pair.reference.astype(float)).mean(axis=2)
    assert where.mean() > 0.15
    assert apart[where].mean() < 12, "the same print under the same light"
    assert pair.valid[1][pair.valid[0] > 0.9].mean() > pair.valid[1][pair.valid[0] < 0.1].mean()


def test_one_flavours_colour_does_not_become_anothers() -> None:
    red, blue = printed(3), np.ascontiguousarray(printed(3)[..., ::-1])
    one, other = look(on_tray(blue)[0]), look(on_tray(red)[0])
    alignment = aligning.align(one, other)
    assert alignment is not None, "the layout is the same"
    pair = aligning.pair(one, other, alignment)
    assert np.abs(pair.facts[3:] - pair.facts[3:].mean()).max() < 0.15


def test_a_picture_that_is_not_square_is_taken_whole() -> None:
    tall = cv2.resize(on_tray(printed(1))[0], (320, 320))[:, 60:260]
    assert look(tall).pixels.shape == (320, 320, 3)
