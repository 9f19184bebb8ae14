"""Colours: of the whole item, of a registered reference, and of what two references of one layout differ in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from triton_models.registration import Floats, Matrix, Picture, project

GRID: Final = 33  # samples of a reference across and down
BINS: Final = (4, 10, 10)  # of a palette: lightness, green to red, blue to yellow
_RANGE: Final = 60.0  # of Lab's a and b, to either side
_MOST_TINT: Final = 0.3  # natural logarithm: light may tint a colour so far, no further
_DIFFER: Final = 10.0  # in Lab, lightness halved: from here on two references differ in a place
_WHITE: Final = 238


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """A reference's colours on a grid.

    Attributes:
        colours: (33, 33, 3) uint8, RGB, blurred.
        solid: (33, 33), False on the empty ground around the item.
        size: Width and height of the reference in pixels.
    """

    colours: Picture
    solid: npt.NDArray[np.bool_]
    size: tuple[int, int]


def foreground(picture: Picture) -> npt.NDArray[np.bool_]:
    """Mask (H, W) of the item on a white ground: all but what is white from the edge inwards. All, if all is white."""
    height, width = picture.shape[:2]
    pale = np.ones((height + 2, width + 2), np.uint8)
    pale[1:-1, 1:-1] = picture.min(2) > _WHITE
    cv2.floodFill(pale, np.zeros((height + 4, width + 4), np.uint8), (0, 0), (2.0,))
    solid = cv2.erode((pale[1:-1, 1:-1] != 2).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return solid if solid.any() else np.ones((height, width), np.bool_)


def swatch(picture: Picture, solid: npt.NDArray[np.bool_]) -> Swatch:
    """Sample a reference's picture (H, W, 3) with its `foreground` (H, W)."""
    height, width = picture.shape[:2]
    x, y = (((np.arange(GRID) + 0.5) * side / GRID).astype(int) for side in (width, height))
    soft = _blurred(picture, 1 / 25)
    return Swatch(colours=soft[y][:, x], solid=solid[y][:, x], size=(width, height))


def soften(picture: Picture) -> Picture:
    """A query's picture, blurred as `swatch` blurs."""
    return _blurred(picture, 1 / 35)


def palette(picture: Picture, weights: Floats) -> Floats:
    """Share of each colour (400,) in a picture (H, W, 3), its pixels weighted (H, W)."""
    lab = _lab(picture.reshape(-1, 3))
    spread = (lab + np.array((0, _RANGE, _RANGE))) / np.array((100, 2 * _RANGE, 2 * _RANGE)) * np.array(BINS)
    cell = np.clip(spread, 0, np.array(BINS) - 1).astype(int)
    flat = np.ravel_multi_index((cell[:, 0], cell[:, 1], cell[:, 2]), BINS)
    counts = np.bincount(flat, weights.ravel(), minlength=int(np.prod(BINS))).reshape(BINS)
    soft = cv2.GaussianBlur(counts.transpose(1, 2, 0), (3, 3), 0.7).transpose(2, 0, 1).ravel()
    return np.asarray(soft / max(soft.sum(), 1e-9), np.float32)


def central_palette(picture: Picture, *, spread: float = 0.15) -> Floats:
    """The palette (400,) of a picture's middle, light's tint taken off.

    Args:
        picture: (H, W, 3).
        spread: Standard deviation of the weight around the middle, as a share of the shorter side.
    """
    factor = 116 / min(picture.shape[:2])
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.float32)
    bright = np.maximum(np.quantile(small.reshape(-1, 3), 0.95, axis=0), 1)
    small = np.clip(small / np.clip(bright / bright.mean(), 0.8, 1.25), 0, 255)
    far = [(np.arange(side) - (side - 1) / 2) / (spread * 116) for side in small.shape[:2]]
    weights = np.exp(-0.5 * (far[0][:, None] ** 2 + far[1][None] ** 2)).astype(np.float32)
    return palette(small.astype(np.uint8), weights)


