"""Stand-ins for what services are built on; passed in, nothing is patched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.kernel import wire
from services.kernel.agents import BatchHandler, Event, Handler
from services.kernel.faults import DataFault
from services.kernel.keys import part_of
from services.kernel.settings import Settings
from services.kernel.topics import BY_NAME
from services.kernel.views import View


@dataclass(frozen=True, slots=True)
class Sent:
    """One published record."""

    topic: str
    key: str
    record: Any


class FakeBlobs:
    """A store in memory."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.reads: list[str] = []

    async def get(self, key: str) -> bytes:
        self.reads.append(key)
        return piece(self.stored, key)

    async def put(self, items: Iterable[tuple[str, bytes]]) -> None:
        self.stored.update(items)


def piece(stored: Mapping[str, bytes], key: str) -> bytes:
    """What is stored under a key, or under the part of an object that it names."""
    whole, begin, end = part_of(key) or (key, 0, None)
    if whole not in stored:
        raise DataFault("missing_blob", f"nothing is stored under {key}")
    return stored[whole][begin:end]


@dataclass(slots=True)
class FakeIndex:
    """A vector index that answers what it was told to, and remembers what was put in."""

    answer: list[tuple[str, float]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    replaced: list[tuple[str, str, list[str]]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool:
        return True

    async def nearest(self, _: Any, encoder: str) -> list[tuple[str, float]]:
        self.asked.append(encoder)
        return self.answer

    async def replace(self, encoder: str, product_id: str, references: Sequence[tuple[str, Any]]) -> None:
        self.replaced.append((encoder, product_id, [name for name, _ in references]))

    async def drop(self, encoder: str) -> None:
        self.dropped.append(encoder)


class FakeService:
    """A service without Kafka: hand it events and see what it publishes.

    Everything published goes through Avro and back, and only topics that the mesh's table allows are taken.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        self.name = name
        self.settings = Settings(**settings)
        self.blobs = FakeBlobs()
        self.sent: list[Sent] = []
        self.views: dict[str, View[Any]] = {}
        self._handlers: dict[str, Handler] = {}
        self._batch_handlers: dict[str, BatchHandler] = {}

    # -- what a service's build calls -------------------------------------------------------------------------

    def consume(self, topic: str, handler: Handler) -> None:
        assert self.name in BY_NAME[topic].consumers
        self._handlers[topic] = handler

    def consume_batches(self, topic: str, handler: BatchHandler, *, within_s: float) -> None:
        assert self.name in BY_NAME[topic].consumers
        assert within_s > 0
        self._batch_handlers[topic] = handler

    def view(self, topic: str, **options: Any) -> View[Any]:
        assert self.name in BY_NAME[topic].views
        self.views[topic] = View(BY_NAME[topic], **options)
        return self.views[topic]

    def on_start(self, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> None: ...

    def ready_when(self, name: str, check: Callable[[], Awaitable[bool]]) -> None: ...

    async def publish(self, topic: str, key: str, record: Any) -> tuple[int, int]:
        entry = BY_NAME[topic]
        assert self.name in entry.producers
        offset = sum(s.topic == topic for s in self.sent)
        self.sent.append(Sent(topic, key, wire.decode(entry.record, wire.encode(record))))
        return 0, offset

    async def write(self, view: View[Any], key: str, value: Any) -> None:
        view.written(key, value, *await self.publish(view.topic.name, key, value))

    async def publish_all(self, items: Iterable[tuple[str, str, Any]]) -> list[tuple[int, int]]:
        return [await self.publish(*item) for item in items]

    # -- what a test calls ------------------------------------------------------------------------------------

    def row(self, topic: str, key: str, record: Any, offset: int = 0) -> None:
        """Let a view read a row."""
        self.views[topic].apply(key, record, 0, offset)

    async def give(
        self, topic: str, record: Any, *, key: str = "", partition: int = 0, offset: int = 0
    ) -> None:
        """Hand over one event."""
        pair = (record, _event(topic, key, partition, offset))
        if topic in self._handlers:
            await self._handlers[topic](*pair)
        else:
            await self._batch_handlers[topic]([pair])

    async def give_batch(self, topic: str, batch: Sequence[tuple[Any, int, int]]) -> None:
        """Hand over several (record, partition, offset) at once."""
        await self._batch_handlers[topic]([(x, _event(topic, "", p, o)) for x, p, o in batch])

    def sent_to(self, topic: str) -> list[Any]:
        """The records published to a topic, in order."""
        return [s.record for s in self.sent if s.topic == topic]

    def keys_of(self, topic: str) -> list[str]:
        """The keys published to a topic, in order."""
        return [s.key for s in self.sent if s.topic == topic]


def _event(topic: str, key: str, partition: int, offset: int) -> Event:
    return Event(
        topic=topic, partition=partition, offset=offset, key=key, raw_key=key.encode(), value=b"", headers=()
    )
