"""What a command needs to know of the running stack."""

from __future__ import annotations

from dataclasses import dataclass

from services.stack.local import Stack
from services.stack.problems import Problem
from services.stack.racks import tokens_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The running stack's addresses. `tokens`: token by station id."""

    brokers: str
    store: str
    station_url: str
    tokens: dict[str, str]


def join(stack: Stack | None = None) -> Joined:
    """Return the addresses of this stack, or of the one that runs in this home.

    Raises:
        Problem: none runs, or it is still starting.
    """
    environment = (stack or Stack.running()).environment()
    if "INTACT_BROKERS" not in environment:
        raise Problem("the stack is still starting; ./intact status shows how far it is")
    return Joined(
        brokers=environment["INTACT_BROKERS"],
        store=environment["INTACT_STORE"],
        station_url=f"http://127.0.0.1:{environment['INTACT_STATION_PORT']}",
        tokens=tokens_of(environment["INTACT_STATION_TOKENS"]),
    )
