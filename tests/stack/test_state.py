from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.stack import state
from services.stack.home import Home
from services.stack.problems import Problem
from services.stack.processes import Running
from services.stack.state import State

GONE = Running(name="kafka", pid=1, ticks=-1, boot="an earlier one", since=0.0, log="/dev/null")


def me() -> Running:
    return state.myself(Path("/dev/null"))


def a_state(**changes: Any) -> State:
    return replace(State(owner=me(), attached=True, since=1.0), **changes)


def test_a_saved_state_is_read_back_the_same(home: Home) -> None:
    saved = a_state(parts=(GONE,), ports={"kafka": 20000}, environment={"INTACT_BROKERS": "127.0.0.1:20000"})
    state.save(home, saved)
    assert state.load(home) == saved


def test_only_its_owner_may_read_the_passwords_in_it(home: Home) -> None:
    state.save(home, a_state())
    assert stat.S_IMODE(home.state.stat().st_mode) == 0o600


def test_there_is_no_state_where_nothing_was_started(home: Home) -> None:
    assert state.load(home) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"owner": 1}', '{"parts": [], "owner": {}, "nonsense": 1}'])
def test_a_damaged_file_is_named_with_what_to_do(home: Home, text: str) -> None:
    home.state.write_text(text, encoding="utf-8")
    with pytest.raises(Problem, match="delete it"):
        state.load(home)


def test_only_living_processes_count_as_running() -> None:
    assert [part.pid for part in a_state(parts=(GONE, me())).running()] == [os.getpid()]


def test_an_attached_stack_without_its_command_is_abandoned() -> None:
    assert a_state(owner=GONE, ready=True, attached=True).abandoned()


def test_a_stack_whose_start_was_interrupted_is_abandoned() -> None:
    assert a_state(owner=GONE, ready=False, attached=False).abandoned()


def test_a_stack_that_was_left_running_is_not_abandoned() -> None:
    assert not a_state(owner=GONE, ready=True, attached=False).abandoned()


def test_a_stack_whose_command_runs_is_not_abandoned() -> None:
    assert not a_state(attached=True).abandoned()


def test_a_restarted_part_takes_the_place_of_the_old_one() -> None:
    fresh = replace(GONE, pid=2)
    assert a_state(parts=(GONE,)).with_part(fresh).parts == (fresh,)


def test_two_commands_cannot_start_at_the_same_time(home: Home) -> None:
    with state.locked(home), pytest.raises(Problem, match="right now"), state.locked(home):
        pass
