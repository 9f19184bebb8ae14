"""A person's verdict as the item's next revision: it always wins over a machine's, and corrects what followed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.assess import words
from services.assess.checks import check_facts, check_label
from services.assess.revisions import REASON_CHARACTERS, next_revision, not_before
from services.kernel import records as r
from services.kernel.policies import MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What an item really is, as a person said, with its row of the catalogue and the row's version."""

    product: r.Product
    row: str


def from_label(
    label: r.Label, known: r.Assessment, now: datetime, correction: Correction | None = None
) -> r.Assessment:
    """A person's verdict as the item's next revision; it always wins over a machine's.

    Of two people the one who looked last counts, whatever order their labels come in; that they disagree is kept.
    """
    check_label(label, now)
    disputed = _disputed(label, known)
    if known.verdict is not None and known.labelled_at is not None and label.labelled_at < known.labelled_at:
        return next_revision(
            known,
            r.CauseKind.LABEL,
            label.label_id,
            now,
            disputed=disputed,
            reason=_unless_agreed(
                f"An earlier verdict came late and changes nothing. {known.reason}", label, known
            ),
        )
    damaged = label.verdict is r.Verdict.DAMAGED
    severity = _severity(label)
    types = label.defect_types if damaged else ()
    said = words.found(damaged=damaged, severity=severity, types=types)
    corrected = _corrected(known, correction)
    return next_revision(
        known,
        r.CauseKind.LABEL,
        label.label_id,
        now,
        damaged=damaged,
        tolerated=False,
        severity=severity,
        defect_types=types,
        verdict=label.verdict,
        annotator=label.annotator,
        disputed=disputed,
        labelled_at=label.labelled_at,
        incomplete=MISSING in types,
        reason=_unless_agreed(f"A person found it {said}{_identity(known, correction)}.", label, known),
        **{
            **corrected,
            "outcome": dataclasses.replace(
                corrected.get("outcome", known.outcome),
                damaged=damaged,
                severity=severity,
                defect_types=types,
                judged_at=not_before(now, known),
            ),
        },
    )


def _severity(label: r.Label) -> r.Severity:
    if label.verdict is r.Verdict.INTACT:
        return r.Severity.NONE
    return label.severity if label.severity is not r.Severity.NONE else r.Severity.MAJOR


def _disputed(label: r.Label, known: r.Assessment) -> bool:
    """Two people differ until a further one agrees with the verdict that counts; one may change their own mind."""
    if known.verdict is None:
        return False
    if label.verdict is not known.verdict:
        return label.annotator != known.annotator
    return known.disputed and label.annotator == known.annotator


def _unless_agreed(sentence: str, label: r.Label, known: r.Assessment) -> str:
    if known.verdict is not None and _disputed(label, known) and label.verdict is not known.verdict:
        sentence += (
            f" {label.annotator} says {label.verdict.lower()}, {known.annotator} {known.verdict.lower()}: "
            "the one who looked last counts, and a third person should look."
        )
    return sentence[:REASON_CHARACTERS]


def _identity(known: r.Assessment, correction: Correction | None) -> str:
    if correction is None or correction.product.product_id == known.product_id:
        return ""
    return f" and to be {correction.product.product_id}, not {known.product_id or 'unknown'}"


def _corrected(known: r.Assessment, correction: Correction | None) -> dict[str, Any]:
    if correction is None or correction.product.product_id == known.product_id:
        return {}
    p = correction.product
    facts = r.ProductFacts(
        vendor_id=p.vendor_id,
        category=p.category,
        material=p.material,
        unit_count=p.unit_count,
        price_cents=p.price_cents,
        hazardous=p.hazardous,
    )
    check_facts(p.product_id, facts)
    return {
        "product_id": p.product_id,
        "product": facts,
        "expected_units": p.unit_count,
        "versions": {**known.versions, "row.catalog.products": correction.row},
        "outcome": dataclasses.replace(
            known.outcome, vendor_id=p.vendor_id, product_id=p.product_id, material=p.material
        ),
    }
