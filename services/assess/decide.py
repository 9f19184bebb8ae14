"""From scores to a judgement with its reason. Values in, values out."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from services.kernel import records as r
from services.kernel.faults import DataFault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_NAMESPACE = UUID("7a0c8f0e-4f53-5b1a-9d0e-2f6a5b8f3c11")
HISTORY = 16
#: A defect type is named when its own probability reaches this.
NAMED_AT = 0.5

TYPES = (
    "deformation", "actuation", "deconstruction", "penetration", "superficial", "spillage", "missing_unit",
)  # fmt: skip

SCORES = ("damaged", "major", *TYPES)

#: What holds where no policy fits.
DEFAULT_POLICY = r.Policy(
    policy_id="default",
    up_to=r.Severity.NONE,
    judge_at=0.5,
    reason="nothing is tolerated unless a policy says so",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """Weights of a logistic regression over the classifier's logit and the gallery's distances.

    Fitted by `python -m triton_models.fuse` on captures of the validation designs; without references the
    classifier stands alone, so that a missing gallery never hurts.
    """

    bias: float
    classifier: float
    foreign: float
    missing: float

    def probability(self, damaged: float, comparison: r.Comparison | None) -> float:
        """Probability of damage in (0, 1)."""
        if comparison is None:
            return damaged
        x = (
            self.bias
            + self.classifier * _logit(damaged)
            + self.foreign * comparison.foreign
            + self.missing * comparison.missing
        )
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, x))))


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def assessment_id(item_id: str, cause_id: UUID) -> UUID:
    """The same item and cause give the same id, however often they are processed."""
    return uuid5(_NAMESPACE, f"{item_id}|{cause_id}")


def revision_for(known: r.Assessment | None, cause_id: UUID) -> tuple[int, bool]:
    """The revision that a cause makes, and whether it has been made before."""
    if known is None:
        return 1, False
    made = next((c.revision for c in known.history if c.cause_id == cause_id), None)
    return (made, True) if made is not None else (known.revision + 1, False)


def from_result(
    result: r.InspectionResult,
    known: r.Assessment | None,
    policies: Iterable[r.Policy],
    fusion: Fusion,
    now: datetime,
) -> r.Assessment:
    """Judge a capture: the first revision of an item, or the next one when it is photographed again.

    Raises:
        DataFault: a score is no probability; compared with a threshold, not-a-number would pass for intact.
    """
    _check(result)
    subject = result.subject
    if known is not None and _is_older(subject, known):
        return _unchanged(known, subject.capture_id, now)
    policy = applicable(policies, result.product, subject.stage)
    probability = fusion.probability(result.scores.damaged, result.comparison)
    types = defect_types(result.scores)
    damaged = probability >= policy.judge_at
    severity = severity_of(result.scores) if damaged else r.Severity.NONE
    tolerated = damaged and tolerates(policy, types, severity)
    revision, _ = revision_for(known, subject.capture_id)
    outcome = r.Outcome(
        vendor_id=result.product.vendor_id if result.product else None,
        product_id=result.product_id,
        material=result.product.material if result.product else None,
        stage=subject.stage,
        captured_at=subject.captured_at,
        damaged=damaged and not tolerated,
        severity=severity,
        defect_types=types if damaged else (),
    )
    return r.Assessment(
        assessment_id=assessment_id(subject.item_id, subject.capture_id),
        item_id=subject.item_id,
        revision=revision,
        cause=r.CauseKind.CAPTURE,
        cause_id=subject.capture_id,
        subject=subject,
        product_id=result.product_id,
        product=result.product,
        order_line_id=result.order_line_id,
        scores=result.scores,
        comparison=result.comparison,
        candidates=result.candidates,
        probability=probability,
        damaged=damaged,
        tolerated=tolerated,
        severity=severity,
        defect_types=types if damaged else (),
        reason=_why(result, probability, policy, severity, types, damaged=damaged, tolerated=tolerated),
        outcome=outcome,
        previous=known.outcome if known else None,
        history=_history(known, revision, subject.capture_id),
        versions={**result.versions, "policy": policy.policy_id},
        assessed_at=now,
    )


def _check(result: r.InspectionResult) -> None:
    for name in SCORES:
        score = getattr(result.scores, name)
        if not 0.0 <= score <= 1.0:
            msg = f"the score {name} is {score}, not a probability in [0, 1]"
            raise DataFault("bad_scores", msg)
    c = result.comparison
    if c is not None and not (math.isfinite(c.foreign) and math.isfinite(c.missing)):
        msg = f"the comparison's distances are {c.foreign} and {c.missing}, not numbers"
        raise DataFault("bad_scores", msg)


def _is_older(subject: r.Subject, known: r.Assessment) -> bool:
    """Whether what is known comes from a newer picture, or from a person who judged after this picture was taken."""
    judged = known.assessed_at if known.cause is r.CauseKind.LABEL else known.subject.captured_at
    return subject.captured_at < judged


def _unchanged(known: r.Assessment, cause_id: UUID, now: datetime) -> r.Assessment:
    """A revision that notes a late picture and holds to what is known."""
    revision, _ = revision_for(known, cause_id)
    return dataclasses.replace(
        known,
        assessment_id=assessment_id(known.item_id, cause_id),
        revision=revision,
        cause=r.CauseKind.CAPTURE,
        cause_id=cause_id,
        reason=f"A picture taken earlier came late and changes nothing. {known.reason}"[:2000],
        previous=known.outcome,
        history=_history(known, revision, cause_id),
        assessed_at=now,
    )


def from_label(label: r.Label, known: r.Assessment, now: datetime) -> r.Assessment:
    """A person's verdict as the item's next revision; it always wins."""
    revision, _ = revision_for(known, label.label_id)
    damaged = label.verdict is r.Verdict.DAMAGED
    severity = (
        (label.severity if label.severity is not r.Severity.NONE else r.Severity.MAJOR)
        if damaged
        else r.Severity.NONE
    )
    types = label.defect_types if damaged else ()
    return dataclasses.replace(
        known,
        assessment_id=assessment_id(label.item_id, label.label_id),
        revision=revision,
        cause=r.CauseKind.LABEL,
        cause_id=label.label_id,
        damaged=damaged,
        tolerated=False,
        severity=severity,
        defect_types=types,
        verdict=label.verdict,
        annotator=label.annotator,
        reason=f"A person found it {_found(damaged=damaged, severity=severity, types=types)}.",
        outcome=dataclasses.replace(known.outcome, damaged=damaged, severity=severity, defect_types=types),
        previous=known.outcome,
        history=_history(known, revision, label.label_id),
        assessed_at=now,
    )


def event_for(assessment: r.Assessment) -> r.DamageEvent | None:
    """What the outside world is told: damage, its confirmation, or that it was none after all."""
    was = assessment.previous is not None and assessment.previous.damaged
    if assessment.outcome.damaged:
        kind = r.EventKind.CONFIRMED if assessment.verdict is not None else r.EventKind.DETECTED
    elif was:
        kind = r.EventKind.RETRACTED
    else:
        return None
    subject = assessment.subject
    return r.DamageEvent(
        event_id=uuid5(_NAMESPACE, f"event|{assessment.item_id}|{assessment.revision}|{kind}"),
        item_id=assessment.item_id,
        revision=assessment.revision,
        kind=kind,
        assessment_id=assessment.assessment_id,
        capture_id=subject.capture_id,
        center_id=subject.center_id,
        stage=subject.stage,
        product_id=assessment.product_id,
        vendor_id=assessment.outcome.vendor_id,
        probability=assessment.probability,
        severity=assessment.severity,
        defect_types=assessment.defect_types,
        reason=assessment.reason,
        captured_at=subject.captured_at,
    )


def applicable(policies: Iterable[r.Policy], product: r.ProductFacts | None, stage: r.Stage) -> r.Policy:
    """The most specific policy that fits; of equally specific ones the first by name."""

    def fits(p: r.Policy) -> bool:
        return (
            (p.category is None or (product is not None and p.category == product.category))
            and (p.material is None or (product is not None and p.material == product.material))
            and (not p.stages or stage in p.stages)
        )

    def specificity(p: r.Policy) -> int:
        return (p.category is not None) + (p.material is not None) + bool(p.stages)

    fitting = sorted((p for p in policies if fits(p)), key=lambda p: (-specificity(p), p.policy_id))
    return fitting[0] if fitting else DEFAULT_POLICY


def tolerates(policy: r.Policy, types: tuple[str, ...], severity: r.Severity) -> bool:
    """Whether every defect named may pass at this severity."""
    ranks = list(r.Severity)
    return ranks.index(severity) <= ranks.index(policy.up_to) and set(types) <= set(policy.tolerated_types)


def defect_types(scores: r.Scores) -> tuple[str, ...]:
    """Defect types that are probable, most probable first; at least the most probable one."""
    ranked = sorted(TYPES, key=lambda t: -getattr(scores, t))
    return tuple(t for t in ranked if getattr(scores, t) >= NAMED_AT) or (ranked[0],)


def severity_of(scores: r.Scores) -> r.Severity:
    """Minor or major, of something damaged."""
    return r.Severity.MAJOR if scores.major >= NAMED_AT else r.Severity.MINOR


def _history(known: r.Assessment | None, revision: int, cause_id: UUID) -> tuple[r.Cause, ...]:
    past = known.history if known else ()
    return (*past, r.Cause(revision=revision, cause_id=cause_id))[-HISTORY:]


def _found(*, damaged: bool, severity: r.Severity, types: tuple[str, ...]) -> str:
    if not damaged:
        return "intact"
    named = f" ({', '.join(types).replace('_', ' ')})" if types else ""
    return f"damaged, {severity.lower()}{named}"


def _why(  # noqa: PLR0913 (all that the sentence is made of)
    result: r.InspectionResult,
    probability: float,
    policy: r.Policy,
    severity: r.Severity,
    types: tuple[str, ...],
    *,
    damaged: bool,
    tolerated: bool,
) -> str:
    held = "above" if damaged else "below"
    judged = f"Damage probability {probability:.2f} is {held} the {policy.judge_at:.2f} of policy {policy.policy_id!r}"
    if (c := result.comparison) is None:
        compared = ", no references to compare with"
    else:
        compared = f"; against {c.references} references: foreign {c.foreign:.2f}, missing {c.missing:.2f}"
    parts = [f"{judged} (classifier {result.scores.damaged:.2f}{compared})"]
    if damaged:
        parts.append(_found(damaged=True, severity=severity, types=types))
    if tolerated:
        parts.append(f"tolerated: {policy.reason}")
    if result.product_id is None:
        parts.append("the product is unknown, so a person should look")
    return "; ".join(parts) + "."
