"""What lies beside an item, and its colour. Measuring reads this file too; it imports nothing of Triton.

A puddle beside a whole-looking bag means that the bag leaks if it is the bag's own contents, and is the tote's problem
if it is not. The classifier's map says where matter lies; its colour, held against the catalogue's word on the
contents by whoever knows the product, says whose it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

_GRID: Final = 64


def matter(
    pixels: NDArray[np.uint8],
    where: NDArray[np.floating[Any]],
    tray: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """(5,): how sure the map is (mean of its four strongest cells, a logit); colour L, a, b; share of the picture.

    Args:
        pixels: (256, 256, 3) RGB as the classifier saw it.
        where: (16, 16) logits, the map's last channel.
        tray: (N, N, 3) CIELAB to the tray's colour everywhere, as framing knows it.
    """
    strongest = np.sort(where.ravel())[-4:]
    fine = cv2.resize(where.astype(np.float32), (_GRID, _GRID), interpolation=cv2.INTER_LINEAR)
    chance = 1 / (1 + np.exp(-fine))
    small = cv2.resize(pixels, (_GRID, _GRID), interpolation=cv2.INTER_AREA)
    seen = lab(np.asarray(small, np.uint8))
    # Cells on the matter's edge are half tray: what differs from the tray counts.
    apart = np.sqrt(((seen - tray(seen)) ** 2).sum(-1))
    weight = np.maximum(chance - 0.5 * float(chance.max()), 0) * np.minimum(apart, 40.0) ** 2
    total = float(weight.sum())
    colour = (seen * weight[..., None]).sum((0, 1)) / total if total > 0 else np.zeros(3)
    return np.array([strongest.mean(), *colour, (chance > 0.5).mean()], np.float32)


def lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(…, 3) in L 0 to 100, a and b around 0."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
