"""`bench`: how fast the mesh is on this machine, held against Triton alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from loadtest import bench as measure
from services.stack.home import default_home, home_at
from services.stack.local import Stack


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    report: Annotated[
        Path | None, typer.Option(help="Write all figures as one JSON object to this file.")
    ] = None,
    captures: Annotated[int, typer.Option(min=50, help="Captures in each measurement.")] = 400,
    rounds: Annotated[int, typer.Option(min=1, help="How often Triton alone and the mesh take turns.")] = 3,
) -> None:
    """Measure rate, CPU and latency of the mesh against Triton alone, taking turns on the same captures.

    Starts a stack of its own (a running one is not touched) and takes about four minutes. Other work on the machine
    changes the rates; the ratio, taken pair by pair, less so.
    """
    console = Console(highlight=False)
    home = home_at(default_home().root / "bench")
    with Stack(home, fresh=True, settings=measure.SETTINGS, progress=_quiet) as stack:
        found = measure.run(stack, captures=captures, rounds=rounds, say=console.print)
    if report is not None:
        measure.write(found, report)
    console.print(_table(found))
    if found.lost or found.doubled:
        console.print(f"{found.lost} lost, {found.doubled} doubled: these must be 0")
        raise typer.Exit(1)


def _quiet(_part: str, _what: str, _seconds: float) -> None:
    """The bench's own lines are enough."""


def _table(found: measure.Bench) -> Table:
    table = Table("figure", "value", title=f"{found.machine}", title_justify="left")
    rows = {
        "Triton alone": f"{found.triton_rate} captures/s at concurrency {found.triton_concurrency}",
        "mesh": f"{found.mesh_rate} captures/s",
        "ratio (median of pairs)": f"{found.ratio}  of {list(found.ratios)}",
        "CPU outside Triton and Kafka": f"{found.cpu_ms_outside} ms per capture",
        "station to sideline decision at half rate": (
            f"p50 {found.p50_ms:.0f} ms, p95 {found.p95_ms:.0f} ms, p99 {found.p99_ms:.0f} ms at {found.half_rate}/s"
            if found.p50_ms is not None and found.p95_ms is not None and found.p99_ms is not None
            else "not measured"
        ),
        "memory": f"{sum(found.memory_mib.values()):.0f} MiB in all (proportional set size)",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    for name, ms in sorted(found.cpu_ms_per_capture.items(), key=lambda item: -item[1]):
        table.add_row(f"  CPU {name}", f"{ms} ms per capture")
    return table
