"""damage.assessments ─▶ vendors.partials (changes, by product) ─▶ vendors.windows (state) and vendor.robustness.

Assessments are keyed by item, counts belong to a product: the first step says what an assessment changes and sends it
to the product's owner, with the place of the assessment on its topic. The second adds the changes of a second into
their windows, each written with the places it holds, and publishes the rows that they concern. The state is
acknowledged first; a process that dies before the rows makes them when it reads the same changes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from services.kernel import records as r
from services.kernel.service import Event, Service
from services.kernel.views import View
from services.vendors import decide
from services.vendors.book import Book
from services.vendors.changes import changes
from services.vendors.windows import apply, product_key, spread, turns

#: How long changes are gathered: rows that many items concern are written once. With the transport's bound on what is
#: in flight, a partition takes 64 changes in that time.
GATHER_S = 1.0


def build(service: Service, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Add the agents that say what changes and that count. `clock`: now, UTC."""
    book = Book()
    windows: View[r.VendorPartial] = service.view("vendors.windows", on_change=book.keep)
    products: View[r.Product] = service.view("catalog.products")

    async def tell(batch: Sequence[tuple[r.Assessment, Event]]) -> None:
        now = clock()
        found = [change for a, event in batch for change in changes(a, event.partition, event.offset, now)]
        await service.publish_all(("vendors.partials", product_key(change), change) for change in found)

    async def count(batch: Sequence[tuple[r.VendorPartial, Event]]) -> None:
        # Partials of version 1.0 are sums, not changes.
        told = [change for partial, _ in batch if partial.delta for change in spread(partial)]
        for turn in turns(told):
            await asyncio.gather(*(add(key, found) for key, found in turn.items()))
            concerned = [change for found in turn.values() for change in found]
            rows = decide.rows(decide.touched(concerned, book), book, redesigned(concerned))
            await service.publish_all(("vendor.robustness", decide.row_key(row), row) for row in rows)

    async def add(key: str, found: list[r.VendorPartial]) -> None:
        known = windows.get(key)
        window = apply(known, found)
        if window is not None and window is not known:
            await service.write(windows, key, window)

    def redesigned(told: list[r.VendorPartial]) -> dict[str, datetime]:
        found = {name: products.get(name) for name in {change.product_id for change in told}}
        return {name: p.packaging_since for name, p in found.items() if p is not None and p.packaging_since}

    service.consume_batches("damage.assessments", tell, within_s=0.5)
    service.consume_batches("vendors.partials", count, within_s=GATHER_S)
