"""A capture from the rack to the last command, and a person's verdict that turns it round."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest

from services.kernel import records as r
from services.kernel.blobs import Blobs
from services.kernel.odds import said
from services.stack import labelled, racks
from services.stack.export import export
from services.stack.racks import Planned, Submitted
from services.stack.reading import snapshot
from services.stack.report import robustness
from services.stack.sample import SAMPLE, sample
from tests.live.live_mesh import REFERENCES, Mesh, eventually, newest, place_of, shown
from triton_models import kaputt
from triton_models.predictor import Classifier

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

CAPTURES = 40
Chain = tuple[list[Planned], list[Submitted]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What stands in the topics about one item, in the order of its revisions."""

    assessments: list[r.Assessment]
    events: list[r.DamageEvent]
    decisions: list[r.SidelineDecision]
    commands: list[r.SidelineCommand]
    requests: list[r.ReplacementRequest]
    dispositions: list[r.Disposition]


def item_of(mesh: Mesh, item_id: str) -> Item:
    return Item(
        assessments=mesh.records("damage.assessments", item_id=item_id),
        events=mesh.records("damage.events", item_id=item_id),
        decisions=mesh.records("sideline.decisions", item_id=item_id),
        commands=mesh.records("sideline.commands", item_id=item_id),
        requests=mesh.records("replacement.requests", item_id=item_id),
        dispositions=mesh.records("disposition.decisions", item_id=item_id),
    )


def label(item_id: str, verdict: r.Verdict) -> r.Label:
    damaged = verdict is r.Verdict.DAMAGED
    return r.Label(
        label_id=uuid5(UUID(int=7), f"{item_id}|{verdict}"),
        item_id=item_id,
        verdict=verdict,
        severity=r.Severity.MAJOR if damaged else r.Severity.NONE,
        defect_types=("penetration",) if damaged else (),
        annotator="A17",
        labelled_at=datetime.now(UTC),
    )


def counted(mesh: Mesh) -> dict[str, tuple[int, int]]:
    """What vendor.robustness says: items and damaged items by supplier, over all hours."""
    rows = robustness(sorted(mesh.events("vendor.robustness"), key=lambda e: (e.partition, e.offset)))
    items, damaged = Counter[str](), Counter[str]()
    for row in rows:
        items[row.vendor_id] += row.items
        damaged[row.vendor_id] += row.damaged
    return {vendor: (items[vendor], damaged[vendor]) for vendor in items}


def true_counts(mesh: Mesh) -> dict[str, tuple[int, int]]:
    """The same, counted here from every item's newest assessment."""
    outcomes = [a.outcome for a in newest(mesh.records("damage.assessments")).values()]
    vendors = {o.vendor_id for o in outcomes if o.vendor_id is not None}
    return {
        v: (
            sum(o.vendor_id == v for o in outcomes),
            sum(o.vendor_id == v and o.damaged for o in outcomes),
        )
        for v in vendors
    }


def suppliers_agree(mesh: Mesh) -> None:
    eventually("the suppliers' counts agree", lambda: counted(mesh) == true_counts(mesh))


@pytest.fixture(scope="module")
def chain(mesh: Mesh) -> Chain:
    planned = racks.plan(mesh.world, CAPTURES, seed=3, damaged_share=0.35)
    return planned, mesh.run(planned)


def first_item(mesh: Mesh, planned: list[Planned], fits: Callable[[Item], bool]) -> Item:
    """Return the first item that the mesh has judged so; the plan's seed makes it the same each time."""
    found = next((i for p in planned if fits(i := item_of(mesh, p.item_id))), None)
    assert found is not None, "the plan holds no such item"
    return found


# -- every capture ends ----------------------------------------------------------------------------------------


def test_every_capture_is_assessed_and_nothing_is_lost_or_doubled(mesh: Mesh, chain: Chain) -> None:
    report = mesh.observer.report(chain[1])
    assert (report.captures, report.assessed, report.quarantined) == (CAPTURES, CAPTURES, 0)
    assert (report.lost, report.doubled, report.conflicting) == (0, 0, 0)
    assert report.decisions == CAPTURES


def test_the_judgements_are_those_of_a_model_that_has_learned(mesh: Mesh, chain: Chain) -> None:
    judged = newest(mesh.records("damage.assessments"))
    truths = {p.item_id: p.truth.damaged for p in chain[0] if p.truth is not None}
    assert sum(judged[item].damaged == damaged for item, damaged in truths.items()) >= 0.7 * CAPTURES
    # The plan shows some pictures several times: each of them counts once.
    shown = {p.photos: (p.truth.damaged, judged[p.item_id]) for p in chain[0] if p.truth is not None}
    right = sum(found.damaged == damaged for damaged, found in shown.values())
    assert right >= 0.7 * len(shown)
    assert {True, False} == {damaged for damaged, _ in shown.values()}
    damaged, intact = (
        [found.probability for so, found in shown.values() if so is which] for which in (True, False)
    )
    assert mean(damaged) > 2 * mean(intact)


