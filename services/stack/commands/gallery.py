"""`gallery list|show|promote|refuse|retire|undo`: what products are known to look like, why, and how to change it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from services.kernel import records as r
from services.kernel import wire
from services.stack.answers import quarantine_of
from services.stack.joining import join
from services.stack.observe import Observer
from services.stack.problems import Problem
from services.stack.reading import snapshot
from services.stack.report import Observed
from services.stack.world import publish

_WAIT_S: Final = 60.0
#: Characters of an id that tell it from others.
_SHORT: Final = 8

Product = Annotated[str, typer.Argument(help="The product's id.")]
Look = Annotated[
    str | None,
    typer.Argument(help="The look under trial, or how its id begins; needed where several are proposed."),
]
Why = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")]
Operator = Annotated[str, typer.Option("--operator", help="Who says so (an opaque id).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Galleries: what products look like, and since when.")
    for command in (list_all, show, promote, refuse, retire, undo):
        group.command(name=command.__name__.removesuffix("_all"))(command)
    app.add_typer(group, name="gallery")


# -- reading --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Book:
    """What the topics say of one product."""

    gallery: r.Gallery | None = None
    ledger: r.GalleryLedger | None = None
    changes: dict[uuid.UUID, r.GalleryChange] = field(default_factory=dict)


def books(events: Iterable[Observed]) -> dict[str, Book]:
    """What gallery.references, gallery.ledgers and gallery.changes say, by product."""
    found: dict[str, Book] = {}
    for event in sorted(events, key=lambda e: (e.partition, e.offset)):
        book = found.setdefault((event.key or b"").decode("utf-8", "backslashreplace"), Book())
        match event.record:
            case r.Gallery():
                book.gallery = event.record
            case r.GalleryLedger():
                book.ledger = event.record
            case r.GalleryChange():
                book.changes[event.record.change_id] = event.record
    return found


def _read() -> dict[str, Book]:
    return books(snapshot(join().brokers, ["gallery.references", "gallery.ledgers", "gallery.changes"]))


def list_all(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that nothing is to be said of.")
    ] = False,
) -> None:
    """List the products whose gallery is in question: looks under trial, several looks, nothing confirmed."""
    console = Console(highlight=False, soft_wrap=True)
    lines = [
        line for name, book in sorted(_read().items()) if (line := summary(name, book, everything=everything))
    ]
    for line in lines or ["no gallery is in question; --all lists all"]:
        console.print(escape(line))


def summary(product_id: str, book: Book, *, everything: bool) -> str | None:
    """One line about a product, None when there is nothing to say."""
    gallery, trials = book.gallery, book.ledger.trials if book.ledger is not None else ()
    proposed = sum(t.state is r.TrialState.PROPOSED for t in trials)
    references = gallery.references if gallery is not None else ()
    looks = len({ref.trial_id for ref in references})
    said = [
        "not confirmed" if gallery is not None and not gallery.confirmed else "",
        f"{looks} looks" if looks > 1 else "",
        f"{proposed} proposed" if proposed else "",
        f"{len(trials) - proposed} watched or decided" if everything and len(trials) > proposed else "",
    ]
    if not any(said) and not everything:
        return None
    version = gallery.version if gallery is not None else 0
    return f"{product_id}  version {version}, {len(references)} references" + "".join(
        f", {s}" for s in said if s
    )


def show(product: Product) -> None:
    """Show a product's references, the looks under trial, and every change with its reason."""
    book = _read().get(product)
    if book is None:
        raise Problem(f"product {product} has no gallery, and nothing of it was seen that is unlike one")
    console = Console(highlight=False, soft_wrap=True)
    for line in told(product, book):
        console.print(escape(line))


