"""A record's pictures as arrays: whole, centred on a square, or the item's own pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from triton_models.kaputt import Query, Reference
from triton_models.problems import BadData
from triton_models.serving import serving_module

Image = NDArray[np.uint8]

_SIDE: Final = 224
_GREY: Final = 127
"""The networks subtract it, so a margin of it is a zero to them."""


def square(image: Image, side: int = _SIDE) -> Image:
    """(side, side, 3): the whole image, centred on grey where it is not square.

    Args:
        image: (H, W, 3) uint8 RGB, or a mask (H, W) of 0 and 255, whose margins then are 127.
        side: Pixels.
    """
    served: Any = serving_module("decode", "pixels")
    small = np.asarray(served.fitted(_png(image), side))
    height, width = small.shape[:2]
    ground = np.full((side, side, 3), _GREY, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    ground[top : top + height, left : left + width] = small
    return ground


def _png(image: Image) -> bytes:
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    data: Any = cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, 0])[1]
    return bytes(data.tobytes())


def item_pixels(record: Query | Reference) -> tuple[Image, NDArray[np.bool_]]:
    """The item's picture (H, W, 3) RGB and where in it the item is (H, W).

    A mask may lie over the crop or over the whole picture; which of them its size tells. In the second case the item
    is cut out of the picture by the mask's bounds.

    Raises:
        BadData: A file is no picture, or the mask fits neither.
    """
    if isinstance(record, Query):
        paths = (record.query_crop, record.query_image, record.query_mask)
    else:
        paths = (record.reference_crop, record.reference_image, record.reference_mask)
    crop_path, image_path, mask_path = paths
    crop, mask = read_image(crop_path), _read(mask_path, cv2.IMREAD_GRAYSCALE) > 0
    if mask.shape == crop.shape[:2]:
        return crop, mask
    image = read_image(image_path)
    if mask.shape != image.shape[:2]:
        raise BadData(f"{mask_path} is {mask.shape}, which fits neither the crop nor the picture")
    if not mask.any():
        return image, mask
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    cut = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return image[cut], mask[cut]


def read_image(path: Path) -> Image:
    """(H, W, 3) uint8 RGB.

    Raises:
        BadData: It is no picture.
    """
    return np.asarray(cv2.cvtColor(_read(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def _read(path: Path, flags: int) -> Image:
    found = cv2.imread(str(path), flags)
    if found is None:
        raise BadData(f"{path} cannot be read as a picture")
    return np.asarray(found, np.uint8)
