"""What is asked of the models that see, and what they say; values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One colour image of a capture, and its camera's depth image; no bytes where it has none."""

    image: bytes
    depth: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the models say about each image of a capture, in order.

    damage: (images, 9) float32 in [0, 1]; embedding: (images, 256) float32; matter: (images, 5) float32: logit of
    something lying beside the item, its colour in CIELAB, share of the picture; crops: a JPEG of the framed item each;
    versions: of the networks that gave this very answer, as events carry them.
    """

    damage: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]
    matter: npt.NDArray[np.float32]
    crops: tuple[bytes, ...]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A capture's pictures against references: that of the pair that could be laid over each other best.

    The first three are logits; without inliers nothing could be compared, and they are without meaning. query and
    reference: places in what was sent. heat: (2, 16, 16) float16, logits of foreign and missing, on that picture.
    """

    changed: float
    missing: float
    mismatch: float
    inliers: int
    query: int
    reference: int
    heat: npt.NDArray[np.float16]
