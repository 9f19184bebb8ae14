"""`simulate`: photographs made-up products in the simulated station, as a data set in Kaputt's format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from services.stack.problems import Problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)


def simulate(  # noqa: PLR0913, PLR0917 - one argument per option
    out: Annotated[
        Path | None, typer.Option(help="Folder for the data set; what is there already is kept.")
    ] = None,
    items: Annotated[int, typer.Option(min=1, help="Captures of the ordinary flow, or of --scenario.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same pictures.")] = 1,
    split: Annotated[
        str, typer.Option(help="train, validation or test: no product is in two of them.")
    ] = "train",
    scenario: Annotated[str | None, typer.Option(help="Only this one; --scenario list names them.")] = None,
    subtle: Annotated[int, typer.Option(min=0, help="Captures of each subtle scenario besides.")] = 0,
    products: Annotated[
        int | None, typer.Option(min=1, help="Only the split's first so many products; all unless given.")
    ] = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Write one PNG of the pictures, damage outlined.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Photograph made-up products in a simulated station: a data set in Kaputt's format.

    With depth images, a second camera, exact damage masks, scenario and manifest as further columns. Stopped at any
    time, the same command goes on where it was.
    """
    from triton_models.simulator import dataset
    from triton_models.simulator.scenarios import SCENARIOS

    console = Console(highlight=False)
    if scenario == "list":
        console.print(_scenarios(SCENARIOS))
        return
    if out is None:
        raise Problem("say where the data set is to go: --out DIR")
    if scenario is not None and scenario not in SCENARIOS:
        raise Problem(f"there is no scenario {scenario!r}: one of {', '.join(SCENARIOS)}")
    if split not in dataset.SPLITS:
        raise Problem(f"there is no split {split!r}: one of {', '.join(dataset.SPLITS)}")
    jobs = dataset.plan(split, seed, items, 0 if scenario else subtle, scenario, products)
    references = dataset.references_for(jobs)
    with _progress(console) as progress:
        _run(progress, "references", dataset.render(out, references, workers), len(references))
        _run(progress, "captures", dataset.render(out, jobs, workers), len(jobs))
    dataset.tables(out, split, jobs, references)
    console.print(f"{len(jobs)} captures and {len(references)} reference photos in {out}")
    if contact_sheet is not None:
        from triton_models.simulator.sheet import contact_sheet as draw

        draw(out, jobs, contact_sheet)
        console.print(f"contact sheet: {contact_sheet}")


def _run(progress: Progress, name: str, done: Any, total: int) -> None:  # noqa: ANN401 - an iterator of jobs
    task = progress.add_task(name, total=total)
    for _ in done:
        progress.advance(task)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _scenarios(scenarios: dict[str, str]) -> Table:
    table = Table("scenario", "what it is")
    for name, what in scenarios.items():
        table.add_row(name, what)
    return table
