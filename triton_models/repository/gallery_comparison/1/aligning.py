"""How a reference lies in a picture, and both of them in one frame, cell beside cell.

Local features say where a flat print lies (`registration.py`). Where prints repeat (six equal boxes in a pack) a
feature's twin is as near as itself and the ratio test throws both away: there the outlines of the two things say
roughly where to look, and features are matched again near the place that each must have. What is not quite flat is
followed by bending the reference a little, as far as matched features show that it bends.

Imports nothing of Triton and no torch: training, measuring and serving run this same file.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

# One decoder decides what a picture is, and one file what the tray looks like: they are beside us in the repository.
sys.path.append(str(Path(__file__).parents[2] / "decode" / "1"))

from framing import cropped, foreground
from pixels import fitted
from registration import Features, Matches, features, project, register, unit

SIDE: Final = 256
"""Pixels on a side of both pictures of a pair."""
CELLS: Final = 32
"""Cells on a side of the mask of what can be compared."""
LOOKED: Final = 320
"""Pixels on a side in which local features are looked for."""
FEWEST: Final = 10
"""Features that must agree, or the two are not compared."""
_FEW: Final = 8
_GUIDED: Final = 20
"""The same where features were looked for near a guess: chance alone finds some 10 there."""
_STRONGEST: Final = 450
"""Features that a guess is tried with."""
FACTS: Final = 6
"""Numbers that go with a pair: logarithm of the inliers, likeness, share compared, three gains of colour."""
_ALIKE: Final = 0.15
"""Correlation of brightness below which features agree by chance, or on one word of another print."""
_GUESSED: Final = 0.3
"""The same where features were looked for near a guess."""
_SURE: Final = 30
_CLEAR: Final = 0.5
"""Inliers and correlation at which no other way to lay the reference is tried."""
_LIMIT: Final = 700
_TOLERANCE: Final = 0.0145
_SMALL: Final = 128
_GREY: Final = 80
_LEAST: Final = 100
_STRETCH: Final = 1.4
_COVERS: Final = (0.02, 0.9)

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is kept of one picture.

    Attributes:
        pixels: (320, 320, 3) RGB.
        features: Its local features.
        item: (128, 128) where the thing is, holes filled; everywhere where no ground can be told from it.
        framed: Whether ground was told from thing.
        grey: (80, 80) brightness.
        cover: (80, 80) in [0, 1]: `item`, shrunk.
    """

    pixels: Picture
    features: Features
    item: NDArray[np.bool_]
    framed: bool
    grey: Floats
    cover: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How a reference lies in a query, both 320 pixels wide.

    Attributes:
        homography: (3, 3), from the reference to the query.
        inliers: Places that agree on it.
        likeness: Correlation of brightness, -1 to 1.
    """

    homography: Matrix
    inliers: int
    likeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A query and a reference in the query's frame.

    Attributes:
        query: (256, 256, 3) RGB.
        reference: (256, 256, 3) RGB, its light brought to the query's.
        valid: (2, 32, 32) in [0, 1]: share of a cell that the reference's thing covers, how many features agree there.
        facts: (6,), see FACTS.
    """

    query: Picture
    reference: Picture
    valid: Floats
    facts: Floats


def look(data: bytes) -> Look:
    """Reads a picture.

    Raises:
        DecodeError: The bytes are no picture; `pixels.py` of `decode` says why.
    """
    return looked(np.asarray(fitted(data, LOOKED)))


