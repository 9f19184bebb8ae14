"""A candidate classifier beside the version that serves: figures, a verdict, and what to stage it with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.kernel.model_versions import CLASSIFIER
from services.stack import models
from services.stack.home import Home
from services.stack.problems import Problem

if TYPE_CHECKING:
    from triton_models.compare_classifiers import Run
    from triton_models.kaputt import Query
    from triton_models.predictor import Classifier


class Asked(NamedTuple):
    """What is to be compared on what; `report`: JSON to write, if any."""

    candidate: Path
    root: Path
    split: str
    report: Path | None


def compare(home: Home, repository: Path, asked: Asked) -> None:
    """Compare, print and report.

    Raises:
        Problem: the data set or the candidate cannot be worked with.
    """
    from triton_models import kaputt
    from triton_models.compare_classifiers import CANDIDATE, SERVING, compared, threshold
    from triton_models.problems import BadData

    console = Console(highlight=False, soft_wrap=True)
    serving, path = served(home, repository)
    if not asked.candidate.is_file():
        raise Problem(f"{asked.candidate} is not there")
    models.check(repository, asked.candidate, CLASSIFIER)
    try:
        queries = kaputt.load(asked.root, asked.split, references=False).queries
        networks = {SERVING: _network(path), CANDIDATE: _network(asked.candidate)}
        found = compared(queries, _run(networks, queries, asked.split))
        found["serving_version"], found["candidate_file"] = serving.name, asked.candidate.name
        if asked.split != "validation" and (chosen := _validation(asked.root)) is not None:
            said = _run({CANDIDATE: networks[CANDIDATE]}, chosen, "validation")
            found["candidate_threshold"] = round(threshold(chosen, said.scores[CANDIDATE]), 6)
    except BadData as error:
        raise Problem(str(error)) from error
    show(console, found)
    if asked.report is not None:
        asked.report.parent.mkdir(parents=True, exist_ok=True)
        asked.report.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        console.print(f"all figures: {asked.report}")


def served(home: Home, repository: Path) -> tuple[models.Version, Path]:
    """Return the classifier that serves in this home, and its file."""
    of_model = models.versions(home, repository)[CLASSIFIER]
    version = models.serving(models.remembered(home), of_model)
    if version.staged_at:
        return version, models.file_of(home, version)
    return version, repository / CLASSIFIER / str(version.number) / version.source


def show(console: Console, found: Mapping[str, Any]) -> None:
    """Print both side by side, and the verdict."""
    table = Table("", "serves", "candidate", "difference", "95 %", box=None, pad_edge=False)
    for name, difference in found["difference"].items():
        low, high = difference["interval"]
        table.add_row(
            name,
            *(_number(found[who][name]) for who in ("serving", "candidate")),
            _number(difference["value"], "+"),
            f"{_number(low, '+')} … {_number(high, '+')}",
        )
    table.add_row(
        "CPU ms a picture", *(f"{found[who]['cpu_ms_per_picture']:.1f}" for who in ("serving", "candidate"))
    )
    console.print(table)
    console.print(found["verdict"])
    if "candidate_threshold" in found:
        console.print(
            f"Its own threshold (1 % of intact captures of the validation split): {found['candidate_threshold']}"
        )


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"


def _network(path: Path) -> Classifier:
    from triton_models.predictor import Classifier

    return Classifier(path)


def _validation(root: Path) -> Sequence[Query] | None:
    """The validation split, if it is there and can tell a threshold."""
    from triton_models import kaputt
    from triton_models.problems import BadData

    try:
        queries = kaputt.load(root, "validation", references=False).queries
    except BadData:
        return None
    return None if all(query.defect for query in queries) else queries


def _run(networks: Mapping[str, Classifier], queries: Sequence[Query], what: str) -> Run:
    from triton_models.compare_classifiers import run
    from triton_models.predictor import pictures

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=len(queries))
        return run(networks, queries, pictures, lambda: progress.advance(task))
