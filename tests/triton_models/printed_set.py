"""A data set in Kaputt's format of printed cards on a tray: some have a hole, some miss a part; two references each."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.triton_models.printed import Picture, on_tray, printed
from triton_models.kaputt import Query, Reference, write
from triton_models.pairs import MISSING

HOLE = 4


def draw(root: Path, split: str, products: tuple[int, ...], *, redesigned: bool = False) -> None:
    """Three captures of each product: whole, with a hole, with a part missing; one more of a new print if asked for."""
    folder = root / split
    folder.mkdir(parents=True, exist_ok=True)
    queries, references = [], []
    for product in products:
        for number, kind in enumerate(("whole", "penetration", "missing_unit")):
            queries.append(_query(folder, product, number, kind))
        if redesigned:
            queries.append(_query(folder, product, 3, "redesign"))
        for number in range(2):
            image = folder / f"reference-{product}-{number}.png"
            picture, _ = on_tray(printed(product), turn=50.0 * number, light=1 - 0.2 * number)
            references.append(
                Reference(
                    item_identifier=f"item-{product}",
                    reference_image=_saved(image, picture),
                    reference_crop=image,
                    reference_mask=image,
                )
            )
    write(root, split, queries, references)


def _query(folder: Path, product: int, number: int, kind: str) -> Query:
    seed = product + 500 if kind == "redesign" else product
    picture, way = on_tray(printed(seed), turn=17.0 * number + product, light=0.9)
    codes = np.zeros(picture.shape[:2], np.uint8)
    spot = (way @ np.array([140, 160, 1.0]))[:2].astype(int)
    at = (int(spot[0]), int(spot[1]))
    if kind == "penetration":
        cv2.circle(picture, at, 20, (20, 20, 20), -1)
        cv2.circle(codes, at, 20, (HOLE,), -1)
    if kind == "missing_unit":
        cv2.circle(picture, at, 26, (70, 70, 70), -1)
        cv2.circle(codes, at, 26, (MISSING,), -1)
    defect = kind in {"penetration", "missing_unit"}
    image = folder / f"{product}-{number}.png"
    return Query(
        capture_id=f"{folder.name}-{product}-{number}",
        item_identifier=f"item-{product}",
        item_material="cardboard",
        defect=defect,
        major_defect=False,
        defect_types=(kind,) if defect else (),
        query_image=_saved(image, picture),
        query_crop=image,
        query_mask=image,
        damage_mask=_saved(image.with_name(f"{image.stem}-damage.png"), codes),
        scenario="redesign" if kind == "redesign" else None,
        design=product,
    )


def _saved(path: Path, picture: Picture) -> Path:
    shown = picture[..., ::-1] if picture.ndim == 3 else picture
    assert cv2.imwrite(str(path), shown)
    return path
