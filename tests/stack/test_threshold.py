"""What `threshold set|rollback|release` write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.kernel import records as r
from services.kernel.thresholds import EFFECT_DELAY, in_force, remembered
from services.kernel.wire import decode, encode
from services.stack.commands import threshold as t
from services.stack.problems import Problem
from tests.samples import NOON

KEY = "FRA1|PICK|toys"
LATER = NOON + timedelta(hours=1)


def row(version: int = 1, value: float = 0.75, **given: Any) -> r.Threshold:
    plain = r.Threshold(
        center_id="FRA1",
        stage=r.Stage.PICK,
        group="toys",
        threshold=value,
        version=version,
        budget=0.01,
        intact_labels=900,
        false_positive_upper=0.009,
        reason="",
        decided_at=NOON,
        cause="EVIDENCE",
        confirmed=True,
        confidence=0.95,
        effective_at=NOON,
        evidence_from=NOON,
    )
    return replace(plain, **given)


def three() -> r.Threshold:
    """Version 3, which changed the sampling only; version 2 had the same threshold, version 1 another."""
    second = row(2, 0.5, history=remembered(row(1, 0.75)))
    return row(3, 0.5, cause="BORDER", history=remembered(second))


def test_a_threshold_that_is_set_is_pinned_and_shows_nothing() -> None:
    found = t.changed(KEY, three(), 0.625, None, "too many creased films", LATER)
    assert (found.threshold, found.version, found.pinned, found.cause) == (0.625, 4, True, "OPERATOR")
    assert (found.confirmed, found.false_positive_upper, found.confidence) == (False, 1.0, 0.0)
    assert (found.previous_threshold, found.budget) == (0.5, 0.01)
    assert found.history[0].version == 3
    assert found.effective_at == LATER + EFFECT_DELAY
    assert "too many creased films" in found.reason


def test_the_first_row_of_a_key_may_be_an_operators() -> None:
    found = t.changed("FRA1|PACK|a|b", None, 0.625, 0.002, "why", LATER)
    assert (found.center_id, found.stage, found.group) == ("FRA1", r.Stage.PACK, "a|b")
    assert (found.version, found.budget, found.pinned) == (1, 0.002, True)
    assert found.previous_threshold is None
    assert "the model's own" in found.reason
    assert in_force(found, NOON, 0.9, 0.01).threshold == 0.9


def test_a_budget_of_its_own_pins_nothing_and_asks_for_evidence_anew() -> None:
    found = t.changed(KEY, row(), None, 0.002, "why", LATER)
    assert (found.budget, found.threshold, found.pinned, found.confirmed) == (0.002, 0.75, False, False)


@pytest.mark.parametrize(
    ("key", "threshold", "budget", "says"),
    [
        (KEY, None, None, "say what to set"),
        (KEY, 0.5, 1.5, "between 0 and 1"),
        (KEY, None, 0.01, "give --threshold"),
        ("FRA1|toys", 0.5, None, "no center|stage|group"),
        ("FRA1|MOON|toys", 0.5, None, "MOON is no stage"),
    ],
)
def test_what_makes_no_sense_is_refused(
    key: str, threshold: float | None, budget: float | None, says: str
) -> None:
    with pytest.raises(Problem) as problem:
        t.changed(key, None, threshold, budget, "why", LATER)
    assert says in str(problem.value)


def test_a_roll_back_goes_to_the_last_other_threshold_and_is_pinned() -> None:
    found = t.rolled_back(three(), None, "complaints", LATER)
    assert (found.threshold, found.version, found.pinned) == (0.75, 4, True)
    assert "back to version 1: complaints" in found.reason
    assert t.rolled_back(three(), 2, "why", LATER).threshold == 0.5


def test_a_second_roll_back_undoes_the_first() -> None:
    once = t.rolled_back(three(), None, "why", LATER)
    assert t.rolled_back(once, None, "why", LATER).threshold == 0.5


def test_there_must_be_something_to_go_back_to() -> None:
    with pytest.raises(Problem, match="no earlier threshold"):
        t.rolled_back(row(), None, "why", LATER)
    with pytest.raises(Problem, match="remembered are 2, 1"):
        t.rolled_back(three(), 9, "why", LATER)


def test_a_release_lets_evidence_decide_from_where_it_stands() -> None:
    pinned = t.changed(KEY, three(), 0.625, None, "why", LATER)
    found = t.released(pinned, "enough", LATER)
    assert (found.pinned, found.cause, found.threshold, found.version) == (False, "RELEASE", 0.625, 5)
    assert found.evidence_from == pinned.evidence_from


def test_rows_can_be_written_and_are_told_in_words() -> None:
    found = t.changed(KEY, three(), 0.1, None, "why", LATER)
    read = decode(r.Threshold, encode(found))
    assert (read.threshold, read.history) == (found.threshold, found.history)
    assert "pinned" in t.told(KEY, found)
    assert "confirmed" in t.told(KEY, three())
