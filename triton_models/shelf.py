"""Snapshots of made-up products, held in front of a shelf: what the weights of `mmid` are fitted on.

Real photographs must not fit weights, and the booth's renderer needs seconds a picture. A package as a printed cuboid
takes milliseconds, and has what makes identification hard: slanted sides, products of the same family in the
background, a hand over the print, tinted light, blur. Only designs of the simulator's training split are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from triton_models.registration import Floats, Matrix, Picture
from triton_models.simulator import art, catalogue
from triton_models.simulator.things import Random

SIDE: Final = 348
"""Pixels on a side of a snapshot."""
_CATALOGUED: Final = 198
_FACE: Final = 320  # pixels of a face's longer side
_FOCUS: Final = 1.15  # focal length, as a share of the picture's side
_UNPRINTED: Final = ("carton", "mailer")
"""Brown cardboard is no product that a picture could tell from others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How a package is held.

    Attributes:
        yaw: Radians about its upright axis; 0 shows the front.
        pitch: Radians towards the camera.
        roll: Radians in the picture's plane.
        place: Its middle, as shares of the picture's side.
        share: Its longest edge, as a share of the picture's side.
    """

    yaw: float
    pitch: float
    roll: float
    place: tuple[float, float]
    share: float


@cache
def designs(split: catalogue.Split) -> tuple[int, ...]:
    """Numbers of the printed products of one split."""
    return tuple(
        number
        for number in range(catalogue.DESIGNS)
        if catalogue.split_of(number) == split and _design(number).kind not in _UNPRINTED
    )


@cache
def _design(number: int) -> catalogue.Design:
    return catalogue.design(number)


def catalogue_picture(number: int) -> Picture:
    """A product as shops show it (198, 198, 3): a little from the side, on white."""
    turn = float(np.random.default_rng([31, number]).uniform(-0.45, 0.45))
    page = np.full((2 * _CATALOGUED, 2 * _CATALOGUED, 3), 255, np.float32)
    _paste(page, number, Pose(yaw=turn, pitch=0.1, roll=0.0, place=(0.5, 0.5), share=0.82), (1.0,) * 6)
    small = cv2.resize(page, (_CATALOGUED, _CATALOGUED), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8)


def snapshot(number: int, rng: Random) -> Picture:
    """A photograph (348, 348, 3) of a product in a hand, before a shelf that holds its family and others."""
    scene = _shelf(number, rng)
    _paste(scene, number, _pose(rng), rng.uniform(0.6, 1.1, 6).tolist())
    return _taken(_hand(scene, rng), rng)


def _pose(rng: Random) -> Pose:
    away = np.pi if rng.uniform() < 0.07 else 0.0
    return Pose(
        yaw=away + float(rng.normal(0, 0.6)),
        pitch=float(rng.normal(0.15, 0.4)),
        roll=float(rng.normal(0, 0.35)),
        place=(float(rng.normal(0.5, 0.06)), float(rng.normal(0.52, 0.06))),
        share=float(rng.uniform(0.42, 0.85)),
    )


def _shelf(number: int, rng: Random) -> Floats:
    """Rows of packages, half of them of the product's own family."""
    scene = np.full((SIDE, SIDE, 3), rng.uniform(30, 200), np.float32)
    family = number // catalogue.FAMILY * catalogue.FAMILY
    near = [n for n in range(family, family + catalogue.FAMILY) if n != number]
    others = designs(catalogue.split_of(number))
    share, tilt = float(rng.uniform(0.16, 0.34)), float(rng.normal(0, 0.25))
    for row in np.arange(-0.1, 1.2, share * 1.25):
        column = -0.1
        while column < 1.1:
            shown = int(rng.choice(near if rng.uniform() < 0.5 else others))
            for _ in range(int(rng.integers(1, 4))):
                place = (column, float(row))
                pose = Pose(yaw=tilt, pitch=0.1, roll=tilt / 3, place=place, share=share)
                _paste(scene, shown, pose, (0.8,) * 6)
                column += share * 0.75
    soft = cv2.GaussianBlur(scene, (0, 0), float(rng.uniform(0.5, 1.8)))
    return np.asarray(soft * rng.uniform(0.55, 1.0), np.float32)


def _paste(scene: Floats, number: int, pose: Pose, light: Sequence[float]) -> None:
    """Puts a package into a scene, each of its faces lit as given."""
    for corners, picture, share in zip(
        _corners(number, pose, scene.shape[0]), faces(number), light, strict=True
    ):
        low = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(corners.max(0)).astype(int) + 2, scene.shape[:2])
        if _away(corners) or (high <= low).any():
            continue
        height, width = picture.shape[:2]
        flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        here = (corners - low).astype(np.float32)
        move = cv2.getPerspectiveTransform(flat, here)
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        shrink = np.sqrt(max(cv2.contourArea(here), 1) / (width * height))
        soft = cv2.GaussianBlur(picture, (0, 0), 0.45 / shrink) if shrink < 0.9 else picture
        print_ = cv2.warpPerspective(soft, move, size, borderMode=cv2.BORDER_REPLICATE)
        there = cv2.warpPerspective(np.ones((height, width), np.float32), move, size)[..., None]
        part = scene[low[1] : high[1], low[0] : high[0]]
        part += (print_.astype(np.float32) * np.float32(share) - part) * there


