"""What speaks for each of a few references, seen in a capture's framed pictures. Measuring reads this file too."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import cv2
import numpy as np
from framing import SMALL, foreground
from numpy.typing import NDArray
from pixels import picture

from triton_models.mmid_evidence import NAMES, Known, compare, known, look_at, scaled

CACHED: Final = 2048
"""References whose features are kept in memory, some 130 KB each."""
_FEATURES: Final = 600
"""Local features of a reference."""


class Verifier:
    """Compares captures with references; those it has seen before, the least recently used go first, cost nothing."""

    def __init__(self, cached: int = CACHED) -> None:
        """`cached`: references that are kept."""
        self._cached = cached
        self._kept: OrderedDict[bytes, Known] = OrderedDict()

    def evidence(
        self, queries: Sequence[bytes], references: Sequence[bytes], products: Sequence[bytes]
    ) -> NDArray[np.float32]:
        """(references, 6): for each reference what its best picture says, in the order of `mmid_evidence.NAMES`.

        Args:
            queries: JPEGs of one capture's framed pictures.
            references: JPEGs of framed pictures of products.
            products: Whose each reference is.

        Raises:
            DecodeError (of `pixels`): a picture cannot be read.
        """
        numbers = {product: number for number, product in enumerate(dict.fromkeys(products))}
        held = {
            row: replace(self._known(reference), owner=numbers[product])
            for row, (reference, product) in enumerate(zip(references, products, strict=True))
        }
        found = np.zeros((len(references), len(NAMES)), np.float32)
        for query in queries:
            for row, values in compare(look_at(scaled(picture(query))), held).items():
                if values[0] > found[row, 0]:
                    found[row] = values
        return found

    def _known(self, reference: bytes) -> Known:
        key = hashlib.sha256(reference).digest()
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = described(reference)
            if len(self._kept) > self._cached:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept


def described(reference: bytes) -> Known:
    """A reference's features; of the item, where it can be told from the tray."""
    pixels = picture(reference)
    small: NDArray[Any] = cv2.resize(pixels, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    seen = cv2.dilate(foreground(small).astype(np.uint8), np.ones((5, 5), np.uint8))
    solid = cv2.resize(seen, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    # Booths look straight down: simulated slants would cost four times as much and find little.
    return known(pixels, solid=solid if solid.any() else None, tilts=(), limit=_FEATURES)
