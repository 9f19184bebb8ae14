"""`submit`: a person's own photo through the running mesh."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from services.kernel.records import Product, SidelineAction, Stage
from services.stack import racks
from services.stack.answers import Outcome, await_outcome
from services.stack.joining import Joined, join
from services.stack.observe import Observer
from services.stack.photos import read_photos
from services.stack.problems import Problem
from services.stack.racks import Planned, Submitted
from services.stack.reading import snapshot

_TOPICS = ("damage.assessments", "sideline.decisions")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(submit)


def submit(
    images: Annotated[list[Path], typer.Argument(help="Photos of one item (JPEG or PNG), a camera each.")],
    *,
    product: Annotated[
        str | None,
        typer.Option("--product", help="The product it should be: its barcode is sent. Without: unknown."),
    ] = None,
    depth: Annotated[
        Path | None, typer.Option("--depth", help="Depth image of the first camera: 16-bit grey PNG, mm.")
    ] = None,
    item: Annotated[str | None, typer.Option("--item", help="The item's id; a new one unless given.")] = None,
    stage: Annotated[
        Stage, typer.Option("--stage", case_sensitive=False, help="Where in the chain it is photographed.")
    ] = Stage.PACK,
    tote: Annotated[
        str | None, typer.Option("--tote", help="The tote it lies in (joins its order by the manifest).")
    ] = None,
) -> None:
    """Send photos of one item through the running mesh; print the verdict, the sideline decision, and why."""
    console = Console(highlight=False, soft_wrap=True)
    joined = join()
    photos = read_photos(images, depth)
    planned = Planned(
        item_id=item or f"photo-{uuid.uuid4().hex[:8]}",
        tote_id=tote,
        station_id=station_of(joined),
        center_id="BER1",
        stage=stage,
        barcode=None if product is None else catalogued(joined, product).barcode,
        idempotency_key=f"submit-{uuid.uuid4()}",
        photos=photos,
    )
    with Observer(joined.brokers, topics=_TOPICS, new_only=True) as observer:
        accepted = send(joined, [planned])[0]
        for sentence in accepted.advice:
            console.print(f"[yellow]photo[/]      {escape(sentence)}")
        outcome = await_outcome(observer, accepted.capture_id)
    tell(console, outcome, (outcome.at_ms / 1000 - accepted.scheduled_at) * 1000)


def station_of(joined: Joined) -> str:
    """Return a station whose token this stack knows.

    Raises:
        Problem: it knows none.
    """
    if not joined.tokens:
        raise Problem("the stack has no station token (INTACT_STATION_TOKENS)")
    return next(iter(joined.tokens))


def catalogued(joined: Joined, product_id: str) -> Product:
    """Return a product's catalogue row.

    Raises:
        Problem: it has none.
    """
    rows = products(joined)
    if product_id not in rows:
        known = f"{', '.join(sorted(rows)[:6])}, …" if rows else "none yet"
        raise Problem(
            f"{product_id} is not in the catalogue (it has {known}). ./intact enrol IMAGE --product "
            f"{product_id} --create adds it with a reference; without --product the photo is of an unknown product"
        )
    return rows[product_id]


def products(joined: Joined) -> dict[str, Product]:
    """Return the catalogue; tombstones take rows out of it."""
    rows: dict[str, Product] = {}
    for event in snapshot(joined.brokers, ["catalog.products"]):
        key = (event.key or b"").decode("utf-8", "replace")
        if event.record is None:
            rows.pop(key, None)
        else:
            rows[key] = event.record
    return rows


def send(joined: Joined, planned: list[Planned]) -> list[Submitted]:
    """Post captures to the station.

    Raises:
        Problem: it refuses one; the message is the station's own.
    """
    answers = asyncio.run(racks.drive(joined.station_url, joined.tokens, planned, concurrency=4))
    for answer in answers:
        if not answer.accepted:
            raise Problem(f"the station refuses it ({answer.status or 'no answer'}): {answer.detail}")
    return answers


def tell(console: Console, outcome: Outcome, ms: float) -> None:
    """Print an outcome."""
    made, decided = outcome.assessment, outcome.decision
    verdict = "[bold red]damaged[/]" if made.damaged else "[bold green]intact[/]"
    types = f" ({', '.join(made.defect_types).replace('_', ' ')})" if made.defect_types else ""
    severity = f", {made.severity.lower()}" if made.damaged else ""
    console.print(f"{made.item_id}: {verdict}{severity}{types}{', tolerated' if made.tolerated else ''}")
    candidates = ", ".join(f"{c.product_id} {c.confidence:.2f}" for c in made.candidates[:5])
    console.print(
        f"product    {made.product_id or 'unknown'} [dim](most alike: {candidates or 'nothing'})[/]"
    )
    console.print(f"why        {escape(made.reason)}")
    action = {SidelineAction.PASS: "stays on the belt"}.get(decided.action, str(decided.action).lower())
    console.print(f"belt       {action.replace('_', ' ')}: {escape(decided.reason)}")
    console.print(f"[dim]revision {made.revision}, {ms:,.0f} ms from sending to this decision[/]")
