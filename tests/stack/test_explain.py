from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

from services.assess import decide
from services.assess.identity import Correction
from services.assess.labels import from_label
from services.assess.tolerance import Evidence
from services.dispose.decide import disposition
from services.kernel import records as r
from services.kernel import wire
from services.stack.commands import explain
from services.stack.evidence import Matters, Read, Story, gather
from services.stack.problems import Problem
from services.stack.reading import Raw
from services.stack.world import POLICIES
from tests import samples as s

CAPTURE = s.uid("capture of item-1")
RESULT = s.result(
    scores=s.scores(0.93, penetration=0.81, major=0.9),
    subject=s.subject(tote_id="T1", barcode="barcode of P1", stage=r.Stage.PACK),
    product=s.facts(category="toy"),
    candidates=(r.Candidate(product_id="P1", confidence=0.9), r.Candidate(product_id="P7", confidence=0.31)),
    versions={
        "model.damage_classifier": "3+abc",
        "model.gallery_encoder": "2+def",
        "row.totes.manifests": "0@0",
        "row.catalog.products": "0@0",
        "row.gallery.references": "none",
    },
)
HOUSE = next(p for p in POLICIES if p.policy_id == "house")


class Topics:
    """Topics in memory, one partition each; what is put comes a second later than what was put before."""

    def __init__(self) -> None:
        self.raws: dict[str, list[Raw]] = {}
        self.at_ms = round(s.NOON.timestamp() * 1000)
        self.yielded = 0

    def put(self, topic: str, key: str, record: Any) -> None:
        rows = self.raws.setdefault(topic, [])
        self.at_ms += 1000
        value = None if record is None else wire.encode(record)
        rows.append((topic, 0, len(rows), self.at_ms, key.encode(), value))

    def read(self, topics: Sequence[str], matters: Matters) -> Iterator[Raw]:
        for topic in topics:
            for raw in self.raws.get(topic, []):
                if matters(topic, raw[4] or b"", raw[5] or b""):
                    self.yielded += 1
                    yield raw


def whole_day() -> tuple[Topics, r.Assessment]:
    """A damaged item with all that came of it, amid other items."""
    topics = Topics()
    topics.put(
        "totes.manifests",
        "T1",
        r.Manifest(tote_id="T1", entries=(r.ManifestEntry(product_id="P1", order_line_id="L1", quantity=1),)),
    )
    topics.put("catalog.products", "P1", s.product(title="Kite, red"))
    topics.put("vendors.profiles", "V1", r.Vendor(vendor_id="V1", name="Alder & Sons"))
    topics.put("orders.lines", "L1", s.order_line())
    topics.put("policies.tolerability", "house", HOUSE)
    for n in range(2, 30):
        topics.put("damage.assessments", f"other-{n}", s.assessment(f"other-{n}"))
    image = r.Image(
        camera="top",
        role=r.ImageRole.RGB,
        width=320,
        height=240,
        media_type="image/jpeg",
        size=9,
        key="images/a.jpg",
        sha256="0" * 64,
    )
    topics.put(
        "station.captures", "T1", r.Capture(subject=RESULT.subject, received_at=s.NOON, images=(image,))
    )
    topics.put("captures.inspected", "T1", s.inspection(RESULT.subject, scores=RESULT.scores))
    topics.put(
        "captures.identified",
        "P1",
        r.Identification(
            subject=RESULT.subject, scores=RESULT.scores, features_key="f", product_id="P1",
            method=r.IdentityMethod.BARCODE, confidence=0.9, candidates=RESULT.candidates, order_line_id="L1",
            versions=RESULT.versions,
        ),
    )  # fmt: skip
    topics.put("inspection.results", "item-1", RESULT)
    rows = decide.Rows(
        policies=POLICIES, policy_row=lambda _: "0@0", line=s.order_line(),
        versions={"row.orders.lines": "0@0", "row.vendors.profiles": "0@0"},
    )  # fmt: skip
    made = decide.from_result(RESULT, None, rows, s.ALONE, s.NOON)
    topics.put("damage.assessments", "item-1", made)
    event = decide.event_for(made)
    topics.put("damage.events", "item-1", event)
    told = s.command(
        reason=made.reason, product=made.product, stage=made.subject.stage, defect_types=made.defect_types
    )
    topics.put("sideline.commands", "item-1", told)
    topics.put("sideline.decisions", "item-1", sidelined(made))
    topics.put("replacement.requests", "L1", replacement())
    known = disposition(told, None, POLICIES, s.NOON)
    topics.put("disposition.decisions", "item-1", known)
    verdict = s.label(verdict=r.Verdict.INTACT, annotator="ann")
    topics.put("review.labels", "item-1", verdict)
    relabelled = from_label(verdict, made, s.NOON + timedelta(hours=3))
    topics.put("damage.assessments", "item-1", relabelled)
    back = s.command(action=r.SidelineAction.RELEASE, revision=2, damaged=False, verdict=r.Verdict.INTACT)
    topics.put("sideline.commands", "item-1", back)
    topics.put("disposition.decisions", "item-1", disposition(back, known, POLICIES, s.NOON))
    return topics, made


