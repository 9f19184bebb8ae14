from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.kernel import records as r
from services.kernel.sampling import place, sampled
from services.kernel.thresholds import Plan, key_for
from services.sideline import decide
from tests.samples import NOON, assessment, facts, labelled, outcome, subject, uid

A = r.SidelineAction
IN_TIME = NOON + timedelta(seconds=30)  # the deadline itself
TOO_LATE = NOON + timedelta(seconds=30, milliseconds=1)
PLAN = Plan(threshold=0.5, version=3)
#: Draws every passing item.
ALL = Plan(threshold=0.5, sample_rate=1.0)


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
    assert decide.first_look(assessment(probability=probability), PLAN) is None


def test_an_item_below_the_threshold_passes() -> None:
    reason = decide.first_look(assessment(probability=0.49), PLAN)
    assert reason == "Probability 0.49 is below the threshold 0.50."


def test_tolerated_damage_passes_however_probable() -> None:
    reason = decide.first_look(assessment(probability=0.99, damaged=True, tolerated=True), PLAN)
    assert reason is not None
    assert "tolerates" in reason


def test_what_scores_nothing_is_not_wanted_even_where_everything_else_is() -> None:
    everything = Plan(threshold=0.0)
    assert decide.wanted(0.001, everything)
    assert not decide.wanted(0.0, everything)


def test_an_item_drawn_for_labels_goes_to_the_owner_too_since_he_remembers_it() -> None:
    assert decide.first_look(assessment(), ALL) is None


@pytest.mark.parametrize("verdict", r.Verdict)
def test_a_persons_verdict_takes_the_candidates_way(verdict: r.Verdict) -> None:
    assert decide.first_look(labelled(verdict=verdict), PLAN) is None


def test_items_between_border_and_threshold_are_drawn_at_a_rate_of_their_own() -> None:
    plan = Plan(threshold=0.9, border=0.6, border_rate=0.3, sample_rate=0.01)
    ids = [f"item-{n}" for n in range(600)]

    def drawn(probability: float) -> set[str]:
        return {i for i in ids if decide.first_look(assessment(i, probability=probability), plan) is None}

    assert drawn(0.7) == {i for i in ids if place(i) < 0.3}
    assert drawn(0.5) == {i for i in ids if place(i) < 0.01}
    assert drawn(0.5) < drawn(0.7)


# -- the owner of the budget --------------------------------------------------------------------------------------


def admit(
    item: r.Assessment,
    row: r.SidelineBudget | None = None,
    *,
    per_hour: int = 2,
    now: datetime = IN_TIME,
    plan: Plan = PLAN,
    before: r.SidelineBudget | None = None,
) -> decide.Admission:
    return decide.admit(item, plan, decide.Hour(row=row, before=before, per_hour=per_hour), now)


def candidate(item_id: str, minute: float = 0.0, price_cents: int = 2_000, **given: Any) -> r.Assessment:
    at = NOON + timedelta(minutes=minute)
    seen = subject(item_id, captured_at=at, deadline_at=at + timedelta(seconds=30))
    product = facts(price_cents=price_cents)
    return assessment(item_id, **{"subject": seen, "probability": 0.9, "product": product, **given})


def run(
    items: list[r.Assessment], row: r.SidelineBudget | None = None, **given: Any
) -> tuple[list[r.SidelineAction], r.SidelineBudget | None]:
    actions = []
    for item in items:
        made = admit(item, row, now=item.subject.captured_at, **given)
        row = made.changed or row
        actions.append(made.action)
    return actions, row


def test_a_candidate_within_the_budget_leaves_the_belt_and_is_counted() -> None:
    made = admit(candidate("a"))
    assert made.action is A.SIDELINE
    assert made.changed is not None
    assert (made.changed.center_id, made.changed.stage, made.changed.hour_start) == (
        "FRA1",
        r.Stage.PICK,
        NOON,
    )
    assert made.changed.admitted == ("a@1",)
    assert sum(made.changed.seen) == sum(made.changed.taken) == 1


def test_a_candidate_over_the_budget_stays_on_the_belt() -> None:
    _, full = run([candidate("a")], per_hour=1)
    made = admit(candidate("c"), full, per_hour=1)
    assert made.action is A.OVER_BUDGET
    assert "used up" in made.reason
    assert made.changed is not None
    assert made.changed.refused == ("c@1",)


