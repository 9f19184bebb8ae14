"""Where a flat, printed thing lies in a picture: local features, and the homography that they agree on.

Printed packaging is flat or nearly so. RootSIFT keypoints of a picture are matched with those of a reference by the
ratio of nearest to second-nearest distance, and MAGSAC keeps the matches that one homography explains. A reference may
be enrolled with simulated tilts (after ASIFT): pictures of it taken at a slant then still match, at no cost in the
query.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Picture: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]
Matrix: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.intp]

UNIT: Final = 512  # a descriptor of length 1 is stored times this; no entry comes near 255/512
_FEWEST: Final = 5  # matches, below which no homography is looked for: four explain anything
_FARTHEST: Final = 0.9  # distance of two unit descriptors beyond which they are of different things
_AREAS: Final = (0.05, 30.0)  # pixels of the query for one of the reference: outside, nothing is recognizable
_PLANES: Final = 3  # that `foremost` looks at
_CENTRAL: Final = 0.25  # standard deviation of a place's weight around the middle, as a share of the side
_MIDDLE: Final = 0.55  # centrality of a plane that is in the middle, whatever else there is
_SLANT: Final = 5.0  # greatest foreshortening, longest to shortest axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Local features of one picture, or of one thing's pictures from several simulated slants.

    Attributes:
        points: (N, 2) float32, x and y in pixels of the picture as it was given, pixel centres at whole numbers.
        descriptors: (N, 128) uint8, RootSIFT: of length `UNIT` but for rounding.
        angles: (N,) float32, radians clockwise from the x axis.
        scales: (N,) float32, diameters in pixels of the picture.
        views: (N,) uint8, ascending: which simulated slant; 0 is the picture itself.
        size: Width and height of the picture.
    """

    points: Floats
    descriptors: Picture
    angles: Floats
    scales: Floats
    views: Picture
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Pairs of like features, at most one a feature of the query.

    Attributes:
        query: (M,) rows of the query's features.
        reference: (M,) rows of the reference's.
        ratios: (M,) float32 in [0, 1]: nearest to second-nearest distance; low is distinct.
    """

    query: Indices
    reference: Indices
    ratios: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How a reference lies in a query.

    Attributes:
        homography: (3, 3), from the reference's pixels to the query's.
        inliers: Distinct places, in both pictures, that it explains. At 12 and more, chance is all but ruled out.
        query_points: (M, 2) float32 of the inliers, M >= `inliers`.
        reference_points: (M, 2) float32.
        error: Median distance in the query between where a point is and where it should be; pixels.
        visible: Share of the reference's picture that falls within the query's, in [0, 1].
    """

    homography: Matrix
    inliers: int
    query_points: Floats
    reference_points: Floats
    error: float
    visible: float


