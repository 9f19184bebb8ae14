"""Windows of event time whose counts survive crashes, repeats and corrections.

A window of one supplier's product is one value: its counts with the source offsets that are in them. So a change that
comes again changes nothing, wherever a process died. Windows live in slots that are used again: memory and topic are
bounded for each product.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.kernel import records as r

#: How many windows of each kind are kept of a product. Hours, 10 days: 3 in which late events count, and 7 that one
#: source partition may be read ahead of another, after an outage for example. Days: 28 before a redesign, 28 after it,
#: 28 for what is late, and a week. 28 days are sums of days.
SLOTS = {"hour": 240, "day": 92}
SECONDS = {"hour": 3_600, "day": 86_400, "28d": 28 * 86_400}
#: The 28 days begin on Mondays, the first on 1970-01-05.
_MONDAY = 4 * 86_400
#: Source offsets behind the newest within which each change is remembered. The transport has 64 in flight per
#: partition and sends only these again: what is four times as far back has been counted.
REMEMBERED = 256
EVIDENCE = 8

#: Packaging material and stage.
CellKey = tuple[str, r.Stage]


@dataclass(slots=True)
class Count:
    """Counts of one cell; below zero while a correction is there before what it corrects."""

    items: int = 0
    damaged: int = 0
    major: int = 0
    arrived: int = 0
    wrong_barcodes: int = 0
    by_type: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    first_seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    intact_at: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, cell: r.VendorCell, sign: int = 1) -> None:
        """Add (+1) or take back (-1) a cell's counts."""
        self.items += sign * cell.items
        self.damaged += sign * cell.damaged
        self.major += sign * cell.major
        self.arrived += sign * cell.arrived
        self.wrong_barcodes += sign * cell.wrong_barcodes
        if not (cell.by_type or cell.first_seen or cell.intact_at):
            return  # intact items, nearly always
        for mine, more in (
            (self.by_type, cell.by_type),
            (self.first_seen, cell.first_seen),
            (self.intact_at, cell.intact_at),
        ):
            for name, n in more.items():
                mine[name] += sign * n

    def see(self, outcome: r.Outcome, revision: int, sign: int) -> None:
        """Add (+1) or take back (-1) one item, judged so by this revision."""
        self.items += sign
        self.wrong_barcodes += sign * outcome.wrong_barcode
        if not outcome.damaged:
            return
        self.damaged += sign
        self.major += sign * (outcome.severity is r.Severity.MAJOR)
        for kind in set(outcome.defect_types):
            self.by_type[kind] += sign
        self.first_seen[outcome.earlier_damaged or outcome.stage] += sign
        if outcome.earlier_intact is not None:
            self.intact_at[outcome.earlier_intact] += sign
        elif outcome.looks or revision == 1:
            self.arrived += sign


def start_of(window: str, moment: datetime) -> datetime:
    """The start of the window of event time, UTC, that a moment lies in."""
    offset = _MONDAY if window == "28d" else 0
    seconds = math.floor(moment.timestamp())
    return datetime.fromtimestamp(seconds - (seconds - offset) % SECONDS[window], UTC)


def slot_key(part: r.VendorPartial) -> str:
    """Key in vendors.windows: ``vendor|product|window slot``; a window takes the place of the one `SLOTS` before it."""
    slot = int(part.window_start.timestamp()) // SECONDS[part.window] % SLOTS[part.window]
    return f"{product_key(part)}|{part.window} {slot}"


def product_key(part: r.VendorPartial) -> str:
    """``vendor|product``: who owns the counts."""
    return f"{plain(part.vendor_id)}|{plain(part.product_id)}"


def plain(text: str) -> str:
    """A part of a key; the only characters written otherwise are ``%`` (%25) and ``|`` (%7C)."""
    return text.replace("%", "%25").replace("|", "%7C")


def spread(change: r.VendorPartial) -> list[r.VendorPartial]:
    """A change for each window that is kept: an hour's is also its day's."""
    if change.window == "day":
        return [change]
    return [
        change,
        dataclasses.replace(change, window="day", window_start=start_of("day", change.window_start)),
    ]


def turns(changes: Iterable[r.VendorPartial]) -> list[dict[str, list[r.VendorPartial]]]:
    """Changes by slot, so that in each turn a slot has changes of one window only, older windows first.

    Nearly always one turn. But a batch after a long pause may hold a window and the one that takes its slot, and the
    first one's rows must be out before it is gone.
    """
    by_slot: dict[str, dict[datetime, list[r.VendorPartial]]] = defaultdict(lambda: defaultdict(list))
    for change in changes:
        by_slot[slot_key(change)][change.window_start].append(change)
    made: list[dict[str, list[r.VendorPartial]]] = []
    for slot, windows in by_slot.items():
        for turn, start in enumerate(sorted(windows)):
            if turn == len(made):
                made.append({})
            made[turn][slot] = windows[start]
    return made


