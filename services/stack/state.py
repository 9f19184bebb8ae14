"""What runs, as a file: written after every start, so that a crash leaves nothing that cannot be found again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

from services.stack.home import Home
from services.stack.problems import Problem
from services.stack.processes import Running, alive, describe


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A stack as it stands on disk.

    `owner` is the command that started it. While it starts (`ready` false), or when it is `attached` (it ends
    with its command), a stack whose owner is gone is the remains of a crash.
    """

    owner: Running
    attached: bool
    since: float
    ready: bool = False
    parts: tuple[Running, ...] = ()
    ports: dict[str, int] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def running(self) -> tuple[Running, ...]:
        """Return the processes that still run."""
        return tuple(part for part in self.parts if alive(part))

    def abandoned(self) -> bool:
        """Tell whether nobody will end this stack any more, and nobody meant to leave it running."""
        return (self.attached or not self.ready) and not alive(self.owner)

    def with_part(self, part: Running) -> State:
        """Return the state with `part` in the place of an earlier process of that name."""
        others = tuple(other for other in self.parts if other.name != part.name)
        return replace(self, parts=(*others, part))


def myself(log: Path) -> Running:
    """Return the record of the calling process."""
    return describe("intact", os.getpid(), log)


def load(home: Home) -> State | None:
    """Return the recorded state, or None where there is none.

    Raises:
        Problem: the file is not one of ours.
    """
    try:
        raw: dict[str, Any] = json.loads(home.state.read_text(encoding="utf-8"))
        return State(
            **{
                **raw,
                "owner": Running(**raw["owner"]),
                "parts": tuple(Running(**part) for part in raw["parts"]),
            }
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as exc:
        msg = f"{home.state} cannot be read ({exc}). If nothing of it runs any more, delete it"
        raise Problem(msg) from exc


def save(home: Home, state: State) -> None:
    """Write the state, whole or not at all; only its owner may read it."""
    fresh = home.state.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
    fresh.replace(home.state)


def forget(home: Home) -> None:
    """Remove the state: nothing runs."""
    home.state.unlink(missing_ok=True)


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Hold the home's lock while a stack is started or stopped.

    Raises:
        Problem: another command holds it.
    """
    home.run.mkdir(parents=True, exist_ok=True)
    with home.lock.open("w", encoding="ascii") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            msg = f"another command is starting or stopping the stack in {home.root} right now"
            raise Problem(msg) from None
        yield
