"""Run a method over one split and measure it: predictions as CSV, figures as JSON, plots.

An interrupted run goes on where it stopped (`eval_run`), from `<predictions>.part`.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from triton_models import plots as drawing
from triton_models.cuts import Values
from triton_models.eval_report import Judged, Prior, operating_point, report_of
from triton_models.eval_run import Predictor, Task, judge
from triton_models.galleries import Gallery, chosen
from triton_models.kaputt import Query, load
from triton_models.problems import BadData


def evaluate(  # noqa: PLR0913 (each names one thing of the run)
    root: Path,
    split: str,
    *,
    predictor: Predictor,
    predictions: Path,
    report: Path,
    plots: Path | None = None,
    gallery: Gallery = "own",
    validation: Path | None = None,
    method: str = "model",
    made_of: Mapping[str, str] | None = None,
    workers: int = 1,
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
        gallery: Whose references the method is handed; "none" needs no file of them.
        validation: Predictions of the same method on the same root's validation split. The threshold is chosen on it;
            without it, on the measured split itself, and the report says so.
        method: Its name in the report.
        made_of: Builds of its networks and the like, for the report; a run goes on only with the same.
        workers: Processes; more than one needs a predictor that can be pickled.
        prior: What the probabilities were learnt under; None says that the scores are no probabilities.
        resamples: Of the bootstrap.
        console: Where the progress bar goes.

    Returns:
        The report.

    Raises:
        BadData: Before any work; or a method's score is no number in [0, 1].
    """
    data = load(root, split, references=gallery != "none")
    tasks = list(map(Task, data.queries, chosen(data, gallery)))
    limit = None if validation is None else _limit(root, validation)
    for path in (predictions, report):
        path.parent.mkdir(parents=True, exist_ok=True)
    run = {"method": method, **(made_of or {}), "split": split, "gallery": gallery}
    part = predictions.with_name(predictions.name + ".part")
    captures = {"captures": _fingerprint(data.queries)}
    found = judge(tasks, predictor, part, run | captures, workers=workers, console=console)
    verdicts = [one.verdict for one in found]
    judged = Judged(
        queries=data.queries,
        scores=np.array([verdict.damage for verdict in verdicts]),
        types=tuple(verdict.types for verdict in verdicts),
        severities=tuple(verdict.severity for verdict in verdicts),
    )
    _write_csv(predictions, data.queries, judged.scores)
    measured = {
        **run,
        **report_of(judged, threshold=limit, prior=prior, resamples=resamples),
        "ms_per_capture": round(float(np.mean([one.milliseconds for one in found])), 3),
    }
    replace_text(report, json.dumps(measured, indent=2, allow_nan=False) + "\n")
    if plots is not None:
        drawing.draw_all(plots, judged, threshold=measured["threshold"], prior=prior, method=method)
    part.unlink(missing_ok=True)
    return measured


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


def _limit(root: Path, validation: Path) -> float:
    queries = load(root, "validation", references=False).queries
    return operating_point(queries, read_predictions(validation, queries))


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
