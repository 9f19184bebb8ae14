from __future__ import annotations

import pytest

from services.stack.answers import await_outcome, find
from services.stack.problems import Problem
from tests.stack import sightings as s


def test_an_outcome_is_the_assessment_of_the_cause_with_its_decision() -> None:
    events = [s.judged(1), s.judged(2), s.seen("sideline.decisions", s.decision(2), at=s.SENT + 1)]
    assert find(events, s.capture(1)) is None
    found = find(events, s.capture(2))
    assert found is not None
    assert (found.assessment.item_id, found.at_ms) == ("I2", round(s.SENT * 1000) + 1000)


def test_quarantine_is_told_with_its_reason() -> None:
    with pytest.raises(Problem, match=r"quarantine of inspect: another SHA-256"):
        await_outcome(s.fixed(s.held(1)), s.capture(1))


def test_silence_ends_with_a_hint() -> None:
    with pytest.raises(Problem, match=r"intact status"):
        await_outcome(s.fixed(s.judged(2)), s.capture(1), timeout_s=1)
