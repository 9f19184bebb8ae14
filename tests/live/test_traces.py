"""One capture of a damaged, ordered item, followed through every hop by its trace, its log lines and its metrics.

There are no producer spans: the span that handles an event is current while its effects are published, so what comes
next is a child of the work that caused it, and a hop costs one span instead of two.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from services.kernel import records as r
from services.kernel.topics import SERVICES
from services.stack.racks import Planned
from tests.live.collector import Span
from tests.live.live_mesh import Mesh, badly_damaged, eventually, in_tote

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

#: (service, span): the child, and the parent whose work caused it. The rack's own span is the root.
SERVER = ("station", "POST /v1/captures")
LOOK = ("inspect", "station.captures process")
IDENTIFY = ("identify", "captures.inspected process")
COMPARE = ("compare", "captures.identified process")
ASSESS = ("assess", "inspection.results process")
SIDELINE = ("sideline", "damage.assessments process")
ADMIT = ("sideline", "sideline.candidates process")
REKEY = ("replace", "sideline.commands process")
EDGES = {
    LOOK: SERVER,
    ("inspect", "triton capture_inspection"): LOOK,
    IDENTIFY: LOOK,
    COMPARE: IDENTIFY,
    ("compare", "triton gallery_comparison"): COMPARE,
    ASSESS: COMPARE,
    SIDELINE: ASSESS,
    ADMIT: SIDELINE,
    REKEY: ADMIT,
    ("replace", "replace.candidates process"): REKEY,
    ("dispose", "sideline.commands process"): ADMIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One capture that was sent with a trace of the rack's own."""

    planned: Planned
    trace_id: str
    rack_span: str


@pytest.fixture(scope="module")
def traced(mesh: Mesh) -> Traced:
    asked = {q.order_line_id for q in mesh.records("replacement.requests")}
    place = next(
        p for p in mesh.world.places if p.order_line_id not in asked and badly_damaged(p.product.product_id)
    )
    planned = in_tote("traced-item", place, damaged=True)
    trace_id, rack_span = secrets.token_hex(16), secrets.token_hex(8)
    answer = mesh.post(planned, datetime.now(UTC), {"traceparent": f"00-{trace_id}-{rack_span}-01"})
    assert answer.status == 202, answer.detail
    mesh.record("replacement.requests", item_id=planned.item_id)
    mesh.record("disposition.decisions", item_id=planned.item_id)
    return Traced(planned=planned, trace_id=trace_id, rack_span=rack_span)


def spans_of(mesh: Mesh, traced: Traced) -> dict[tuple[str, str], Span]:
    """Return the trace's spans, once all that are expected have come."""

    def found() -> dict[tuple[str, str], Span]:
        return {(s.service, s.name): s for s in mesh.collector.spans() if s.trace_id == traced.trace_id}

    eventually("every span has come", lambda: {SERVER, *EDGES} <= found().keys(), timeout_s=20)
    return found()


def test_the_trace_runs_from_the_rack_to_the_last_command_edge_by_edge(mesh: Mesh, traced: Traced) -> None:
    spans = spans_of(mesh, traced)
    assert spans[SERVER].parent_id == traced.rack_span
    for child, parent in EDGES.items():
        assert spans[child].parent_id == spans[parent].span_id, f"{child} is no child of {parent}"
    assert {s.span_id for s in spans.values() if s.failed} == set()


def test_the_trace_holds_no_span_that_nobody_expects(mesh: Mesh, traced: Traced) -> None:
    spans_of(mesh, traced)
    names = [(s.service, s.name) for s in mesh.collector.spans() if s.trace_id == traced.trace_id]
    assert sorted(names) == sorted({SERVER, *EDGES})


