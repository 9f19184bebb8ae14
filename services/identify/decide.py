"""Which product is it? The scanned barcode is a prior, not the truth; 'none of these' is an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from services.kernel import records as r
from services.kernel.features import unpack_embedding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from services.identify.weighing import Weighing

#: Captures of the simulated station, products that no network was trained on: an unrelated product is this similar in
#: 1 % of the captures; other flavours of the same brand are so in half of them.
AGREE = 0.61
#: An unrelated product is this similar in 5 % of the captures, the right one less in some 3 %, damaged ones included:
#: enough where a barcode or a manifest speaks for a product.
PRIOR_AGREE = 0.46
#: Another product must be this much more similar to overrule a barcode: the right one is farther behind in some 3 %.
OVERRULE = 0.1
#: Similarities between which confidence rises from 0 to 1; half of the right products are above the second.
_DOUBT, _SURE = 0.46, 0.85
#: Confidence of a barcode whose product has no references yet: nothing contradicts it and nothing supports it.
UNSEEN = 0.5
#: Similarity, and lead on the next product, from which embeddings alone name a product of the whole catalogue: 38 % of
#: the captures, none of 80 wrongly (`python -m triton_models.fit_verification`).
SETTLED, AHEAD = 0.7, 0.1
#: Products that are looked at closely where they do not, and references of each.
CLOSELY, REFERENCES = 6, 2


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
        and (len(known) == 1 or best[0] - known[1][0] >= OVERRULE / 2)
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


def cautious(identity: Identity, gallery: r.Gallery | None) -> Identity:
    """The same, no surer than a barcode alone while nobody has confirmed that the references show this product."""
    if gallery is None or gallery.confirmed:
        return identity
    return replace(identity, confidence=min(identity.confidence, UNSEEN))


def settled(found: Sequence[tuple[str, float]]) -> bool:
    """Whether the likeness of embeddings alone names a product: the best is like enough and well ahead of the next."""
    best, second = (found[k][1] if len(found) > k else 0.0 for k in (0, 1))
    return best >= SETTLED and best - second >= AHEAD


def shortlist(
    found: Sequence[tuple[str, float]], expected: Sequence[tuple[str, float | None]]
) -> list[tuple[str, float]]:
    """The products that are looked at closely, at most `CLOSELY`: those expected that have references, then the likest.

    Args:
        found: The nearest products of the whole catalogue, best first, with their similarities.
        expected: Those of the barcode and of the tote's manifest, with theirs.
    """
    known = sorted(((s, p) for p, s in dict(expected).items() if s is not None), reverse=True)
    wanted = {p: s for s, p in known[: CLOSELY // 2]}
    return list((wanted | {p: s for p, s in found if p not in wanted}).items())[:CLOSELY]


def from_evidence(
    looked_at: Sequence[tuple[str, float]],
    evidence: Mapping[str, Sequence[float]],
    expected: Collection[str],
    weighing: Weighing,
) -> Identity:
    """Decide from what lay over the capture's pictures, as a calibrated confidence; or name none.

    Args:
        looked_at: Products with their similarities, any order.
        evidence: What speaks for each of them, in the order that the weights have.
        expected: Those that the barcode or the tote's manifest speaks for.
        weighing: The weights.
    """
    looked_at = [(product, similar) for product, similar in looked_at if product in evidence]
    if not looked_at:
        return Identity(product_id=None, method=r.IdentityMethod.NONE, confidence=0.0)
    scores = {
        product: _dot(weighing.evidence, evidence[product])
        + weighing.similarity * similar
        + (weighing.prior if product in expected else 0.0)
        for product, similar in looked_at
    }
    ranked = sorted(scores, key=lambda product: -scores[product])
    best = ranked[0]
    lead = scores[best] - scores[ranked[1]] if len(ranked) > 1 else weighing.most_lead
    doubt = (
        weighing.constant
        + weighing.lead * min(lead, weighing.most_lead)
        + _dot(weighing.doubt, evidence[best])
        + weighing.doubt_similarity * dict(looked_at)[best]
    )
    present = 1.0 / (1.0 + math.exp(max(-30.0, min(30.0, doubt))))
    shares = [math.exp(scores[product] - scores[best]) for product in ranked]
    candidates = tuple(
        r.Candidate(product_id=product, confidence=present * share / sum(shares))
        for product, share in list(zip(ranked, shares, strict=True))[:5]
    )
    sure = candidates[0].confidence >= weighing.named
    return Identity(
        product_id=best if sure else None,
        method=r.IdentityMethod.SEARCH if sure else r.IdentityMethod.NONE,
        confidence=candidates[0].confidence if sure else 0.0,
        candidates=candidates,
    )


def strongest(
    products: Sequence[str], rows: npt.NDArray[np.float32], weighing: Weighing
) -> dict[str, list[float]]:
    """For each product the evidence of its best reference.

    Args:
        products: Whose each reference is.
        rows: (references, evidence).
        weighing: The weights.
    """
    scores = rows @ np.array(weighing.evidence, np.float32)
    best: dict[str, int] = {}
    for at, product in enumerate(products):
        if product not in best or scores[at] > scores[best[product]]:
            best[product] = at
    return {product: [float(value) for value in rows[at]] for product, at in best.items()}


def held_against(
    embedding: npt.NDArray[np.float32], galleries: Sequence[r.Gallery | None], encoder: str
) -> list[tuple[str, r.Reference]]:
    """Of each product the references that look most like a capture; none of those of another encoder."""
    held: list[tuple[str, r.Reference]] = []
    for gallery in galleries:
        if gallery is None or gallery.encoder != encoder:
            continue
        alike = [float(embedding @ unpack_embedding(one.embedding)) for one in gallery.references]
        order = np.argsort(np.negative(alike), kind="stable")[:REFERENCES]
        held += [(gallery.product_id, gallery.references[k]) for k in order]
    return held


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))
