"""`model list|compare|stage|promote|rollback|retire`: versions of the networks, and how another one goes live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.stack import models
from services.stack.home import MODEL_REPOSITORY, default_home
from services.stack.local import Stack
from services.stack.models import Version
from services.stack.problems import Problem

if TYPE_CHECKING:
    from services.stack.promotion import Place
    from services.stack.reencode import Tick

Number = Annotated[int, typer.Argument(metavar="VERSION", help="Its number, as `model list` shows it.")]
Model = Annotated[str | None, typer.Option("--model", help="Which network, where the number leaves it open.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Versions of the networks: list, compare, stage, promote, rollback, retire.",
    )
    group.command(name="list")(list_all)
    group.command()(compare)
    group.command()(stage)
    group.command()(promote)
    group.command()(rollback)
    group.command()(retire)
    app.add_typer(group, name="model")


def list_all() -> None:
    """List every version of every network: which one serves, which one served before, which ones are staged."""
    home = default_home()
    registry, found = models.remembered(home), models.versions(home, MODEL_REPOSITORY)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{'network':<20}{'version':<20}{'':<15}{'threshold':<11}{'staged (UTC)':<21}from", style="bold"
    )
    for of_model in found.values():
        for version in of_model:
            threshold = "" if version.threshold is None else f"{version.threshold:.4f}"
            when = version.staged_at.replace("T", " ").removesuffix("+00:00") or "ships"
            doing = state(registry, of_model, version)
            console.print(
                f"{version.model:<20}{version.name:<20}{doing:<15}{threshold:<11}{when:<21}{version.source}"
            )
    known = {v for of_model in found.values() for v in of_model}
    for lost in (v for v in registry.staged if v not in known):
        console.print(
            f"{lost.model} {lost.name} no longer fits: the checkout's {lost.model} takes or gives other tensors now",
            soft_wrap=True,
        )


def state(registry: models.Registry, of_model: tuple[Version, ...], version: Version) -> str:
    """Return what a version is doing, in words."""
    if version == models.serving(registry, of_model):
        return "serves"
    return (
        "served before"
        if version == models.before(registry, of_model)
        else ""
        if not version.staged_at
        else "staged"
    )


def compare(
    candidate: Annotated[Path, typer.Argument(help="An ONNX file, as `intact export` writes it.")],
    root: Annotated[
        Path,
        typer.Option(
            "--kaputt", help="A data set in Kaputt's format, such as `intact dataset export` writes."
        ),
    ],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    report: Annotated[Path | None, typer.Option(help="JSON to write.")] = None,
) -> None:
    """Hold a classifier against the one that serves: the same captures in the same run, and a verdict."""
    from services.stack import comparison

    comparison.compare(default_home(), MODEL_REPOSITORY, comparison.Asked(candidate, root, split, report))


def stage(
    file: Annotated[Path, typer.Argument(help="An ONNX file, as `intact export` writes it.")],
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Of a classifier: the score that 1 % of intact items reach, if FILE.json does not say.",
        ),
    ] = None,
) -> None:
    """Check a network and keep it as the next version of the one whose tensors it has; it does not serve yet."""
    if not file.is_file():
        raise Problem(f"{file} is not there")
    made = models.stage(default_home(), MODEL_REPOSITORY, file, threshold)
    print(f"{made.model} {made.name} is staged; ./intact model promote {made.number} lets it serve")


def promote(number: Number, *, model: Model = None) -> None:
    """Let a version serve, without stopping the mesh: loaded beside the other one, tried, then switched to.

    A new encoder first embeds every product's references, while the other one serves.
    """
    from services.stack import promotion

    home = default_home()
    version = chosen(models.versions(home, MODEL_REPOSITORY), number, model)
    with _place() as place, _progress() as tick:
        if version == place.serving(version.model):
            raise Problem(f"{version.model} {version.name} serves already")
        promotion.go_live(place, version, print, tick)


def rollback(*, model: Model = None) -> None:
    """Let the version serve that served before; it is loaded still, so of a classifier this takes a moment only.

    An encoder is tried first, and the references that were enrolled meanwhile are embedded by it.
    """
    from services.stack import promotion

    with _place() as place, _progress() as tick:
        promotion.go_back(place, former_of(place, model), print, tick)


def retire(*, model: Model = None) -> None:
    """Let go of the version that served before: it is not loaded any more, and cannot be rolled back to."""
    from services.stack import promotion

    with _place() as place:
        promotion.let_go(place, former_of(place, model), print)


def former_of(place: Place, model: str | None) -> str:
    """Return the network of which a version served before.

    Raises:
        Problem: there is none, or several and none was named.
    """
    found = models.versions(place.home, place.repository)
    back = [name for name, of_model in found.items() if models.before(place.registry, of_model) is not None]
    if model is None and len(back) != 1:
        raise Problem(
            "no version served before; ./intact model list"
            if not back
            else f"say which: --model {' or '.join(back)}"
        )
    return known(found, model or back[0])


def known(found: dict[str, tuple[Version, ...]], model: str) -> str:
    """Return a network's name.

    Raises:
        Problem: there is none of that name.
    """
    if model not in found:
        raise Problem(f"no network is called {model}; there are {', '.join(found)}")
    return model


def chosen(found: dict[str, tuple[Version, ...]], number: int, model: str | None) -> Version:
    """Return the version of this number.

    Raises:
        Problem: there is none, or several that ship have it.
    """
    of = list(found) if model is None else [known(found, model)]
    fitting = [v for name in of for v in found[name] if v.number == number]
    if not fitting:
        raise Problem(f"there is no version {number}; ./intact model list shows those that there are")
    if len(fitting) > 1:
        raise Problem(f"several networks ship a version {number}: say which, --model {' or '.join(found)}")
    return fitting[0]


@contextmanager
def _place() -> Iterator[Place]:
    from services.stack import promotion
    from services.stack.model_control import connected

    stack = Stack.running()
    environment = stack.environment()
    if "INTACT_TRITON" not in environment:
        raise Problem("the stack is still starting; ./intact status shows how far it is")
    with connected(environment["INTACT_TRITON"]) as control:
        yield promotion.Place(
            home=stack.home, repository=MODEL_REPOSITORY, environment=environment, control=control
        )


@contextmanager
def _progress() -> Iterator[Tick]:
    columns = (TextColumn("embedding references"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, visible=False)

        def tick(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=total > 0)

        yield tick
