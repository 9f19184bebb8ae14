"""What labels show is shown of the classifier whose scores they are about."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from services.calibrate import decide
from services.calibrate.app import build
from services.calibrate.ledger import Ledger
from services.kernel import records as r
from tests.calibrate.makers import belt, f32, judged
from tests.fakes import FakeService
from tests.samples import NOON, command

BUDGET = 0.05
KEY = "FRA1|PICK|toys"
OLD, NEW = "1+aaaaaaaaaaaa", "101+bbbbbbbbbbbb"
HOUR = timedelta(hours=1)


def service_with(**settings: Any) -> FakeService:
    service = FakeService(
        "calibrate",
        **{"false_sideline_budget": BUDGET, "sample_rate": 0.0625, "damage_prior": 0.5, **settings},
    )
    fake: Any = service
    build(fake)
    for model, threshold in ((OLD, 0.9), (NEW, 0.8)):
        row = r.ModelVersion(
            model="damage_classifier", version=model, threshold=threshold, share=0.5, promoted_at=NOON
        )
        service.row("models.versions", f"damage_classifier|{model}", row)
    return service


def day(
    model: str, begin: datetime, count: int = 2_000, seed: int = 1
) -> list[tuple[r.SidelineCommand, int, int]]:
    """The commands of a belt that a classifier scores from `begin` on: who was pulled, and that each was intact."""
    found: list[r.SidelineCommand] = []
    for each in belt(count, np.random.default_rng(seed), share=0.01, model=model):
        assert each.labelling is not None
        late = begin + (each.labelling.at - NOON)
        item = f"{begin:%d-%H}-{each.item_id}"
        pulled = dataclasses.replace(each.labelling, at=late)
        found += [command(item, r.SidelineAction.SAMPLE, 1, labelling=pulled), judged(item)]
    return [(each, 0, n) for n, each in enumerate(found)]


async def rows_after(
    service: FakeService, commands: Sequence[tuple[r.SidelineCommand, int, int]]
) -> list[r.Threshold]:
    """The rows that these commands make; times are decided by the commands' own."""
    before = len(service.sent_to("calibration.thresholds"))
    await service.give_batch("sideline.commands", commands)
    return service.sent_to("calibration.thresholds")[before:]


def placed(model: str, at: datetime, start: float) -> decide.Place:
    return decide.Place(
        center_id="FRA1",
        stage=r.Stage.PICK,
        group="toys",
        start=start,
        sample_rate=0.0625,
        model=model,
        at=at,
    )


def ledger_of(outcomes: Sequence[r.LabelledOutcome], row: r.Threshold | None, model: str) -> Ledger:
    known = {f"{x.item_id}|PICK": x for x in outcomes}
    found = Ledger(known.get, BUDGET, 0.9)
    found.follow(BUDGET, 0.9, None, model)
    if row is not None:
        found.follow(row.budget, row.threshold, row.evidence_from, row.model)
    for key, each in known.items():
        found.put(key, None, each)
    return found


def seen_by(model: str, begin: datetime, count: int = 4_000) -> list[r.LabelledOutcome]:
    found = []
    for each in belt(count, np.random.default_rng(3), share=0.01, model=model):
        assert each.labelling is not None
        at = begin + (each.labelling.at - NOON)
        item = f"{model}-{each.item_id}"
        found.append(
            dataclasses.replace(each, item_id=item, labelling=dataclasses.replace(each.labelling, at=at))
        )
    return found


def learnt(model: str = OLD) -> tuple[list[r.LabelledOutcome], r.Threshold]:
    """Labels of one classifier, and the row that they make."""
    outcomes = seen_by(model, NOON)
    row = decide.next_threshold(ledger_of(outcomes, None, model), None, placed(model, NOON, 0.9), NOON + HOUR)
    assert row is not None
    return outcomes, row


def test_a_row_says_for_which_classifier_it_is() -> None:
    _, row = learnt()
    assert (row.cause, row.model, row.confirmed) == ("EVIDENCE", OLD, True)
    assert row.threshold < 0.9


def test_another_classifier_starts_from_its_own_calibration_and_the_row_says_so() -> None:
    outcomes, row = learnt()
    first = seen_by(NEW, NOON + 3 * HOUR, count=200)
    found = decide.next_threshold(
        ledger_of([*outcomes, *first], row, OLD), row, placed(NEW, NOON + 3 * HOUR, 0.8), NOON + 4 * HOUR
    )
    assert found is not None
    assert (found.cause, found.model, found.threshold, found.confirmed) == ("MODEL", NEW, 0.8, False)
    assert (found.intact_labels, found.border) == (0, None)
    assert f"classifier {NEW} scores the belt, no longer {OLD}" in found.reason
    assert "its own calibration" in found.reason
    assert found.history[0].model == OLD


