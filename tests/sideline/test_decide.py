from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from services.kernel import records as r
from services.kernel.sampling import sampled
from services.kernel.thresholds import key_for
from services.sideline import decide
from tests.samples import NOON, assessment, facts, labelled, subject

A = r.SidelineAction
IN_TIME = NOON + timedelta(seconds=30)  # the deadline itself
TOO_LATE = NOON + timedelta(seconds=30, milliseconds=1)


def first_look(item: r.Assessment, *, threshold: float = 0.5, rate: float = 0.0, late: bool = False) -> Any:
    return decide.first_look(item, threshold, rate, TOO_LATE if late else IN_TIME)


# -- the sample ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_the_share_of_items_drawn_is_the_rate(rate: float) -> None:
    drawn = sum(sampled(f"item-{n}", rate) for n in range(100_000))
    allowed = 4 * (100_000 * rate * (1 - rate)) ** 0.5  # four standard deviations
    assert abs(drawn - 100_000 * rate) < allowed


def test_an_item_is_drawn_again_at_every_replay_and_at_every_higher_rate() -> None:
    ids = [f"item-{n}" for n in range(2_000)]
    few = {i for i in ids if sampled(i, 0.05)}
    assert few == {i for i in ids if sampled(i, 0.05)}
    assert few < {i for i in ids if sampled(i, 0.2)}


def test_all_or_none_can_be_drawn() -> None:
    ids = [f"item-{n}" for n in range(2_000)]
    assert all(sampled(i, 1.0) for i in ids)
    assert not any(sampled(i, 0.0) for i in ids)


# -- the first look -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_a_candidate_goes_to_the_owner_of_the_budget(probability: float) -> None:
    action, reason = first_look(assessment(probability=probability))
    assert action is None
    assert f"{probability:.2f} reaches the threshold 0.50" in reason


def test_an_item_below_the_threshold_passes() -> None:
    action, reason = first_look(assessment(probability=0.49))
    assert action is A.PASS
    assert "0.49 is below the threshold 0.50" in reason


def test_a_late_candidate_commands_nothing() -> None:
    action, reason = first_look(assessment(probability=0.9), late=True)
    assert action is A.LATE
    assert "next stage" in reason


def test_tolerated_damage_passes_however_probable() -> None:
    action, reason = first_look(assessment(probability=0.99, damaged=True, tolerated=True))
    assert action is A.PASS
    assert "tolerates" in reason


def test_a_passing_item_may_be_drawn_for_labels_but_not_after_its_deadline() -> None:
    assert first_look(assessment(), rate=1.0)[0] is A.SAMPLE
    assert first_look(assessment(), rate=1.0, late=True)[0] is A.PASS


def test_a_candidate_is_not_a_sample() -> None:
    assert first_look(assessment(probability=0.9), rate=1.0)[0] is None


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("verdict", r.Verdict)
def test_a_persons_verdict_takes_the_candidates_way(verdict: r.Verdict, late: bool) -> None:  # noqa: FBT001
    assert first_look(labelled(verdict=verdict), rate=1.0, late=late)[0] is None


# -- the budget ---------------------------------------------------------------------------------------------------


def admit(
    item: r.Assessment, budget: r.SidelineBudget | None = None, *, per_hour: int = 2, late: bool = False
) -> tuple[r.SidelineAction, r.SidelineBudget | None]:
    action, _, changed = decide.admit(item, budget, per_hour, TOO_LATE if late else IN_TIME)
    return action, changed


def admitted(*items: r.Assessment) -> r.SidelineBudget:
    budget: r.SidelineBudget | None = None
    for item in items:
        _, changed = admit(item, budget, per_hour=99)
        budget = changed or budget
    assert budget is not None
    return budget


def test_a_candidate_within_the_budget_leaves_the_belt_and_is_counted() -> None:
    action, budget = admit(assessment("a"))
    assert action is A.SIDELINE
    assert budget is not None
    assert (budget.center_id, budget.stage, budget.hour_start) == ("FRA1", r.Stage.PICK, NOON)
    assert budget.admitted == ("a@1",)


def test_a_candidate_over_the_budget_stays_on_the_belt() -> None:
    action, reason, changed = decide.admit(
        assessment("c"), admitted(assessment("a"), assessment("b")), 2, IN_TIME
    )
    assert (action, changed) == (A.OVER_BUDGET, None)
    assert "2 items" in reason


def test_no_budget_admits_nobody() -> None:
    assert admit(assessment("a"), per_hour=0) == (A.OVER_BUDGET, None)


