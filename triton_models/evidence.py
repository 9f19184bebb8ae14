"""What lies beside an item, and whether it could have come out of it.

A puddle beside a whole-looking bag means that the bag leaks if it is the bag's own contents, and is the tote's problem
if it is not. The classifier's map says where matter lies; its colour against the catalogue's word on the contents says
whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triton_models.serving import serving_module

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
    """Reads the matter off a picture, by the code that is served.

    Args:
        pixels: (256, 256, 3) RGB as the classifier saw it.
        where: (16, 16) logits, the map's last channel.
    """
    framing: Any = serving_module("decode", "framing")
    served: Any = serving_module("spilled_matter", "matter")
    found = served.matter(pixels, where, framing.tray)
    return Matter(logit=float(found[0]), colour=found[1:4], share=float(found[4]))


def foreignness(found: Matter, contents: tuple[int, int, int]) -> float:
    """How far the matter's colour is from the contents' (sRGB), in units of CIELAB; from some 26 on it is another's."""
    served: Any = serving_module("spilled_matter", "matter")
    own = served.lab(np.array([[contents]], np.uint8))[0, 0]
    apart = (found.colour - own) * np.array([_LIGHTNESS, 1, 1], np.float32)
    return float(np.sqrt((apart**2).sum()))
