"""Proves that the suppliers' counts are those of a batch: `python -m loadtest.vendor_proof --seeds 20 --items 2000`.

Runs the real service on a log in memory and puts it through what a mesh goes through: events out of order, sent twice,
corrections before originals, processes that die in the middle of writing and start again behind where they were, whole
topics read again. Then every cell of every window is held against `loadtest.vendor_batch`, to the last count.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from loadtest import vendor_batch
from services.kernel import records as r
from services.kernel import wire
from services.kernel.agents import BatchHandler, Event
from services.kernel.faults import DataFault
from services.kernel.topics import BY_NAME, PARTITIONS
from services.kernel.views import View
from services.vendors.app import build

SOURCE, PARTIALS, WINDOWS, ROWS = (
    "damage.assessments",
    "vendors.partials",
    "vendors.windows",
    "vendor.robustness",
)
NOW = vendor_batch.START + timedelta(days=400)
#: Events of one partition that may have to be read again after a crash: the transport's bound.
IN_FLIGHT = 64
#: How far one source partition is read ahead of another; the service keeps hours for a week of it.
SKEW = timedelta(days=5)


class Died(BaseException):
    """The process was killed here."""


@dataclass(slots=True)
class Kafka:
    """Topics in memory: (key, value) by partition; and what the group has committed."""

    logs: dict[tuple[str, int], list[tuple[str, bytes]]] = field(default_factory=dict)
    committed: Counter[tuple[str, int]] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)

    def append(self, topic: str, key: str, value: bytes, partition: int | None = None) -> tuple[int, int]:
        """Write one record; returns where it stands."""
        partition = zlib.crc32(key.encode()) % PARTITIONS if partition is None else partition
        log = self.logs.setdefault((topic, partition), [])
        log.append((key, value))
        return partition, len(log) - 1

    def newest(self, topic: str) -> dict[str, Any]:
        """The newest record of each key."""
        kind = BY_NAME[topic].record
        rows = {k: v for (t, _), log in self.logs.items() if t == topic for k, v in log}
        return {key: wire.decode(kind, value) for key, value in rows.items()}


class Process:
    """One life of the service: what its build is given, and what reads for it."""

    def __init__(self, kafka: Kafka, random: Random, dies_after: float, now: datetime = NOW) -> None:
        self._kafka = kafka
        self._random = random
        self._left = dies_after
        self._handlers: dict[str, BatchHandler] = {}
        self._views: dict[str, View[Any]] = {}
        self._at: Counter[tuple[str, int]] = Counter(kafka.committed)
        fake: Any = self
        build(fake, lambda: now)
        for (topic, partition), log in kafka.logs.items():
            for offset, (key, value) in enumerate(log):
                if topic in self._views:
                    view = self._views[topic]
                    view.written(key, wire.decode(view.topic.record, value), partition, offset)

    def view(self, topic: str, **options: Any) -> View[Any]:  # noqa: ANN401 (as the service's)
        """As the service's."""
        self._views[topic] = View(BY_NAME[topic], **options)
        return self._views[topic]

    def consume_batches(self, topic: str, handler: BatchHandler, **_: object) -> None:
        """As the service's."""
        self._handlers[topic] = handler

    async def publish(self, topic: str, key: str, record: Any) -> tuple[int, int]:  # noqa: ANN401 (any record)
        """As the service's; here the process may die."""
        self._left -= 1
        if self._left < 0:
            raise Died
        return self._kafka.append(topic, key, wire.encode(record))

    async def write(self, view: View[Any], key: str, value: Any) -> None:  # noqa: ANN401 (any record)
        """As the service's."""
        view.written(key, value, *await self.publish(view.topic.name, key, value))

    async def publish_all(self, items: Iterable[tuple[str, str, Any]]) -> list[tuple[int, int]]:
        """As the service's."""
        return [await self.publish(*item) for item in items]

    async def live(self) -> bool:
        """Work until nothing is left (True) or it dies (False)."""
        try:
            while await self._step():
                pass
        except Died:
            return False
        return True

    async def _step(self) -> bool:
        worked = False
        for topic, handler in self._handlers.items():
            batch = self._take(topic)
            if batch:
                worked = True
                await self._handle(handler, batch)
                for _, event in batch:
                    self._commit(topic, event)
        return worked

    def _take(self, topic: str) -> list[tuple[Any, Event]]:
        batch: list[tuple[Any, Event]] = []
        kind, until = BY_NAME[topic].record, self._horizon(topic)
        for partition in self._random.sample(range(PARTITIONS), PARTITIONS):
            log, at = self._kafka.logs.get((topic, partition), []), self._at[topic, partition]
            for _, value in log[at : at + self._random.randrange(1, IN_FLIGHT)]:
                record = wire.decode(kind, value)
                if until is not None and record.assessed_at > until:
                    break
                batch.append((record, _event(topic, partition, self._at[topic, partition])))
                self._at[topic, partition] += 1
        return batch

    def _horizon(self, topic: str) -> datetime | None:
        """How far the source may be read: not too far ahead of its slowest partition."""
        if topic != SOURCE:
            return None
        following = [
            self._kafka.logs.get((topic, p), [])[self._at[topic, p] :][:1] for p in range(PARTITIONS)
        ]
        times = [wire.decode(r.Assessment, rest[0][1]).assessed_at for rest in following if rest]
        return min(times) + SKEW if times else None

    async def _handle(self, handler: BatchHandler, batch: Sequence[tuple[Any, Event]]) -> None:
        try:
            await handler(batch)
        except DataFault:
            for pair in batch:
                try:
                    await handler([pair])
                except DataFault as fault:
                    self._kafka.quarantined[fault.reason] += 1

    def _commit(self, topic: str, event: Event) -> None:
        done = event.offset + 1
        if self._random.random() < 0.9:  # a crash then reads some of them again
            known = self._kafka.committed[topic, event.partition]
            self._kafka.committed[topic, event.partition] = max(
                known, done - self._random.randrange(IN_FLIGHT)
            )


