"""`up`, `down`, `status`: the stack as a whole."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.stack import mesh, processes
from services.stack import state as states
from services.stack.home import default_home
from services.stack.local import PARTS, Progress, Stack, ending_on_sigterm
from services.stack.ports import answers
from services.stack.problems import Problem
from services.stack.processes import Running
from services.stack.state import State

_SAMPLE_S = 0.5


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def reporter(console: Console) -> Progress:
    """Return a progress callback that prints a line per step: seconds, part, what it does."""

    def report(part: str, what: str, seconds: float) -> None:
        if what != "starting":
            console.print(f"{seconds:6.1f} s  {part:<10} {what}")

    return report


def up(
    *,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="First delete the topics, database and images of earlier runs, and serve the models that ship.",
        ),
    ] = False,
) -> None:
    """Start everything and leave it running: Kafka, Triton, PostgreSQL and the services."""
    console = Console(highlight=False)
    stack = Stack(fresh=fresh, progress=reporter(console))
    with ending_on_sigterm():
        stack.start(attached=False)
    console.print(f"the station takes captures at 127.0.0.1:{stack.state.ports['station']}")
    console.print("./intact status shows what runs, ./intact down ends it")


def down() -> None:
    """End everything that `up` (or an interrupted command) left running. Its data stays."""
    console = Console(highlight=False)
    home = default_home()
    found = states.load(home)
    if found is None or not found.running():
        states.forget(home)
        console.print(f"nothing runs in {home.root}")
        return
    stack = Stack.running(home)
    count = len(found.running())
    began = time.monotonic()
    stack.stop()
    console.print(f"ended {count} processes in {time.monotonic() - began:.1f} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the process table; memory in bytes, cpu in cores."""

    name: str
    pid: int
    since: float
    memory: int
    cpu: float
    health: str


def status(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for other programs.")] = False
) -> None:
    """Show what runs: process, start, memory, CPU and health. Exit status 1 when something is not well."""
    console = Console(highlight=False)
    found = states.load(default_home())
    if found is None or not found.parts:
        msg = f"no stack runs in {default_home().root}: ./intact up starts one"
        raise Problem(msg)
    lines = tuple(measure(found))
    if as_json:
        console.print_json(json.dumps([asdict(line) for line in lines]))
    else:
        console.print(table(lines))
        total = sum(line.memory for line in lines) / 2**20
        console.print(
            f"up since {_when(found.since)}; {total:,.0f} MiB in all; logs in {default_home().logs}"
        )
    if any(line.health != "ready" for line in lines):
        raise typer.Exit(1)


def measure(found: State) -> Iterable[Line]:
    """Yield a line per process; CPU is measured over half a second."""
    before = {part.name: processes.usage(part).cpu_s for part in found.parts}
    began = time.monotonic()
    time.sleep(_SAMPLE_S)
    for part in found.parts:
        now = processes.usage(part)
        yield Line(
            name=part.name,
            pid=part.pid,
            since=part.since,
            memory=now.memory,
            cpu=max(0.0, now.cpu_s - before[part.name]) / (time.monotonic() - began),
            health=health(found, part),
        )


def health(found: State, part: Running) -> str:
    """Return in a word or two how a process is: ready, not ready, no answer, gone."""
    if not processes.alive(part):
        return "gone"
    if part.name in PARTS:
        return "ready" if answers(found.ports[part.name]) else "no answer"
    answer = mesh.get(found.ports[f"{part.name}.health"], "/ready")
    if answer is None:
        return "no answer"
    return "ready" if answer == 200 else "not ready"


def table(lines: Iterable[Line]) -> Table:
    """Return the process table."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("process")
    shown.add_column("pid", justify="right")
    shown.add_column("up since")
    shown.add_column("memory", justify="right")
    shown.add_column("cpu", justify="right")
    shown.add_column("health")
    for line in lines:
        colour = "green" if line.health == "ready" else "red"
        shown.add_row(
            line.name,
            str(line.pid),
            _when(line.since),
            f"{line.memory / 2**20:,.0f} MiB",
            f"{line.cpu:.0%}",
            f"[{colour}]{line.health}[/]",
        )
    return shown


def _when(since: float) -> str:
    return datetime.fromtimestamp(since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
