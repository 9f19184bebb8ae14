"""What speaks for each of a few references once they are registered with a picture, place by place.

Served by Triton too (`repository/product_verification`): it knows no catalogue, only a picture and references.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from triton_models import mmid_colour as colour
from triton_models import mmid_overlay as overlay
from triton_models.registration import (
    Features,
    Floats,
    Picture,
    Registration,
    centrality,
    features,
    foremost,
    frontal,
)

NAMES: Final = ("inliers", "central", "rather", "plain", "print", "colours")
FEWEST: Final = 10  # inliers, below which a registration is taken for chance
PLAIN: Final = 20  # inliers, from which on a reference lies plainly in the picture
TILTS: Final = (1.5, 2.2)
_LONGEST: Final = 348  # pixels of a query: OpenCV's SIFT doubles it
LIMIT: Final = 800  # local features of a query, and of a reference; six tenths of it for each simulated slant
_ENLARGED: Final = 396  # pixels to which a reference is scaled: pictures of catalogues are small
_CERTAIN: Final = 15  # inliers at which simulated slants are not tried any more
_COMPARED: Final = 6  # registered references whose colours are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What of a picture references are compared with.

    Attributes:
        soft: The picture, scaled and blurred.
        fine: The picture, scaled and grey.
        local: Its local features.
    """

    soft: Picture
    fine: Picture
    local: Features


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One reference.

    Attributes:
        owner: The product, as a number: rivals are other products' references.
        local: Its local features, simulated slants included.
        swatch: Its colours.
        grey: (96, 96), of `mmid_overlay.grey`.
    """

    owner: int
    local: Features
    swatch: colour.Swatch
    grey: Picture


def scaled(picture: Picture) -> Picture:
    """A query (H, W, 3) as it is looked at: 348 pixels on its longer side."""
    factor = _LONGEST / max(picture.shape[:2])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = picture if factor == 1 else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=way)
    return np.asarray(small, np.uint8)


def look_at(small: Picture) -> Look:
    """Describe a query after `scaled`."""
    return Look(soft=colour.soften(small), fine=overlay.fine(small), local=features(small, limit=LIMIT))


def known(
    picture: Picture,
    *,
    owner: int = 0,
    solid: npt.NDArray[np.bool_] | None = None,
    tilts: tuple[float, ...] = TILTS,
    limit: int = LIMIT,
) -> Known:
    """Describe a reference.

    Args:
        picture: (H, W, 3), RGB, the item on white or filling the picture.
        owner: See `Known`.
        solid: (H, W) where the item is, if that is known better than by the white around it.
        tilts: Simulated slants, see `registration.features`.
        limit: Most local features.
    """
    where = colour.foreground(picture) if solid is None else solid
    return Known(
        owner=owner,
        local=features(picture, mask=solid, limit=limit, longest=_ENLARGED, tilts=tilts),
        swatch=colour.swatch(picture, where),
        grey=overlay.grey(picture),
    )


def compare(look: Look, references: Mapping[int, Known]) -> dict[int, Floats]:
    """What speaks for each reference.

    Returns:
        (6,) for each that registers, in the order of `NAMES`: logarithm of a quarter of the inliers; logarithm of half
        of those near the middle, and 1; whose colours it has where a rival differs, against the worst rival; how
        plainly it lies there, from 0 to 1; how well its print and its colours agree with the picture, both the less
        the less plainly it lies there.
    """
    found = _register(look.local, references)
    ranked = sorted(found, key=lambda row: -found[row].inliers)
    worst = _worst(look.soft, {row: (found[row], references[row]) for row in ranked[:_COMPARED]})
    return {
        row: _row(look, registration, references[row], worst.get(row, 0.0))
        for row, registration in found.items()
    }


def _row(look: Look, registration: Registration, reference: Known, rather: float) -> Floats:
    plain = min((registration.inliers + 1 - FEWEST) / (PLAIN + 1 - FEWEST), 1)
    where = registration.homography
    return np.array(
        [
            np.log(registration.inliers / 4),
            np.log1p(registration.inliers * centrality(registration, look.local) / 2),
            rather,
            plain,
            plain * overlay.structure(look.fine, where, reference.grey, reference.swatch),
            plain * overlay.colours(look.soft, where, reference.swatch),
        ],
        np.float32,
    )


def _register(query: Features, references: Mapping[int, Known]) -> dict[int, Registration]:
    """Registers references; with their simulated slants too where none lies there plainly."""
    found = {row: foremost(query, frontal(one.local)) for row, one in references.items()}
    if max((it.inliers for it in found.values() if it is not None), default=0) < _CERTAIN:
        for row, one in references.items():
            if one.local.views.any():
                found[row] = foremost(query, one.local)
    return {row: it for row, it in found.items() if it is not None and it.inliers >= FEWEST}


def _worst(soft: Picture, compared: Mapping[int, tuple[Registration, Known]]) -> dict[int, float]:
    """`colour.rather` of each reference, against the rival that it does worst against."""
    rivals = [
        pair for pair in combinations(compared, 2) if len({compared[row][1].owner for row in pair}) == 2
    ]
    worst = {row: 1.0 if any(row in pair for pair in rivals) else 0.0 for row in compared}
    for one, other in rivals:
        there, back = (
            (it.homography, reference.swatch) for it, reference in (compared[one], compared[other])
        )
        gap = (colour.rather(soft, there, back) - colour.rather(soft, back, there)) / 2
        worst[one], worst[other] = min(worst[one], gap), min(worst[other], -gap)
    return worst
