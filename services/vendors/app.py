"""damage.assessments, counted per source partition ─▶ vendors.partials, summed ─▶ vendor.robustness."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from services.kernel import records as r
from services.vendors import decide

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.kernel.service import Event, Service
    from services.kernel.views import View


def build(service: Service) -> None:
    """Add the agents that count and that sum."""
    known: dict[decide.PartialKey, r.VendorPartial] = {}
    by_window: dict[tuple[str, datetime], dict[int, r.VendorPartial]] = defaultdict(dict)

    def keep(partial: r.VendorPartial) -> None:
        window = by_window[partial.vendor_id, partial.window_start]
        kept = window.get(partial.partition)
        if kept is None or kept.applied_offset <= partial.applied_offset:
            window[partial.partition] = partial

    def remember(_: str, partial: r.VendorPartial | None) -> None:
        if partial is not None:
            known[partial.vendor_id, partial.window_start, partial.partition] = partial
            keep(partial)

    partials: View[r.VendorPartial] = service.view("vendors.partials", on_change=remember, row_key=_row_key)

    async def count(batch: Sequence[tuple[r.Assessment, Event]]) -> None:
        by_partition: dict[int, list[tuple[r.Assessment, int]]] = defaultdict(list)
        for assessment, event in sorted(batch, key=lambda pair: pair[1].offset):
            by_partition[event.partition].append((assessment, event.offset))
        changed = [p for n, pairs in by_partition.items() for p in decide.apply(known, n, pairs).values()]
        await asyncio.gather(*(service.write(partials, p.vendor_id, p) for p in changed))

    async def total(batch: Sequence[tuple[r.VendorPartial, Event]]) -> None:
        windows = {(p.vendor_id, p.window_start) for p, _ in batch}
        for partial, _ in batch:
            keep(partial)
        sums = [decide.robustness(by_window[w].values()) for w in windows]
        await service.publish_all(
            ("vendor.robustness", f"{s.vendor_id}|{s.window_start:%Y-%m-%dT%H}", s) for s in sums
        )

    service.consume_batches("damage.assessments", count, within_s=0.5)
    service.consume_batches("vendors.partials", total, within_s=0.5)


def _row_key(_: str, partial: r.VendorPartial) -> str:
    return decide.text_key((partial.vendor_id, partial.window_start, partial.partition))
