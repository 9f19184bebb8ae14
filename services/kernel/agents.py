"""The one consume loop: what every service does with an event before and after its own rule.

    received ─▶ decoded ─▶ handled ─▶ effects acknowledged ─▶ finished (committable)
                   │           │ DependencyFault: again, with backoff and jitter, until patience ends
                   ▼           ▼ DataFault, a bug, or the end of patience
              quarantine with reason, key, offset and original bytes ─▶ finished

An event is finished only when everything it caused is acknowledged by the broker, or when it is safe in quarantine.
Faust would mark it finished whenever its agent raises; so nothing is ever raised into Faust. Events of one key are
handled in order, events of different keys side by side; how many at once is the transport's bound. When a dependency
fails, waiting events fill that bound and their partitions are paused: the mesh slows down and loses nothing.
"""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from opentelemetry.trace import SpanKind

from services.kernel import records, telemetry, wire
from services.kernel.faults import DataFault, DependencyFault, MissingRow
from services.kernel.topics import QUARANTINE_INLINE_BYTES, Topic, quarantine_topic

if TYPE_CHECKING:
    from services.kernel.blobs import Blobs

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One Kafka event as it arrived, and its key as text."""

    topic: str
    partition: int
    offset: int
    key: str
    raw_key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


#: What a service does with one record. It returns when all its effects are acknowledged.
Handler = Callable[[Any, Event], Awaitable[None]]
#: The same for several at once; all are finished together.
BatchHandler = Callable[[Sequence[tuple[Any, Event]]], Awaitable[None]]
Publish = Callable[[str, bytes | None, bytes | None, Sequence[tuple[str, bytes]]], Awaitable[Any]]


class Clock(Protocol):
    """Time and sleep, passed in so that tests do not wait."""

    def __call__(self) -> float:
        """Monotonic seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to try again, in seconds."""

    dependency: float = 900.0
    row: float = 5.0
    first_wait: float = 0.05
    longest_wait: float = 5.0

    def of(self, fault: DependencyFault) -> float:
        """Seconds for which this fault is tried again."""
        return self.row if isinstance(fault, MissingRow) else self.dependency

    def wait(self, attempt: int, jitter: float) -> float:
        """Seconds before attempt `attempt` + 1 (from 1): doubling, spread by `jitter` in [0, 1)."""
        return min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1)) * (0.5 + jitter / 2)


@dataclass(slots=True)
class _Turns:
    """Lets events of one key pass one after the other, in order of arrival."""

    last: dict[bytes | None, asyncio.Future[None]] = field(default_factory=dict)

    async def wait(self, key: bytes | None, mine: asyncio.Future[None]) -> None:
        before = self.last.get(key)
        self.last[key] = mine
        if before is not None:
            await asyncio.shield(before)  # cancelling who waits must not end the turn of who works

    def leave(self, key: bytes | None, mine: asyncio.Future[None]) -> None:
        mine.set_result(None)
        if self.last.get(key) is mine:
            del self.last[key]


class Loop:
    """The consume loop of one topic in one service.

    Exactly one of `handler` and `batch_handler` is given. `finish` marks an event committable.
    """

    def __init__(  # noqa: PLR0913 (collaborators are arguments, and the rest has defaults)
        self,
        service: str,
        topic: Topic,
        publish: Publish,
        blobs: Blobs,
        *,
        handler: Handler | None = None,
        batch_handler: BatchHandler | None = None,
        patience: Patience | None = None,
        tombstones: bool = False,
        batch_size: int = 256,
        batch_within_s: float = 0.25,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock = time.monotonic,
    ) -> None:
        if (handler is None) == (batch_handler is None):
            msg = "give one of handler and batch_handler"
            raise ValueError(msg)
        self.service = service
        self.topic = topic
        self._publish = publish
        self._blobs = blobs
        self._handler = handler
        self._batch_handler = batch_handler
        self._patience = patience or Patience()
        self._tombstones = tombstones
        self._batch_size = batch_size
        self._batch_within_s = batch_within_s
        self._sleep = sleep
        self._clock = clock
        self._turns = _Turns()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: list[tuple[Event, Callable[[], object]]] = []
        self._flusher: asyncio.Task[None] | None = None
        meter = telemetry.meter()
        self._count = meter.create_counter("intact.events", description="Events by outcome.")
        self._quarantines = meter.create_counter(
            "intact.quarantined", description="Events put into quarantine."
        )
        self._seconds = meter.create_histogram(
            "intact.event.duration", unit="s", description="Handling time."
        )

    # -- one at a time ----------------------------------------------------------------------------------------

    def submit(self, event: Event, finish: Callable[[], object]) -> None:
        """Take an event; `finish` is called once it is handled or in quarantine."""
        if self._batch_handler is not None:
            self._submit_to_batch(event, finish)
            return
        task = asyncio.get_running_loop().create_task(self._one(event, finish))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until everything submitted so far is finished."""
        while self._tasks or self._flusher is not None:
            await asyncio.gather(*self._tasks, *([self._flusher] if self._flusher else []))

    async def _one(self, event: Event, finish: Callable[[], object]) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            await self._turns.wait(event.raw_key, mine)
            await self.process(event)
            finish()
        finally:
            self._turns.leave(event.raw_key, mine)

    async def process(self, event: Event) -> None:
        """Handle one event to its end; returns only when it may be committed."""
        began = self._clock()
        with telemetry.span(
            f"{self.topic.name} process",
            kind=SpanKind.CONSUMER,
            headers=event.headers,
            attributes={
                "messaging.destination.name": self.topic.name,
                "messaging.kafka.offset": event.offset,
            },
        ):
            outcome, attempts = await self._handle_or_quarantine(event)
        self._done(event, outcome, attempts, began)

    async def _handle_or_quarantine(self, event: Event) -> tuple[str, int]:
        try:
            record = self._decode(event)
        except DataFault as fault:
            await self._quarantine(event, fault.reason, str(fault))
            return fault.reason, 1
        assert self._handler is not None  # noqa: S101 (one of the two is given; see __init__)
        handler = self._handler
        return await self._attempts(event, lambda: handler(record, event))

    async def _attempts(self, event: Event, act: Callable[[], Awaitable[None]]) -> tuple[str, int]:
        began, attempt = self._clock(), 0
        while True:
            attempt += 1
            try:
                await act()
            except DataFault as fault:
                await self._quarantine(event, fault.reason, str(fault))
                return fault.reason, attempt
            except DependencyFault as fault:
                waited = self._clock() - began
                if waited >= self._patience.of(fault):
                    reason = fault.reason if isinstance(fault, MissingRow) else "dependency"
                    await self._quarantine(
                        event, reason, f"{fault} (tried {attempt} times in {waited:.0f} s)"
                    )
                    return reason, attempt
                if not isinstance(fault, MissingRow):
                    log.warning("event.waits", **self._where(event), attempt=attempt, error=str(fault))
                await self._sleep(self._patience.wait(attempt, random.random()))  # noqa: S311 (spreads load)
            except Exception as exc:  # a bug must not stop the partition
                log.exception("event.bug", **self._where(event))
                await self._quarantine(event, "bug", "".join(traceback.format_exception_only(exc)).strip())
                return "bug", attempt
            else:
                return "ok", attempt

    def _decode(self, event: Event) -> Any:
        raw = event.raw_key
        if not raw:
            msg = f"the key is empty; {self.topic.name} is keyed by {self.topic.key}"
            raise DataFault("empty_key", msg)
        if "\ufffd" in event.key and event.key.encode() != raw:
            msg = f"the key is not UTF-8: {raw[:32].hex()}"
            raise DataFault("bad_key", msg)
        if event.value is None:
            if self._tombstones:
                return None
            msg = f"a tombstone: {self.topic.name} is a stream, nothing in it can be deleted"
            raise DataFault("tombstone", msg)
        return wire.decode(self.topic.record, event.value)

    # -- several at once --------------------------------------------------------------------------------------

    def _submit_to_batch(self, event: Event, finish: Callable[[], object]) -> None:
        self._pending.append((event, finish))
        if self._flusher is None:
            self._flusher = asyncio.get_running_loop().create_task(self._flush_until_empty())

    async def _flush_until_empty(self) -> None:
        try:
            while self._pending:
                if len(self._pending) < self._batch_size:
                    await self._sleep(self._batch_within_s)
                taken, self._pending = self._pending[: self._batch_size], self._pending[self._batch_size :]
                await self._batch(taken)
        finally:
            self._flusher = None

    async def _batch(self, taken: Sequence[tuple[Event, Callable[[], object]]]) -> None:
        began = self._clock()
        good: list[tuple[Any, Event]] = []
        for event, _ in taken:
            try:
                good.append((self._decode(event), event))
            except DataFault as fault:
                await self._quarantine(event, fault.reason, str(fault))
        if good:
            await self._handle_batch(good, began)
        for _, finish in taken:
            finish()

    async def _handle_batch(self, good: list[tuple[Any, Event]], began: float) -> None:
        assert self._batch_handler is not None  # noqa: S101 (the same)
        handler = self._batch_handler
        with telemetry.span(
            f"{self.topic.name} process batch",
            kind=SpanKind.CONSUMER,
            headers=(),
            links=[e.headers for _, e in good],
            attributes={
                "messaging.destination.name": self.topic.name,
                "messaging.batch.message_count": len(good),
            },
        ):
            if len(good) == 1:
                outcome, attempts = await self._attempts(good[0][1], lambda: handler(good))
            else:
                outcome, attempts = await self._batch_attempts(good, handler)
        log.info(
            "batch",
            topic=self.topic.name,
            events=len(good),
            outcome=outcome,
            attempts=attempts,
            ms=round((self._clock() - began) * 1000, 2),
        )
        self._count.add(len(good), {"topic": self.topic.name, "outcome": outcome})

    async def _batch_attempts(self, good: list[tuple[Any, Event]], handler: BatchHandler) -> tuple[str, int]:
        """Try all together; when one of them is bad, take them one by one so that only that one is put aside."""
        began, attempt = self._clock(), 0
        while True:
            attempt += 1
            try:
                await handler(good)
            except DependencyFault as fault:
                if self._clock() - began >= self._patience.of(fault):
                    break
                log.warning("batch.waits", topic=self.topic.name, attempt=attempt, error=str(fault))
                await self._sleep(self._patience.wait(attempt, random.random()))  # noqa: S311 (spreads load)
            except Exception:  # found out one by one below, where each gets its own reason
                log.exception("batch.failed", topic=self.topic.name, events=len(good))
                break
            else:
                return "ok", attempt
        for pair in good:
            await self._attempts(pair[1], lambda pair=pair: handler([pair]))  # type: ignore[misc]
        return "one_by_one", attempt

    # -- quarantine and log -----------------------------------------------------------------------------------

    async def _quarantine(self, event: Event, reason: str, message: str) -> None:
        value, value_key = event.value, None
        attempt = 0
        while True:
            attempt += 1
            try:
                if value is not None and len(value) > QUARANTINE_INLINE_BYTES:
                    value_key = f"quarantine/{self.service}/{event.topic}/{event.partition}-{event.offset}"
                    await self._blobs.put([(value_key, value)])
                    value = None
                record = records.Quarantined(
                    service=self.service,
                    topic=event.topic,
                    partition=event.partition,
                    offset=event.offset,
                    key=event.raw_key,
                    value=value,
                    value_key=value_key,
                    headers=dict(event.headers),
                    reason=reason,
                    # A bug's message may hold what UTF-8 cannot.
                    message=message[:2000].encode("utf-8", "backslashreplace").decode(),
                    quarantined_at=datetime.now(UTC),
                )
                await self._publish(
                    quarantine_topic(event.topic, self.service),
                    # The record holds the key; a huge one beside it would make an event too large to be sent.
                    event.raw_key if len(event.raw_key or b"") <= QUARANTINE_INLINE_BYTES else None,
                    wire.encode(record),
                    telemetry.outgoing(),
                )
            except Exception as exc:  # noqa: BLE001 - an event that is neither handled nor safe is not committed
                where = self._where(event)
                log.error("quarantine.waits", **where, attempt=attempt, error=repr(exc))  # noqa: TRY400 (it waits)
                await self._sleep(self._patience.wait(attempt, random.random()))  # noqa: S311 (spreads load)
            else:
                break
        self._quarantines.add(1, {"topic": event.topic, "reason": reason})
        log.error("quarantined", **self._where(event), reason=reason, message=message[:2000])

    @staticmethod
    def _where(event: Event) -> Mapping[str, Any]:
        return {"topic": event.topic, "partition": event.partition, "offset": event.offset, "key": event.key}

    def _done(self, event: Event, outcome: str, attempts: int, began: float) -> None:
        seconds = self._clock() - began
        self._count.add(1, {"topic": self.topic.name, "outcome": outcome})
        self._seconds.record(seconds, {"topic": self.topic.name})
        log.info(
            "event", **self._where(event), outcome=outcome, attempts=attempts, ms=round(seconds * 1000, 2)
        )
