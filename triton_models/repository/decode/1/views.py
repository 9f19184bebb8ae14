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
CELLS: Final = 64
"""Cells on a side of the heights."""
CROP: Final = 320
"""Pixels on a side of what is kept, for comparing and for people."""
_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 92)


class View(NamedTuple):
    """A framed picture: pixels (256, 256, 3) uint8, height (64, 64) float32 in metres above the tray, crop: a JPEG."""

    pixels: NDArray[np.uint8]
    height: NDArray[np.float32]
    crop: bytes


def view(image: bytes, depth_image: bytes) -> View:
    """What is seen of one picture. `depth_image`: PNG in millimetres, or empty.

    Raises DecodeError (of `pixels`) when either cannot be read.
    """
    whole, far = picture(image), depth(depth_image)
    square = box(whole)
    crop: Any = cv2.imencode(".jpg", cropped(whole, square, CROP)[..., ::-1], _QUALITY)[1]
    height = (
        np.zeros((CELLS, CELLS), np.float32)
        if far is None
        else heights(far, moved(square, whole.shape[:2], far.shape), CELLS)
    )
    return View(cropped(whole, square, SIDE), height, crop.tobytes())
