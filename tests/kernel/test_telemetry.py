"""Traces run on through a service, with and without an exporter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.kernel import telemetry

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INCOMING = [("traceparent", TRACEPARENT.encode()), ("tracestate", b"a=b"), ("other", b"not ours")]

#: Global state of OpenTelemetry can be set once in a process, so traced code runs in one of its own.
TRACED = """
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from services.kernel import telemetry

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
telemetry._tracer = trace.get_tracer("test")

incoming = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
with telemetry.span("process", kind=SpanKind.CONSUMER, headers=incoming, attributes={"a": 1}):
    with telemetry.span("infer"):
        inner = telemetry.outgoing()
    sent = telemetry.outgoing()
with telemetry.span("next", kind=SpanKind.CONSUMER, headers=sent):
    pass
with telemetry.span("batch", headers=(), links=[incoming, sent, [("traceparent", b"rubbish")]]):
    pass
with telemetry.span("fresh", headers=[]):
    pass
try:
    with telemetry.span("fails", headers=incoming):
        raise RuntimeError("why")
except RuntimeError:
    pass
spans = {
    s.name: {
        "trace": f"{s.context.trace_id:032x}", "span": f"{s.context.span_id:016x}",
        "parent": f"{s.parent.span_id:016x}" if s.parent else None,
        "links": [f"{l.context.span_id:016x}" for l in s.links],
        "status": s.status.status_code.name, "kind": s.kind.name, "attributes": dict(s.attributes),
    }
    for s in memory.get_finished_spans()
}
decoded = [{k: v.decode() for k, v in headers} for headers in (inner, sent)]
print(json.dumps([spans, *decoded]))
"""


def test_without_exporter_the_trace_that_came_in_is_handed_on_unchanged() -> None:
    with telemetry.span("process", headers=INCOMING):
        with telemetry.span("inner"):
            assert telemetry.outgoing() == INCOMING[:2]
        assert telemetry.outgoing() == INCOMING[:2]
    assert telemetry.outgoing() == []


def test_without_exporter_an_event_without_trace_does_not_inherit_the_one_around_it() -> None:
    with telemetry.span("process", headers=INCOMING), telemetry.span("process", headers=[]):
        assert telemetry.outgoing() == []


def test_an_error_passes_through_and_leaves_no_trace_behind() -> None:
    with pytest.raises(RuntimeError), telemetry.span("process", headers=INCOMING):
        raise RuntimeError
    assert telemetry.outgoing() == []


@pytest.fixture(scope="module")
def traced() -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", TRACED],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=60,
        check=True,
    )
    found: list[Any] = json.loads(done.stdout)
    return found


def test_with_an_exporter_spans_nest_from_the_event_that_came_in_to_the_one_that_goes_out(
    traced: list[Any],
) -> None:
    spans, inner, sent = traced
    process, infer, after = spans["process"], spans["infer"], spans["next"]
    assert process["parent"] == "b7ad6b7169203331"
    assert infer["parent"] == process["span"]
    assert after["parent"] == process["span"]
    assert {s["trace"] for s in (process, infer, after)} == {"0af7651916cd43dd8448eb211c80319c"}
    assert inner["traceparent"].split("-")[1:3] == [infer["trace"], infer["span"]]
    assert sent["traceparent"].split("-")[1:3] == [process["trace"], process["span"]]
    assert (process["kind"], process["attributes"]) == ("CONSUMER", {"a": 1})


def test_a_batch_links_to_every_event_it_stems_from_and_overlooks_a_broken_header(traced: list[Any]) -> None:
    spans = traced[0]
    assert spans["batch"]["links"] == ["b7ad6b7169203331", spans["process"]["span"]]
    assert spans["batch"]["parent"] is None


def test_an_event_without_trace_begins_one(traced: list[Any]) -> None:
    spans = traced[0]
    assert spans["fresh"]["parent"] is None
    assert spans["fresh"]["trace"] != spans["process"]["trace"]


def test_a_failed_span_says_so(traced: list[Any]) -> None:
    assert traced[0]["fails"]["status"] == "ERROR"
    assert traced[0]["process"]["status"] == "UNSET"


#: What is set in the environment, and whether spans are made then.
EXPORTERS: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
    ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
    ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
]


def test_exporters_are_silent_unless_the_environment_asks() -> None:
    code = """
import json, os, sys
from services.kernel import telemetry
def asked(environment):
    os.environ.clear()
    os.environ.update(environment)
    return telemetry._asked_for("TRACES")
print(json.dumps([asked(e) for e in json.loads(sys.argv[1])]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([environment for environment, _ in EXPORTERS])],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == [asked for _, asked in EXPORTERS]
