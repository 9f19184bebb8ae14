"""What is wrong with a photo itself: cut off, blurred, dark, covered, or of an empty tray.

Classical measurements, so that each can be explained to the associate who is to photograph again. Every score is 0.5
at its threshold. The thresholds were chosen on simulated captures of the training designs; a real station's cameras
and trays need them chosen anew. What a measurement cannot tell is said at its function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

PROBLEMS: Final = ("cut_off", "blurred", "dark", "covered", "empty")
"""The columns of QUALITY."""
EDGES: Final = ("left", "top", "right", "bottom")
"""The columns of EDGES."""
SIDE: Final = 256
"""Pixels of the longer side at which a picture is measured; a blur that this size hides, the networks do not see."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SMALL: Final = 128
_RIM: Final = 3
_LITTER: Final = 0.015
"""Share of the picture that a scrap at the rim may cover without being the item."""
_TRAY_SPREAD: Final = np.float32([30, 12, 12])
"""How far a worn, unevenly lit tray strays from its fitted colour: OpenCV's 8-bit L, a, b."""


class Facts(NamedTuple):
    """What was measured.

    Attributes:
        edges: (4,) longest unbroken stretch of each edge that is not tray, share of the edge.
        sharpness: By how much the sharpest strong edges are steeper at a fine than at a coarse scale.
        highlights: Strongest channel, 0 to 255, that 1 % of the pixels exceed.
        contrast: Strongest coarse gradients of luminance, as a share of the highlights per pixel.
        item: Share of the picture that is not tray, litter left out.
        paper: Share of the picture under the largest piece of unprinted brown paper.
        holes: Share of that piece that is print, label or something else showing through.
        beside: Share of the picture that is neither tray nor that paper.
    """

    edges: Floats
    sharpness: float
    highlights: float
    contrast: float
    item: float
    paper: float
    holes: float
    beside: float


def measured(picture: NDArray[np.uint8], tray: Callable[[Floats], Floats]) -> Facts:
    """Measure a picture.

    Args:
        picture: (H, W, 3) sRGB, its longer side `SIDE`.
        tray: `tray` of the decoder's framing.py: the tray's colour everywhere, from (N, N, 3) L, a, b.
    """
    small = cv2.resize(picture, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (3, 3), 0), cv2.COLOR_RGB2LAB).astype(np.float32)
    # The tray is a plane in colour: a quarter of the pixels tells it as well.
    ground = cv2.resize(tray(cv2.pyrDown(lab)), (_SMALL, _SMALL), interpolation=cv2.INTER_LINEAR)
    away = (lab - ground) / _TRAY_SPREAD
    strange = np.einsum("yxc,yxc->yx", away, away) > 1
    solid = _large(strange)
    # A red or blue item is not dark: the strongest channel says how much light there is.
    strongest = np.maximum(np.maximum(small[..., 0], small[..., 1]), small[..., 2])
    brightest = np.bincount(strongest.ravel(), minlength=256).cumsum()
    highlights = float(np.searchsorted(brightest, 0.99 * brightest[-1]))
    sharpness, steepest = _sharpness(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32))
    paper, holes, beside = _paper(lab, strange)
    return Facts(
        edges=_touched(solid),
        sharpness=sharpness,
        highlights=highlights,
        contrast=steepest / max(highlights, 20.0),
        item=float(solid.mean()),
        paper=paper,
        holes=holes,
        beside=beside,
    )


def judged(facts: Facts) -> Floats:
    """(5,) in [0, 1], as PROBLEMS: 0.5 and more is worth the associate's time.

    Without a strong edge nothing tells whether a photo is blurred, and an empty tray is not called dark.
    """
    smooth = _under(facts.contrast, 0.034, 0.01)
    empty = min(smooth, _under(facts.item, 0.015, 0.01))
    return np.float32(
        [
            _over(float(facts.edges.max()), 0.07, 0.06),
            min(_under(facts.sharpness, 2.1, 0.3), 1 - smooth),
            min(_under(facts.highlights, 115, 40), 1 - empty),
            min(
                _over(facts.paper, 0.1, 0.05),
                _under(facts.holes, 0.012, 0.01),
                _over(facts.beside, 0.03, 0.02),
            ),
            empty,
        ]
    )


