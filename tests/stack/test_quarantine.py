from __future__ import annotations

from dataclasses import replace

import pytest

from services.kernel import wire
from services.kernel.faults import DataFault
from services.stack.commands.quarantine import pick, prepare
from services.stack.problems import Problem
from services.stack.report import Observed
from tests.stack import sightings as s


def held(**changes: object) -> Observed:
    event = s.held(1)
    return replace(event, record=replace(event.record, **changes))


def nothing(key: str) -> bytes:
    raise DataFault("missing_blob", f"nothing is stored under {key}")


def test_a_retry_sends_the_original_to_its_own_topic() -> None:
    event = held(headers={"traceparent": b"00-1"})
    messages, refused = prepare([event], nothing, {})
    place = f"{event.topic}/0/{event.offset}".encode()
    headers = [("traceparent", b"00-1"), ("intact-retry-of", place)]
    assert messages == [("station.captures", b"k", b"v", headers)]
    assert refused == []


def test_a_second_retry_names_the_newest_place_only() -> None:
    messages, _ = prepare([held(headers={"intact-retry-of": b"old"})], nothing, {})
    assert len(messages[0][3]) == 1


def test_a_large_original_comes_from_the_store() -> None:
    event = held(value=None, value_key="quarantine/inspect/1")
    messages, _ = prepare([event], lambda key: key.encode(), {})
    assert messages[0][2] == b"quarantine/inspect/1"
    messages, refused = prepare([event], nothing, {})
    assert messages == []
    assert "nothing is stored" in refused[0]


def test_a_tombstone_on_a_stream_is_not_sent_again() -> None:
    messages, refused = prepare([held(value=None)], nothing, {})
    assert messages == []
    assert "tombstone" in refused[0]


def test_an_assessment_that_was_replaced_is_not_sent_again() -> None:
    event = held(topic="damage.assessments", service="vendors", value=wire.encode(s.assessment(1)))
    assert prepare([event], nothing, {"I1": 2})[0] == []
    assert len(prepare([event], nothing, {"I1": 1})[0]) == 1


def test_numbers_start_at_one() -> None:
    events = [held()]
    assert pick(events, 1) is events[0]
    for number in (0, 2):
        with pytest.raises(Problem, match="no number"):
            pick(events, number)