def apply(window: r.VendorPartial | None, batch: Iterable[r.VendorPartial]) -> r.VendorPartial | None:
    """A window with the changes that it does not hold yet; the same value if it holds them all.

    All changes are of one supplier, product and slot. A newer window takes the slot; what comes for an older one then
    is beyond all that is kept. An assessment that upstream sent twice counts once, and is remembered by its last
    place: else reading both again, when the first is forgotten and the second not yet, would count it again.
    """
    fresh: list[r.VendorPartial] = []
    places = _places(window)
    changed = False
    for change in sorted(batch, key=lambda c: (c.window_start, c.partition, c.applied_offset)):
        if window is None or change.window_start > window.window_start:
            window, fresh, places = _empty(change), [], {}
        if change.window_start < window.window_start or _is_behind(window, change):
            continue
        tag, place = change.recent[0], (change.partition, change.applied_offset)
        if tag not in places:
            fresh.append(change)
        if places.get(tag, (-1, -1)) < place:
            places[tag] = place
            changed = True
    return _added(window, fresh, places) if window is not None and changed else window


def _places(window: r.VendorPartial | None) -> dict[str, tuple[int, int]]:
    """Source partition and offset of each change that is remembered, by its tag; an item is always on one partition."""
    known = (entry.split(":", 2) for entry in window.recent) if window is not None else ()
    return {tag: (int(partition), int(offset)) for partition, offset, tag in known}


def _empty(change: r.VendorPartial) -> r.VendorPartial:
    return r.VendorPartial(
        vendor_id=change.vendor_id,
        product_id=change.product_id,
        window=change.window,
        window_start=change.window_start,
        partition=-1,
        applied_offset=-1,
    )


def _is_behind(window: r.VendorPartial, change: r.VendorPartial) -> bool:
    return change.applied_offset <= window.applied.get(str(change.partition), -1) - REMEMBERED


def _added(
    window: r.VendorPartial, fresh: list[r.VendorPartial], places: Mapping[str, tuple[int, int]]
) -> r.VendorPartial:
    applied = dict(window.applied)
    for partition, offset in places.values():
        applied[str(partition)] = max(applied.get(str(partition), -1), offset)
    cells: dict[CellKey, Count] = defaultdict(Count)
    for cell in (*window.cells, *(cell for change in fresh for cell in change.cells)):
        cells[cell.material, cell.stage].add(cell)
    return dataclasses.replace(
        window,
        category=next((c.category for c in reversed(fresh) if c.category), window.category),
        applied=applied,
        recent=tuple(
            f"{partition}:{offset}:{tag}"
            for tag, (partition, offset) in places.items()
            if offset > applied[str(partition)] - REMEMBERED
        ),
        cells=rows(cells),
        evidence=newest((*window.evidence, *(e for change in fresh for e in change.evidence))),
    )


def newest(evidence: Iterable[r.VendorEvidence]) -> tuple[r.VendorEvidence, ...]:
    """The newest of what is not taken back; what was taken back before it came waits for it."""
    found: dict[tuple[str, int], r.VendorEvidence] = {}
    for e in evidence:
        key = e.item_id, e.revision
        known = found.pop(key, None)
        if known is None or known.count == e.count:
            found[key] = e
    return tuple(sorted(found.values(), key=lambda e: (e.captured_at, e.item_id), reverse=True)[:EVIDENCE])


def rows(cells: Mapping[CellKey, Count]) -> tuple[r.VendorCell, ...]:
    """Counts as they are kept, without what is zero."""
    made = (
        r.VendorCell(
            product_id="",  # the partial says it
            material=material,
            stage=stage,
            items=c.items,
            damaged=c.damaged,
            major=c.major,
            arrived=c.arrived,
            wrong_barcodes=c.wrong_barcodes,
            by_type=nonzero(c.by_type),
            first_seen=nonzero(c.first_seen),
            intact_at=nonzero(c.intact_at),
        )
        for (material, stage), c in sorted(cells.items())
    )
    return tuple(
        m
        for m in made
        if m.items
        or m.damaged
        or m.major
        or m.arrived
        or m.wrong_barcodes
        or m.by_type
        or m.first_seen
        or m.intact_at
    )


def nonzero(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, without zeros."""
    return {str(name): n for name, n in sorted(counts.items()) if n} if counts else {}
