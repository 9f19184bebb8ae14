"""What 202 means, what a repeat gets, and what happens when two come at once or something fails."""

import asyncio
import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from services.kernel import bundle, wire
from services.kernel.blobs import Blobs
from services.kernel.records import Capture, ImageRole, Stage
from services.station.app import Patience, build
from tests.fakes import piece
from tests.station.rack import Rack, Shot, depth, depth_shot, jpeg, png, problem

ID = uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, "intact:station:s1"), "key-1")


async def test_a_capture_is_accepted_with_its_id(rack: Rack) -> None:
    response = await rack.post()
    assert response.status_code == 202
    body = response.json()
    assert (body["capture_id"], body["item_id"], body["quality"]) == (str(ID), "item-1", None)


async def test_a_capture_is_stored_as_one_object_before_it_is_announced(rack: Rack) -> None:
    await rack.post(Shot(), depth_shot(depth()))
    assert rack.shelf.done == [f"captures/{ID}.bundle", "event"]


async def test_the_event_says_what_was_photographed_and_where_the_images_are(rack: Rack) -> None:
    await rack.post(Shot(), depth_shot(depth(), width=32, height=24))
    topic, key, value, _ = rack.broker.events[0]
    assert (topic, key) == ("station.captures", b"tote-1")
    capture = wire.decode(Capture, value or b"")
    assert capture.received_at == rack.now
    assert capture.subject.capture_id == ID
    assert capture.subject.stage is Stage.PACK
    assert capture.subject.captured_at == datetime(2026, 3, 1, 9, 29, 58, 250_000, tzinfo=UTC)
    assert capture.subject.deadline_at == capture.subject.captured_at + timedelta(seconds=30)
    assert [(i.camera, i.role, i.width, i.height, i.media_type) for i in capture.images] == [
        ("front", ImageRole.RGB, 32, 24, "image/jpeg"),
        ("top", ImageRole.DEPTH, 32, 24, "image/png"),
    ]
    for image in capture.images:
        stored = piece(rack.shelf.objects, image.key)
        assert (image.size, image.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
    assert value == rack.shelf.event(ID)


async def test_the_event_is_small_even_for_the_largest_capture(rack: Rack) -> None:
    shots = [Shot(part=f"p{n}", camera=f"camera-{n}") for n in range(4)]
    await rack.post(
        *shots, item_id="i" * 128, tote_id="t" * 128, lot_id="l" * 128, barcode="9" * 128, center_id="c" * 128
    )
    assert len(rack.broker.events[0][2] or b"") <= 4096


async def test_an_item_without_a_tote_keys_its_event_itself(rack: Rack) -> None:
    await rack.post(tote_id=None, barcode=None)
    assert rack.broker.events[0][1] == b"item-1"


async def test_optional_facts_travel_with_the_event(rack: Rack) -> None:
    await rack.post(
        deadline_at="2026-03-01T10:30:05+01:00", enrol_product_id="p-1", barcode="]d2\x1d01 x", lot_id="asn-7"
    )
    subject = rack.broker.captures()[0].subject
    assert subject.deadline_at == datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)
    assert (subject.enrol_product_id, subject.barcode, subject.lot_id) == ("p-1", "]d2\x1d01 x", "asn-7")


async def test_a_digest_is_optional_and_may_be_upper_case(rack: Rack) -> None:
    assert (await rack.post(Shot(said={"sha256": None}))).status_code == 202
    upper = hashlib.sha256(jpeg()).hexdigest().upper()
    assert (await rack.post(Shot(said={"sha256": upper}))).status_code == 202


@pytest.mark.parametrize(
    "captured_at", ["2020-01-01T00:00:00Z", "2026-03-01T09:40:00z", "2026-03-01t18:29:58.5+09:00"]
)
async def test_times_within_the_limits_are_taken(rack: Rack, captured_at: str) -> None:
    assert (await rack.post(captured_at=captured_at)).status_code == 202


async def test_rgb_may_be_png(rack: Rack) -> None:
    assert (await rack.post(Shot(data=png(), media_type="image/png", filename="x.PNG"))).status_code == 202


