"""What the consumer does with commits that fail, partitions that fill up, and calls that nobody can answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import AsyncMock

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from faust import App
from faust.types import TP
from yarl import URL

from services.kernel.frontier import Frontier
from services.kernel.transport import IN_FLIGHT_PER_PARTITION, Consumer, Transport

A, B = TP("t", 0), TP("t", 1)


@dataclass
class Record:
    """As much of a Kafka message as the consumer reads."""

    at: int
    on: TP = A

    def topic(self) -> str:
        return self.on.topic

    def partition(self) -> int:
        return self.on.partition

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_700_000_000_123

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def headers(self) -> list[tuple[str, bytes]]:
        return [("traceparent", b"00-1")]

    def error(self) -> None:
        return None


@dataclass
class FakeKafka:
    """A client that is polled as scripted, and remembers commits, pauses and resumes."""

    polls: list[Callable[[], Record | None]] = field(default_factory=list)
    more: list[Callable[[], list[Record]]] = field(default_factory=list)
    commit_fails: int = 0
    committed: list[dict[TP, int]] = field(default_factory=list)
    paused: list[tuple[str, set[TP]]] = field(default_factory=list)
    nap: threading.Event = field(default_factory=threading.Event)

    def poll(self, _: float) -> Record | None:
        if self.polls:
            return self.polls.pop(0)()
        self.nap.wait(0.001)
        return None

    def consume(self, _: int, __: float) -> list[Record]:
        return self.more.pop(0)() if self.more else []

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        if self.commit_fails:
            self.commit_fails -= 1
            raise KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT))
        self.committed.append({TP(o.topic, o.partition): o.offset for o in offsets})

    def pause(self, tps: list[TopicPartition]) -> None:
        self.paused.append(("pause", {TP(t.topic, t.partition) for t in tps}))

    def resume(self, tps: list[TopicPartition]) -> None:
        self.paused.append(("resume", {TP(t.topic, t.partition) for t in tps}))


@dataclass
class Bench:
    """A consumer that owns two partitions on a fake client."""

    consumer: Consumer
    kafka: FakeKafka
    messages: list[Any]

    async def deliver(self, *offsets: int, on: TP = A) -> list[Any]:
        for offset in offsets:
            await self.consumer._deliver(Record(offset, on))  # type: ignore[arg-type]
        return self.messages[-len(offsets) :]

    def poll(self) -> None:
        self.consumer._thread = threading.Thread(target=self.consumer._poll_until_closed, daemon=True)
        self.consumer._thread.start()


@pytest.fixture
async def bench() -> Any:
    messages: list[Any] = []

    async def take(message: Any) -> None:
        messages.append(message)

    app = App("test", broker="kafka://127.0.0.1:9", loop=asyncio.get_running_loop())
    consumer = Transport([URL("kafka://127.0.0.1:9")], app, loop=asyncio.get_running_loop()).create_consumer(
        take, on_partitions_revoked=AsyncMock(), on_partitions_assigned=AsyncMock()
    )
    kafka = FakeKafka()
    consumer._kafka = kafka
    consumer._assigned = frozenset({A, B})
    consumer._frontiers = {A: Frontier(10), B: Frontier(20)}
    consumer._committed = {A: 10, B: 20}
    consumer._generation = 1
    yield Bench(consumer, kafka, messages)
    consumer._closing.set()
    if consumer._thread is not None:
        await asyncio.to_thread(consumer._thread.join, 5.0)


async def soon(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 (what is waited for happens in a thread)
            await asyncio.sleep(0.002)


async def test_headers_and_timestamp_arrive(bench: Bench) -> None:
    (message,) = await bench.deliver(10)
    assert list(message.headers) == [("traceparent", b"00-1")]
    assert message.timestamp == 1_700_000_000.123


async def test_only_what_lies_below_every_unfinished_event_is_committed(bench: Bench) -> None:
    first, second, third = await bench.deliver(10, 11, 12)
    bench.poll()
    assert bench.consumer.ack(second)
    assert bench.consumer.ack(third)
    assert not await bench.consumer.force_commit()
    bench.consumer.ack(first)
    assert await bench.consumer.force_commit()
    assert not await bench.consumer.force_commit()
    assert bench.kafka.committed == [{A: 13}]


async def test_an_event_is_acknowledged_once_and_only_within_its_own_assignment(bench: Bench) -> None:
    first, second = await bench.deliver(10, 11)
    assert bench.consumer.ack(first)
    assert not bench.consumer.ack(first)
    assert bench.consumer._due() == {A: 11}
    bench.consumer._generation += 1
    bench.consumer._frontiers[A] = Frontier(11)
    await bench.deliver(11)  # read again
    assert not bench.consumer.ack(second)
    assert bench.consumer.in_flight() == 1


async def test_a_commit_that_fails_is_a_stall_until_one_succeeds(bench: Bench) -> None:
    (message,) = await bench.deliver(10)
    bench.poll()
    assert bench.consumer.stalled_for() == 0.0  # work in hand is no stall
    bench.consumer.ack(message)
    bench.kafka.commit_fails = 2
    for _ in range(2):
        assert not await bench.consumer.force_commit()
        await asyncio.sleep(0.01)
    assert bench.consumer.stalled_for() >= 0.02
    assert await bench.consumer.force_commit()
    assert bench.consumer.stalled_for() == 0.0
    assert bench.kafka.committed == [{A: 11}]


async def test_a_full_partition_is_paused_alone_and_resumed_at_half(bench: Bench) -> None:
    messages = await bench.deliver(*range(10, 10 + IN_FLIGHT_PER_PARTITION))
    await bench.deliver(20, on=B)
    bench.poll()
    await soon(lambda: bench.kafka.paused == [("pause", {A})])
    for message in messages[: IN_FLIGHT_PER_PARTITION // 2 - 1]:
        bench.consumer.ack(message)
    await asyncio.sleep(0.02)
    assert len(bench.kafka.paused) == 1
    bench.consumer.ack(messages[IN_FLIGHT_PER_PARTITION // 2 - 1])
    await soon(lambda: bench.kafka.paused == [("pause", {A}), ("resume", {A})])


async def test_one_stuck_event_keeps_its_partition_paused(bench: Bench) -> None:
    messages = await bench.deliver(*range(10, 10 + IN_FLIGHT_PER_PARTITION))
    for message in messages[1:]:
        bench.consumer.ack(message)
    bench.poll()
    await soon(lambda: bench.kafka.paused == [("pause", {A})])
    assert bench.consumer.in_flight() == IN_FLIGHT_PER_PARTITION
    bench.consumer.ack(messages[0])
    await soon(lambda: len(bench.kafka.paused) == 2)
    assert bench.consumer.in_flight() == 0


async def test_an_event_polled_just_before_a_rebalance_does_not_pass_for_one_of_the_new_assignment(
    bench: Bench,
) -> None:
    def rebalance() -> list[Record]:
        bench.consumer._generation += 1
        return [Record(11)]

    bench.kafka.polls.append(lambda: Record(99))
    bench.kafka.more.append(rebalance)
    bench.poll()
    async with asyncio.timeout(5):
        generation, batch = await bench.consumer._inbox.get()
    assert generation == 2
    assert [r.offset() for r in batch] == [11]


async def test_a_call_that_was_given_up_does_not_end_polling(bench: Bench) -> None:
    waiting = asyncio.ensure_future(bench.consumer._calls.ask(lambda: None))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    bench.poll()
    (message,) = await bench.deliver(10)
    bench.consumer.ack(message)
    assert await bench.consumer.force_commit()
    assert bench.consumer._failure is None


async def test_when_polling_has_ended_a_commit_fails_instead_of_waiting_for_ever(bench: Bench) -> None:
    def breaks() -> Record:
        raise KafkaException(KafkaError(KafkaError._FATAL))

    (message,) = await bench.deliver(10)
    bench.consumer.ack(message)
    bench.kafka.polls.append(breaks)
    bench.poll()
    await soon(lambda: bench.consumer._failure is not None)
    async with asyncio.timeout(2):
        assert not await bench.consumer.force_commit()
    assert bench.consumer.stalled_for() > 0
