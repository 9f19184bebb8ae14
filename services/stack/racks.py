"""Camera racks: which item is photographed when, and the load that they put on a station.

A plan is a list of captures. `photographed` makes one: which simulated picture, where, as which item, when. `plan`
mixes a day of them out of a world and a seed alone: the same arguments give the same items, pictures and idempotency
keys, and so the same capture ids. `drive` sends a plan, in open loop (at a fixed rate, or each capture at its own
time; latency counts from the scheduled send, so a slow mesh cannot hide behind a waiting sender) or in closed loop (a
fixed number in flight).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import aiohttp
import numpy as np

from services.kernel.records import Product, Stage
from services.stack import posting
from services.stack.posting import Photo
from services.stack.sample import Taken, Truth, sample
from services.stack.world import FRAGILE_VENDOR, Place, World
from services.station.decide import capture_id

#: Every stack's own station; its token is in INTACT_STATION_TOKENS.
STATION: Final = "station-1"
#: Far more than on a belt (below 0.001), so that a few hundred captures show every path.
DAMAGED_SHARE: Final = 0.12
_FRAGILE_TIMES: Final = 4.0
_STAGES: Final[dict[Stage, float]] = {
    Stage.RECEIVE: 0.3, Stage.STOW: 0.2, Stage.PICK: 0.15, Stage.SORT: 0.1, Stage.PACK: 0.2, Stage.SHIP: 0.05,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One capture that a rack will send.

    `truth` and `product_id`, what it really shows, are None for a person's own pictures; neither is ever sent.
    """

    item_id: str
    tote_id: str | None
    lot_id: str | None = None
    station_id: str = STATION
    center_id: str
    stage: Stage
    barcode: str | None = None
    idempotency_key: str
    photos: tuple[Photo, ...]
    product_id: str | None = None
    truth: Truth | None = None
    enrol_product_id: str | None = None
    #: Seconds from the capture to the belt's diverter; None leaves it to the station.
    deadline_s: float | None = None
    #: What the request says; None: the time of the (scheduled) send.
    captured_at: datetime | None = None
    #: Seconds from the beginning of the run at which it is sent, for `drive(timed=True)`.
    at_s: float = 0.0

    @property
    def capture_id(self) -> UUID:
        """The id that the station will give it."""
        return capture_id(self.station_id, self.idempotency_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of one planned capture at the station. Times in seconds since the epoch; status 0: no answer."""

    capture_id: UUID
    item_id: str
    scheduled_at: float
    accepted_at: float | None
    status: int
    truth: Truth | None = None
    product_id: str | None = None
    enrolment: bool = False
    detail: str = ""
    attempts: int = 1
    #: What the station says about photos that are worth taking again.
    advice: tuple[str, ...] = ()
    measured: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the station answered 202."""
        return self.status == 202


def photographed(
    taken: Taken,
    place: Place,
    item_id: str,
    *,
    stage: Stage = Stage.PACK,
    at_s: float = 0.0,
    key: str | None = None,
) -> Planned:
    """Plan one capture: a simulated picture, taken of this item at this place.

    Args:
        taken: What the cameras see, and the scanner reads.
        place: The tote, the center and so the order line.
        item_id: The same item may be photographed again, at another stage.
        stage: Where in the chain.
        at_s: When, in seconds from the beginning of the run.
        key: The idempotency key; follows from item and stage unless given.
    """
    return Planned(
        item_id=item_id,
        tote_id=place.tote_id,
        center_id=place.center_id,
        stage=stage,
        barcode=taken.barcode,
        idempotency_key=key or f"rack-{item_id}-{stage}",
        photos=taken.photos,
        product_id=taken.product_id,
        truth=taken.truth,
        at_s=at_s,
    )


def plan(world: World, n: int, seed: int, *, damaged_share: float = DAMAGED_SHARE) -> list[Planned]:
    """Plan `n` captures, each of another item; the sample's pictures are shown as often as that takes.

    Args:
        world: whose products and totes.
        n: how many.
        seed: everything random follows from it; the ids too.
        damaged_share: expected share of damaged items; those of `FRAGILE_VENDOR` are damaged four times as often.
    """
    at = places_of(world)
    choice = _Choice(world, damaged_share)
    planned = []
    for number in range(n):
        # Each item has a generator of its own, so that a longer plan begins with the shorter one.
        rng = np.random.default_rng([world.seed, seed, number])
        taken = choice.taken(rng)
        places = at[taken.product_id]
        planned.append(
            photographed(
                taken,
                places[number % len(places)],
                f"I{seed}-{number:06d}",
                stage=list(_STAGES)[int(rng.choice(len(_STAGES), p=list(_STAGES.values())))],
                key=f"rack-{seed}-{number:06d}",
            )
        )
    return planned


def places_of(world: World) -> dict[str, list[Place]]:
    """Where each product lies."""
    at: dict[str, list[Place]] = {}
    for place in world.places:
        at.setdefault(place.product.product_id, []).append(place)
    return at


class _Choice:
    """Which picture is shown next: damaged ones by their share, a supplier's weak packaging more often than others'."""

    def __init__(self, world: World, damaged_share: float) -> None:
        at = places_of(world)
        vendors = {product.product_id: product.vendor_id for product in world.products}
        shown = sample().of(*at)
        self._intact = [one for one in shown if not one.truth.damaged]
        self._damaged = [one for one in shown if one.truth.damaged]
        exposed, hurt = (
            Counter(vendors[one.product_id] for one in side) for side in (self._intact, self._damaged)
        )
        # However many damaged pictures the sample has of a supplier's products: what counts is how often it is seen.
        weights = np.array([
            (_FRAGILE_TIMES if vendor == FRAGILE_VENDOR else 1.0) * max(1, exposed[vendor]) / hurt[vendor]
            for vendor in (vendors[one.product_id] for one in self._damaged)
        ])  # fmt: skip
        self._weights = weights / weights.sum()
        self._share = damaged_share

    def taken(self, rng: np.random.Generator) -> Taken:
        """Choose one."""
        if self._damaged and (not self._intact or rng.random() < self._share):
            return self._damaged[int(rng.choice(len(self._damaged), p=self._weights))]
        return self._intact[int(rng.integers(len(self._intact)))]


def enrolments(world: World, per_product: int = 2) -> list[Planned]:
    """Plan the sample's pristine pictures of every product, at most so many of each."""
    return [enrolment(product, n, world.seed) for product in world.products for n in range(per_product)]


def enrolment(product: Product, number: int, seed: int) -> Planned:
    """Plan one pristine picture of a product."""
    taken = sample().references[product.product_id][number]
    return Planned(
        item_id=f"ref-{product.product_id}-{number}",
        tote_id=None,
        center_id="BER1",
        stage=Stage.RECEIVE,
        barcode=product.barcode,
        idempotency_key=f"enrol-{seed}-{product.product_id}-{number}",
        photos=taken.photos,
        product_id=product.product_id,
        truth=taken.truth,
        enrol_product_id=product.product_id,
    )


def with_deadline(planned: Sequence[Planned], deadline_s: float) -> list[Planned]:
    """Give every capture this deadline, in seconds after its capture (a day at most)."""
    return [replace(item, deadline_s=deadline_s) for item in planned]


def tokens_of(setting: str) -> dict[str, str]:
    """Read INTACT_STATION_TOKENS: station to token; the last token of a station counts."""
    pairs = (entry.strip().rpartition(":") for entry in setting.split(",") if entry.strip())
    return {station: token for station, _, token in pairs}


async def drive(  # noqa: PLR0913 - each has its default
    station_url: str,
    tokens: Mapping[str, str],
    planned: Sequence[Planned],
    *,
    rate: float | None = None,
    timed: bool = False,
    concurrency: int = 32,
    progress: Callable[[Submitted], None] | None = None,
) -> list[Submitted]:
    """Send the captures and return what became of each, in their order.

    Args:
        station_url: for example http://127.0.0.1:8080.
        tokens: token by station id (`tokens_of`).
        planned: what to send. Bodies are encoded before the first is sent.
        rate: captures per second in open loop; None: closed loop.
        timed: open loop, each capture at its own time (`at_s`).
        concurrency: requests in flight at once, at most.
        progress: told about every answer.
    """
    rack = _Rack(station_url.rstrip("/") + posting.PATH, tokens, planned, progress or (lambda _: None))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        if timed:
            await rack.send_open(session, [item.at_s for item in planned])
        elif rate is not None:
            await rack.send_open(session, [number / rate for number in range(len(planned))])
        else:
            await rack.send_closed(session, concurrency)
    return rack.done()


class _Rack:
    """One run of `drive`."""

    def __init__(
        self,
        url: str,
        tokens: Mapping[str, str],
        planned: Sequence[Planned],
        progress: Callable[[Submitted], None],
    ) -> None:
        self._url = url
        self._planned = planned
        self._progress = progress
        self._authorization = {station: f"Bearer {token}" for station, token in tokens.items()}
        # Pictures of a pool are encoded once; keyed by identity, since equal ones are the same object.
        distinct = {id(item.photos): item.photos for item in planned}
        self._encoded = {key: posting.encode(photos) for key, photos in distinct.items()}
        self._answers: list[Submitted | None] = [None] * len(planned)

    def done(self) -> list[Submitted]:
        return [answer for answer in self._answers if answer is not None]

    async def send_closed(self, session: aiohttp.ClientSession, concurrency: int) -> None:
        numbers: Iterator[int] = iter(range(len(self._planned)))

        async def worker() -> None:
            for number in numbers:
                await self._send(session, number, time.time())

        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(self._planned))):
                group.create_task(worker())

    async def send_open(self, session: aiohttp.ClientSession, offsets: Sequence[float]) -> None:
        began, wall = time.monotonic(), time.time()
        async with asyncio.TaskGroup() as group:
            for number, offset in sorted(enumerate(offsets), key=lambda pair: pair[1]):
                await asyncio.sleep(max(0.0, began + offset - time.monotonic()))
                group.create_task(self._send(session, number, wall + offset))

    async def _send(self, session: aiohttp.ClientSession, number: int, scheduled_at: float) -> None:
        item = self._planned[number]
        # The same bytes at every repeat: a repeat with another capture time would be another capture.
        captured_at = item.captured_at or datetime.fromtimestamp(scheduled_at, UTC)
        data = posting.body(self._encoded[id(item.photos)], item, captured_at)
        headers = {
            "Authorization": self._authorization.get(item.station_id, ""),
            "Idempotency-Key": item.idempotency_key,
            "Content-Type": posting.CONTENT_TYPE,
        }
        answer = await posting.post(session, self._url, headers, data, time.monotonic)
        submitted = Submitted(
            capture_id=item.capture_id,
            item_id=item.item_id,
            scheduled_at=scheduled_at,
            accepted_at=time.time() if answer.status == 202 else None,
            status=answer.status,
            truth=item.truth,
            product_id=item.product_id,
            enrolment=item.enrol_product_id is not None,
            detail=answer.detail,
            attempts=answer.attempts,
            advice=answer.advice,
            measured=answer.measured,
        )
        self._answers[number] = submitted
        self._progress(submitted)
