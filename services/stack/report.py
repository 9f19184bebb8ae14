"""What a run came to, computed from two lists alone: what was submitted, and what stands in the topics.

Nothing of it comes from the services' own counts: this is the check on them.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final, cast
from uuid import UUID

from services.kernel import records as r
from services.stack.racks import Submitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One event as it stands in a topic. `at_ms`: its Kafka timestamp (milliseconds since the epoch).

    `record` is None for a tombstone and for what cannot be decoded; `fault` says which. `capture_id` is the capture
    that the event, or the event in quarantine, is about, where it names one.
    """

    topic: str
    partition: int
    offset: int
    at_ms: int
    key: bytes | None
    record: Any = None
    fault: str | None = None
    capture_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run. Latencies in ms from the scheduled send to the event's Kafka timestamp; None: nothing to measure.

    captures: accepted by the station, enrolments aside. assessed + quarantined + lost = captures.
    doubled: distinct effects beyond one per (item, revision, kind of effect), and per open order line.
    redelivered: events that repeat an id, which delivery at least once allows. conflicting: the same id, saying
    something else. unexpected: assessments of captures that nobody submitted. unanswered: commands without a
    disposition, and sidelined order lines that no replacement was asked for, neither being in quarantine. late: items
    that were to leave the belt and were decided on too late; late_caught: those of them that a later look pulled.
    """

    submitted: int
    refused: int
    captures: int
    assessed: int
    quarantined: int
    lost: int
    doubled: int
    redelivered: int
    conflicting: int
    unexpected: int
    unanswered: int
    undecodable: int
    quarantine_events: int
    damage_events: int
    sideline_commands: int
    replacement_requests: int
    dispositions: int
    suppliers: int
    late: int
    seconds: float
    captures_per_second: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    decisions: int
    decision_p50_ms: float | None
    decision_p95_ms: float | None
    decision_p99_ms: float | None
    lost_captures: tuple[str, ...] = ()
    doubled_effects: tuple[str, ...] = ()
    quarantine_reasons: Mapping[str, int]
    late_caught: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        return self.lost == 0 and self.doubled == 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


#: Per topic: the field with the effect's id, and what else must be equal when an id comes again.
_EFFECTS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "damage.assessments": ("assessment_id", ("damaged", "severity", "product_id")),
    "damage.events": ("event_id", ("kind", "severity")),
    "sideline.decisions": ("decision_id", ("action",)),
    "sideline.commands": ("command_id", ("action",)),
    "replacement.requests": ("request_id", ("item_id", "status")),
    "disposition.decisions": ("disposition_id", ("action",)),
}
_QUARANTINE: Final = ".quarantine"
_EXAMPLES: Final = 20


def report(submitted: Sequence[Submitted], observed: Iterable[Observed]) -> Report:
    """Hold what was submitted against what is in the topics."""
    events = sorted(observed, key=lambda e: (e.topic, e.partition, e.offset))
    by_topic: dict[str, list[Observed]] = defaultdict(list)
    for event in events:
        by_topic[event.topic].append(event)
    captures = {s.capture_id: s for s in submitted if s.accepted and not s.enrolment}
    judged = _first_by_capture(by_topic["damage.assessments"])
    held = {
        e.capture_id: e for t, es in by_topic.items() if t.endswith(_QUARANTINE) for e in es if e.capture_id
    }
    assessed = captures.keys() & judged.keys()
    quarantined = (captures.keys() & held.keys()) - assessed
    lost = captures.keys() - assessed - quarantined
    doubled = tuple(doubled_effects(by_topic))
    redelivered, conflicting = _repeats(by_topic)
    latencies = sorted(judged[c].at_ms - captures[c].scheduled_at * 1000 for c in assessed)
    decided = _first_decisions(by_topic["sideline.decisions"], judged)
    decisions = sorted(decided[c].at_ms - captures[c].scheduled_at * 1000 for c in assessed & decided.keys())
    ends = [judged[c].at_ms for c in assessed] + [held[c].at_ms for c in quarantined]
    begins = [s.scheduled_at for s in captures.values()]
    seconds = max(0.0, max(ends) / 1000 - min(begins)) if ends and begins else 0.0
    ours = {s.capture_id for s in submitted}
    late = _late(by_topic["sideline.decisions"])
    quarantines = [e for t, es in by_topic.items() if t.endswith(_QUARANTINE) for e in es]
    return Report(
        submitted=len(submitted),
        refused=sum(not s.accepted for s in submitted),
        captures=len(captures),
        assessed=len(assessed),
        quarantined=len(quarantined),
        lost=len(lost),
        doubled=len(doubled),
        redelivered=redelivered,
        conflicting=conflicting,
        unexpected=len(judged.keys() - ours),
        unanswered=unanswered(by_topic),
        undecodable=sum(e.fault is not None for e in events),
        quarantine_events=len(quarantines),
        damage_events=_distinct(by_topic, "damage.events"),
        sideline_commands=_distinct(by_topic, "sideline.commands"),
        replacement_requests=len(_newest_requests(by_topic)),
        dispositions=_distinct(by_topic, "disposition.decisions"),
        suppliers=len({row.vendor_id for row in robustness(events) if row.items}),
        late=len(late),
        late_caught=sum(late.values()),
        seconds=round(seconds, 3),
        captures_per_second=round(len(ends) / seconds, 2) if seconds else 0.0,
        p50_ms=percentile(latencies, 50),
        p95_ms=percentile(latencies, 95),
        p99_ms=percentile(latencies, 99),
        decisions=len(decisions),
        decision_p50_ms=percentile(decisions, 50),
        decision_p95_ms=percentile(decisions, 95),
        decision_p99_ms=percentile(decisions, 99),
        lost_captures=tuple(sorted(str(c) for c in lost)[:_EXAMPLES]),
        doubled_effects=doubled[:_EXAMPLES],
        quarantine_reasons=dict(Counter(str(_record(e, "reason")) for e in quarantines)),
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile of sorted values, rounded to 0.1; None of nothing."""
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)], 1)


