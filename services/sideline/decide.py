"""Off the belt or not. Values in, values out; the clock is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from services.kernel import records as r
from services.kernel.sampling import sampled

if TYPE_CHECKING:
    from datetime import datetime

_NAMESPACE = UUID("3d0b4a1e-6a7c-5f52-8a37-0f2f3a9f5f20")
HOUR_S = 3600

COMMANDS = frozenset({r.SidelineAction.SIDELINE, r.SidelineAction.SAMPLE, r.SidelineAction.RELEASE})


def budget_key(assessment: r.Assessment) -> str:
    """Key of the budget counter's stream."""
    return f"{assessment.subject.center_id}|{assessment.subject.stage}"


def hour_of(moment: datetime) -> datetime:
    """The start of the hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def first_look(
    assessment: r.Assessment, threshold: float, sample_rate: float, now: datetime
) -> tuple[r.SidelineAction | None, str]:
    """Action and reason, or None for what the owner of the budget must decide: candidates and people's verdicts."""
    subject = assessment.subject
    if assessment.verdict is not None:
        # Takes the candidates' way, so that it cannot overtake the command that it corrects.
        return None, assessment.reason
    wanted = assessment.probability >= threshold and not assessment.tolerated
    if wanted and now > subject.deadline_at:
        late = (now - subject.deadline_at).total_seconds()
        return (
            r.SidelineAction.LATE,
            f"Decided {late:.1f} s after the deadline: to be caught at the next stage.",
        )
    if wanted:
        return None, f"Probability {assessment.probability:.2f} reaches the threshold {threshold:.2f}."
    if sampled(subject.item_id, sample_rate) and now <= subject.deadline_at:
        return r.SidelineAction.SAMPLE, "Passed, and drawn at random to be labelled."
    if assessment.tolerated:
        return r.SidelineAction.PASS, "Damage that this context tolerates."
    return (
        r.SidelineAction.PASS,
        f"Probability {assessment.probability:.2f} is below the threshold {threshold:.2f}.",
    )


def admit(
    assessment: r.Assessment, budget: r.SidelineBudget | None, per_hour: int, now: datetime
) -> tuple[r.SidelineAction, str, r.SidelineBudget | None]:
    """Admit a candidate into its hour's budget: action, reason, and the budget if it changed.

    Whoever was admitted stays admitted at a replay; whoever was refused is refused again, since admissions only grow.
    """
    subject = assessment.subject
    if assessment.verdict is not None:
        if assessment.verdict is r.Verdict.INTACT:
            return r.SidelineAction.RELEASE, "A person found it intact: back to the belt.", None
        return r.SidelineAction.SIDELINE, f"{assessment.reason} It stays off the belt.", None
    entry = f"{assessment.item_id}@{assessment.revision}"
    admitted = budget.admitted if budget else ()
    if entry in admitted:
        return r.SidelineAction.SIDELINE, assessment.reason, None
    if now > subject.deadline_at:
        late = (now - subject.deadline_at).total_seconds()
        return (
            r.SidelineAction.LATE,
            f"Decided {late:.1f} s after the deadline: to be caught at the next stage.",
            None,
        )
    if len(admitted) >= per_hour:
        return r.SidelineAction.OVER_BUDGET, f"The {per_hour} items of this hour are used up.", None
    changed = r.SidelineBudget(
        center_id=subject.center_id,
        stage=subject.stage,
        hour_start=hour_of(subject.captured_at),
        admitted=(*admitted, entry),
    )
    return r.SidelineAction.SIDELINE, assessment.reason, changed


def decision(
    assessment: r.Assessment,
    action: r.SidelineAction,
    reason: str,
    threshold: float,
    version: int,
    now: datetime,
) -> r.SidelineDecision:
    """The record of a decision."""
    subject = assessment.subject
    return r.SidelineDecision(
        decision_id=uuid5(_NAMESPACE, f"decision|{assessment.assessment_id}"),
        item_id=assessment.item_id,
        revision=assessment.revision,
        assessment_id=assessment.assessment_id,
        center_id=subject.center_id,
        stage=subject.stage,
        action=action,
        probability=assessment.probability,
        threshold=threshold,
        threshold_version=version,
        reason=reason,
        deadline_at=subject.deadline_at,
        decided_at=now,
    )


def command(assessment: r.Assessment, decided: r.SidelineDecision) -> r.SidelineCommand | None:
    """The command that a decision gives, if any."""
    if decided.action not in COMMANDS:
        return None
    return r.SidelineCommand(
        command_id=uuid5(_NAMESPACE, f"command|{assessment.item_id}|{assessment.revision}|{decided.action}"),
        item_id=assessment.item_id,
        revision=assessment.revision,
        action=decided.action,
        assessment_id=assessment.assessment_id,
        center_id=decided.center_id,
        stage=decided.stage,
        product_id=assessment.product_id,
        product=assessment.product,
        order_line_id=assessment.order_line_id,
        damaged=assessment.damaged,
        severity=assessment.severity,
        defect_types=assessment.defect_types,
        verdict=assessment.verdict,
        reason=decided.reason,
        deadline_at=decided.deadline_at,
        decided_at=decided.decided_at,
    )