def test_no_budget_admits_nobody() -> None:
    assert admit(candidate("a"), per_hour=0).action is A.OVER_BUDGET


def test_places_are_kept_for_those_whose_damage_would_cost_more() -> None:
    cheap = [candidate(f"cheap-{n}", minute=n / 4, price_cents=100) for n in range(40)]
    actions, row = run(cheap, per_hour=20)
    assert 0 < actions.count(A.SIDELINE) < 20  # ten minutes have passed, and as many come in each
    dear = admit(candidate("dear", minute=10, price_cents=50_000), row, per_hour=20, now=NOON)
    assert dear.action is A.SIDELINE
    refused = admit(candidate("late cheap", minute=10, price_cents=100), row, per_hour=20, now=NOON)
    assert refused.action is A.OVER_BUDGET
    assert "kept for items whose damage would cost more" in refused.reason


def test_what_a_policy_says_of_the_cost_of_a_miss_counts() -> None:
    cheap = [candidate(f"cheap-{n}", minute=n / 4, price_cents=100) for n in range(40)]
    _, row = run(cheap, per_hour=20)
    dear = candidate("dear", minute=10, price_cents=100, miss_cost_cents=50_000)
    assert admit(dear, row, per_hour=20, now=NOON).action is A.SIDELINE


def test_what_is_left_of_the_hour_is_not_saved_for_nobody() -> None:
    cheap = [candidate(f"cheap-{n}", minute=n / 4, price_cents=100) for n in range(40)]
    _, row = run(cheap, per_hour=20)
    assert row is not None
    left = 20 - len(row.admitted)
    last = [candidate(f"last-{n}", minute=59.9, price_cents=100) for n in range(left + 3)]
    actions, _ = run(last, row, per_hour=20)
    assert actions == [A.SIDELINE] * left + [A.OVER_BUDGET] * 3


def test_what_the_hour_before_brought_is_expected_again() -> None:
    _, before = run([candidate(f"x-{n}", minute=n / 10, price_cents=50_000) for n in range(500)], per_hour=20)
    cheap = candidate("cheap", minute=0.0, price_cents=100)
    assert admit(cheap, per_hour=20).action is A.SIDELINE
    assert admit(cheap, per_hour=20, before=before).action is A.OVER_BUDGET


def test_a_late_candidate_commands_nothing_and_is_not_admitted() -> None:
    made = admit(candidate("a"), now=TOO_LATE)
    assert (made.action, made.changed, made.labelling) == (A.LATE, None, None)
    assert "next stage" in made.reason


def test_an_item_drawn_too_late_passes() -> None:
    made = admit(assessment(), plan=ALL, now=TOO_LATE)
    assert (made.action, made.changed, made.labelling) == (A.PASS, None, None)


@pytest.mark.parametrize(
    ("item", "plan", "per_hour", "action"),
    [
        (candidate("a"), PLAN, 1, A.SIDELINE),
        (candidate("a"), PLAN, 0, A.OVER_BUDGET),
        (assessment("a"), ALL, 1, A.SAMPLE),
    ],
)
def test_a_replay_after_the_deadline_repeats_the_first_decision(
    item: r.Assessment, plan: Plan, per_hour: int, action: r.SidelineAction
) -> None:
    first = admit(item, plan=plan, per_hour=per_hour)
    again = admit(item, first.changed, plan=plan, per_hour=per_hour, now=TOO_LATE)
    assert (first.action, again.action) == (action, action)
    assert again.changed is None
    assert again.labelling == first.labelling


def test_whoever_was_refused_is_refused_at_a_replay() -> None:
    items = [candidate(f"item-{n}", minute=n / 10) for n in range(6)]
    actions, row = run(items, per_hour=3)
    assert actions.count(A.SIDELINE) <= 3
    assert A.OVER_BUDGET in actions
    assert run(items, row, per_hour=3) == (actions, row)


def test_another_revision_of_an_admitted_item_is_another_candidate() -> None:
    _, row = run([candidate("a"), candidate("a", revision=2)], per_hour=99)
    assert row is not None
    assert row.admitted == ("a@1", "a@2")


def test_an_item_that_a_person_found_intact_goes_back_to_the_belt_free_of_budget() -> None:
    made = admit(labelled(), per_hour=0, now=TOO_LATE)
    assert (made.action, made.changed) == (A.RELEASE, None)


