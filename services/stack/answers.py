"""Waits for what the mesh makes of one capture or label, and says so when it went to quarantine instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from services.kernel import records as r
from services.stack.observe import Observer
from services.stack.problems import Problem
from services.stack.reading import original
from services.stack.report import Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The assessment that a cause made, and what was decided on it. `at_ms`: when the decision came."""

    assessment: r.Assessment
    decision: r.SidelineDecision
    at_ms: int


def find(events: Iterable[Observed], cause_id: UUID) -> Outcome | None:
    """Return the outcome of a cause (capture id or label id), None while it is not whole."""
    kept = [e for e in events if e.record is not None]
    made = next(
        (e.record for e in kept if e.topic == "damage.assessments" and e.record.cause_id == cause_id), None
    )
    if made is None:
        return None
    for event in kept:
        if event.topic == "sideline.decisions" and event.record.assessment_id == made.assessment_id:
            return Outcome(assessment=made, decision=event.record, at_ms=event.at_ms)
    return None


def quarantine_of(events: Iterable[Observed], cause_id: UUID) -> r.Quarantined | None:
    """Return the quarantined event of a cause, if it has one."""
    for event in events:
        if isinstance(event.record, r.Quarantined):
            held = original(event.record, None)
            if cause_id in {
                event.capture_id,
                getattr(held, "label_id", None),
                getattr(held, "command_id", None),
            }:
                return event.record
    return None


def await_outcome(observer: Observer, cause_id: UUID, *, timeout_s: float = 60.0) -> Outcome:
    """Wait for the outcome of a cause.

    Raises:
        Problem: it went to quarantine, or nothing came in time.
    """
    found: list[Outcome] = []

    def ended(watching: Observer) -> bool:
        events = watching.observed()
        outcome = find(events, cause_id)
        if outcome is not None:
            found.append(outcome)
            return True
        held = quarantine_of(events, cause_id)
        if held is not None:
            raise Problem(f"it is in the quarantine of {held.service}: {held.message}")
        return False

    if not observer.wait(ended, timeout_s=timeout_s, every_s=0.05):
        raise Problem(
            f"nothing came of it within {timeout_s:.0f} s; ./intact status shows whether all services are well"
        )
    return found[0]
