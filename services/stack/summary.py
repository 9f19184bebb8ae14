"""What a demo's report says to a person: rules from observed events to facts, without any printing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.kernel import records as r
from services.stack.racks import Submitted
from services.stack.report import Observed, robustness
from services.stack.sample import ORDINARY
from services.vendors.decide import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """The mesh's word against the pictures' truth; tolerated damage counts as found."""

    hits: int
    misses: int
    false_alarms: int
    passed: int
    hits_by_severity: Mapping[str, tuple[int, int]]
    sidelined_damaged: int
    sidelined_intact: int
    products_right: int
    products_wrong: int
    products_unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """One supplier over all windows; shares in [0, 1] with the 95 % interval."""

    vendor_id: str
    items: int
    damaged: int
    share: float
    low: float
    high: float
    stands_out: bool


def newest(events: Iterable[Observed]) -> dict[str, r.Assessment]:
    """Return each item's assessment of the highest revision."""
    found: dict[str, r.Assessment] = {}
    for event in events:
        if event.topic == "damage.assessments" and event.record is not None:
            known = found.get(event.record.item_id)
            if known is None or known.revision < event.record.revision:
                found[event.record.item_id] = event.record
    return found


def by_the_mesh(events: Iterable[Observed]) -> dict[str, r.Assessment]:
    """Return each item's newest assessment that a picture made: the mesh's own word, before people corrected it."""
    return newest(e for e in events if getattr(e.record, "cause", None) is r.CauseKind.CAPTURE)


def damage(assessments: Iterable[r.Assessment]) -> Counter[tuple[str, str]]:
    """Count damaged items that are not tolerated by (type, severity); an item counts for its first type."""
    return Counter(
        (a.defect_types[0] if a.defect_types else "unnamed", a.severity.lower())
        for a in assessments
        if a.outcome.damaged
    )


def by_action(events: Iterable[Observed], topic: str) -> Counter[str]:
    """Count a topic's newest records by action, an item each."""
    last = {e.record.item_id: e.record for e in events if e.topic == topic and e.record is not None}
    return Counter(str(record.action) for record in last.values())


def open_requests(events: Iterable[Observed]) -> list[r.ReplacementRequest]:
    """Return the replacement requests that stand at the end."""
    last = {
        e.record.order_line_id: e.record for e in events if e.topic == "replacement.requests" and e.record
    }
    return [request for request in last.values() if request.status is r.RequestStatus.REQUESTED]


def suppliers(events: Iterable[Observed]) -> list[Supplier]:
    """Return the suppliers, worst first. One stands out when its whole interval is above the share of the others."""
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in robustness(events):
        counted[row.vendor_id][0] += row.items
        counted[row.vendor_id][1] += row.damaged
    items, damaged = (sum(c[k] for c in counted.values()) for k in (0, 1))
    found = []
    for vendor_id, (n, bad) in counted.items():
        if not n:
            continue
        low, high = wilson(bad, n)
        others = (damaged - bad) / (items - n) if items > n else 0.0
        found.append(
            Supplier(
                vendor_id=vendor_id,
                items=n,
                damaged=bad,
                share=bad / n,
                low=low,
                high=high,
                stands_out=items > n and low > others,
            )
        )
    return sorted(found, key=lambda s: (-s.share, s.vendor_id))


def accuracy(submitted: Sequence[Submitted], events: Iterable[Observed]) -> Accuracy | None:
    """Hold the mesh's own word against the truth; None when no truth is known (a person's own pictures)."""
    kept = list(events)
    judged = by_the_mesh(kept)
    commands = [e.record for e in kept if e.topic == "sideline.commands" and e.record is not None]
    pulled = {c.item_id for c in commands if c.action is r.SidelineAction.SIDELINE}
    pairs = [
        (s, judged[s.item_id])
        for s in submitted
        if s.truth is not None and not s.enrolment and s.item_id in judged
    ]
    if not pairs:
        return None
    outcome = Counter((s.truth.damaged, a.damaged) for s, a in pairs if s.truth)
    named = Counter(
        "unknown" if a.product_id is None else "right" if a.product_id == s.product_id else "wrong"
        for s, a in pairs
    )
    return Accuracy(
        hits=outcome[True, True],
        misses=outcome[True, False],
        false_alarms=outcome[False, True],
        passed=outcome[False, False],
        hits_by_severity={
            severity: (
                sum(a.damaged for s, a in pairs if s.truth and s.truth.severity == severity),
                sum(bool(s.truth and s.truth.severity == severity) for s, _ in pairs),
            )
            for severity in ("minor", "major")
        },
        sidelined_damaged=sum(bool(s.truth and s.truth.damaged) for s, _ in pairs if s.item_id in pulled),
        sidelined_intact=sum(bool(s.truth and not s.truth.damaged) for s, _ in pairs if s.item_id in pulled),
        products_right=named["right"],
        products_wrong=named["wrong"],
        products_unknown=named["unknown"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How the mesh judged the captures of one scenario; `beside`: foreign matter that was reported as the tote's."""

    name: str
    damaged: int
    seen: int
    missed: int
    intact: int
    false_alarms: int
    beside: int


def by_scenario(submitted: Sequence[Submitted], events: Iterable[Observed]) -> list[Scenario]:
    """Hold the newest assessments against the truth, by what makes a capture subtle; the ordinary flow first."""
    judged = by_the_mesh(events)
    pairs: dict[str, list[tuple[bool, r.Assessment]]] = defaultdict(list)
    for s in submitted:
        if s.truth is not None and not s.enrolment and s.item_id in judged:
            pairs[s.truth.scenario].append((s.truth.damaged, judged[s.item_id]))
    return [
        Scenario(
            name=name,
            damaged=sum(damaged for damaged, _ in found),
            seen=sum(damaged and a.damaged for damaged, a in found),
            missed=sum(damaged and not a.damaged for damaged, a in found),
            intact=sum(not damaged for damaged, _ in found),
            false_alarms=sum(not damaged and a.damaged for damaged, a in found),
            beside=sum(a.foreign_matter for _, a in found),
        )
        for name, found in sorted(pairs.items(), key=lambda pair: (pair[0] != ORDINARY, pair[0]))
    ]


def examples(assessments: Iterable[r.Assessment], count: int = 4) -> list[r.Assessment]:
    """Return a few damaged items, of different kinds where there are some, the surest first."""
    chosen: dict[tuple[str, ...], r.Assessment] = {}
    for found in sorted(assessments, key=lambda a: -a.probability):
        if found.outcome.damaged:
            chosen.setdefault((*found.defect_types[:1], found.severity), found)
    return list(chosen.values())[:count]
