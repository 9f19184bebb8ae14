"""What one assessment changes in the counts of suppliers, and which times are refused.

An item counts once per visit to a stage. A later revision at the same stage (a person's verdict, another picture) takes
the earlier one back; a look at the next stage does not, or each stage would keep only those items in its denominator
that never went on. How late is decided by the assessment alone (`assessed_at` - `captured_at`), so that the counts do
not depend on the order of arrival.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.kernel import records as r
from services.kernel.faults import DataFault
from services.vendors.windows import CellKey, Count, rows, start_of

#: Until so long after the capture an assessment changes the hour; later ones change the day and the 28 days.
HOUR_LATE = timedelta(days=3)
#: Until so long after the capture an assessment counts: the retention of damage.assessments.
LATE = timedelta(days=28)
#: What a station's clock may be ahead of the mesh's.
AHEAD = timedelta(minutes=5)
UNKNOWN = "unknown"


@dataclass(slots=True)
class _Change:
    cells: dict[CellKey, Count] = field(default_factory=lambda: defaultdict(Count))
    evidence: list[r.VendorEvidence] = field(default_factory=list)


def changes(assessment: r.Assessment, partition: int, offset: int, now: datetime) -> list[r.VendorPartial]:
    """One change for each supplier, product and hour concerned (day, where the hour is final).

    `partition`, `offset`: where the assessment stands on damage.assessments. Unknown suppliers count for nobody.

    Raises:
        DataFault: a clock is wrong, or the assessment comes too late for all windows.
    """
    check(assessment, now)
    made: dict[tuple[str, str, str, datetime], _Change] = defaultdict(_Change)
    for outcome, revision, sign in _contributions(assessment):
        window = "hour" if _late(outcome, assessment) <= HOUR_LATE else "day"
        start = start_of(window, outcome.captured_at)
        change = made[str(outcome.vendor_id), outcome.product_id or UNKNOWN, window, start]
        material = outcome.material or UNKNOWN
        change.cells[material, outcome.stage].see(outcome, revision, sign)
        if outcome.damaged:
            change.evidence.append(_evidence(assessment, outcome, revision, sign))
    return [
        r.VendorPartial(
            vendor_id=vendor_id,
            product_id=product_id,
            window=window,
            window_start=start,
            partition=partition,
            applied_offset=offset,
            recent=(_tag(assessment, window, start),),
            cells=rows(change.cells),
            evidence=tuple(change.evidence),
            category=_category(assessment, product_id),
            delta=True,
        )
        for (vendor_id, product_id, window, start), change in made.items()
    ]


def check(assessment: r.Assessment, now: datetime) -> None:
    """Refuse times that would open windows where none should be.

    Raises:
        DataFault: ``clock_ahead`` or ``too_late``; the message says by how much, and whose clock to set.
    """
    outcome, station = assessment.outcome, assessment.subject.station_id
    if assessment.assessed_at > now + AHEAD:
        msg = f"assessed at {assessment.assessed_at}, {assessment.assessed_at - now} from now: set the clock of assess"
        raise DataFault("clock_ahead", msg)
    if _is_ahead(outcome, assessment):
        ahead = outcome.captured_at - (outcome.judged_at or assessment.assessed_at)
        msg = f"captured at {outcome.captured_at}, {ahead} after it was judged: set the clock of {station}"
        raise DataFault("clock_ahead", msg)
    if _late(outcome, assessment) > LATE:
        msg = (
            f"captured at {outcome.captured_at}, {_late(outcome, assessment)} before it was judged: counts are final "
            f"after {LATE.days} days; if the picture is newer than that, set the clock of {station}"
        )
        raise DataFault("too_late", msg)


def _contributions(assessment: r.Assessment) -> list[tuple[r.Outcome, int, int]]:
    """Outcomes with their revision and +1 or -1."""
    outcome, previous = assessment.outcome, assessment.previous
    if outcome == previous and not outcome.damaged:
        return []  # most often a late picture that changes nothing
    found = [(outcome, assessment.revision, 1)]
    if previous is not None and previous.stage is outcome.stage and _is_counted(previous, assessment):
        found.append((previous, assessment.revision - 1, -1))
    return [(o, revision, sign) for o, revision, sign in found if o.vendor_id is not None]


def _is_counted(previous: r.Outcome, assessment: r.Assessment) -> bool:
    """Whether a predecessor is in counts that can still change; one from a clock that was ahead never got there."""
    return not _is_ahead(previous, assessment) and _late(previous, assessment) <= LATE


def _is_ahead(outcome: r.Outcome, assessment: r.Assessment) -> bool:
    return outcome.captured_at > (outcome.judged_at or assessment.assessed_at) + AHEAD


def _late(outcome: r.Outcome, assessment: r.Assessment) -> timedelta:
    return assessment.assessed_at - outcome.captured_at


def _category(assessment: r.Assessment, product_id: str) -> str:
    facts = assessment.product
    return facts.category if facts is not None and assessment.product_id == product_id else ""


def _tag(assessment: r.Assessment, window: str, start: datetime) -> str:
    name = f"{assessment.item_id}@{assessment.revision}|{window}|{start.timestamp():.0f}"
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def _evidence(assessment: r.Assessment, outcome: r.Outcome, revision: int, count: int) -> r.VendorEvidence:
    return r.VendorEvidence(
        item_id=assessment.item_id,
        revision=revision,
        assessment_id=assessment.assessment_id,
        capture_id=assessment.subject.capture_id,
        captured_at=outcome.captured_at,
        material=outcome.material or UNKNOWN,
        stage=outcome.stage,
        count=count,
    )
