"""The independent observer: reads topics from offset 0, in no consumer group, and keeps what it reads.

It takes bytes in a thread of its own and decodes only when asked, so that watching costs a measured run little.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Self

from confluent_kafka import TopicPartition

from services.kernel.topics import quarantine_topics
from services.stack.problems import Problem
from services.stack.racks import Submitted
from services.stack.reading import Fetch, Raw, beginnings, decode, ends, fetch_from, make_consumer, messages
from services.stack.report import Observed, Report, report

__all__ = ["EFFECTS", "FLOW", "Observed", "Observer", "Report", "fetch_from", "report"]

#: What a report is made of, beside the quarantines.
EFFECTS: Final = (
    "damage.assessments",
    "damage.events",
    "sideline.decisions",
    "sideline.commands",
    "replacement.requests",
    "disposition.decisions",
    "vendor.robustness",
)
#: What stands before them; read for the time that each stage takes.
FLOW: Final = ("station.captures", "captures.inspected", "captures.identified", "inspection.results")


class Observer:
    """Reads topics until it is closed. A context manager."""

    def __init__(
        self,
        brokers: str,
        *,
        topics: Sequence[str] | None = None,
        new_only: bool = False,
        fetch: Fetch | None = None,
    ) -> None:
        """Describe an observer; nothing is read yet.

        Args:
            brokers: host:port of Kafka.
            topics: which to read besides every quarantine topic; those of a report unless given.
            new_only: read only what comes after the start, not from offset 0.
            fetch: reads the store, for originals in quarantine that are too large for an event.
        """
        self._brokers = brokers
        self._topics = (
            *(EFFECTS if topics is None else topics),
            *(t.name for t in quarantine_topics()),
        )
        self._new_only = new_only
        self._starts: list[TopicPartition] = []
        self._fetch = fetch
        self._raw: list[Raw] = []
        self._decoded: list[Observed] = []
        self._counts: Counter[str] = Counter()
        self._closing = threading.Event()
        self._failure: BaseException | None = None
        self._newest = time.monotonic()
        self._thread = threading.Thread(target=self._read, name="observer", daemon=True)

    def __enter__(self) -> Self:
        """Begin to read."""
        consumer = make_consumer(self._brokers)
        try:
            self._starts = ends(consumer, self._topics) if self._new_only else beginnings(self._topics)
        finally:
            consumer.close()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop reading; what was read stays."""
        self._closing.set()
        self._thread.join(15)

    def counts(self) -> Counter[str]:
        """Return how many events were read, by topic. Decodes nothing."""
        self._check()
        return Counter(self._counts)

    def observed(self) -> tuple[Observed, ...]:
        """Return everything read so far, decoded."""
        self._check()
        for raw in self._raw[len(self._decoded) :]:
            self._decoded.append(decode(raw, self._fetch))
        return tuple(self._decoded)

    def report(self, submitted: Sequence[Submitted]) -> Report:
        """Return the report on what was read so far."""
        return report(submitted, self.observed())

    def wait(self, done: Callable[[Observer], bool], *, timeout_s: float, every_s: float = 0.1) -> bool:
        """Wait until `done(self)`; return whether that came within `timeout_s`."""
        until = time.monotonic() + timeout_s
        while not done(self):
            if time.monotonic() > until:
                return False
            time.sleep(every_s)
        return True

    def settle(
        self,
        submitted: Sequence[Submitted],
        *,
        timeout_s: float = 60.0,
        quiet_s: float = 1.5,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> bool:
        """Wait until every accepted capture has ended and nothing new has come for `quiet_s`; False: timed out."""

        def settled(_: Observer) -> bool:
            meanwhile()
            if time.monotonic() - self._newest < quiet_s:
                return False
            found = self.report(submitted)
            decided = found.decisions + _held(self.counts(), "sideline")
            return found.lost == 0 and found.unanswered == 0 and decided >= found.assessed

        return self.wait(settled, timeout_s=timeout_s, every_s=0.25)

    def _check(self) -> None:
        if self._failure is not None:
            raise Problem(f"the observer could not read Kafka at {self._brokers}: {self._failure}")

    def _read(self) -> None:
        try:
            self._read_until_closed()
        except BaseException as exc:  # noqa: BLE001 (the thread's only way to be heard is the next call)
            self._failure = exc

    def _read_until_closed(self) -> None:
        consumer = make_consumer(self._brokers)
        try:
            consumer.assign(self._starts)
            while not self._closing.is_set():
                taken = messages(consumer)
                if taken:
                    self._raw.extend(taken)
                    self._counts.update(raw[0] for raw in taken)
                    self._newest = time.monotonic()
        finally:
            consumer.close()


def _held(counts: Counter[str], service: str) -> int:
    """How many events this service has put into quarantine."""
    return sum(n for topic, n in counts.items() if topic.endswith(f".{service}.quarantine"))
