"""What lies beside an item, and whether it could have come out of it.

A puddle beside a whole-looking bag means that the bag leaks if it is the bag's own contents, and is the tote's problem
if it is not. The classifier's map says where matter lies; its colour against the catalogue's word on the contents says
whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from triton_models.serving import serving_module

_GRID: Final = 64
_LIGHTNESS: Final = 0.5
"""Weight of lightness in the distance of two colours: lamps and shadow change it, the stuff itself less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Something that lies beside the item.

    Attributes:
        logit: How sure the map is, mean of its four strongest cells.
        colour: (3,) its colour, CIELAB; without meaning where `logit` is low.
        share: Share of the picture that it covers.
    """

    logit: float
    colour: NDArray[np.float32]
    share: float


def matter(pixels: NDArray[np.uint8], where: NDArray[np.floating[Any]]) -> Matter:
    """Reads the matter off a picture.

    Args:
        pixels: (256, 256, 3) RGB as the classifier saw it.
        where: (16, 16) logits, the map's last channel.
    """
    strongest = np.sort(where.ravel())[-4:]
    fine = cv2.resize(where.astype(np.float32), (_GRID, _GRID), interpolation=cv2.INTER_LINEAR)
    chance = 1 / (1 + np.exp(-fine))
    small = cv2.resize(pixels, (_GRID, _GRID), interpolation=cv2.INTER_AREA)
    lab = _lab(np.asarray(small, np.uint8))
    framing: Any = serving_module("decode", "framing")
    # Cells on the matter's edge are half tray: what differs from the tray counts.
    apart = np.sqrt(((lab - framing.tray(lab)) ** 2).sum(-1))
    weight = np.maximum(chance - 0.5 * float(chance.max()), 0) * np.minimum(apart, 40.0) ** 2
    total = float(weight.sum())
    colour = (lab * weight[..., None]).sum((0, 1)) / total if total > 0 else np.zeros(3)
    return Matter(
        logit=float(strongest.mean()),
        colour=np.asarray(colour, np.float32),
        share=float((chance > 0.5).mean()),
    )


def foreignness(found: Matter, contents: tuple[int, int, int]) -> float:
    """How far the matter's colour is from the contents' (sRGB), in units of CIELAB; 15 is a clear difference."""
    own = _lab(np.array([[contents]], np.uint8))[0, 0]
    apart = (found.colour - own) * np.array([_LIGHTNESS, 1, 1], np.float32)
    return float(np.sqrt((apart**2).sum()))


def _lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(…, 3) in L 0 to 100, a and b around 0."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
