from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from aiohttp import web

from services.kernel.records import ImageRole, Stage
from services.stack import posting, racks
from services.stack.racks import (
    Planned,
    drive,
    enrolments,
    photographed,
    places_of,
    plan,
    tokens_of,
    with_deadline,
)
from services.stack.sample import SAMPLE, sample
from services.stack.world import FRAGILE_VENDOR, World, make_world
from services.station.body import read_parts
from services.station.decide import Limits, admit
from services.station.description import read_description

LIMITS = Limits(images=12, image_bytes=2**20, pixels=10**6, deadline_s=30)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(products=6, totes=8)


# -- the sample ---------------------------------------------------------------------------------------------------


def test_the_sample_is_small_and_holds_every_scenario() -> None:
    assert sum(file.stat().st_size for file in SAMPLE.rglob("*") if file.is_file()) <= 25_000_000
    kinds = Counter(one.truth.scenario for one in sample().taken)
    assert kinds.keys() == {
        "ordinary", "printed_damage", "crumpled", "leaking", "foreign_matter", "missing_units", "redesign", "glare",
        "stickered", "barcode", "badly_placed",
    }  # fmt: skip
    assert min(kinds.values()) >= 5


def test_each_product_of_the_sample_has_two_pristine_pictures_and_each_capture_its_depth() -> None:
    assert {len(found) for found in sample().references.values()} == {2}
    assert sample().references.keys() == {product.product_id for product in sample().products}
    for one in sample().taken:
        assert [(p.camera, p.role) for p in one.photos] == [
            ("top", ImageRole.RGB),
            ("side", ImageRole.RGB),
            ("top", ImageRole.DEPTH),
        ]


# -- plans --------------------------------------------------------------------------------------------------------


def test_one_seed_gives_one_plan(world: World) -> None:
    first, again, other = (plan(world, 30, seed) for seed in (1, 1, 2))
    assert first == again
    assert [p.capture_id for p in first] == [p.capture_id for p in again]
    assert not {p.capture_id for p in first} & {p.capture_id for p in other}
    assert len({p.item_id for p in first}) == 30


def test_a_longer_plan_begins_with_the_shorter_one(world: World) -> None:
    assert plan(world, 40, 1)[:20] == plan(world, 20, 1)


def test_damage_has_its_share_and_one_supplier_stands_out() -> None:
    world = make_world(products=48)
    vendors = {product.product_id: product.vendor_id for product in world.products}
    planned = plan(world, 3000, 5, damaged_share=0.12)
    damaged = [p for p in planned if p.truth and p.truth.damaged]
    assert 0.1 < len(damaged) / len(planned) < 0.145
    items = Counter(vendors[str(p.product_id)] for p in planned)
    bad = Counter(vendors[str(p.product_id)] for p in damaged)
    shares = {vendor: bad[vendor] / items[vendor] for vendor in items}
    worst = shares.pop(FRAGILE_VENDOR)
    assert worst > 2 * max(shares.values())


def test_items_lie_where_the_manifest_says(world: World) -> None:
    held = {m.tote_id: {e.product_id for e in m.entries} for m in world.manifests}
    for item in plan(world, 50, 1):
        assert item.product_id in held[str(item.tote_id)]


def test_a_picture_is_shown_again_as_another_item(world: World) -> None:
    planned = plan(world, 200, 1)
    assert len({id(p.photos) for p in planned}) < 40
    assert len({p.capture_id for p in planned}) == 200


def test_one_capture_can_be_planned_by_hand(world: World) -> None:
    taken = next(one for one in sample().taken if one.product_id in places_of(world))
    place = places_of(world)[taken.product_id][0]
    first = photographed(taken, place, "I1", stage=Stage.RECEIVE, at_s=3.5)
    later = photographed(taken, place, "I1", stage=Stage.SHIP)
    assert (first.tote_id, first.barcode, first.at_s) == (place.tote_id, taken.barcode, 3.5)
    assert first.photos is taken.photos
    assert first.capture_id != later.capture_id


def test_references_are_pristine_and_name_their_product(world: World) -> None:
    planned = enrolments(world, 2)
    assert len(planned) == 12
    assert {p.enrol_product_id for p in planned} == {p.product_id for p in world.products}


def test_truth_and_scenario_are_never_sent(world: World) -> None:
    for item in plan(world, 40, 1):
        said = posting.body(posting.encode(()), item, datetime(2026, 5, 4, tzinfo=UTC))
        assert item.truth is not None
        assert item.truth.scenario.encode() not in said
        assert b"damaged" not in said
        assert str(item.product_id).encode() not in said


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


def planned(count: int, at_s: Sequence[float] = ()) -> list[Planned]:
    return [
        Planned(
            item_id=f"I{n}",
            tote_id=None,
            center_id="BER1",
            stage=next(iter(racks.Stage)),
            idempotency_key=f"k{n}",
            photos=sample().taken[0].photos,
            truth=sample().taken[0].truth,
            at_s=at_s[n] if at_s else 0.0,
        )
        for n in range(count)
    ]


async def test_a_busy_station_is_asked_again_with_the_same_bytes(
    serve: Callable[[Answer], Awaitable[str]],
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
    done = await drive(await serve(busy_once), {"station-1": "t"}, planned(1), concurrency=1)
    assert time.monotonic() - began >= 1
    assert (done[0].accepted, done[0].attempts) == (True, 2)
    assert bodies[0] == bodies[1]


async def test_a_refusal_is_final_and_keeps_its_reason(serve: Callable[[Answer], Awaitable[str]]) -> None:
    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"detail": "no such tote"}, status=422)

    done = await drive(await serve(refuse), {}, planned(1), concurrency=1)
    assert (done[0].status, done[0].detail, done[0].accepted_at) == (422, "no such tote", None)


async def test_an_open_loop_keeps_its_schedule_behind_a_slow_station(
    serve: Callable[[Answer], Awaitable[str]],
) -> None:
    async def slow(request: web.Request) -> web.Response:
        await request.read()
        await racks.asyncio.sleep(0.3)
        return web.json_response({}, status=202)

    told: list[str] = []
    done = await drive(
        await serve(slow),
        {},
        planned(4),
        rate=20,
        concurrency=1,
        progress=lambda answer: told.append(answer.item_id),
    )
    gaps = [b.scheduled_at - a.scheduled_at for a, b in itertools.pairwise(done)]
    assert all(abs(gap - 0.05) < 0.001 for gap in gaps)
    assert done[3].accepted_at is not None
    assert done[3].accepted_at - done[3].scheduled_at > 0.8  # it waited behind the others, and that counts
    assert sorted(told) == [item.item_id for item in planned(4)]


async def test_a_closed_loop_sends_everything_once(serve: Callable[[Answer], Awaitable[str]]) -> None:
    keys: list[str] = []

    async def take(request: web.Request) -> web.Response:
        await request.read()
        keys.append(request.headers["Idempotency-Key"])
        return web.json_response({}, status=202)

    done = await drive(await serve(take), {}, planned(7), concurrency=3)
    assert sorted(keys) == [f"k{n}" for n in range(7)]
    assert [answer.item_id for answer in done] == [f"I{n}" for n in range(7)]


async def test_each_capture_of_a_timed_plan_is_sent_at_its_own_time(
    serve: Callable[[Answer], Awaitable[str]],
) -> None:
    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({}, status=202)

    done = await drive(await serve(take), {}, planned(3, at_s=(0.2, 0.0, 0.1)), timed=True)
    began = done[1].scheduled_at
    assert [round(answer.scheduled_at - began, 3) for answer in done] == [0.2, 0.0, 0.1]
