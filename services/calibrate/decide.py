"""From labelled outcomes and a budget to a threshold.

Until evidence is there, the model's own calibration decides. Then the lowest threshold that labels show to keep the
budget does (`evidence`), with 95 % confidence at all looks together. It moves down as evidence grows, and up only when
labels show an excess (`drift`) or do not confirm the start. Every move is a row with its reason and its counts.

What is learnt is learnt of one version of the classifier: another one's scores mean something else. When a new version
scores the belt, its own calibration decides until labels of what *it* scored are there; a version that comes back takes
up the threshold and the evidence that it left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.calibrate.drift import Alarm, remedy
from services.calibrate.evidence import ALPHA, Evidence, upper_bound
from services.calibrate.ledger import Ledger, time_of
from services.kernel import records as r
from services.kernel.thresholds import EFFECT_DELAY, remembered

#: Passing items between border and threshold are drawn at this rate, which is what makes a lower threshold cheap to
#: judge: there are few of them.
BORDER_RATE = 0.3
#: From the border up lie this many times the budget of intact items.
BORDER_SHARE = 1.8
#: Wrong sidelinings that the budget would have allowed until a border is drawn, and until a start that the evidence
#: does not confirm gives way to what it does confirm.
BORDER_AFTER = 3.0
GIVE_WAY_AFTER = 30.0
#: While a version goes live, items of both are on the belt: none of them, however late its label, turns a row back.
OVERLAP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which threshold is meant; `start`: what it is before the first row; `sample_rate`: of the other passing items.

    `model`: the classifier that saw the item just labelled (empty: not recorded), whose own threshold is `start`;
    `at`: when that was (UTC).
    """

    center_id: str
    stage: r.Stage
    group: str
    start: float
    sample_rate: float
    model: str = ""
    at: datetime | None = None


