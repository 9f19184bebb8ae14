from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.assess.app import build
from services.kernel import records as r
from services.kernel.faults import DataFault, MissingRow
from tests.fakes import FakeService
from tests.samples import NOON, assessment, facts, label, order_line, product, result, scores, subject, uid


def made() -> FakeService:
    service = FakeService("assess", damage_prior=0.5)
    fake: Any = service
    build(fake, lambda: NOON + timedelta(hours=3))
    service.row("vendors.profiles", "V1", r.Vendor(vendor_id="V1", name="One"))
    return service


def damaged(**given: Any) -> r.InspectionResult:
    return result(scores=scores(0.99), comparison=None, **given)


async def test_a_damaged_item_is_told_before_its_assessment_makes_it_known() -> None:
    service = made()
    await service.give("inspection.results", damaged())
    assert [(s.topic, s.key) for s in service.sent] == [
        ("damage.events", "item-1"),
        ("damage.assessments", "item-1"),
    ]


async def test_an_intact_item_is_assessed_and_told_to_nobody_else() -> None:
    service = made()
    await service.give("inspection.results", result(comparison=None))
    assert [s.topic for s in service.sent] == ["damage.assessments"]


async def test_a_result_that_comes_again_changes_nothing() -> None:
    service = made()
    for _ in range(3):
        await service.give("inspection.results", damaged())
    assert len(service.sent) == 2


async def test_a_label_makes_the_next_revision_once() -> None:
    service = made()
    await service.give("inspection.results", damaged())
    for _ in range(2):
        await service.give("review.labels", label(verdict=r.Verdict.INTACT))
    assert [a.revision for a in service.sent_to("damage.assessments")] == [1, 2]
    assert [e.kind for e in service.sent_to("damage.events")] == [r.EventKind.DETECTED, r.EventKind.RETRACTED]


async def test_an_old_result_that_comes_again_after_the_label_does_not_undo_it() -> None:
    service = made()
    await service.give("inspection.results", damaged())
    await service.give("review.labels", label(verdict=r.Verdict.INTACT))
    await service.give("inspection.results", damaged())
    assert service.sent_to("damage.assessments")[-1].verdict is r.Verdict.INTACT


async def test_another_capture_of_the_item_makes_another_revision() -> None:
    service = made()
    await service.give("inspection.results", damaged())
    await service.give(
        "inspection.results", damaged(subject=subject(capture_id=uid("again"), stage=r.Stage.SHIP))
    )
    assert [a.revision for a in service.sent_to("damage.assessments")] == [1, 2]


STRICT = r.Policy(policy_id="strict", version=3, up_to=r.Severity.NONE, judge_at=0.05, reason="all of it")


async def test_policies_are_those_of_the_topic() -> None:
    service = made()
    service.row("policies.tolerability", "strict", STRICT, offset=8)
    await service.give("inspection.results", result(comparison=None))
    (found,) = service.sent_to("damage.assessments")
    assert found.damaged
    assert found.versions.items() >= {"policy": "strict", "policy.version": "3"}.items()
    assert found.versions["row.policies.tolerability"] == "0@8"


async def test_an_unknown_vendor_is_waited_for() -> None:
    service = made()
    with pytest.raises(MissingRow, match="vendor V9 is not in") as caught:
        await service.give("inspection.results", result(product=facts(vendor_id="V9")))
    assert caught.value.reason == "unknown_vendor"
    assert not service.sent


async def test_an_unknown_product_has_no_vendor_to_wait_for() -> None:
    service = made()
    await service.give("inspection.results", result(product=None, product_id=None, comparison=None))
    assert len(service.sent_to("damage.assessments")) == 1


async def test_a_label_of_an_item_that_was_never_seen_is_refused() -> None:
    with pytest.raises(MissingRow, match="item-1 has no assessment"):
        await made().give("review.labels", label())


# -- reference rows: as of when -----------------------------------------------------------------------------------


def again(name: str) -> r.InspectionResult:
    """The item is photographed once more, and the picture shows little."""
    return result(comparison=None, subject=subject(capture_id=uid(name)))


