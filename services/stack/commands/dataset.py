"""`dataset export`: what people have labelled, as a data set to train and to measure on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.stack.joining import join
from services.stack.problems import Problem

if TYPE_CHECKING:
    from services.stack.export import Exported
    from services.stack.labelled import Found

_SMALL = ("validation", "test")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Labelled captures as a data set.")
    # One command so far; the callback keeps its name part of the command line.
    group.callback()(lambda: None)
    group.command()(export)
    app.add_typer(group, name="dataset")


def export(
    out: Annotated[
        Path, typer.Option(help="Folder of the data set; an export that was stopped goes on in it.")
    ],
    since: Annotated[
        str | None,
        typer.Option(help="Only what was labelled since: 2026-03-01, 2026-03-01T08:00 (UTC), or 14d."),
    ] = None,
) -> None:
    """Write the captures that people have labelled in Kaputt's format, with how many captures each one stands for.

    `./intact train damage --kaputt DIR` takes it, and so do `eval` and `model compare`. Products are dealt to train,
    validation and test by a hash of their ids, so each is in one of them, in this export and in all later ones.
    """
    from services.kernel.blobs import Blobs
    from services.kernel.faults import Fault
    from services.stack import export as writing
    from services.stack import labelled
    from services.stack.reading import snapshot

    moment = moment_of(since, datetime.now(UTC))
    joined = join()
    console = Console(highlight=False, soft_wrap=True)
    found = labelled.found(snapshot(joined.brokers, labelled.TOPICS), moment)
    if not found.captures:
        raise Problem(nothing(found, moment))
    total = len(found.captures) + sum(map(len, found.references.values()))
    columns = (TextColumn("copying pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        out.mkdir(parents=True, exist_ok=True)
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=total)
            done = asyncio.run(
                writing.export(found, Blobs(joined.store), out.absolute(), lambda: progress.advance(task))
            )
    except (Fault, OSError) as exc:
        raise Problem(f"{out} is not whole: {exc}; the same command goes on where it stopped") from exc
    if not done.captures:
        raise Problem(
            f"none of {len(found.captures)} labelled captures can be written: {_listed(done.left_out)}"
        )
    for line in told(out, done):
        console.print(line)


def moment_of(since: str | None, now: datetime) -> datetime | None:
    """Return the moment that a person means.

    Raises:
        Problem: it is none.
    """
    if since is None:
        return None
    try:
        if since.endswith("d") and since[:-1].isdigit():
            return now - timedelta(days=int(since[:-1]))
        found = datetime.fromisoformat(since)
    except (ValueError, OverflowError):
        raise Problem(f"--since {since}: not a date, like 2026-03-01, nor days, like 14d") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def nothing(found: Found, since: datetime | None) -> str:
    """Return why there is nothing to export."""
    when = "" if since is None else f" since {since:%Y-%m-%d %H:%M} UTC"
    left = f"; left out: {_listed(found.left_out)}" if found.left_out else ""
    return (
        f"nobody has confirmed a capture{when}: label items first "
        f"(./intact label ITEM --verdict intact, or damaged --type …){left}"
    )


def told(out: Path, done: Exported) -> list[str]:
    """Return what was written, for a person."""
    lines = [
        f"{split}: {count} captures ({done.damaged[split]} damaged) of {done.products[split]} products"
        for split, count in done.captures.items()
    ]
    lines.append(f"{done.references} references; everything is in {out}")
    if done.unknown_weight:
        lines.append(
            f"{done.unknown_weight} were labelled without having been drawn: they stand for themselves only (weight 1)"
        )
    lines += [f"left out: {count}, since {why}" for why, count in sorted(done.left_out.items())]
    if missing := [split for split in ("train", *_SMALL) if split not in done.captures]:
        lines.append(f"no product has fallen to {' and '.join(missing)} yet: label items of further products")
    return lines


def _listed(left_out: dict[str, int]) -> str:
    return "; ".join(f"{count}, since {why}" for why, count in sorted(left_out.items()))
