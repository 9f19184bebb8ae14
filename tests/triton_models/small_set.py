"""A data set in Kaputt's format with sixteen drawn captures for each split: grey cards, some with a red spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from triton_models.kaputt import Query, Reference, load, write

SIDE = 64
SCENARIOS = (None, "ordinary", "printed_damage", "leak_beside")


def draw(root: Path, split: str = "test", count: int = 16) -> None:
    """Every third capture is damaged, every sixth badly; four items, one design each; one in four is subtle."""
    folder = root / split
    folder.mkdir(parents=True, exist_ok=True)
    queries = []
    for number in range(count):
        defect, item = number % 3 == 0, number % 4
        crop = _save(folder / f"{number}.png", _card(item, seed=number, spot=defect))
        queries.append(
            Query(
                capture_id=f"{split}-{number:03}",
                item_identifier=f"item-{item}",
                item_material=("cardboard", "paper")[number % 2],
                defect=defect,
                major_defect=number % 6 == 0,
                defect_types=("penetration",) if number % 6 == 0 else ("spillage",) if defect else (),
                query_image=crop,
                query_crop=crop,
                query_mask=_save(folder / f"{number}-mask.png", _mask()),
                scenario=SCENARIOS[0 if defect else number % 4],
                design=item,
            )
        )
    references = []
    for item in range(4):
        crop = _save(folder / f"reference-{item}.png", _card(item, seed=900 + item, spot=False))
        mask = _save(folder / f"reference-{item}-mask.png", _mask())
        references.append(
            Reference(
                item_identifier=f"item-{item}",
                reference_image=crop,
                reference_crop=crop,
                reference_mask=mask,
            )
        )
    write(root, split, queries, references)


def changed(root: Path, row: int = 0, split: str = "test", **values: Any) -> None:
    """Write the split again with one query changed."""
    data = load(root, split)
    queries = list(data.queries)
    queries[row] = replace(queries[row], **values)
    write(root, split, queries, [one for some in data.references_by_item.values() for one in some])


def _card(item: int, *, seed: int, spot: bool) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rng = np.random.default_rng(seed)
    image = np.full((SIDE, SIDE, 3), 90 + 30 * item, np.uint8)
    cv2.rectangle(image, (12, 12), (SIDE - 12, SIDE - 12), (60 + 40 * item, 160, 200 - 40 * item), -1)
    image = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    if spot:
        x, y = rng.integers(22, SIDE - 22, 2)
        cv2.circle(image, (int(x), int(y)), 8, (10, 10, 230), -1)
    return image


def _mask() -> np.ndarray[Any, np.dtype[np.uint8]]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[12:-12, 12:-12] = 255
    return mask


def _save(path: Path, image: np.ndarray[Any, np.dtype[np.uint8]]) -> Path:
    assert cv2.imwrite(str(path), image)
    return path
