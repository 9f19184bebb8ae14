"""A camera rack, a store and a broker for tests of the gateway: fakes that are passed in, nothing is patched."""

import asyncio
import hashlib
import io
import json
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from PIL import Image
from starlette.types import ASGIApp

from services.kernel import bundle, wire
from services.kernel.faults import DependencyFault
from services.kernel.records import Capture
from services.kernel.settings import Settings
from services.station import openapi
from services.station.app import Patience, build
from services.station.decide import Limits
from services.station.quality import Looker
from tests.fakes import piece

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LIMITS = Limits(images=4, image_bytes=100_000, pixels=1_000_000, deadline_s=30.0)
STATUSES = openapi.document(LIMITS)["paths"]["/v1/captures"]["post"]["responses"].keys()


def jpeg(width: int = 32, height: int = 24, colour: int = 90, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (colour, 120, 60)).save(out, "JPEG", **options)
    return out.getvalue()


def png(width: int = 32, height: int = 24, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "PNG")
    return out.getvalue()


def depth(width: int = 32, height: int = 24) -> bytes:
    return png(width, height, "I;16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """An image as the rack sends and declares it; `said` overrides or adds to what is declared."""

    part: str = "front"
    camera: str = "front"
    role: str = "RGB"
    data: bytes = field(default_factory=jpeg)
    media_type: str = "image/jpeg"
    filename: str = "front.jpg"
    said: dict[str, Any] = field(default_factory=dict)

    def declared(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.data).hexdigest()
        return {"part": self.part, "camera": self.camera, "role": self.role, "sha256": digest} | self.said


def depth_shot(data: bytes, **said: Any) -> Shot:
    return Shot(
        part="depth",
        camera="top",
        role="DEPTH",
        data=data,
        media_type="image/png",
        filename="top.png",
        said=said,
    )


def description(shots: Iterable[Shot], **changes: Any) -> dict[str, Any]:
    """Describe a capture; a change of `...` takes the field out."""
    whole = {
        "station_id": "s1",
        "center_id": "c1",
        "stage": "PACK",
        "item_id": "item-1",
        "tote_id": "tote-1",
        "lot_id": "lot-1",
        "barcode": "4006381333931",
        "captured_at": "2026-03-01T09:29:58.250Z",
        "images": [s.declared() for s in shots],
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


class Shelf:
    """A store in memory; yields in every call, as a real one does. While it has a `gate`, calls wait before it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.done: list[str] = []
        self.broken = False
        self.gate: asyncio.Event | None = None
        self.held = asyncio.Semaphore(0)

    async def get(self, key: str) -> bytes:
        await self._pass()
        return piece(self.objects, key)

    async def put(self, items: Iterable[tuple[str, bytes]]) -> None:
        await self._pass()
        for key, data in items:
            self.objects[key] = data
            self.done.append(key)

    async def put_new(self, key: str, data: bytes) -> bool:
        await self._pass()
        if key in self.objects:
            return False
        self.objects[key] = data
        self.done.append(key)
        return True

    async def _pass(self) -> None:
        if self.gate is not None:
            self.held.release()
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.broken:
            raise DependencyFault("the disk is full")

    def event(self, capture_id: uuid.UUID) -> bytes:
        """The event in a stored capture."""
        data = self.objects[bundle.object_key(capture_id)]
        return data[int.from_bytes(data[:8], "little") :]

    def captures(self) -> list[Capture]:
        ids = [uuid.UUID(key[len("captures/") : -len(".bundle")]) for key in self.objects]
        return [wire.decode(Capture, self.event(capture_id)) for capture_id in ids]


class Broker:
    """Remembers what was published; `silent` never acknowledges."""

    def __init__(self, shelf: Shelf) -> None:
        self.events: list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
        self.waiting = 0
        self.broken = False
        self.silent = False
        self._shelf = shelf

    def backlog(self) -> int:
        return self.waiting

    async def publish(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        if self.broken:
            raise DependencyFault("Kafka did not take the event: timed out")
        if self.silent:
            await asyncio.Event().wait()
        self._shelf.done.append("event")
        self.events.append((topic, key, value, headers))
        return 0, len(self.events)

    def captures(self) -> list[Capture]:
        return [wire.decode(Capture, value or b"") for _, _, value, _ in self.events]


class Rack:
    """A gateway under test, and a client that sends it captures as station s1."""

    def __init__(
        self, patience: Patience | None = None, *, looker: Looker | None = None, **settings: Any
    ) -> None:
        self.now = NOW
        self.shelf = Shelf()
        self.broker = Broker(self.shelf)
        self.settings = Settings(
            **{
                "station_tokens": "s1:secret-1,s2:secret-2",
                "station_max_images": LIMITS.images,
                "station_max_image_bytes": LIMITS.image_bytes,
                "station_max_pixels": LIMITS.pixels,
            }
            | settings
        )
        self.app: ASGIApp = build(
            self.settings, self.shelf, self.broker, lambda: self.now, patience=patience, looker=looker
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url="http://station",
            event_hooks={"response": [_documented]},
        )

    async def post(
        self,
        *shots: Shot,
        raw: bytes | None = None,
        headers: dict[str, str | None] | None = None,
        **changes: Any,
    ) -> httpx.Response:
        """Send a capture; `raw` replaces the description's JSON, a header of None is left out."""
        sent = shots or (Shot(),)
        text = raw if raw is not None else json.dumps(description(sent, **changes)).encode()
        files = [("capture", (None, text, "application/json"))]
        files += [(s.part, (s.filename, s.data, s.media_type)) for s in sent]
        return await self.client.post("/v1/captures", files=files, headers=self._headers(headers))

    async def post_body(self, content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
        """Send bytes as they are, as multipart with the boundary B unless a content_type is given."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(
            "/v1/captures",
            content=content,
            headers=self._headers({"content-type": "multipart/form-data; boundary=B"} | named),
        )

    def _headers(self, changes: dict[str, str | None] | None) -> dict[str, str]:
        whole: dict[str, str | None] = {"Authorization": "Bearer secret-1", "Idempotency-Key": "key-1"}
        return {name: value for name, value in (whole | (changes or {})).items() if value is not None}


async def _documented(response: httpx.Response) -> None:
    if response.request.url.path == "/v1/captures":
        assert str(response.status_code) in STATUSES
    if response.status_code >= 400 and response.request.url.path != "/ready":
        await response.aread()
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code


def problem(response: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and detail of a refusal."""
    body = response.json()
    return response.status_code, body["type"].removeprefix("urn:intact:problem:"), body["detail"]
