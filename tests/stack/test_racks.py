from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from aiohttp import web

from services.kernel.records import ImageRole
from services.stack import posting, racks
from services.stack.racks import Planned, Sketch, drive, enrolments, plan, tokens_of, with_deadline
from services.stack.world import FRAGILE_VENDOR, World, make_world
from services.station.body import read_parts
from services.station.decide import Limits, admit
from services.station.description import read_description
from triton_models.pictures import Shot, Truth, catalog, shoot

LIMITS = Limits(images=12, image_bytes=2**20, pixels=10**6, deadline_s=30)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(products=6, totes=8)


@pytest.fixture(scope="module")
def shot() -> Shot:
    return shoot(catalog(1, 1)[0], seed=1)


@pytest.fixture
def copy(shot: Shot) -> racks.Draw:
    """Draw nothing: every sketch gets the one shot."""

    def draw(sketches: Sequence[Sketch]) -> Sequence[Shot]:
        return [shot] * len(sketches)

    return draw


def test_one_seed_gives_one_plan(world: World, copy: racks.Draw) -> None:
    first, again, other = (plan(world, 30, seed, draw=copy) for seed in (1, 1, 2))
    assert first == again
    assert [p.capture_id for p in first] == [p.capture_id for p in again]
    assert not {p.capture_id for p in first} & {p.capture_id for p in other}
    assert len({p.item_id for p in first}) == 30


def test_a_longer_plan_begins_with_the_shorter_one(world: World, copy: racks.Draw) -> None:
    assert plan(world, 40, 1, draw=copy)[:20] == plan(world, 20, 1, draw=copy)


def test_the_pictures_follow_from_the_seed(world: World) -> None:
    assert plan(world, 2, 1)[0].photos[0].data == plan(world, 2, 1)[0].photos[0].data


def test_damage_has_its_share_and_one_supplier_stands_out(copy: racks.Draw) -> None:
    planned = plan(make_world(), 3000, 5, damaged_share=0.12, draw=copy)
    damaged = [p for p in planned if p.truth and p.truth.damaged]
    assert 0.1 < len(damaged) / len(planned) < 0.145
    items = Counter(p.design.vendor_id for p in planned if p.design)
    bad = Counter(p.design.vendor_id for p in damaged if p.design)
    shares = {vendor: bad[vendor] / items[vendor] for vendor in items}
    worst = shares.pop(FRAGILE_VENDOR)
    assert worst > 2 * max(shares.values())


def test_scanners_miss_some_barcodes_and_confuse_a_few(copy: racks.Draw) -> None:
    planned = plan(make_world(), 2000, 5, draw=copy)
    kinds = Counter(
        "none" if p.barcode is None else "right" if p.design and p.barcode == p.design.barcode else "wrong"
        for p in planned
    )
    assert 80 < kinds["none"] < 160
    assert 20 < kinds["wrong"] < 70


def test_items_lie_where_the_manifest_says(world: World, copy: racks.Draw) -> None:
    held = {m.tote_id: {e.product_id for e in m.entries} for m in world.manifests}
    for item in plan(world, 50, 1, draw=copy):
        assert item.design is not None
        assert item.design.product_id in held[str(item.tote_id)]


def test_a_pool_shows_its_pictures_again_as_other_items(world: World) -> None:
    planned = plan(world, 9, 1, pool=3)
    assert len({id(p.photos) for p in planned}) == 3
    assert planned[0].photos is planned[3].photos
    assert planned[0].truth == planned[3].truth
    assert len({p.capture_id for p in planned}) == 9


def test_references_are_pristine_and_name_their_product(world: World, copy: racks.Draw) -> None:
    planned = enrolments(world, 2, draw=copy)
    assert len(planned) == 12
    assert {p.enrol_product_id for p in planned} == {p.product_id for p in world.products}


