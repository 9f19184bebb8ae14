"""The publisher finds each delivery report on the event loop, and says so when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError

from services.kernel.faults import DependencyFault
from services.kernel.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Sent:
    """What a delivery report says of an event."""

    at: int

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return self.at


@dataclass
class FakeProducer:
    """A client whose reports are there from the n-th look on."""

    after_looks: int = 1
    full: bool = False
    error: KafkaError | None = None
    looks: int = 0
    waiting: list[Callable[[KafkaError | None, Any], None]] = field(default_factory=list)

    def produce(self, *__: Any, on_delivery: Callable[[KafkaError | None, Any], None], **_: Any) -> None:
        if self.full:
            raise BufferError("Local: Queue full")
        self.waiting.append(on_delivery)

    def poll(self, _: float) -> int:
        self.looks += 1
        if self.looks < self.after_looks:
            return 0
        done, self.waiting = self.waiting, []
        for number, report in enumerate(done):
            report(self.error, Sent(number))
        return len(done)

    def __len__(self) -> int:
        return len(self.waiting)


def made(producer: FakeProducer) -> Publisher:
    publisher = Publisher("127.0.0.1:9", "test")
    fake: Any = producer
    publisher._producer = fake
    publisher.start()
    return publisher


async def test_events_sent_together_are_found_with_one_look() -> None:
    producer = FakeProducer()
    publisher = made(producer)
    async with asyncio.timeout(2):
        places = await asyncio.gather(*(publisher.publish("t", b"k", b"v") for _ in range(5)))
    assert places == [(3, n) for n in range(5)]
    assert producer.looks == 1
    assert publisher.backlog() == 0
    await publisher.close()


async def test_a_report_that_is_late_is_looked_for_again_and_then_later_from_the_start() -> None:
    publisher = made(producer := FakeProducer(after_looks=6))
    async with asyncio.timeout(2):
        await publisher.publish("t", b"k", b"v")
        assert producer.looks == 6
        first = asyncio.get_running_loop().time()
        await publisher.publish("t", b"k", b"v")
    assert asyncio.get_running_loop().time() - first > 0.006
    await publisher.close()


async def test_an_event_that_the_broker_refuses_is_a_dependency_fault() -> None:
    publisher = made(FakeProducer(error=KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)))
    with pytest.raises(DependencyFault, match="did not take"):
        await publisher.publish("t", b"k", b"v")
    await publisher.close()


async def test_a_full_queue_is_a_dependency_fault_at_once() -> None:
    publisher = made(FakeProducer(full=True))
    with pytest.raises(DependencyFault, match="cannot take"):
        publisher.publish_soon("t", b"k", b"v")
    await publisher.close()


async def test_closing_waits_for_what_is_under_way_but_not_for_ever() -> None:
    publisher = made(FakeProducer(after_looks=3))
    sent = publisher.publish_soon("t", b"k", b"v")
    await publisher.close()
    assert sent.result() == (3, 0)
    publisher = made(FakeProducer(after_looks=10**9))
    publisher.publish_soon("t", b"k", b"v")
    async with asyncio.timeout(2):
        await publisher.close(patience_s=0.02)
    assert publisher.backlog() == 1


async def test_nothing_is_published_before_the_start() -> None:
    with pytest.raises(RuntimeError, match="start"):
        Publisher("127.0.0.1:9", "test").publish_soon("t", b"k", b"v")
