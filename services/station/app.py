"""The gateway's ASGI app: reads, decides (`decide.py`), stores, publishes, and only then answers 202.

Durable before acknowledged, in this order: the capture is created in the store and synced, images and event in one
object, which also settles who was first under an Idempotency-Key; the event is acknowledged by all in-sync brokers. A
crash between the two leaves what a repeat of the request completes. Nothing is undone, and nothing is answered that is
not durable.
What the answer says about the photos themselves (`quality.py`) is advice, asked for when all of that is done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import orjson
from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from services.kernel import bundle, telemetry, wire
from services.kernel.faults import DataFault, DependencyFault
from services.kernel.records import Capture, ImageRole
from services.kernel.settings import Settings
from services.station import openapi
from services.station.body import check_length, read_parts
from services.station.canonical import Canonical, answer, said
from services.station.decide import (
    Admitted,
    Limits,
    admit,
    check_station,
    checked_idempotency_key,
    event_key,
)
from services.station.description import CAPTURE_PART, read_description
from services.station.problems import Kind, Problem, come_again
from services.station.quality import OFF, Looker, Told
from services.station.tokens import Tokens

TOPIC = "station.captures"
#: All bodies in memory together; one capture of any allowed size fits in any case.
_BUFFER_BYTES = 256 * 2**20

Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one request may take, in seconds: its body, then the store and the broker together.

    The second is longer than a short hiccup of either, and shorter than a rack's own patience.
    """

    body: float = 30.0
    keep: float = 15.0


