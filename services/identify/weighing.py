"""What pieces of evidence weigh: `triton_models/fit_verification.py` wrote the file, from simulated captures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SHIPPED = Path(__file__).with_name("verification.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """Weights of what is known of a product that a capture may show.

    Attributes:
        version: Of the weights.
        evidence: Of what Triton's `product_verification` says, in its order.
        similarity: Of the embedding's similarity.
        constant: Log odds that it is none of the products, before any evidence.
        lead: Of the best product's lead, for "none of these"; at most `most_lead` of it counts.
        most_lead: See lead.
        doubt: Of the best product's evidence, for "none of these".
        doubt_similarity: Of its similarity, for the same.
        prior: What a scanned barcode, or a place in the tote's manifest, adds to a product's score.
        named: Confidence from which a product is named.
    """

    version: str
    evidence: tuple[float, ...]
    similarity: float
    constant: float
    lead: float
    most_lead: float
    doubt: tuple[float, ...]
    doubt_similarity: float
    prior: float
    named: float


def shipped(path: Path = _SHIPPED) -> Weighing:
    """The weights that ship."""
    read: dict[str, Any] = json.loads(path.read_text())
    rows = {name: tuple(read[name]) for name in ("evidence", "doubt")}
    return Weighing(**(read | rows))
