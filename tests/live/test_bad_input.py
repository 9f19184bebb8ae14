"""Whatever is wrong with an event or a request, it is put aside with a reason that a person understands.

Events are put straight onto the topics, past the gateway, as a faulty or foreign producer would. All are sent first,
so that each test looks at its own, and the last tests show that nothing was stopped or lost on the way.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from services.kernel import records as r
from services.kernel import wire
from services.kernel.topics import PARTITIONS, QUARANTINE_INLINE_BYTES, SERVICES, TOPICS
from services.stack import mesh as services
from services.stack import racks
from services.stack.commands.quarantine import prepare
from services.stack.problems import Problem
from services.stack.racks import STATION
from services.stack.reading import fetch_from
from services.stack.world import Message
from tests.live.live_mesh import Mesh, eventually, in_tote, place_of, shown
from tests.station.rack import Shot, depth, depth_shot, description, jpeg, png

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Donor:
    """A good capture as it stands in each topic; bad ones are made of it."""

    capture: r.Capture
    inspection: r.Inspection
    identification: r.Identification
    result: r.InspectionResult
    picture: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A bad event: where it is put, who must put it aside, why, and what it says to a person."""

    name: str
    topic: str
    service: str
    reason: str
    says: str
    value: Callable[[Mesh, Donor], bytes | None]
    key: bytes | None = None
    #: Where it is put aside, if not at the topic itself, and under which key.
    held_at: str | None = None
    held_key: bytes | None = None
    keyless: bool = False

    @property
    def sent_key(self) -> bytes | None:
        return self.key if self.keyless or self.key is not None else f"bad-{self.name}".encode()


# -- making bad events -----------------------------------------------------------------------------------------


def fresh(subject: r.Subject, **changes: Any) -> r.Subject:
    capture_id = uuid4()
    changes = {"item_id": f"bad-{capture_id}"} | changes
    return replace(subject, capture_id=capture_id, **changes)


def of_capture(**changes: Any) -> Callable[[Mesh, Donor], bytes]:
    def value(_: Mesh, donor: Donor) -> bytes:
        return wire.encode(replace(donor.capture, subject=fresh(donor.capture.subject), **changes))

    return value


def of_image(**changes: Any) -> Callable[[Mesh, Donor], bytes]:
    def value(_: Mesh, donor: Donor) -> bytes:
        images = (replace(donor.capture.images[0], **changes),)
        return wire.encode(replace(donor.capture, subject=fresh(donor.capture.subject), images=images))

    return value


def of_picture(make: Callable[[Donor], bytes]) -> Callable[[Mesh, Donor], bytes]:
    """A capture whose stored picture is bad, under a right checksum."""

    def value(mesh: Mesh, donor: Donor) -> bytes:
        data = make(donor)
        digest = hashlib.sha256(data).hexdigest()
        key = f"images/bad/{digest}.jpg"
        mesh.store((key, data))
        return of_image(key=key, size=len(data), sha256=digest)(mesh, donor)

    return value


def of_inspection(**changes: Any) -> Callable[[Mesh, Donor], bytes]:
    def value(_: Mesh, donor: Donor) -> bytes:
        return wire.encode(
            replace(donor.inspection, **({"subject": fresh(donor.inspection.subject)} | changes))
        )

    return value


def of_result(change: Callable[[r.InspectionResult], r.InspectionResult]) -> Callable[[Mesh, Donor], bytes]:
    def value(_: Mesh, donor: Donor) -> bytes:
        return wire.encode(change(replace(donor.result, subject=fresh(donor.result.subject))))

    return value


def with_vendor(result: r.InspectionResult, vendor_id: str) -> r.InspectionResult:
    assert result.product is not None
    return replace(result, product=replace(result.product, vendor_id=vendor_id))


def tote_nobody_knows(_: Mesh, donor: Donor) -> bytes:
    return wire.encode(replace(donor.inspection, subject=fresh(donor.inspection.subject, tote_id="T-nobody")))


def product_nobody_knows(_: Mesh, donor: Donor) -> bytes:
    subject = fresh(donor.identification.subject)
    return wire.encode(replace(donor.identification, subject=subject, product_id="P-nobody"))


def features_that_are_gone(_: Mesh, donor: Donor) -> bytes:
    subject = fresh(donor.identification.subject)
    return wire.encode(replace(donor.identification, subject=subject, features_key="features/gone.icf"))


