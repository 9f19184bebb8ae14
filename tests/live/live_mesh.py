"""The whole mesh on real parts, and what tests ask of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
import pytest

from services.kernel import records as r
from services.kernel import wire
from services.kernel.blobs import Blobs
from services.stack import posting, racks
from services.stack.joining import Joined
from services.stack.local import Stack
from services.stack.observe import Observed, Observer
from services.stack.racks import STATION, Planned, Submitted
from services.stack.sample import sample
from services.stack.world import Message, Place, World, publish
from tests.live.collector import Collector

T = TypeVar("T")

#: References of every product that the fixture enrols.
REFERENCES = 2
#: Captures of these show an intact item as anybody would photograph it.
PLAIN = ("ordinary", "crumpled", "glare", "stickered")


def eventually(what: str, check: Callable[[], T], *, timeout_s: float = 40.0) -> T:
    """Return what `check` returns as soon as that is true; fail when it never is."""
    until = time.monotonic() + timeout_s
    while not (found := check()):
        if time.monotonic() > until:
            pytest.fail(f"waited {timeout_s:.0f} s in vain: {what}")
        time.sleep(0.1)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """A running mesh, its reference rows, and everything that stands in its topics."""

    stack: Stack
    joined: Joined
    world: World
    observer: Observer
    collector: Collector
    #: Everything that was sent in this session, by whichever test.
    submitted: list[Submitted] = field(default_factory=list)

    # -- sending ----------------------------------------------------------------------------------------------

    def drive(self, planned: Sequence[Planned], *, concurrency: int = 8) -> list[Submitted]:
        """Send captures as a rack does; all are answered when this returns."""
        sent = asyncio.run(
            racks.drive(self.joined.station_url, self.joined.tokens, planned, concurrency=concurrency)
        )
        self.submitted.extend(sent)
        return sent

    def run(self, planned: Sequence[Planned], *, timeout_s: float = 90.0) -> list[Submitted]:
        """Send captures and wait until each has ended, and the mesh is quiet."""
        sent = self.drive(planned)
        assert [s.detail for s in sent if not s.accepted] == []
        assert self.observer.settle(sent, timeout_s=timeout_s), self.observer.report(sent)
        return sent

    def post(self, planned: Planned, captured_at: datetime, headers: dict[str, str]) -> posting.Answer:
        """Send one capture with further headers."""
        body = posting.body(posting.encode(planned.photos), planned, captured_at)
        return asyncio.run(self._post(body, planned.idempotency_key, headers))

    async def _post(self, body: bytes, key: str, headers: dict[str, str]) -> posting.Answer:
        whole = {
            "Authorization": f"Bearer {self.joined.tokens[STATION]}",
            "Idempotency-Key": key,
            "Content-Type": posting.CONTENT_TYPE,
        } | headers
        async with aiohttp.ClientSession() as session:
            url = self.joined.station_url + posting.PATH
            return await posting.post(session, url, whole, body, time.monotonic)

    def publish(self, *messages: Message) -> None:
        """Put events straight onto topics."""
        publish(self.joined.brokers, list(messages))

    def publish_record(self, topic: str, key: str, record: Any) -> None:
        """Put a record straight onto a topic."""
        self.publish((topic, key.encode(), wire.encode(record), []))

    def store(self, *items: tuple[str, bytes]) -> None:
        """Put bytes into the store."""
        asyncio.run(Blobs(self.joined.store).put(items))

    # -- looking ----------------------------------------------------------------------------------------------

    def events(self, topic: str) -> list[Observed]:
        """Return the readable events of a topic, in the order of each partition."""
        return [e for e in self.observer.observed() if e.topic == topic and e.record is not None]

    def records(self, topic: str, **fields: Any) -> list[Any]:
        """Return the records of a topic whose fields are these."""
        return [
            e.record
            for e in self.events(topic)
            if all(getattr(e.record, name) == value for name, value in fields.items())
        ]

    def record(self, topic: str, **fields: Any) -> Any:
        """Return the first record of a topic whose fields are these, as soon as there is one."""
        return eventually(f"{topic} with {fields}", lambda: self.records(topic, **fields))[0]

    def event_of(self, topic: str, capture_id: UUID) -> Observed:
        """Return the event of a capture on a topic."""
        return next(e for e in self.events(topic) if e.capture_id == capture_id)

    def quarantined(self, topic: str, service: str, is_it: Callable[[r.Quarantined], bool]) -> r.Quarantined:
        """Return an event that a service has put aside, as soon as it has."""
        name = f"{topic}.{service}.quarantine"

        def find() -> list[r.Quarantined]:
            return [held for held in self.records(name) if is_it(held)]

        return eventually(f"{name} holds the event", find)[0]

    def lines(self, service: str) -> list[dict[str, Any]]:
        """Return the log of a service; every line of it is JSON."""
        text = self.stack.home.log(service).read_text(encoding="utf-8")
        whole, _, _ = text.rpartition("\n")  # the last line may be on its way
        return [json.loads(line) for line in whole.splitlines()]

    def handled(self, service: str, event: Observed) -> list[dict[str, Any]]:
        """Return a service's log lines that say how it ended an event, as soon as there is one."""
        where = {"event": "event", "topic": event.topic, "partition": event.partition, "offset": event.offset}

        def find() -> list[dict[str, Any]]:
            return [line for line in self.lines(service) if line.items() >= where.items()]

        return eventually(f"{service} logs {where}", find)


# -- captures that tests plan by hand ---------------------------------------------------------------------------


def place_of(world: World, number: int) -> Place:
    """Return a product in a tote, from the end of the list, where `racks.plan` seldom reaches."""
    return world.places[-1 - number]


def shown(
    name: str,
    product_id: str,
    *,
    tote_id: str | None = None,
    barcode: str | None = None,
    damaged: bool = False,
) -> Planned:
    """Plan one item, shown by a simulated capture of its product; its capture id follows from its name.

    A damaged one is as badly damaged as the sample has it.
    """
    fit = [
        one
        for one in sample().of(product_id)
        if one.truth.damaged == damaged and (damaged or one.truth.scenario in PLAIN)
    ]
    taken = min(fit, key=lambda one: one.truth.severity)  # "major" comes before "minor"
    return Planned(
        item_id=name,
        tote_id=tote_id,
        center_id="BER1",
        stage=r.Stage.PACK,
        barcode=barcode,
        idempotency_key=f"key-{name}",
        photos=taken.photos,
        product_id=product_id,
        truth=taken.truth,
    )


def badly_damaged(product_id: str) -> bool:
    """Whether the sample shows this product badly damaged."""
    return any(one.truth.severity == "major" for one in sample().of(product_id))


def in_tote(name: str, place: Place, *, damaged: bool = False) -> Planned:
    """Plan one item of a tote, with its own barcode."""
    planned = shown(
        name,
        place.product.product_id,
        tote_id=place.tote_id,
        barcode=place.product.barcode,
        damaged=damaged,
    )
    return replace(planned, center_id=place.center_id)


def newest(assessments: Iterable[r.Assessment]) -> dict[str, r.Assessment]:
    """Return each item's newest revision."""
    found: dict[str, r.Assessment] = {}
    for assessment in assessments:
        known = found.get(assessment.item_id)
        if known is None or known.revision < assessment.revision:
            found[assessment.item_id] = assessment
    return found