def next_threshold(
    ledger: Ledger, row: r.Threshold | None, place: Place, now: datetime
) -> r.Threshold | None:
    """The next row, None while the present one stands. A pinned one stands whatever the labels say."""
    if row is not None and row.pinned:
        return None
    change = _other_classifier(ledger, row, place)
    if change is None and (not ledger.model or place.model in {"", ledger.model}):
        change = _change(ledger, row, place)
    return None if change is None else _row(ledger, row, place, change, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    threshold: float
    cause: str
    why: str
    confirmed: bool = False
    upper: float = 1.0
    evidence_from: datetime | None = None


def _other_classifier(ledger: Ledger, row: r.Threshold | None, place: Place) -> _Change | None:
    """The change when another version of the classifier scores the belt than the one that the row is for."""
    if place.model in {"", ledger.model} or place.at is None or (row is None and not ledger.model):
        return None
    if row is not None and not row.model:
        why = f"from now on, what labels show of classifier {place.model} counts for that version only."
        return _Change(
            threshold=row.threshold,
            cause="MODEL",
            why=why,
            confirmed=row.confirmed,
            evidence_from=row.evidence_from,
        )
    since = (
        max((time_of(o) for o in ledger.counted()), default=None) if row is None else row.decided_at + OVERLAP
    )
    if since is not None and place.at <= since:
        return None
    left = next((s for s in row.history if s.model == place.model), None) if row is not None else None
    if left is None:
        why = (
            f"classifier {place.model} scores the belt, no longer {ledger.model}, and starts from its own calibration; "
            "labels of what it scored will move it."
        )
        return _Change(threshold=place.start, cause="MODEL", why=why, evidence_from=place.at)
    why = f"classifier {place.model} is back, with the threshold and evidence that it left in version {left.version}."
    return _Change(threshold=left.threshold, cause="MODEL", why=why, evidence_from=left.evidence_from)


def _change(ledger: Ledger, row: r.Threshold | None, place: Place) -> _Change | None:
    served = place.start if row is None else row.threshold
    confirmed = row is not None and row.confirmed
    if ledger.watch.alarm is not None:
        return _raised(ledger, ledger.watch.alarm, served)
    found = ledger.evidence.lowest_safe()
    allowed = ledger.evidence.weight * ledger.budget
    if found is not None and (
        found < served or (not confirmed and (found == served or allowed >= GIVE_WAY_AFTER))
    ):
        return _shown(ledger, found)
    bordered = row is not None and row.border is not None
    if not bordered and allowed >= BORDER_AFTER and border(ledger.evidence, served, place.sample_rate):
        why = f"items just below it are labelled more often, after {ledger.evidence.intact} intact labels."
        return _Change(threshold=served, cause="BORDER", why=why, confirmed=confirmed)
    return None


def border(evidence: Evidence, threshold: float, sample_rate: float) -> float | None:
    """From where on passing items are drawn at `BORDER_RATE`; None where that would add nothing."""
    if sample_rate >= BORDER_RATE or evidence.weight <= 0:
        return None
    found = evidence.lowest_with_share(BORDER_SHARE * evidence.budget)
    return found if found < threshold else None


def _shown(ledger: Ledger, found: float) -> _Change:
    upper = min(upper_bound(ledger.counted(), found), ledger.budget)
    why = (
        f"of {ledger.evidence.intact} labelled intact items, which stand for {ledger.evidence.weight:,.0f}, at most "
        f"{upper:.3%} would be sidelined ({1 - ALPHA:.0%}); the budget is {ledger.budget:.3%}."
    )
    return _Change(threshold=found, cause="EVIDENCE", why=why, confirmed=True, upper=upper)


def _raised(ledger: Ledger, alarm: Alarm, served: float) -> _Change:
    recent = [o for o in ledger.counted() if time_of(o) >= alarm.since and not o.damaged]
    total = sum(o.weight for o in recent)
    pulled = sum(o.weight for o in recent if o.labelling and o.labelling.score >= o.labelling.threshold)
    why = (
        f"about {pulled / max(total, 1.0):.3%} of the {total:,.0f} intact items since {alarm.since:%Y-%m-%d %H:%M:%S} "
        f"were sidelined, the budget is {ledger.budget:.3%}; noticed after {alarm.labels} of their labels. Scores have "
        "drifted, or the start was too low."
    )
    return _Change(threshold=remedy(recent, served, ledger.budget), cause="DRIFT", why=why)


def _row(
    ledger: Ledger, row: r.Threshold | None, place: Place, change: _Change, now: datetime
) -> r.Threshold:
    """The record of a change. Times are whole milliseconds, as events carry them."""
    decided = now.replace(microsecond=now.microsecond // 1000 * 1000)
    effective = decided + EFFECT_DELAY
    # What was seen with another classifier says nothing about this one.
    evidence = Evidence(ledger.budget) if change.cause == "MODEL" else ledger.evidence
    value = change.threshold
    before = "the model's own" if row is None else f"{row.threshold:.6g}"
    moved = value != (place.start if row is None else row.threshold)
    return r.Threshold(
        center_id=place.center_id,
        stage=place.stage,
        group=place.group,
        threshold=value,
        version=1 if row is None else row.version + 1,
        budget=ledger.budget,
        intact_labels=evidence.intact,
        false_positive_upper=change.upper,
        reason=f"{f'From {before} to {value:.6g}' if moved else f'Stays at {value:.6g}'}: {change.why}",
        decided_at=decided,
        previous_threshold=None if row is None else row.threshold,
        cause=change.cause,
        confirmed=change.confirmed,
        border=border(evidence, value, place.sample_rate),
        border_rate=BORDER_RATE,
        intact_sidelined=evidence.above(value),
        intact_weight=evidence.weight,
        confidence=1 - ALPHA if change.confirmed else 0.0,
        effective_at=effective,
        evidence_from=_evidence_from(row, change, effective),
        history=remembered(row),
        model=place.model or (row.model if row else ""),
    )


def _evidence_from(row: r.Threshold | None, change: _Change, effective: datetime) -> datetime | None:
    if change.cause == "MODEL":
        return change.evidence_from
    # What was shown before a drift says nothing about what comes after it.
    return effective if change.cause == "DRIFT" else row.evidence_from if row else None
