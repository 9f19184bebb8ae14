"""Topics read as tables: reference data, and a service's own state, which is always a topic that others can read too.

Faust's tables were measured and left alone: their changelog and the committed offset are two records, so a crash
between them counts events twice, and a slow table costs more than the hop. A view is a dictionary that follows a
topic; a service waits for its views before its first event, and after every rebalance.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import confluent_kafka
import structlog
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from services.kernel import wire
from services.kernel.calls import CLIENT_LOG
from services.kernel.faults import DataFault, DependencyFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.kernel.topics import Topic

log = structlog.get_logger(__name__)

V = TypeVar("V")

#: How often the client is asked for what it has read: seldom, since rows change seldom, and often while a start waits.
_LOOK_S, _LOOK_SOON_S = 1.0, 0.02
#: How long the broker may hold a fetch that has nothing to bring.
_HELD_S = 1.0
#: A row that was acknowledged is in every view after this long, on a machine that keeps up: it waits for a fetch that
#: is held without its partition, then for the next look; the rest is for the way.
FRESH_S = _HELD_S + _LOOK_S + 1.0


class View(Generic[V]):
    """The newest value of each key of one topic, with the version (``partition@offset``) it was read at.

    `limit` bounds the number of keys kept; the longest unchanged go first. `row_key` makes the key of a row from the
    event's key and value, where several rows share one event key. `own`: only this service writes the topic.
    `on_change` is told each key and value, `on_packed` also the value as it is on the topic.
    """

    def __init__(
        self,
        topic: Topic,
        *,
        limit: int | None = None,
        on_change: Callable[[str, V | None], None] | None = None,
        on_packed: Callable[[str, V | None, bytes | None], None] | None = None,
        row_key: Callable[[str, V], str] | None = None,
        own: bool = False,
    ) -> None:
        self.topic = topic
        self._rows: dict[str, tuple[V, int, int]] = {}
        self._limit = limit
        self._on_change = on_change
        self._on_packed = on_packed
        self._row_key = row_key
        self.own = own

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[V]:
        return iter([row[0] for row in self._rows.values()])

    def get(self, key: str | None) -> V | None:
        """The value of a key, None when there is none."""
        row = self._rows.get(key) if key is not None else None
        return row[0] if row else None

    def version(self, key: str) -> str:
        """Where the value was read: ``partition@offset``, or ``none``."""
        row = self._rows.get(key)
        return f"{row[1]}@{row[2]}" if row else "none"

    def apply(
        self, key: str, value: V | None, partition: int, offset: int, packed: bytes | None = None
    ) -> None:
        """Take over a value that was read or that this process has just had acknowledged; older ones change nothing."""
        row = self._rows.get(key)
        if row is not None and row[1] == partition and row[2] >= offset:
            return
        self._rows.pop(key, None)
        if value is not None:
            self._rows[key] = (value, partition, offset)
            if self._limit is not None and len(self._rows) > self._limit:
                del self._rows[next(iter(self._rows))]
        if self._on_change is not None:
            self._on_change(key, value)
        if self._on_packed is not None:
            self._on_packed(key, value, packed)

    def written(
        self, key: str, value: V | None, partition: int, offset: int, packed: bytes | None = None
    ) -> None:
        """Take over an event that was published or read; `key` is the event's."""
        row = key if value is None or self._row_key is None else self._row_key(key, value)
        self.apply(row, value, partition, offset, packed)

    def take(self, message: Any) -> None:
        """Apply a message; one that cannot be read is logged and left out, so that it cannot stop a start."""
        try:
            key = (message.key() or b"").decode()
            raw = message.value()
            value = None if raw is None else wire.decode(self.topic.record, raw)
        except (UnicodeDecodeError, DataFault) as exc:
            log.error(  # noqa: TRY400 (the error is expected, and named)
                "view.bad_row",
                topic=self.topic.name,
                partition=message.partition(),
                offset=message.offset(),
                error=str(exc),
            )
            return
        self.written(key, value, message.partition(), message.offset(), raw)