def test_an_item_that_a_person_found_damaged_stays_off_the_belt_free_of_budget() -> None:
    made = admit(labelled(verdict=r.Verdict.DAMAGED), per_hour=0, now=TOO_LATE)
    assert made.action is A.SIDELINE
    assert made.changed is not None
    assert (made.changed.by_people, made.changed.admitted, made.changed.seen) == (("item-1@2",), (), ())


# -- what people say of items that are off the belt, and of those that are not ------------------------------------


def only_look(found: r.Assessment) -> r.Assessment:
    """The item was photographed once, so the row of that hour knows all that happened to it."""
    return dataclasses.replace(found, outcome=dataclasses.replace(found.outcome, looks=1))


def test_an_intact_item_that_never_left_the_belt_is_not_put_back_on_it() -> None:
    whole = only_look(labelled())
    for row in (None, run([candidate("another")], per_hour=9)[1]):
        made = admit(whole, row, now=TOO_LATE)
        assert (made.action, made.changed) == (A.PASS, None)
        assert made.reason == "A person found it intact, and it never left the belt."


def test_an_item_that_was_late_or_over_the_budget_is_not_put_back_either() -> None:
    item = only_look(candidate("a"))
    for late, per_hour in ((TOO_LATE, 9), (NOON, 0)):
        first = admit(item, now=late, per_hour=per_hour)
        assert first.action in {A.LATE, A.OVER_BUDGET}
        assert admit(only_look(labelled("a")), first.changed, now=TOO_LATE).action is A.PASS


@pytest.mark.parametrize("plan", [PLAN, ALL])
def test_an_item_that_was_pulled_or_drawn_is_put_back(plan: Plan) -> None:
    item = only_look(assessment("a", probability=0.9 if plan is PLAN else 0.1))
    first = admit(item, plan=plan)
    assert first.action in {A.SIDELINE, A.SAMPLE}
    assert admit(only_look(labelled("a")), first.changed, now=TOO_LATE).action is A.RELEASE


def test_an_item_that_one_person_took_off_and_another_finds_intact_is_put_back() -> None:
    taken = admit(only_look(labelled("a", verdict=r.Verdict.DAMAGED)), now=TOO_LATE)
    back = only_look(labelled("a", revision=3))
    assert admit(back, taken.changed, now=TOO_LATE).action is A.RELEASE


def test_where_the_rows_cannot_say_whether_it_was_pulled_it_is_put_back() -> None:
    many = tuple(f"x{n}@1" for n in range(decide.REMEMBERED))
    full = r.SidelineBudget(center_id="FRA1", stage=r.Stage.PICK, hour_start=NOON, sampled=many)
    assert admit(only_look(labelled()), full, now=TOO_LATE).action is A.RELEASE
    second_look = dataclasses.replace(labelled(), outcome=outcome(looks=2))
    assert admit(second_look, now=TOO_LATE).action is A.RELEASE


def renamed(item_id: str = "item-1", **given: Any) -> r.Assessment:
    """A person said which product it is, and nothing of the damage."""
    return labelled(item_id, **{"verdict": None, "probability": 0.9, "product_id": "P2", **given})


def test_what_a_person_says_it_is_takes_the_candidates_way_whatever_the_score() -> None:
    assert decide.first_look(renamed(probability=0.0), PLAN) is None


def test_a_pulled_item_stays_pulled_under_its_right_product_and_takes_no_second_place() -> None:
    _, row = run([candidate("a")], per_hour=1)
    for probability in (0.9, 0.0):
        made = admit(renamed("a", probability=probability), row, per_hour=1, now=TOO_LATE)
        assert (made.action, made.changed, made.labelling) == (A.SIDELINE, None, None)
        assert made.reason == renamed("a").reason


def test_a_drawn_item_stays_drawn_under_its_right_product() -> None:
    drawn = admit(assessment("a"), plan=ALL)
    assert drawn.changed is not None
    assert drawn.changed.seen == ()  # it was no candidate for a place
    made = admit(renamed("a", probability=0.1), drawn.changed, plan=ALL, now=TOO_LATE)
    assert (made.action, made.labelling, made.reason) == (A.SAMPLE, None, decide.DRAWN)


