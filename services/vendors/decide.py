"""From counts to rows that a vendor manager can read: rates, credible intervals, what changed, and evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from services.kernel import records as r
from services.vendors import estimate
from services.vendors.book import COMPARED, DAY, Book, Cell, Touched
from services.vendors.windows import SECONDS, SLOTS, Count, nonzero, plain, product_key, slot_key, start_of

_Z = 1.959964  # 95 %


def touched(changes: Iterable[r.VendorPartial], book: Book) -> list[Touched]:
    """The cells of all windows that changes concern, also of changes counted before: their rows may not be out yet.

    A change for a window that has left its slot concerns nothing any more.
    """
    found: dict[Touched, None] = {}
    periods: dict[tuple[str, datetime, str, r.Stage], Touched] = {}
    for change in changes:
        key = slot_key(change)
        window = book.windows.get(key)
        if window is None or window.window_start != change.window_start:
            continue
        # A verdict that confirms a machine's changes no count, but what stands as evidence.
        places = [(c.material, c.stage) for c in change.cells] + [
            (e.material, e.stage) for e in change.evidence
        ]
        for material, stage in dict.fromkeys(places):
            found[Touched(change.window, key, material, stage)] = None
            if change.window == "day":
                start = start_of("28d", change.window_start)
                same = product_key(change), start, material, stage
                periods.setdefault(same, Touched("28d", key, material, stage))
    return [*found, *periods.values()]


def row_key(row: r.VendorRobustness) -> str:
    """``vendor|product|packaging|stage|window|start``, the start as ``2026-03-01T12`` (UTC). Stable for ever."""
    parts = row.vendor_id, row.product_id, row.material, str(row.stage), row.window
    return "|".join((*map(plain, parts), f"{row.window_start:%Y-%m-%dT%H}"))


def rows(concerned: Iterable[Touched], book: Book, since: Mapping[str, datetime]) -> list[r.VendorRobustness]:
    """The rows of these cells, all intervals at once. `since`: product to the day its redesigned packaging came."""
    cells = [book.cell(each) for each in concerned]
    bounds = estimate.intervals([shape for cell in cells for shape in cell.shapes()])
    made, at = [], 0
    for cell in cells:
        count = len(cell.kinds) + 1
        changed = _change(cell, book, since.get(cell.window.product_id))
        made.append(_row(cell, bounds[at : at + count].tolist(), changed))
        at += count
    return made


def _row(cell: Cell, bounds: list[list[float]], changed: r.VendorChange | None) -> r.VendorRobustness:
    count, shapes = cell.count, cell.shapes()
    return r.VendorRobustness(
        vendor_id=cell.window.vendor_id,
        product_id=cell.window.product_id,
        material=cell.touched.material,
        stage=cell.touched.stage,
        category=cell.category,
        window=cell.touched.window,
        window_start=cell.start,
        window_seconds=SECONDS[cell.touched.window],
        items=count.items,
        damaged=count.damaged,
        major=count.major,
        damaged_per_million=_share(count.damaged, count.items),
        expected_per_million=_mean(shapes[0]),
        lower_per_million=bounds[0][0] * 1e6,
        upper_per_million=bounds[0][1] * 1e6,
        prior_per_million=cell.prior.mean * 1e6,
        prior_items=cell.prior.weight,
        types=tuple(
            r.VendorType(
                type=kind,
                damaged=count.by_type[kind],
                damaged_per_million=_share(count.by_type[kind], count.items),
                expected_per_million=_mean(shape),
                lower_per_million=low * 1e6,
                upper_per_million=high * 1e6,
            )
            for kind, shape, (low, high) in zip(cell.kinds, shapes[1:], bounds[1:], strict=True)
        ),
        first_seen=nonzero(count.first_seen),
        arrived=count.arrived,
        intact_at=nonzero(count.intact_at),
        wrong_barcodes=count.wrong_barcodes,
        evidence=cell.evidence,
        change=changed,
        applied=cell.applied,
    )


def _share(damaged: int, items: int) -> float:
    return damaged / items * 1e6 if items > 0 else 0.0


def _mean(shape: tuple[float, float]) -> float:
    return shape[0] / (shape[0] + shape[1]) * 1e6


def _change(cell: Cell, book: Book, since: datetime | None) -> r.VendorChange | None:
    """Days before and after a redesign, on rows of 28d from it on; None once the days before are no longer all kept."""
    if since is None or cell.touched.window != "28d":
        return None
    first = start_of("day", since)
    last = cell.start + timedelta(seconds=SECONDS["28d"])
    if last <= first or last - first > (SLOTS["day"] - COMPARED) * DAY:
        return None
    before = _sum(cell, book, first - COMPARED * DAY)
    after = _sum(cell, book, first)
    shapes = [cell.prior.shape(c.damaged, c.items) for c in (before, after)]
    return r.VendorChange(
        since=first,
        before_items=before.items,
        before_damaged=before.damaged,
        after_items=after.items,
        after_damaged=after.damaged,
        before_per_million=_mean(shapes[0]),
        after_per_million=_mean(shapes[1]),
        probability_worse=estimate.probability_greater(shapes[1], shapes[0]),
    )


def _sum(cell: Cell, book: Book, start: datetime) -> Count:
    """A product's counts at a stage over `COMPARED` days, whatever the packaging material."""
    total = Count()
    for day in book.days(product_key(cell.window), start):
        for each in day.cells:
            if each.stage is cell.touched.stage:
                total.add(each)
    return total


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share (Wilson 1927); (0, 1) when nothing was seen."""
    if n <= 0:
        return 0.0, 1.0
    p, z2 = successes / n, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)
