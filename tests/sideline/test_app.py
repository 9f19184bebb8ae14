from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kernel import records as r
from services.sideline.app import build
from tests.fakes import FakeService
from tests.samples import NOON, assessment, labelled, outcome, subject

A = r.SidelineAction


def made(**settings: Any) -> FakeService:
    service = FakeService("sideline", **{"default_threshold": 0.5, "sample_rate": 0.0, **settings})
    fake: Any = service
    build(fake)
    return service


def on_the_belt(item_id: str = "item-1", probability: float = 0.9, **given: Any) -> r.Assessment:
    """An item whose deadline is far away."""
    now = datetime.now(UTC).replace(microsecond=0)
    seen = subject(item_id, captured_at=now, deadline_at=now + timedelta(hours=9))
    return assessment(item_id, subject=seen, probability=probability, **given)


async def looked_at(service: FakeService, item: r.Assessment) -> None:
    """Both steps, as the two topics make them."""
    before = len(service.sent_to("sideline.candidates"))
    await service.give("damage.assessments", item, key=item.item_id)
    for candidate in service.sent_to("sideline.candidates")[before:]:
        await service.give("sideline.candidates", candidate, key=service.keys_of("sideline.candidates")[-1])


def actions(service: FakeService) -> list[r.SidelineAction]:
    return [d.action for d in service.sent_to("sideline.decisions")]


async def test_a_passing_item_gets_a_decision_and_no_command() -> None:
    service = made()
    await looked_at(service, on_the_belt(probability=0.1))
    assert [(s.topic, s.key) for s in service.sent] == [("sideline.decisions", "item-1")]


async def test_a_candidate_meets_the_budget_of_its_center_and_stage_before_it_is_commanded() -> None:
    service = made()
    await looked_at(service, on_the_belt())
    assert [s.topic for s in service.sent] == [
        "sideline.candidates",
        "sideline.budgets",
        "sideline.commands",
        "sideline.decisions",
    ]
    assert service.keys_of("sideline.candidates") == ["FRA1|PICK"]
    assert service.keys_of("sideline.budgets")[0].startswith("FRA1|PICK|2")


async def test_the_budget_is_spent_before_kafka_has_been_read_back() -> None:
    service = made(sideline_per_hour=2)
    for n in range(4):
        await looked_at(service, on_the_belt(f"item-{n}"))
    assert set(actions(service)) == {A.SIDELINE, A.OVER_BUDGET}
    assert len(service.sent_to("sideline.commands")) == actions(service).count(A.SIDELINE) <= 2


async def test_a_candidate_that_comes_again_spends_nothing_and_repeats_its_ids() -> None:
    service = made(sideline_per_hour=1)
    for _ in range(2):
        await looked_at(service, on_the_belt())
    assert len(service.sent_to("sideline.budgets")) == 1
    assert len({c.command_id for c in service.sent_to("sideline.commands")}) == 1
    assert actions(service) == [A.SIDELINE, A.SIDELINE]


async def test_each_hour_has_a_budget_of_its_own() -> None:
    service = made(sideline_per_hour=1)
    for n, hours in enumerate((0, 0, 1)):
        now = datetime.now(UTC) + timedelta(hours=hours)
        seen = subject(f"item-{n}", captured_at=now, deadline_at=now + timedelta(hours=9))
        await looked_at(service, assessment(f"item-{n}", subject=seen, probability=0.9))
    assert actions(service) == [A.SIDELINE, A.OVER_BUDGET, A.SIDELINE]


async def test_a_late_candidate_is_marked_and_commands_nothing() -> None:
    service = made()
    await looked_at(service, assessment(probability=0.9))  # its deadline passed long ago
    assert actions(service) == [A.LATE]
    assert not service.sent_to("sideline.commands")


