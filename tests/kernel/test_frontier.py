"""The position to commit never passes an unfinished event, whatever the order in which events end."""

from __future__ import annotations

import asyncio
from random import Random
from unittest.mock import AsyncMock

import pytest
from faust import App
from faust.types import TP
from yarl import URL

from services.kernel.frontier import Frontier
from services.kernel.transport import Transport


def rising_with_holes(random: Random, count: int) -> list[int]:
    offsets, offset = [], random.randrange(5000)
    for _ in range(count):
        offset += random.choice((1, 1, 1, 2, 40))
        offsets.append(offset)
    return offsets


def test_in_any_order_the_position_stands_just_after_the_last_offset_below_which_all_are_finished() -> None:
    for seed in range(200):
        finish_in_any_order(Random(seed))  # noqa: S311 (seeded, not secret)


def finish_in_any_order(random: Random) -> None:
    offsets = rising_with_holes(random, random.randrange(1, 60))
    frontier = Frontier(offsets[0])
    waiting, handed_out, open_offsets = list(offsets), [], set()
    while waiting or open_offsets:
        if waiting and (not open_offsets or random.random() < 0.5):
            offset = waiting.pop(0)
            frontier.handed_out(offset)
            handed_out.append(offset)
            open_offsets.add(offset)
        else:
            offset = random.choice(sorted(open_offsets))
            open_offsets.remove(offset)
            before = frontier.position
            moved = frontier.finished(offset)
            assert moved == (frontier.position != before)
        position = frontier.position
        assert position is not None
        assert all(offset >= position for offset in open_offsets)
        done_in_front = [o for o in handed_out if not open_offsets or o < min(open_offsets)]
        assert position == (done_in_front[-1] + 1 if done_in_front else offsets[0])
    assert frontier.position == offsets[-1] + 1
    assert len(frontier) == 0


def test_there_is_no_position_before_the_first_event_ends() -> None:
    frontier = Frontier()
    frontier.handed_out(7)
    frontier.handed_out(8)
    assert not frontier.finished(8)
    assert frontier.position is None
    assert frontier.finished(7)
    assert frontier.position == 9


def test_an_offset_that_does_not_rise_is_refused() -> None:
    frontier = Frontier()
    frontier.handed_out(7)
    with pytest.raises(ValueError, match="offset 7 was handed out after 7"):
        frontier.handed_out(7)


async def test_faust_itself_would_commit_past_an_unfinished_event() -> None:
    """Hazard 1, faust-streaming issue 606: this is why there is a frontier. When it is mended there, this fails."""
    tp = TP("t", 0)
    app = App("hazard", broker="kafka://127.0.0.1:9", loop=asyncio.get_running_loop())
    # Ours inherits Faust's bookkeeping and leaves it unused; nothing is connected.
    nothing = AsyncMock()
    consumer = Transport([URL("kafka://127.0.0.1:9")], app).create_consumer(
        nothing, on_partitions_revoked=nothing, on_partitions_assigned=nothing
    )
    consumer._committed_offset[tp] = 2585
    consumer._acked[tp] = [2586, 2587, 2588, 2589]
    assert consumer._new_offset(tp) == 2590

    ours = Frontier(2585)
    for offset in range(2585, 2590):
        ours.handed_out(offset)  # 2585 is the next to be read after the commit, and still works
    for offset in range(2586, 2590):
        ours.finished(offset)
    assert ours.position == 2585
