"""One picture with its camera's depth, as everything behind looks at it. Training and measuring read this file too."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from framing import box, cropped
from numpy.typing import NDArray
from pixels import depth, picture
from relief import heights, moved

SIDE: Final = 256
"""Pixels on a side of what the networks look at."""
FRAMED: Final = 288
"""The frame's side where the classifier's part of it, the middle, is `SIDE` pixels wide."""
CELLS: Final = 64
"""Cells on a side of the heights."""
CROP: Final = 320
"""Pixels on a side of what is kept, for comparing and for people."""
_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 92)


class View(NamedTuple):
    """A framed picture.

    Attributes:
        pixels: (256, 256, 3) uint8, the middle of the frame: the item nearly fills it. For the classifier.
        height: (64, 64) float32, metres above the tray in the same place.
        whole: (256, 256, 3) uint8, all of the frame. For the encoder.
        crop: All of the frame, 320 pixels wide, as a JPEG.
    """

    pixels: NDArray[np.uint8]
    height: NDArray[np.float32]
    whole: NDArray[np.uint8]
    crop: bytes


def view(image: bytes, depth_image: bytes) -> View:
    """What is seen of one picture. `depth_image`: PNG in millimetres, or empty.

    Raises DecodeError (of `pixels`) when either cannot be read.
    """
    seen, far = picture(image), depth(depth_image)
    square = box(seen)
    middle = inner(square)
    crop: Any = cv2.imencode(".jpg", cropped(seen, square, CROP)[..., ::-1], _QUALITY)[1]
    height = (
        np.zeros((CELLS, CELLS), np.float32)
        if far is None
        else heights(far, moved(middle, seen.shape[:2], far.shape), CELLS)
    )
    return View(cropped(seen, middle, SIDE), height, cropped(seen, square, SIDE), crop.tobytes())


def inner(square: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The middle of a frame that the classifier looks at: it learned from 256 of a frame's 288 pixels."""
    left, top, right, bottom = square
    rim = round((right - left) * (FRAMED - SIDE) / (2 * FRAMED))
    return left + rim, top + rim, right - rim, bottom - rim
