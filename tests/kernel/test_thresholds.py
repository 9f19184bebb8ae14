"""Which threshold is in force follows from the event's time and the row's memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.kernel import records as r
from services.kernel.thresholds import HISTORY, Plan, in_force, plan_for, remembered, step_of
from tests.samples import NOON, assessment

SECOND = timedelta(seconds=1)


def row(version: int = 1, threshold: float = 0.75, **given: object) -> r.Threshold:
    plain = r.Threshold(
        center_id="FRA1",
        stage=r.Stage.PICK,
        group="toys",
        threshold=threshold,
        version=version,
        budget=0.01,
        intact_labels=0,
        false_positive_upper=1.0,
        reason="",
        decided_at=NOON,
        effective_at=NOON + version * SECOND,
    )
    return replace(plain, **given)  # type: ignore[arg-type]


def test_before_the_first_row_the_start_decides() -> None:
    assert in_force(None, NOON, 0.9, 0.01) == Plan(threshold=0.9, version=0, sample_rate=0.01)
    assert in_force(row(), NOON, 0.9, 0.01).threshold == 0.9


def test_a_row_decides_from_the_moment_that_it_names_and_one_without_at_once() -> None:
    assert in_force(row(), NOON + SECOND, 0.9, 0.01).threshold == 0.75
    assert in_force(row(effective_at=None), NOON - SECOND, 0.9, 0.01).threshold == 0.75


def test_what_was_assessed_under_an_earlier_row_is_held_against_that_one() -> None:
    first = row(1, 0.75, border=0.5, border_rate=0.25)
    second = row(2, 0.625, history=remembered(first))
    third = row(3, 0.5, history=remembered(second))
    found = [in_force(third, NOON + n * SECOND, 0.9, 0.01) for n in range(4)]
    assert [(p.version, p.threshold) for p in found] == [(0, 0.9), (1, 0.75), (2, 0.625), (3, 0.5)]
    assert (found[1].border, found[1].border_rate) == (0.5, 0.25)


def test_what_is_older_than_all_that_is_remembered_meets_the_oldest_that_is() -> None:
    present = row(9, 0.5, history=(step_of(row(8, 0.625)),))
    assert in_force(present, NOON, 0.9, 0.01).version == 8


def test_memory_is_bounded_and_has_the_newest_first() -> None:
    present = row(1)
    for version in range(2, 40):
        present = row(version, history=remembered(present))
    assert [s.version for s in present.history] == list(range(38, 38 - HISTORY, -1))


def test_passing_items_are_drawn_more_often_from_the_border_on() -> None:
    plan = Plan(threshold=0.75, border=0.5, border_rate=0.25, sample_rate=0.01)
    assert [plan.rate(s) for s in (0.0, 0.499, 0.5, 0.9)] == [0.01, 0.01, 0.25, 0.25]
    assert Plan(threshold=0.75, sample_rate=0.01).rate(0.7) == 0.01


def of_two_classifiers() -> r.Threshold:
    """A row that belongs to classifier 101+b, and began with 1+a."""
    first = row(1, 0.75, model="1+a")
    second = row(2, 0.625, model="1+a", history=remembered(first))
    return row(3, 0.5, model="101+b", history=remembered(second))


def test_an_item_is_held_against_the_threshold_of_the_classifier_that_scored_it() -> None:
    late = NOON + 9 * SECOND
    found = [in_force(of_two_classifiers(), late, 0.9, 0.01, model=m).threshold for m in ("1+a", "101+b")]
    assert found == [0.625, 0.5]


def test_a_classifier_that_the_row_does_not_know_is_held_against_its_own_calibration() -> None:
    assert in_force(of_two_classifiers(), NOON + 9 * SECOND, 0.9, 0.01, model="102+c").threshold == 0.9


def test_the_first_items_of_a_classifier_meet_its_own_calibration_in_a_replay_too() -> None:
    early = in_force(of_two_classifiers(), NOON + 2 * SECOND, 0.9, 0.01, model="101+b")
    assert (early.version, early.threshold) == (0, 0.9)


def test_a_threshold_that_names_no_classifier_holds_for_each() -> None:
    pinned = replace(of_two_classifiers(), model="", pinned=True)
    found = [
        in_force(pinned, NOON + 9 * SECOND, 0.9, 0.01, model=m).threshold for m in ("1+a", "101+b", "102+c")
    ]
    assert found == [0.5, 0.5, 0.5]


def test_a_plan_starts_where_the_assessments_own_classifier_does() -> None:
    starts = {"1+a": 0.9, "101+b": 0.8}
    item = assessment(versions={"model.damage_classifier": "101+b"})
    plan = plan_for(None, item, starts.__getitem__, 0.01)
    assert (plan.threshold, plan.model) == (0.8, "101+b")