def enrolment_of_nothing(_: Mesh, donor: Donor) -> bytes:
    subject = fresh(donor.inspection.subject, enrol_product_id="P-nobody")
    return wire.encode(replace(donor.inspection, subject=subject))


def order_nobody_knows(_: Mesh, donor: Donor) -> bytes:
    subject, now = donor.result.subject, datetime.now(UTC)
    return wire.encode(
        r.SidelineCommand(
            command_id=uuid4(),
            item_id="bad-order",
            revision=1,
            action=r.SidelineAction.SIDELINE,
            assessment_id=uuid4(),
            center_id=subject.center_id,
            stage=subject.stage,
            product_id=donor.result.product_id,
            product=donor.result.product,
            order_line_id="OL-nobody",
            damaged=True,
            severity=r.Severity.MAJOR,
            defect_types=("penetration",),
            reason="made up",
            deadline_at=now,
            decided_at=now,
        )
    )


def label_of_nothing(*_: object) -> bytes:
    return wire.encode(
        r.Label(
            label_id=uuid4(),
            item_id="nobody",
            verdict=r.Verdict.INTACT,
            severity=r.Severity.NONE,
            annotator="A17",
            labelled_at=datetime.now(UTC),
        )
    )


def large_header() -> bytes:
    """A PNG that says 50 000 x 50 000 pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    empty = chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + empty


LARGE = b"no Avro, and a lot of it. " * 36_000

CAPTURES: Sequence[Case] = [
    Case(name=name, topic="station.captures", service="inspect", reason=reason, says=says, value=value)
    for name, reason, says, value in (
        ("no-avro", "not_avro", "no Avro single-object encoding", lambda *_: b"hello"),
        ("nothing", "not_avro", "begins with nothing", lambda *_: b""),
        ("unknown-schema", "unknown_schema", "not a known Capture", lambda *_: b"\xc3\x01" + bytes(8) + b"x"),
        ("another-record", "unknown_schema", "not a known Capture", label_of_nothing),
        ("cut-off", "bad_avro", "is no Capture", lambda m, d: of_capture()(m, d)[:-9]),
        ("too-long", "bad_avro", "left over", lambda m, d: of_capture()(m, d) + b"??"),
        ("no-image", "no_image", "no RGB image", of_capture(images=())),
        (
            "missing-image",
            "missing_blob",
            "nothing is stored under images/gone.jpg",
            of_image(key="images/gone.jpg"),
        ),
        ("wrong-checksum", "checksum", "not what the station stored", of_image(sha256="0" * 64)),
        ("negative-size", "checksum", "-1 expected", of_image(size=-1)),
        ("climbing-key", "bad_store_key", "not allowed", of_image(key="images/../../../etc/passwd")),
        ("absolute-key", "bad_store_key", "not allowed", of_image(key="/etc/passwd")),
        ("truncated-jpeg", "bad_image", "cut off", of_picture(lambda d: d.picture[: len(d.picture) // 2])),
        ("zero-byte-file", "bad_image", "empty", of_picture(lambda _: b"")),
        ("huge-header", "bad_image", "50000 x 50000|too large", of_picture(lambda _: large_header())),
        ("no-picture", "bad_image", "neither JPEG nor PNG", of_picture(lambda _: b"GIF89a" + bytes(50))),
        ("depth-as-colour", "bad_image", "depth image", of_picture(lambda _: depth())),
        ("tombstone", "tombstone", "nothing in it can be deleted", lambda *_: None),
    )
]
KEYS: Sequence[Case] = [
    Case(
        name=name,
        topic="station.captures",
        service="inspect",
        reason=reason,
        says=says,
        value=of_capture(),
        key=key,
        keyless=True,
    )
    for name, key, reason, says in (
        ("empty-key", b"", "empty_key", "keyed by tote, else item"),
        ("no-key", None, "empty_key", "keyed by tote, else item"),
        ("key-not-utf8", b"\xff\xfe\x00", "bad_key", "not UTF-8: fffe00"),
    )
]
ROWS: Sequence[Case] = [
    Case(
        name="unknown-tote",
        topic="captures.inspected",
        service="identify",
        reason="unknown_tote",
        says="T-nobody has no manifest; send it to totes.manifests, then retry",
        value=tote_nobody_knows,
    ),
    Case(
        name="unknown-product",
        topic="captures.identified",
        service="compare",
        reason="unknown_product",
        says="P-nobody is not in catalog.products; send it there, then retry",
        value=product_nobody_knows,
    ),
    Case(
        name="unknown-product-enrolled",
        topic="gallery.enrolments",
        service="gallery",
        reason="unknown_product",
        says="P-nobody is not in catalog.products; send it there, then retry",
        value=enrolment_of_nothing,
        key=b"P-nobody",
    ),
    Case(
        name="unknown-vendor",
        topic="inspection.results",
        service="assess",
        reason="unknown_vendor",
        says="V-nobody is not in vendors.profiles; send it there, then retry",
        value=of_result(lambda result: with_vendor(result, "V-nobody")),
    ),
    Case(
        name="unknown-order",
        topic="sideline.commands",
        service="replace",
        reason="unknown_order",
        says="OL-nobody is not in orders.lines; send it there, then retry",
        value=order_nobody_knows,
        held_at="replace.candidates",
        held_key=b"OL-nobody",
    ),
    Case(
        name="unknown-item",
        topic="review.labels",
        service="assess",
        reason="unknown_item",
        says="nobody has no assessment",
        value=label_of_nothing,
    ),
]
NUMBERS: Sequence[Case] = [
    Case(
        name="score-nan",
        topic="inspection.results",
        service="assess",
        reason="bad_scores",
        says="the score damaged is nan, not a probability",
        value=of_result(lambda result: replace(result, scores=replace(result.scores, damaged=math.nan))),
    ),
    Case(
        name="score-negative",
        topic="inspection.results",
        service="assess",
        reason="bad_scores",
        says="the score major is -0.5, not a probability",
        value=of_result(lambda result: replace(result, scores=replace(result.scores, major=-0.5))),
    ),
    Case(
        name="embedding-nan",
        topic="captures.inspected",
        service="identify",
        reason="bad_embedding",
        says="no finite numbers",
        value=of_inspection(embedding=b"\x00\x7e" * 256),
    ),
    Case(
        name="embedding-short",
        topic="captures.inspected",
        service="identify",
        reason="bad_embedding",
        says="7 bytes, not 512",
        value=of_inspection(embedding=b"seven b"),
    ),
    Case(
        name="features-gone",
        topic="captures.identified",
        service="compare",
        reason="missing_blob",
        says="nothing is stored under features/gone.icf",
        value=features_that_are_gone,
    ),
]
LARGE_CASE = Case(
    name="900-kilobytes",
    topic="station.captures",
    service="inspect",
    reason="not_avro",
    says="no Avro single-object encoding",
    value=lambda *_: LARGE,
)
CASES = (*CAPTURES, *KEYS, *ROWS, *NUMBERS, LARGE_CASE)


# -- sending them ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was put onto the topics, by the name of its case."""

    values: dict[str, bytes | None] = field(default_factory=dict)


