"""An idempotent producer for asyncio, made to wake its process seldom.

Between two inferences the caches of a small machine hold nothing of ours: waking a service for one event costs ten
times what the same event costs after another one. So there is no thread of ours beside librdkafka's own: delivery
reports are collected on the event loop, all at once, about as long after a send as the broker takes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import confluent_kafka
import structlog
from confluent_kafka import KafkaError, KafkaException

from services.kernel.calls import CLIENT_LOG
from services.kernel.faults import DependencyFault
from services.kernel.topics import MESSAGE_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from faust.types import HeadersArg

log = structlog.get_logger(__name__)

#: Bounds of the pause between a send and the look for its report, in seconds: about as long as the broker takes, found
#: out by growing after a look that finds nothing and shrinking after one that finds something.
_SHORTEST_LOOK_S, _LONGEST_LOOK_S = 0.003, 0.05
_EARLY, _LATE = 1.4, 0.92
#: How often the client is looked after when nothing is under way: its errors are logged on such a call.
_IDLE_LOOK_S = 5.0

Place = tuple[int, int]


class Publisher:
    """`publish` returns when the broker has acknowledged (acks=all)."""

    def __init__(self, brokers: str, client_id: str) -> None:
        self._producer = confluent_kafka.Producer(
            {
                "bootstrap.servers": brokers,
                "client.id": client_id,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 10,
                "compression.type": "none",
                "message.max.bytes": MESSAGE_MAX_BYTES,
                # Longer than any broker restart; what fails after it ends the process, and the event is replayed.
                "delivery.timeout.ms": 120_000,
                "partitioner": "murmur2_random",
                "statistics.interval.ms": 0,
                "logger": CLIENT_LOG,
            }
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look: asyncio.TimerHandle | None = None
        self._looks_soon = False
        self._look_s = _SHORTEST_LOOK_S

    def start(self) -> None:
        """Begin to take delivery reports; call on the event loop that will publish."""
        self._loop = asyncio.get_running_loop()
        self._look = self._loop.call_later(_IDLE_LOOK_S, self._collect)

    # -- sending ----------------------------------------------------------------------------------------------

    def publish(
        self, topic: str, key: bytes | None, value: bytes | None, headers: HeadersArg | None = None
    ) -> Awaitable[Place]:
        """Send an event and wait until all in-sync replicas have it; gives (partition, offset)."""
        return self.publish_soon(topic, key, value, headers)

    def publish_soon(
        self, topic: str, key: bytes | None, value: bytes | None, headers: HeadersArg | None = None
    ) -> asyncio.Future[Place]:
        """Queue an event; the future gives (partition, offset).

        Raises:
            DependencyFault: the queue is full, or the event is too large to be sent.
        """
        loop = self._started()
        future: asyncio.Future[Place] = loop.create_future()
        try:
            self._producer.produce(
                topic,
                value,
                key,
                on_delivery=lambda error, message: _settle(future, error, message),
                headers=list(cast("Any", headers)) if headers else None,
            )
        except (BufferError, KafkaException) as exc:
            msg = f"Kafka cannot take an event for {topic} now: {exc}"
            raise DependencyFault(msg) from exc
        if not self._looks_soon:
            self._look_again(loop, soon=True)
        return future

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            msg = "start the publisher first"
            raise RuntimeError(msg)
        return self._loop

    def backlog(self) -> int:
        """Events queued or unacknowledged."""
        return len(self._producer)

    # -- delivery reports -------------------------------------------------------------------------------------

    def _look_again(self, loop: asyncio.AbstractEventLoop, *, soon: bool) -> None:
        if self._look is not None:
            self._look.cancel()
        self._looks_soon = soon
        self._look = loop.call_later(self._look_s if soon else _IDLE_LOOK_S, self._collect)

    def _collect(self) -> None:
        found = self._producer.poll(0)
        if self._looks_soon:
            longer = self._look_s * (_EARLY if found == 0 else _LATE)
            self._look_s = min(max(longer, _SHORTEST_LOOK_S), _LONGEST_LOOK_S)
        self._look_again(self._started(), soon=len(self._producer) > 0)

    async def close(self, patience_s: float = 10.0) -> None:
        """Wait for what is queued."""
        if self._loop is None:
            return
        until = self._loop.time() + patience_s
        while (left := len(self._producer)) and self._loop.time() < until:
            self._producer.poll(0)
            await asyncio.sleep(_SHORTEST_LOOK_S)
        if left:
            log.error("kafka.unsent_at_close", events=left)
        if self._look is not None:
            self._look.cancel()


def _settle(future: asyncio.Future[Place], error: KafkaError | None, message: Any) -> None:
    if future.done():
        return
    if error is None:
        future.set_result((message.partition(), message.offset()))
    else:
        future.set_exception(DependencyFault(f"Kafka did not take the event: {error.str()}"))
