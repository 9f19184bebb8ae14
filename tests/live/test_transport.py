"""Faust on librdkafka against a real Kafka: nothing is lost, nothing stands still, and whatever stalls is noticed.

Every test has a service and topics of its own, so that their groups do not meet.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import confluent_kafka
import pytest
from confluent_kafka import TopicPartition

from services.kernel import records, topics, wire
from services.kernel.agents import Event
from services.kernel.service import Service
from services.kernel.settings import Settings
from services.kernel.transport import IN_FLIGHT_PER_PARTITION
from tests.conftest import LiveKafka

pytestmark = [pytest.mark.live, pytest.mark.timeout(150)]

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SUBJECT = records.Subject(
    capture_id=UUID(int=1),
    item_id="i",
    station_id="s",
    center_id="c",
    stage=records.Stage.PACK,
    captured_at=NOW,
    deadline_at=NOW,
)
SCORES = records.Scores(
    damaged=0.5, major=0, deformation=0, actuation=0, deconstruction=0, penetration=0, superficial=0, spillage=0,
    missing_unit=0,
)  # fmt: skip
CAPTURE = records.Capture(subject=SUBJECT, received_at=NOW)
INSPECTION = records.Inspection(
    subject=SUBJECT, scores=SCORES, embedding=b"", features_key="f", inspected_at=NOW
)
IDENTIFICATION = records.Identification(
    subject=SUBJECT, scores=SCORES, features_key="f", method=records.IdentityMethod.NONE, confidence=0.0
)
RESULT = records.InspectionResult(
    subject=SUBJECT, scores=SCORES, method=records.IdentityMethod.NONE, confidence=0.0
)


# -- tools ---------------------------------------------------------------------------------------------------


def send(
    brokers: str, topic: str, pairs: Sequence[tuple[str, Any]], *, per_second: float | None = None
) -> None:
    """Publish records and wait until the broker has them all."""
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random"})
    for key, record in pairs:
        producer.produce(
            topic, wire.encode(record), key.encode(), headers=[("traceparent", b"00-1"), ("x", b"\xff")]
        )
        if per_second:
            producer.poll(1 / per_second)
            time.sleep(1 / per_second)
    assert producer.flush(30) == 0


def ends(brokers: str, topic: str) -> dict[int, int]:
    with reader(brokers) as consumer:
        return {
            p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1]
            for p in range(topics.BY_NAME[topic].partitions)
        }


@contextmanager
def reader(brokers: str, group: str = "test-reader") -> Iterator[confluent_kafka.Consumer]:
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False}
    )
    try:
        yield consumer
    finally:
        consumer.close()


def committed(brokers: str, group: str, topic: str) -> dict[int, int]:
    """Committed offsets of a group, 0 where there is none."""
    with reader(brokers, group) as consumer:
        partitions = [TopicPartition(topic, p) for p in range(topics.BY_NAME[topic].partitions)]
        return {p.partition: max(0, p.offset) for p in consumer.committed(partitions, timeout=10)}


class Follower:
    """Reads a topic from its end at the time it is made."""

    def __init__(self, brokers: str, topic: str) -> None:
        self._ends = ends(brokers, topic)
        self._consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": brokers, "group.id": "test-follower", "enable.auto.commit": False}
        )
        self._consumer.assign([TopicPartition(topic, p, end) for p, end in self._ends.items()])
        self.values: list[bytes] = []

    def until(self, enough: Callable[[], bool], seconds: float) -> None:
        bound = time.monotonic() + seconds
        while not enough():
            assert time.monotonic() < bound, f"only {len(self.values)} events after {seconds} s"
            self.values += [m.value() for m in self._consumer.consume(500, 0.2) if m.error() is None]

    def close(self) -> None:
        self._consumer.close()


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    """Run a service's app in this process."""
    await service.views.start()
    await service.app.start()
    try:
        await until(lambda: service._assigned and not service.app.rebalancing, 30)
        yield service
    finally:
        async with asyncio.timeout(30):
            await service.app.stop()
            await service.views.close()


