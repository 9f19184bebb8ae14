"""Everything in the topics that led to the decision about one capture, and what came of it.

Two passes over the topics. The first finds what names the capture, and so its item, its product, its order line; the
second finds what names those: labels, later revisions, commands, requests, and the reference rows at the versions that
were used. Ids stand in an event's bytes as text, so what cannot matter is skipped without being decoded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from services.kernel import records as r
from services.kernel.thresholds import key_for
from services.stack.problems import Problem
from services.stack.reading import (
    ALL,
    Fetch,
    Raw,
    beginnings,
    decode,
    ends,
    make_consumer,
    messages,
    original,
)
from services.stack.report import WAY, Observed

#: What names a capture: its way through the mesh, and what was put aside.
SUBJECTS: Final = (*WAY[:5], "gallery.enrolments", "damage.events")
#: What names its item or its order line.
FOLLOWED: Final = (
    "damage.assessments", "damage.events", "review.labels", "sideline.decisions", "sideline.commands",
    "replacement.requests", "disposition.decisions",
)  # fmt: skip
#: Reference rows, and what their key is taken from.
ROWS: Final = (
    "totes.manifests", "catalog.products", "gallery.references", "vendors.profiles", "orders.lines",
    "policies.tolerability", "calibration.thresholds",
)  # fmt: skip
_QUARANTINES: Final = tuple(name for name in ALL if name.endswith(".quarantine"))
_SILENCE_S: Final = 30.0

#: Whether an event's key and value may matter.
Matters = Callable[[str, bytes, bytes], bool]
#: Reads topics from their beginnings to their present ends and yields what matters.
Read = Callable[[Sequence[str], Matters], Iterator[Raw]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One reference row. `used`: its version (partition@offset) when it was used, None if that is not on record.

    `then`: the row at that version, None if compaction has taken it; `now`: as it stands, None if it is deleted.
    """

    topic: str
    key: str
    used: str | None
    then: Any
    now: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that is known of one capture. Lists are in order of time."""

    capture_id: UUID
    item_id: str
    own: tuple[Observed, ...]
    assessments: tuple[Observed, ...] = ()
    followed: tuple[Observed, ...] = ()
    quarantined: tuple[Observed, ...] = ()
    rows: tuple[Row, ...] = ()

    def first(self, topic: str) -> Any:  # noqa: ANN401 (the topic's record)
        """The capture's own record in a topic, None where there is none."""
        return next((e.record for e in self.own if e.topic == topic), None)

    @property
    def judgement(self) -> r.Assessment | None:
        """The assessment that this capture made, None when there is none (yet)."""
        for event in self.assessments:
            made: r.Assessment = event.record
            if made.cause_id == self.capture_id:
                return made
        return None


@dataclass(slots=True)
class _Found:
    own: list[Observed] = field(default_factory=list)
    quarantined: list[Observed] = field(default_factory=list)


def gather(read: Read, capture_id: UUID, fetch: Fetch | None = None) -> Story:
    """Find everything about one capture.

    Raises:
        Problem: no topic knows it.
    """
    needle = str(capture_id).encode()
    own, quarantined = [], []
    for raw in read(
        (*SUBJECTS, *_QUARANTINES), lambda topic, _, value: topic in _QUARANTINES or needle in value
    ):
        event = decode(raw, fetch)
        if event.topic in _QUARANTINES:
            quarantined.append(event)
        elif event.capture_id == capture_id or getattr(event.record, "cause_id", None) == capture_id:
            own.append(event)
    item_id = _item_of(own) or _item_of_quarantined(quarantined, capture_id, fetch)
    if item_id is None:
        raise Problem(
            f"no topic knows the capture {capture_id}: no station accepted it, or it is older than its topics keep "
            "(captures 7 days, assessments 28); ./intact tail station.captures --from-start lists those there are"
        )
    return _follow(read, capture_id, item_id, _Found(own=own, quarantined=quarantined), fetch)


def _item_of(own: Iterable[Observed]) -> str | None:
    for event in own:
        subject = getattr(event.record, "subject", None)
        found: str | None = subject.item_id if subject is not None else getattr(event.record, "item_id", None)
        if found is not None:
            return found
    return None


def _item_of_quarantined(held: Iterable[Observed], capture_id: UUID, fetch: Fetch | None) -> str | None:
    for event in held:
        if event.capture_id == capture_id:
            subject = getattr(original(event.record, fetch), "subject", None)
            if subject is not None:
                item: str = subject.item_id
                return item
    return None


