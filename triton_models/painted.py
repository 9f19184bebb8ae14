"""Changes painted onto a pair of like pictures, so that the comparison meets more prints changed than were rendered.

They need not look like damage: what a change is follows from the other picture. Real damage, and what is not damage
although it looks so, comes from the captures themselves.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def changed(
    pictures: tuple[Picture, Picture],
    cover: NDArray[np.floating[Any]],
    rng: np.random.Generator,
    missing: int,
) -> tuple[tuple[Picture, Picture], Picture]:
    """A pair and its codes, with something foreign on the capture, or gone from it, or foreign on the reference.

    Args:
        pictures: (256, 256, 3) each, the capture's and the reference's.
        cover: (32, 32) share of each cell that can be compared.
        rng: Decides what and where.
        missing: The code of what is missing; what is foreign is 1.
    """
    query, reference = pictures
    spot = _spot(cover, rng)
    kind = rng.random()
    if kind < 0.2:
        # A damaged reference: the capture is as it should be.
        return (query, _over(reference, _filling(query, rng), spot)), np.zeros(spot.shape, np.uint8)
    if kind < 0.65:
        return (_over(query, _filling(reference, rng), spot), reference), spot.astype(np.uint8)
    return (_over(query, _bare(query, spot, rng), spot), reference), (spot * missing).astype(np.uint8)


def _spot(cover: NDArray[np.floating[Any]], rng: np.random.Generator) -> Mask:
    """(256, 256): a round, ragged or straight shape within what can be compared."""
    where = np.argwhere(cover > 0.9)
    row, column = (128, 128) if not len(where) else 8 * where[int(rng.integers(len(where)))] + 4
    size = float(np.exp(rng.uniform(np.log(6), np.log(38))))
    if rng.random() < 0.4:
        box = (
            (float(column), float(row)),
            (2 * size, float(rng.uniform(0.4, 2)) * size),
            float(rng.uniform(0, 180)),
        )
        corners = cv2.boxPoints(box)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(6, 16))))
        away = size * rng.uniform(0.4, 1.3, len(angles))
        corners = np.stack([column + away * np.cos(angles), row + away * np.sin(angles)], axis=1)
    mask = np.zeros((256, 256), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], (1,))
    inside = cv2.resize(np.asarray(cover, np.float32), (256, 256), interpolation=cv2.INTER_LINEAR) > 0.5
    return np.asarray((mask > 0) & inside, np.bool_)


def _filling(other: Picture, rng: np.random.Generator) -> Picture:
    """Something that does not belong: a piece of print from elsewhere, or one colour, rough or smooth."""
    if rng.random() < 0.45:
        moved = np.roll(other, tuple(int(step) for step in rng.integers(30, 226, 2)), axis=(0, 1))
        return np.ascontiguousarray(np.rot90(moved, int(rng.integers(4))))
    rough = rng.normal(0, float(rng.uniform(1, 14)), (256, 256, 1))
    dark = rng.uniform(0, 255, 3) * (0.4 if rng.random() < 0.5 else 1.0)
    return np.asarray(np.clip(dark + cv2.GaussianBlur(rough, (0, 0), 1.2)[..., None], 0, 255), np.uint8)


def _bare(picture: Picture, spot: Mask, rng: np.random.Generator) -> Picture:
    """What shows where a thing is gone: what is around it, or the tray."""
    ring = cv2.dilate(spot.astype(np.uint8), np.ones((13, 13), np.uint8)).astype(np.bool_) & ~spot
    colour = (
        picture[ring].mean(axis=0) if rng.random() < 0.6 and ring.any() else picture[:8, :8].mean(axis=(0, 1))
    )
    grain = rng.normal(0, 3, (256, 256, 3))
    return np.asarray(np.clip(colour + grain, 0, 255), np.uint8)


def _over(picture: Picture, filling: Picture, spot: Mask) -> Picture:
    """The filling where the spot is, its edge as soft as a lens leaves it."""
    weight = cv2.GaussianBlur(spot.astype(np.float32), (0, 0), 0.9)[..., None]
    return np.asarray(picture * (1 - weight) + filling * weight, np.uint8)
