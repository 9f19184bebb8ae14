"""The committed sample of simulated captures, with what is true of each: what racks photograph.

The truth and a scenario's name stay here and in the racks' own lists; nothing of them is sent to a service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.kernel.records import Contents, ImageRole, Product
from services.stack.posting import Photo
from services.station.pictures import read_header

if TYPE_CHECKING:
    from triton_models.kaputt import Query, Reference

SAMPLE: Final = Path(__file__).parents[2] / "triton_models" / "sample"
_SPLIT: Final = "test"
#: Flow that is nothing special.
ORDINARY: Final = "ordinary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is really the matter with an item. Severity: none, minor or major; `scenario`: what makes it subtle."""

    damaged: bool
    severity: str
    defect_types: tuple[str, ...]
    scenario: str = ORDINARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One simulated capture. `barcode`: what the scanner read off it; None: nothing."""

    name: str
    product_id: str
    photos: tuple[Photo, ...]
    truth: Truth
    barcode: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Products, their captures, and the pictures of pristine units, by product. Supplier "" is for a world to say."""

    products: tuple[Product, ...]
    taken: tuple[Taken, ...]
    references: Mapping[str, tuple[Taken, ...]]

    def of(self, *product_ids: str) -> tuple[Taken, ...]:
        """The captures of these products."""
        return tuple(one for one in self.taken if one.product_id in product_ids)


@lru_cache(maxsize=1)
def sample() -> Sample:
    """Read the sample: some 20 MB."""
    from triton_models import kaputt

    whole = kaputt.load(SAMPLE, _SPLIT)
    rows: list[dict[str, Any]] = json.loads((SAMPLE / "products.json").read_text(encoding="utf-8"))
    return Sample(
        products=tuple(_product(row) for row in rows),
        taken=tuple(taken_from(query) for query in whole.queries),
        references={
            product_id: tuple(_pristine(one) for one in found)
            for product_id, found in whole.references_by_item.items()
        },
    )


def photo(path: Path, camera: str, role: ImageRole = ImageRole.RGB) -> Photo:
    """An image file as a camera gives it."""
    data = path.read_bytes()
    header = read_header(data)
    return Photo(
        camera=camera,
        role=role,
        media_type=header.media_type,
        data=data,
        width=header.width,
        height=header.height,
    )


def _product(row: dict[str, Any]) -> Product:
    contents = row.pop("contents")
    red, green, blue = contents["colour"]
    return Product(
        vendor_id="",
        contents=Contents(kind=contents["kind"], red=red, green=green, blue=blue),
        **row,
    )


def taken_from(query: Query) -> Taken:
    """A capture of a data set, as a rack sends it."""
    photos = [photo(query.query_image, "top")]
    if query.side_image is not None:
        photos.append(photo(query.side_image, "side"))
    if query.depth_image is not None:
        photos.append(photo(query.depth_image, "top", ImageRole.DEPTH))
    severity = "major" if query.major_defect else "minor" if query.defect else "none"
    return Taken(
        name=query.capture_id,
        product_id=query.item_identifier,
        photos=tuple(photos),
        truth=Truth(
            damaged=query.defect,
            severity=severity,
            defect_types=query.defect_types,
            scenario=query.scenario or ORDINARY,
        ),
        barcode=query.barcode,
    )


def _pristine(reference: Reference) -> Taken:
    return Taken(
        name=reference.reference_image.stem,
        product_id=reference.item_identifier,
        photos=(photo(reference.reference_image, "top"),),
        truth=Truth(damaged=False, severity="none", defect_types=()),
        barcode=None,
    )
