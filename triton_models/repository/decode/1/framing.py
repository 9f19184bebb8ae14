"""Finds what lies on the tray, so that the networks look at the item and what is beside it, not at the belt.

The tray is what the picture's rim shows: its colour, fitted as a plane over the picture because lamps light it
unevenly. What differs from it by more than the rim itself does is foreground.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SMALL = 128
"""Pixels on a side of the picture in which the item is looked for."""
RIM = 0.05
"""Share of the picture's side that counts as rim."""
MARGIN = 0.07
"""Share of the found box's longer side that is kept around it."""
_LEAST, _MOST = 0.015, 0.97
"""Shares of the picture that a found item may cover; outside of them the whole picture is taken."""


def box(picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, pixels, of a square around everything on the tray.

    The square may reach beyond the picture: `cropped` fills what is outside.

    Args:
        picture: (H, W, 3) sRGB.
    """
    height, width = picture.shape[:2]
    small: NDArray[Any] = cv2.resize(picture, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    found = foreground(small)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    if not _LEAST <= found.mean() <= _MOST:
        side = max(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side
    scale = np.array([width, height]) / SMALL
    low = np.array([columns[0], rows[0]]) * scale
    high = np.array([columns[-1] + 1, rows[-1] + 1]) * scale
    half = float((high - low).max()) * (0.5 + MARGIN)
    middle = (low + high) / 2
    left, top = (round(float(v)) for v in middle - half)
    side = max(8, round(2 * half))
    return left, top, left + side, top + side


def cropped(picture: NDArray[np.uint8], at: tuple[int, int, int, int], size: int) -> NDArray[np.uint8]:
    """(size, size, 3): the square `at` of the picture; its rim is repeated where the square reaches beyond."""
    left, top, right, bottom = at
    height, width = picture.shape[:2]
    inside = picture[max(0, top) : bottom, max(0, left) : right]
    padded = cv2.copyMakeBorder(
        inside,
        max(0, -top),
        max(0, bottom - height),
        max(0, -left),
        max(0, right - width),
        cv2.BORDER_REPLICATE if inside.ndim == 3 else cv2.BORDER_CONSTANT,
    )
    shrink = padded.shape[0] > size
    way = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(padded, (size, size), interpolation=way), np.uint8)


def foreground(small: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N, N): what is not tray, specks left out."""
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (3, 3), 0), cv2.COLOR_RGB2LAB).astype(np.float32)
    away = np.abs(lab - tray(lab))
    rim = _rim(small.shape[0])
    # The lightness of a tray varies with wear and shadow more than its colour does.
    spread = np.maximum(np.percentile(away[rim], 80, axis=0), (7.0, 3.0, 3.0)).astype(np.float32)
    apart = ((away / (2.6 * spread)) ** 2).sum(-1) > 1
    whole = cv2.morphologyEx(apart.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    whole = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, facts, _ = cv2.connectedComponentsWithStats(whole)
    kept = [k for k in range(1, count) if facts[k, cv2.CC_STAT_AREA] >= 12]
    if not kept:
        return np.zeros(small.shape[:2], np.bool_)
    biggest = max(kept, key=lambda k: int(facts[k, cv2.CC_STAT_AREA]))
    near = _reach(facts[biggest], small.shape[0])
    return np.isin(labels, [k for k in kept if k == biggest or _touches(facts[k], near)])


def tray(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, N, 3): the tray's colour everywhere, a plane fitted to the rim, outliers (an item cut off) left out."""
    size = lab.shape[0]
    line = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    basis = np.stack([np.ones_like(x), x, y], axis=-1)
    rim = _rim(size)
    rows, colours = basis[rim], lab[rim]
    kept = np.ones(len(rows), np.bool_)
    fit = np.zeros((3, 3), np.float32)
    for _ in range(3):
        fit = np.linalg.lstsq(rows[kept], colours[kept], rcond=None)[0].astype(np.float32)
        off = np.abs(colours - rows @ fit).sum(-1)
        kept = off <= max(float(np.percentile(off, 70)), 6.0)
    return np.asarray(basis @ fit, np.float32)


def _rim(size: int) -> NDArray[np.bool_]:
    edge = max(2, round(size * RIM))
    rim = np.ones((size, size), np.bool_)
    rim[edge:-edge, edge:-edge] = False
    return rim


def _reach(facts: NDArray[Any], size: int) -> tuple[float, float, float, float]:
    """The biggest piece's box, grown by a fifth of the picture: what lies there may have come out of it."""
    left, top, width, height = (float(v) for v in facts[:4])
    grow = 0.2 * size
    return left - grow, top - grow, left + width + grow, top + height + grow


def _touches(facts: NDArray[Any], near: tuple[float, float, float, float]) -> bool:
    left, top, width, height = (float(v) for v in facts[:4])
    return left < near[2] and top < near[3] and left + width > near[0] and top + height > near[1]