def looked(picture: Picture) -> Look:
    """What is kept of a picture, (H, W, 3) RGB: squared by repeating its rim, shrunk or grown to 320 pixels."""
    height, width = picture.shape[:2]
    side = max(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    square = (
        picture
        if (height, width) == (LOOKED, LOOKED)
        else cropped(picture, (left, top, left + side, top + side), LOOKED)
    )
    item, framed = _outline(square)
    grey = cv2.cvtColor(cv2.resize(square, (_GREY, _GREY), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return Look(
        pixels=square,
        features=features(square, limit=_LIMIT),
        item=item,
        framed=framed,
        grey=np.asarray(grey, np.float32),
        cover=np.asarray(
            cv2.resize(item.astype(np.float32), (_GREY, _GREY), interpolation=cv2.INTER_AREA), np.float32
        ),
    )


def align(query: Look, reference: Look, *, guess: bool = True) -> Alignment | None:
    """Where the reference lies in the query; None if it cannot be told.

    Args:
        query: The capture's picture.
        reference: The product's.
        guess: Whether it is also looked for near a guess where features alone do not say it clearly, at thrice the
            cost.
    """
    one, other = query.features, reference.features
    if not len(one) or not len(other):
        return None
    found = register(one, other, tolerance=_TOLERANCE)
    likeness = -1.0 if found is None else _correlation(query, reference, found.homography)
    if guess and (found is None or found.inliers < _SURE or likeness < _CLEAR):
        guesses = [] if found is None or found.inliers < _FEW else [found.homography]
        if query.framed and reference.framed:
            guesses += _laid_over(query.item, reference.item)
        alike = _likeness(one, other, _STRONGEST)
        for near in guesses:
            nearby = _near(one, other, alike, near, 0.05)
            again = register(one, other, matches=nearby, tolerance=_TOLERANCE)
            if again is None or again.inliers < _GUIDED:
                continue
            how = _correlation(query, reference, again.homography)
            if how > max(likeness, _GUESSED):
                found, likeness = again, how
    if found is None or found.inliers < FEWEST or likeness < _ALIKE:
        return None
    return Alignment(homography=found.homography, inliers=found.inliers, likeness=likeness)


def _likeness(query: Features, reference: Features, most: int) -> Floats:
    """(n, m): cosines of the descriptors of the `most` strongest features of both."""
    return np.asarray(unit(query.descriptors[:most]) @ unit(reference.descriptors[:most]).T, np.float32)


def _correlation(query: Look, reference: Look, homography: Matrix) -> float:
    """How alike the two are in brightness where the reference's thing lies, -1 to 1."""
    shrink = np.diag([_GREY / LOOKED, _GREY / LOOKED, 1.0])
    over = shrink @ homography @ np.linalg.inv(shrink)
    laid = cv2.warpPerspective(reference.grey, over, (_GREY, _GREY))
    where = cv2.warpPerspective(reference.cover, over, (_GREY, _GREY)) > 0.5
    if where.sum() < _LEAST:
        return -1.0
    one, other = (each[where] - each[where].mean() for each in (query.grey, laid))
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + 1e-3))


def _outline(square: Picture) -> tuple[NDArray[np.bool_], bool]:
    small = np.asarray(cv2.resize(square, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA), np.uint8)
    found = foreground(small)
    if not _COVERS[0] <= found.mean() <= _COVERS[1]:
        return np.ones((_SMALL, _SMALL), np.bool_), False
    outer, _ = cv2.findContours(found.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros((_SMALL, _SMALL), np.uint8)
    cv2.drawContours(filled, outer, -1, (1,), cv2.FILLED)
    return filled.astype(np.bool_), True


def _laid_over(query: NDArray[np.bool_], reference: NDArray[np.bool_]) -> list[Matrix]:
    """The reference's outline turned and stretched over the query's: those of the four ways that keep its shape."""
    here, there = (_corners(mask) * (LOOKED / _SMALL) for mask in (query, reference))
    ways = []
    for turn in range(4):
        corners = np.roll(here, turn, axis=0)
        first, second = (
            float(np.linalg.norm(corners[at] - corners[at - 1]) / np.linalg.norm(there[at] - there[at - 1]))
            for at in (1, 2)
        )
        if max(first, second) < _STRETCH * min(first, second):
            over = cv2.getPerspectiveTransform(there, corners)
            ways.append(np.asarray(over, np.float64))
    return ways


def _corners(mask: NDArray[np.bool_]) -> Floats:
    """(4, 2) of the least rectangle around it, clockwise."""
    points = np.argwhere(mask)[:, ::-1].astype(np.float32)
    # A cell has a width: the rectangle around a single row of them is no line.
    middle, (wide, high), angle = cv2.minAreaRect(points)
    return np.asarray(cv2.boxPoints((middle, (wide + 1, high + 1), angle)), np.float32)


def _near(query: Features, reference: Features, alike: Floats, guess: Matrix, reach: float) -> Matches:
    """Matches whose distance from the guessed place is at most `reach`, a share of the picture's side.

    `alike` are the likenesses of the first features of both, the strongest; the others have no say.
    """
    expected = project(guess, reference.points[: alike.shape[1]]).astype(np.float32)
    far = _squares(query.points[: len(alike)], expected) > (reach * LOOKED) ** 2
    likeness = np.where(far, np.float32(-1), alike)
    first = likeness.argmax(1)
    rows = np.arange(len(first))
    top = likeness[rows, first]
    # The same spot often has several keypoints: only another spot is a rival.
    same = _squares(expected[first], expected) < (0.015 * LOOKED) ** 2
    second = np.where(same, np.float32(-1), likeness).max(1)
    one, two = (np.sqrt(np.maximum(2 - 2 * value, 0)) for value in (top, second))
    kept = np.flatnonzero((one < 0.75) & (one < 0.9 * two))
    return Matches(
        query=kept, reference=first[kept], ratios=(one / np.maximum(two, 1e-6))[kept].astype(np.float32)
    )


def _squares(one: Floats, other: Floats) -> Floats:
    """(n, m): squared distances, by one product of matrices: exact to 0.1 pixels within a picture."""
    middle = np.float32(LOOKED / 2)
    here, there = one - middle, other - middle
    crossed = here @ (there.T * np.float32(-2))
    crossed += (here**2).sum(1)[:, None]
    crossed += (there**2).sum(1)
    return np.asarray(crossed, np.float32)


def _bend(query: Features, reference: Features, homography: Matrix) -> tuple[Floats, Floats]:
    """How a print that is not quite flat is off its place.

    Returns:
        (32, 32, 2) pixels by which the query's content is off, smooth, nothing where no features are near; (32, 32) in
        [0, 1]: how many features near each cell agree.
    """
    nearby = _near(query, reference, _likeness(query, reference, _LIMIT), homography, 0.03)
    at = project(homography, reference.points[nearby.reference]).astype(np.float32)
    off = query.points[nearby.query] - at
    line = (np.arange(CELLS, dtype=np.float32) + 0.5) * (LOOKED / CELLS)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    if len(off) < FEWEST:
        return np.zeros((CELLS, CELLS, 2), np.float32), np.zeros((CELLS, CELLS), np.float32)
    weight = np.exp(-_squares(grid, at) / (2 * (0.06 * LOOKED) ** 2))
    total = weight.sum(1)
    field = weight @ off / (total[:, None] + 2.0)
    return (
        np.asarray(field.reshape(CELLS, CELLS, 2), np.float32),
        np.asarray(np.minimum(1, total / 4).reshape(CELLS, CELLS), np.float32),
    )


def pair(query: Look, reference: Look, alignment: Alignment) -> Pair:
    """Both pictures in the query's frame, 256 pixels wide."""
    shrink = np.diag([SIDE / LOOKED, SIDE / LOOKED, 1.0])
    picture = np.asarray(cv2.resize(query.pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    bend, support = _bend(query.features, reference.features, alignment.homography)
    places = _places(alignment.homography, bend, shrink)
    warped = cv2.remap(
        reference.pixels, *places, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.remap(
        reference.item.astype(np.float32),
        *(place * np.float32(_SMALL / LOOKED) for place in places),
        interpolation=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0,),
    )
    cover = np.asarray(cv2.resize(mask, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)
    gains = _gains(picture, np.asarray(warped, np.uint8), mask > 0.5)
    lit = np.clip(warped.astype(np.float32) * gains, 0, 255).astype(np.uint8)
    facts = np.array(
        [
            np.log(alignment.inliers) - 3.5,
            alignment.likeness,
            float(cover.mean()),
            *np.log(gains),
        ],
        np.float32,
    )
    return Pair(query=picture, reference=lit, valid=np.stack([cover, support]), facts=facts)


def _places(homography: Matrix, bend: Floats, shrink: Matrix) -> tuple[Floats, Floats]:
    """For each pixel of the 256-pixel frame, where it is in the reference."""
    line = np.arange(SIDE, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    off = cv2.resize(bend, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) * np.float32(shrink[0, 0])
    back = np.linalg.inv(shrink @ homography)
    at = cv2.perspectiveTransform((grid - off).reshape(1, -1, 2).astype(np.float64), back)
    at = at.reshape(SIDE, SIDE, 2).astype(np.float32)
    return np.ascontiguousarray(at[..., 0]), np.ascontiguousarray(at[..., 1])


def _gains(query: Picture, warped: Picture, where: NDArray[np.bool_]) -> Floats:
    """(3,): what brings the reference's light and its tint, within bounds, to the query's."""
    if where.sum() < 200:
        return np.ones(3, np.float32)
    means = [np.maximum(each[where].astype(np.float32).mean(0), 4.0) for each in (query, warped)]
    gains = means[0] / means[1]
    light = float(np.clip(gains.mean(), 0.4, 2.5))
    # A wider tint would turn one flavour's colour into another's.
    return np.asarray(light * np.clip(gains / gains.mean(), 0.88, 1.14), np.float32)
