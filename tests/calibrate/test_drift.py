"""An excess is noticed, and what stays within the budget seldom gives an alarm."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from services.calibrate.drift import ALARM, Watch, remedy
from services.calibrate.evidence import GRID
from tests.calibrate.makers import belt, f32, labelled
from tests.samples import NOON

BUDGET = 0.05
SERVED = f32(0.9)


def watched(share: float, items: int, seed: int = 1, served: float = SERVED) -> Watch:
    watch = Watch(BUDGET, served)
    for each in belt(items, np.random.default_rng(seed), share=share):
        watch.add(each)
    return watch


def test_an_excess_is_noticed_and_said_since_when() -> None:
    steady = belt(3_000, np.random.default_rng(2), share=BUDGET / 2)
    drifted = belt(3_000, np.random.default_rng(3), share=BUDGET * 3, at=0.95)
    watch = Watch(BUDGET, SERVED)
    for each in steady:
        watch.add(each)
    assert watch.alarm is None
    for each in drifted:
        assert each.labelling is not None
        watch.add(labelled(each.probability, at=each.labelling.at + timedelta(minutes=5)))
    assert watch.alarm is not None
    begun = (watch.alarm.since - NOON).total_seconds()
    assert 240 < begun < 330  # the change is at 300 s
    assert watch.alarm.at > watch.alarm.since
    assert 0 < watch.alarm.labels < 300


def test_the_larger_the_excess_the_sooner() -> None:
    times = []
    for factor in (2, 3, 6):
        alarms = [watched(BUDGET * factor, 4_000, seed).alarm for seed in range(4)]
        times.append(sum((alarm.at - NOON).total_seconds() for alarm in alarms if alarm is not None))
        assert None not in alarms
    assert times == sorted(times, reverse=True)


def test_at_the_budget_alarms_are_as_rare_as_said() -> None:
    """A mean of `ALARM` labels until one: in these 12 runs of 450 labels hardly one."""
    runs, items = 12, 4_000
    alarms = sum(watched(BUDGET, items, seed).alarm is not None for seed in range(runs))
    assert alarms <= 1
    assert runs * 450 * 10 < ALARM


def test_a_raised_threshold_is_not_blamed_for_what_a_lower_one_let_through() -> None:
    assert watched(BUDGET * 4, 4_000).alarm is not None
    assert watched(BUDGET * 4, 4_000, served=0.96).alarm is None


def test_damage_and_items_that_nobody_samples_say_nothing() -> None:
    watch = Watch(BUDGET, SERVED)
    for _ in range(1_000):
        watch.add(labelled(0.95, damaged=True))
        watch.add(labelled(0.95, sample_rate=0.0))
    assert watch.alarm is None


def test_the_remedy_is_the_lowest_candidate_that_keeps_the_budget_again() -> None:
    intact = belt(4_000, np.random.default_rng(6), share=BUDGET * 3)
    found = remedy(intact, SERVED, BUDGET)
    assert found == GRID[np.searchsorted(GRID, f32(0.95), "right")]
    kept = belt(4_000, np.random.default_rng(6), share=BUDGET / 2)
    assert remedy(kept, SERVED, BUDGET) == GRID[np.searchsorted(GRID, SERVED, "right")]


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_where_no_candidate_keeps_the_budget_only_certainties_are_pulled(share: float) -> None:
    assert remedy(belt(1_000, np.random.default_rng(6), share=share, at=1.0), SERVED, BUDGET) == 1.0
