"""Cuts the committed sample out of a simulated data set: what racks photograph in the demo, tests and benchmark.

    ./intact simulate --out DIR --split test --seed 77 --items 80 --subtle 6 --products 48
    python -m triton_models.make_sample DIR

The sample is in Kaputt's format (two references of each product, one of each side; the whole picture stands in for the
crop), with the catalogue beside it. Pictures stay as they were rendered.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from triton_models import kaputt
from triton_models.simulator import catalogue
from triton_models.simulator.catalogue import Design

SAMPLE: Final = Path(__file__).parent / "sample"
SPLIT: Final = "test"
_REFERENCES: Final = (0, 2)
"""Of a product's reference photos, which the simulator numbers by the side on which it lies."""
_CATEGORIES: Final = {
    "cosmetics": "beauty",
    "toys": "toy",
    "cleaning": "household",
    "kitchen": "household",
    "home": "household",
}
_HAZARDOUS: Final = ("cleaning", "tools")
"""Of these aisles the liquids are dangerous goods."""


def make(rendered: Path, sample: Path = SAMPLE) -> int:
    """Returns how many bytes it takes."""
    whole = kaputt.load(rendered, SPLIT)
    shutil.rmtree(sample, ignore_errors=True)
    (sample / "images").mkdir(parents=True)
    queries = [_query(query, sample) for query in whole.queries]
    references = [
        _reference(found[k], sample) for found in whole.references_by_item.values() for k in _REFERENCES
    ]
    kaputt.write(sample, SPLIT, queries, references)
    numbers = sorted({query.design for query in queries if query.design is not None})
    products = [product(catalogue.design(number)) for number in numbers]
    (sample / "products.json").write_text(json.dumps(products, indent=1, ensure_ascii=False) + "\n")
    return sum(file.stat().st_size for file in _files(sample))


def product(design: Design) -> dict[str, Any]:
    """What a catalogue says of a product."""
    aisle = catalogue.aisle(design)
    rng = np.random.default_rng([19, design.number])
    return {
        "product_id": design.product_id,
        "title": f"{design.brand} {design.title}, {design.variant}",
        "barcode": design.barcode,
        "category": _CATEGORIES.get(aisle, aisle),
        "material": design.item_material,
        "unit_count": design.unit_count,
        "price_cents": int(rng.integers(199, 4999)),
        "hazardous": aisle in _HAZARDOUS and design.contents.kind == "liquid",
        "contents": {"kind": design.contents.kind, "colour": list(design.contents.colour)},
    }


def _query(query: kaputt.Query, sample: Path) -> kaputt.Query:
    image = _kept(query.query_image, sample)
    return replace(
        query,
        query_image=image,
        query_crop=image,
        query_mask=_kept(query.query_mask, sample),
        depth_image=None if query.depth_image is None else _kept(query.depth_image, sample),
        damage_mask=None if query.damage_mask is None else _kept(query.damage_mask, sample),
        side_image=None if query.side_image is None else _kept(query.side_image, sample),
        side_mask=None,
    )


def _reference(reference: kaputt.Reference, sample: Path) -> kaputt.Reference:
    image = _kept(reference.reference_image, sample)
    mask = _kept(reference.reference_mask, sample)
    return replace(reference, reference_image=image, reference_crop=image, reference_mask=mask)


def _kept(path: Path, sample: Path) -> Path:
    place = sample / "images" / path.name
    shutil.copyfile(path, place)
    return place.absolute()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rendered", type=Path, help="what `intact simulate` wrote")
    print(f"{make(parser.parse_args().rendered) / 1e6:.1f} MB in {SAMPLE}")  # noqa: T201 - a command line prints


if __name__ == "__main__":
    main()
