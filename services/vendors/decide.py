"""Counting that survives crashes, repeats and corrections.

A source partition keeps, per supplier and hour, its own whole contribution (`VendorPartial`) with the last offset that
is in it: value and progress are one record, so an event read again changes nothing. Contributions replace their
predecessors and are summed by whoever owns the supplier.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.kernel import records as r

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW = timedelta(hours=1)
#: Twice what the transport lets be in flight per partition: further back no repeat can come from.
RECENT = 128
_Z = 1.959964  # 95 %

#: Key of a partial: supplier, start of the window, source partition.
PartialKey = tuple[str, datetime, int]
CellKey = tuple[str, str, r.Stage]


@dataclass(slots=True)
class _Count:
    items: int = 0
    damaged: int = 0
    major: int = 0
    by_type: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, outcome: r.Outcome, sign: int) -> None:
        self.items += sign
        if not outcome.damaged:
            return
        self.damaged += sign
        self.major += sign * (outcome.severity is r.Severity.MAJOR)
        for kind in outcome.defect_types:
            self.by_type[kind] += sign


def window_start(moment: datetime) -> datetime:
    """The start of the event-time window that a moment lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def text_key(key: PartialKey) -> str:
    """A partial's key as text."""
    return f"{key[0]}|{key[1]:%Y-%m-%dT%H}|{key[2]}"


def contributions(assessment: r.Assessment) -> list[tuple[r.Outcome, int]]:
    """What an assessment adds (+1) and, as a later revision, takes back (-1); unknown suppliers count for nobody."""
    pairs = [(assessment.outcome, 1)] + ([(assessment.previous, -1)] if assessment.previous else [])
    return [(outcome, sign) for outcome, sign in pairs if outcome.vendor_id is not None]


def apply(
    known: dict[PartialKey, r.VendorPartial], partition: int, batch: Iterable[tuple[r.Assessment, int]]
) -> dict[PartialKey, r.VendorPartial]:
    """Count a batch of (assessment, offset) of one partition; returns the partials that changed.

    Offsets must rise. An offset that a partial has already, and an item's revision that came before under another
    offset, change nothing.
    """
    work: dict[PartialKey, tuple[dict[CellKey, _Count], list[str], int]] = {}
    for assessment, offset in batch:
        tag = f"{assessment.item_id}@{assessment.revision}"
        keys = {_partial_key(o, partition) for o, _ in contributions(assessment)}
        fresh = set()
        for key in keys:
            if key not in work:
                before = known.get(key)
                work[key] = (
                    _cells(before),
                    list(before.recent) if before else [],
                    before.applied_offset if before else -1,
                )
            _, recent, applied = work[key]
            if offset > applied and tag not in recent:
                fresh.add(key)
        for outcome, sign in contributions(assessment):
            key = _partial_key(outcome, partition)
            if key in fresh:
                cell = (outcome.product_id or "unknown", outcome.material or "unknown", outcome.stage)
                work[key][0].setdefault(cell, _Count()).add(outcome, sign)
        for key in fresh:
            cells, recent, _ = work[key]
            work[key] = (cells, [*recent, tag][-RECENT:], offset)
    return {
        key: _partial(key, cells, recent, applied)
        for key, (cells, recent, applied) in work.items()
        if known.get(key) is None or applied > known[key].applied_offset
    }


def robustness(partials: Iterable[r.VendorPartial]) -> r.VendorRobustness:
    """Sum the partitions' contributions of one supplier and window.

    Raises:
        ValueError: there are none.
    """
    parts = sorted(partials, key=lambda p: p.partition)
    if not parts:
        msg = "no contributions to sum"
        raise ValueError(msg)
    cells: dict[CellKey, _Count] = {}
    for part in parts:
        for key, count in _cells(part).items():
            total = cells.setdefault(key, _Count())
            total.items += count.items
            total.damaged += count.damaged
            total.major += count.major
            for kind, n in count.by_type.items():
                total.by_type[kind] += n
    items = sum(c.items for c in cells.values())
    damaged = sum(c.damaged for c in cells.values())
    low, high = wilson(damaged, items)
    return r.VendorRobustness(
        vendor_id=parts[0].vendor_id,
        window_start=parts[0].window_start,
        window_seconds=int(WINDOW.total_seconds()),
        items=items,
        damaged=damaged,
        damaged_per_million=damaged / items * 1e6 if items else 0.0,
        lower_per_million=low * 1e6,
        upper_per_million=high * 1e6,
        cells=_rows(cells),
        applied={str(p.partition): p.applied_offset for p in parts},
    )


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share (Wilson 1927); (0, 1) when nothing was seen."""
    if n <= 0:
        return 0.0, 1.0
    p, z2 = successes / n, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _partial_key(outcome: r.Outcome, partition: int) -> PartialKey:
    return str(outcome.vendor_id), window_start(outcome.captured_at), partition


def _cells(partial: r.VendorPartial | None) -> dict[CellKey, _Count]:
    if partial is None:
        return {}
    return {
        (c.product_id, c.material, c.stage): _Count(c.items, c.damaged, c.major, defaultdict(int, c.by_type))
        for c in partial.cells
    }


def _rows(cells: dict[CellKey, _Count]) -> tuple[r.VendorCell, ...]:
    return tuple(
        r.VendorCell(
            product_id=product,
            material=material,
            stage=stage,
            items=c.items,
            damaged=c.damaged,
            major=c.major,
            by_type={k: n for k, n in sorted(c.by_type.items()) if n},
        )
        for (product, material, stage), c in sorted(cells.items())
        if c.items
    )


def _partial(
    key: PartialKey, cells: dict[CellKey, _Count], recent: list[str], applied: int
) -> r.VendorPartial:
    return r.VendorPartial(
        vendor_id=key[0],
        window_start=key[1],
        partition=key[2],
        applied_offset=applied,
        recent=tuple(recent),
        cells=_rows(cells),
    )