def _over(value: float, threshold: float, width: float) -> float:
    """0 to 1, 0.5 at the threshold."""
    return float(np.clip(0.5 + (value - threshold) / (2 * width), 0, 1))


def _under(value: float, threshold: float, width: float) -> float:
    return _over(-value, -threshold, width)


def _large(strange: Mask) -> Mask:
    _, labels, facts, _ = cv2.connectedComponentsWithStats(strange.astype(np.uint8))
    large = facts[:, cv2.CC_STAT_AREA] >= _LITTER * strange.size
    large[0] = False
    return np.asarray(large[labels], np.bool_)


def _touched(solid: Mask) -> Floats:
    """(4,): what is not tray reaches the rim over a stretch; scratches are shorter.

    Where the item hides most of the rim, the fit takes its colour for the tray's, and what is found at the other edges
    is the tray: the picture is rightly said to be cut off, at edges that may be the wrong ones. An item of one colour
    that fills the whole picture is not found.
    """
    strips = (solid[:, :_RIM], solid[:_RIM].T, solid[:, -_RIM:], solid[-_RIM:].T)
    return np.float32([_longest(strip.sum(1) >= 2) / _SMALL for strip in strips])


def _longest(flags: Mask) -> int:
    bounded = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((bounded[1::2] - bounded[::2]).max(initial=0))


def _sharpness(luminance: Floats) -> tuple[float, float]:
    """How sharp the strongest edges are, and how steep, per pixel of the coarse scale.

    A step that the lens blurs by s has a gradient of 1 / sqrt(s² + scale²): the ratio of two scales tells s, whatever
    the contrast. Only the strongest 2 % of the pixels are asked, so a plain item is judged by its outline.
    """
    fine = cv2.dilate(_gradient(luminance, 0.6), np.ones((3, 3), np.uint8))[::2, ::2]
    coarse = _gradient(luminance, 2.0)[::2, ::2]
    least, steepest = np.percentile(coarse, (98, 99.5))
    strong = coarse >= max(float(least), 1e-3)
    if not strong.any():
        return 0.0, 0.0
    return float(np.percentile(fine[strong] / coarse[strong], 75)), float(steepest)


def _gradient(luminance: Floats, scale: float) -> Floats:
    soft = cv2.GaussianBlur(luminance, (0, 0), scale)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _paper(lab: Floats, strange: Mask) -> tuple[float, float, float]:
    """Share under the largest piece of brown paper, share of holes in it, and share of what lies beside it.

    A colour picture does not tell what lies above what. What can be told: a large piece of unprinted brown packing
    paper lies in front of, or beside, something else. White paper, a hand, a film or a second item are not found; an
    item that is plain brown paper next to its own print or spilled contents may be called covered. Depth would tell.
    """
    light, green, blue = lab[..., 0], lab[..., 1] - 128, lab[..., 2] - 128
    chroma = green**2 + blue**2
    # A hue of 62 to 88 degrees: these are their tangents.
    hue = (blue > 1.88 * green) & (blue < 28.6 * green)
    brown = hue & (chroma > 13**2) & (chroma < 36**2) & (light > 110)
    if brown.mean() < _LITTER:
        return 0.0, 0.0, float(strange.mean())
    whole = cv2.morphologyEx(brown.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, facts, _ = cv2.connectedComponentsWithStats(whole)
    if count < 2:
        return 0.0, 0.0, float(strange.mean())
    piece = (labels == 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    outlines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(piece), outlines, -1, 1, cv2.FILLED)
    hull = cv2.fillPoly(np.zeros_like(piece), [cv2.convexHull(np.concatenate(outlines))], 1)
    near = cv2.dilate(hull, np.ones((5, 5), np.uint8)) > 0
    holes = 1 - float(piece.sum()) / float(filled.sum())
    return float(piece.mean()), holes, float((strange & ~near).mean())
