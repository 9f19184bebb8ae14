"""Run a method over one split and measure it: predictions as CSV, figures as JSON, plots.

An interrupted run goes on where it stopped: each verdict is appended to `<predictions>.part` as it is found, and a
later call with the same split, method and references reads what is there.
"""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TextIO

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from triton_models import plots as drawing
from triton_models.cuts import Values
from triton_models.eval_report import Judged, Prior, operating_point, report_of
from triton_models.kaputt import Query, Reference, load
from triton_models.problems import BadData

Severity = Literal["none", "minor", "major"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a method says about one capture.

    Attributes:
        damage: Score of damage in [0, 1]; a probability where the method claims to be calibrated.
        types: Score by type of damage, in [0, 1]; empty where the method does not tell types.
        severity: None where the method does not tell.
    """

    damage: float
    types: Mapping[str, float] = field(default_factory=dict)
    severity: Severity | None = None


class Predictor(Protocol):
    """A method to measure."""

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """Judge one capture; there may be no reference."""
        ...


def evaluate(  # noqa: PLR0913 (each names one thing of the run)
    root: Path,
    split: str,
    *,
    predictor: Predictor,
    predictions: Path,
    report: Path,
    plots: Path | None = None,
    references: bool = True,
    validation: Path | None = None,
    method: str = "model",
    prior: Prior | None = None,
    resamples: int = 1000,
    console: Console | None = None,
) -> dict[str, Any]:
    """Predict a whole split and measure it.

    Args:
        root: Data set in Kaputt's format.
        split: "train", "validation" or "test".
        predictor: The method.
        predictions: CSV to write, exactly `capture_id,pred`, in the order of the split.
        report: JSON to write; see `eval_report.report_of`.
        plots: Folder for PNG plots, or None.
        references: False hands the method no references, and needs no file of them.
        validation: Predictions of the same method on the same root's validation split. The threshold is chosen on it;
            without it, on the measured split itself, and the report says so.
        method: Its name in the report.
        prior: What the probabilities were learnt under; None says that the scores are no probabilities.
        resamples: Of the bootstrap.
        console: Where the progress bar goes.

    Returns:
        The report.

    Raises:
        BadData: Before any work; or a method's score is no number in [0, 1].
    """
    data = load(root, split, references=references)
    chosen = None if validation is None else _chosen(root, validation)
    for path in (predictions, report):
        path.parent.mkdir(parents=True, exist_ok=True)
    verdicts, milliseconds = _run(data.queries, data.references_by_item, predictor, predictions, console, {
        "method": method, "split": split, "references": references, "captures": _fingerprint(data.queries),
    })  # fmt: skip
    judged = Judged(
        queries=data.queries,
        scores=np.array([verdict.damage for verdict in verdicts]),
        types=tuple(verdict.types for verdict in verdicts),
        severities=tuple(verdict.severity for verdict in verdicts),
    )
    _write_csv(predictions, data.queries, judged.scores)
    found = {
        "method": method,
        "split": split,
        "references": references,
        **report_of(judged, threshold=chosen, prior=prior, resamples=resamples),
        "ms_per_capture": round(float(np.mean(milliseconds)), 3),
    }
    replace_text(report, json.dumps(found, indent=2, allow_nan=False) + "\n")
    if plots is not None:
        drawing.draw_all(plots, judged, threshold=found["threshold"], prior=prior, method=method)
    _part(predictions).unlink(missing_ok=True)
    return found


def read_predictions(path: Path, queries: Sequence[Query]) -> Values:
    """Read a submission, (queries,) in the order of the queries.

    Raises:
        BadData: Other columns, a capture missing or unknown or twice, or a value that is no number in [0, 1].
    """
    if not path.is_file():
        raise BadData(f"{path} is missing")
    with path.open(newline="", encoding="utf-8") as text:
        header, *rows = [*csv.reader(text)] or [[]]
    if header != ["capture_id", "pred"]:
        raise BadData(f"{path} row 0: the header must be capture_id,pred, not {','.join(header)}")
    found: dict[str, float] = {}
    for number, row in enumerate(rows, start=1):
        try:
            capture_id, text_value = row
            value = float(text_value)
        except ValueError:
            raise BadData(f"{path} row {number}: {','.join(row)!r} is no capture id and number") from None
        if capture_id in found or not 0 <= value <= 1:
            raise BadData(f"{path} row {number}: {capture_id} stands twice, or {value} is not in [0, 1]")
        found[capture_id] = value
    wanted = [query.capture_id for query in queries]
    if odd := set(wanted) ^ set(found):
        raise BadData(f"{path} and the split differ in {len(odd)} captures, such as {min(odd)}")
    return np.array([found[capture_id] for capture_id in wanted])


def replace_text(path: Path, text: str) -> None:
    """Write a whole file in one step."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _chosen(root: Path, validation: Path) -> float:
    queries = load(root, "validation", references=False).queries
    return operating_point(queries, read_predictions(validation, queries))


def _run(
    queries: Sequence[Query],
    references: Mapping[str, tuple[Reference, ...]],
    predictor: Predictor,
    predictions: Path,
    console: Console | None,
    run: Mapping[str, Any],
) -> tuple[list[Verdict], list[float]]:
    """All verdicts in order, and what each took in milliseconds."""
    part = _part(predictions)
    done = _resume(part, run)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        part.open("a", encoding="utf-8") as lines,
        Progress(*columns, console=console or Console(stderr=True), transient=True) as progress,
    ):
        if not part.stat().st_size:
            _append(lines, run)
        task = progress.add_task(f"{run['method']} on {run['split']}", total=len(queries))
        for query in queries:
            if query.capture_id not in done:
                started = time.perf_counter()
                verdict = predictor.predict(query, references.get(query.item_identifier, ()))
                spent = (time.perf_counter() - started) * 1000
                _check(query, verdict)
                done[query.capture_id] = (verdict, spent)
                plain = asdict(verdict) | {"types": {name: float(v) for name, v in verdict.types.items()}}
                plain["damage"] = float(verdict.damage)
                _append(lines, {"capture_id": query.capture_id, "ms": spent, "verdict": plain})
            progress.advance(task)
    found = [done[query.capture_id] for query in queries]
    return [verdict for verdict, _ in found], [spent for _, spent in found]