def sidelined(made: r.Assessment) -> r.SidelineDecision:
    return r.SidelineDecision(
        decision_id=s.uid("d"), item_id="item-1", revision=1, assessment_id=made.assessment_id, center_id="FRA1",
        stage=r.Stage.PACK, action=r.SidelineAction.SIDELINE, probability=0.93, threshold=0.777, threshold_version=5,
        reason="Over the threshold.", deadline_at=s.NOON, decided_at=s.NOON,
    )  # fmt: skip


def replacement() -> r.ReplacementRequest:
    return r.ReplacementRequest(
        request_id=s.uid("r"), order_line_id="L1", order_id="O1", item_id="item-1", revision=1, product_id="P1",
        quantity=1, status=r.RequestStatus.REQUESTED, reason="It was sidelined.", decided_at=s.NOON,
        claims=(r.Claim(item_id="item-1", revision=1, wanted=True),),
    )  # fmt: skip


def said(read: Read) -> tuple[Story, str]:
    story = gather(read, CAPTURE)
    console = Console(record=True, width=220, highlight=False)
    explain.tell(console, story)
    return story, console.export_text()


def test_everything_that_led_to_a_decision_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    topics, made = whole_day()
    _, text = said(topics.read)
    capsys.readouterr()
    for part in (
        f"Capture {CAPTURE} of item item-1",
        "FRA1, pack, station station-1",
        "top (rgb, 320x240) images/a.jpg",
        "0.930",  # the classifier
        "damage_classifier  3+abc",
        "P1 by barcode, confidence 0.90",
        "0.310",  # the second candidate
        "version 3, 2 references held against it",
        "by 40 local features",
        "house, version 1",
        "damaged, major (penetration)",
        "Alder & Sons",
        "Kite, red, toys, cardboard, 1 to a set, 20.00, of V1",
        "1 x P1 for L1",
        "1 x P1 of order O1",
        "there was none",  # the gallery's row
        "sideline at threshold 0.777 (version 5): Over the threshold.",
        "requested 1 x P1 for order line L1",
        "ann finds it intact",
        "A person found it intact.",
        "resell at 20.00, confirmed by a person",
        "1 of 2",
        "intact, by ann",
    ):
        assert part in text, part
    assert made.reason[:60] in text


