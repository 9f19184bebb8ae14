"""Which product an item is and for which order line: what the barcode says, the picture, the tote, and a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from services.kernel import records as r
from services.stack.racks import Planned
from services.stack.world import Place
from tests.live.live_mesh import Mesh, eventually, place_of, shown

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


def named(item_id: str, product_id: str) -> r.Label:
    """A person says only which product it is."""
    return r.Label(
        label_id=uuid5(UUID(int=9), f"{item_id}|{product_id}"),
        item_id=item_id,
        verdict=r.Verdict.INTACT,
        severity=r.Severity.NONE,
        product_id=product_id,
        annotator="A17",
        labelled_at=datetime.now(UTC),
        identity_only=True,
    )


def neighbours(mesh: Mesh) -> tuple[Place, Place]:
    """Two products that lie in one tote."""
    for place in reversed(mesh.world.places):
        for other in mesh.world.places:
            if other.tote_id == place.tote_id and other.product.product_id != place.product.product_id:
                return place, other
    pytest.fail("no tote of this world holds two products")


def looked_at_again(planned: Planned) -> Planned:
    return replace(planned, idempotency_key=f"{planned.idempotency_key}-again")


def test_a_wrong_barcode_is_on_the_assessment_with_the_product_that_was_scanned(mesh: Mesh) -> None:
    place = place_of(mesh.world, 1)
    other = next(p for p in mesh.world.products if p.product_id != place.product.product_id)
    item = shown("mislabelled", place.product.product_id, tote_id=place.tote_id, barcode=other.barcode)
    mesh.run([item])
    found = mesh.record("damage.assessments", item_id="mislabelled")
    assert (found.product_id, found.scanned_product_id) == (item.product_id, other.product_id)
    assert found.barcode_check is r.BarcodeCheck.WRONG
    assert f"It carries the barcode of {other.product_id}" in found.reason
    eventually(
        "its supplier's row counts it",
        lambda: [x for x in mesh.records("vendor.robustness") if x.wrong_barcodes],
    )


def test_what_a_person_says_it_is_moves_everything_and_stands_against_the_next_picture(mesh: Mesh) -> None:
    seen, real = neighbours(mesh)
    item = shown(
        "renamed", seen.product.product_id, tote_id=seen.tote_id, barcode=seen.product.barcode, damaged=True
    )
    mesh.run([item])
    before = mesh.record("damage.assessments", item_id="renamed", revision=1)
    assert (before.product_id, before.order_line_id) == (seen.product.product_id, seen.order_line_id)
    mesh.publish_record("review.labels", "renamed", named("renamed", real.product.product_id))

    after = mesh.record("damage.assessments", item_id="renamed", revision=2)
    assert (after.product_id, after.order_line_id) == (real.product.product_id, real.order_line_id)
    assert (after.former_order_line_ids, after.identified_by) == ((seen.order_line_id,), "A17")
    assert (after.outcome.vendor_id, after.verdict) == (real.product.vendor_id, None)
    assert after.barcode_check is r.BarcodeCheck.WRONG
    decided = mesh.record("sideline.decisions", item_id="renamed", revision=2)
    if mesh.records("sideline.commands", item_id="renamed", revision=1):
        assert decided.action is r.SidelineAction.SIDELINE
        command = mesh.record("sideline.commands", item_id="renamed", revision=2)
        assert command.product_id == real.product.product_id
        moved = mesh.record("replacement.requests", order_line_id=real.order_line_id)
        assert any(claim.item_id == "renamed" and claim.wanted for claim in moved.claims)
        disposition = mesh.record("disposition.decisions", item_id="renamed", revision=2)
        assert disposition.product_id == real.product.product_id

    mesh.run([looked_at_again(item)])
    again = mesh.record("damage.assessments", item_id="renamed", revision=3)
    assert (again.product_id, again.identified_by) == (real.product.product_id, "A17")
    assert again.comparison is None  # it was made against another product's references


def test_a_product_that_is_ordered_twice_in_a_tote_gives_each_line_its_own_item(mesh: Mesh) -> None:
    product = mesh.world.products[0]
    lines = ("OL-twice-1", "OL-twice-2")
    promised = datetime.now(UTC) + timedelta(days=1)
    for line in lines:
        row = r.OrderLine(
            order_line_id=line,
            order_id="O-twice",
            product_id=product.product_id,
            quantity=1,
            promised_at=promised,
        )
        mesh.publish_record("orders.lines", line, row)
    entries = tuple(
        r.ManifestEntry(product_id=product.product_id, order_line_id=line, quantity=1) for line in lines
    )
    mesh.publish_record("totes.manifests", "T-twice", r.Manifest(tote_id="T-twice", entries=entries))
    items = [
        shown(f"twice-{n}", product.product_id, tote_id="T-twice", barcode=product.barcode) for n in (1, 2)
    ]
    mesh.run(items)
    mesh.run([looked_at_again(items[0])])
    found = {
        item.item_id: {a.order_line_id for a in mesh.records("damage.assessments", item_id=item.item_id)}
        for item in items
    }
    assert sorted(map(len, found.values())) == [1, 1]
    assert set.union(*found.values()) == set(lines)
    held = mesh.records("totes.lines", tote_id="T-twice")[-1].held
    assert {h.item_id: {h.order_line_id} for h in held} == found
