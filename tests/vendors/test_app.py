from __future__ import annotations

from typing import Any

from services.kernel import records as r
from services.vendors.app import build
from tests.fakes import FakeService
from tests.samples import NOON, assessment, outcome

DENTED = outcome(damaged=True, severity=r.Severity.MINOR, defect_types=("deformation",))


def made() -> FakeService:
    service = FakeService("vendors")
    fake: Any = service
    build(fake)
    return service


async def summed(service: FakeService) -> r.VendorRobustness:
    """Feed all partials published so far to the second step; the newest sum."""
    partials = service.sent_to("vendors.partials")
    await service.give_batch("vendors.partials", [(p, 0, n) for n, p in enumerate(partials)])
    newest: r.VendorRobustness = service.sent_to("vendor.robustness")[-1]
    return newest


def log(*items: str) -> list[tuple[r.Assessment, int, int]]:
    return [(assessment(i, outcome=DENTED), 0, n) for n, i in enumerate(items)]


async def test_a_batch_of_assessments_makes_one_partial_and_one_sum_of_a_window() -> None:
    service = made()
    await service.give_batch("damage.assessments", log("a", "b", "c"))
    found = await summed(service)
    assert service.keys_of("vendors.partials") == ["V1"]
    assert service.keys_of("vendor.robustness") == ["V1|2026-03-01T12"]
    assert (found.items, found.damaged) == (3, 3)


async def test_a_batch_that_comes_again_publishes_nothing() -> None:
    service = made()
    for _ in range(2):
        await service.give_batch("damage.assessments", log("a", "b"))
    assert len(service.sent_to("vendors.partials")) == 1


async def test_events_of_a_batch_are_counted_by_offset_and_apart_by_partition() -> None:
    service = made()
    batch = [
        (assessment(i, outcome=DENTED), p, n)
        for i, p, n in [("a", 1, 9), ("b", 0, 3), ("c", 1, 8), ("d", 0, 2)]
    ]
    await service.give_batch("damage.assessments", batch)
    partials = service.sent_to("vendors.partials")
    assert {(p.partition, p.applied_offset) for p in partials} == {(0, 3), (1, 9)}
    found = await summed(service)
    assert (found.items, found.applied) == (4, {"0": 3, "1": 9})


async def test_a_restarted_service_goes_on_from_its_partials() -> None:
    first = made()
    await first.give_batch("damage.assessments", log("a", "b"))
    second = made()
    (partial,) = first.sent_to("vendors.partials")
    second.row("vendors.partials", f"V1|{NOON:%Y-%m-%dT%H}|0", partial)
    await second.give_batch("damage.assessments", log("a", "b", "c"))
    assert (await summed(second)).items == 3


async def test_an_older_partial_that_comes_again_does_not_take_the_sum_back() -> None:
    service = made()
    await service.give_batch("damage.assessments", log("a"))
    await service.give_batch("damage.assessments", log("a", "b"))
    older, _ = service.sent_to("vendors.partials")
    await summed(service)
    await service.give("vendors.partials", older)
    assert service.sent_to("vendor.robustness")[-1].items == 2
