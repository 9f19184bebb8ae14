"""Camera racks: which item is photographed when, and the load that they put on a station.

`plan` follows from a world and a seed alone: the same arguments give the same items, pictures, idempotency keys, and
so the same capture ids. `drive` sends a plan, in open loop (a fixed rate; latency counts from the scheduled send, so a
slow mesh cannot hide behind a waiting sender) or in closed loop (a fixed number in flight).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Final
from uuid import UUID

import aiohttp
import numpy as np

from services.kernel.records import ImageRole, Stage
from services.stack import posting
from services.stack.posting import Photo
from services.stack.world import FRAGILE_VENDOR, Place, World
from services.station.decide import capture_id
from triton_models.pictures import CAMERAS, DEPTH_PX, SIDE_PX, Design, Shot, Truth, defects_of, shoot

#: Every stack's own station; its token is in INTACT_STATION_TOKENS.
STATION: Final = "station-1"
#: Far more than on a belt (below 0.001), so that a few hundred captures show every path.
DAMAGED_SHARE: Final = 0.12
_FRAGILE_TIMES: Final = 4.0
_FRAGILE_DEFECTS: Final = ("penetration", "deconstruction")
_BARCODE_MISSING: Final = 0.06
_BARCODE_WRONG: Final = 0.02
_STAGES: Final[dict[Stage, float]] = {
    Stage.RECEIVE: 0.3, Stage.STOW: 0.2, Stage.PICK: 0.15, Stage.SORT: 0.1, Stage.PACK: 0.2, Stage.SHIP: 0.05,
}  # fmt: skip
#: Shots of references are drawn with seeds that no planned item has.
_REFERENCE_SEED: Final = 50_000
_ITEM_SEED: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One capture that a rack will send. `truth` and `design` are None for pictures that were not drawn here."""

    item_id: str
    tote_id: str | None
    station_id: str = STATION
    center_id: str
    stage: Stage
    barcode: str | None = None
    idempotency_key: str
    photos: tuple[Photo, ...]
    design: Design | None = None
    truth: Truth | None = None
    enrol_product_id: str | None = None
    #: Seconds from the capture to the belt's diverter; None leaves it to the station.
    deadline_s: float | None = None
    #: What the request says; None: the time of the (scheduled) send.
    captured_at: datetime | None = None

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

    @property
    def accepted(self) -> bool:
        """Whether the station answered 202."""
        return self.status == 202


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """All that a drawn capture follows from."""

    design: Design
    seed: int
    defect: str | None = None
    severity: str = "major"

    def draw(self) -> Shot:
        """Draw it (about 35 ms)."""
        return shoot(self.design, seed=self.seed, defect=self.defect, severity=self.severity)


#: Draws sketches, in order; the demo does it in other processes.
Draw = Callable[[Sequence[Sketch]], Sequence[Shot]]


def draw_here(sketches: Sequence[Sketch]) -> Sequence[Shot]:
    """Draw one after another, in this process."""
    return [sketch.draw() for sketch in sketches]


def plan(
    world: World,
    n: int,
    seed: int,
    *,
    damaged_share: float = DAMAGED_SHARE,
    pool: int | None = None,
    draw: Draw = draw_here,
) -> list[Planned]:
    """Plan `n` captures, each of another item.

    Args:
        world: whose products and totes.
        n: how many.
        seed: everything random follows from it; the ids too.
        damaged_share: expected share of damaged items; those of `FRAGILE_VENDOR` are damaged four times as often.
        pool: draw only so many different shots and show them again and again; None: each item has its own.
        draw: how sketches become shots.
    """
    rng = np.random.default_rng([world.seed, seed])
    kinds = min(n, pool) if pool else n
    looks = [_look(world, damaged_share, number, rng) for number in range(kinds)]
    photos = [photos_of(shot) for shot in draw([sketch for _, sketch in looks])]
    at: dict[str, list[Place]] = {}
    for place in world.places:
        at.setdefault(place.design.product_id, []).append(place)
    return [
        _planned(world, at, (seed, number), looks[number % kinds][1], photos[number % kinds])
        for number in range(n)
    ]


def _look(world: World, share: float, number: int, rng: np.random.Generator) -> tuple[Place, Sketch]:
    place = world.places[int(rng.integers(len(world.places)))]
    design = place.design
    fragile = float(np.mean([p.design.vendor_id == FRAGILE_VENDOR for p in world.places]))
    base = share / (1 - fragile + fragile * _FRAGILE_TIMES)
    weak = design.vendor_id == FRAGILE_VENDOR
    damaged = rng.random() < min(1.0, base * (_FRAGILE_TIMES if weak else 1.0))
    choices = _FRAGILE_DEFECTS if weak and rng.random() < 0.7 else defects_of(design)
    defect = str(rng.choice(choices))
    severity = "major" if rng.random() < 0.6 else "minor"
    sketch = Sketch(
        design=design, seed=_ITEM_SEED + number, defect=defect if damaged else None, severity=severity
    )
    return place, sketch


