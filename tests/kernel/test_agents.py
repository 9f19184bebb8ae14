"""The consume loop: every event ends handled or in quarantine with a reason, once, and only then is it finished."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from services.kernel import records, topics, wire
from services.kernel.agents import Event, Loop, Patience
from services.kernel.blobs import Blobs
from services.kernel.faults import DataFault, DependencyFault, MissingRow
from tests.conftest import FakeTime

TOPIC = topics.BY_NAME["review.labels"]
QUARANTINE = "review.labels.assess.quarantine"
VENDOR = wire.encode(records.Vendor(vendor_id="v", name="n"))
#: A record is enough; which one does not matter to the loop.
TABLE = replace(TOPIC, record=records.Vendor)
TRACE = (("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)


def event(offset: int = 0, *, key: bytes | None = b"k", value: bytes | None = VENDOR) -> Event:
    return Event(
        topic=TOPIC.name,
        partition=3,
        offset=offset,
        key=(key or b"").decode("utf-8", "replace"),
        raw_key=key,
        value=value,
        headers=TRACE,
    )


@dataclass
class Bench:
    """A loop with a broker that is a list, a store in memory, and a clock that moves when someone sleeps."""

    time: FakeTime
    blobs: Blobs = field(default_factory=lambda: Blobs("memory://"))
    published: list[tuple[str, bytes | None, bytes | None, Any]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)

    async def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: Any) -> None:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        assert self.finished == []  # nothing is finished before it is safe
        self.published.append((topic, key, value, headers))

    def loop(self, handler: Any = None, **options: Any) -> Loop:
        return Loop(
            "assess",
            TABLE,
            self.publish,
            self.blobs,
            handler=handler,
            sleep=self.time.sleep,
            clock=self.time,
            **options,
        )

    def finisher(self, offset: int) -> Callable[[], None]:
        return lambda: self.finished.append(offset)

    async def run(self, loop: Loop, *events: Event) -> None:
        for each in events:
            loop.submit(each, self.finisher(each.offset))
        async with asyncio.timeout(5):
            await loop.idle()

    def quarantined(self) -> list[records.Quarantined]:
        assert {topic for topic, *_ in self.published} <= {QUARANTINE}
        return [wire.decode(records.Quarantined, value or b"") for _, _, value, _ in self.published]


@pytest.fixture
def bench(fake_time: FakeTime) -> Bench:
    return Bench(fake_time)


def raising(*faults: Exception | None) -> tuple[Callable[[Any, Event], Awaitable[None]], list[Any]]:
    """A handler that meets these faults one after the other (the last for ever), and what it was called with."""
    seen: list[Any] = []

    async def handler(record: Any, _: Event) -> None:
        seen.append(record)
        await asyncio.sleep(0)
        fault = faults[min(len(seen), len(faults)) - 1]
        if fault is not None:
            raise fault

    return handler, seen


# -- what is handled -----------------------------------------------------------------------------------------


async def test_a_good_event_reaches_the_handler_decoded_and_is_finished_once(bench: Bench) -> None:
    handler, seen = raising(None)
    await bench.run(bench.loop(handler), event(5))
    assert seen == [records.Vendor(vendor_id="v", name="n")]
    assert bench.finished == [5]
    assert bench.published == []


async def test_an_event_is_finished_only_after_its_effects_are_acknowledged(bench: Bench) -> None:
    acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def handler(_: Any, __: Event) -> None:
        await acknowledged

    loop = bench.loop(handler)
    loop.submit(event(1), bench.finisher(1))
    for _ in range(10):
        await asyncio.sleep(0)
    assert bench.finished == []
    acknowledged.set_result(None)
    await loop.idle()
    assert bench.finished == [1]


async def test_tombstones_reach_a_handler_that_wants_them_as_none(bench: Bench) -> None:
    handler, seen = raising(None)
    await bench.run(bench.loop(handler, tombstones=True), event(value=None))
    assert seen == [None]
    assert bench.published == []


# -- what is quarantined -------------------------------------------------------------------------------------

BAD: dict[str, tuple[Event, str, str]] = {
    "no Avro": (event(value=b'{"json": true}'), "not_avro", "no Avro single-object"),
    "a zero-byte value": (event(value=b""), "not_avro", "begins with nothing"),
    "an unknown schema": (event(value=b"\xc3\x01" + bytes(20)), "unknown_schema", "not a known Vendor"),
    "a cut-off record": (event(value=VENDOR[:-1]), "bad_avro", "the body is no Vendor"),
    "an empty key": (event(key=b""), "empty_key", "review.labels is keyed by item"),
    "no key": (event(key=None), "empty_key", "the key is empty"),
    "a key that is not UTF-8": (event(key=b"\xff\xfe"), "bad_key", "not UTF-8: fffe"),
    "a tombstone": (event(value=None), "tombstone", "nothing in it can be deleted"),
}


@pytest.mark.parametrize(("bad", "reason", "message"), BAD.values(), ids=BAD.keys())
async def test_a_bad_event_is_quarantined_with_reason_and_original_and_never_handled(
    bench: Bench, bad: Event, reason: str, message: str
) -> None:
    handler, seen = raising(None)
    await bench.run(bench.loop(handler), bad)
    assert seen == []
    assert bench.finished == [0]
    (kept,) = bench.quarantined()
    assert (kept.reason, kept.service, kept.topic, kept.partition, kept.offset) == (
        reason, "assess", "review.labels", 3, 0,
    )  # fmt: skip
    assert message in kept.message
    assert (kept.key, kept.value, kept.value_key) == (bad.raw_key, bad.value, None)
    assert kept.headers == dict(TRACE)
    assert bench.published[0][1] == bad.raw_key


async def test_a_key_with_the_replacement_character_itself_is_good_utf8(bench: Bench) -> None:
    handler, seen = raising(None)
    await bench.run(bench.loop(handler), event(key="\ufffd".encode()))
    assert len(seen) == 1


@pytest.mark.parametrize(("size", "in_store"), [(65_536, False), (65_537, True), (900_000, True)])
async def test_a_value_over_64_kib_goes_to_the_store(bench: Bench, size: int, in_store: bool) -> None:  # noqa: FBT001 (a parameter)
    big = bytes(size)
    handler, _ = raising(None)
    await bench.run(bench.loop(handler), event(77, value=big))
    (kept,) = bench.quarantined()
    if in_store:
        assert kept.value is None
        assert kept.value_key == "quarantine/assess/review.labels/3-77"
        assert await bench.blobs.get(kept.value_key) == big
    else:
        assert (kept.value, kept.value_key) == (big, None)
    assert bench.finished == [77]


async def test_a_huge_key_leaves_a_quarantine_event_that_the_broker_still_takes(bench: Bench) -> None:
    handler, _ = raising(None)
    key = b"k" * 700_000
    await bench.run(bench.loop(handler), event(key=key, value=b"x" * 65_000))
    _, published_key, value, _ = bench.published[0]
    assert len(published_key or b"") + len(value or b"") < topics.MESSAGE_MAX_BYTES
    assert bench.quarantined()[0].key == key


async def test_a_data_fault_of_the_rule_is_quarantined_with_its_own_reason(bench: Bench) -> None:
    handler, seen = raising(DataFault("odd", "the item is odd"))
    await bench.run(bench.loop(handler), event())
    (kept,) = bench.quarantined()
    assert (kept.reason, kept.message, kept.value) == ("odd", "the item is odd", VENDOR)
    assert len(seen) == 1
    assert bench.finished == [0]


async def test_a_bug_quarantines_its_event_and_the_next_ones_flow_on(bench: Bench) -> None:
    handler, seen = raising(ZeroDivisionError("division by \ud800 zero"), None)
    bench_finished: list[int] = []
    loop = bench.loop(handler)
    for offset in range(3):
        loop.submit(event(offset), lambda offset=offset: bench_finished.append(offset))  # type: ignore[misc]
    await loop.idle()
    (kept,) = bench.quarantined()
    assert kept.reason == "bug"
    assert kept.message == r"ZeroDivisionError: division by \ud800 zero"
    assert len(seen) == 3
    assert bench_finished == [0, 1, 2]


# -- what is tried again -------------------------------------------------------------------------------------

PATIENCE = Patience(dependency=100.0, row=5.0, first_wait=0.1, longest_wait=8.0)


async def test_a_dependency_that_comes_back_costs_waiting_and_nothing_else(bench: Bench) -> None:
    handler, seen = raising(DependencyFault("down"), DependencyFault("down"), None)
    await bench.run(bench.loop(handler, patience=PATIENCE), event(4))
    assert len(seen) == 3
    assert bench.published == []
    assert bench.finished == [4]


async def test_waits_grow_up_to_a_limit_until_patience_ends_and_then_the_event_is_quarantined(
    bench: Bench,
) -> None:
    handler, seen = raising(DependencyFault("Triton does not answer"))
    await bench.run(bench.loop(handler, patience=PATIENCE), event())
    waits = bench.time.slept
    assert len(waits) > 10
    assert waits[:7] == sorted(waits[:7])
    assert 0.05 <= waits[0] < 0.1
    assert all(4.0 <= wait <= 8.0 for wait in waits[7:])
    assert len(set(waits)) == len(waits)  # jitter: services that failed together do not return together
    assert 100.0 <= bench.time.now < 100.0 + 8.0
    (kept,) = bench.quarantined()
    assert kept.reason == "dependency"
    assert kept.message.startswith(f"Triton does not answer (tried {len(seen)} times in 10")
    assert bench.finished == [0]


async def test_a_missing_row_is_waited_for_with_the_short_patience(bench: Bench) -> None:
    handler, _ = raising(MissingRow("unknown_product", "no product p"))
    await bench.run(bench.loop(handler, patience=PATIENCE), event())
    assert 5.0 <= bench.time.now < 5.0 + 8.0
    (kept,) = bench.quarantined()
    assert kept.reason == "unknown_product"
    assert kept.message.startswith("no product p (tried ")


async def test_a_missing_row_that_arrives_is_no_loss(bench: Bench) -> None:
    handler, _ = raising(MissingRow("unknown_product", "no product p"), MissingRow("x", "y"), None)
    await bench.run(bench.loop(handler, patience=PATIENCE), event())
    assert bench.published == []
    assert bench.finished == [0]


async def test_a_quarantine_that_cannot_be_written_is_tried_until_it_is_and_only_then_is_the_event_finished(
    bench: Bench,
) -> None:
    handler, seen = raising(DataFault("odd", "odd"))
    bench.failures += [DependencyFault("Kafka is away")] * 20 + [RuntimeError("a bug in the driver")]
    await bench.run(bench.loop(handler, patience=PATIENCE), event())
    assert len(bench.time.slept) == 21
    assert len(bench.quarantined()) == 1
    assert len(seen) == 1
    assert bench.finished == [0]


# -- order ---------------------------------------------------------------------------------------------------


class Gate:
    """A handler whose events wait until they are let go."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.open: dict[int, asyncio.Event] = {}

    async def __call__(self, _: Any, each: Event) -> None:
        self.begun.append(each.offset)
        await self.open.setdefault(each.offset, asyncio.Event()).wait()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_events_of_a_key_take_turns_and_other_keys_overtake_them(bench: Bench) -> None:
    gate = Gate()
    loop = bench.loop(gate)
    for offset, key in enumerate([b"a", b"a", b"b", b"a", b"c"]):
        loop.submit(event(offset, key=key), bench.finisher(offset))
    await settle()
    assert gate.begun == [0, 2, 4]
    gate.open[4].set()
    gate.open[0].set()
    await settle()
    assert gate.begun == [0, 2, 4, 1]
    for offset in (1, 2):
        gate.open[offset].set()
    await settle()
    assert gate.begun == [0, 2, 4, 1, 3]
    gate.open[3].set()
    await loop.idle()
    assert bench.finished == [4, 0, 1, 2, 3]
    assert loop._turns.last == {}  # keys are forgotten