# -- repeats --------------------------------------------------------------------------------------------------------


async def test_a_repeat_gets_the_same_answer_and_its_event_again_as_it_was(rack: Rack) -> None:
    first = await rack.post()
    stored = dict(rack.shelf.objects)
    rack.now += timedelta(hours=1)
    again = await rack.post()
    assert (again.status_code, again.json()) == (202, first.json())
    assert rack.shelf.objects == stored
    one, two = rack.broker.events
    assert one[:3] == two[:3]


async def test_a_repeat_may_list_its_images_in_another_order(rack: Rack) -> None:
    front, top = Shot(), depth_shot(depth())
    await rack.post(front, top)
    assert (await rack.post(top, front)).status_code == 202


async def test_a_repeat_completes_what_a_crash_left_without_an_event(rack: Rack) -> None:
    rack.broker.broken = True
    assert problem(await rack.post())[0] == 503
    rack.broker.broken = False
    assert (await rack.post()).status_code == 202
    assert rack.broker.captures() == rack.shelf.captures()


async def test_a_repeat_after_a_change_of_the_deadline_setting_is_still_a_repeat() -> None:
    rack, later = Rack(), Rack(deadline_s=99.0)
    later.shelf.objects = rack.shelf.objects
    async with rack.client, later.client:
        await rack.post()
        assert (await later.post()).status_code == 202
    assert later.broker.captures() == rack.broker.captures()


OTHER = [
    ((Shot(data=jpeg(colour=200)),), {}),
    ((Shot(camera="back"),), {}),
    ((Shot(), depth_shot(depth())), {}),
    ((Shot(),), {"item_id": "item-2"}),
    ((Shot(),), {"barcode": None}),
    ((Shot(),), {"captured_at": "2026-03-01T09:29:59Z"}),
    ((Shot(),), {"deadline_at": "2026-03-01T09:30:09Z"}),
    ((Shot(),), {"enrol_product_id": "p-1"}),
]  # fmt: skip


@pytest.mark.parametrize(("shots", "changes"), OTHER)
async def test_other_content_under_the_same_key_is_409_and_changes_nothing(
    rack: Rack, shots: tuple[Shot, ...], changes: dict[str, str | None]
) -> None:
    await rack.post()
    stored = dict(rack.shelf.objects)
    status, code, detail = problem(await rack.post(*shots, **changes))
    assert (status, code) == (409, "conflict")
    assert "item-1" in detail
    assert rack.shelf.objects == stored
    assert len(rack.broker.events) == 1


async def test_equal_keys_of_two_stations_are_two_captures(rack: Rack) -> None:
    await rack.post()
    response = await rack.post(headers={"Authorization": "Bearer secret-2"}, station_id="s2")
    assert response.status_code == 202
    assert len({c.subject.capture_id for c in rack.broker.captures()}) == 2


# -- two at once ----------------------------------------------------------------------------------------------------


async def test_two_equal_requests_at_once_are_one_capture(rack: Rack) -> None:
    answers = await asyncio.gather(*(rack.post() for _ in range(5)))
    assert {a.status_code for a in answers} == {202}
    assert len({a.text for a in answers}) == 1
    assert len({value for _, _, value, _ in rack.broker.events}) == 1


async def test_of_two_different_requests_at_once_one_is_taken_whole_and_one_is_409(rack: Rack) -> None:
    colours = range(0, 250, 50)
    answers = await asyncio.gather(*(rack.post(Shot(data=jpeg(colour=c))) for c in colours))
    assert sorted(a.status_code for a in answers) == [202, 409, 409, 409, 409]
    winner = next(jpeg(colour=c) for c, a in zip(colours, answers, strict=True) if a.status_code == 202)
    (capture,) = rack.shelf.captures()
    assert rack.broker.captures() == [capture]
    assert piece(rack.shelf.objects, capture.images[0].key) == winner


# -- pressure and failure -------------------------------------------------------------------------------------------


