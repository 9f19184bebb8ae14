"""Which assessments bear on a product's gallery: most match it, and are let go at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.gallery.ledger import looks
from services.kernel import records as r
from services.kernel.model_versions import encoder_of

_THRESHOLDS = Path(__file__).parents[2] / "triton_models/repository/gallery_comparison/1/thresholds.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Logits of the gallery comparison from which on it says so; even odds unless the model says other ones."""

    changed: float = 0.0
    missing: float = 0.0
    mismatch: float = 0.0

    @classmethod
    def shipped(cls, path: Path = _THRESHOLDS) -> Limits:
        """Those that ship with the comparison, where any do (`python -m triton_models.sightings --thresholds`)."""
        if not path.exists():
            return cls()
        chosen = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{name: float(chosen[name]) for name in ("changed", "missing", "mismatch")})

    def fit(self, *, changed: float, missing: float, mismatch: float) -> r.Fit:
        """How two pictures look beside each other, where one could be laid over the other."""
        if mismatch >= self.mismatch:
            return r.Fit.OTHER
        return r.Fit.CHANGED if changed >= self.changed or missing >= self.missing else r.Fit.SAME


def sightings(
    assessment: r.Assessment, gallery_of: Callable[[str], r.Gallery | None], limits: Limits
) -> list[r.Sighting]:
    """What an item's revision says of galleries; usually nothing.

    An item speaks of the product that its barcode names. When the picture (or a person) says that it is another one,
    it tells so: else the few of a wrongly labelled batch that nothing else was seen in would look like a new design.
    """
    claimed = assessment.scanned_product_id or assessment.product_id
    was = assessment.previous.product_id if assessment.previous is not None else None
    found = []
    for product_id in dict.fromkeys((claimed, was)):
        if product_id is None or _corrected_to(product_id, was, assessment):
            continue
        rival = rival_of(product_id, assessment)
        look = _look(product_id, assessment, limits)
        said = rival is not None or assessment.verdict is not None
        if said or _tells(look, gallery_of(product_id)):
            found.append(_sighting(product_id, assessment, look, rival))
    return found


def _look(product_id: str, assessment: r.Assessment, limits: Limits) -> r.Fit:
    """How an item looks beside this product's references; as another print where its picture is of no known product."""
    if assessment.product_id == product_id:
        return fit_of(assessment.comparison, limits)
    return r.Fit.OTHER if assessment.product_id is None else r.Fit.UNSEEN


def _tells(fit: r.Fit, gallery: r.Gallery | None) -> bool:
    """Whether a picture alone says something: that it matches does only while there are several looks to match."""
    if fit is r.Fit.SAME:
        return gallery is not None and len(looks(gallery.references)) > 1
    if fit is not r.Fit.UNSEEN or gallery is None or not gallery.confirmed:
        return True
    # There are references, and it was not held against them: they came after it, or are of another encoder.
    return not gallery.references


def _corrected_to(product_id: str, was: str | None, assessment: r.Assessment) -> bool:
    """Whether a person has just said that it is this product: it was held against another one's references."""
    return assessment.cause is r.CauseKind.LABEL and was != product_id == assessment.product_id


def fit_of(comparison: r.Comparison | None, limits: Limits) -> r.Fit:
    """How an item looks beside its references. Distances of earlier releases, which have no logits, say nothing."""
    if comparison is None:
        return r.Fit.UNSEEN
    if comparison.inliers is None:
        return r.Fit.SAME
    changed, missing, mismatch = comparison.changed_logit, comparison.missing_logit, comparison.mismatch_logit
    if comparison.inliers == 0 or changed is None or missing is None or mismatch is None:
        return r.Fit.OTHER
    return limits.fit(changed=changed, missing=missing, mismatch=mismatch)


def rival_of(product_id: str, assessment: r.Assessment) -> str | None:
    """Another product that the item is, or that its picture fits better."""
    if assessment.product_id not in {None, product_id}:
        return assessment.product_id
    mine = max((c.confidence for c in assessment.candidates if c.product_id == product_id), default=0.0)
    others = [c for c in assessment.candidates if c.product_id != product_id and c.confidence > mine]
    return max(others, key=lambda c: c.confidence).product_id if others else None


def _sighting(product_id: str, assessment: r.Assessment, fit: r.Fit, rival: str | None) -> r.Sighting:
    subject, comparison = assessment.subject, assessment.comparison
    own = assessment.product_id == product_id
    return r.Sighting(
        product_id=product_id,
        item_id=assessment.item_id,
        revision=assessment.revision,
        capture_id=subject.capture_id,
        captured_at=subject.captured_at,
        tote_id=subject.tote_id,
        lot_id=subject.lot_id,
        encoder=encoder_of(assessment.versions),
        fit=fit,
        reference_id=comparison.reference_id if comparison is not None and own else None,
        damaged=assessment.scores.damaged,
        missing_unit=assessment.scores.missing_unit,
        unit_count=assessment.product.unit_count if assessment.product is not None else 1,
        rival=rival,
        verdict=None if assessment.disputed else assessment.verdict,
        verdict_types=assessment.defect_types if assessment.verdict is r.Verdict.DAMAGED else (),
    )