async def test_a_late_item_is_caught_at_the_next_stage_whose_budget_it_meets() -> None:
    service = made()
    await looked_at(service, assessment(probability=0.9))
    packed = on_the_belt(revision=2)
    await looked_at(
        service, dataclasses.replace(packed, subject=dataclasses.replace(packed.subject, stage=r.Stage.PACK))
    )
    assert actions(service) == [A.LATE, A.SIDELINE]
    assert service.keys_of("sideline.budgets")[0].startswith("FRA1|PACK|")
    assert [(c.revision, c.stage) for c in service.sent_to("sideline.commands")] == [(2, r.Stage.PACK)]


async def test_an_intact_item_that_was_late_commands_nothing() -> None:
    service = made()
    only = outcome(looks=1)
    await looked_at(service, assessment(probability=0.9, outcome=only))
    await looked_at(service, labelled(outcome=only))
    assert actions(service) == [A.LATE, A.PASS]
    assert not service.sent_to("sideline.commands")


async def test_a_verdict_brings_an_item_back() -> None:
    service = made()
    await looked_at(service, on_the_belt())
    await looked_at(service, labelled())
    assert [c.action for c in service.sent_to("sideline.commands")] == [A.SIDELINE, A.RELEASE]


async def test_the_threshold_is_that_of_the_items_group_and_is_on_record() -> None:
    service = made()
    row = r.Threshold(
        center_id="FRA1",
        stage=r.Stage.PICK,
        group="toys",
        threshold=0.9375,
        version=4,
        budget=0.01,
        intact_labels=900,
        false_positive_upper=0.01,
        reason="",
        decided_at=NOON,
    )
    service.row("calibration.thresholds", "FRA1|PICK|toys", row)
    await looked_at(service, on_the_belt())
    await looked_at(service, on_the_belt("item-2", product=None))
    found = service.sent_to("sideline.decisions")
    assert [(d.action, d.threshold, d.threshold_version) for d in found] == [
        (A.PASS, 0.9375, 4),
        (A.SIDELINE, 0.5, 0),
    ]


async def test_a_drawn_item_is_commanded_to_be_labelled() -> None:
    service = made(sample_rate=1.0)
    await looked_at(service, on_the_belt(probability=0.1))
    assert [c.action for c in service.sent_to("sideline.commands")] == [A.SAMPLE]


@pytest.mark.parametrize(("probability", "action"), [(0.9, A.SIDELINE), (0.1, A.SAMPLE)])
async def test_a_replay_after_the_deadline_gives_the_same_decision_under_the_same_id(
    probability: float, action: r.SidelineAction
) -> None:
    service = made(sample_rate=1.0)
    now = datetime.now(UTC)
    seen = subject(captured_at=now, deadline_at=now + timedelta(seconds=0.2))
    item = assessment(subject=seen, probability=probability)
    await looked_at(service, item)
    await asyncio.sleep(0.25)
    await looked_at(service, item)
    assert actions(service) == [action, action]
    assert len({d.decision_id for d in service.sent_to("sideline.decisions")}) == 1
    assert len({c.command_id for c in service.sent_to("sideline.commands")}) == 1
    assert len(service.sent_to("sideline.budgets")) == 1


async def test_a_replay_meets_the_threshold_that_was_in_force_when_the_item_was_assessed() -> None:
    service = made()
    item = on_the_belt(assessed_at=NOON)
    await looked_at(service, item)
    row = r.Threshold(
        center_id="FRA1",
        stage=r.Stage.PICK,
        group="toys",
        threshold=0.9375,
        version=1,
        budget=0.01,
        intact_labels=900,
        false_positive_upper=0.01,
        reason="",
        decided_at=NOON,
        effective_at=NOON + timedelta(seconds=5),
    )
    service.row("calibration.thresholds", "FRA1|PICK|toys", row)
    await looked_at(service, item)
    await looked_at(service, on_the_belt("item-2", assessed_at=NOON + timedelta(seconds=5)))
    assert actions(service) == [A.SIDELINE, A.SIDELINE, A.PASS]
    assert [d.threshold_version for d in service.sent_to("sideline.decisions")] == [0, 0, 1]
