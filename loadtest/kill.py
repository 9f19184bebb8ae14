"""The kill test: a run in which every service dies by SIGKILL has the same effects as one in which none does.

`python -m loadtest.kill` makes both runs and compares ids, decisions, commands, requests and supplier counts.
`--soak ROUNDS` kills every service that many times. Budgets, deadlines and thresholds are pinned, so that only the
order of events, which Kafka does not promise across partitions, can differ.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from loadtest.effects import Effects, differences, effects
from services.kernel import topics
from services.stack import racks
from services.stack.enrolling import wait_until_enrolled
from services.stack.home import home_at
from services.stack.local import Stack
from services.stack.observe import Observer
from services.stack.report import Report
from services.stack.world import make_world, publish_world

#: Nothing here depends on the clock: no deadline passes and no hour's budget is used up.
PINNED = {
    "INTACT_PIN_THRESHOLDS": "1",
    "INTACT_DAMAGE_PRIOR": "0.2",
    "INTACT_DEFAULT_THRESHOLD": "0.5",
    "INTACT_SIDELINE_PER_HOUR": "1000000",
    "INTACT_SAMPLE_RATE": "0.05",
}
DEADLINE_S = 86_000.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run and what came of it."""

    effects: Effects
    report: Report
    kills: tuple[str, ...]


def run(
    root: Path,
    planned: list[racks.Planned],
    references: list[racks.Planned],
    *,
    rounds: int,
    seed: int,
    say: Say,
) -> Run:
    """One run of a fresh stack; every service is killed `rounds` times, at moments spread over the run."""
    world = make_world()
    with Stack(home_at(root), fresh=True, settings=PINNED) as stack:
        environment = stack.environment()
        publish_world(world, environment["INTACT_BROKERS"])
        url = f"http://127.0.0.1:{environment['INTACT_STATION_PORT']}"
        tokens = racks.tokens_of(environment["INTACT_STATION_TOKENS"])
        with Observer(environment["INTACT_BROKERS"], topics=["gallery.references"]) as gallery:
            # Else the first captures may be compared with galleries that a service has not read yet.
            enrolled = asyncio.run(racks.drive(url, tokens, references, concurrency=8))
            wait_until_enrolled(gallery, enrolled, timeout_s=120)
        with Observer(environment["INTACT_BROKERS"]) as observer:
            sent = threading.Event()
            killer = _Killer(stack, observer, len(planned), rounds, seed, sent, say)
            killer.start()
            submitted = asyncio.run(racks.drive(url, tokens, planned, concurrency=48))
            sent.set()
            killer.join()
            if killer.failure is not None:
                raise killer.failure
            settled = observer.settle(submitted, timeout_s=300, quiet_s=3.0)
            report = observer.report(submitted)
            say(
                f"{report.assessed} assessed of {report.captures} in {report.seconds:.0f} s, "
                f"{len(killer.kills)} kills, settled: {settled}"
            )
            return Run(effects=effects(observer.observed()), report=report, kills=tuple(killer.kills))


class _Killer(threading.Thread):
    """Kills each service at its own moment of the run, and starts it again at once."""

    def __init__(  # noqa: PLR0913, PLR0917 (what the run knows)
        self,
        stack: Stack,
        observer: Observer,
        captures: int,
        rounds: int,
        seed: int,
        sent: threading.Event,
        say: Say,
    ) -> None:
        super().__init__(name="killer", daemon=True)
        self._stack, self._observer, self._captures, self._sent, self._say = (
            stack,
            observer,
            captures,
            sent,
            say,
        )
        # The station first in each round: it accepts faster than the rest works, and should die with racks waiting.
        rest = topics.SERVICES[1:]
        order = [
            n for k in range(rounds) for n in ("station", *random.Random(seed + k).sample(rest, len(rest)))
        ]
        # Between a twentieth and nine tenths of the run, counted in assessments, so that a slow machine changes
        # nothing.
        self._plan = [(0.05 + 0.85 * n / max(1, len(order)), name) for n, name in enumerate(order)]
        self.kills: list[str] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            for share, name in self._plan:
                self._wait_until(share)
                self._stack.kill(name)
                self._stack.restart_soon(name)
                self.kills.append(name)
                self._say(f"killed {name} at {self._observer.counts()['damage.assessments']} assessments")
        except BaseException as exc:  # noqa: BLE001 - raised again by the main thread
            self.failure = exc

    def _wait_until(self, share: float) -> None:
        until = time.monotonic() + 240
        while (
            self._observer.counts()["damage.assessments"] < share * self._captures
            and time.monotonic() < until
        ):
            time.sleep(0.05)


def compare(
    root: Path, *, captures: int, rounds: int = 1, seed: int = 11, say: Say = print
) -> tuple[list[str], Run, Run]:
    """Both runs; returns what differs between them."""
    world = make_world()
    # One capture time for all and both runs, so that event-time windows are the same.
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    planned = [
        replace(p, captured_at=hour, deadline_s=DEADLINE_S)
        for p in racks.plan(world, captures, seed, damaged_share=0.2)
    ]
    references = racks.enrolments(world, 2)
    calm = run(root / "calm", planned, references, rounds=0, seed=seed, say=say)
    stormy = run(root / "stormy", planned, references, rounds=rounds, seed=seed, say=say)
    return differences(calm.effects, stormy.effects), calm, stormy


def main(
    captures: Annotated[int, typer.Option(help="Captures in each of the two runs.")] = 2000,
    soak: Annotated[int, typer.Option(help="How often every service is killed.")] = 1,
    seed: Annotated[int, typer.Option(help="Captures and moments of death follow from it.")] = 11,
    folder: Annotated[Path, typer.Option(help="Where the two stacks keep their data.")] = Path(
        ".intact/kill"
    ),
) -> None:
    """Run the mesh twice, once with every service killed, and compare what came of it."""
    found, calm, stormy = compare(folder, captures=captures, rounds=soak, seed=seed)
    for line in found[:40]:
        typer.echo(line)
    clean = calm.report.clean and stormy.report.clean and not found
    typer.echo(
        f"{captures} captures, {len(stormy.kills)} kills: {stormy.report.lost} lost, {stormy.report.doubled} doubled, "
        f"{stormy.report.redelivered} redelivered, {len(found)} differences"
    )
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    typer.run(main)