async def test_a_supplier_that_comes_late_is_joined_when_the_capture_is_tried_again() -> None:
    service = made()
    late = result(product=facts(vendor_id="V9"), comparison=None)
    with pytest.raises(MissingRow):
        await service.give("inspection.results", late)
    service.row("vendors.profiles", "V9", r.Vendor(vendor_id="V9", name="Nine"), offset=4)
    await service.give("inspection.results", late)
    (found,) = service.sent_to("damage.assessments")
    assert (found.outcome.vendor_id, found.versions["row.vendors.profiles"]) == ("V9", "0@4")


async def test_a_supplier_that_is_deleted_is_waited_for_again() -> None:
    service = made()
    service.row("vendors.profiles", "V1", None, offset=1)
    with pytest.raises(MissingRow, match="vendor V1"):
        await service.give("inspection.results", damaged())


async def test_a_policy_that_changes_counts_from_then_on_and_changes_nothing_that_was_judged() -> None:
    service = made()
    await service.give("inspection.results", again("before"))
    service.row("policies.tolerability", "strict", STRICT)
    await service.give("inspection.results", again("before"))  # a replay
    await service.give("inspection.results", again("after"))
    before, after = service.sent_to("damage.assessments")
    assert (before.damaged, before.versions["policy"], before.versions["policy.version"]) == (
        False,
        "default",
        "0",
    )
    assert (after.damaged, after.versions["policy"], after.revision) == (True, "strict", 2)


async def test_a_policy_that_is_deleted_is_as_if_it_had_never_been() -> None:
    service = made()
    service.row("policies.tolerability", "strict", STRICT)
    service.row("policies.tolerability", "strict", None, offset=1)
    await service.give("inspection.results", again("after"))
    (found,) = service.sent_to("damage.assessments")
    assert (found.damaged, found.versions["policy"]) == (False, "default")
    assert found.versions["row.policies.tolerability"] == "none"


async def test_a_gift_is_one_as_soon_as_its_order_line_says_so() -> None:
    service = made()
    await service.give("inspection.results", again("before its order line"))
    service.row("orders.lines", "L1", order_line(gift=True), offset=6)
    await service.give("inspection.results", again("after it"))
    service.row("orders.lines", "L1", None, offset=7)
    await service.give("inspection.results", again("after the order was deleted"))
    found = service.sent_to("damage.assessments")
    assert [a.gift for a in found] == [False, True, False]
    assert [a.versions["row.orders.lines"] for a in found] == ["none", "0@6", "none"]


async def test_a_product_that_a_person_names_is_taken_from_the_catalogue_and_waited_for() -> None:
    service = made()
    await service.give("inspection.results", damaged())
    correcting = label(product_id="P2")
    with pytest.raises(MissingRow, match=r"P2 is not in catalog\.products"):
        await service.give("review.labels", correcting)
    service.row("catalog.products", "P2", product("P2", vendor_id="V2"), offset=3)
    with pytest.raises(MissingRow, match=r"vendor V2 is not in vendors\.profiles"):
        await service.give("review.labels", correcting)
    service.row("vendors.profiles", "V2", r.Vendor(vendor_id="V2", name="Two"))
    await service.give("review.labels", correcting)
    found = service.sent_to("damage.assessments")[-1]
    assert (found.product_id, found.outcome.vendor_id, found.versions["row.catalog.products"]) == (
        "P2",
        "V2",
        "0@3",
    )


# -- which order line a corrected product is for ------------------------------------------------------------------


def in_tote(tote_id: str, **given: Any) -> r.InspectionResult:
    return damaged(subject=subject(tote_id=tote_id), **given)


def with_p2(*entries: tuple[str, str]) -> FakeService:
    """A mesh that knows P2, and a tote T1 that holds these (product, order line) pairs."""
    service = made()
    service.row("catalog.products", "P2", product("P2"), offset=3)
    held = tuple(r.ManifestEntry(product_id=p, order_line_id=line, quantity=1) for p, line in entries)
    service.row("totes.manifests", "T1", r.Manifest(tote_id="T1", entries=held), offset=5)
    return service


