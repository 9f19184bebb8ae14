from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from services.calibrate.app import build
from services.kernel import records as r
from tests.calibrate.makers import belt, judged, pulled
from tests.fakes import FakeService
from tests.samples import command, facts

KEY = "FRA1|PICK|toys"


def made(**settings: Any) -> FakeService:
    service = FakeService(
        "calibrate",
        **{"default_threshold": 0.9, "false_sideline_budget": 0.05, "sample_rate": 0.0625, **settings},
    )
    fake: Any = service
    build(fake)
    return service


def day(
    count: int, share: float = 0.01, category: str = "toys", seed: int = 1
) -> list[tuple[r.SidelineCommand, int, int]]:
    """The commands of a belt: who was pulled, and then what people found, nobody damaged."""
    found: list[r.SidelineCommand] = []
    product = facts(category=category)
    for each in belt(count, np.random.default_rng(seed), share=share):
        item = f"{category}-{each.item_id}"
        action = r.SidelineAction.SAMPLE
        found += [
            command(item, action, 1, labelling=each.labelling, product=product),
            judged(item, product=product),
        ]
    return [(each, 0, n) for n, each in enumerate(found)]


async def test_a_pull_without_a_verdict_teaches_nothing() -> None:
    service = made()
    await service.give_batch("sideline.commands", [(pulled(), 0, 0)])
    assert service.keys_of("calibration.outcomes") == ["item|PICK"]
    assert not service.sent_to("calibration.thresholds")


async def test_verdicts_make_a_threshold_once_there_are_enough() -> None:
    service = made()
    await service.give_batch("sideline.commands", day(50))
    assert not service.sent_to("calibration.thresholds")
    await service.give_batch("sideline.commands", day(2_000))
    assert service.keys_of("calibration.thresholds") == [KEY]
    (found,) = service.sent_to("calibration.thresholds")
    assert (found.version, found.cause) == (1, "EVIDENCE")
    assert found.threshold < 0.9


async def test_groups_learn_apart() -> None:
    service = made()
    await service.give_batch("sideline.commands", day(2_000) + day(50, category="grocery"))
    assert set(service.keys_of("calibration.thresholds")) == {KEY}


async def test_what_comes_again_is_neither_written_nor_counted_again() -> None:
    service = made()
    await service.give_batch("sideline.commands", day(60))
    written = len(service.sent)
    for _ in range(20):
        await service.give_batch("sideline.commands", day(60))
    assert len(service.sent) == written


async def test_pinned_settings_observe_and_leave_thresholds_alone() -> None:
    service = made(pin_thresholds=True)
    await service.give_batch("sideline.commands", day(2_000))
    assert service.sent_to("calibration.outcomes")
    assert not service.sent_to("calibration.thresholds")


async def test_an_operators_pin_survives_a_restart_and_later_evidence_until_it_is_released() -> None:
    before = made()
    await before.give_batch("sideline.commands", day(2_000))
    (row,) = before.sent_to("calibration.thresholds")
    pinned = replace(row, threshold=0.75, version=2, pinned=True, confirmed=False, cause="OPERATOR")

    after = made()
    for number, sent in enumerate(x for x in before.sent if x.topic == "calibration.outcomes"):
        after.row(sent.topic, sent.key, sent.record, number)
    after.row("calibration.thresholds", KEY, pinned)
    await after.give_batch("sideline.commands", day(2_000, share=0.2, seed=2))
    assert not after.sent_to("calibration.thresholds")

    after.row("calibration.thresholds", KEY, replace(pinned, pinned=False, version=3, cause="RELEASE"), 1)
    await after.give("sideline.commands", pulled("one more", 0.1))
    await after.give("sideline.commands", judged("one more"))
    (found,) = after.sent_to("calibration.thresholds")
    assert found.version == 4


async def test_a_restart_goes_on_from_what_the_topic_knows() -> None:
    commands = day(400)
    whole, first, second = made(), made(), made()
    await whole.give_batch("sideline.commands", commands)
    await first.give_batch("sideline.commands", commands[:-40])
    for topic in ("calibration.outcomes", "calibration.thresholds"):
        for number, sent in enumerate(x for x in first.sent if x.topic == topic):
            second.row(topic, sent.key, sent.record, number)
    await second.give_batch("sideline.commands", commands[-40:])
    wanted = whole.views["calibration.thresholds"].get(KEY)
    found = second.views["calibration.thresholds"].get(KEY)
    assert wanted is not None
    assert found is not None
    assert (found.threshold, found.intact_labels) == (wanted.threshold, wanted.intact_labels)


async def test_a_person_who_changes_his_mind_is_believed() -> None:
    service = made()
    await service.give("sideline.commands", pulled())
    await service.give("sideline.commands", judged(verdict=r.Verdict.DAMAGED))
    await service.give("sideline.commands", judged(revision=3))
    found = service.sent_to("calibration.outcomes")[-1]
    assert (found.damaged, found.revision) == (False, 3)
