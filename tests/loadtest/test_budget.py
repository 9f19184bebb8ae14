"""The proof in small, and that it proves what it says: `python -m loadtest.budget` is the whole one."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest import budget
from services.kernel.sampling import sampled
from services.kernel.thresholds import Plan
from services.sideline import decide
from tests.samples import assessment


def test_the_belt_is_what_the_formula_says() -> None:
    rng = np.random.default_rng(1)
    belt = budget.draw(400_000, rng)
    intact = belt.score[~belt.damaged]
    for threshold in (0.3, 0.55, 0.9):
        share = budget.true_share(threshold)
        assert (intact >= threshold).mean() == pytest.approx(share, rel=5 / (400_000 * share) ** 0.5)
    assert belt.damaged.mean() == pytest.approx(budget.PREVALENCE, rel=0.2)


def test_the_budget_is_held_and_little_recall_is_lost_on_steady_belts() -> None:
    found = budget.steady(100_000, 5, 0.01)
    assert found["held"] == 5
    assert found["recall_lost_mean"] <= budget.WITHIN
    assert found["start_over_budget"] >= 3  # the start alone would not have held it
    assert not budget.targets_missed({"steady": [found]})


def test_another_camera_is_noticed_and_the_excess_reported() -> None:
    found = budget.changing(150_000, 2, 0.01)["another camera"]
    assert found["broke_the_budget"] == found["noticed"] == 2
    assert 0 < found["delay_items_median"] < 45_000
    assert found["peak_share_of_budget_mean"] > 1
    assert found["wrongly_sidelined_beyond_budget_mean"] > 0


def test_places_go_to_the_dearest_damage_nearly_as_well_as_in_hindsight() -> None:
    found = budget.crowded(8, 1)
    assert found["regret"] < 0.08
    assert found["first_come_regret"] > 0.3


def test_a_missed_target_is_said() -> None:
    bad = {"budget": 0.01, "held": 4, "seeds": 5, "recall_lost_mean": 0.04}
    assert len(budget.targets_missed({"steady": [bad]})) == 2


def test_the_shortcut_over_items_that_pass_changes_nothing() -> None:
    """The run skips who lies below every threshold and rate; the service's own first look lets just those pass."""
    plan = Plan(threshold=0.75, border=0.5, border_rate=0.5, sample_rate=0.25)
    rng = np.random.default_rng(2)
    for number, score in enumerate(rng.random(400).tolist()):
        item = assessment(f"i{number}", probability=score)
        passes = decide.first_look(item, plan) is not None
        skipped = score < 0.5 and not sampled(item.item_id, plan.sample_rate)
        assert passes >= skipped
        wanted = decide.wanted(score, plan)
        assert passes == (not wanted and not sampled(item.item_id, plan.rate(score)))