async def test_an_item_that_is_really_another_product_of_its_tote_is_for_that_products_line() -> None:
    service = with_p2(("P1", "L1"), ("P2", "L2"))
    service.row("orders.lines", "L2", order_line("L2", product_id="P2", gift=True), offset=6)
    await service.give("inspection.results", in_tote("T1"))
    await service.give("review.labels", label(product_id="P2"))
    found = service.sent_to("damage.assessments")[-1]
    assert (found.order_line_id, found.former_order_line_ids, found.gift) == ("L2", ("L1",), True)
    rows = {"row.totes.manifests": "0@5", "row.orders.lines": "0@6", "row.catalog.products": "0@3"}
    assert found.versions.items() >= rows.items()


async def test_of_two_lines_of_that_product_it_is_for_the_one_that_no_other_item_has() -> None:
    service = with_p2(("P1", "L1"), ("P2", "L2"), ("P2", "L3"))
    held = (r.HeldLine(item_id="another", order_line_id="L2"),)
    service.row("totes.lines", "T1", r.ToteLines(tote_id="T1", held=held))
    await service.give("inspection.results", in_tote("T1"))
    await service.give("review.labels", label(product_id="P2"))
    assert service.sent_to("damage.assessments")[-1].order_line_id == "L3"


async def test_a_product_that_nobody_ordered_leaves_the_line_waiting_for_its_own() -> None:
    service = with_p2(("P1", "L1"))
    await service.give("inspection.results", in_tote("T1"))
    await service.give("review.labels", label(product_id="P2"))
    found = service.sent_to("damage.assessments")[-1]
    assert (found.product_id, found.order_line_id, found.former_order_line_ids) == ("P2", "L1", ())


async def test_what_a_person_says_it_is_stands_against_later_pictures_also_after_a_restart() -> None:
    first = with_p2()
    await first.give("inspection.results", damaged())
    await first.give("review.labels", label(product_id="P2"))
    second = with_p2()
    second.row("damage.assessments", "item-1", first.sent_to("damage.assessments")[-1])
    packed = subject(capture_id=uid("packed"), captured_at=NOON + timedelta(minutes=150))
    await second.give("inspection.results", result(subject=packed))
    found = second.sent_to("damage.assessments")[-1]
    assert (found.product_id, found.identified_by, found.verdict) == ("P2", "someone", None)


# -- after a restart ----------------------------------------------------------------------------------------------


async def test_what_is_read_back_from_the_topic_is_known() -> None:
    first = made()
    await first.give("inspection.results", damaged())
    (judged,) = first.sent_to("damage.assessments")
    second = made()
    second.row("damage.assessments", "item-1", judged)
    await second.give("inspection.results", damaged())  # not committed before the crash
    assert not second.sent
    await second.give("review.labels", label(verdict=r.Verdict.INTACT))
    assert [a.revision for a in second.sent_to("damage.assessments")] == [2]


async def test_many_items_are_known_side_by_side() -> None:
    service = made()
    for n in range(50):
        await service.give("inspection.results", damaged(subject=subject(f"item-{n}")))
    for n in range(50):
        await service.give("review.labels", label(f"item-{n}"))
    assert [a.revision for a in service.sent_to("damage.assessments")] == [1] * 50 + [2] * 50


async def test_a_label_for_an_item_that_is_forgotten_says_so() -> None:
    service = made()
    long_ago = judged_long_ago()
    service.row("damage.assessments", "item-1", long_ago)
    # Anything judged now makes whole hours of the past be forgotten.
    await service.give("inspection.results", damaged(subject=subject("item-2")))
    with pytest.raises(DataFault, match="item-1 was judged too long ago for a verdict") as caught:
        await service.give("review.labels", label())
    assert caught.value.reason == "forgotten_item"


def judged_long_ago() -> r.Assessment:
    return assessment(assessed_at=NOON - timedelta(days=5))