class Store(Protocol):
    """What the gateway needs of `services.kernel.blobs.Blobs`."""

    async def get(self, key: str) -> bytes:
        """Return an object; DataFault: there is none."""

    async def put(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store objects durably."""

    async def put_new(self, key: str, data: bytes) -> bool:
        """Store an object durably unless there is one; tell whether it was stored."""


class Events(Protocol):
    """What the gateway needs of `services.kernel.transport.Publisher`."""

    def publish(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> Awaitable[tuple[int, int]]:
        """Return when the event is acknowledged."""

    def backlog(self) -> int:
        """Return how many events wait for their acknowledgement."""


def build(  # noqa: PLR0913 (collaborators are arguments, and the rest has defaults)
    settings: Settings,
    blobs: Store,
    events: Events,
    clock: Callable[[], datetime],
    checks: Mapping[str, Check] | None = None,
    patience: Patience | None = None,
    *,
    looker: Looker | None = None,
) -> ASGIApp:
    """Make the app.

    `clock` gives UTC now; `checks` are what readiness asks beside the store and the backlog; without a `looker`
    nothing is said about the photos.

    Raises:
        ConfigurationFault: the stations' tokens are missing or not readable.
    """
    gateway = Gateway(settings, blobs, events, clock, patience or Patience())
    gateway.checks.update(checks or {})
    gateway.looker = looker
    routes = [
        Route("/v1/captures", gateway.capture, methods=["POST"]),
        Route("/openapi.json", gateway.openapi),
        Route("/live", gateway.live),
        Route("/ready", gateway.ready),
    ]
    return Canonical(
        Starlette(routes=routes, exception_handlers={HTTPException: _unrouted, Exception: _failed})
    )


async def _failed(request: Request, _: Exception) -> Response:
    return answer(
        request, Problem(Kind.BUG, "this is a fault of the gateway, and is logged; nothing was acknowledged")
    )


async def _unrouted(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    if exc.status_code == Kind.METHOD.status:
        allowed = (exc.headers or {}).get("Allow", "")
        problem = Problem(Kind.METHOD, f"this path takes {allowed}; see /openapi.json", headers=exc.headers)
    else:
        problem = Problem(Kind.NOT_FOUND, "captures go to POST /v1/captures; see /openapi.json")
    return answer(request, problem)


class Gateway:
    """The endpoints, and what they share: who may send, how much is in flight."""

    def __init__(
        self,
        settings: Settings,
        blobs: Store,
        events: Events,
        clock: Callable[[], datetime],
        patience: Patience,
    ) -> None:
        self._patience = patience
        self._blobs = blobs
        self._events = events
        self._clock = clock
        self._tokens = Tokens(settings.station_tokens.get_secret_value())
        self._limits = Limits(
            images=settings.station_max_images,
            image_bytes=settings.station_max_image_bytes,
            pixels=settings.station_max_pixels,
            deadline_s=settings.deadline_s,
        )
        self._most_in_flight = settings.station_max_in_flight
        self._in_flight = 0
        self._buffered = 0
        self._document = orjson.dumps(openapi.document(self._limits))
        self.looker: Looker | None = None
        self.checks: dict[str, Check] = {"store": self._store_takes, "backlog": self._backlog_is_short}

    # -- captures ---------------------------------------------------------------------------------------------

    async def capture(self, request: Request) -> Response:
        """POST /v1/captures."""
        trace = [(k.decode("latin-1"), v) for k, v in request.scope["headers"] if k.startswith(b"trace")]
        try:
            with telemetry.span("POST /v1/captures", kind=SpanKind.SERVER, headers=trace):
                try:
                    return await self._accept(request)
                except Problem as problem:
                    if problem.kind.status >= 500:
                        raise  # the span shows an error where the gateway is at fault, not the sender
                    return answer(request, problem)
        except Problem as problem:
            return answer(request, problem)

    async def _accept(self, request: Request) -> Response:
        headers = request.headers
        station = self._tokens.station(headers.get("authorization"))
        line = said(request)
        line["station_id"] = station
        key = checked_idempotency_key(headers.get("idempotency-key"))
        check_length(headers.get("content-length"), self._limits)
        with self._place():
            admitted = await self._read(request, station, key)
            subject = admitted.capture.subject
            line |= {
                "capture_id": str(subject.capture_id),
                "item_id": subject.item_id,
                "stage": subject.stage,
            }
            line["images"] = len(admitted.images)
            line["repeat"] = await self._keep(admitted)
            told = await self._look(admitted)
        if told.quality:
            line["photos"] = {finding["camera"]: finding["problems"] for finding in told.quality}
        body = {"capture_id": str(subject.capture_id), "item_id": subject.item_id, **told.document()}
        return Response(orjson.dumps(body), status_code=202, media_type="application/json")

    async def _look(self, admitted: Admitted) -> Told:
        if self.looker is None:
            return OFF
        pairs = zip(admitted.capture.images, admitted.images, strict=True)
        photos = [(i.camera, data) for i, data in pairs if i.role is ImageRole.RGB]
        return await self.looker.look([camera for camera, _ in photos], [data for _, data in photos])

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._in_flight >= self._most_in_flight:
            raise come_again(
                Kind.BUSY, f"{self._in_flight} captures are in flight, no more are taken at once", 1
            )
        if not self._short():
            raise come_again(Kind.BUSY, f"{self._events.backlog()} events wait for the broker", 5)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    async def _read(self, request: Request, station: str, idempotency_key: str) -> Admitted:
        body = _Body(request, self._hold)
        try:
            async with asyncio.timeout(self._patience.body):
                parts = await read_parts(body.next, request.headers.get("content-type"), self._limits)
        except TimeoutError as exc:
            raise Problem(
                Kind.SLOW, f"the body took longer than {self._patience.body:g} s; send it again"
            ) from exc
        finally:
            self._buffered -= body.size
        description = read_description(parts[CAPTURE_PART].data)
        check_station(description, station)
        return admit(
            description, parts, idempotency_key=idempotency_key, limits=self._limits, now=self._clock()
        )

    async def _keep(self, admitted: Admitted) -> bool:
        """Make a capture durable and announce it; return whether it was there before."""
        event = wire.encode(admitted.capture)
        try:
            async with asyncio.timeout(self._patience.keep):
                stored = await self._store(admitted, event)
                key = event_key(admitted.capture.subject).encode()
                await self._events.publish(TOPIC, key, stored or event, telemetry.outgoing())
        except (DependencyFault, TimeoutError) as exc:
            detail = str(exc) or f"the store and the broker took longer than {self._patience.keep:g} s"
            raise come_again(Kind.DEPENDENCY, detail, 5) from exc
        return stored is not None

    async def _store(self, admitted: Admitted, event: bytes) -> bytes | None:
        """Store a capture; return the event of the one that was there first, if it was."""
        capture_id = admitted.capture.subject.capture_id
        stored = await self._stored(capture_id)
        if stored is None:
            whole = bundle.packed(admitted.images, event)
            if await self._blobs.put_new(bundle.object_key(capture_id), whole):
                return None
            stored = await self._stored(capture_id)
            if stored is None:
                raise DependencyFault("the store has a capture, and then has not; it is not consistent")
        first = wire.decode(Capture, stored)
        if not admitted.repeats(first):
            raise Problem(
                Kind.CONFLICT,
                f"the key was used for another capture (item {first.subject.item_id}, "
                f"{first.subject.captured_at.isoformat()}); use a new key for each capture",
            )
        return stored

    async def _stored(self, capture_id: UUID) -> bytes | None:
        try:
            return await bundle.event_of(self._blobs.get, capture_id)
        except DataFault as fault:
            if fault.reason != "missing_blob":
                raise
            return None

    # -- about the gateway ------------------------------------------------------------------------------------

    async def openapi(self, _: Request) -> Response:
        """GET /openapi.json."""
        return Response(self._document, media_type="application/json")

    async def live(self, _: Request) -> Response:
        """GET /live."""
        return Response(b'{"alive":true}', media_type="application/json")

    async def ready(self, _: Request) -> Response:
        """GET /ready."""
        names: Sequence[str] = tuple(self.checks)
        results = dict(zip(names, await asyncio.gather(*(self.checks[n]() for n in names)), strict=True))
        body = {"ready": all(results.values()), "checks": results, "in_flight": self._in_flight}
        status = 200 if body["ready"] else 503
        return Response(orjson.dumps(body), status_code=status, media_type="application/json")

    def _short(self) -> bool:
        # Each capture in flight has one event; more than that were given up by their requests and still wait.
        return self._events.backlog() < 4 * self._most_in_flight

    async def _backlog_is_short(self) -> bool:
        return self._short()

    async def _store_takes(self) -> bool:
        try:
            await self._blobs.put([("health/station", b"ready")])
        except DependencyFault:
            return False
        return True

    def _hold(self, size: int) -> None:
        """Count bytes that are kept in memory; refuse when all requests together keep too many."""
        self._buffered += size
        if self._buffered > max(_BUFFER_BYTES, 2 * self._limits.images * self._limits.image_bytes):
            raise come_again(Kind.BUSY, "the bodies in flight are too large together", 1)


class _Body:
    """A request's body, chunk by chunk; `hold` is told the size of each."""

    def __init__(self, request: Request, hold: Callable[[int], None]) -> None:
        self._receive = request.receive
        self._hold = hold
        self._more = True
        self.size = 0

    async def next(self) -> bytes | None:
        """Return the next chunk, None after the last."""
        if not self._more:
            return None
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Problem(Kind.MALFORMED, "the connection was closed before the end of the body")
        chunk: bytes = message.get("body", b"")
        self._more = message.get("more_body", False)
        self.size += len(chunk)
        self._hold(len(chunk))
        return chunk
