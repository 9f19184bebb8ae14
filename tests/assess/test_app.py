from __future__ import annotations

from typing import Any

import pytest

from services.assess.app import build
from services.kernel import records as r
from services.kernel.faults import MissingRow
from tests.fakes import FakeService
from tests.samples import facts, label, result, scores, subject, uid


def made() -> FakeService:
    service = FakeService("assess")
    fake: Any = service
    build(fake)
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


async def test_policies_are_those_of_the_topic() -> None:
    service = made()
    strict = r.Policy(policy_id="strict", up_to=r.Severity.NONE, judge_at=0.05, reason="all of it")
    service.row("policies.tolerability", "strict", strict)
    await service.give("inspection.results", result(comparison=None))
    (found,) = service.sent_to("damage.assessments")
    assert (found.damaged, found.versions["policy"]) == (True, "strict")


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
