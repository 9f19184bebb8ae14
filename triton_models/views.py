"""What the networks look at: each picture of a capture framed, shrunk and kept, with its truth on the same grid.

Framing a few thousand pictures takes minutes; it is done once and kept as plain arrays that training maps into memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from triton_models.kaputt import Query
from triton_models.serving import serving_module
from triton_models.simulator.things import DEFECTS as TYPES

KEPT: Final = 288
"""Pixels on a side of a kept picture: a little more than the network takes, for random crops."""
GRID: Final = 72
"""Cells on a side of the kept truth and heights: one for four kept pixels."""
_SEEN: Final = 24
"""Pixels of damage, of a 512-pixel picture, from which a picture shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """Pictures of a split, n of them.

    Attributes:
        pixels: (n, 288, 288, 3) uint8.
        height: (n, 72, 72) float16, metres above the tray; 0 where unknown.
        damage: (n, 72, 72) uint8, damage code; 255 where the truth is not known (no mask was given).
        matter: (n, 72, 72) uint8, 1 where something is spilled beside the item.
        labels: (n, 9) float32: damaged, major, seven types; of this picture: 0 where it does not show the damage.
        capture: (n,) int32, the query's place in the split.
        side: (n,) bool, from the second camera.
    """

    pixels: NDArray[np.uint8]
    height: NDArray[np.float16]
    damage: NDArray[np.uint8]
    matter: NDArray[np.uint8]
    labels: NDArray[np.float32]
    capture: NDArray[np.int32]
    side: NDArray[np.bool_]


def views(queries: Sequence[Query], folder: Path, *, workers: int, tick: Callable[[], None]) -> Views:
    """The split's pictures, made if `folder` does not hold them yet.

    Args:
        queries: The split, in order.
        folder: Where the arrays are kept; one that holds another split's is made anew.
        workers: Processes.
        tick: Called after each capture.
    """
    wanted = [query.capture_id for query in queries]
    said = folder / "captures.json"
    if not said.exists() or json.loads(said.read_text()) != wanted:
        _make(queries, folder, workers, tick)
        said.write_text(json.dumps(wanted))
    return Views(
        **{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in Views.__dataclass_fields__}
    )


def _make(queries: Sequence[Query], folder: Path, workers: int, tick: Callable[[], None]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_alone) as pool:
        for place, found in enumerate(pool.map(looked_at, queries, chunksize=8)):
            rows += [{**row, "capture": np.int32(place)} for row in found]
            tick()
    for name in Views.__dataclass_fields__:
        np.save(folder / f"{name}.npy", np.stack([row[name] for row in rows]))


def _alone() -> None:
    cv2.setNumThreads(1)


def looked_at(query: Query) -> list[dict[str, Any]]:
    """One or two rows for `Views`, without the capture's place."""
    rows = [_view(query, query.query_image, query.damage_mask, query.depth_image, side=False)]
    if query.side_image is not None:
        mask = query.side_image.with_name(query.side_image.stem + "-damage.png")
        rows.append(_view(query, query.side_image, mask if mask.exists() else None, None, side=True))
    return rows


def _view(query: Query, image: Path, mask: Path | None, depth: Path | None, *, side: bool) -> dict[str, Any]:
    framing: Any = serving_module("decode", "framing")
    picture = cv2.cvtColor(cv2.imread(str(image), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    square = framing.box(picture)
    codes = None if mask is None else _grey(mask)
    spilled = image.with_name(image.stem + "-matter.png")
    matter = _grey(spilled) if spilled.exists() else None
    return {
        "pixels": framing.cropped(picture, square, KEPT),
        "height": np.zeros((GRID, GRID), np.float16) if depth is None else heights(depth, square),
        "damage": np.full((GRID, GRID), 255 if query.defect else 0, np.uint8)
        if codes is None
        else _truth(codes, square),
        "matter": np.zeros((GRID, GRID), np.uint8)
        if matter is None
        else (_truth(matter, square) > 0).astype(np.uint8),
        "labels": labels(query, codes),
        "side": np.bool_(side),
    }


def _grey(path: Path) -> NDArray[np.uint8] | None:
    """None if it cannot be read, whatever OpenCV's stubs say."""
    read: Any = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return None if read is None else np.asarray(read, np.uint8)


def labels(query: Query, codes: NDArray[np.uint8] | None) -> NDArray[np.float32]:
    """(9,): damaged, major, seven types, as far as this picture shows them."""
    types = set(query.defect_types)
    if codes is not None:
        shown = {
            TYPES[code - 1]
            for code in np.unique(codes)
            if 0 < code <= len(TYPES) and (codes == code).sum() >= _SEEN
        }
        types &= shown
    damaged = bool(types) if codes is not None else query.defect
    return np.array([damaged, damaged and query.major_defect, *(name in types for name in TYPES)], np.float32)


def heights(depth: Path, square: tuple[int, int, int, int], side: int = GRID) -> NDArray[np.float16]:
    """(side, side): metres above the tray within the square; 0 where the depth camera saw nothing."""
    relief: Any = serving_module("decode", "relief")
    mm = np.asarray(cv2.imread(str(depth), cv2.IMREAD_UNCHANGED), np.uint16)
    return np.asarray(relief.heights(mm, square, side), np.float16)


def _truth(codes: NDArray[np.uint8], square: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """(72, 72): the highest code in each cell, so that thin cracks are not lost."""
    relief: Any = serving_module("decode", "relief")
    fine = relief.squared(codes.astype(np.float32), square, cv2.INTER_NEAREST, 4 * GRID).astype(np.uint8)
    cells: NDArray[np.uint8] = fine.reshape(GRID, 4, GRID, 4).max(axis=(1, 3))
    return cells
