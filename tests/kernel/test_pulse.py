"""Whoever waits for a pulse passes together with the others, soon, and at once when there was a pause."""

from __future__ import annotations

import asyncio

import pytest

from services.kernel.pulse import Pulse

HOUR = 3600.0


async def test_the_first_passes_at_once() -> None:
    async with asyncio.timeout(10):
        await Pulse(HOUR).wait()


async def test_who_comes_before_the_next_beat_passes_with_the_others_at_that_beat() -> None:
    every = 0.2
    pulse, loop = Pulse(every), asyncio.get_running_loop()
    passed: list[int] = []
    turn = 0

    async def wait() -> None:
        await pulse.wait()
        passed.append(turn)

    await pulse.wait()
    first = loop.time()
    waiting = [asyncio.create_task(wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(wait()))
    while not all(task.done() for task in waiting):
        turn += 1
        await asyncio.sleep(0)
    assert len(set(passed)) == 1
    assert loop.time() - first >= every * 0.99


async def test_after_a_pause_nobody_waits() -> None:
    pulse, loop = Pulse(1.0), asyncio.get_running_loop()
    await pulse.wait()
    await asyncio.sleep(1.05)
    began = loop.time()
    await pulse.wait()
    assert loop.time() - began < 0.9


async def test_without_a_pause_between_beats_nobody_ever_waits() -> None:
    pulse = Pulse(0.0)
    async with asyncio.timeout(10):
        for _ in range(1000):
            await pulse.wait()


async def test_one_who_gives_up_does_not_take_the_beat_from_the_others() -> None:
    pulse = Pulse(0.05)
    await pulse.wait()
    gives_up, stays = (asyncio.create_task(pulse.wait()) for _ in range(2))
    await asyncio.sleep(0)
    gives_up.cancel()
    async with asyncio.timeout(10):
        await stays
    with pytest.raises(asyncio.CancelledError):
        await gives_up