@pytest.fixture(scope="module")
def donor(mesh: Mesh) -> Donor:
    good = in_tote("donor", place_of(mesh.world, 30))
    mesh.run([good])
    return Donor(
        capture=mesh.event_of("station.captures", good.capture_id).record,
        inspection=mesh.event_of("captures.inspected", good.capture_id).record,
        identification=mesh.event_of("captures.identified", good.capture_id).record,
        result=mesh.event_of("inspection.results", good.capture_id).record,
        picture=good.photos[0].data,
    )


@pytest.fixture(scope="module")
def sent(mesh: Mesh, donor: Donor) -> Sent:
    values = {case.name: case.value(mesh, donor) for case in CASES}
    messages: list[Message] = [(case.topic, case.sent_key, values[case.name], []) for case in CASES]
    mesh.publish(*messages)
    return Sent(values=values)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_event_ends_in_the_quarantine_of_its_consumer(mesh: Mesh, sent: Sent, case: Case) -> None:
    value = sent.values[case.name]

    def is_it(held: r.Quarantined) -> bool:
        if case.held_at is not None:
            return held.key == case.held_key
        stored = value is not None and len(value) > QUARANTINE_INLINE_BYTES
        # Kafka's client hands on an empty key and no key alike.
        return (held.key or None, held.value) == (case.sent_key or None, None if stored else value)

    held = mesh.quarantined(case.held_at or case.topic, case.service, is_it)
    assert held.reason == case.reason
    assert any(part in held.message for part in case.says.split("|")), held.message
    assert held.service == case.service