def told(product_id: str, book: Book) -> Iterator[str]:
    """Everything about a product's gallery, as lines for a person."""
    gallery = book.gallery
    if gallery is None:
        yield f"{product_id} has no references yet"
    else:
        how = "" if gallery.confirmed else ", not confirmed: no item is judged by it"
        yield f"{product_id} version {gallery.version}{how}; {gallery.reason or 'enrolled'}"
        for ref in gallery.references:
            look = f"look {str(ref.trial_id)[:_SHORT]}" if ref.trial_id is not None else "enrolled"
            yield f"  reference {ref.reference_id}  {look}  {ref.enrolled_at:%Y-%m-%d %H:%M}"
    for trial in book.ledger.trials if book.ledger is not None else ():
        yield f"  look {str(trial.trial_id)[:_SHORT]}  {trial.state.lower()}, last seen {trial.last_at:%Y-%m-%d %H:%M}"
        yield f"      {trial.reason}"
        yield f"      items {', '.join(m.item_id for m in trial.members[-6:])}"
    if book.changes:
        yield "changes, newest first"
    for change in sorted(book.changes.values(), key=lambda c: c.decided_at, reverse=True):
        yield _line(change)


def _line(change: r.GalleryChange) -> str:
    moves = "".join(
        f", {len(names)} references {what}"
        for names, what in ((change.added, "in"), (change.removed, "out"))
        if names
    )
    return (
        f"  {change.decided_at:%Y-%m-%d %H:%M:%S}  {change.event.lower()} ({change.cause.lower()})"
        f"  version {change.version}{moves}: {change.reason}"
    )


# -- asking ---------------------------------------------------------------------------------------------------------


def promote(
    product: Product,
    look: Look = None,
    *,
    reason: Why = "it is the product, intact",
    operator: Operator = "command-line",
) -> None:
    """Take a look into the gallery; what was there stays beside it."""
    _ask(product, r.GalleryAction.PROMOTE, look, reason, operator)


def refuse(
    product: Product,
    look: Look = None,
    *,
    reason: Why = "it is not as it should be",
    operator: Operator = "command-line",
) -> None:
    """Refuse a look: it is not proposed again, however many items show it."""
    _ask(product, r.GalleryAction.REFUSE, look, reason, operator)


def retire(
    product: Product,
    target: Annotated[str, typer.Argument(help="`enrolled`, a look or a reference; or how its id begins.")],
    *,
    reason: Why = "no longer sold",
    operator: Operator = "command-line",
) -> None:
    """Take a look, or one reference, out of the gallery."""
    _ask(product, r.GalleryAction.RETIRE, target, reason, operator)


def undo(
    product: Product,
    *,
    to: Annotated[
        int | None,
        typer.Option("--to", min=0, help="The version to go back to; the one before, unless given."),
    ] = None,
    reason: Why = "taken back",
    operator: Operator = "command-line",
) -> None:
    """Bring back an earlier version of a gallery, as its next one; a second `undo` takes the first one back."""
    _ask(product, r.GalleryAction.UNDO, None if to is None else str(to), reason, operator)


def _ask(product: str, action: r.GalleryAction, target: str | None, reason: str, operator: str) -> None:
    brokers = join().brokers
    command = r.GalleryCommand(
        command_id=uuid.uuid4(),
        product_id=product,
        action=action,
        target=target,
        reason=reason,
        operator=operator,
        asked_at=datetime.now(UTC),
    )
    with Observer(brokers, topics=["gallery.changes"], new_only=True) as observer:
        publish(brokers, [("gallery.commands", product.encode(), wire.encode(command), [])])
        if not observer.wait(
            lambda o: answer(o.observed(), command.command_id) is not None, timeout_s=_WAIT_S
        ):
            raise Problem(f"the gallery did not answer within {_WAIT_S:.0f} s; see ./intact status")
        change = answer(observer.observed(), command.command_id)
    assert change is not None  # noqa: S101 (it was waited for)
    Console(highlight=False, soft_wrap=True).print(escape(_line(change)))


def answer(events: Iterable[Observed], command_id: uuid.UUID) -> r.GalleryChange | None:
    """The change that a command made, None while there is none.

    Raises:
        Problem: it was put aside, since it could not be done.
    """
    kept = list(events)
    held = quarantine_of(kept, command_id)
    if held is not None:
        raise Problem(held.message)
    found = (e.record for e in kept if isinstance(e.record, r.GalleryChange))
    return next((change for change in found if change.command_id == command_id), None)
