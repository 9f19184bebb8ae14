"""`label`: a person's word on an item: whether it is damaged, which product it is, or both."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from services.kernel import wire
from services.kernel.policies import TYPES
from services.kernel.records import Label, Severity, Verdict
from services.stack.answers import await_outcome
from services.stack.commands.submit import catalogued, tell
from services.stack.joining import join
from services.stack.observe import Observer
from services.stack.problems import Problem
from services.stack.world import publish


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(label)


def label(
    item: Annotated[str, typer.Argument(help="The item's id, as `submit`, `demo` and `tail` show it.")],
    *,
    verdict: Annotated[
        Verdict | None,
        typer.Option(
            "--verdict", case_sensitive=False, help="What the person found; not needed with --product."
        ),
    ] = None,
    product: Annotated[
        str | None,
        typer.Option("--product", help="Which product it is, where the mesh or the barcode had it wrong."),
    ] = None,
    severity: Annotated[
        Severity | None,
        typer.Option("--severity", case_sensitive=False, help="Of a damaged item; MAJOR unless given."),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help=f"Of a damaged item; may be repeated: {', '.join(TYPES)}."),
    ] = None,
    annotator: Annotated[
        str, typer.Option("--annotator", help="Who says so (an opaque id).")
    ] = "command-line",
) -> None:
    """Publish a person's word on an item, and print the revision that it makes.

    It corrects everything that followed from the machine's own judgement: the command to the belt, the order line and
    its replacement, the disposition and the supplier's counts. With --product alone the damage is judged anew, as that
    product's.
    """
    check(verdict, severity, types or [], product)
    joined = join()
    if product is not None:
        catalogued(joined, product)
    found = Label(
        label_id=uuid.uuid4(),
        item_id=item,
        verdict=verdict or Verdict.INTACT,
        severity=severity or Severity.MAJOR if verdict is Verdict.DAMAGED else Severity.NONE,
        defect_types=tuple(types or ()),
        product_id=product,
        annotator=annotator,
        labelled_at=datetime.now(UTC),
        identity_only=verdict is None,
    )
    with Observer(
        joined.brokers, topics=["damage.assessments", "sideline.decisions"], new_only=True
    ) as observer:
        publish(joined.brokers, [("review.labels", item.encode(), wire.encode(found), [])])
        outcome = await_outcome(observer, found.label_id)
    milliseconds = outcome.at_ms - found.labelled_at.timestamp() * 1000
    tell(Console(highlight=False, soft_wrap=True), outcome, milliseconds)


def check(
    verdict: Verdict | None, severity: Severity | None, types: list[str], product: str | None = None
) -> None:
    """Refuse what does not fit together.

    Raises:
        Problem: it says what.
    """
    if verdict is None and (types or severity is not None):
        raise Problem("a severity or a type of damage needs --verdict damaged")
    if verdict is None and product is None:
        raise Problem("say what was found: --verdict intact, --verdict damaged, or --product P, or both")
    if unknown := [t for t in types if t not in TYPES]:
        raise Problem(f"{unknown[0]} is no type of damage; there are {', '.join(TYPES)}")
    if verdict is Verdict.INTACT and (types or severity not in {None, Severity.NONE}):
        raise Problem("an intact item has no severity and no type of damage")
    if verdict is Verdict.DAMAGED and severity is Severity.NONE:
        raise Problem("a damaged item is MINOR or MAJOR")
