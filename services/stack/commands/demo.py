"""`demo`: the whole mesh on this machine, captures streamed through it, and what came of them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from services.kernel import wire
from services.kernel.topics import TOPICS
from services.stack import chronicle, processes, racks, summary
from services.stack.associate import Associate
from services.stack.commands.running import reporter
from services.stack.day import LEAST, Day, play
from services.stack.enrolling import wait_until_enrolled
from services.stack.joining import Joined, join
from services.stack.local import Stack, ending_on_sigterm
from services.stack.observe import EFFECTS, FLOW, Observer, fetch_from
from services.stack.photos import folder_plan, folder_products
from services.stack.racks import Planned, Submitted
from services.stack.report import Report, stage_times
from services.stack.show import Board, Finished, tell
from services.stack.world import Message, World, make_world, publish, publish_world

_PRODUCTS: Final = 48
_REFERENCES: Final = 2
_ENROL_S: Final = 90.0
_SETTLE_S: Final = 120.0
_TICK_S: Final = 0.25
#: What is different on this belt from a real one: damage is common.
SETTINGS: Final = {"INTACT_DAMAGE_PRIOR": str(racks.DAMAGED_SHARE)}
#: More captures have more totes, so that there are order lines enough.
_TOTES: Final = 60


#: What the gallery tells the outside: nobody consumes it event by event.
_GALLERY: Final = tuple(t.name for t in TOPICS if t.name.startswith("gallery.") and not t.consumers)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a demo sends."""

    world: World
    references: list[Planned]
    captures: Sequence[Planned]
    day: Day | None = None


def demo(
    *,
    captures: Annotated[
        int,
        typer.Option(
            "--captures",
            min=1,
            help=f"How many items to photograph; fewer than {LEAST} are a mix of the sample, without episodes.",
        ),
    ] = 330,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Judge these pictures (JPEG or PNG) in place of the sample's: DIR/PRODUCT/NAME.jpg are captures of "
            "that product, those named refNAME.jpg its pristine references (without any, only the classifier judges); "
            "DIR/NAME.jpg are captures of nobody knows what. --captures then bounds their number.",
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", min=0.1, help="Captures per second, at a steady rate.")
    ] = 3.0,
    seed: Annotated[int, typer.Option("--seed", help="Everything random follows from it.")] = 7,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running afterwards.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the figures to this file, as JSON.", dir_okay=False)
    ] = None,
) -> None:
    """Start everything, play a day at a fulfillment center in two minutes, and sum up what the mesh did about it.

    The day: ordinary flow, a supplier whose new packaging tears, a product in its next print, a leaking pallet, a
    camera that goes dim, and an associate who looks at some of what was pulled; at the end each with the truth.
    It begins with empty topics and the models that ship: what an earlier run left in this folder is deleted. The
    captures are simulated; about one item in six is damaged, far more than on a belt, so that every path is seen; the
    services are told to expect 12 % (INTACT_DAMAGE_PRIOR). Ctrl-C stops and cleans up at any time.
    Exit status 1 when a capture was lost or an effect came twice.
    """
    console = Console(highlight=False, soft_wrap=True)
    stack = Stack(fresh=True, progress=reporter(console), settings=SETTINGS)
    load = _load(images, captures, rate, seed)
    with ending_on_sigterm():
        began = time.monotonic()
        stack.start(attached=not keep)
        ready_s = time.monotonic() - began
        stays = False
        try:
            console.print(f"[bold]ready[/] after {ready_s:.1f} s")
            done = _stream(console, stack, load, rate=rate, ready_s=ready_s, keep=keep)
            tell(console, done)
            if report is not None:
                report.write_text(json.dumps(figures(done), indent=1) + "\n", encoding="utf-8")
            stays = keep
        finally:
            if not stays:
                began = time.monotonic()
                stack.stop()
                console.print(f"\nended everything in {time.monotonic() - began:.1f} s")
    if stays:
        console.print("\neverything is still up; ./intact down ends it")
    if not done.report.clean:
        raise typer.Exit(1)