def _event(topic: str, partition: int, offset: int) -> Event:
    return Event(
        topic=topic, partition=partition, offset=offset, key="k", raw_key=b"k", value=b"", headers=()
    )


def run(logs: Sequence[Sequence[r.Assessment]], seed: int, *, lives: int = 8, replays: bool = True) -> Kafka:
    """Let the service count these logs, over several lives, and then once more from the beginning."""
    random, kafka = Random(seed), Kafka()
    for partition, log in enumerate(logs):
        for a in log:
            kafka.append(SOURCE, a.item_id, wire.encode(a), partition)
    events = sum(map(len, logs))
    for _ in range(lives - 1):
        asyncio.run(Process(kafka, random, random.randrange(1, 1 + 6 * events // lives)).live())
    asyncio.run(Process(kafka, random, float("inf")).live())
    if replays:
        for topic in (SOURCE, PARTIALS):
            kafka.committed = Counter({tp: n for tp, n in kafka.committed.items() if tp[0] != topic})
            asyncio.run(Process(kafka, random, float("inf")).live())
    return kafka


def counts(kafka: Kafka) -> dict[vendor_batch.Key, vendor_batch.Counts]:
    """What the rows say, in the batch's words."""
    found = {}
    for row in kafka.newest(ROWS).values():
        plain = {"items": row.items, "damaged": row.damaged, "major": row.major, "arrived": row.arrived}
        plain |= {"wrong barcodes": row.wrong_barcodes}
        plain |= {f"type:{t.type}": t.damaged for t in row.types}
        plain |= {f"first:{stage}": n for stage, n in row.first_seen.items()}
        plain |= {f"intact:{stage}": n for stage, n in row.intact_at.items()}
        cell = (row.vendor_id, row.product_id, row.material, str(row.stage))
        found[(row.window, row.window_start, *cell)] = {k: n for k, n in plain.items() if n}
    return {key: n for key, n in found.items() if n}


def differences(kafka: Kafka, batch: vendor_batch.Batch) -> list[str]:
    """Each cell that differs, and each link to an item that is not damaged, one sentence each."""
    mine, theirs = counts(kafka), dict(batch.counts)
    found = [
        f"{key}: the service says {mine.get(key)}, the batch {theirs.get(key)}"
        for key in mine.keys() | theirs.keys()
        if mine.get(key) != theirs.get(key)
    ]
    for row in kafka.newest(ROWS).values():
        key = row.window, row.window_start, row.vendor_id, row.product_id, row.material, str(row.stage)
        wrong = {(e.item_id, e.revision) for e in row.evidence} - batch.standing.get(key, set())
        found += [f"{key}: {item}@{revision} is no evidence" for item, revision in sorted(wrong)]
    return found


def main() -> int:
    """Prove it for several seeds; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.vendor_proof")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--lives", type=int, default=10)
    arguments = parser.parse_args()
    wrong = 0
    for seed in range(arguments.seeds):
        items = vendor_batch.stream(seed, vendor_batch.World(items=arguments.items))
        logs = vendor_batch.partitioned(items, seed, hours=12, repeats=0.1)
        began = time.process_time()
        kafka = run(logs, seed, lives=arguments.lives)
        seconds = time.process_time() - began
        batch = vendor_batch.compute((a for log in logs for a in log), NOW)
        found = differences(kafka, batch)
        wrong += bool(found)
        print(
            f"seed {seed}: {sum(map(len, logs))} assessments of {arguments.items} items, {arguments.lives} lives and "
            f"two replays, {seconds:.1f} s; {len(batch.counts)} cells, {len(found)} differ; "
            f"{sum(kafka.quarantined.values())} times quarantined {dict(kafka.quarantined)}"
        )
        print(*found[:5], sep="\n", end="\n" if found else "")
    print(f"{arguments.seeds - wrong} of {arguments.seeds} equal to the last count")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