def test_how_it_stands_is_said_before_how_it_came_to_that(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = said(whole_day()[0].read)
    capsys.readouterr()
    short = text[text.index("In short") : text.index("What the models saw")]
    for part in (
        "the item      P1: intact, ann says",
        "the belt      sideline: Over the threshold.",
        "the order     requested: 1 x P1 for order line L1",
        "what is done  resell, confirmed by a person",
    ):
        assert part in short, part


def test_it_is_told_in_order_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = said(whole_day()[0].read)
    capsys.readouterr()
    timeline = text[text.index("In order of time") :]
    places = [
        timeline.index(word)
        for word in (
            "accepted with", "inspected:", "identified:", "compared", "told: detected", "command to the belt: sideline",
            "requested 1", "ann finds it", "command to the belt: release", "resell",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_a_wrong_barcode_and_what_a_person_said_of_it_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    topics, made = whole_day()
    wrong = {"scanned_product_id": "P7", "barcode_check": r.BarcodeCheck.WRONG}
    topics.put("inspection.results", "item-1", dataclasses.replace(RESULT, **wrong))
    del topics.raws["inspection.results"][0]
    known = dataclasses.replace(made, **wrong)
    named = s.label(product_id="P7", identity_only=True, annotator="bob")
    seen = Evidence(scores=known.scores, probability=known.probability)
    correction = Correction(product=s.product("P7"), evidence=seen, order_line_id="L7")
    topics.put("review.labels", "item-1", named)
    topics.put(
        "damage.assessments",
        "item-1",
        dataclasses.replace(
            from_label(named, known, s.NOON + timedelta(hours=3), correction), revision=3, cause_id=s.uid("3")
        ),
    )
    _, text = said(topics.read)
    capsys.readouterr()
    for part in (
        "of P7: WRONG, it is P1",
        "a person says  P7 (bob)",
        "not for        L1",
        "bob says that it is P7",
    ):
        assert part in text, part


def test_what_is_about_other_items_is_not_even_decoded() -> None:
    topics, _ = whole_day()
    gather(topics.read, CAPTURE)
    everything = sum(len(rows) for rows in topics.raws.values())
    assert everything > 45
    assert topics.yielded < 30


def test_a_row_that_changed_since_is_shown_as_it_was_used_and_as_it_is() -> None:
    topics, _ = whole_day()
    topics.put("policies.tolerability", "house", dataclasses.replace(HOUSE, version=2, reason="otherwise"))
    topics.put("orders.lines", "L1", None)
    rows = {row.topic: explain._says(row) for row in gather(topics.read, CAPTURE).rows}
    assert rows["policies.tolerability"] == f"version 1: {HOUSE.reason}; now: version 2: otherwise"
    assert rows["orders.lines"] == "1 x P1 of order O1; deleted since"


def test_a_row_that_compaction_took_is_said_to_be_gone() -> None:
    topics, _ = whole_day()
    topics.put("catalog.products", "P1", s.product(title="Kite, blue"))
    del topics.raws["catalog.products"][0]
    rows = {row.topic: explain._says(row) for row in gather(topics.read, CAPTURE).rows}
    assert rows["catalog.products"].startswith("compacted away since; now: Kite, blue")


def test_a_capture_that_nobody_knows_is_said() -> None:
    with pytest.raises(Problem, match="no topic knows the capture"):
        gather(whole_day()[0].read, uuid4())
    with pytest.raises(Problem, match="is no capture id"):
        explain.parsed("item-1")


def test_a_capture_that_is_under_way_is_told_as_far_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    topics, _ = whole_day()
    for topic in ("damage.assessments", "damage.events", "inspection.results", "sideline.commands"):
        del topics.raws[topic]
    _, text = said(topics.read)
    capsys.readouterr()
    assert "none (yet)" in text
    assert "P1 by barcode" in text


def test_a_capture_in_quarantine_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    topics = Topics()
    held = r.Quarantined(
        service="assess", topic="inspection.results", partition=0, offset=3, key=b"item-1", value=wire.encode(RESULT),
        reason="unknown_vendor", message="vendor V1 is not in vendors.profiles", quarantined_at=s.NOON,
    )  # fmt: skip
    topics.put("inspection.results.assess.quarantine", "item-1", held)
    _, text = said(topics.read)
    capsys.readouterr()
    assert "unknown_vendor" in text
    assert "vendor V1 is not in vendors.profiles" in text


def test_an_old_capture_of_which_only_the_assessment_is_left_is_still_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    topics, made = whole_day()
    for topic in ("station.captures", "captures.inspected", "captures.identified", "inspection.results"):
        del topics.raws[topic]
    _, text = said(topics.read)
    capsys.readouterr()
    assert made.reason[:60] in text
    assert "house, version 1" in text
