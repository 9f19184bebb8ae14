"""Everything that is refused at the door: with which status, and a sentence that says what to do."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.station.app import Patience
from tests.station.rack import Rack, Shot, depth, depth_shot, description, jpeg, png, problem
from tests.station.test_pictures import bare_jpeg, chunked_png, frame


@pytest.fixture(autouse=True)
def nothing_is_kept(rack: Rack) -> Any:
    yield
    assert rack.shelf.objects == {}
    assert rack.broker.events == []


# -- who --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "Bearer wrong", "Basic secret-1", "secret-1"])
async def test_no_token_or_an_unknown_one_is_401(rack: Rack, value: str | None) -> None:
    response = await rack.post(headers={"Authorization": value})
    assert problem(response)[:2] == (401, "unauthorized")
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_the_token_of_another_station_is_403(rack: Rack) -> None:
    status, code, detail = problem(await rack.post(headers={"Authorization": "Bearer secret-2"}))
    assert (status, code) == (403, "other-station")
    assert "'s1'" in detail


@pytest.mark.parametrize("key", [None, "", "two words", "k" * 129, "kéy"])
async def test_an_idempotency_key_is_1_to_128_visible_ascii_characters(rack: Rack, key: str | None) -> None:
    headers: Any = {"Idempotency-Key": key if key is None else key.encode("latin-1")}
    assert problem(await rack.post(headers=headers))[:2] == (400, "idempotency-key")


# -- the description ----------------------------------------------------------------------------------------------

WRONG = [
    *[({name: ...}, f"/{name}") for name in ("station_id", "center_id", "stage", "item_id", "captured_at", "images")],
    ({"colour": "red"}, "/colour"),
    ({"stage": "LUNCH"}, "/stage"),
    ({"stage": None}, "/stage"),
    ({"item_id": ""}, "/item_id"),
    ({"item_id": 7}, "/item_id"),
    ({"item_id": "a/b"}, "/item_id"),
    ({"item_id": "a b"}, "/item_id"),
    ({"item_id": "a\n"}, "/item_id"),
    ({"item_id": "ä"}, "/item_id"),
    ({"item_id": "i" * 129}, "/item_id"),
    ({"tote_id": "../t"}, "/tote_id"),
    ({"center_id": "c|1"}, "/center_id"),
    ({"enrol_product_id": ""}, "/enrol_product_id"),
    ({"barcode": "\x00"}, "/barcode"),
    ({"barcode": "1" * 129}, "/barcode"),
    ({"captured_at": "1970-01-01T00:00:00Z"}, "/captured_at"),
    ({"captured_at": "2019-12-31T23:59:59Z"}, "/captured_at"),
    ({"captured_at": "2100-01-01T00:00:00Z"}, "/captured_at"),
    ({"captured_at": "2026-03-01T09:40:01Z"}, "/captured_at"),
    ({"captured_at": "0001-01-01T00:00:00+23:00"}, "/captured_at"),
    ({"captured_at": "2026-03-01T09:29:58"}, "/captured_at"),
    ({"captured_at": "2026-13-01T09:29:58Z"}, "/captured_at"),
    ({"captured_at": "2026-03-01 09:29:58Z"}, "/captured_at"),
    ({"captured_at": 1772357398}, "/captured_at"),
    ({"captured_at": "1772357398"}, "/captured_at"),
    ({"captured_at": -1}, "/captured_at"),
    ({"captured_at": math.nan}, "/captured_at"),
    ({"deadline_at": "2026-03-01T09:29:57Z"}, "/deadline_at"),
    ({"deadline_at": "2026-03-03T09:29:58Z"}, "/deadline_at"),
    ({"deadline_at": math.inf}, "/deadline_at"),
    ({"images": []}, "/images"),
    ({"images": {}}, "/images"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "pointer"), WRONG)
async def test_a_wrong_description_is_422_and_names_the_field(
    rack: Rack, changes: dict[str, Any], pointer: str
) -> None:
    response = await rack.post(**changes)
    assert problem(response)[:2] == (422, "metadata")
    assert [e["pointer"] for e in response.json()["errors"]] == [pointer]
    assert pointer in response.json()["detail"]


WRONG_IMAGE = [
    *[({"width": value}, "/images/0/width") for value in (math.nan, -math.inf, -1, 0, 1e300, 65_536, 32.5, "32", True)],
    ({"height": -24}, "/images/0/height"),
    ({"camera": "../top"}, "/images/0/camera"),
    ({"camera": ""}, "/images/0/camera"),
    ({"camera": "a.b"}, "/images/0/camera"),
    ({"role": "INFRARED"}, "/images/0/role"),
    ({"sha256": "abc"}, "/images/0/sha256"),
    ({"colour": "red"}, "/images/0/colour"),
    ({"part": ""}, "/images/0/part"),
    ({"part": "capture"}, "/images"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "pointer"), WRONG_IMAGE)
async def test_a_wrong_declaration_of_an_image_is_422(rack: Rack, said: dict[str, Any], pointer: str) -> None:
    response = await rack.post(Shot(said=said))
    assert problem(response)[:2] == (422, "metadata")
    assert [e["pointer"] for e in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("raw", [b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 10_000])
async def test_a_description_that_is_no_json_is_400(rack: Rack, raw: bytes) -> None:
    assert problem(await rack.post(raw=raw))[:2] == (400, "malformed")


async def test_a_description_that_is_no_object_is_422(rack: Rack) -> None:
    assert problem(await rack.post(raw=b"[]"))[:2] == (422, "metadata")


async def test_a_capture_needs_an_rgb_image(rack: Rack) -> None:
    status, _, detail = problem(await rack.post(depth_shot(depth())))
    assert status == 422
    assert "role RGB" in detail


async def test_a_part_or_a_camera_and_role_can_be_declared_once_only(rack: Rack) -> None:
    assert "declared twice" in problem(await rack.post(Shot(), Shot(part="b")))[2]
    one = [Shot().declared(), Shot().declared() | {"camera": "b"}]
    assert "part 'front' is declared twice" in problem(await rack.post(images=one))[2]


# -- the images ---------------------------------------------------------------------------------------------------

PNG_KIND = {"media_type": "image/png", "filename": "front.png"}
BAD_SHOTS = [
    (Shot(data=b""), "zero bytes"),
    (Shot(data=png()), "image/png by its content but was sent as image/jpeg"),
    (Shot(data=png(), media_type="image/png"), "its file name says image/jpeg"),
    (Shot(media_type="image/png"), "image/jpeg by its content but was sent as image/png"),
    (Shot(data=jpeg()[:-40]), "cut off"),
    (Shot(data=png()[:-4], **PNG_KIND), "cut off"),
    (Shot(data=bare_jpeg(frame(50_000, 50_000))), "50000 x 50000 pixels"),
    (Shot(data=chunked_png(50_000, 50_000), **PNG_KIND), "50000 x 50000 pixels"),
    (Shot(data=depth(), **PNG_KIND), "8 bits per channel"),
    (Shot(said={"sha256": "0" * 64}), "SHA-256"),
    (Shot(said={"width": 31}), "not 31 x 24 as declared"),
    (Shot(said={"part": "back"}), "no part 'back'"),
]  # fmt: skip


@pytest.mark.parametrize(("shot", "says"), BAD_SHOTS)
async def test_an_image_that_is_not_what_it_should_be_is_422(rack: Rack, shot: Shot, says: str) -> None:
    status, code, detail = problem(await rack.post(shot))
    assert (status, code) == (422, "image")
    assert says in detail


@pytest.mark.parametrize(
    ("shot", "says"),
    [
        (depth_shot(png()), "16-bit grey"),
        (depth_shot(png(mode="L")), "16-bit grey"),
        (depth_shot(depth(30, 24), width=32, height=24), "30 x 24 pixels, not 32 x 24"),
        (depth_shot(depth(), sha256="1" * 64), "SHA-256"),
    ],
)
async def test_depth_is_16_bit_grey_png_of_the_declared_size(rack: Rack, shot: Shot, says: str) -> None:
    status, _, detail = problem(await rack.post(Shot(), shot))
    assert status == 422
    assert says in detail


@pytest.mark.parametrize("media_type", ["image/gif", "application/octet-stream", "text/plain"])
async def test_other_media_types_are_415(rack: Rack, media_type: str) -> None:
    assert problem(await rack.post(Shot(media_type=media_type)))[:2] == (415, "media-type")


async def test_a_part_that_is_not_declared_is_refused(rack: Rack) -> None:
    status, _, detail = problem(await rack.post(Shot(), Shot(part="x"), images=[Shot().declared()]))
    assert status == 422
    assert "'x' is not declared" in detail


# -- sizes ----------------------------------------------------------------------------------------------------------


async def test_too_many_images_are_413(rack: Rack) -> None:
    shots = [Shot(part=f"p{n}", camera=f"c{n}") for n in range(5)]
    assert problem(await rack.post(*shots))[:2] == (413, "too-large")
    said = [s.declared() for s in shots]
    assert problem(await rack.post(images=said))[:2] == (413, "too-large")


async def test_a_content_length_over_all_limits_is_413_before_a_byte_is_read(rack: Rack) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    response = await rack.post_body(unread(), content_length=str(10**9))
    assert problem(response)[:2] == (413, "too-large")


@pytest.mark.parametrize("name", ["front", "capture"])
async def test_a_part_over_its_limit_is_413_while_it_streams(rack: Rack, name: str) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield part(name)
        while True:
            sent += 10_000
            yield b"x" * 10_000

    assert problem(await rack.post_body(endless()))[:2] == (413, "too-large")
    assert sent <= 110_000


async def test_a_body_that_never_says_anything_is_413_too(rack: Rack) -> None:
    async def newlines() -> AsyncIterator[bytes]:
        while True:
            yield b"\r\n" * 50_000

    assert problem(await rack.post_body(newlines()))[:2] == (413, "too-large")


# -- the body -------------------------------------------------------------------------------------------------------


def part(name: str, media_type: str = "application/json") -> bytes:
    return (
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {media_type}\r\n\r\n'.encode()
    )


CAPTURE = json.dumps(description([Shot()])).encode()
MALFORMED = [
    b"",
    b"nonsense",
    b"--B--\r\n",
    part("capture") + CAPTURE,
    part("capture") + CAPTURE + b"\r\n--B\r\n",
    part("front", "image/jpeg") + jpeg() + b"\r\n--B--\r\n",
    part("capture") + CAPTURE + b"\r\n" + part("capture") + CAPTURE + b"\r\n--B--\r\n",
    b"--B\r\nContent-Type: application/json\r\n\r\n{}\r\n--B--\r\n",
    b"--B\r\nContent-Disposition: attachment; name=capture\r\n\r\n{}\r\n--B--\r\n",
    b"--B\r\n\r\n{}\r\n--B--\r\n",
    b"--B\r\nBad Header: 1\r\n\r\n",
    b"--B\r\n" + b"A: 1\r\n" * 9 + b"\r\n",
    b"--B\r\nA: " + b"1" * 2000 + b"\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED)
async def test_a_body_that_is_no_whole_multipart_is_400(rack: Rack, body: bytes) -> None:
    assert problem(await rack.post_body(body))[:2] == (400, "malformed")


@pytest.mark.parametrize("content_type", ["application/json", "multipart/mixed; boundary=B", "image/jpeg"])
async def test_another_content_type_is_415(rack: Rack, content_type: str) -> None:
    assert problem(await rack.post_body(b"", content_type=content_type))[:2] == (415, "media-type")


@pytest.mark.parametrize("content_type", ["multipart/form-data", f"multipart/form-data; boundary={'b' * 71}"])
async def test_a_boundary_has_1_to_70_characters(rack: Rack, content_type: str) -> None:
    assert problem(await rack.post_body(b"", content_type=content_type))[:2] == (400, "malformed")


async def test_the_description_must_say_that_it_is_json(rack: Rack) -> None:
    assert problem(await rack.post_body(part("capture", "text/plain") + b"{}"))[:2] == (415, "media-type")


async def test_a_body_that_does_not_arrive_is_408_and_gives_its_place_back() -> None:
    rack = Rack(Patience(body=0.02), station_max_in_flight=1)

    async def never() -> AsyncIterator[bytes]:
        yield b"--B"
        await asyncio.Event().wait()

    async with rack.client:
        assert problem(await rack.post_body(never()))[:2] == (408, "slow")
        assert (await rack.post()).status_code == 202


async def test_a_rack_that_hangs_up_leaves_nothing_behind_and_is_no_bug(rack: Rack) -> None:
    messages = iter(
        [{"type": "http.request", "body": b"--B", "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"authorization", b"Bearer secret-1"),
        (b"idempotency-key", b"key-1"),
        (b"content-type", b"multipart/form-data; boundary=B"),
    ]
    scope = {"type": "http", "method": "POST", "path": "/v1/captures", "headers": headers}
    await rack.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert (await rack.client.get("/ready")).json()["in_flight"] == 0
    rack.shelf.objects.clear()


# -- elsewhere ------------------------------------------------------------------------------------------------------


async def test_an_unknown_path_or_method_is_a_problem_too(rack: Rack) -> None:
    assert problem(await rack.client.get("/v1/nothing"))[:2] == (404, "not-found")
    response = await rack.client.get("/v1/captures")
    assert problem(response)[:2] == (405, "method")
    assert response.headers["allow"] == "POST"