def doubled_effects(by_topic: Mapping[str, Sequence[Observed]]) -> Iterable[str]:
    """Name every effect beyond one per (item, revision, kind), and every second open request of an order line."""
    for topic, (id_field, _) in _EFFECTS.items():
        ids: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for event in _readable(by_topic, topic):
            record = event.record
            # A revision may ask for a replacement or take it back: two kinds of effect.
            kind = str(record.status) if topic == "replacement.requests" else ""
            known = ids[record.item_id, record.revision, kind]
            identity = getattr(record, id_field)
            if identity in known:
                continue
            known.append(identity)
            if len(known) > 1:
                yield f"{topic} {kind}: item {record.item_id} revision {record.revision} has {len(known)} of them"
    yield from _second_revisions(_readable(by_topic, "damage.assessments"))
    yield from _second_requests(_readable(by_topic, "replacement.requests"))


def _second_revisions(assessments: Iterable[Observed]) -> Iterable[str]:
    """One cause (a capture or a label) makes one revision of its item."""
    revision_of: dict[tuple[str, UUID], int] = {}
    for event in assessments:
        made = cast("r.Assessment", event.record)
        revision = revision_of.setdefault((made.item_id, made.cause_id), made.revision)
        if revision != made.revision:
            yield (
                f"damage.assessments: {made.cause.lower()} {made.cause_id} of item {made.item_id} "
                f"made revision {revision} and revision {made.revision}"
            )


def _second_requests(requests: Iterable[Observed]) -> Iterable[str]:
    """An order line has at most one open request; its records are in one partition, so in order."""
    open_for: dict[str, str] = {}
    for event in requests:
        request = cast("r.ReplacementRequest", event.record)
        if request.status is r.RequestStatus.CANCELLED:
            open_for.pop(request.order_line_id, None)
            continue
        item = open_for.setdefault(request.order_line_id, request.item_id)
        if item != request.item_id:
            yield (
                f"replacement.requests: order line {request.order_line_id} is asked for "
                f"by {request.item_id} while {item} holds it"
            )


def unanswered(by_topic: Mapping[str, Sequence[Observed]]) -> int:
    """Count commands without a disposition and sidelined order lines without a request, less what is in quarantine."""
    commands = [e.record for e in _readable(by_topic, "sideline.commands")]
    disposed = {(e.record.item_id, e.record.revision) for e in _readable(by_topic, "disposition.decisions")}
    asked = _newest_requests(by_topic)
    pulled = {c.order_line_id for c in commands if c.action is r.SidelineAction.SIDELINE and c.order_line_id}
    open_ends = len({(c.item_id, c.revision) for c in commands} - disposed) + len(pulled - asked)
    held = sum(
        len(events)
        for topic, events in by_topic.items()
        if topic.endswith((".replace.quarantine", ".dispose.quarantine"))
    )
    return max(0, open_ends - held)


def _repeats(by_topic: Mapping[str, Sequence[Observed]]) -> tuple[int, int]:
    """Count events that repeat an id of their topic, and those of them that say something else."""
    redelivered = conflicting = 0
    for topic, (id_field, said_fields) in _EFFECTS.items():
        said: dict[Any, tuple[Any, ...]] = {}
        for event in _readable(by_topic, topic):
            record = event.record
            # A request keeps its id from revision to revision; what repeats is one revision of it.
            identity = (getattr(record, id_field), record.revision)
            says = tuple(getattr(record, field) for field in said_fields)
            if said.setdefault(identity, says) is not says:
                redelivered += 1
                conflicting += said[identity] != says
    return redelivered, conflicting