def features(
    picture: Picture,
    mask: npt.NDArray[np.bool_] | None = None,
    *,
    limit: int = 1000,
    longest: int | None = None,
    tilts: Sequence[float] = (),
) -> Features:
    """Find the local features of a picture.

    Args:
        picture: (H, W, 3) uint8, RGB.
        mask: (H, W), True where features count; None is everywhere.
        limit: Most features of one view, the strongest first. A simulated tilt gets six tenths of it.
        longest: Longest side in pixels to which the picture is scaled before; None leaves it. Small references are
            best doubled or trebled.
        tilts: Simulated slants, each > 1: the picture foreshortened so many times, across and along.

    Returns:
        The features; none at all for a picture without texture.
    """
    height, width = picture.shape[:2]
    gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    factor = 1.0 if longest is None else longest / max(height, width)
    if factor != 1.0:
        way = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
        gray = np.asarray(cv2.resize(gray, None, fx=factor, fy=factor, interpolation=way), np.uint8)
    slants = [(1.0, 1.0), *((1 / tilt, 1.0) for tilt in tilts), *((1.0, 1 / tilt) for tilt in tilts)]
    views = []
    for number, slant in enumerate(slants):
        shrink = (slant[0] * gray.shape[1] / width, slant[1] * gray.shape[0] / height)
        views.append(_view(_tilted(gray, slant), mask, shrink, limit if number == 0 else limit * 6 // 10))
    points, descriptors, angles, scales = (np.concatenate(part) for part in zip(*views, strict=True))
    return Features(
        points=points,
        descriptors=descriptors,
        angles=angles,
        scales=scales,
        views=np.repeat(np.arange(len(views), dtype=np.uint8), [len(view[0]) for view in views]),
        size=(width, height),
    )


def frontal(reference: Features) -> Features:
    """The same without its simulated slants."""
    end = int(np.searchsorted(reference.views, 1))
    return Features(
        points=reference.points[:end],
        descriptors=reference.descriptors[:end],
        angles=reference.angles[:end],
        scales=reference.scales[:end],
        views=reference.views[:end],
        size=reference.size,
    )


def match(query: Features, reference: Features, *, ratio: float = 0.85) -> Matches:
    """Pair the features of two pictures.

    The second-nearest is looked for within the view of the nearest: the same spot in another view is no rival.

    Args:
        query: Of the picture.
        reference: Of the thing that may be in it.
        ratio: Greatest ratio of nearest to second-nearest distance of a pair that is kept.
    """
    rows = np.arange(len(query))
    best = np.full(len(query), np.float32(np.inf))
    nearest = np.zeros(len(query), np.intp)
    left = unit(query.descriptors)
    for start, end in _spans(reference.views):
        if end - start < 2 or not len(query):
            continue
        likeness = left @ unit(reference.descriptors[start:end]).T
        first = likeness.argmax(1)
        top = likeness[rows, first]
        likeness[rows, first] = -1
        one, two = _distance(top), _distance(likeness.max(1))
        ratios = np.where(one < _FARTHEST, one / np.maximum(two, 1e-6), np.inf).astype(np.float32)
        better = ratios < best
        best[better] = ratios[better]
        nearest[better] = first[better] + start
    kept = np.flatnonzero(best < ratio)
    return Matches(query=kept, reference=nearest[kept], ratios=best[kept])


def register(
    query: Features,
    reference: Features,
    *,
    matches: Matches | None = None,
    tolerance: float = 0.0145,
    ratio: float = 0.85,
) -> Registration | None:
    """Find the one plane that most matches agree on.

    Args:
        query: Of the picture.
        reference: Of the thing that may be in it.
        matches: Their pairs, if known; otherwise `match` finds them.
        tolerance: Distance from its place at which a match still counts, as a share of the query's longest side.
        ratio: See `match`.

    Returns:
        None if no plausible homography explains at least five places.
    """
    found = match(query, reference, ratio=ratio) if matches is None else matches
    answer = _plane(query, reference, found, tolerance)
    return None if answer is None else answer[0]


def register_all(
    query: Features,
    reference: Features,
    *,
    planes: int = 3,
    tolerance: float = 0.0145,
    ratio: float = 0.85,
    fewest: int = 8,
) -> tuple[Registration, ...]:
    """Find several planes, one after the other: the sides of a box, or a thing that is there more than once.

    Args:
        query: Of the picture.
        reference: Of the thing that may be in it.
        planes: Most that are looked for.
        tolerance: See `register`.
        ratio: See `match`.
        fewest: Inliers below which a plane, and the search, is given up.

    Returns:
        In the order found, the best supported first.
    """
    left = match(query, reference, ratio=ratio)
    found: list[Registration] = []
    while len(found) < planes:
        answer = _plane(query, reference, left, tolerance)
        if answer is None or answer[0].inliers < fewest:
            break
        registration, inside = answer
        found.append(registration)
        left = Matches(
            query=left.query[~inside], reference=left.reference[~inside], ratios=left.ratios[~inside]
        )
    return tuple(found)


def foremost(
    query: Features,
    reference: Features,
    *,
    matches: Matches | None = None,
    fewest: int = 8,
    tolerance: float = 0.0145,
) -> Registration | None:
    """Find the plane that most matches near the middle of the query agree on.

    The thing itself is in the middle; its like may stand behind it, and be the easier to see.

    Args:
        query: Of the picture.
        reference: Of the thing that may be in it.
        matches: Their pairs, if known; otherwise `match` finds them.
        fewest: Inliers below which a plane, and the search, is given up.
        tolerance: See `register`.
    """
    left = match(query, reference) if matches is None else matches
    best: tuple[float, Registration] | None = None
    for _ in range(_PLANES):
        answer = _plane(query, reference, left, tolerance)
        if answer is None or answer[0].inliers < fewest:
            break
        registration, inside = answer
        near = centrality(registration, query)
        if best is None or registration.inliers * near > best[0]:
            best = registration.inliers * near, registration
        if near > _MIDDLE:
            break
        left = Matches(
            query=left.query[~inside], reference=left.reference[~inside], ratios=left.ratios[~inside]
        )
    return None if best is None else best[1]


def centrality(registration: Registration, query: Features) -> float:
    """How near the middle of the query its inliers are, from 0 to 1."""
    points = registration.query_points / np.array(query.size, np.float32) - 0.5
    return float(np.exp(-0.5 * (points**2).sum(1) / _CENTRAL**2).mean())


def unit(descriptors: Picture) -> Floats:
    """Descriptors (N, 128) as they are stored, as float32 of length 1 but for rounding."""
    return descriptors.astype(np.float32) * np.float32(1 / UNIT)


def project(homography: Matrix, points: Floats | Matrix) -> Matrix:
    """Points (N, 2) through a homography (3, 3)."""
    moved = points @ homography[:, :2].T + homography[:, 2]
    depth = moved[:, 2:]
    return np.asarray(moved[:, :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth))


def _tilted(gray: Picture, slant: tuple[float, float]) -> Picture:
    if slant == (1.0, 1.0):
        return gray
    blur = [max(0.6 * float(np.sqrt(share**-2 - 1)), 0.01) for share in slant]
    soft = cv2.GaussianBlur(gray, (0, 0), sigmaX=blur[0], sigmaY=blur[1])
    size = (max(1, round(gray.shape[1] * slant[0])), max(1, round(gray.shape[0] * slant[1])))
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _view(
    gray: Picture, mask: npt.NDArray[np.bool_] | None, shrink: tuple[float, float], limit: int
) -> tuple[Floats, Picture, Floats, Floats]:
    everywhere = np.ones(gray.shape[:2], np.uint8)
    where = everywhere if mask is None else mask.astype(np.uint8)
    where = np.asarray(cv2.resize(where, gray.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    # OpenCV applies its limit before the mask: with a mask, ours alone must do.
    sift = cv2.SIFT.create(nfeatures=limit if mask is None else 0, contrastThreshold=0.02, edgeThreshold=15)
    keys, raw = sift.detectAndCompute(gray, where)
    if not len(keys):
        return (
            np.zeros((0, 2), np.float32),
            np.zeros((0, 128), np.uint8),
            np.zeros(0, np.float32),
            np.zeros(0, np.float32),
        )
    # Ties at the limit let more through, and in no fixed order.
    strongest = np.argsort([-key.response for key in keys], kind="stable")[:limit]
    keys, raw = [keys[at] for at in strongest], raw[strongest]
    points = (np.array([key.pt for key in keys], np.float32) + 0.5) / np.array(
        shrink, np.float32
    ) - np.float32(0.5)
    root = np.sqrt(raw / np.maximum(raw.sum(1, keepdims=True), 1e-6))
    return (
        points.astype(np.float32),
        np.clip(np.rint(root * UNIT), 0, 255).astype(np.uint8),
        np.array([np.deg2rad(key.angle) for key in keys], np.float32),
        np.array([key.size for key in keys], np.float32) / np.float32(np.sqrt(shrink[0] * shrink[1])),
    )


def _spans(views: Picture) -> list[tuple[int, int]]:
    """Where each view starts and ends; a view without features has an empty span."""
    edges = np.searchsorted(views, np.arange(int(views.max(initial=0)) + 2))
    return [(int(start), int(end)) for start, end in pairwise(edges)]


def _distance(likeness: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(2 - 2 * likeness, 0)), np.float32)


def _plane(
    query: Features, reference: Features, matches: Matches, tolerance: float
) -> tuple[Registration, npt.NDArray[np.bool_]] | None:
    """The best homography, and which matches it explains."""
    if len(matches.query) < _FEWEST:
        return None
    there, here = reference.points[matches.reference], query.points[matches.query]
    # MAGSAC draws at random, from a seed of its own that is always the same.
    near = tolerance * max(query.size)
    solved: tuple[npt.NDArray[Any] | None, npt.NDArray[Any]] = cv2.findHomography(
        there, here, cv2.USAC_MAGSAC, near, maxIters=1500, confidence=0.999
    )
    if solved[0] is None:
        return None
    homography, marks = np.asarray(solved[0], np.float64), solved[1]
    inside = marks.ravel() > 0
    inliers = min(_places(there[inside], reference.size), _places(here[inside], query.size))
    if inliers < _FEWEST or not _plausible(homography, there[inside].mean(0)):
        return None
    errors = np.linalg.norm(project(homography, there[inside]) - here[inside], axis=1)
    registration = Registration(
        homography=homography,
        inliers=inliers,
        query_points=here[inside],
        reference_points=there[inside],
        error=float(np.median(errors)),
        visible=_visible(homography, query.size, reference.size),
    )
    return registration, inside


def _places(points: Floats, size: tuple[int, int]) -> int:
    """How many different places there are, at a grain of 1/150 of the picture: one spot has many keypoints."""
    cells = np.rint(points * (150 / max(size))).astype(np.int64)
    return len(np.unique(cells[:, 0] * 100_003 + cells[:, 1]))


def _plausible(homography: Matrix, centre: Floats) -> bool:
    """Whether a plane could be seen so: not mirrored, not tiny or huge, not edge on, at the inliers' centre."""
    x, y, depth = homography @ np.array([*centre, 1.0])
    slope = (homography[:2, :2] - np.outer((x / depth, y / depth), homography[2, :2])) / depth
    longest, shortest = np.linalg.svd(slope, compute_uv=False)
    area = float(np.linalg.det(slope))
    return bool(_AREAS[0] < area < _AREAS[1] and longest < _SLANT * shortest)


def _visible(homography: Matrix, size: tuple[int, int], reference: tuple[int, int]) -> float:
    grid = np.stack(np.meshgrid(*(np.linspace(0, side - 1, 12) for side in reference)), -1).reshape(-1, 2)
    at = project(homography, grid)
    within = _within(at, size) & (grid @ homography[2, :2] + homography[2, 2] > 0)
    return float(within.mean())


def _within(points: Matrix, size: Iterable[float]) -> npt.NDArray[np.bool_]:
    return np.asarray(((points >= 0) & (points < np.array([*size]))).all(1))
