from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from services.assess import memory as m
from services.assess.app import _unpack
from services.kernel import records as r
from services.kernel import wire
from services.kernel.faults import DataFault
from services.kernel.sampling import place
from tests.samples import assessment, labelled, uid

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Items that nobody draws.
DULL = [f"item-{n}" for n in range(400) if place(f"item-{n}") >= m.DRAWN_BELOW]
DRAWN = next(f"item-{n}" for n in range(400) if place(f"item-{n}") < m.DRAWN_BELOW)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> m.Memory:
    return m.Memory(wire.encode, _unpack, clock)


def judged(item_id: str, clock: Clock, **given: object) -> r.Assessment:
    plain = assessment(item_id, probability=0.01, assessed_at=clock.now)
    return dataclasses.replace(plain, **given)  # type: ignore[arg-type]


def pass_hours(memory: m.Memory, clock: Clock, hours: float) -> None:
    """Time passes and another item is judged."""
    clock.now += timedelta(hours=hours)
    memory.note(DULL[-1], judged(DULL[-1], clock))


def test_the_newest_revision_is_remembered_whatever_order_rows_come_in(
    memory: m.Memory, clock: Clock
) -> None:
    first, second = judged(DULL[0], clock), judged(DULL[0], clock, revision=2, reason="the second")
    for row in (first, second, first):
        memory.note(DULL[0], row)
    found = memory.get(DULL[0])
    assert found is not None
    assert (found.revision, found.reason) == (2, "the second")
    assert len(memory) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"damaged": True},
        {"probability": 0.05},
        {"verdict": r.Verdict.INTACT},
        {"damaged": True, "tolerated": True},
    ],
)
def test_what_a_person_may_be_asked_about_is_remembered_for_three_days(
    memory: m.Memory, clock: Clock, given: dict[str, object]
) -> None:
    memory.note(DULL[0], judged(DULL[0], clock, **given))
    pass_hours(memory, clock, 71)
    assert memory.get(DULL[0]) is not None
    pass_hours(memory, clock, 2)
    assert memory.get(DULL[0]) is None


def test_what_may_be_drawn_for_a_label_is_remembered_for_three_days(memory: m.Memory, clock: Clock) -> None:
    memory.note(DRAWN, judged(DRAWN, clock))
    pass_hours(memory, clock, 71)
    assert memory.get(DRAWN) is not None


def test_what_nobody_asks_about_is_remembered_for_two_hours(memory: m.Memory, clock: Clock) -> None:
    memory.note(DULL[0], judged(DULL[0], clock))
    pass_hours(memory, clock, 1.9)
    assert memory.get(DULL[0]) is not None
    pass_hours(memory, clock, 1.2)
    assert memory.get(DULL[0]) is None
    assert memory.forgot(DULL[0])
    assert not memory.forgot("never seen")


def test_memory_does_not_grow_with_the_number_of_items(memory: m.Memory, clock: Clock) -> None:
    sizes = []
    for hour in range(12):
        for n in range(50):
            name = f"{hour}-{n}"
            memory.note(name, dataclasses.replace(judged(DULL[0], clock), item_id=name))
        clock.now += timedelta(hours=1)
        sizes.append(len(memory))
    # Three hours of dull items at most (two, and the one under way), besides the few that may be drawn.
    drawn = sum(place(f"{h}-{n}") < m.DRAWN_BELOW for h in range(12) for n in range(50))
    assert max(sizes) <= 150 + drawn
    assert sizes[-1] < 600


def test_an_item_that_was_never_seen_begins_at_one(memory: m.Memory) -> None:
    assert memory.first_revision("new", uid("new")) == 1


def test_a_forgotten_item_goes_on_above_all_revisions_that_it_can_have_had(
    memory: m.Memory, clock: Clock
) -> None:
    highest = 0
    for _ in range(3):
        revision = 1 if memory.get(DULL[0]) else memory.first_revision(DULL[0], uid("another"))
        assert revision > highest
        for n in range(5):
            highest = revision + n
            memory.note(DULL[0], judged(DULL[0], clock, revision=highest))
        pass_hours(memory, clock, 3.1)
    assert highest < 2**31


def test_a_picture_that_comes_again_for_a_forgotten_item_is_refused_and_a_late_new_one_is_not(
    memory: m.Memory, clock: Clock
) -> None:
    first = judged(DULL[0], clock)
    memory.note(DULL[0], first)
    pass_hours(memory, clock, 5)
    with pytest.raises(DataFault, match="comes again: it was judged before") as caught:
        memory.first_revision(DULL[0], first.cause_id)
    assert caught.value.reason == "forgotten_item"
    assert memory.first_revision(DULL[0], uid("taken then, and held up for five hours")) > first.revision


def test_one_clock_that_is_ahead_does_not_make_the_others_old(memory: m.Memory, clock: Clock) -> None:
    memory.note(DULL[0], judged(DULL[0], clock))
    memory.note(DULL[1], judged(DULL[1], clock, assessed_at=clock.now + timedelta(days=400)))
    assert memory.get(DULL[0]) is not None


def test_a_clock_that_is_set_back_forgets_nothing(memory: m.Memory, clock: Clock) -> None:
    memory.note(DULL[0], judged(DULL[0], clock))
    clock.now -= timedelta(hours=10)
    memory.note(DULL[1], judged(DULL[1], clock))
    assert memory.get(DULL[0]) is not None


def test_a_row_that_is_deleted_is_forgotten(memory: m.Memory, clock: Clock) -> None:
    memory.note(DULL[0], judged(DULL[0], clock))
    memory.note(DULL[0], None)
    assert memory.get(DULL[0]) is None


def test_a_verdict_moves_a_dull_item_among_those_that_are_kept(memory: m.Memory, clock: Clock) -> None:
    memory.note(DULL[0], judged(DULL[0], clock))
    memory.note(DULL[0], dataclasses.replace(labelled(DULL[0]), assessed_at=clock.now))
    assert len(memory) == 1
    pass_hours(memory, clock, 24)
    found = memory.get(DULL[0])
    assert found is not None
    assert found.verdict is r.Verdict.INTACT


def test_hardly_any_item_is_taken_for_another() -> None:
    seen = m.Seen(m.SEEN)
    for n in range(3_000):
        seen.add(f"there-{n}", 0)
    assert all(f"there-{n}" in seen for n in range(3_000))
    assert sum(f"not-{n}" in seen for n in range(3_000)) == 0


def test_what_was_seen_is_forgotten_after_the_topics_retention() -> None:
    class Small(m.Seen):
        BITS = 2**12
        CAPACITY = 100

    seen, day = Small(m.SEEN), 24
    for n in range(100):
        seen.add(f"old-{n}", 0)
    for n in range(100):
        seen.add(f"newer-{n}", 27 * day)
    assert "old-1" in seen
    for n in range(100):
        seen.add(f"new-{n}", 29 * day)
    assert sum(f"old-{n}" in seen for n in range(100)) < 5
    assert "newer-1" in seen
