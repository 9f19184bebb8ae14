"""The random sample of passing items: drawn by `sideline`, recomputed by `calibrate`."""

from __future__ import annotations

import hashlib


def sampled(item_id: str, rate: float) -> bool:
    """Whether an item is in the sample: uniform in the item id and the same at every replay."""
    return int.from_bytes(hashlib.sha256(b"sample|" + item_id.encode()).digest()[:8], "big") < rate * 2**64
