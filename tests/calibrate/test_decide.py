from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from services.calibrate import decide
from services.kernel import records as r
from services.kernel.wire import decode, encode
from tests.samples import NOON, assessment, facts, labelled

BUDGET = 0.05


def labelled_outcome(probability: float, *, damaged: bool = False, weight: float = 1.0) -> r.LabelledOutcome:
    return r.LabelledOutcome(
        item_id="item",
        revision=2,
        center_id="FRA1",
        stage=r.Stage.PICK,
        group="toys",
        probability=probability,
        damaged=damaged,
        weight=weight,
    )


def intact(*probabilities: float, weight: float = 1.0) -> list[r.LabelledOutcome]:
    return [labelled_outcome(p, weight=weight) for p in probabilities]


def even(n: int) -> list[r.LabelledOutcome]:
    """Intact items with probabilities spread evenly over [0, 1)."""
    return intact(*(float(np.float32(i / n)) for i in range(n)))


# -- what a label teaches -----------------------------------------------------------------------------------------


def taught(probability: float, *, sampled: bool, rate: float = 0.1, **given: Any) -> r.LabelledOutcome | None:
    return decide.outcome(labelled(probability=probability, **given), 0.5, rate, sampled=sampled)


def test_a_sidelined_item_stands_for_itself() -> None:
    for sampled in (False, True):
        found = taught(0.5, sampled=sampled)
        assert found is not None
        assert found.weight == 1.0


def test_a_sampled_item_stands_for_all_that_were_not_drawn() -> None:
    found = taught(0.4, sampled=True)
    assert found is not None
    assert found.weight == pytest.approx(10.0)


def test_an_item_that_somebody_chose_to_look_at_says_nothing_about_the_belt() -> None:
    assert taught(0.4, sampled=False) is None
    assert taught(0.4, sampled=True, rate=0.0) is None


def test_only_a_persons_verdict_teaches() -> None:
    assert decide.outcome(assessment(probability=0.9), 0.5, 0.1, sampled=True) is None


def test_an_outcome_says_whose_it_is_and_what_the_person_found() -> None:
    found = taught(0.9, sampled=False, verdict=r.Verdict.DAMAGED, product=facts(category="grocery"))
    assert found is not None
    assert (found.center_id, found.stage, found.group) == ("FRA1", r.Stage.PICK, "grocery")
    assert (found.damaged, found.probability) == (True, 0.9)
    unknown = taught(0.9, sampled=False, product=None)
    assert unknown is not None
    assert (unknown.group, unknown.damaged) == ("unknown", False)


# -- the bound ----------------------------------------------------------------------------------------------------


def test_the_bound_solves_wilsons_equation() -> None:
    for share, n in [(0.0, 50), (0.02, 300), (0.5, 10), (1.0, 40)]:
        upper = decide.upper_bound(share, n)
        distance = abs(upper - share) / math.sqrt(upper * (1 - upper) / n) if upper < 1 else 1.644854
        assert distance == pytest.approx(1.644854, abs=1e-4)
        assert share <= upper <= 1


def test_more_labels_make_a_closer_bound() -> None:
    bounds = [decide.upper_bound(0.02, n) for n in (10, 100, 1_000, 100_000)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == pytest.approx(0.02, abs=1e-3)


# -- the threshold ------------------------------------------------------------------------------------------------


def test_no_threshold_is_safe_with_too_few_labels() -> None:
    enough = math.ceil(
        1.644854**2 * (1 - BUDGET) / BUDGET
    )  # none above, and the bound still within the budget
    assert decide.threshold(even(enough - 1), BUDGET) is None
    assert decide.threshold(even(enough), BUDGET) is not None
    assert decide.threshold([], BUDGET) is None


def test_damaged_items_tell_nothing_about_wrong_sidelining() -> None:
    damaged = [labelled_outcome(0.9, damaged=True)] * 500
    assert decide.threshold(damaged, BUDGET) is None
    assert decide.threshold(even(300) + damaged, BUDGET) == decide.threshold(even(300), BUDGET)


def test_the_threshold_is_the_lowest_that_is_safe() -> None:
    outcomes = even(2_000)
    found = decide.threshold(outcomes, BUDGET)
    assert found is not None
    value, upper, labels = found
    above = sum(o.probability >= value for o in outcomes)
    assert upper == pytest.approx(decide.upper_bound(above / 2_000, 2_000))
    assert upper <= BUDGET < decide.upper_bound((above + 1) / 2_000, 2_000)
    assert labels == 2_000


def test_a_larger_budget_gives_a_lower_threshold() -> None:
    found = [decide.threshold(even(2_000), b) for b in (0.01, 0.05, 0.2)]
    values = [f[0] for f in found if f is not None]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)


