"""Logs, traces and metrics, set up in one place and silent unless the environment asks for them.

* Logs: structlog, one JSON line per event, to stdout.
* Traces: on when ``OTEL_TRACES_EXPORTER=otlp`` or ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set. Without an exporter no span
  is made, but the W3C ``traceparent`` that came in is handed on, so that a traced neighbour's trace stays whole.
* Metrics: on when ``OTEL_METRICS_EXPORTER=otlp`` or that endpoint is set.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import structlog
import structlog.tracebacks
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping

_PROPAGATED = ("traceparent", "tracestate")

#: Trace headers of the event that the running task works on.
_incoming: contextvars.ContextVar[tuple[tuple[str, bytes], ...]] = contextvars.ContextVar(
    "incoming", default=()
)
_tracer: trace.Tracer | None = None


def _asked_for(signal: str) -> bool:
    exporter = os.environ.get(f"OTEL_{signal}_EXPORTER", "")
    if exporter:
        return exporter == "otlp"
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))


def configure(service: str, level: str = "INFO") -> None:
    """Set up logs, and traces and metrics where the environment names an exporter."""
    _configure_logs(service, level)
    if _asked_for("TRACES"):
        _configure_traces(service)
    if _asked_for("METRICS"):
        _configure_metrics(service)


def _configure_logs(service: str, level: str) -> None:
    number = logging.getLevelNamesMapping()[level.upper()]

    # Without the values of local variables: they are pictures and records, a megabyte a line.
    explained = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )

    def rendered(logger: object, method: str, line: MutableMapping[str, Any]) -> bytes:
        # One step instead of structlog's six: each event of each service ends with a line.
        if "exc_info" in line:
            line = explained(logger, method, line)
        # Not a context variable: those do not reach what librdkafka's threads call.
        line["service"] = service
        line["level"] = "error" if method == "exception" else method
        line["timestamp"] = datetime.now(UTC)
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z)

    structlog.configure(
        processors=[rendered],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard library. Below WARNING they are switched off before a record is built:
    # Faust and its driver would otherwise spend a tenth of a hop's time on records nobody reads.
    logging.disable(logging.INFO)
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)


class _ToStructlog(logging.Handler):
    """Carries the standard library's warnings and errors into the same JSON stream."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
        )


def _configure_traces(service: str) -> None:
    global _tracer  # noqa: PLW0603 (one tracer per process, as OpenTelemetry has it)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"intact-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _tracer = trace.get_tracer("intact")


def _configure_metrics(service: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

    metrics.set_meter_provider(
        MeterProvider(
            resource=Resource.create({"service.name": f"intact-{service}"}),
            metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter())],
        )
    )


def shut_down() -> None:
    """Send what is buffered."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        stop = getattr(provider, "shutdown", None)
        if stop is not None:
            stop()


@contextlib.contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    headers: Iterable[tuple[str, bytes]] | None = None,
    links: Iterable[Iterable[tuple[str, bytes]]] = (),
    attributes: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Work under a span that continues the trace of `headers` (Kafka or HTTP), or the current one when None.

    `links` are the headers of further events that this work also stems from.
    """
    received = tuple((k, v) for k, v in headers if k in _PROPAGATED) if headers is not None else None
    token = _incoming.set(received) if received is not None else None
    try:
        if _tracer is None:
            yield
            return
        parent = propagate.extract(_carrier(received)) if received is not None else None
        contexts = [trace.get_current_span(propagate.extract(_carrier(h))).get_span_context() for h in links]
        with _tracer.start_as_current_span(
            name,
            context=parent,
            kind=kind,
            attributes=dict(attributes or {}),
            links=[trace.Link(c) for c in contexts if c.is_valid],
        ) as current:
            try:
                yield
            except Exception as exc:
                current.set_status(Status(StatusCode.ERROR, str(exc)))
                raise
    finally:
        if token is not None:
            _incoming.reset(token)


def _carrier(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    return {k: v.decode("ascii", "replace") for k, v in headers}


def outgoing() -> list[tuple[str, bytes]]:
    """Headers that carry the current trace on to the next service."""
    if _tracer is None:
        return list(_incoming.get())
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return [(k, v.encode()) for k, v in carrier.items()]


def meter() -> metrics.Meter:
    """The process's meter; without an exporter its instruments do nothing."""
    return metrics.get_meter("intact")
