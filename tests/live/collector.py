"""A small OTLP/HTTP collector: keeps the spans and the metrics that services send, for tests to look at."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span; ids are hexadecimal, `links` holds the ids of the spans that it also stems from."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[tuple[str, str], ...]
    failed: bool
    attributes: Mapping[str, Any]


class Collector:
    """Listens on a loopback port of its own until it is closed. A context manager."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[Span] = []
        self._metrics: dict[str, set[str]] = {}
        handler = type("_Bound", (_Handler,), {"collector": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="collector", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def spans(self) -> Sequence[Span]:
        """Return all spans so far."""
        with self._lock:
            return tuple(self._spans)

    def metrics(self, service: str) -> frozenset[str]:
        """Return the names of the metrics that a service has sent."""
        with self._lock:
            return frozenset(self._metrics.get(service, ()))

    def take_traces(self, body: bytes) -> None:
        """Keep the spans of one export."""
        request = ExportTraceServiceRequest.FromString(body)
        found = [
            _span(_service(group.resource.attributes), span)
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += found

    def take_metrics(self, body: bytes) -> None:
        """Keep the names of the metrics of one export."""
        request = ExportMetricsServiceRequest.FromString(body)
        with self._lock:
            for group in request.resource_metrics:
                names = self._metrics.setdefault(_service(group.resource.attributes), set())
                names |= {metric.name for scope in group.scope_metrics for metric in scope.metrics}


class _Handler(BaseHTTPRequestHandler):
    collector: ClassVar[Collector]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        take = {"/v1/traces": self.collector.take_traces, "/v1/metrics": self.collector.take_metrics}
        take[self.path](body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _service(attributes: Iterable[Any]) -> str:
    name: str = next(a.value.string_value for a in attributes if a.key == "service.name")
    return name.removeprefix("intact-")


def _span(service: str, span: Any) -> Span:
    return Span(
        service=service,
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == 2,
        attributes={a.key: a.value.string_value or a.value.int_value for a in span.attributes},
    )
