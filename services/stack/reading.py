"""Topics as a person or a check reads them: from any place, in no consumer group, decoded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from uuid import UUID

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from services.kernel import wire
from services.kernel.blobs import Blobs
from services.kernel.faults import DataFault
from services.kernel.records import Quarantined
from services.kernel.topics import BY_NAME, MESSAGE_MAX_BYTES, Topic, quarantine_topics
from services.stack.problems import Problem
from services.stack.report import Observed

#: Every topic of the mesh, quarantines too.
ALL: Final[dict[str, Topic]] = {**BY_NAME, **{t.name: t for t in quarantine_topics()}}
#: Topic, partition, offset, timestamp (ms), key, value.
Raw = tuple[str, int, int, int, bytes | None, bytes | None]
#: Gives the bytes under a store key; DataFault when there are none.
Fetch = Callable[[str], bytes]

_BATCH: Final = 500
_POLL_S: Final = 0.2
_ANSWER_S: Final = 15.0
_SNAPSHOT_S: Final = 60.0


def make_consumer(brokers: str) -> Consumer:
    """Return a consumer that reads what it is assigned and commits nothing."""
    return Consumer(
        {
            "bootstrap.servers": brokers,
            "client.id": "intact-observer",
            "group.id": "intact-observer",  # the client wants a name; no group is joined
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "max.partition.fetch.bytes": MESSAGE_MAX_BYTES * 2,
            # It watches and is not waited for: the broker gathers, so that watching costs the mesh little CPU.
            "fetch.min.bytes": 262_144,
            "fetch.wait.max.ms": 200,
            "allow.auto.create.topics": False,
        }
    )


def beginnings(topics: Sequence[str]) -> list[TopicPartition]:
    """Return every partition of these topics, at its beginning."""
    return [
        TopicPartition(name, partition, OFFSET_BEGINNING)
        for name in topics
        for partition in range(ALL[name].partitions)
    ]


def ends(consumer: Consumer, topics: Sequence[str]) -> list[TopicPartition]:
    """Return every partition of these topics, at its present end.

    Raises:
        Problem: the broker does not answer.
    """
    places = beginnings(topics)
    try:
        for place in places:
            found = consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
            place.offset = found[1]
    except KafkaException as exc:
        raise Problem(f"Kafka does not answer: {exc}") from exc
    return places


def messages(consumer: Consumer) -> list[Raw]:
    """Return what is there now, waiting shortly."""
    return [taken(m) for m in consumer.consume(_BATCH, _POLL_S) if _usable(m)]


def _usable(message: Message) -> bool:
    error = message.error()
    # A broker that restarts is met here, and reconnected to by the client itself.
    if error is not None and error.fatal():
        raise KafkaException(error)
    return error is None


def taken(message: Message) -> Raw:
    """Return a message as plain values."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise TypeError("a message without an error has a place")
    return topic, partition, offset, message.timestamp()[1], message.key(), message.value()


def snapshot(brokers: str, topics: Sequence[str], fetch: Fetch | None = None) -> list[Observed]:
    """Read topics from offset 0 to where they end now.

    Raises:
        Problem: that took longer than a minute.
    """
    consumer = make_consumer(brokers)
    try:
        until = {(p.topic, p.partition): p.offset for p in ends(consumer, topics)}
        # A partition without events would be waited for in vain: its position never moves.
        places = [p for p in beginnings(topics) if until[p.topic, p.partition] > 0]
        if not places:
            return []
        consumer.assign(places)
        found: list[Observed] = []
        deadline = time.monotonic() + _SNAPSHOT_S
        while any(p.offset < until[p.topic, p.partition] for p in consumer.position(places)):
            found += [decode(raw, fetch) for raw in messages(consumer)]
            if time.monotonic() > deadline:
                raise Problem(f"reading {', '.join(topics)} takes longer than {_SNAPSHOT_S:.0f} s")
        return found
    finally:
        consumer.close()


def follow(brokers: str, topic: str, *, from_start: bool) -> Iterator[Observed]:
    """Yield a topic's events, and those that come, for ever."""
    consumer = make_consumer(brokers)
    try:
        consumer.assign(beginnings([topic]) if from_start else ends(consumer, [topic]))
        while True:
            yield from (decode(raw) for raw in messages(consumer))
    finally:
        consumer.close()


def decode(raw: Raw, fetch: Fetch | None = None) -> Observed:
    """Decode one event; what cannot be decoded says why."""
    topic, partition, offset, at_ms, key, value = raw
    record, fault = None, None
    if value is not None:
        try:
            record = wire.decode(ALL[topic].record, value)
        except DataFault as exc:
            fault = str(exc)
    return Observed(
        topic=topic,
        partition=partition,
        offset=offset,
        at_ms=at_ms,
        key=key,
        record=record,
        fault=fault,
        capture_id=_capture_of(record, fetch),
    )


def _capture_of(record: object, fetch: Fetch | None) -> UUID | None:
    """Return the capture that an event is about; for one in quarantine, that its original is about."""
    if isinstance(record, Quarantined):
        return _capture_of(original(record, fetch), fetch)
    subject = getattr(record, "subject", None)
    if subject is not None:
        found: UUID = subject.capture_id
        return found
    capture_id = getattr(record, "capture_id", None)
    return capture_id if isinstance(capture_id, UUID) else None


def original(held: Quarantined, fetch: Fetch | None) -> object:
    """Return the decoded original of an event in quarantine; None when it is not readable."""
    value = held.value
    try:
        if value is None and held.value_key is not None and fetch is not None:
            value = fetch(held.value_key)
        return None if value is None else wire.decode(ALL[held.topic].record, value)
    except DataFault:
        return None


def fetch_from(store: str) -> Fetch:
    """Return a reader of the store at this URL, for code that has no event loop."""
    blobs = Blobs(store)

    def fetch(key: str) -> bytes:
        return asyncio.run(blobs.get(key))

    return fetch
