"""What one process knows of all suppliers: the windows of each product, and the sums that shrink the estimates.

Built from the topic vendors.windows and following each write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from services.kernel import records as r
from services.vendors import estimate
from services.vendors.estimate import Group, Prior
from services.vendors.windows import (
    SECONDS,
    SLOTS,
    CellKey,
    Count,
    newest,
    nonzero,
    product_key,
    start_of,
)

DAY = timedelta(days=1)
#: Days of the longest window, and on each side of a redesign.
COMPARED = 28
#: Links to damaged items in a row.
SHOWN = 5


@dataclass(slots=True)
class _Period:
    """28 days of a product."""

    cells: dict[CellKey, Count] = field(default_factory=lambda: defaultdict(Count))
    applied: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Book:
    """Windows by key; of each product its totals over the days kept and its 28 days; the sums of all by category."""

    windows: dict[str, r.VendorPartial] = field(default_factory=dict)
    _periods: dict[tuple[str, datetime], _Period] = field(default_factory=lambda: defaultdict(_Period))
    _totals: dict[str, dict[r.Stage, Count]] = field(default_factory=dict)
    _categories: dict[str, str] = field(default_factory=dict)
    _groups: dict[tuple[str, r.Stage], Group] = field(default_factory=lambda: defaultdict(Group))
    _stages: dict[r.Stage, Group] = field(default_factory=lambda: defaultdict(Group))

    def keep(self, key: str, window: r.VendorPartial | None) -> None:
        """Take over a window's new value, None when it was deleted; work does not grow with what is kept."""
        before = self.windows.pop(key, None)
        if window is not None:
            self.windows[key] = window
        days = [(part, sign) for part, sign in ((before, -1), (window, 1)) if part and part.window == "day"]
        if days:
            self._shift(days, product_key(days[0][0]))

    def _shift(self, days: Sequence[tuple[r.VendorPartial, int]], product: str) -> None:
        totals = self._totals.setdefault(product, {})
        stages = {cell.stage for day, _ in days for cell in day.cells}
        known = self._categories.get(product, "")
        category = next((day.category for day, sign in days if sign > 0 and day.category), known)
        if category != known:
            stages |= totals.keys()
        for stage in stages:
            self._enter(known, stage, totals.get(stage), -1)
        for day, sign in days:
            period = self._periods[product, start_of("28d", day.window_start)]
            for cell in day.cells:
                totals.setdefault(cell.stage, Count()).add(cell, sign)
                period.cells[cell.material, cell.stage].add(cell, sign)
            for source, offset in day.applied.items():
                period.applied[source] = max(period.applied.get(source, -1), offset)
        for stage in stages:
            self._enter(category, stage, totals.get(stage), 1)
        self._categories[product] = category
        if days[0][0].window_start != days[-1][0].window_start:
            self._forget(product, days[0][0].window_start)

    def _forget(self, product: str, replaced: datetime) -> None:
        """Drop 28 days of which the last day's slot was taken over, so that memory is bounded."""
        start = start_of("28d", replaced)
        if all(self._find(product, start + n * DAY) is None for n in range(COMPARED)):
            self._periods.pop((product, start), None)

    def _enter(self, category: str, stage: r.Stage, total: Count | None, sign: int) -> None:
        if total is None:
            return
        for group in (self._groups[category, stage], self._stages[stage]):
            group.change(total.items, total.damaged, sign)
            for kind, n in total.by_type.items():
                group.by_type[kind] += sign * n

    def prior(self, product: str, stage: r.Stage) -> tuple[str, Prior]:
        """A product's category, empty when unknown, and what that says of it before its own items."""
        category = self._categories.get(product, "")
        return category, estimate.prior(self._groups[category, stage], self._stages[stage])

    def days(self, product: str, start: datetime) -> list[r.VendorPartial]:
        """What is kept of `COMPARED` days of a product (``vendor|product``), oldest first."""
        found = (self._find(product, start + n * DAY) for n in range(COMPARED))
        return [day for day in found if day is not None]

    def _find(self, product: str, day: datetime) -> r.VendorPartial | None:
        slot = int(day.timestamp()) // SECONDS["day"] % SLOTS["day"]
        found = self.windows.get(f"{product}|day {slot}")
        return found if found is not None and found.window_start == day else None

    def cell(self, touched: Touched) -> Cell:
        """What is known of a cell."""
        window, where = self.windows[touched.key], (touched.material, touched.stage)
        evidence: Iterable[r.VendorEvidence]
        applied: Mapping[str, int]
        product = product_key(window)
        if touched.window == "28d":
            start = start_of("28d", window.window_start)
            period = self._periods[product, start]
            count, applied = period.cells.get(where, Count()), period.applied
            evidence = (e for day in self.days(product, start) for e in day.evidence) if count.damaged else ()
        else:
            start, applied, evidence, count = (
                window.window_start,
                window.applied,
                iter(window.evidence),
                Count(),
            )
            for c in window.cells:
                if (c.material, c.stage) == where:
                    count.add(c)
        category, prior = self.prior(product, touched.stage)
        return Cell(
            touched=touched,
            window=window,
            start=start,
            count=count,
            applied=applied,
            evidence=tuple(e for e in newest(evidence) if (e.material, e.stage) == where and e.count > 0)[
                :SHOWN
            ],
            category=category,
            prior=prior,
            kinds=tuple(nonzero(count.by_type)),
        )


class Touched(NamedTuple):
    """A cell to publish: hour, day or 28d; the key of its window, of one of its days for 28d; material and stage."""

    window: str
    key: str
    material: str
    stage: r.Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell's counts with what is needed to judge them. `window`: its own, or one of its days."""

    touched: Touched
    window: r.VendorPartial
    start: datetime
    count: Count
    applied: Mapping[str, int]
    evidence: tuple[r.VendorEvidence, ...]
    category: str
    prior: Prior
    kinds: tuple[str, ...]

    def shapes(self) -> list[tuple[float, float]]:
        """Posterior of all damage, then of each type."""
        c = self.count
        return [
            self.prior.shape(c.damaged, c.items),
            *(self.prior.shape(c.by_type[kind], c.items, kind) for kind in self.kinds),
        ]
