"""Which product is it? The scanned barcode is a prior, not the truth; 'none of these' is an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from services.kernel import records as r
from services.kernel.features import unpack_embedding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

#: From `python -m triton_models.fuse`: the most similar wrong product of 60 reaches this in 1 % of the captures.
AGREE = 0.34
#: The right product falls below this in 1 % of the captures, damaged ones included: enough where a barcode or a
#: manifest speaks for a product.
PRIOR_AGREE = 0.19
#: Another product must be this much more similar to overrule a barcode.
OVERRULE = 0.1
#: Similarities between which confidence rises from 0 to 1: where wrong products end, and where half of the right ones
#: are.
_DOUBT, _SURE = 0.15, 0.47
#: Confidence of a barcode whose product has no references yet: nothing contradicts it and nothing supports it.
UNSEEN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The answer, with the five best candidates, best first."""

    product_id: str | None
    method: r.IdentityMethod
    confidence: float
    candidates: tuple[r.Candidate, ...] = ()


def similarity(embedding: npt.NDArray[np.float32], gallery: r.Gallery | None, encoder: str) -> float | None:
    """The largest cosine similarity to a product's references, None when there are none of this encoder."""
    if gallery is None or gallery.encoder != encoder or not gallery.references:
        return None
    return max(float(embedding @ unpack_embedding(ref.embedding)) for ref in gallery.references)


def confidence(similarity: float) -> float:
    """Cosine similarity in [-1, 1] as a confidence in [0, 1]."""
    return min(1.0, max(0.0, (similarity - _DOUBT) / (_SURE - _DOUBT)))


def from_priors(
    scanned: tuple[str, float | None] | None, expected: Iterable[tuple[str, float | None]]
) -> Identity | None:
    """Decide from the barcode's product and the tote's expected products, each with its similarity or None.

    Returns None when the whole catalogue must be searched.
    """
    pairs = dict((scanned, *expected) if scanned else expected)
    known = sorted(((s, p) for p, s in pairs.items() if s is not None), reverse=True)
    ranked = tuple(r.Candidate(product_id=p, confidence=confidence(s)) for s, p in known[:5])
    best = known[0] if known else None
    if scanned is not None:
        product, similar = scanned
        if similar is None:
            if best is None or best[0] < AGREE:
                return Identity(
                    product_id=product, method=r.IdentityMethod.BARCODE, confidence=UNSEEN, candidates=ranked
                )
        elif similar >= AGREE or (
            similar >= PRIOR_AGREE and best is not None and best[0] < similar + OVERRULE
        ):
            return Identity(
                product_id=product,
                method=r.IdentityMethod.BARCODE,
                confidence=confidence(similar),
                candidates=ranked,
            )
    if (
        best is not None
        and best[0] >= PRIOR_AGREE
        and (len(known) == 1 or best[0] - known[1][0] >= OVERRULE / 3)
    ):
        return Identity(
            product_id=best[1],
            method=r.IdentityMethod.MANIFEST,
            confidence=confidence(best[0]),
            candidates=ranked,
        )
    return None


def from_search(found: Sequence[tuple[str, float]]) -> Identity:
    """Decide from the nearest products of the whole catalogue, best first, as (product, similarity)."""
    ranked = tuple(r.Candidate(product_id=p, confidence=confidence(s)) for p, s in found[:5])
    if found and found[0][1] >= AGREE:
        return Identity(
            product_id=found[0][0],
            method=r.IdentityMethod.SEARCH,
            confidence=confidence(found[0][1]),
            candidates=ranked,
        )
    return Identity(product_id=None, method=r.IdentityMethod.NONE, confidence=0.0, candidates=ranked)
