"""Which references a method is handed with a capture: its product's, another product's by mistake, or none."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np

from triton_models.kaputt import Query, Reference, Split
from triton_models.problems import BadData

Gallery = Literal["own", "other", "none"]
GALLERIES: Final[tuple[Gallery, ...]] = get_args(Gallery)
MOST: Final = 6
"""References of a product that the mesh keeps."""


def chosen(split: Split, gallery: Gallery, most: int = MOST) -> list[tuple[Reference, ...]]:
    """The references of each capture, in the order of the split.

    Args:
        split: With references, unless the gallery is "none".
        gallery: "other" draws another product for each capture, the same one in every run.
        most: Of a product's references, the first so many.

    Raises:
        BadData: There is no other product.
    """
    items = sorted(split.references_by_item)
    if gallery == "other" and len(items) < 2:
        raise BadData(f"references of another product need two products that have some, not {len(items)}")

    def item_of(query: Query) -> str:
        if gallery == "own":
            return query.item_identifier
        rng = np.random.default_rng([*query.capture_id.encode()])
        rest = [one for one in items if one != query.item_identifier]
        return rest[int(rng.integers(len(rest)))]

    if gallery == "none":
        return [() for _ in split.queries]
    return [split.references_by_item.get(item_of(query), ())[:most] for query in split.queries]
