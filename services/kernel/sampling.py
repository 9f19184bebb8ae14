"""The random sample of items that are pulled for labels: where an item lies in it follows from its id alone."""

from __future__ import annotations

import hashlib


def place(item_id: str) -> float:
    """Where an item lies in the sample: uniform in [0, 1) over item ids, and the same at every replay.

    An item is drawn at rate q when its place is below q. So whoever is drawn at one rate is drawn at every higher one,
    and the probability of being drawn depends on nothing but the rate.
    """
    return int.from_bytes(hashlib.sha256(b"sample|" + item_id.encode()).digest()[:7], "big") / 2**56


def sampled(item_id: str, rate: float) -> bool:
    """Whether an item is drawn at this rate, in [0, 1]."""
    return place(item_id) < rate