def test_batches_that_many_events_feed_link_to_each(mesh: Mesh, traced: Traced) -> None:
    spans = spans_of(mesh, traced)
    judged, admitted = spans[ASSESS], spans[ADMIT]
    for service, topic, cause in (
        ("vendors", "damage.assessments", judged),
        ("calibrate", "sideline.commands", admitted),
    ):

        def linked(service: str = service, topic: str = topic, cause: Span = cause) -> list[Span]:
            return [
                s
                for s in mesh.collector.spans()
                if (s.service, s.name) == (service, f"{topic} process batch")
                and (cause.trace_id, cause.span_id) in s.links
            ]

        assert len(eventually(f"{service} links to its cause", linked, timeout_s=20)) == 1
    counting = next(
        s
        for s in mesh.collector.spans()
        if s.service == "vendors" and (judged.trace_id, judged.span_id) in s.links
    )

    def summed() -> list[Span]:
        return [
            s
            for s in mesh.collector.spans()
            if s.service == "vendors"
            and s.name == "vendors.partials process batch"
            and (counting.trace_id, counting.span_id) in s.links
        ]

    eventually("the sum links to the count", summed, timeout_s=20)


def test_each_service_logs_one_canonical_line_per_event(mesh: Mesh, traced: Traced) -> None:
    capture = traced.planned.capture_id
    for service, topic in (
        ("inspect", "station.captures"),
        ("identify", "captures.inspected"),
        ("compare", "captures.identified"),
        ("assess", "inspection.results"),
        ("sideline", "damage.assessments"),
        ("sideline", "sideline.candidates"),
    ):
        lines = mesh.handled(service, mesh.event_of(topic, capture))
        assert len(lines) == 1, (service, topic)
        assert lines[0]["service"] == service
        assert lines[0]["outcome"] == "ok"
        assert lines[0]["attempts"] == 1
        assert 0 < lines[0]["ms"] < 60_000
        assert lines[0]["key"]
    for service, topic in (
        ("replace", "sideline.commands"),
        ("dispose", "sideline.commands"),
        ("replace", "replace.candidates"),
    ):
        event = next(e for e in mesh.events(topic) if e.record.item_id == traced.planned.item_id)
        assert [line["outcome"] for line in mesh.handled(service, event)] == ["ok"]


def test_the_gateway_logs_one_line_per_request_and_no_token(mesh: Mesh, traced: Traced) -> None:
    wanted = {"event": "request", "capture_id": str(traced.planned.capture_id)}
    lines = [line for line in mesh.lines("station") if line.items() >= wanted.items()]
    assert len(lines) == 1
    assert (lines[0]["status"], lines[0]["item_id"]) == (202, traced.planned.item_id)
    assert lines[0]["ms"] > 0
    text = mesh.stack.home.log("station").read_text(encoding="utf-8")
    assert not any(token in text for token in mesh.joined.tokens.values())


def test_every_line_of_every_service_is_json_and_none_tells_of_a_bug(mesh: Mesh, traced: Traced) -> None:
    assert traced.trace_id
    for service in SERVICES:
        lines = mesh.lines(service)
        assert all({"event", "level", "timestamp"} <= line.keys() for line in lines), service
        assert [
            line for line in lines if line["event"] in {"event.bug", "request.bug", "service.crashed"}
        ] == []


def test_metrics_arrive_from_every_service(mesh: Mesh, traced: Traced) -> None:
    assert traced.planned.truth is not None
    common = {"intact.events", "intact.in_flight", "intact.lag"}
    wanted = {service: common for service in SERVICES if service != "station"}
    wanted["station"] = {"intact.station.requests", "intact.station.duration"}
    wanted["inspect"] = common | {"intact.event.duration", "intact.triton.duration"}
    for service, names in wanted.items():

        def arrived(service: str = service, names: frozenset[str] = frozenset(names)) -> bool:
            return names <= mesh.collector.metrics(service)

        eventually(f"{service} sends {sorted(names)}", arrived, timeout_s=30)


def test_the_item_was_really_damaged_and_ordered(mesh: Mesh, traced: Traced) -> None:
    assessment = mesh.record("damage.assessments", item_id=traced.planned.item_id)
    assert assessment.damaged
    assert assessment.order_line_id is not None
    command = mesh.record("sideline.commands", item_id=traced.planned.item_id)
    assert command.action is r.SidelineAction.SIDELINE