def _corners(number: int, pose: Pose, side: int) -> list[Matrix]:
    """The six faces' corners (4, 2) in the picture, each clockwise from its top left as seen from outside."""
    size = np.array(_design(number).size)
    half = size / size.max() / 2
    turn, tip, lean = pose.yaw, pose.pitch, pose.roll
    about_y = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tip), -np.sin(tip)], [0, np.sin(tip), np.cos(tip)]])
    about_z = np.array([[np.cos(lean), -np.sin(lean), 0], [np.sin(lean), np.cos(lean), 0], [0, 0, 1]])
    way = about_z @ about_x @ about_y
    found = []
    for centre, right, down in _SIDES:
        at, across, along = (np.array(axis) * half for axis in (centre, right, down))
        square = np.stack(
            [at - across - along, at + across - along, at + across + along, at - across + along]
        )
        turned = square @ way.T
        depth = turned[:, 2:] + _FOCUS / pose.share
        found.append((turned[:, :2] * _FOCUS / depth + np.array(pose.place)) * side)
    return found


_SIDES: Final = (
    ((0, 0, -1), (1, 0, 0), (0, 1, 0)),
    ((0, 0, 1), (-1, 0, 0), (0, 1, 0)),
    ((1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ((-1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ((0, -1, 0), (1, 0, 0), (0, 0, -1)),
    ((0, 1, 0), (1, 0, 0), (0, 0, 1)),
)
"""Front, back, right, left, top, bottom: the face's middle, its way right, its way down."""


def _away(corners: Matrix) -> bool:
    one, two = corners[1] - corners[0], corners[2] - corners[0]
    return bool(one[0] * two[1] - one[1] * two[0] <= 0)


@cache
def faces(number: int) -> tuple[Picture, ...]:
    """A package's six printed faces, in the order of front, back, right, left, top, bottom."""
    design = _design(number)
    width, height, depth = design.size
    front, back = (_face(design, side, width, height) for side in ("front", "back"))
    flank, lid = _face(design, "side", depth, height), _face(design, "top", width, depth)
    return front, back, flank, flank, lid, lid


def _face(design: catalogue.Design, side: str, width: float, height: float) -> Picture:
    name: art.Side = side  # type: ignore[assignment] # one of the names
    printed = art.face(design, name, width, height).albedo
    factor = _FACE / max(printed.shape[:2])
    small = cv2.resize(printed, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _hand(scene: Floats, rng: Random) -> Floats:
    """Fingers and a thumb from one side: round strokes of skin over the package."""
    if rng.uniform() < 0.15:
        return scene
    mask = np.zeros((SIDE, SIDE), np.uint8)
    wrist = np.array([rng.choice([-0.1, 1.1]), rng.uniform(0.5, 1.1)])
    for _ in range(int(rng.integers(1, 5))):
        tip = rng.uniform((0.3, 0.35), (0.7, 0.75))
        ends = [(int(x), int(y)) for x, y in np.stack([wrist, tip]) * SIDE]
        cv2.line(mask, ends[0], ends[1], (255,), int(rng.integers(18, 40)), cv2.LINE_AA)
    skin = np.array([205, 160, 135], np.float32) * np.float32(rng.uniform(0.5, 1.1))
    cover = cv2.GaussianBlur(mask, (0, 0), 1.0).astype(np.float32)[..., None] / 255
    return np.asarray(scene * (1 - cover) + skin * cover, np.float32)


def _taken(scene: Floats, rng: Random) -> Picture:
    """Light, lens, sensor and file."""
    first, last = (float(edge) for edge in rng.uniform(0.75, 1.15, 2))
    slope = np.linspace(first, last, SIDE, dtype=np.float32)
    lit = scene * (slope[:, None, None] if rng.uniform() < 0.5 else slope[None, :, None])
    lit *= rng.uniform(0.7, 1.15) * np.exp(rng.normal(0, 0.07, 3)).astype(np.float32)
    lit = cv2.GaussianBlur(lit, (0, 0), float(rng.uniform(0.3, 1.3)))
    lit = lit + rng.normal(0, rng.uniform(1, 6), lit.shape).astype(np.float32)
    whole = np.clip(lit, 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 95))])
    read: npt.NDArray[np.uint8] = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return read