async def test_the_station_takes_what_a_rack_sends(world: World) -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    item = with_deadline(plan(world, 1, 1), 60)[0]
    chunks = [posting.body(posting.encode(item.photos), item, now)]

    async def next_chunk() -> bytes | None:
        return chunks.pop() if chunks else None

    parts = await read_parts(next_chunk, posting.CONTENT_TYPE, LIMITS)
    description = read_description(parts["capture"].data)
    admitted = admit(description, parts, idempotency_key=item.idempotency_key, limits=LIMITS, now=now)
    subject = admitted.capture.subject
    assert subject.capture_id == item.capture_id
    assert (subject.deadline_at - subject.captured_at).total_seconds() == 60
    assert [i.role for i in admitted.capture.images] == [ImageRole.RGB, ImageRole.RGB, ImageRole.DEPTH]


def test_tokens_are_read_as_the_station_reads_them() -> None:
    assert tokens_of("a:1, b:x:2,") == {"a": "1", "b:x": "2"}


Answer = Callable[[web.Request], Awaitable[web.Response]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Answer], Awaitable[str]]]:
    runners = []

    async def begin(answer: Answer) -> str:
        app = web.Application(client_max_size=2**24)
        app.router.add_post(posting.PATH, answer)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        return f"http://127.0.0.1:{port}"

    yield begin
    for runner in runners:
        await runner.cleanup()


def planned(shot: Shot, count: int) -> list[Planned]:
    return [
        Planned(
            item_id=f"I{n}",
            tote_id=None,
            center_id="BER1",
            stage=next(iter(racks.Stage)),
            idempotency_key=f"k{n}",
            photos=racks.photos_of(shot),
            truth=Truth(damaged=False, severity="none", defect_types=()),
        )
        for n in range(count)
    ]


async def test_a_busy_station_is_asked_again_with_the_same_bytes(
    shot: Shot, serve: Callable[[Answer], Awaitable[str]]
) -> None:
    bodies: list[bytes] = []

    async def busy_once(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        assert request.headers["Authorization"] == "Bearer t"
        assert request.headers["Idempotency-Key"] == "k0"
        if len(bodies) == 1:
            return web.json_response({"detail": "full"}, status=503, headers={"Retry-After": "1"})
        return web.json_response({}, status=202)

    began = time.monotonic()
    done = await drive(await serve(busy_once), {"station-1": "t"}, planned(shot, 1), concurrency=1)
    assert time.monotonic() - began >= 1
    assert (done[0].accepted, done[0].attempts) == (True, 2)
    assert bodies[0] == bodies[1]


async def test_a_refusal_is_final_and_keeps_its_reason(
    shot: Shot, serve: Callable[[Answer], Awaitable[str]]
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"detail": "no such tote"}, status=422)

    done = await drive(await serve(refuse), {}, planned(shot, 1), concurrency=1)
    assert (done[0].status, done[0].detail, done[0].accepted_at) == (422, "no such tote", None)


async def test_an_open_loop_keeps_its_schedule_behind_a_slow_station(
    shot: Shot, serve: Callable[[Answer], Awaitable[str]]
) -> None:
    async def slow(request: web.Request) -> web.Response:
        await request.read()
        await racks.asyncio.sleep(0.3)
        return web.json_response({}, status=202)

    told: list[str] = []
    done = await drive(
        await serve(slow),
        {},
        planned(shot, 4),
        rate=20,
        concurrency=1,
        progress=lambda answer: told.append(answer.item_id),
    )
    gaps = [b.scheduled_at - a.scheduled_at for a, b in itertools.pairwise(done)]
    assert all(abs(gap - 0.05) < 0.001 for gap in gaps)
    assert done[3].accepted_at is not None
    assert done[3].accepted_at - done[3].scheduled_at > 0.8  # it waited behind the others, and that counts
    assert sorted(told) == [item.item_id for item in planned(shot, 4)]


async def test_a_closed_loop_sends_everything_once(
    shot: Shot, serve: Callable[[Answer], Awaitable[str]]
) -> None:
    keys: list[str] = []

    async def take(request: web.Request) -> web.Response:
        await request.read()
        keys.append(request.headers["Idempotency-Key"])
        return web.json_response({}, status=202)

    done = await drive(await serve(take), {}, planned(shot, 7), concurrency=3)
    assert sorted(keys) == [f"k{n}" for n in range(7)]
    assert [answer.item_id for answer in done] == [f"I{n}" for n in range(7)]