async def test_more_than_the_allowed_captures_in_flight_are_503() -> None:
    rack = Rack(station_max_in_flight=2)
    rack.shelf.gate = asyncio.Event()
    async with rack.client:
        held = [asyncio.create_task(rack.post(headers={"Idempotency-Key": f"k{n}"})) for n in range(2)]
        for _ in held:
            await rack.shelf.held.acquire()
        refused = await rack.post()
        assert problem(refused)[:2] == (503, "busy")
        assert refused.headers["retry-after"] == "1"
        rack.shelf.gate.set()
        assert [(await t).status_code for t in held] == [202, 202]
        assert (await rack.post()).status_code == 202


async def test_a_long_backlog_is_503_before_anything_is_stored(rack: Rack) -> None:
    rack.broker.waiting = 4 * rack.settings.station_max_in_flight
    response = await rack.post()
    assert problem(response)[:2] == (503, "busy")
    assert response.headers["retry-after"] == "5"
    assert rack.shelf.done == []


async def test_a_store_that_fails_is_503_and_nothing_is_announced(rack: Rack) -> None:
    rack.shelf.broken = True
    response = await rack.post()
    assert problem(response)[:2] == (503, "dependency")
    assert "the disk is full" in response.json()["detail"]
    assert int(response.headers["retry-after"]) > 0
    assert rack.broker.events == []


async def test_a_broker_that_fails_is_503(rack: Rack) -> None:
    rack.broker.broken = True
    assert problem(await rack.post())[:2] == (503, "dependency")


async def test_a_broker_that_never_acknowledges_is_503_in_time() -> None:
    rack = Rack(Patience(keep=0.02))
    rack.broker.silent = True
    async with rack.client:
        assert problem(await rack.post())[:2] == (503, "dependency")


async def test_a_bug_is_500_logged_and_tells_nothing_inside(rack: Rack) -> None:
    await rack.post()
    rack.shelf.objects[bundle.object_key(ID)] = bundle.packed([], b"no avro")
    with structlog.testing.capture_logs() as logs:
        response = await rack.post()
    assert problem(response)[:2] == (500, "internal")
    assert "avro" not in response.text
    assert [line["event"] for line in logs] == ["request.bug", "request"]


# -- seen from outside ----------------------------------------------------------------------------------------------


async def test_the_trace_of_the_request_goes_on_with_the_event(rack: Rack) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await rack.post(headers={"traceparent": parent})
    assert ("traceparent", parent.encode()) in rack.broker.events[0][3]


async def test_every_request_is_one_log_line_without_the_token(rack: Rack) -> None:
    with structlog.testing.capture_logs() as logs:
        await rack.post()
        await rack.post(item_id="a b")
        await rack.client.get("/nowhere")
        await rack.client.get("/live")
    taken, refused, lost = logs
    assert taken["capture_id"] == str(ID)
    assert (taken["status"], taken["images"], taken["repeat"], taken["station_id"]) == (202, 1, False, "s1")
    assert (refused["status"], refused["problem"]) == (422, "metadata")
    assert (lost["status"], lost["path"]) == (404, "/nowhere")
    assert "secret" not in str(logs)


async def test_readiness_knows_the_store_the_backlog_and_what_it_is_given(rack: Rack) -> None:
    assert (await rack.client.get("/live")).json() == {"alive": True}
    ready = await rack.client.get("/ready")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"store": True, "backlog": True})
    rack.shelf.broken = True
    rack.broker.waiting = 10_000
    unready = await rack.client.get("/ready")
    assert (unready.status_code, unready.json()["checks"]) == (503, {"store": False, "backlog": False})


async def test_in_a_real_folder_everything_is_where_the_event_says(rack: Rack, tmp_path: Path) -> None:
    blobs = Blobs(f"file://{tmp_path}")
    rack.client._transport.app = build(rack.settings, blobs, rack.broker, lambda: rack.now)
    for _ in range(2):
        assert (await rack.post(Shot(), depth_shot(depth()))).status_code == 202
    assert problem(await rack.post())[0] == 409
    capture = rack.broker.captures()[0]
    assert [await blobs.get(i.key) for i in capture.images] == [jpeg(), depth()]
    assert wire.decode(Capture, await bundle.event_of(blobs.get, ID)) == capture
