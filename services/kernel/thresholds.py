"""What thresholds are kept by, and which one is in force at a moment: `calibrate` writes them, `sideline` reads them.

A threshold decides about what is *assessed* from `effective_at` on, a few seconds after it is decided. By then every
replica has read it, so all of them, and every replay, hold one assessment against one threshold: which one follows
from the event's own time and the row's history, never from the clock of the process that happens to look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.kernel import records as r
from services.kernel.model_versions import classifier_of

#: How long after its decision a threshold comes into force: longer than a row takes to be read (a second), and than
#: the clocks of two machines may differ.
EFFECT_DELAY = timedelta(seconds=5)
#: Earlier states that a row keeps: what a replay may meet, and what an operator may go back to.
HISTORY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an item is held against, and how probably it is pulled for a label when it passes. All in [0, 1].

    `model`: the version of the classifier that its score comes from; a threshold is one on that version's scale.
    Passing items at or above `border` are drawn at `border_rate`, others at `sample_rate`: labels just below the
    threshold are what a lower threshold can be judged by, and there are few such items.
    """

    threshold: float
    version: int = 0
    border: float | None = None
    border_rate: float = 0.0
    sample_rate: float = 0.0
    model: str = ""

    def rate(self, score: float) -> float:
        """Probability with which an item of this score is pulled if it is not sidelined."""
        if self.border is not None and score >= self.border:
            return max(self.sample_rate, self.border_rate)
        return self.sample_rate


def product_group(product: r.ProductFacts | None) -> str:
    """The product group that thresholds are kept for: the catalogue category."""
    return product.category if product is not None else "unknown"


def threshold_key(center_id: str, stage: r.Stage, group: str) -> str:
    """Key of calibration.thresholds."""
    return f"{center_id}|{stage}|{group}"


def key_for(assessment: r.Assessment) -> str:
    """Key of the threshold that an assessment is held against."""
    subject = assessment.subject
    return threshold_key(subject.center_id, subject.stage, product_group(assessment.product))


def plan_for(
    row: r.Threshold | None, assessment: r.Assessment, start: Callable[[str], float], sample_rate: float
) -> Plan:
    """What decides about an assessed item; `start`: the threshold of a classifier's version before its first row."""
    model = classifier_of(assessment.versions)
    return replace(in_force(row, assessment.assessed_at, start(model), sample_rate, model=model), model=model)


def in_force(
    row: r.Threshold | None, at: datetime, start: float, sample_rate: float, *, model: str = ""
) -> Plan:
    """What decides about an item assessed at `at` (UTC); `start`: the threshold before the first row.

    Only states that are for the classifier that assessed it count: while a new version goes live, or after a way back,
    items of both meet their own thresholds. Items older than everything the row remembers are held against the oldest
    state that it does remember.
    """
    first = Plan(threshold=start, sample_rate=sample_rate)
    if row is None:
        return first
    states: tuple[r.Threshold | r.ThresholdStep, ...] = (row, *row.history)
    fitting = [state for state in states if holds_for(state, model)]
    for state in fitting:
        if state.effective_at is None or at >= state.effective_at:
            return _plan(state, sample_rate)
    if not fitting or fitting[-1] is not states[-1] or fitting[-1].version <= 1:
        return first
    return _plan(fitting[-1], sample_rate)


def holds_for(state: r.Threshold | r.ThresholdStep, model: str) -> bool:
    """Whether a threshold is for this version of the classifier; a pinned one, and an older release's, is for any."""
    return not model or state.model in {"", model}


def _plan(state: r.Threshold | r.ThresholdStep, sample_rate: float) -> Plan:
    return Plan(
        threshold=state.threshold,
        version=state.version,
        border=state.border,
        border_rate=state.border_rate,
        sample_rate=sample_rate,
    )


def step_of(row: r.Threshold) -> r.ThresholdStep:
    """A row as its successor remembers it."""
    return r.ThresholdStep(
        version=row.version,
        threshold=row.threshold,
        border=row.border,
        border_rate=row.border_rate,
        cause=row.cause,
        effective_at=row.effective_at,
        model=row.model,
        evidence_from=row.evidence_from,
    )


def remembered(row: r.Threshold | None) -> tuple[r.ThresholdStep, ...]:
    """The history of a row's successor."""
    return () if row is None else (step_of(row), *row.history)[:HISTORY]