def test_the_scores_are_those_that_the_classifier_gives_outside_of_the_mesh(mesh: Mesh, chain: Chain) -> None:
    queries = {query.capture_id: query for query in kaputt.load(SAMPLE, "test", references=False).queries}
    names = {taken.photos: taken.name for taken in sample().taken}
    classifier = Classifier()
    alone = {
        name: classifier.predict(queries[name], ()).damage for name in {names[p.photos] for p in chain[0]}
    }
    judged = {one.cause_id: one for one in mesh.records("damage.assessments")}
    scores = [judged[sent.capture_id].scores.damaged for sent in chain[1]]
    assert scores == pytest.approx([alone[names[planned.photos]] for planned in chain[0]], abs=0.005)


def test_an_assessment_says_why_and_with_which_versions(mesh: Mesh, chain: Chain) -> None:
    for planned in chain[0]:
        assessment = item_of(mesh, planned.item_id).assessments[0]
        assert said(assessment.probability) in assessment.reason
        assert assessment.versions.keys() >= {
            "model.damage_classifier",
            "model.gallery_encoder",
            "policy",
            "row.totes.manifests",
        }
        if assessment.product_id is not None:
            assert assessment.versions.keys() >= {"row.catalog.products", "row.gallery.references"}


def test_the_suppliers_counts_are_those_of_the_assessments(mesh: Mesh, chain: Chain) -> None:
    assert len(chain[1]) == CAPTURES
    suppliers_agree(mesh)


# -- damaged, and what follows ---------------------------------------------------------------------------------


def sidelined(mesh: Mesh) -> Callable[[Item], bool]:
    def fits(item: Item) -> bool:
        """Tell whether it is sidelined, and the only item that its order line is asked for by."""
        if [c.action for c in item.commands] != [r.SidelineAction.SIDELINE]:
            return False
        line = item.commands[0].order_line_id
        claims = mesh.records("sideline.commands", order_line_id=line, action=r.SidelineAction.SIDELINE)
        return line is not None and len(claims) == 1 and len(item.requests) == 1

    return fits


def request_for(mesh: Mesh, order_line_id: str, status: r.RequestStatus) -> r.ReplacementRequest:
    """Return the order line's newest request, as soon as it has this status."""

    def find() -> list[r.ReplacementRequest]:
        newest_one = mesh.records("replacement.requests", order_line_id=order_line_id)[-1:]
        return [request for request in newest_one if request.status is status]

    return eventually(f"{order_line_id} is {status}", find)[0]


def passed(mesh: Mesh) -> Callable[[Item], bool]:
    asked = {q.order_line_id for q in mesh.records("replacement.requests")}

    def fits(item: Item) -> bool:
        return (
            [d.action for d in item.decisions] == [r.SidelineAction.PASS]
            and not item.assessments[0].damaged
            and item.assessments[0].order_line_id not in {None, *asked}
        )

    return fits


def test_a_damaged_ordered_item_leaves_the_belt_and_is_replaced_and_routed(mesh: Mesh, chain: Chain) -> None:
    item = first_item(mesh, chain[0], sidelined(mesh))
    assessment = item.assessments[0]
    assert (assessment.revision, assessment.damaged) == (1, True)
    assert [e.kind for e in item.events] == [r.EventKind.DETECTED]
    assert [d.action for d in item.decisions] == [r.SidelineAction.SIDELINE]
    assert item.decisions[0].probability >= item.decisions[0].threshold
    request = item.requests[0]
    assert request.status is r.RequestStatus.REQUESTED
    assert (request.order_line_id, request.product_id) == (assessment.order_line_id, assessment.product_id)
    assert [d.revision for d in item.dispositions] == [1]
    assert item.dispositions[0].action is not r.DispositionAction.RESELL


def test_an_item_that_passes_gets_a_decision_and_nothing_else(mesh: Mesh, chain: Chain) -> None:
    item = first_item(mesh, chain[0], passed(mesh))
    assert (item.commands, item.requests, item.dispositions, item.events) == ([], [], [], [])