def _resume(part: Path, run: Mapping[str, Any]) -> dict[str, tuple[Verdict, float]]:
    """What an earlier call found; the last line, torn by an interruption, is cut off."""
    if not part.exists():
        return {}
    whole = part.read_bytes()
    kept = whole[: whole.rfind(b"\n") + 1]
    if len(kept) < len(whole):
        with part.open("r+b") as lines:
            lines.truncate(len(kept))
    records = [json.loads(line) for line in kept.splitlines()]
    if not records:
        return {}
    if records[0] != dict(run):
        raise BadData(f"{part} row 0 belongs to another run ({records[0]}); delete it or name another file")
    return {
        record["capture_id"]: (Verdict(**record["verdict"]), float(record["ms"])) for record in records[1:]
    }


def _append(lines: TextIO, record: Mapping[str, Any]) -> None:
    lines.write(json.dumps(record) + "\n")
    lines.flush()


def _check(query: Query, verdict: Verdict) -> None:
    for name, value in (("damage", verdict.damage), *verdict.types.items()):
        if not 0 <= value <= 1:  # also of NaN
            raise BadData(f"{query.query_image}: the method's score of {name} is {value}, not in [0, 1]")


def _part(predictions: Path) -> Path:
    return predictions.with_name(predictions.name + ".part")


def _fingerprint(queries: Iterable[Query]) -> str:
    """Of which captures a split holds and where their pictures are, not of the pictures' bytes."""
    names = "\n".join(f"{query.capture_id} {query.query_crop}" for query in queries)
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def _write_csv(path: Path, queries: Sequence[Query], scores: Values) -> None:
    new = path.with_name(path.name + ".new")
    with new.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("capture_id", "pred"))
        writer.writerows(
            (query.capture_id, f"{score:.9g}") for query, score in zip(queries, scores.tolist(), strict=True)
        )
    new.replace(path)
