"""One log line and one count per request, whatever becomes of it."""

import time
from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel import telemetry
from services.station.problems import PROBLEM_JSON, Problem

log = structlog.get_logger(__name__)


def said(request: Request) -> dict[str, Any]:
    """Return the fields of this request's log line, to be added to; never tokens."""
    line: dict[str, Any] = request.scope["state"]["line"]
    return line


def answer(request: Request, problem: Problem) -> Response:
    """Return the response that tells a problem, and say so in the log line."""
    said(request).update(problem=problem.kind.code, detail=problem.detail)
    return Response(
        orjson.dumps(problem.document()),
        status_code=problem.kind.status,
        headers=problem.headers,
        media_type=PROBLEM_JSON,
    )


class Canonical:
    """The outermost layer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        meter = telemetry.meter()
        self._count = meter.create_counter("intact.station.requests", description="Requests by status.")
        self._seconds = meter.create_histogram(
            "intact.station.duration", unit="s", description="Answer time."
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        line: dict[str, Any] = {"method": scope["method"], "path": scope["path"][:200]}
        scope.setdefault("state", {})["line"] = line
        status, finished = 0, False

        async def sending(message: Message) -> None:
            nonlocal status, finished
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            finished = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception("request.bug", **line)
            if not finished:  # only closing the connection tells the client
                raise
        seconds = time.perf_counter() - began
        self._count.add(1, {"status": status})
        self._seconds.record(seconds, {"status": status})
        if scope["path"] in {"/live", "/ready"} and status == 200:
            return
        level = log.warning if status >= 500 else log.info
        level("request", **line, status=status, ms=round(seconds * 1000, 2))