def test_the_other_classifiers_labels_are_no_evidence_for_it() -> None:
    outcomes, row = learnt()
    moved = decide.next_threshold(
        ledger_of(outcomes, row, OLD), row, placed(NEW, NOON + 3 * HOUR, 0.8), NOON + 4 * HOUR
    )
    assert moved is not None
    few = seen_by(NEW, NOON + 3 * HOUR, count=20)
    followed = ledger_of([*outcomes, *few], moved, NEW)
    assert followed.evidence.intact <= 20
    assert decide.next_threshold(followed, moved, placed(NEW, NOON + 4 * HOUR, 0.8), NOON + 5 * HOUR) is None


def test_a_late_label_of_the_version_before_turns_nothing_back() -> None:
    outcomes, row = learnt()
    moved = decide.next_threshold(
        ledger_of(outcomes, row, OLD), row, placed(NEW, NOON + 3 * HOUR, 0.8), NOON + 4 * HOUR
    )
    assert moved is not None
    late = placed(OLD, NOON + 2 * HOUR, 0.9)
    assert decide.next_threshold(ledger_of(outcomes, moved, NEW), moved, late, NOON + 5 * HOUR) is None
    overlap = placed(OLD, moved.decided_at + decide.OVERLAP, 0.9)
    assert decide.next_threshold(ledger_of(outcomes, moved, NEW), moved, overlap, NOON + 5 * HOUR) is None


def test_a_classifier_that_comes_back_takes_up_what_it_left() -> None:
    outcomes, row = learnt()
    moved = decide.next_threshold(
        ledger_of(outcomes, row, OLD), row, placed(NEW, NOON + 3 * HOUR, 0.8), NOON + 4 * HOUR
    )
    assert moved is not None
    back = decide.next_threshold(
        ledger_of(outcomes, moved, NEW), moved, placed(OLD, NOON + 6 * HOUR, 0.9), NOON + 7 * HOUR
    )
    assert back is not None
    assert (back.cause, back.model, back.threshold) == ("MODEL", OLD, row.threshold)
    assert "is back" in back.reason
    again = ledger_of(outcomes, back, OLD)
    assert again.evidence.intact == ledger_of(outcomes, row, OLD).evidence.intact


def test_a_pinned_threshold_stands_whatever_classifier_scores_the_belt() -> None:
    outcomes, row = learnt()
    pinned = dataclasses.replace(row, pinned=True, model="")
    found = decide.next_threshold(
        ledger_of(outcomes, pinned, ""), pinned, placed(NEW, NOON + 3 * HOUR, 0.8), NOON + 4 * HOUR
    )
    assert found is None


def test_a_row_of_an_older_release_goes_on_where_it_stands_and_takes_the_classifiers_name() -> None:
    outcomes, row = learnt()
    older = dataclasses.replace(row, model="")
    found = decide.next_threshold(
        ledger_of(outcomes, older, ""), older, placed(OLD, NOON + 3 * HOUR, 0.9), NOON + 4 * HOUR
    )
    assert found is not None
    assert (found.cause, found.model, found.threshold, found.confirmed) == ("MODEL", OLD, row.threshold, True)


async def test_the_service_starts_a_new_version_where_the_promotion_said() -> None:
    service = service_with()
    rows = await rows_after(service, day(OLD, NOON))
    assert [(x.cause, x.model) for x in rows] == [("EVIDENCE", OLD)]
    tomorrow = rows[-1].decided_at + timedelta(days=1)
    rows = await rows_after(service, day(NEW, tomorrow, count=60, seed=2))
    assert [(x.cause, x.model, x.threshold) for x in rows] == [("MODEL", NEW, f32(0.8))]
    rows = await rows_after(service, day(NEW, tomorrow + HOUR, seed=3))
    assert {(x.cause, x.model) for x in rows} == {("EVIDENCE", NEW)}
    assert rows[-1].confirmed


async def test_a_restart_finds_each_classifiers_evidence() -> None:
    service = service_with()
    await rows_after(service, day(OLD, NOON))
    row = service.sent_to("calibration.thresholds")[-1]
    tomorrow = row.decided_at + timedelta(days=1)
    await rows_after(service, day(NEW, tomorrow, count=60, seed=2))
    restarted = service_with()
    for topic in ("calibration.outcomes", "calibration.thresholds"):
        for key, record in zip(service.keys_of(topic), service.sent_to(topic), strict=True):
            restarted.row(topic, key, record, offset=len(restarted.views[topic]) + 10_000)
    rows = await rows_after(restarted, day(NEW, tomorrow + HOUR, seed=3))
    assert {x.model for x in rows} == {NEW}