def test_an_item_on_the_belt_that_turns_out_to_be_another_product_is_too_late_to_be_pulled() -> None:
    assert admit(renamed("a"), now=TOO_LATE).action is A.LATE
    assert admit(renamed("a", probability=0.1), now=TOO_LATE).action is A.PASS


def test_an_item_in_reach_of_the_belt_that_turns_out_to_be_fine_as_another_product_passes() -> None:
    made = admit(renamed("a", probability=0.1))
    assert (made.action, made.changed) == (A.PASS, None)
    assert made.reason == "Probability 0.10 is below the threshold 0.50."


def test_a_verdict_that_confirms_a_pull_is_written_nowhere_again() -> None:
    _, row = run([candidate("a")], per_hour=9)
    made = admit(only_look(labelled("a", verdict=r.Verdict.DAMAGED)), row, now=TOO_LATE)
    assert (made.action, made.changed) == (A.SIDELINE, None)


def test_a_picture_that_comes_late_takes_no_second_place() -> None:
    _, row = run([candidate("a")], per_hour=9)
    unchanged = dataclasses.replace(candidate("a", revision=2), cause_id=uid("an earlier picture"))
    made = admit(unchanged, row, per_hour=9)
    assert (made.action, made.changed) == (A.SIDELINE, None)


def test_the_memory_of_an_hour_is_bounded() -> None:
    refused = tuple(f"old-{n}@1" for n in range(decide.REMEMBERED))
    row = r.SidelineBudget(center_id="FRA1", stage=r.Stage.PICK, hour_start=NOON, refused=refused)
    made = admit(candidate("new"), row, per_hour=0)
    assert made.changed is not None
    assert len(made.changed.refused) == decide.REMEMBERED
    assert made.changed.refused[-1] == "new@1"


# -- the odds of a label ------------------------------------------------------------------------------------------

BORDERED = Plan(threshold=0.5, version=3, border=0.3, border_rate=0.25, sample_rate=0.125)


def odds(made: decide.Admission) -> tuple[float, float]:
    assert made.labelling is not None
    return made.labelling.probability, made.labelling.candidate_rate


def test_a_sidelined_item_was_sure_to_be_labelled() -> None:
    made = admit(candidate("a"), plan=BORDERED)
    assert odds(made) == (1.0, 1.0)
    assert made.labelling is not None
    assert (made.labelling.threshold, made.labelling.threshold_version) == (0.5, 3)
    assert (made.labelling.at, made.labelling.score) == (NOON, 0.9)


@pytest.mark.parametrize(("probability", "rate"), [(0.4, 0.25), (0.1, 0.125)])
def test_a_drawn_item_has_the_odds_of_its_score_when_it_was_decided_on(
    probability: float, rate: float
) -> None:
    item = next(assessment(f"i{n}", probability=probability) for n in range(99) if sampled(f"i{n}", 0.125))
    assert odds(admit(item, plan=BORDERED)) == (rate, 1.0)


def test_when_annotators_are_short_refused_candidates_are_still_drawn_and_the_odds_say_so() -> None:
    drawn = next(i for i in (f"i{n}" for n in range(99)) if sampled(i, 0.25))
    made = admit(candidate(drawn), plan=BORDERED, per_hour=0)
    assert made.action is A.SAMPLE
    assert odds(made) == (0.25, 0.25)
    assert made.changed is not None
    assert sum(made.changed.seen) == 1


def test_nobody_who_stays_on_the_belt_has_odds() -> None:
    assert admit(candidate("a"), per_hour=0).labelling is None
    assert decide.passes("why").labelling is None


def test_tolerated_damage_counts_as_no_score_at_all() -> None:
    item = next(
        assessment(f"i{n}", probability=0.9, tolerated=True) for n in range(99) if sampled(f"i{n}", 0.125)
    )
    made = admit(item, plan=BORDERED)
    assert made.action is A.SAMPLE
    assert odds(made) == (0.125, 1.0)


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
    made = decide.Admission(action=action, reason="why")
    return decide.decision(item, made, Plan(threshold=0.4, version=7), IN_TIME)


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


def test_decision_and_command_carry_the_odds_of_a_label() -> None:
    item = candidate("a")
    made = admit(item)
    found = decide.decision(item, made, PLAN, IN_TIME)
    sent = decide.command(item, found)
    assert sent is not None
    assert made.labelling is not None
    assert found.labelling == sent.labelling == made.labelling


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
