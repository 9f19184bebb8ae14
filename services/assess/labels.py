"""A person's word as the item's next revision: it always wins over a machine's, and corrects what followed.

A label says whether the item is damaged, which product it is, or both; each counts by the time at which somebody
looked, whatever order labels come in.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from services.assess import words
from services.assess.checks import check_label
from services.assess.identity import Correction, corrected
from services.assess.revisions import REASON_CHARACTERS, next_revision, not_before
from services.assess.tolerance import judge
from services.kernel import records as r
from services.kernel.policies import MISSING, Context, versions_of


def from_label(
    label: r.Label, known: r.Assessment, now: datetime, correction: Correction | None = None
) -> r.Assessment:
    """A person's word as the item's next revision.

    Of two people the one who looked last counts, whatever order their labels come in; that they disagree is kept.
    `correction`: of the product that the label names.

    Raises:
        DataFault: the label contradicts itself, its clock is ahead, or a fact of the catalogue is impossible.
    """
    check_label(label, now)
    named = correction if _names(label, known) else None
    identity = corrected(known, label, named) if named is not None else {}
    said = dataclasses.replace(known, **identity)
    if not label.identity_only and _counts(label, known):
        found = _verdict(label, known, said, now)
    elif named is not None:
        found = identity | _as_that_product(known, said, named, now)
    else:
        found = {"reason": f"An earlier verdict came late and changes nothing. {known.reason}"}
    if not label.identity_only:
        found["disputed"] = _disputed(label, known)
        found["reason"] += _disagreement(label, known)
    found["reason"] = found["reason"][:REASON_CHARACTERS]
    return next_revision(known, r.CauseKind.LABEL, label.label_id, now, **{**identity, **found})


# -- whether the item is damaged ----------------------------------------------------------------------------------


def _counts(label: r.Label, known: r.Assessment) -> bool:
    """Whether a verdict is the newest word on the item as it was last seen.

    One that was given before the newest picture is about an earlier look: the item may have been damaged since.
    """
    if known.verdict is not None and known.labelled_at is not None and label.labelled_at < known.labelled_at:
        return False
    return known.outcome.looks == 1 or label.labelled_at >= known.subject.captured_at


def _verdict(label: r.Label, known: r.Assessment, said: r.Assessment, now: datetime) -> dict[str, Any]:
    damaged = label.verdict is r.Verdict.DAMAGED
    severity = _severity(label)
    types = label.defect_types if damaged else ()
    found = words.found(damaged=damaged, severity=severity, types=types)
    return {
        "damaged": damaged,
        "tolerated": False,
        "severity": severity,
        "defect_types": types,
        "verdict": label.verdict,
        "annotator": label.annotator,
        "labelled_at": label.labelled_at,
        "incomplete": MISSING in types,
        "reason": f"A person found it {found}{_renamed(known, said)}.",
        "outcome": dataclasses.replace(
            said.outcome,
            damaged=damaged,
            severity=severity,
            defect_types=types,
            judged_at=not_before(now, known),
        ),
    }


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


def _disagreement(label: r.Label, known: r.Assessment) -> str:
    if known.verdict is None or label.verdict is known.verdict or not _disputed(label, known):
        return ""
    return (
        f" {label.annotator} says {label.verdict.lower()}, {known.annotator} {known.verdict.lower()}: "
        "the one who looked last counts, and a third person should look."
    )


# -- which product it is ------------------------------------------------------------------------------------------


def _names(label: r.Label, known: r.Assessment) -> bool:
    """Whether a label is the newest word on which product it is. An item stays what it is, whatever pictures follow."""
    if label.product_id is None:
        return False
    return known.identified_at is None or label.labelled_at >= known.identified_at


def _renamed(known: r.Assessment, said: r.Assessment) -> str:
    if said.product_id == known.product_id:
        return ""
    return f" and to be {said.product_id}, not {known.product_id or 'unknown'}"


def _as_that_product(
    known: r.Assessment, said: r.Assessment, correction: Correction, now: datetime
) -> dict[str, Any]:
    """What follows for the damage: a person's verdict stands, a machine's is made anew where the product is another."""
    if said.product_id == known.product_id:
        return {"reason": f"{said.identified_by} says that it is {said.product_id} indeed. {known.reason}"}
    named = f"{said.identified_by} says that it is {said.product_id}, not {known.product_id or 'unknown'}"
    if known.verdict is not None:
        return {"reason": f"{named}. {known.reason}"}
    evidence = correction.evidence
    where = Context(product=said.product, stage=said.subject.stage, gift=said.gift)
    judged = judge(evidence, where, correction.policies)
    why = words.why(evidence, judged, said.subject, said.product, gift=said.gift)
    return {
        "probability": evidence.probability,
        "foreign_matter": evidence.foreign_matter,
        "foreignness": evidence.foreignness,
        "damaged": judged.damaged,
        "tolerated": judged.tolerated,
        "severity": judged.severity,
        "defect_types": judged.types,
        "incomplete": judged.incomplete,
        "miss_cost_cents": judged.miss_cost_cents,
        "reason": f"{named}; judged as that: {why}",
        "versions": {
            **said.versions,
            **versions_of(judged.policy),
            "row.policies.tolerability": correction.policy_row(judged.policy.policy_id),
        },
        "outcome": dataclasses.replace(
            said.outcome,
            damaged=judged.damaged and not judged.tolerated,
            severity=judged.severity,
            defect_types=judged.types,
            judged_at=not_before(now, known),
        ),
    }