@pytest.mark.parametrize("late", [False, True])
def test_whoever_was_admitted_is_admitted_again_and_counted_once(late: bool) -> None:  # noqa: FBT001
    full = admitted(assessment("a"), assessment("b"))
    assert admit(assessment("a"), full, late=late) == (A.SIDELINE, None)


def test_whoever_was_refused_is_refused_at_a_replay() -> None:
    items = [assessment(f"item-{n}") for n in range(6)]

    def run(budget: r.SidelineBudget | None) -> tuple[list[r.SidelineAction], r.SidelineBudget | None]:
        actions = []
        for item in items:
            action, changed = admit(item, budget, per_hour=3)
            budget = changed or budget
            actions.append(action)
        return actions, budget

    actions, budget = run(None)
    assert actions == [A.SIDELINE] * 3 + [A.OVER_BUDGET] * 3
    assert run(budget) == (actions, budget)


def test_a_late_candidate_is_not_admitted() -> None:
    assert admit(assessment("a"), late=True) == (A.LATE, None)


def test_another_revision_of_an_admitted_item_is_another_candidate() -> None:
    _, changed = admit(assessment("a", 2), admitted(assessment("a")))
    assert changed is not None
    assert changed.admitted == ("a@1", "a@2")


def test_an_item_that_a_person_found_intact_goes_back_to_the_belt_free_of_budget() -> None:
    assert admit(labelled(), per_hour=0, late=True) == (A.RELEASE, None)


def test_an_item_that_a_person_found_damaged_stays_off_the_belt_free_of_budget() -> None:
    assert admit(labelled(verdict=r.Verdict.DAMAGED), per_hour=0, late=True) == (A.SIDELINE, None)


# -- keys and records ---------------------------------------------------------------------------------------------


def test_thresholds_are_kept_by_center_stage_and_category() -> None:
    assert key_for(assessment(product=facts(category="grocery"))) == "FRA1|PICK|grocery"
    assert key_for(assessment(product=None)) == "FRA1|PICK|unknown"


def test_the_budget_is_the_centers_and_stages() -> None:
    assert decide.budget_key(assessment(subject=subject(center_id="LEJ2", stage=r.Stage.SHIP))) == "LEJ2|SHIP"


def test_an_hour_begins_at_its_first_minute() -> None:
    assert decide.hour_of(NOON + timedelta(minutes=59, seconds=59, microseconds=9)) == NOON
    assert decide.hour_of(NOON + timedelta(hours=1)) == NOON + timedelta(hours=1)


def decided(item: r.Assessment, action: r.SidelineAction) -> r.SidelineDecision:
    return decide.decision(item, action, "why", 0.4, 7, IN_TIME)


def test_a_decision_says_what_it_was_made_with() -> None:
    found = decided(assessment(probability=0.6), A.PASS)
    assert (found.threshold, found.threshold_version, found.probability) == (0.4, 7, 0.6)
    assert (found.reason, found.decided_at, found.deadline_at) == ("why", IN_TIME, IN_TIME)


@pytest.mark.parametrize("action", A)
def test_only_what_moves_an_item_is_a_command(action: r.SidelineAction) -> None:
    item = assessment()
    found = decide.command(item, decided(item, action))
    assert (found is not None) == (action in {A.SIDELINE, A.SAMPLE, A.RELEASE})


def test_a_command_carries_all_that_replace_and_dispose_need() -> None:
    item = labelled(verdict=r.Verdict.DAMAGED, defect_types=("spillage",))
    found = decide.command(item, decided(item, A.SIDELINE))
    assert found is not None
    assert (found.product, found.product_id, found.order_line_id) == (item.product, "P1", "L1")
    assert (found.damaged, found.severity, found.defect_types) == (True, r.Severity.MAJOR, ("spillage",))
    assert (found.verdict, found.revision) == (r.Verdict.DAMAGED, 2)


def test_the_same_decision_has_the_same_ids_at_every_replay() -> None:
    item = assessment()
    one, other = (
        decided(item, A.SIDELINE),
        dataclasses.replace(decided(item, A.SIDELINE), decided_at=TOO_LATE),
    )
    assert one.decision_id == other.decision_id
    commands = [decide.command(item, d) for d in (one, other)]
    assert commands[0] is not None
    assert commands[1] is not None
    assert commands[0].command_id == commands[1].command_id
    later = assessment(revision=2)
    assert decided(later, A.SIDELINE).decision_id != one.decision_id