def _follow(read: Read, capture_id: UUID, item_id: str, found: _Found, fetch: Fetch | None) -> Story:
    needle, text = item_id.encode(), item_id
    followed: list[Observed] = []
    lines = {line for e in found.own if (line := getattr(e.record, "order_line_id", None)) is not None}
    line_keys = {line.encode() for line in lines}

    def matters(topic: str, key: bytes, value: bytes) -> bool:
        return key == needle or needle in value or (topic == "replacement.requests" and key in line_keys)

    for raw in read(FOLLOWED, matters):
        event = decode(raw, fetch)
        if event.record is not None and _is_about(event.record, text):
            followed.append(event)
    assessments = [e for e in followed if e.topic == "damage.assessments"]
    judged = next((e.record for e in assessments if e.record.cause_id == capture_id), None)
    held = [e for e in found.quarantined if e.capture_id == capture_id or _holds(e, text, fetch)]
    return Story(
        capture_id=capture_id,
        item_id=item_id,
        own=_ordered(found.own),
        assessments=_ordered(assessments),
        followed=_ordered(e for e in followed if e.topic != "damage.assessments"),
        quarantined=_ordered(held),
        rows=tuple(_rows(read, _wanted(found.own, judged))),
    )


def _is_about(record: object, item_id: str) -> bool:
    if isinstance(record, r.ReplacementRequest):
        return record.item_id == item_id or any(c.item_id == item_id for c in record.claims)
    return getattr(record, "item_id", None) == item_id


def _holds(event: Observed, item_id: str, fetch: Fetch | None) -> bool:
    """Whether what is in quarantine is about the item: a label, a command."""
    return getattr(original(event.record, fetch), "item_id", None) == item_id


def _ordered(events: Iterable[Observed]) -> tuple[Observed, ...]:
    return tuple(sorted(events, key=lambda e: (e.at_ms, e.partition, e.offset)))


# -- reference rows -----------------------------------------------------------------------------------------------


def _wanted(own: Sequence[Observed], judged: r.Assessment | None) -> dict[tuple[str, str], str | None]:
    """The rows that were used: (topic, key) → version, None where it is not on record."""
    subject: r.Subject | None = next((s for e in own if (s := getattr(e.record, "subject", None))), None)
    newest = judged or next(
        (e.record for e in reversed(own) if isinstance(e.record, r.InspectionResult | r.Identification)), None
    )
    if newest is None or subject is None:
        return {}
    facts = getattr(newest, "product", None)
    keys: dict[str, str | None] = {
        "totes.manifests": subject.tote_id,
        "catalog.products": newest.product_id,
        "gallery.references": newest.product_id,
        "vendors.profiles": facts.vendor_id if facts is not None else None,
        "orders.lines": newest.order_line_id,
        "policies.tolerability": newest.versions.get("policy"),
        "calibration.thresholds": key_for(judged) if judged is not None else None,
    }
    return {(t, k): newest.versions.get(f"row.{t}") for t, k in keys.items() if k is not None}


def _rows(read: Read, wanted: Mapping[tuple[str, str], str | None]) -> Iterator[Row]:
    if not wanted:
        return
    keys = {(topic, key.encode()) for topic, key in wanted}
    then: dict[tuple[str, str], Any] = {}
    now: dict[tuple[str, str], Any] = {}
    for raw in read([t for t in ROWS if any(t == w for w, _ in wanted)], lambda t, k, _: (t, k) in keys):
        event = decode(raw)
        at = event.topic, (event.key or b"").decode()
        if f"{event.partition}@{event.offset}" == wanted[at]:
            then[at] = event.record
        now[at] = event.record
    for (topic, key), used in sorted(wanted.items(), key=lambda pair: ROWS.index(pair[0][0])):
        yield Row(topic=topic, key=key, used=used, then=then.get((topic, key)), now=now.get((topic, key)))


# -- from the broker ----------------------------------------------------------------------------------------------


def reader(brokers: str) -> Read:
    """Return what reads the topics of a running stack."""

    def read(topics: Sequence[str], matters: Matters) -> Iterator[Raw]:
        consumer = make_consumer(brokers)
        try:
            until = {(p.topic, p.partition): p.offset for p in ends(consumer, topics)}
            # A partition without events would be waited for in vain: its position never moves.
            places = [p for p in beginnings(topics) if until[p.topic, p.partition] > 0]
            if not places:
                return
            consumer.assign(places)
            heard = time.monotonic()
            while any(p.offset < until[p.topic, p.partition] for p in consumer.position(places)):
                batch = messages(consumer)
                if batch:
                    heard = time.monotonic()
                elif time.monotonic() - heard > _SILENCE_S:
                    raise Problem(f"{', '.join(topics)}: nothing for {_SILENCE_S:.0f} s before the end")
                for raw in batch:
                    if matters(raw[0], raw[4] or b"", raw[5] or b""):
                        yield raw
        finally:
            consumer.close()

    return read


def when(event: Observed) -> datetime:
    """The event's Kafka timestamp, UTC."""
    return datetime.fromtimestamp(event.at_ms / 1000, UTC)