def test_what_is_too_large_for_an_event_is_kept_in_the_store(mesh: Mesh, sent: Sent) -> None:
    held = mesh.quarantined("station.captures", "inspect", lambda q: q.key == LARGE_CASE.sent_key)
    assert held.value is None
    assert held.value_key is not None
    assert fetch_from(mesh.joined.store)(held.value_key) == sent.values[LARGE_CASE.name] == LARGE


def test_ten_megabytes_are_refused_before_they_are_sent(mesh: Mesh) -> None:
    with pytest.raises(Problem, match=r"(?i)did not take the events.*(too.large|size)"):
        mesh.publish(("station.captures", b"large", bytes(10_000_000), []))


def test_each_consumer_of_a_topic_puts_a_bad_event_into_a_quarantine_of_its_own(mesh: Mesh) -> None:
    mesh.publish(("damage.assessments", b"bad-assessment", b"hello", []))
    for service in ("sideline", "vendors", "gallery"):
        held = mesh.quarantined("damage.assessments", service, lambda q: q.key == b"bad-assessment")
        assert held.reason == "not_avro"


def test_a_bad_row_is_left_out_by_who_reads_the_topic_as_a_table_from_its_beginning(mesh: Mesh) -> None:
    mesh.publish(("damage.assessments", b"bad-row", b"hello", []))
    mesh.stack.restart("assess")
    row = {"event": "view.bad_row", "topic": "damage.assessments", "service": "assess"}
    found = eventually(
        "assess says so", lambda: [x for x in mesh.lines("assess") if x.items() >= row.items()]
    )
    assert "no Avro" in found[0]["error"]
    assert services.get(mesh.stack.service("assess").health_port, "/ready") == 200


# -- the gateway -----------------------------------------------------------------------------------------------

Post = Callable[..., httpx.Response]


@pytest.fixture
def post(mesh: Mesh) -> Post:
    def send(
        *shots: Shot, key: str | None = None, said: bytes | None = None, **changes: Any
    ) -> httpx.Response:
        changes = {"station_id": STATION, "captured_at": datetime.now(UTC).isoformat()} | changes
        text = said if said is not None else json.dumps(description(shots, **changes)).encode()
        files: list[Any] = [("capture", (None, text, "application/json"))]
        files += [(s.part, (s.filename, s.data, s.media_type)) for s in shots]
        headers = {
            "Authorization": f"Bearer {mesh.joined.tokens[STATION]}",
            "Idempotency-Key": key or str(uuid4()),
        }
        url = f"{mesh.joined.station_url}/v1/captures"
        return httpx.post(url, files=files, headers=headers, timeout=30, trust_env=False)

    return send


NOW = datetime.now(UTC)
REFUSED: Sequence[tuple[str, Shot, dict[str, Any], int, str]] = [
    ("png-named-jpeg", Shot(data=png()), {}, 422, "image/png by its content"),
    ("truncated-jpeg", Shot(data=jpeg()[:-9]), {}, 422, "cut off"),
    ("zero-byte-file", Shot(data=b""), {}, 422, "front"),
    (
        "huge-header",
        Shot(data=large_header(), media_type="image/png", filename="a.png"),
        {},
        422,
        "50000 x 50000",
    ),
    ("wrong-checksum", Shot(said={"sha256": "0" * 64}), {}, 422, "SHA-256"),
    ("another-size", Shot(said={"width": 64, "height": 64}), {}, 422, "not 64 x 64"),
    ("negative-width", Shot(said={"width": -3}), {}, 422, "width"),
    ("nan-width", Shot(said={"width": math.nan}), {}, 422, "width"),
    ("captured-in-1970", Shot(), {"captured_at": "1970-01-01T00:00:00Z"}, 422, "before 2020"),
    ("captured-in-2100", Shot(), {"captured_at": "2100-01-01T00:00:00Z"}, 422, "ahead"),
    ("climbing-camera", Shot(camera="../../etc"), {}, 422, "camera"),
    ("ten-megabytes", Shot(data=jpeg() + bytes(10_000_000)), {}, 413, "larger than"),
]


