"""Features of the shipped encoder, frozen, outside of a server; and the item's own pixels out of a record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from triton_models.kaputt import Query, Reference
from triton_models.problems import BadData
from triton_models.serving import REPOSITORY, serving_module

Image = NDArray[np.uint8]
Patches = Callable[[Image], NDArray[np.float32]]
"""An image (H, W, 3) uint8 RGB to its patches (h, w, C); the whole image is seen, centred on a square."""
Features = Callable[[Image], NDArray[np.float32]]
"""An image (H, W, 3) uint8 RGB to one vector (C,)."""

ENCODER: Final = REPOSITORY / "gallery_encoder" / "1" / "gallery_encoder.onnx"
_DECODE: Final[Any] = serving_module("decode", "pixels").decode


class Encoder:
    """The encoder that is served: ImageNet features, whitened, nothing trained on damage."""

    def __init__(self, path: Path = ENCODER) -> None:
        """Load the network, for one thread."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def patches(self, image: Image) -> NDArray[np.float32]:
        """(7, 7, 64), each of length 1."""
        flat = self._run("PATCHES", image)
        side = round(len(flat) ** 0.5)
        return flat.reshape(side, side, -1)

    def embedding(self, image: Image) -> NDArray[np.float32]:
        """(256,), of length 1."""
        return self._run("EMBEDDING", image)

    def _run(self, output: str, image: Image) -> NDArray[np.float32]:
        (rows,) = self._session.run([output], {"PIXELS": square(image)[None]})
        return np.asarray(rows[0], np.float32)


def square(image: Image) -> Image:
    """The (224, 224, 3) pixels that the networks are served for an image, by the served code itself.

    Args:
        image: (H, W, 3) uint8 RGB, or a mask (H, W) of 0 and 255, whose margins then are 127.
    """
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    return np.asarray(_DECODE(data.tobytes()), np.uint8)


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
