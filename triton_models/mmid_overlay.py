"""How well a registered reference and the picture agree, place by place: print and colour.

Flavours of one brand share so much print that all of them register. Where they differ, only one agrees with the
picture: its words are there, and its fruit has the picture's colours.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from triton_models import mmid_colour as colour
from triton_models.registration import Floats, Matrix, Picture

LONGEST: Final = 96
"""Pixels of a kept reference's longer side."""
_WINDOW: Final = 9  # pixels of it that are compared at a time
_REACH: Final = 2  # pixels by which print may lie elsewhere than the homography says
_PRINT: Final = 30.0  # standard deviation of grey values from which on print counts fully
_FLAT: Final = 3.0  # grey values that are noise
_FARTHEST: Final = 40.0  # in Lab, lightness halved: colours farther apart are as good as any
_ALIKE: Final = 10.0  # in Lab: mean distance at which the agreement of colours has fallen to 1/e


def grey(picture: Picture) -> Picture:
    """A reference (H, W, 3) as it is kept: (96, 96), its longer side 96 pixels, the rest empty."""
    factor = LONGEST / max(picture.shape[:2])
    tone = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(tone, _size((picture.shape[1], picture.shape[0])), interpolation=cv2.INTER_AREA)
    if factor > 1:
        small = cv2.resize(tone, _size((picture.shape[1], picture.shape[0])), interpolation=cv2.INTER_LINEAR)
    kept = np.zeros((LONGEST, LONGEST), np.uint8)
    kept[: small.shape[0], : small.shape[1]] = small
    return kept


def fine(picture: Picture) -> Picture:
    """A query (H, W, 3), RGB, as `structure` wants it: grey, a little blurred, since references are coarser."""
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 0.8), np.uint8)


def structure(tones: Picture, homography: Matrix, kept: Picture, swatch: colour.Swatch) -> float:
    """Correlation of print, from -1 to 1; 0 if nothing overlaps.

    Args:
        tones: (H, W) the query after `fine`.
        homography: (3, 3) from the reference's pixels to the query's.
        kept: (96, 96) the reference after `grey`.
        swatch: Its colours; says where the item is and how large the reference was.
    """
    width, height = _size(swatch.size)
    factor = LONGEST / max(swatch.size)
    shrink = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
    back = homography @ np.linalg.inv(shrink)
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    here = cv2.warpPerspective(tones, back, (width, height), flags=way).astype(np.float32)
    seen = cv2.warpPerspective(np.ones_like(tones), back, (width, height), flags=way) > 0
    solid = cv2.resize(swatch.solid.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    there = kept[:height, :width].astype(np.float32)
    likeness, spread = _correlation(there, here)
    weight = np.minimum(spread, _PRINT) * (seen & solid)
    return float((likeness * weight).sum() / max(float(weight.sum()), 1.0))


def colours(soft: Picture, homography: Matrix, swatch: colour.Swatch) -> float:
    """Agreement of colours, from 0 to 1, light fitted.

    Args:
        soft: (H, W, 3) the query after `mmid_colour.soften`.
        homography: (3, 3) from the reference's pixels to the query's.
        swatch: The reference's colours.
    """
    return float(np.exp(-colour.distance(soft, homography, swatch, farthest=_FARTHEST) / _ALIKE))


def _size(size: tuple[int, int]) -> tuple[int, int]:
    factor = LONGEST / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _correlation(there: Floats, here: Floats) -> tuple[Floats, Floats]:
    """Of each window of the reference with the best of the query's windows around it; and its standard deviation."""
    means, spreads = _moments(there)
    rows, columns = there.shape
    padded = [
        cv2.copyMakeBorder(part, _REACH, _REACH, _REACH, _REACH, cv2.BORDER_REPLICATE)
        for part in (here, *_moments(here))
    ]
    best = np.full(there.shape, -1, np.float32)
    for down, right in product(range(2 * _REACH + 1), repeat=2):
        tone, mean, spread = (part[down : down + rows, right : right + columns] for part in padded)
        together = _mean(there * tone) - means * mean
        np.maximum(best, together / ((spreads + _FLAT) * (spread + _FLAT)), out=best)
    return best, spreads


def _moments(tones: Floats) -> tuple[Floats, Floats]:
    mean = _mean(tones)
    return mean, np.sqrt(np.maximum(_mean(tones * tones) - mean * mean, 1e-6))


def _mean(values: npt.NDArray[np.float32]) -> Floats:
    return np.asarray(cv2.blur(values, (_WINDOW, _WINDOW)), np.float32)