def _load(images: Path | None, captures: int, rate: float, seed: int) -> Load:
    world = make_world(seed=seed, products=_PRODUCTS, totes=max(_TOTES, captures // 3))
    if images is not None:
        references, own = folder_plan(images, seed)
        world = with_products(world, images)
        return Load(world=world, references=references, captures=own[:captures])
    references = racks.enrolments(world, _REFERENCES)
    if captures < LEAST:
        return Load(world=world, references=references, captures=racks.plan(world, captures, seed))
    day = play(world, captures, rate, seed)
    return Load(world=day.world, references=references, captures=day.planned, day=day)


def with_products(world: World, folder: Path) -> World:
    """Return the world with a catalogue row for each product of a folder of pictures."""
    from dataclasses import replace

    return replace(world, products=(*world.products, *folder_products(folder)))


def _stream(
    console: Console, stack: Stack, load: Load, *, rate: float, ready_s: float, keep: bool
) -> Finished:
    joined = join(stack)
    rows = publish_world(load.world, joined.brokers)
    console.print(f"{rows} rows of products, suppliers, orders, totes and policies are in their topics")
    topics = (*EFFECTS, *FLOW, *_GALLERY)
    with Observer(joined.brokers, topics=topics, fetch=fetch_from(joined.store)) as observer:
        _enrol(console, joined, load.references, observer)
        console.print(f"streaming {len(load.captures)} captures at {rate:g} per second")
        with Board(console, len(load.captures), load.day) as board:
            submitted = asyncio.run(_drive(joined, load, rate, observer, board))
            settled = observer.settle(
                submitted, timeout_s=_SETTLE_S, meanwhile=lambda: board.observed(observer.observed())
            )
            board.observed(observer.observed())
        if not settled:
            console.print(f"[bold red]not all has ended within {_SETTLE_S:.0f} s; this is how far it came[/]")
        return Finished(
            world=load.world,
            submitted=submitted,
            events=observer.observed(),
            day=chronicle.tell(load.day, submitted, observer.observed()) if load.day is not None else (),
            report=observer.report(submitted),
            ready_s=ready_s,
            memory=sum(processes.usage(part).memory for part in stack.state.parts),
            kept=keep,
        )


async def _drive(
    joined: Joined, load: Load, rate: float, observer: Observer, board: Board
) -> list[Submitted]:
    associate = Associate(load.day) if load.day is not None else None

    async def show() -> None:
        while True:
            events = observer.observed()
            board.observed(events)
            labels = associate.look(events, time.monotonic()) if associate is not None else []
            if labels:
                said: list[Message] = [
                    ("review.labels", x.item_id.encode(), wire.encode(x), []) for x in labels
                ]
                await asyncio.to_thread(publish, joined.brokers, said)
            await asyncio.sleep(_TICK_S)

    showing = asyncio.create_task(show())
    try:
        return await racks.drive(
            joined.station_url,
            joined.tokens,
            load.captures,
            rate=rate,
            concurrency=64,
            progress=board.submitted,
        )
    finally:
        showing.cancel()


def _enrol(console: Console, joined: Joined, references: Sequence[Planned], observer: Observer) -> None:
    """Send the references and wait until every product's gallery has them.

    Raises:
        Problem: one was refused, or they did not all arrive.
    """
    if not references:
        return
    began = time.monotonic()
    sent = asyncio.run(racks.drive(joined.station_url, joined.tokens, references, concurrency=8))
    wait_until_enrolled(observer, sent, timeout_s=_ENROL_S)
    console.print(f"{len(sent)} reference images enrolled in {time.monotonic() - began:.1f} s")


def figures(done: Finished) -> dict[str, Any]:
    """Return the report file's content: the report, and what was measured beside it."""
    found: Report = done.report
    truth = summary.accuracy(done.submitted, done.events)
    return {
        **found.as_dict(),
        "ready_seconds": round(done.ready_s, 1),
        "memory_mib": round(done.memory / 2**20),
        "cores": os.cpu_count(),
        "stages_ms": {
            topic: {"p50": p50, "p99": p99} for topic, (p50, p99) in stage_times(done.events).items()
        },
        "accuracy": asdict(truth) if truth else None,
        "by_scenario": [asdict(row) for row in summary.by_scenario(done.submitted, done.events)],
        "day": [asdict(line) for line in done.day],
        "supplier_shares": [asdict(s) for s in summary.suppliers(done.events)],
    }