def test_the_label_intact_takes_everything_back(mesh: Mesh, chain: Chain) -> None:
    before = first_item(mesh, chain[0], sidelined(mesh))
    item_id, vendor = before.assessments[0].item_id, before.assessments[0].outcome.vendor_id
    assert vendor is not None
    suppliers_agree(mesh)
    items, damaged = counted(mesh)[vendor]
    mesh.publish_record("review.labels", item_id, label(item_id, r.Verdict.INTACT))

    assessment = mesh.record("damage.assessments", item_id=item_id, revision=2)
    assert (assessment.cause, assessment.damaged, assessment.annotator) == (r.CauseKind.LABEL, False, "A17")
    assert mesh.record("damage.events", item_id=item_id, revision=2).kind is r.EventKind.RETRACTED
    command = mesh.record("sideline.commands", item_id=item_id, revision=2)
    assert command.action is r.SidelineAction.RELEASE
    request = request_for(mesh, before.requests[0].order_line_id, r.RequestStatus.CANCELLED)
    assert request.request_id == before.requests[0].request_id
    disposition = mesh.record("disposition.decisions", item_id=item_id, revision=2)
    assert disposition.action is r.DispositionAction.RESELL
    eventually("the supplier has one damage less", lambda: counted(mesh)[vendor] == (items, damaged - 1))
    suppliers_agree(mesh)


def test_the_label_damaged_on_an_item_that_passed_does_the_opposite(mesh: Mesh, chain: Chain) -> None:
    before = first_item(mesh, chain[0], passed(mesh))
    item_id, vendor = before.assessments[0].item_id, before.assessments[0].outcome.vendor_id
    assert vendor is not None
    suppliers_agree(mesh)
    items, damaged = counted(mesh)[vendor]
    mesh.publish_record("review.labels", item_id, label(item_id, r.Verdict.DAMAGED))

    assessment = mesh.record("damage.assessments", item_id=item_id, revision=2)
    assert (assessment.damaged, assessment.defect_types) == (True, ("penetration",))
    assert mesh.record("damage.events", item_id=item_id, revision=2).kind is r.EventKind.CONFIRMED
    command = mesh.record("sideline.commands", item_id=item_id, revision=2)
    assert command.action is r.SidelineAction.SIDELINE
    assert request_for(mesh, assessment.order_line_id, r.RequestStatus.REQUESTED).item_id == item_id
    disposition = mesh.record("disposition.decisions", item_id=item_id, revision=2)
    assert disposition.action is not r.DispositionAction.RESELL
    eventually("the supplier has one damage more", lambda: counted(mesh)[vendor] == (items, damaged + 1))
    suppliers_agree(mesh)


def test_a_label_that_comes_again_changes_nothing(mesh: Mesh, chain: Chain) -> None:
    labelled = {a.item_id for a in mesh.records("damage.assessments", cause=r.CauseKind.LABEL)}
    item_id = next(p.item_id for p in chain[0] if p.item_id in labelled)
    verdict = item_of(mesh, item_id).assessments[-1].verdict
    assert verdict is not None
    suppliers_agree(mesh)
    before, counts = item_of(mesh, item_id), counted(mesh)
    seen = len(mesh.records("review.labels", item_id=item_id))
    mesh.publish_record("review.labels", item_id, label(item_id, verdict))

    def again() -> list[Any]:
        return [e for e in mesh.events("review.labels") if e.record.item_id == item_id][seen:]

    repeated = eventually("the label stands in its topic twice", again)[0]
    assert [line["outcome"] for line in mesh.handled("assess", repeated)] == ["ok"]
    # Whatever it caused would have been acknowledged before that line; a further capture goes the whole way after it.
    product = mesh.world.products[0]
    mesh.run([shown("after-label", product.product_id, barcode=product.barcode)])
    after = item_of(mesh, item_id)
    assert replace(after, requests=before.requests) == before
    assert len(after.requests) == len(before.requests)
    suppliers_agree(mesh)
    assert sum(items for items, _ in counted(mesh).values()) == sum(n for n, _ in counts.values()) + 1


def test_what_people_found_is_exported_with_the_very_pictures_that_were_sent(
    mesh: Mesh, chain: Chain, tmp_path: Path
) -> None:
    environment = mesh.stack.environment()
    found = labelled.found(snapshot(environment["INTACT_BROKERS"], labelled.TOPICS), None)
    done = asyncio.run(export(found, Blobs(environment["INTACT_STORE"]), tmp_path, lambda: None))

    written = {q.capture_id: q for split in done.captures for q in kaputt.load(tmp_path, split).queries}
    people = [
        item for p in chain[0] if (item := item_of(mesh, p.item_id)).assessments[-1].verdict is not None
    ]
    assert len(people) >= 2
    sent = {str(s.capture_id): p for p, s in zip(*chain, strict=True)}
    for item in people:
        told = item.assessments[-1]
        query = written[str(told.subject.capture_id)]
        assert query.defect is (told.verdict is r.Verdict.DAMAGED)
        photos = {p.data for p in sent[query.capture_id].photos if p.role is r.ImageRole.RGB}
        assert query.query_image.read_bytes() in photos


# -- which product it is ---------------------------------------------------------------------------------------