async def until(true: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 (what is waited for happens in threads and processes)
            await asyncio.sleep(0.02)


@pytest.fixture
def settings(live_kafka: LiveKafka, tmp_path: Path) -> Settings:
    return Settings(brokers=live_kafka.brokers, store=(tmp_path / "store").as_uri(), commit_interval_s=0.2)


@pytest.fixture
def member(
    live_kafka: LiveKafka, tmp_path: Path, project: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start member.py; whatever still runs afterwards is killed, and nothing runs for more than two minutes."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, commit_interval_s: float = 0.2) -> subprocess.Popen[bytes]:
        log = (tmp_path / f"member-{len(started)}.log").open("wb")
        process = subprocess.Popen(
            [
                "/usr/bin/timeout",
                "-s",
                "KILL",
                "120",
                sys.executable,
                str(Path(__file__).with_name("member.py")),
                *arguments,
            ],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(project),
                "INTACT_BROKERS": live_kafka.brokers,
                "INTACT_STORE": (tmp_path / "store").as_uri(),
                "INTACT_COMMIT_INTERVAL_S": str(commit_interval_s),
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        started.append(process)
        return process

    yield start
    for process in started:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a member and the `timeout` around it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


# -- one process ---------------------------------------------------------------------------------------------


async def test_headers_and_timestamps_arrive_and_commits_advance(settings: Settings) -> None:
    """Hazards 7 and 8: Faust's own confluent driver drops headers and timestamps; commits may stop."""
    service, seen = Service("inspect", settings), []
    stamps: list[float] = []

    async def handle(record: Any, event: Event) -> None:
        seen.append((record, event))

    service.consume("station.captures", handle)
    consumer = service.consumer
    to_faust = consumer.callback

    async def deliver(message: Any) -> None:
        stamps.append(message.timestamp)
        await to_faust(message)

    consumer.callback = deliver
    began = time.time()
    async with running(service):
        await asyncio.to_thread(
            send, settings.brokers, "station.captures", [(f"k{n}", CAPTURE) for n in range(40)]
        )
        await until(lambda: len(seen) == 40, 20)
        await until(lambda: consumer.stalled_for() == 0.0 and consumer.in_flight() == 0, 10)
        at_broker = await asyncio.to_thread(committed, settings.brokers, "intact-inspect", "station.captures")
        assert at_broker == await asyncio.to_thread(ends, settings.brokers, "station.captures")
        assert set((await consumer.lag()).values()) == {0}
    assert {record for record, _ in seen} == {CAPTURE}
    assert {event.headers for _, event in seen} == {(("traceparent", b"00-1"), ("x", b"\xff"))}
    assert all(began - 5 < stamp < time.time() + 5 for stamp in stamps)
    assert len(stamps) == 40


async def test_finished_work_is_committed_when_a_service_ends(settings: Settings) -> None:
    slow = settings.model_copy(update={"commit_interval_s": 600.0})
    service, seen = Service("compare", slow), []

    async def handle(_: Any, event: Event) -> None:
        seen.append(event.offset)

    service.consume("captures.identified", handle)
    async with running(service):
        await asyncio.to_thread(
            send, settings.brokers, "captures.identified", [(f"k{n}", IDENTIFICATION) for n in range(20)]
        )
        await until(lambda: len(seen) == 20, 20)
        assert service.consumer.stalled_for() > 0
    at_broker = await asyncio.to_thread(committed, settings.brokers, "intact-compare", "captures.identified")
    assert at_broker == await asyncio.to_thread(ends, settings.brokers, "captures.identified")


async def test_commits_that_stall_are_noticed_and_go_on_by_themselves_when_the_broker_answers(
    settings: Settings, live_kafka: LiveKafka
) -> None:
    """Hazard 7: an app whose commits have stopped looks alive."""
    service, release, begun = Service("gallery", settings), asyncio.Event(), asyncio.Event()

    async def handle(_: Any, __: Event) -> None:
        begun.set()
        await release.wait()

    service.consume("gallery.enrolments", handle)
    async with running(service):
        await asyncio.to_thread(send, settings.brokers, "gallery.enrolments", [("k", INSPECTION)])
        async with asyncio.timeout(20):
            await begun.wait()
        assert service.consumer.stalled_for() == 0.0  # work that takes long is no stall
        with live_kafka.silent():
            release.set()
            await until(lambda: service.consumer.stalled_for() > 2.0, 6)
        await until(lambda: service.consumer.stalled_for() == 0.0, 20)
    at_broker = await asyncio.to_thread(committed, settings.brokers, "intact-gallery", "gallery.enrolments")
    assert sum(at_broker.values()) == 1


async def test_a_stuck_key_pauses_its_own_partition_when_full_and_blocks_nobody_else(
    settings: Settings,
) -> None:
    service, release = Service("dispose", settings), asyncio.Event()
    handled: list[tuple[str, int]] = []
    command = records.SidelineCommand(
        command_id=UUID(int=1),
        item_id="i",
        revision=1,
        action=records.SidelineAction.SIDELINE,
        assessment_id=UUID(int=2),
        center_id="c",
        stage=records.Stage.PACK,
        damaged=True,
        severity=records.Severity.MAJOR,
        reason="r",
        deadline_at=NOW,
        decided_at=NOW,
    )

    async def handle(_: Any, event: Event) -> None:
        if event.key == "stuck":
            await release.wait()
        handled.append((event.key, event.partition))

    service.consume("sideline.commands", handle)
    consumer = service.consumer
    async with running(service):
        await asyncio.to_thread(send, settings.brokers, "sideline.commands", [("stuck", command)])
        await until(lambda: consumer.in_flight() == 1, 20)
        flowing = [(f"free{n}", command) for n in range(40)]
        await asyncio.to_thread(send, settings.brokers, "sideline.commands", flowing)
        await until(lambda: len(handled) == 40, 20)  # also those of the stuck key's own partition
        assert len({partition for _, partition in handled}) == topics.PARTITIONS

        await asyncio.to_thread(send, settings.brokers, "sideline.commands", [("stuck", command)] * 3000)
        await until(lambda: len(consumer._full) == 1, 20)
        await asyncio.sleep(1.0)
        (stuck,) = consumer._full
        assert IN_FLIGHT_PER_PARTITION <= consumer.in_flight() < 10 * IN_FLIGHT_PER_PARTITION
        await asyncio.to_thread(send, settings.brokers, "sideline.commands", flowing)
        elsewhere = [p for _, p in handled[:40] if p != stuck.partition]
        await until(lambda: len([p for _, p in handled[40:] if p != stuck.partition]) == len(elsewhere), 20)
        at_broker = await asyncio.to_thread(
            committed, settings.brokers, "intact-dispose", "sideline.commands"
        )
        assert at_broker[stuck.partition] <= min(o for o in consumer._frontiers[stuck]._order)

        release.set()
        await until(lambda: len(handled) == 1 + 40 + 3000 + 40, 40)
        await until(lambda: consumer.in_flight() == 0 and consumer.stalled_for() == 0.0, 10)
        assert consumer._full == frozenset()
    at_broker = await asyncio.to_thread(committed, settings.brokers, "intact-dispose", "sideline.commands")
    assert at_broker == await asyncio.to_thread(ends, settings.brokers, "sideline.commands")


# -- several processes ---------------------------------------------------------------------------------------


def sources(values: Sequence[bytes]) -> Counter[str]:
    """How often each source event was answered."""
    return Counter(value.decode().split()[1] for value in values)


def test_a_second_member_joins_and_nothing_is_lost_and_only_unfinished_events_are_repeated(
    live_kafka: LiveKafka, member: Callable[..., subprocess.Popen[bytes]]
) -> None:
    follower = Follower(live_kafka.brokers, "captures.identified")
    arguments = ("identify", "captures.inspected", "captures.identified", "0.02")
    # Without the commit at revocation a minute's work would be repeated.
    first = member(*arguments, commit_interval_s=60)
    events = [(f"k{n % 200}", INSPECTION) for n in range(400)]
    send(live_kafka.brokers, "captures.inspected", events)
    follower.until(lambda: len(sources(follower.values)) == 400, 40)
    member(*arguments, commit_interval_s=60)
    send(live_kafka.brokers, "captures.inspected", events * 2, per_second=80)
    follower.until(lambda: len(sources(follower.values)) == 1200, 40)
    follower.close()
    assert first.poll() is None
    assert len({value.split()[0] for value in follower.values}) == 2
    # At 80 events a second and 20 ms each about two are in hand at any time.
    assert len(follower.values) - 1200 < 60


def test_a_service_killed_in_the_middle_of_2000_events_loses_none(
    live_kafka: LiveKafka, member: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Hazard 1: with events of a partition ending out of order, Faust's own commits lose some here."""
    follower = Follower(live_kafka.brokers, "damage.events")
    arguments = ("assess", "inspection.results", "damage.events", "0.1")
    send(live_kafka.brokers, "inspection.results", [(f"k{n % 500}", RESULT) for n in range(2000)])
    first = member(*arguments)
    follower.until(lambda: len(follower.values) >= 600, 40)
    kill(first)
    assert len(sources(follower.values)) < 2000
    member(*arguments)
    follower.until(lambda: len(sources(follower.values)) == 2000, 60)
    follower.close()
    assert len({value.split()[0] for value in follower.values}) == 2
    wanted = {
        f"{p}@{o}" for p, end in ends(live_kafka.brokers, "inspection.results").items() for o in range(end)
    }
    assert set(sources(follower.values)) == wanted
    assert len(follower.values) < 2000 + 4 * 10 * IN_FLIGHT_PER_PARTITION
