"""Pulls and verdicts meet, in whatever order and however often they come."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from services.calibrate import outcomes
from services.kernel import records as r
from tests.calibrate.makers import judged, pulled
from tests.samples import facts


def after(*commands: r.SidelineCommand) -> r.LabelledOutcome | None:
    found: r.LabelledOutcome | None = None
    for each in commands:
        found = outcomes.outcome(found, each) or found
    return found


def test_a_pull_waits_for_its_verdict() -> None:
    waiting = after(pulled())
    assert waiting is not None
    assert not outcomes.complete(waiting)
    found = after(pulled(), judged())
    assert found is not None
    assert outcomes.complete(found)
    assert (found.pulled_revision, found.revision, found.damaged) == (1, 2, False)


def test_order_and_repeats_change_nothing() -> None:
    one = after(pulled(), judged(verdict=r.Verdict.DAMAGED), judged(revision=3))
    assert one is not None
    assert (one.revision, one.damaged) == (3, False)
    given = [pulled(), judged(verdict=r.Verdict.DAMAGED), judged(revision=3)]
    for order in itertools.permutations(given):
        assert after(*order) == one
        assert after(*order, *order) == one


def test_a_label_weighs_what_its_odds_were_when_the_item_was_decided_on() -> None:
    sidelined, border, other = (after(pulled(score=s), judged()) for s in (0.95, 0.7, 0.1))
    assert sidelined is not None
    assert border is not None
    assert other is not None
    assert (sidelined.weight, border.weight, other.weight) == (1.0, 4.0, 16.0)


def test_a_refused_candidate_that_was_drawn_weighs_more() -> None:
    found = after(pulled(score=0.95, candidate_rate=0.25), judged())
    assert found is not None
    assert found.weight == 4.0


def test_an_item_that_somebody_chose_to_look_at_says_nothing_about_the_belt() -> None:
    assert not outcomes.complete(after(judged()))
    unknown = replace(pulled(), labelling=None)
    assert not outcomes.complete(after(unknown, judged()))
    assert outcomes.outcome(None, unknown) is None


def test_the_first_account_of_a_pull_stays() -> None:
    first = after(pulled())
    assert outcomes.outcome(first, pulled(candidate_rate=0.5)) is None


def test_a_new_pull_needs_a_verdict_of_its_own() -> None:
    again = after(pulled(), judged(), pulled(revision=3))
    assert not outcomes.complete(again)
    found = after(pulled(), judged(), pulled(revision=3), judged(verdict=r.Verdict.DAMAGED, revision=4))
    assert found is not None
    assert (found.pulled_revision, found.damaged) == (3, True)


def test_the_group_is_the_one_whose_threshold_was_met_not_the_one_a_person_found() -> None:
    command = replace(pulled(), product=facts(category="grocery"))
    for found in (after(command, judged()), after(judged(), command)):
        assert found is not None
        assert outcomes.key_of(found) == "FRA1|PICK|grocery"


def test_stages_are_kept_apart() -> None:
    assert outcomes.outcome_key(pulled()) == "item|PICK"
    assert outcomes.outcome_key(replace(pulled(), stage=r.Stage.SHIP)) == "item|SHIP"


@pytest.mark.parametrize("commands", [(pulled(),), (judged(),), (pulled(), judged())])
def test_what_is_known_is_not_told_again(commands: tuple[r.SidelineCommand, ...]) -> None:
    found = after(*commands)
    assert all(outcomes.outcome(found, each) is None for each in commands)
