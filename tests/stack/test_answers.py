from __future__ import annotations

from typing import cast

import pytest

from services.stack.answers import await_outcome, find
from services.stack.observe import Observer
from services.stack.problems import Problem
from services.stack.report import Observed
from tests.stack import sightings as s


class Fixed:
    """An observer that has seen what it was given."""

    def __init__(self, events: list[Observed]) -> None:
        self._events = events

    def observed(self) -> list[Observed]:
        return self._events

    def wait(self, done: object, **_: object) -> bool:
        assert callable(done)
        return bool(done(self))


def fixed(*events: Observed) -> Observer:
    return cast("Observer", Fixed(list(events)))


def test_an_outcome_is_the_assessment_of_the_cause_with_its_decision() -> None:
    events = [s.judged(1), s.judged(2), s.seen("sideline.decisions", s.decision(2), at=s.SENT + 1)]
    assert find(events, s.capture(1)) is None
    found = find(events, s.capture(2))
    assert found is not None
    assert (found.assessment.item_id, found.at_ms) == ("I2", round(s.SENT * 1000) + 1000)


def test_quarantine_is_told_with_its_reason() -> None:
    with pytest.raises(Problem, match=r"quarantine of inspect: another SHA-256"):
        await_outcome(fixed(s.held(1)), s.capture(1))


def test_silence_ends_with_a_hint() -> None:
    with pytest.raises(Problem, match=r"intact status"):
        await_outcome(fixed(s.judged(2)), s.capture(1), timeout_s=1)
