"""`quarantine list|show|retry`: what could not be processed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from services.kernel.faults import DataFault
from services.kernel.records import Quarantined
from services.kernel.topics import BY_NAME, quarantine_topics
from services.stack.commands.tail import plain
from services.stack.joining import Joined, join
from services.stack.problems import Problem
from services.stack.reading import Fetch, fetch_from, original, snapshot
from services.stack.report import Observed
from services.stack.world import Message, publish

#: Says which event in quarantine a retried one comes from.
_HEADER: Final = "intact-retry-of"
_ASSESSMENTS: Final = "damage.assessments"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Events that could not be processed: list, show, retry.")
    group.command(name="list")(list_all)
    group.command(name="show")(show)
    group.command(name="retry")(retry)
    app.add_typer(group, name="quarantine")


def list_all() -> None:
    """List what is in quarantine, oldest first. Retried events stay listed: a topic does not forget."""
    console = Console(highlight=False, soft_wrap=True)
    held = everything(join())
    if not held:
        console.print("nothing is in quarantine")
        return
    for number, event in enumerate(held, 1):
        q: Quarantined = event.record
        key = (q.key or b"").decode("utf-8", "backslashreplace")[:40]
        console.print(
            f"[bold]{number:>4}[/]  {q.quarantined_at:%Y-%m-%d %H:%M:%S}  {q.topic} → {q.service}  "
            f"key {escape(key) or '(empty)'}  [yellow]{q.reason}[/]\n      {escape(q.message[:400])}"
        )


def show(number: Annotated[int, typer.Argument(help="The number that `quarantine list` gives it.")]) -> None:
    """Show one event in quarantine as JSON: why it is there, and the original as far as it can be decoded."""
    joined = join()
    held: Quarantined = pick(everything(joined), number).record
    shown = {"quarantined": plain(held), "original": plain(original(held, fetch_from(joined.store)))}
    sys.stdout.write(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")


def retry(
    number: Annotated[int | None, typer.Argument(help="The number that `quarantine list` gives it.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All of them, oldest first.")] = False,
) -> None:
    """Send the original event (key, value, headers) to its topic again, after what was wrong with it is mended.

    Where a topic has several consumers (damage.assessments, sideline.commands) all of them see it again, not only the
    one that failed. That does no harm: every effect has an id that follows from the event, and counts once. An
    assessment is not sent again when its item has a newer revision by now.
    """
    if (number is None) == (not every):
        raise Problem("say which: a number of `quarantine list`, or --all")
    console = Console(highlight=False, soft_wrap=True)
    joined = join()
    held = everything(joined)
    chosen = held if number is None else [pick(held, number)]
    messages, refused = prepare(chosen, fetch_from(joined.store), revisions(joined, chosen))
    if messages:
        publish(joined.brokers, messages)
    console.print(f"sent {len(messages)} again; what fails again comes back to ./intact quarantine list")
    for reason in refused:
        console.print(f"[yellow]not sent:[/] {escape(reason)}")
    if refused:
        raise typer.Exit(1)


def everything(joined: Joined) -> list[Observed]:
    """Return all events in quarantine, oldest first: a number stays the same as long as the topics keep them."""
    topics = [topic.name for topic in quarantine_topics()]
    readable = [e for e in snapshot(joined.brokers, topics) if e.record is not None]
    return sorted(readable, key=lambda e: (e.record.quarantined_at, e.topic, e.offset))


def pick(held: Sequence[Observed], number: int) -> Observed:
    """Return the event with this number.

    Raises:
        Problem: there is none.
    """
    if not 1 <= number <= len(held):
        raise Problem(f"there is no number {number}: {len(held)} are in quarantine; ./intact quarantine list")
    return held[number - 1]


def revisions(joined: Joined, chosen: Sequence[Observed]) -> dict[str, int]:
    """Return the newest revision of every item, when assessments are to be sent again."""
    if not any(event.record.topic == _ASSESSMENTS for event in chosen):
        return {}
    newest: dict[str, int] = {}
    for event in snapshot(joined.brokers, [_ASSESSMENTS]):
        if event.record is not None:
            newest[event.record.item_id] = max(newest.get(event.record.item_id, 0), event.record.revision)
    return newest


def prepare(
    chosen: Sequence[Observed], fetch: Fetch, newest: dict[str, int]
) -> tuple[list[Message], list[str]]:
    """Return the messages to send, and why the others cannot be."""
    messages: list[Message] = []
    refused: list[str] = []
    for event in chosen:
        held: Quarantined = event.record
        place = f"{event.topic}/{event.partition}/{event.offset}"
        try:
            value = fetch(held.value_key) if held.value_key is not None else held.value
        except DataFault as fault:
            refused.append(f"{place}: {fault}")
            continue
        if value is None and BY_NAME[held.topic].retention_ms is not None:
            refused.append(f"{place}: a tombstone, which no stream takes")
            continue
        if _superseded(held, newest):
            refused.append(f"{place}: its item has a newer revision, which replaces it")
            continue
        headers = [(k, v) for k, v in held.headers.items() if k != _HEADER]
        messages.append((held.topic, held.key, value, [*headers, (_HEADER, place.encode())]))
    return messages, refused


def _superseded(held: Quarantined, newest: dict[str, int]) -> bool:
    if held.topic != _ASSESSMENTS:
        return False
    made = original(held, None)
    item, revision = getattr(made, "item_id", ""), getattr(made, "revision", 0)
    # Sent again it would stand behind the newer one in the topic, and pass for the newest.
    return revision < newest.get(item, 0)