def identified(mesh: Mesh, planned: Planned) -> r.Identification:
    found: r.Identification = mesh.event_of("captures.identified", planned.capture_id).record
    return found


def test_a_wrong_barcode_is_overruled_by_the_picture(mesh: Mesh) -> None:
    planned = []
    for number in range(3):
        place = place_of(mesh.world, number)
        own = place.product.product_id
        other = next(product for product in mesh.world.products if product.product_id != own)
        planned.append(shown(f"wrong-barcode-{number}", own, tote_id=place.tote_id, barcode=other.barcode))
    mesh.run(planned)
    for item in planned:
        found = identified(mesh, item)
        assert found.product_id == item.product_id
        assert found.method is r.IdentityMethod.MANIFEST
        assert found.candidates[0].product_id == found.product_id


def test_without_a_barcode_the_tote_says_what_it_can_be(mesh: Mesh) -> None:
    place = place_of(mesh.world, 0)
    item = shown("no-barcode", place.product.product_id, tote_id=place.tote_id)
    mesh.run([item])
    found = identified(mesh, item)
    assert (found.product_id, found.method) == (place.product.product_id, r.IdentityMethod.MANIFEST)
    assert found.order_line_id == place.order_line_id


def test_without_barcode_and_tote_the_whole_catalogue_is_searched(mesh: Mesh) -> None:
    products = [product.product_id for product in mesh.world.products]
    planned = [shown(f"no-barcode-no-tote-{n}", product_id) for n, product_id in enumerate(products)]
    mesh.run(planned)
    found = [(item.product_id, identified(mesh, item)) for item in planned]
    # A picture that is like no reference is 'none of these'; one that is named is named rightly.
    named = [(product_id, f) for product_id, f in found if f.product_id is not None]
    assert len(named) >= len(planned) / 2
    for product_id, identification in named:
        assert identification.product_id == product_id
        assert identification.method is r.IdentityMethod.SEARCH


def test_what_nobody_has_enrolled_is_none_of_these_and_goes_on_to_a_person(mesh: Mesh) -> None:
    enrolled = {product.product_id for product in mesh.world.products}
    stranger = next(p for p in sample().products if p.product_id not in enrolled)
    item = shown("stranger", stranger.product_id)
    mesh.run([item])
    found = identified(mesh, item)
    assert (found.product_id, found.method) == (None, r.IdentityMethod.NONE)
    assessment = item_of(mesh, "stranger").assessments[0]
    assert assessment.product_id is None
    assert 0 < len(assessment.candidates) <= 5
    assert "a person should look" in assessment.reason


# -- compared -----------------------------------------------------------------------------------------------------


def test_a_capture_is_held_against_its_products_references_and_says_with_which(
    mesh: Mesh, chain: Chain
) -> None:
    held = [a for p in chain[0] if (a := item_of(mesh, p.item_id).assessments[0]).comparison is not None]
    assert len(held) >= 0.5 * CAPTURES
    for assessment in held:
        galleries = mesh.records("gallery.references", product_id=assessment.product_id)
        known = {reference.reference_id for gallery in galleries for reference in gallery.references}
        comparison = assessment.comparison
        assert comparison.references <= 3
        assert (comparison.reference_id in known) == (comparison.inliers > 0)
        assert len(comparison.heat) == (512 if comparison.inliers > 0 else 0)
        assert assessment.versions.keys() >= {"model.gallery_comparison", "fusion", "damage_prior"}


# -- references ------------------------------------------------------------------------------------------------


def test_an_enrolment_grows_the_gallery_and_the_vector_index(mesh: Mesh) -> None:
    product_id = mesh.world.products[-1].product_id
    before: r.Gallery = mesh.records("gallery.references", product_id=product_id)[-1]
    assert len(before.references) == REFERENCES
    assert indexed(mesh, before) == REFERENCES
    item = shown("enrol-one-more", product_id)
    mesh.drive([replace(item, enrol_product_id=product_id)])
    after = mesh.record("gallery.references", product_id=product_id, version=before.version + 1)
    assert after.references[:REFERENCES] == before.references
    assert after.references[-1].reference_id == item.capture_id
    eventually("the index holds it", lambda: indexed(mesh, after) == REFERENCES + 1)
    assert mesh.records("captures.inspected", features_key=after.references[-1].features_key) == []
    assert not mesh.records("damage.assessments", item_id=item.item_id)


def indexed(mesh: Mesh, gallery: r.Gallery) -> int:
    with psycopg.connect(mesh.stack.environment()["INTACT_POSTGRES"]) as connection:
        row = connection.execute(
            "select count(*) from encodings where product_id = %s and encoder = %s",
            (gallery.product_id, gallery.encoder),
        ).fetchone()
    assert row is not None
    return int(row[0])