def _planned(
    world: World,
    at: Mapping[str, Sequence[Place]],
    identity: tuple[int, int],
    sketch: Sketch,
    photos: tuple[Photo, ...],
) -> Planned:
    seed, number = identity
    # Each item has a generator of its own, so that a longer plan begins with the shorter one.
    rng = np.random.default_rng([world.seed, seed, number])
    places = at[sketch.design.product_id]
    place = places[number % len(places)]
    return Planned(
        item_id=f"I{seed}-{number:06d}",
        tote_id=place.tote_id,
        center_id=place.center_id,
        stage=list(_STAGES)[int(rng.choice(len(_STAGES), p=list(_STAGES.values())))],
        barcode=_scanned(world, sketch.design, rng),
        idempotency_key=f"rack-{seed}-{number:06d}",
        photos=photos,
        design=sketch.design,
        truth=truth_of(sketch),
    )


def _scanned(world: World, design: Design, rng: np.random.Generator) -> str | None:
    """Return what the scanner read: mostly the barcode, sometimes nothing, rarely a neighbour's."""
    drawn = rng.random()
    if drawn < _BARCODE_MISSING:
        return None
    if drawn < _BARCODE_MISSING + _BARCODE_WRONG:
        return world.designs[int(rng.integers(len(world.designs)))].barcode
    return design.barcode


def truth_of(sketch: Sketch) -> Truth:
    """Return what is really the matter with a drawn item."""
    return Truth(
        damaged=sketch.defect is not None,
        severity="none" if sketch.defect is None else sketch.severity,
        defect_types=() if sketch.defect is None else (sketch.defect,),
    )


def photos_of(shot: Shot) -> tuple[Photo, ...]:
    """Return a shot as the files of a rack: one JPEG per camera, and depth."""
    rgb = tuple(
        Photo(camera=c, role=ImageRole.RGB, media_type="image/jpeg", data=d, width=SIDE_PX, height=SIDE_PX)
        for c, d in zip(CAMERAS, shot.rgb, strict=True)
    )
    depth = Photo(
        camera="top",
        role=ImageRole.DEPTH,
        media_type="image/png",
        data=shot.depth,
        width=DEPTH_PX,
        height=DEPTH_PX,
    )
    return (*rgb, depth)


def enrolments(world: World, per_product: int = 3, *, draw: Draw = draw_here) -> list[Planned]:
    """Plan pristine reference shots of every product."""
    numbered = [(d, n) for d in world.designs for n in range(per_product)]
    shots = draw([Sketch(design=d, seed=_REFERENCE_SEED + n) for d, n in numbered])
    return [
        Planned(
            item_id=f"ref-{design.product_id}-{number}",
            tote_id=None,
            center_id="BER1",
            stage=Stage.RECEIVE,
            barcode=design.barcode,
            idempotency_key=f"enrol-{world.seed}-{design.product_id}-{number}",
            photos=photos_of(shot),
            design=design,
            truth=shot.truth,
            enrol_product_id=design.product_id,
        )
        for (design, number), shot in zip(numbered, shots, strict=True)
    ]


def with_deadline(planned: Sequence[Planned], deadline_s: float) -> list[Planned]:
    """Give every capture this deadline, in seconds after its capture (a day at most)."""
    return [replace(item, deadline_s=deadline_s) for item in planned]


def tokens_of(setting: str) -> dict[str, str]:
    """Read INTACT_STATION_TOKENS: station to token; the last token of a station counts."""
    pairs = (entry.strip().rpartition(":") for entry in setting.split(",") if entry.strip())
    return {station: token for station, _, token in pairs}


async def drive(
    station_url: str,
    tokens: Mapping[str, str],
    planned: Sequence[Planned],
    *,
    rate: float | None = None,
    concurrency: int = 32,
    progress: Callable[[Submitted], None] | None = None,
) -> list[Submitted]:
    """Send the captures and return what became of each, in their order.

    Args:
        station_url: for example http://127.0.0.1:8080.
        tokens: token by station id (`tokens_of`).
        planned: what to send. Bodies are encoded before the first is sent.
        rate: captures per second in open loop; None: closed loop.
        concurrency: requests in flight at once, at most.
        progress: told about every answer.
    """
    rack = _Rack(station_url.rstrip("/") + posting.PATH, tokens, planned, progress or (lambda _: None))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        if rate is None:
            await rack.send_closed(session, concurrency)
        else:
            await rack.send_open(session, rate)
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

    async def send_open(self, session: aiohttp.ClientSession, rate: float) -> None:
        began, wall = time.monotonic(), time.time()
        async with asyncio.TaskGroup() as group:
            for number, offset in zip(range(len(self._planned)), (n / rate for n in count()), strict=False):
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
            product_id=item.design.product_id if item.design else None,
            enrolment=item.enrol_product_id is not None,
            detail=answer.detail,
            attempts=answer.attempts,
            advice=answer.advice,
        )
        self._answers[number] = submitted
        self._progress(submitted)