def test_the_item_just_below_the_threshold_is_below_it_in_an_event_too() -> None:
    outcomes = even(1_000)
    found = decide.threshold(outcomes, BUDGET)
    record = decide.changed(None, found, outcomes[0], BUDGET, NOON)
    assert found is not None
    assert record is not None
    read = decode(r.Threshold, encode(record))
    kept = [o for o in outcomes if o.probability < found[0]]
    assert all(decode(r.LabelledOutcome, encode(o)).probability < read.threshold for o in kept)


def test_items_of_the_same_probability_are_kept_or_pulled_together() -> None:
    outcomes = intact(*[0.75] * 400, *[0.25] * 600)
    found = decide.threshold(outcomes, BUDGET)
    assert found is not None
    assert not [o for o in outcomes if o.probability >= found[0]]


def test_no_threshold_keeps_a_certainty_on_the_belt() -> None:
    few = intact(*[1.0] * 5) + even(1_000)
    found = decide.threshold(few, BUDGET)
    assert found is not None
    assert found[0] <= 1.0
    assert found[1] >= 5 / 1_005
    assert decide.threshold(intact(*[1.0] * 400) + even(1_000), BUDGET) is None


def test_a_heavy_item_counts_for_those_it_stands_for() -> None:
    sidelined = intact(*(0.9 for _ in range(300)))
    passing = intact(*(float(np.float32(i / 1_000)) for i in range(400)), weight=100.0)
    found = decide.threshold(sidelined + passing, BUDGET)
    assert found is not None
    assert found[0] < 0.9  # 300 of 40 300 is little, 300 of 700 would be too much
    assert (
        decide.threshold(sidelined + [dataclasses.replace(o, weight=1.0) for o in passing], BUDGET)
        is not None
    )
    unweighted = decide.threshold(sidelined + [dataclasses.replace(o, weight=1.0) for o in passing], BUDGET)
    assert unweighted is not None
    assert unweighted[0] > 0.9


def test_few_heavy_items_do_not_pass_for_many() -> None:
    heavy = intact(*(0.01 * i for i in range(20)), weight=1_000.0)
    assert decide.threshold(intact(*([0.9] * 300)) + heavy, BUDGET) is None


def test_the_budget_is_held_on_simulated_belts() -> None:
    """Labels as the mesh gets them: all that the old threshold pulls, and a tenth of what passes."""
    random = np.random.default_rng(17)
    belt = np.sort(random.beta(1.2, 6.0, 200_000))
    runs, broken, shares = 60, 0, []
    for _ in range(runs):
        p = random.beta(1.2, 6.0, 3_000).astype(np.float32)
        pulled, drawn = p >= 0.5, random.random(3_000) < 0.1
        outcomes = intact(*map(float, p[pulled])) + intact(*map(float, p[~pulled & drawn]), weight=10.0)
        found = decide.threshold(outcomes, BUDGET)
        assert found is not None
        share = 1 - float(np.searchsorted(belt, found[0])) / len(belt)
        shares.append(share)
        broken += share > BUDGET
    assert broken / runs <= 0.10  # 5 % and what chance adds
    assert float(np.mean(shares)) > BUDGET / 3  # and the budget is not left unused


# -- what is told -------------------------------------------------------------------------------------------------


def current(threshold: float) -> r.Threshold:
    found = decide.changed(None, (threshold, 0.009, 500), labelled_outcome(0.1), 0.01, NOON)
    assert found is not None
    return found


def changed(now: r.Threshold | None, value: float) -> r.Threshold | None:
    return decide.changed(now, (value, 0.009, 512), labelled_outcome(0.1), 0.01, NOON)


def test_a_first_threshold_is_told_with_its_evidence() -> None:
    found = changed(None, 0.6)
    assert found is not None
    assert (found.version, found.threshold, found.budget) == (1, 0.6, 0.01)
    assert (found.intact_labels, found.false_positive_upper) == (512, 0.009)
    assert (found.center_id, found.stage, found.group) == ("FRA1", r.Stage.PICK, "toys")
    for part in ("the model's own", "0.600", "512 labelled intact items", "0.90%", "1.00%"):
        assert part in found.reason


@pytest.mark.parametrize("step", [0.0, 0.004, -0.004])
def test_a_change_below_the_smallest_step_is_not_told(step: float) -> None:
    assert changed(current(0.6), 0.6 + step) is None


@pytest.mark.parametrize("step", [0.006, -0.006])
def test_a_change_worth_telling_makes_the_next_version(step: float) -> None:
    found = changed(current(0.6), 0.6 + step)
    assert found is not None
    assert found.version == 2
    assert "From 0.600" in found.reason


def test_while_no_threshold_is_safe_the_current_one_stays() -> None:
    assert decide.changed(current(0.6), None, labelled_outcome(0.1), 0.01, NOON) is None