class Views:
    """All views of one process, fed by one consumer without a group.

    The event loop itself asks it: librdkafka fetches on a thread of its own, and another one that waits for it would
    wake every 0.2 s, whatever comes.
    """

    def __init__(self, brokers: str, client_id: str) -> None:
        self._brokers = brokers
        self._client_id = client_id
        self._views: dict[str, View[Any]] = {}
        self._reached: dict[tuple[str, int], int] = {}
        self._look: asyncio.TimerHandle | None = None
        self._kafka: confluent_kafka.Consumer | None = None
        self._moved = asyncio.Event()
        self._hurried = False
        self._failure: BaseException | None = None

    def add(self, view: View[V]) -> View[V]:
        """Follow a view's topic from `start` on."""
        if view.topic.name in self._views:
            msg = f"{view.topic.name} is viewed already"
            raise ValueError(msg)
        self._views[view.topic.name] = view
        return view

    def topics(self) -> tuple[str, ...]:
        """Names of the topics that are viewed."""
        return tuple(self._views)

    async def start(self) -> None:
        """Begin to read every topic from its beginning."""
        if not self._views:
            return
        self._kafka = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self._brokers,
                "client.id": f"{self._client_id}-views",
                "group.id": f"{self._client_id}-views",  # required by the client, never joined or committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": 8192,
                "logger": CLIENT_LOG,
                # Reference data changes rarely: let the broker hold an empty fetch, its answer costs both sides CPU.
                # But a partition whose end was reached waits for the fetch that is held before it is asked for again:
                # so old may a row be, and that must stay well below INTACT_ROW_PATIENCE_S.
                "fetch.wait.max.ms": round(_HELD_S * 1000),
            }
        )
        self._kafka.assign(
            [
                TopicPartition(v.topic.name, p, confluent_kafka.OFFSET_BEGINNING)
                for v in self._views.values()
                for p in range(v.topic.partitions)
            ]
        )
        self._read()

    async def caught_up(self) -> None:
        """Wait until everything that is in the topics now has been applied.

        A service's own state is read up to here and then followed no further, since only this service writes it and
        `View.apply` takes over each write; after a rebalance this is called again, and reads what others wrote
        meanwhile.

        Raises:
            DependencyFault: the broker did not say where the topics end.
        """
        if not self._views:
            return
        own = [
            TopicPartition(v.topic.name, p)
            for v in self._views.values()
            if v.own
            for p in range(v.topic.partitions)
        ]
        if own:
            self._client.resume(own)
        try:
            await self._read_to(await self._known_ends())
        finally:
            if own:
                self._client.pause(own)

    async def _read_to(self, ends: dict[tuple[str, int], int]) -> None:
        self._hurried = True
        try:
            self._read()
            while any(self._reached.get(tp, 0) < end for tp, end in ends.items()):
                if self._failure is not None:
                    raise self._failure
                self._moved.clear()
                try:
                    await asyncio.wait_for(self._moved.wait(), 1.0)
                except TimeoutError:
                    behind = {f"{t}/{p}": e for (t, p), e in ends.items() if self._reached.get((t, p), 0) < e}
                    log.info("views.reading", behind=behind)
        finally:
            self._hurried = False

    async def _known_ends(self, patience_s: float = 60.0) -> dict[tuple[str, int], int]:
        until = time.monotonic() + patience_s
        while True:
            try:
                return await asyncio.to_thread(self._ends)
            except KafkaException as exc:
                # Partitions without a leader are common while brokers start or change.
                if time.monotonic() > until:
                    msg = f"Kafka does not say where the reference topics end: {exc}"
                    raise DependencyFault(msg) from exc
                await asyncio.sleep(0.2)

    def _ends(self) -> dict[tuple[str, int], int]:
        """The end of each partition that holds anything.

        Asked by a client of its own, all at once: on the reading client's connection each question would wait behind a
        fetch that the broker holds.
        """
        admin = AdminClient(
            {"bootstrap.servers": self._brokers, "client.id": f"{self._client_id}-ends", "log_level": 0}
        )
        partitions = [(v.topic.name, p) for v in self._views.values() for p in range(v.topic.partitions)]

        def offsets(spec: OffsetSpec) -> dict[tuple[str, int], int]:
            asked = admin.list_offsets({TopicPartition(*tp): spec for tp in partitions}, request_timeout=30.0)
            return {(tp.topic, tp.partition): future.result().offset for tp, future in asked.items()}

        first, end = offsets(OffsetSpec.earliest()), offsets(OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {tp: offset for tp, offset in end.items() if offset > first[tp]}

    @property
    def _client(self) -> confluent_kafka.Consumer:
        assert self._kafka is not None  # noqa: S101 (start comes first)
        return self._kafka

    def _read(self) -> None:
        """Take what the client has, and come back: a bare timer, since each wake-up runs on cold caches."""
        if self._look is not None:
            self._look.cancel()
        try:
            batch = self._client.consume(500, 0)
        except Exception as exc:  # reported by the next caught_up, and by readiness
            self._failure = exc
            log.exception("views.stopped")
            self._moved.set()
            return
        if batch:
            self._take(batch)
        again = _LOOK_SOON_S if self._hurried else _LOOK_S
        self._look = asyncio.get_running_loop().call_later(0 if len(batch) == 500 else again, self._read)

    def _take(self, batch: list[Any]) -> None:
        try:
            self._take_each(batch)
        except Exception as exc:  # a bug in an on_change: without this, caught_up would wait for ever
            self._failure = exc
            log.exception("views.stopped")
        self._moved.set()

    def _take_each(self, batch: list[Any]) -> None:
        for message in batch:
            error = message.error()
            if error is None:
                self._views[message.topic()].take(message)
                self._reached[message.topic(), message.partition()] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (librdkafka's public name for it)
                self._reached[message.topic(), message.partition()] = message.offset()
            else:
                log.warning("views.kafka", error=error.str())

    @property
    def failed(self) -> bool:
        """Whether reading has stopped for good."""
        return self._failure is not None

    async def close(self) -> None:
        """Stop reading."""
        if self._look is not None:
            self._look.cancel()
        if self._kafka is not None:
            await asyncio.to_thread(self._kafka.close)
