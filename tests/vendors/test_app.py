from __future__ import annotations

from typing import Any

import pytest

from services.kernel import records as r
from services.kernel.faults import DataFault
from services.vendors.app import build
from tests.fakes import FakeService
from tests.samples import NOON, product
from tests.vendors.makers import DAY, DENTED, INTACT, NOW, seen

HOUR_KEY = "V1|P1|cardboard|PICK|hour|2026-03-01T12"


def made() -> FakeService:
    service = FakeService("vendors")
    fake: Any = service
    build(fake, lambda: NOW)
    return service


def log(*items: str) -> list[tuple[r.Assessment, int, int]]:
    return [(seen(i, DENTED), 0, n) for n, i in enumerate(items)]


async def count(service: FakeService, partials: list[r.VendorPartial] | None = None) -> None:
    """Feed changes, else all that were told so far, to the second step."""
    partials = service.sent_to("vendors.partials") if partials is None else partials
    await service.give_batch("vendors.partials", [(p, 0, n) for n, p in enumerate(partials)])


def newest(service: FakeService, key: str = HOUR_KEY) -> r.VendorRobustness:
    found: r.VendorRobustness = [s.record for s in service.sent if s.key == key][-1]
    return found


async def test_changes_go_to_their_products_owner() -> None:
    service = made()
    await service.give_batch("damage.assessments", log("a", "b"))
    assert service.keys_of("vendors.partials") == ["V1|P1", "V1|P1"]


async def test_a_batch_of_changes_writes_each_window_and_each_row_once() -> None:
    service = made()
    await service.give_batch("damage.assessments", log("a", "b", "c"))
    await count(service)
    assert len(service.sent_to("vendors.windows")) == 2
    assert service.keys_of("vendor.robustness") == [
        HOUR_KEY,
        "V1|P1|cardboard|PICK|day|2026-03-01T00",
        "V1|P1|cardboard|PICK|28d|2026-02-16T00",
    ]
    assert (newest(service).items, newest(service).damaged, newest(service).applied) == (3, 3, {"0": 2})


async def test_what_comes_again_writes_no_window_but_its_rows_which_may_not_be_out_yet() -> None:
    service = made()
    await service.give_batch("damage.assessments", log("a", "b"))
    await count(service)
    await count(service)
    assert len(service.sent_to("vendors.windows")) == 2
    assert newest(service).items == 2
    assert len(service.sent_to("vendor.robustness")) == 6


async def test_the_state_is_written_before_the_rows_that_show_it() -> None:
    service = made()
    await service.give_batch("damage.assessments", log("a"))
    await count(service)
    order = [s.topic for s in service.sent if s.topic != "vendors.partials"]
    assert order == ["vendors.windows"] * 2 + ["vendor.robustness"] * 3


async def test_a_restarted_service_goes_on_from_its_windows() -> None:
    first, second = made(), made()
    await first.give_batch("damage.assessments", log("a", "b"))
    await count(first)
    for sent in (s for s in first.sent if s.topic == "vendors.windows"):
        second.row("vendors.windows", sent.key, sent.record, -1)
    await second.give_batch("damage.assessments", log("a", "b", "c"))
    await count(second)
    assert newest(second).items == 3
    assert newest(second, "V1|P1|cardboard|PICK|28d|2026-02-16T00").items == 3


async def test_a_wrong_clock_stops_the_batch_before_anything_is_sent() -> None:
    service = made()
    wrong = (seen("b", DENTED, after=-DAY), 0, 1)
    with pytest.raises(DataFault, match="clock"):
        await service.give_batch("damage.assessments", [*log("a"), wrong])
    assert service.sent == []


async def test_a_redesign_in_the_catalogue_is_compared() -> None:
    service = made()
    service.row("catalog.products", "P1", product("P1", packaging_since=NOON))
    await service.give_batch("damage.assessments", [(seen("a", INTACT), 0, 0)])
    await count(service)
    changed = newest(service, "V1|P1|cardboard|PICK|28d|2026-02-16T00").change
    assert changed is not None
    assert (changed.before_items, changed.after_items) == (0, 1)


async def test_sums_of_the_first_version_are_not_taken_for_changes() -> None:
    service = made()
    old = r.VendorPartial(vendor_id="V1", window_start=NOON, partition=0, applied_offset=7)
    await count(service, [old])
    assert service.sent == []