def _late(decisions: Iterable[Observed]) -> dict[tuple[str, int], bool]:
    """Each late decision by item and revision, with whether a later revision of the item was pulled."""
    pulled: dict[str, int] = {}
    late: dict[tuple[str, int], bool] = {}
    for event in decisions:
        made: r.SidelineDecision | None = event.record
        if made is None:
            continue
        if made.action is r.SidelineAction.SIDELINE:
            pulled[made.item_id] = max(made.revision, pulled.get(made.item_id, 0))
        elif made.action is r.SidelineAction.LATE:
            late[made.item_id, made.revision] = False
    return {(item, revision): pulled.get(item, 0) > revision for item, revision in late}


def _first_by_capture(assessments: Iterable[Observed]) -> dict[UUID, Observed]:
    """Return each capture's own assessment: the one that it caused, at its first delivery."""
    first: dict[UUID, Observed] = {}
    for event in assessments:
        record = event.record
        if record is not None and record.cause is r.CauseKind.CAPTURE:
            first.setdefault(record.cause_id, event)
    return first


def _first_decisions(decisions: Iterable[Observed], judged: Mapping[UUID, Observed]) -> dict[UUID, Observed]:
    captures = {event.record.assessment_id: capture for capture, event in judged.items()}
    first: dict[UUID, Observed] = {}
    for event in decisions:
        if event.record is not None and event.record.assessment_id in captures:
            first.setdefault(captures[event.record.assessment_id], event)
    return first


def _newest_requests(by_topic: Mapping[str, Sequence[Observed]]) -> set[str]:
    """Return the order lines that a replacement was asked for, whether or not it was taken back later."""
    return {e.record.order_line_id for e in _readable(by_topic, "replacement.requests")}


def robustness(events: Iterable[Observed]) -> list[r.VendorRobustness]:
    """Return the newest hourly row of each count; rows of longer windows count the same items again."""
    newest: dict[tuple[Any, ...], r.VendorRobustness] = {}
    for event in events:
        row = event.record if event.topic == "vendor.robustness" else None
        if row is not None and row.window == "hour":
            newest[row.vendor_id, row.product_id, row.material, row.stage, row.window_start] = row
    return list(newest.values())


def _readable(by_topic: Mapping[str, Sequence[Observed]], topic: str) -> list[Observed]:
    return [event for event in by_topic.get(topic, ()) if event.record is not None]


def _distinct(by_topic: Mapping[str, Sequence[Observed]], topic: str) -> int:
    return len({getattr(e.record, _EFFECTS[topic][0]) for e in _readable(by_topic, topic)})


def _record(event: Observed, field: str) -> object:
    found: object = getattr(event.record, field, None)
    return found


#: The way of a capture through the mesh, for `stage_times`.
WAY: Final = (
    "station.captures",
    "captures.inspected",
    "captures.identified",
    "inspection.results",
    "damage.assessments",
    "sideline.decisions",
)


def stage_times(events: Iterable[Observed]) -> dict[str, tuple[float | None, float | None]]:
    """Return how long each hop of `WAY` took, as (p50, p99) in ms between Kafka timestamps, by the hop's last topic."""
    at: dict[str, dict[UUID, int]] = defaultdict(dict)
    capture_by_assessment: dict[UUID, UUID] = {}
    ordered = sorted(events, key=lambda e: (e.partition, e.offset))
    for event in ordered:
        if event.topic in WAY[:5] and event.capture_id is not None:
            if event.topic == WAY[4]:
                capture_by_assessment[event.record.assessment_id] = event.capture_id
                if event.record.cause is not r.CauseKind.CAPTURE:
                    continue
            at[event.topic].setdefault(event.capture_id, event.at_ms)
    for event in ordered:
        if event.topic == WAY[5] and event.record is not None and event.record.revision == 1:
            capture = capture_by_assessment.get(event.record.assessment_id)
            if capture is not None:
                at[WAY[5]].setdefault(capture, event.at_ms)
    return {
        after: _spread(at[after], at[before], lambda late, early: float(late - early))
        for before, after in pairwise(WAY)
    }


def _spread(
    late: Mapping[UUID, int], early: Mapping[UUID, int], between: Callable[[int, int], float]
) -> tuple[float | None, float | None]:
    values = sorted(between(late[c], early[c]) for c in late.keys() & early.keys())
    return percentile(values, 50), percentile(values, 99)