def rather(soft: Picture, one: tuple[Matrix, Swatch], other: tuple[Matrix, Swatch]) -> float:
    """Whose colours the query has where two registered references differ.

    Light is fitted where they agree, and only where they differ is compared.

    Args:
        soft: The query's picture after `soften`.
        one: Its homography (3, 3) to the query's pixels, and its colours.
        other: The same of its rival.

    Returns:
        In [-1, 1]: above 0 rather `one`, below rather `other`, 0 if they hardly overlap or differ.
    """
    places = _places(one[1])
    at = project(one[0], places)
    query, seen = _sample(soft, at)
    printed, shared = _on(other[1], project(np.linalg.inv(other[0]), at))
    both = seen & shared
    if both.sum() < 25:
        return 0.0
    mine = one[1].colours[one[1].solid][both].astype(np.float32) + 4
    theirs, here = printed[both].astype(np.float32) + 4, query[both].astype(np.float32) + 4
    mine_lab, theirs_lab = _lab(mine), _lab(theirs)
    differ = _gap(mine_lab, theirs_lab)
    alike, unlike = differ < np.quantile(differ, 0.4) + 3, differ > _DIFFER
    if unlike.sum() < 5:
        return 0.0
    gain = _gain(here[alike], (mine + theirs)[alike] / 2, limit=_MOST_TINT)
    lab = _lab(here * gain)[unlike]
    nearer = _gap(lab, theirs_lab[unlike]) - _gap(lab, mine_lab[unlike])
    weights = np.minimum(differ[unlike], 40)
    mean = float((np.clip(nearer / differ[unlike], -1, 1) * weights).sum() / weights.sum())
    return mean * float(np.sqrt(unlike.mean()))


def distance(soft: Picture, homography: Matrix, reference: Swatch, *, farthest: float) -> float:
    """Mean distance of a registered reference's colours from the query's, light fitted; none counts above `farthest`.

    Args:
        soft: The query's picture after `soften`.
        homography: (3, 3) from the reference's pixels to the query's.
        reference: Its colours.
        farthest: In Lab, lightness halved; also what is returned if nothing overlaps.
    """
    query, seen = _sample(soft, project(homography, _places(reference)))
    if not seen.any():
        return farthest
    there = reference.colours[reference.solid][seen].astype(np.float32) + 4
    here = query[seen].astype(np.float32) + 4
    gap = _gap(_lab(here * _gain(here, there, limit=_MOST_TINT)), _lab(there))
    return float(np.minimum(gap, farthest).mean())


def _blurred(picture: Picture, share: float) -> Picture:
    """Box blur over so great a share of the longest side: of a reference, or of a query where items are smaller."""
    side = max(3, round(max(picture.shape[:2]) * share))
    return np.asarray(cv2.blur(picture, (side, side)), np.uint8)


def _places(reference: Swatch) -> Matrix:
    rows, columns = np.nonzero(reference.solid)
    return np.asarray((np.stack([columns, rows], 1) + 0.5) * np.array(reference.size) / GRID, np.float64)


def _sample(picture: Picture, points: Matrix) -> tuple[Picture, npt.NDArray[np.bool_]]:
    """Pixels (N, 3) at points (N, 2), and which points are within."""
    height, width = picture.shape[:2]
    at = np.clip(np.rint(points), -1, 1 << 20).astype(int)
    within = (at >= 0).all(1) & (at[:, 0] < width) & (at[:, 1] < height)
    at[~within] = 0
    return picture[at[:, 1], at[:, 0]], within


def _on(reference: Swatch, points: Matrix) -> tuple[Picture, npt.NDArray[np.bool_]]:
    """Colours (N, 3) of a reference at points (N, 2) in its pixels, and which are on the item."""
    cells = points * GRID / np.array(reference.size) - 0.5
    colours, within = _sample(reference.colours, cells)
    solid, _ = _sample(reference.solid[:, :, None].astype(np.uint8), cells)
    return colours, within & (solid[:, 0] > 0)


def _gain(here: Floats, there: Floats, *, limit: float) -> Floats:
    """By what light multiplies each channel (3,), robustly; its tint kept within `limit`."""
    gain = np.median(np.log(there) - np.log(here), axis=0)
    return np.asarray(np.exp(np.clip(gain - gain.mean(), -limit, limit) + gain.mean()), np.float32)


def _lab(colours: npt.NDArray[np.uint8] | Floats) -> Floats:
    pixels = np.clip(np.asarray(colours, np.float32), 0, 255)[None] / np.float32(255)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2Lab)[0], np.float32)


def _gap(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.linalg.norm((one - other) * np.array((0.5, 1, 1), np.float32), axis=1), np.float32)
