from __future__ import annotations

from typing import Any

import numpy as np

from services.calibrate.app import build
from services.kernel import records as r
from tests.fakes import FakeService
from tests.samples import assessment, facts, labelled


def made(**settings: Any) -> FakeService:
    service = FakeService(
        "calibrate",
        **{"default_threshold": 0.0, "false_sideline_budget": 0.05, "sample_rate": 0.5, **settings},
    )
    fake: Any = service
    build(fake)
    return service


def verdicts(count: int, category: str = "toys") -> list[tuple[r.Assessment, int, int]]:
    """Intact items that the old threshold, 0, had pulled."""
    items = (
        labelled(
            f"{category}-{n}", probability=float(np.float32(n / count)), product=facts(category=category)
        )
        for n in range(count)
    )
    return [(item, 0, n) for n, item in enumerate(items)]


async def test_assessments_without_a_verdict_teach_nothing() -> None:
    service = made()
    await service.give_batch("damage.assessments", [(assessment(probability=0.9), 0, 0)])
    assert not service.sent


async def test_verdicts_are_kept_by_item_and_make_a_threshold_once_there_are_enough() -> None:
    service = made()
    await service.give_batch("damage.assessments", verdicts(20))
    assert service.keys_of("calibration.outcomes") == [f"toys-{n}" for n in range(20)]
    assert not service.sent_to("calibration.thresholds")
    await service.give_batch("damage.assessments", verdicts(200))
    assert service.keys_of("calibration.thresholds") == ["FRA1|PICK|toys"]
    (found,) = service.sent_to("calibration.thresholds")
    assert (found.version, found.intact_labels) == (1, 200)
    assert 0.9 < found.threshold < 1.0


async def test_groups_learn_apart() -> None:
    service = made()
    await service.give_batch("damage.assessments", verdicts(150) + verdicts(20, "grocery"))
    assert service.keys_of("calibration.thresholds") == ["FRA1|PICK|toys"]


async def test_one_item_is_one_label_however_often_it_comes() -> None:
    service = made()
    for _ in range(8):
        await service.give_batch("damage.assessments", verdicts(20))
    assert not service.sent_to("calibration.thresholds")


async def test_pinned_thresholds_are_observed_and_left_alone() -> None:
    service = made(pin_thresholds=True)
    await service.give_batch("damage.assessments", verdicts(200))
    assert len(service.sent_to("calibration.outcomes")) == 200
    assert not service.sent_to("calibration.thresholds")


async def test_an_item_below_the_threshold_that_nobody_drew_is_left_out() -> None:
    service = made(default_threshold=0.99, sample_rate=0.0)
    await service.give_batch("damage.assessments", verdicts(50))
    assert not service.sent
