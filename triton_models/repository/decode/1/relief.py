"""How high what lies on the tray stands above it, as the depth camera saw it. Training and serving share this file."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

RIM = 12
"""Pixels of the depth image's rim that are taken for the tray."""
_LOWEST, _HIGHEST = -0.02, 0.5


def heights(
    millimetres: NDArray[np.uint16], square: tuple[int, int, int, int], side: int
) -> NDArray[np.float32]:
    """(side, side): metres above the tray within the square; 0 where the depth camera saw nothing.

    Args:
        millimetres: (H, W) from the camera, 0 where nothing was seen.
        square: Left, top, right and bottom in the depth image's pixels; may reach beyond it.
        side: Cells on a side of the answer.
    """
    mm = millimetres.astype(np.float32)
    rim = np.concatenate([mm[:RIM].ravel(), mm[-RIM:].ravel(), mm[:, :RIM].ravel(), mm[:, -RIM:].ravel()])
    known = rim[rim > 0]
    if not len(known):
        return np.zeros((side, side), np.float32)
    above = np.where(mm > 0, np.clip((np.median(known) - mm) / 1000, _LOWEST, _HIGHEST), 0).astype(np.float32)
    return squared(above, square, cv2.INTER_AREA, side)


def squared(
    values: NDArray[np.float32], square: tuple[int, int, int, int], way: int, side: int
) -> NDArray[np.float32]:
    """(side, side): the square of the values, 0 where it reaches beyond them; `way` is OpenCV's interpolation."""
    left, top, right, bottom = square
    height, width = values.shape
    inside = values[max(0, top) : bottom, max(0, left) : right]
    padded = cv2.copyMakeBorder(
        inside,
        max(0, -top),
        max(0, bottom - height),
        max(0, -left),
        max(0, right - width),
        cv2.BORDER_CONSTANT,
        value=(0,),
    )
    return np.asarray(cv2.resize(padded, (side, side), interpolation=way), np.float32)


def moved(
    square: tuple[int, int, int, int], picture: tuple[int, int], depth: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The square of a picture in the pixels of the same camera's depth image; sizes are (height, width)."""
    if picture == depth:
        return square
    down, right = depth[0] / picture[0], depth[1] / picture[1]
    left, top, end, bottom = square
    return round(left * right), round(top * down), round(end * right), round(bottom * down)