@pytest.mark.parametrize(
    ("shot", "changes", "status", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_the_gateway_refuses_with_a_problem_that_says_what_to_mend(
    post: Post, shot: Shot, changes: dict[str, Any], status: int, says: str
) -> None:
    answer = post(shot, **changes)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def test_depth_of_another_size_than_declared_is_refused(post: Post) -> None:
    answer = post(Shot(), depth_shot(depth(32, 24), width=64, height=48))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "32 x 24 pixels, not 64 x 48" in answer.json()["detail"]


def test_an_image_that_is_declared_and_not_sent_is_refused(post: Post) -> None:
    said = description(
        [Shot(), Shot(part="side", camera="side")], station_id=STATION, captured_at=NOW.isoformat()
    )
    answer = post(Shot(), said=json.dumps(said).encode())
    assert answer.status_code == 422
    assert "no part 'side'" in answer.json()["detail"]


def test_another_capture_under_a_used_key_is_a_conflict_and_a_repeat_is_none(post: Post) -> None:
    key, when = str(uuid4()), NOW.isoformat()
    first = post(Shot(), key=key, captured_at=when, tote_id=None)
    again = post(Shot(), key=key, captured_at=when, tote_id=None)
    other = post(Shot(data=jpeg(colour=200)), key=key, captured_at=when, tote_id=None)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert first.json() == again.json()
    assert "use a new key" in other.json()["detail"]


# -- sent again, and what is left ------------------------------------------------------------------------------


def test_an_event_that_missed_a_row_is_processed_when_it_is_sent_again_after_the_row(mesh: Mesh) -> None:
    place = place_of(mesh.world, 31)
    late = shown("late-tote", place.product.product_id, tote_id="T-late", barcode=place.product.barcode)
    submitted = mesh.drive([late])
    topic = "captures.inspected.identify.quarantine"

    def find() -> list[Any]:
        return [e for e in mesh.events(topic) if e.capture_id == late.capture_id]

    held = eventually("identify puts it aside", find)[0]
    assert held.record.reason == "unknown_tote"
    report = mesh.observer.report(submitted)
    assert (report.quarantined, report.lost) == (1, 0)

    entry = r.ManifestEntry(product_id=place.product.product_id, order_line_id=None, quantity=1)
    mesh.publish_record("totes.manifests", "T-late", r.Manifest(tote_id="T-late", entries=(entry,)))
    messages, refused = prepare([held], fetch_from(mesh.joined.store), {})
    assert refused == []
    mesh.publish(*messages)

    assessment = mesh.record("damage.assessments", item_id="late-tote")
    assert assessment.product_id == place.product.product_id
    assert mesh.observer.settle(submitted)
    report = mesh.observer.report(submitted)
    assert (report.assessed, report.quarantined, report.lost, report.doubled) == (1, 0, 0, 0)


def test_good_captures_after_all_that_are_assessed_on_every_partition(mesh: Mesh, sent: Sent) -> None:
    assert sent.values
    planned = racks.plan(mesh.world, 24, seed=8)
    submitted = mesh.run(planned)
    events = [mesh.event_of("station.captures", p.capture_id) for p in planned]
    assert {e.partition for e in events} == set(range(PARTITIONS))
    report = mesh.observer.report(submitted)
    assert (report.assessed, report.quarantined, report.lost, report.doubled) == (len(planned), 0, 0, 0)


def test_nothing_was_stopped_and_no_bad_event_is_waited_for(mesh: Mesh, sent: Sent) -> None:
    assert sent.values
    for service in SERVICES:
        assert services.get(mesh.stack.service(service).health_port, "/live") == 200, service
    pairs = [(service, topic.name) for topic in TOPICS for service in topic.consumers]
    for service, topic in pairs:
        eventually(
            f"{service} has finished {topic}",
            lambda service=service, topic=topic: behind(mesh, service, topic) == 0,  # type: ignore[misc]
        )


def behind(mesh: Mesh, service: str, topic: str) -> int:
    """Events of a topic that a service has not committed."""
    consumer = Consumer({"bootstrap.servers": mesh.joined.brokers, "group.id": f"intact-{service}"})
    try:
        places = [TopicPartition(topic, n) for n in range(PARTITIONS)]
        ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
        committed = consumer.committed(places, timeout=10)
        return sum(end - max(0, place.offset) for end, place in zip(ends, committed, strict=True))
    finally:
        consumer.close()


def test_no_reason_is_a_bug(mesh: Mesh, sent: Sent) -> None:
    assert sent.values
    held = [e.record for e in mesh.observer.observed() if isinstance(e.record, r.Quarantined)]
    assert [q.message for q in held if q.reason in {"bug", "dependency"}] == []
    assert all(q.quarantined_at - NOW < timedelta(hours=1) for q in held)
