"""Twelve families of fronts. Each lays out one sheet, upright or lying, from the pieces."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from triton_models.simulator.art_fronts import (
    band_front,
    bleed_front,
    circle_front,
    diagonal_front,
    minimal_front,
    split_front,
)
from triton_models.simulator.art_fronts_rich import (
    burst_front,
    pattern_front,
    pharma_front,
    swoosh_front,
    tech_front,
    vintage_front,
)
from triton_models.simulator.art_pieces import (
    Sheet,
)
from triton_models.simulator.things import Floats


def front(sheet: Sheet) -> None:
    """The front in its design's style, with the quantity or count in a lower corner."""
    _STYLES[sheet.design.style % len(_STYLES)](sheet)


def coated(sheet: Sheet) -> None:
    """The faint mottling of printed board, over everything."""
    height, width = sheet.canvas.pixels.shape[:2]
    x, y = (int(shift) for shift in sheet.random.integers(0, _TILE, 2))
    rows, columns = -(-(height + y) // _TILE), -(-(width + x) // _TILE)
    grain = np.tile(_mottling(), (rows, columns))[y : y + height, x : x + width]
    mottled = cv2.add(sheet.canvas.pixels, cv2.merge([grain, grain, grain]), dtype=cv2.CV_8U)
    sheet.canvas.pixels = np.asarray(mottled, np.uint8)


_TILE = 256


@lru_cache(maxsize=1)
def _mottling() -> Floats:
    """One tile of paper grain, in 8-bit steps: always the same, since drawing it anew costs more than the face."""
    return np.random.default_rng(23).normal(0, 1.6, (_TILE, _TILE)).astype(np.float32)


_STYLES: tuple[Callable[[Sheet], None], ...] = (
    band_front, split_front, minimal_front, circle_front, diagonal_front, bleed_front,
    vintage_front, tech_front, pattern_front, burst_front, pharma_front, swoosh_front,
)  # fmt: skip