async def test_a_retried_event_keeps_its_turn(bench: Bench) -> None:
    order: list[int] = []
    failed: set[int] = set()

    async def handler(_: Any, each: Event) -> None:
        await asyncio.sleep(0)
        if each.offset not in failed:
            failed.add(each.offset)
            raise DependencyFault("once each")
        order.append(each.offset)

    await bench.run(bench.loop(handler), *(event(n) for n in range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_a_cancelled_event_is_not_finished(bench: Bench) -> None:
    gate = Gate()
    loop = bench.loop(gate)
    loop.submit(event(0), bench.finisher(0))
    await settle()
    (task,) = loop._tasks
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert bench.finished == []
    assert bench.published == []


async def test_cancelling_an_event_that_waits_its_turn_does_not_hurt_the_one_before(bench: Bench) -> None:
    gate = Gate()
    loop = bench.loop(gate)
    loop.submit(event(0), bench.finisher(0))
    first = next(iter(loop._tasks))
    loop.submit(event(1), bench.finisher(1))
    (second,) = loop._tasks - {first}
    await settle()
    second.cancel()
    await settle()
    gate.open[0].set()
    await asyncio.wait([first, second])
    assert first.exception() is None
    assert second.cancelled()
    assert bench.finished == [0]


# -- several at once -----------------------------------------------------------------------------------------


class Batches:
    """A batch handler that remembers, and fails as told by the keys it meets."""

    def __init__(self, **faults: list[Exception]) -> None:
        self.faults = faults
        self.sizes: list[int] = []
        self.handled: list[int] = []

    async def __call__(self, batch: Sequence[tuple[Any, Event]]) -> None:
        self.sizes.append(len(batch))
        await asyncio.sleep(0)
        for _, each in batch:
            waiting = self.faults.get(each.key, [])
            if waiting:
                raise waiting[0] if isinstance(waiting[0], DataFault | ZeroDivisionError) else waiting.pop(0)
        self.handled += [each.offset for _, each in batch]


async def test_what_arrives_together_is_handled_together_in_order(bench: Bench) -> None:
    batches = Batches()
    await bench.run(bench.loop(batch_handler=batches, batch_size=4), *(event(n) for n in range(10)))
    assert batches.sizes == [4, 4, 2]
    assert batches.handled == bench.finished == list(range(10))


async def test_what_cannot_be_decoded_is_taken_out_of_its_batch(bench: Bench) -> None:
    batches = Batches()
    await bench.run(bench.loop(batch_handler=batches), event(0), event(1, value=b"bad"), event(2))
    assert batches.sizes == [2]
    assert batches.handled == [0, 2]
    assert [(q.offset, q.reason) for q in bench.quarantined()] == [(1, "not_avro")]
    assert bench.finished == [0, 1, 2]


@pytest.mark.parametrize("fault", [DataFault("odd", "odd"), ZeroDivisionError("bug")], ids=["data", "bug"])
async def test_one_bad_record_does_not_take_its_batch_with_it(bench: Bench, fault: Exception) -> None:
    batches = Batches(bad=[fault])
    await bench.run(bench.loop(batch_handler=batches), event(0), event(1, key=b"bad"), event(2), event(3))
    assert sorted(batches.handled) == [0, 2, 3]
    assert [(q.offset, q.reason) for q in bench.quarantined()] == [(1, getattr(fault, "reason", "bug"))]
    assert bench.finished == [0, 1, 2, 3]


async def test_a_batch_waits_for_its_dependency_as_a_whole(bench: Bench) -> None:
    batches = Batches(k=[DependencyFault("down") for _ in range(3)])
    await bench.run(bench.loop(batch_handler=batches, patience=PATIENCE), *(event(n) for n in range(5)))
    assert batches.sizes == [5, 5, 5, 5]
    assert bench.finished == [0, 1, 2, 3, 4]
    assert bench.published == []


async def test_a_row_that_one_of_a_batch_misses_holds_the_others_up_for_the_short_patience_only(
    bench: Bench,
) -> None:
    batches = Batches(bad=[MissingRow("unknown_vendor", "no vendor") for _ in range(10_000)])
    await bench.run(bench.loop(batch_handler=batches, patience=PATIENCE), event(0), event(1, key=b"bad"))
    assert batches.handled == [0]
    assert [q.reason for q in bench.quarantined()] == ["unknown_vendor"]
    assert bench.time.now < 30.0


def test_a_loop_has_one_handler(bench: Bench) -> None:
    handler, _ = raising(None)
    with pytest.raises(ValueError, match="one of handler and batch_handler"):
        bench.loop()
    with pytest.raises(ValueError, match="one of handler and batch_handler"):
        bench.loop(handler, batch_handler=Batches())
