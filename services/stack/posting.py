"""One capture as an HTTP request to the station, and its repetition until the station has it or refuses it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import aiohttp

from services.kernel.records import ImageRole, Stage

PATH: Final = "/v1/captures"
_BOUNDARY: Final = "intact-rack-7f3a91c2"
_END: Final = f"\r\n--{_BOUNDARY}--\r\n".encode()
CONTENT_TYPE: Final = f"multipart/form-data; boundary={_BOUNDARY}"
#: How long one capture is sent again before it is given up: longer than any restart of the station.
PATIENCE_S: Final = 120.0
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 2.0
_ATTEMPT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One image file, as a rack's camera gives it. Width and height in pixels are declared when known."""

    camera: str
    role: ImageRole
    media_type: str
    data: bytes
    width: int | None = None
    height: int | None = None


class Described(Protocol):
    """What a request says about the item; `racks.Planned` is one."""

    @property
    def item_id(self) -> str: ...  # noqa: D102
    @property
    def tote_id(self) -> str | None: ...  # noqa: D102
    @property
    def lot_id(self) -> str | None: ...  # noqa: D102
    @property
    def station_id(self) -> str: ...  # noqa: D102
    @property
    def center_id(self) -> str: ...  # noqa: D102
    @property
    def stage(self) -> Stage: ...  # noqa: D102
    @property
    def barcode(self) -> str | None: ...  # noqa: D102
    @property
    def enrol_product_id(self) -> str | None: ...  # noqa: D102
    @property
    def deadline_s(self) -> float | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The images as body parts, and what the description says about them; captures that show them share it."""

    parts: bytes
    declared: tuple[dict[str, Any], ...]


def encode(photos: tuple[Photo, ...]) -> Encoded:
    """Encode the images of a capture, which is the costly part of a request."""
    parts, declared = [], []
    for photo in photos:
        name = f"{photo.camera}-{photo.role.lower()}"
        extension = "png" if photo.media_type == "image/png" else "jpg"
        head = (
            f'\r\n--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.{extension}"\r\n'
            f"Content-Type: {photo.media_type}\r\n\r\n"
        )
        parts.append(head.encode() + photo.data)
        size = {"width": photo.width, "height": photo.height}
        declared.append(
            {
                "part": name,
                "camera": photo.camera,
                "role": photo.role,
                "sha256": hashlib.sha256(photo.data).hexdigest(),
                **{key: value for key, value in size.items() if value is not None},
            }
        )
    return Encoded(parts=b"".join(parts), declared=tuple(declared))


def body(encoded: Encoded, item: Described, captured_at: datetime) -> bytes:
    """Return the whole multipart body of one capture."""
    described: dict[str, Any] = {
        "station_id": item.station_id,
        "center_id": item.center_id,
        "stage": item.stage,
        "item_id": item.item_id,
        "tote_id": item.tote_id,
        "lot_id": item.lot_id,
        "barcode": item.barcode,
        "captured_at": _text(captured_at),
        "enrol_product_id": item.enrol_product_id,
        "images": encoded.declared,
    }
    if item.deadline_s is not None:
        described["deadline_at"] = _text(captured_at + timedelta(seconds=item.deadline_s))
    head = (
        f'\r\n--{_BOUNDARY}\r\nContent-Disposition: form-data; name="capture"\r\n'
        "Content-Type: application/json\r\n\r\n"
    )
    return b"".join((encoded.parts, head.encode(), json.dumps(described).encode(), _END)).removeprefix(
        b"\r\n"
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the station said in the end: its HTTP status (0: it could not be reached), and why it refused.

    `advice` is what it says about photos that it accepted but that are worth taking again; `measured`: it looked.
    """

    status: int
    detail: str = ""
    attempts: int = 1
    advice: tuple[str, ...] = ()
    measured: bool = False


async def post(
    session: aiohttp.ClientSession,
    url: str,
    headers: dict[str, str],
    data: bytes,
    clock: Callable[[], float],
) -> Answer:
    """Send one capture, and again after its Retry-After or a broken connection, until `PATIENCE_S` is over.

    Repeating is safe: the Idempotency-Key in `headers` makes the station answer a repeat as it answered the first.
    """
    until = clock() + PATIENCE_S
    wait, attempts = _FIRST_WAIT_S, 0
    while True:
        attempts += 1
        try:
            answer, after = await _once(session, url, headers, data)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as exc:
            answer, after = Answer(status=0, detail=f"the station does not answer: {exc!r}"), 0.0
        if 0 < answer.status < 500 or clock() >= until:
            return replace(answer, attempts=attempts)
        await asyncio.sleep(after or wait)
        wait = min(wait * 2, _LONGEST_WAIT_S)


async def _once(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], data: bytes
) -> tuple[Answer, float]:
    async with session.post(
        url, data=data, headers=headers, timeout=aiohttp.ClientTimeout(total=_ATTEMPT_S)
    ) as response:
        raw = await response.read()
        if response.status == 202:
            advice = _advice(raw)
            return Answer(status=202, advice=advice or (), measured=advice is not None), 0.0
        return Answer(status=response.status, detail=_problem(raw)), _retry_after(response.headers)


def _advice(raw: bytes) -> tuple[str, ...] | None:
    """Return the sentences for the associate, a picture each; None when the photos were not looked at."""
    try:
        quality = json.loads(raw).get("quality")
        return None if quality is None else tuple(str(finding["advice"]) for finding in quality)
    except (ValueError, AttributeError, KeyError, TypeError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def _problem(raw: bytes) -> str:
    """Return what a problem+json body says, or the start of whatever it is."""
    try:
        said = json.loads(raw)
        return str(said.get("detail") or said.get("title") or said)
    except (ValueError, AttributeError):
        return raw[:200].decode("utf-8", "replace")
