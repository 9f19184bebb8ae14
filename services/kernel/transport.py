"""Faust on librdkafka: the consumer and producer every service of the mesh runs on.

Faust's default driver decodes the Kafka protocol in Python, which at the mesh's rates (tens of events a second
per topic, so about one event per fetch) costs 1.4 ms of CPU per event; this one costs about 0.3 ms. Faust's own
``confluent://`` driver drops headers and timestamps. So this module implements Faust's transport interface once,
for what the mesh needs, and mends here what else bites in the released code:

* offsets are committed only up to the `Frontier`, never past an unfinished event (faust-streaming issue 606);
* the events in flight per partition are bounded: a full partition is paused at the broker, others flow on;
* headers and timestamps arrive;
* a stream is given what has come since it last looked, as one list: Faust's own way of an event at a time, through
  serializers, sensors and locks, costs three times as much;
* a commit that fails is logged and retried at the next interval, it does not end commits for good (issue 596).

Everything that librdkafka blocks on runs in its own thread; Faust and the services see one event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

import confluent_kafka
import structlog
from confluent_kafka import KafkaException, TopicPartition
from faust.exceptions import ProducerSendError
from faust.transport import base, conductor
from faust.types import TP, ConsumerMessage, RecordMetadata

from services.kernel.calls import CLIENT_LOG, Calls
from services.kernel.faults import DependencyFault
from services.kernel.frontier import Frontier
from services.kernel.publisher import Publisher
from services.kernel.topics import MESSAGE_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from faust.types import HeadersArg

log = structlog.get_logger(__name__)

#: A partition with this many unfinished events is paused, and resumed when half of them are finished.
IN_FLIGHT_PER_PARTITION = 64
#: Events taken from librdkafka in one go; small enough to keep partitions fair.
BATCH = 128
#: After its first event a batch is waited for this long: what was sent at once upstream arrives within it, partition
#: by partition.
_TOGETHER_S = 0.02
_PAUSED_POLL_S = 0.02
_IDLE_POLL_S = 0.5


class Consumer(base.Consumer):
    """A consumer whose polling thread hands batches to the event loop; see the module for why it exists."""

    consumer_stopped_errors: ClassVar[tuple[type[BaseException], ...]] = (KafkaException,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kafka: confluent_kafka.Consumer | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._assigned: frozenset[TP] = frozenset()
        self._frontiers: dict[TP, Frontier] = {}
        self._committed: dict[TP, int] = {}
        self._generation = 0
        self._inbox: asyncio.Queue[tuple[int, list[Any]]] = asyncio.Queue()
        # Each is written by one thread only, so no count is lost between them.
        self._taken = 0
        self._drained = 0
        self._full: frozenset[TP] = frozenset()
        self._failure: BaseException | None = None
        self._calls = Calls()
        #: Since when each partition has a position that is not committed (monotonic seconds).
        self._due_since: dict[TP, float] = {}

    # -- life -----------------------------------------------------------------------------------------------

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for these topics and start polling."""
        names = sorted(set(topics))
        if self._kafka is None:
            self._kafka = confluent_kafka.Consumer(self._config())
        self._kafka.subscribe(names, on_assign=self._on_assign, on_revoke=self._on_revoke)
        if self._thread is None:
            self._thread = threading.Thread(target=self._poll_until_closed, name="kafka-poll", daemon=True)
            self._thread.start()

    def _config(self) -> dict[str, Any]:
        conf = self.app.conf
        # A static member that comes back under its name is given its partitions without waiting for its old session.
        instance: str = self.app.instance  # type: ignore[attr-defined]  # of our own App
        static = {"group.instance.id": f"{conf.id}-{instance}"} if instance else {}
        return static | {
            "bootstrap.servers": ",".join(f"{u.host}:{u.port}" for u in self.transport.url),
            "group.id": conf.id,
            "client.id": conf.broker_client_id,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            # Range puts partition n of every topic on one member: what co-partitioned look-ups rely on.
            "partition.assignment.strategy": "range",
            "session.timeout.ms": int(conf.broker_session_timeout * 1000),
            "heartbeat.interval.ms": int(conf.broker_heartbeat_interval * 1000),
            "max.partition.fetch.bytes": MESSAGE_MAX_BYTES * 2,
            "fetch.wait.max.ms": 500,
            # A service that works in batches lets the broker gather them: each answered fetch costs both sides CPU.
            "fetch.min.bytes": self.app.fetch_min_bytes,  # type: ignore[attr-defined]  # of our own App
            # Its default of 1 s leaves a busy partition without events whenever its small queue was full.
            "fetch.queue.backoff.ms": 20,
            "queued.min.messages": BATCH,
            "queued.max.messages.kbytes": 8192,
            "statistics.interval.ms": 0,
            "logger": CLIENT_LOG,
        }

    async def on_stop(self) -> None:
        """Commit what is finished, then leave the group."""
        await self.commit()
        self._closing.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 10.0)
        if self._kafka is not None:
            await asyncio.to_thread(self._kafka.close)
            self._kafka = None

    def close(self) -> None:
        """Stop polling; Faust calls this when a rebalance meets a stopping app."""
        self._closing.set()

    # -- polling thread -------------------------------------------------------------------------------------

    def _poll_until_closed(self) -> None:
        try:
            self._poll_loop()
        except BaseException as exc:  # noqa: BLE001 - the thread's only way to be heard is the loop
            self._failure = exc
            self.loop.call_soon_threadsafe(self._inbox.put_nowait, (self._generation, []))
        finally:
            self._calls.refuse("the consumer has stopped polling")

    def _poll_loop(self) -> None:
        kafka = cast("confluent_kafka.Consumer", self._kafka)
        paused: frozenset[TP] = frozenset()
        while not self._closing.is_set():
            self._calls.make()
            # Everything is paused while the loop has a backlog, and polled all the same: a consumer that stops
            # polling is thrown out of its group, and its partitions would be read twice.
            backlog = self._taken - self._drained
            wanted = self._assigned if backlog > BATCH * 2 else self._full & self._assigned
            if wanted != paused & self._assigned:
                _pause(kafka, wanted - paused)
                _resume(kafka, (paused - wanted) & self._assigned)
                paused = wanted
            first = kafka.poll(_PAUSED_POLL_S if paused else _IDLE_POLL_S)
            if first is None:
                continue
            generation = self._generation
            more = kafka.consume(BATCH, _TOGETHER_S)
            # Either call may rebalance on its way; an event from before must not pass for one from after.
            taken = (first, *more) if generation == self._generation else more
            batch = [m for m in taken if self._usable(m)]
            if batch:
                self._taken += len(batch)
                self.loop.call_soon_threadsafe(self._inbox.put_nowait, (self._generation, batch))

    @staticmethod
    def _usable(message: confluent_kafka.Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal():
            raise KafkaException(error)
        # Brokers come and go; librdkafka reconnects by itself and reports here what it meets meanwhile.
        log.warning("kafka.consumer", error=error.str(), code=error.name())
        return False

    def _on_revoke(self, kafka: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        revoked = {TP(p.topic, p.partition) for p in partitions}
        self._call_on_loop(self._stop_flow())
        self._commit_now(kafka, self._due())
        self._call_on_loop(self._revoked(revoked))
        self._assigned -= revoked
        kafka.unassign()

    def _on_assign(self, kafka: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        committed = kafka.committed(partitions, timeout=30) if partitions else []
        for p in committed:
            if p.error is not None:
                raise KafkaException(p.error)
        offsets = {TP(p.topic, p.partition): p.offset for p in committed}
        self._generation += 1
        self._assigned = frozenset(offsets)
        self._call_on_loop(self._assign(offsets))
        starts = [
            TopicPartition(tp.topic, tp.partition, o if o >= 0 else confluent_kafka.OFFSET_BEGINNING)
            for tp, o in offsets.items()
        ]
        kafka.assign(starts)

    def _call_on_loop(self, coroutine: Any) -> None:
        if self._closing.is_set() or self.loop.is_closed():
            coroutine.close()
            return
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        while not self._closing.is_set():
            try:
                future.result(timeout=0.2)
            except TimeoutError:
                if future.done():
                    raise
                continue
            return

    # -- event loop -----------------------------------------------------------------------------------------

    async def _stop_flow(self) -> None:
        self.app.on_rebalance_start()
        self.stop_flow()

    async def _revoked(self, revoked: set[TP]) -> None:
        for tp in revoked:
            self._frontiers.pop(tp, None)
            self._committed.pop(tp, None)
            self._due_since.pop(tp, None)
        await self.on_partitions_revoked(revoked)

    async def _assign(self, offsets: Mapping[TP, int]) -> None:
        if not self.app.rebalancing:
            self.app.on_rebalance_start()
        self._frontiers = {tp: Frontier(o if o >= 0 else None) for tp, o in offsets.items()}
        self._committed = {tp: o for tp, o in offsets.items() if o >= 0}
        self._due_since = {}
        self._full = frozenset()
        self.app.consumer_generation_id = self._generation
        await self.on_partitions_assigned(set(offsets), self._generation)

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            generation, batch = await self._inbox.get()
            self._drained += len(batch)
            if self._failure is not None:
                await self.crash(self._failure)
                raise self._failure
            if not self.flow_active:
                await self.can_resume_flow.wait()
            for record in batch:
                if generation != self._generation:
                    break  # read again from the committed offset by whoever owns the partition now
                await self._deliver(record)

    async def _deliver(self, record: confluent_kafka.Message) -> None:
        tp = TP(cast("str", record.topic()), cast("int", record.partition()))
        frontier = self._frontiers.get(tp)
        if frontier is None:
            return
        message = self._to_message(tp, record)
        frontier.handed_out(message.offset)
        if len(frontier) >= IN_FLIGHT_PER_PARTITION:
            self._full |= {tp}
        await self.callback(message)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        kind, stamp = record.timestamp()
        key, value = record.key(), record.value()
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset(),
            stamp / 1000.0,
            kind,
            record.headers() or [],
            key,
            value,
            None,
            len(key or b""),
            len(value or b""),
            tp,
            generation_id=self._generation,
        )

    def ack(self, message: Any) -> bool:
        """Note that an event is finished; an event of an earlier assignment changes nothing."""
        if message.acked or message.generation_id != self._generation:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        frontier = self._frontiers.get(message.tp)
        if frontier is None:
            return False
        if frontier.finished(message.offset):
            self._due_since.setdefault(message.tp, time.monotonic())
        if message.tp in self._full and len(frontier) <= IN_FLIGHT_PER_PARTITION // 2:
            self._full -= {message.tp}
        return True

    def track_message(self, message: Any) -> None:
        """Faust's bookkeeping of messages per stream is not needed: frontiers know what is unfinished."""

    def _due(self) -> dict[TP, int]:
        """Positions that moved since they were committed."""
        return {
            tp: frontier.position
            for tp, frontier in list(self._frontiers.items())
            if frontier.position is not None and frontier.position > self._committed.get(tp, -1)
        }

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 (Faust's signature)
        """Commit every partition's position that moved since the last commit."""
        offsets = self._due()
        # While partitions are being revoked the polling thread commits, and cannot take calls.
        if not offsets or self._kafka is None or self._closing.is_set() or self.app.rebalancing:
            return False
        return await self._commit(offsets)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        kafka, generation = self._connected(), self._generation
        try:
            done: bool = await self._calls.ask(lambda: self._commit_now(kafka, offsets))
        except DependencyFault as fault:
            log.warning("kafka.commit_failed", error=str(fault))
            return False
        if done and generation == self._generation:
            self._committed.update(offsets)
            for tp, offset in offsets.items():
                frontier = self._frontiers.get(tp)
                if frontier is None or frontier.position == offset:
                    self._due_since.pop(tp, None)
                else:
                    self._due_since[tp] = time.monotonic()
        return done

    @staticmethod
    def _commit_now(kafka: confluent_kafka.Consumer, offsets: Mapping[TP, int]) -> bool:
        if not offsets:
            return True
        wanted = [TopicPartition(tp.topic, tp.partition, offset) for tp, offset in offsets.items()]
        try:
            kafka.commit(offsets=wanted, asynchronous=False)
        except KafkaException as exc:
            # The next interval tries again; liveness ends the process if it never succeeds.
            log.warning("kafka.commit_failed", error=str(exc))
            return False
        return True

    def stalled_for(self) -> float:
        """Seconds for which the longest-waiting finished work has not been committed; 0 when all is.

        Commits that stop for good while events still flow (faust-streaming issues 596, 175, 640) show here.
        """
        now = time.monotonic()
        return max((now - since for since in self._due_since.values()), default=0.0)

    async def lag(self) -> dict[TP, int]:
        """Events behind the end of each assigned partition; the broker is asked where no fetch has told it yet."""
        kafka = self._kafka
        if kafka is None or self.app.rebalancing:
            return {}
        behind: dict[TP, int] = {}
        frontiers = dict(self._frontiers)
        # Every fetch brings the end along. Asking for each of 16 partitions would wait for as many long polls.
        ends = await self._calls.ask(lambda: {tp: _known_ends(kafka, tp) for tp in frontiers})
        for tp, frontier in frontiers.items():
            low, high = ends[tp]
            if high < 0 or (low < 0 and frontier.position is None):
                low, high = await self._calls.ask(
                    lambda tp=tp: kafka.get_watermark_offsets(TopicPartition(*tp), timeout=2.0)  # type: ignore[misc]
                )
            behind[tp] = max(0, high - (frontier.position if frontier.position is not None else low))
        return behind

    def in_flight(self) -> int:
        """Events handed out and not finished, over all partitions."""
        return sum(len(f) for f in self._frontiers.values())

    # -- the rest of Faust's interface ----------------------------------------------------------------------

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Positions are set when partitions are assigned, so this only reports them."""
        return dict(self._committed)

    async def _seek(self, partition: TP, offset: int) -> None:
        kafka = self._connected()
        await self._calls.ask(lambda: kafka.seek(TopicPartition(*partition, offset)))

    async def _getmany(
        self,
        active_partitions: Any,  # noqa: ARG002 (Faust's signature)
        timeout: float,  # noqa: ARG002, ASYNC109 (the same)
    ) -> Any:
        msg = "batches come from the polling thread, see _drain_messages"
        raise AssertionError(msg)

    def assignment(self) -> set[TP]:
        """Partitions that this process owns."""
        return set(self._assigned)

    def highwater(self, tp: TP) -> int:
        """The end of a partition, asked of the broker."""
        return int(self._connected().get_watermark_offsets(TopicPartition(*tp), timeout=2.0)[1])

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has, None if it does not exist."""
        meta = self._connected().list_topics(topic, timeout=10).topics[topic]
        return len(meta.partitions) if meta.error is None else None

    async def position(self, tp: TP) -> int | None:
        """The next offset to be finished."""
        frontier = self._frontiers.get(tp)
        return frontier.position if frontier else None

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek several partitions."""
        for tp, offset in partitions.items():
            await self._seek(tp, offset)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The first offset kept of each partition."""
        return {tp: (await self._watermarks(tp))[0] for tp in partitions}

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The end of each partition, asked of the broker."""
        return {tp: (await self._watermarks(tp))[1] for tp in partitions}

    async def _watermarks(self, tp: TP) -> tuple[int, int]:
        kafka = self._connected()
        low, high = await self._calls.ask(
            lambda: kafka.get_watermark_offsets(TopicPartition(*tp), timeout=10.0)
        )
        return low, high

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Placement is the producer's business: services send keys, never partitions."""
        raise NotImplementedError

    async def create_topic(self, topic: str, *args: Any, **kwargs: Any) -> None:
        """Topics are made by `services.kernel.topics.create`, never by a service that meets one missing."""

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def verify_all_partitions_active(self) -> None:
        """Stalls are watched by liveness through `stalled_for`; Faust would sleep once for each partition."""

    def _connected(self) -> confluent_kafka.Consumer:
        if self._kafka is None:
            msg = "the consumer is not subscribed yet"
            raise DependencyFault(msg)
        return self._kafka


def _pause(kafka: confluent_kafka.Consumer, tps: frozenset[TP]) -> None:
    if tps:
        kafka.pause([TopicPartition(*tp) for tp in tps])


def _known_ends(kafka: confluent_kafka.Consumer, tp: TP) -> tuple[int, int]:
    """First offset and end of a partition as the client knows them; negative where it does not."""
    low, high = kafka.get_watermark_offsets(TopicPartition(*tp), cached=True)
    return int(low), int(high)


def _resume(kafka: confluent_kafka.Consumer, tps: frozenset[TP]) -> None:
    if tps:
        kafka.resume([TopicPartition(*tp) for tp in tps])


class Producer(base.Producer):
    """Faust's producer interface over a `Publisher`."""

    def __init__(self, transport: Any, **kwargs: Any) -> None:
        super().__init__(transport, **kwargs)
        conf = self.app.conf
        brokers = ",".join(f"{u.host}:{u.port}" for u in transport.url)
        self.publisher = Publisher(brokers, conf.broker_client_id)

    async def on_start(self) -> None:
        """Start taking delivery reports."""
        self.publisher.start()
        await super().on_start()

    async def on_stop(self) -> None:
        """Flush and stop."""
        await super().on_stop()
        await self.publisher.close()

    async def send(  # noqa: PLR0913 (Faust's signature)
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,  # noqa: ARG002 (Faust's signature; placement is by key)
        timestamp: float | None,  # noqa: ARG002 (the broker's clock is used)
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,  # noqa: ARG002 (effects are idempotent instead)
    ) -> Awaitable[RecordMetadata]:
        """Queue an event; the awaitable gives where it went."""
        future = self.publisher.publish_soon(topic, key, value, headers)

        async def delivered() -> RecordMetadata:
            try:
                where, offset = await future
            except DependencyFault as exc:
                raise ProducerSendError(str(exc)) from exc
            return RecordMetadata(topic, where, TP(topic, where), offset)

        return delivered()

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        """Send an event and wait for the broker."""
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        """Commits do not wait here: an event is finished only after its effects are acknowledged."""

    async def create_topic(self, topic: str, *args: Any, **kwargs: Any) -> None:
        """Topics are made by `services.kernel.topics.create`."""


class Conductor(conductor.Conductor):
    """Hands messages to the stream of their topic: a list of all that came before the stream took it."""

    def _build_handler(self, tp: TP, channels: Any) -> Any:  # noqa: ARG002 (Faust's signature)
        waiting: dict[Any, list[ConsumerMessage]] = self._waiting

        async def hand_on(message: ConsumerMessage) -> None:
            for channel in channels:
                queue = channel.queue
                # Empty: the last list was taken, or dropped by a rebalance.
                if queue.empty():
                    waiting[channel] = []
                    queue.put_nowait(waiting[channel])
                waiting[channel].append(message)

        return hand_on

    @cached_property
    def _waiting(self) -> dict[Any, list[ConsumerMessage]]:
        return {}


class Transport(base.Transport):
    """Faust transport of the scheme that `services.kernel.agents` registers."""

    Conductor: ClassVar[type[Any]] = Conductor
    Consumer: ClassVar[type[Any]] = Consumer
    Producer: ClassVar[type[Any]] = Producer
    default_port = 9092
    driver_version = f"confluent-kafka={confluent_kafka.__version__}"
