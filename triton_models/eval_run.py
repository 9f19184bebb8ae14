"""A method over many captures, in one process or in several, going on after an interruption.

Each verdict is appended to a file as it is found; a later call of the same run reads what is there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TextIO

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from triton_models.kaputt import Query, Reference
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
    """A method to measure; for several processes it must be picklable."""

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """Judge one capture; there may be no reference."""
        ...


class Task(NamedTuple):
    """A capture and the references that it is judged by."""

    query: Query
    references: tuple[Reference, ...]


class Found(NamedTuple):
    """What came of one task, and the processor time in milliseconds that it took."""

    verdict: Verdict
    milliseconds: float


def judge(
    tasks: Sequence[Task],
    predictor: Predictor,
    part: Path,
    run: Mapping[str, Any],
    *,
    workers: int = 1,
    console: Console | None = None,
) -> list[Found]:
    """Everything that `part` does not hold yet is judged and appended to it.

    Args:
        tasks: In the order of the split.
        predictor: The method.
        part: File of JSON lines: `run`, then one for each capture judged.
        run: What decides the result, with `method` and `split`.
        workers: Processes; 1 is this one.
        console: Where the progress bar goes.

    Returns:
        One for each task, in order.

    Raises:
        BadData: The part belongs to another run, or a score is no number in [0, 1].
    """
    done = _resume(part, run)
    # Product by product: what a method keeps of a product's references serves all of its captures.
    todo = sorted(
        (task for task in tasks if task.query.capture_id not in done),
        key=lambda task: task.query.item_identifier,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        part.open("a", encoding="utf-8") as lines,
        Progress(*columns, console=console or Console(stderr=True), transient=True) as progress,
    ):
        if not part.stat().st_size:
            _append(lines, run)
        shown = f"{run['method']} on {run['split']}"
        bar = progress.add_task(shown, total=len(tasks), completed=len(tasks) - len(todo))
        found = _found(todo, predictor, workers)
        for task, one in zip(todo, found, strict=True):
            _check(task.query, one.verdict)
            done[task.query.capture_id] = one
            _append(lines, _record(task.query.capture_id, one))
            progress.advance(bar)
    return [done[task.query.capture_id] for task in tasks]


def _found(todo: Sequence[Task], predictor: Predictor, workers: int) -> Iterator[Found]:
    """What comes of each task, in order."""
    if workers == 1 or not todo:
        yield from map(partial(_timed, predictor), todo)
        return
    context = get_context("spawn")  # libraries that have started threads must not be forked
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(predictor,))
    try:
        yield from pool.map(_work, todo, chunksize=2)
    finally:
        # Also when the caller stops listening: what nobody waits for is not begun.
        pool.shutdown(cancel_futures=True)


class _Worker:
    """What a worker process holds between tasks; unused in this one."""

    predictor: Predictor


def _start(predictor: Predictor) -> None:
    cv2.setNumThreads(1)  # a process per core is enough
    _Worker.predictor = predictor


def _work(task: Task) -> Found:
    return _timed(_Worker.predictor, task)


def _timed(predictor: Predictor, task: Task) -> Found:
    started = time.process_time()
    verdict = predictor.predict(*task)
    return Found(verdict, (time.process_time() - started) * 1000)


def _record(capture_id: str, found: Found) -> dict[str, Any]:
    plain = asdict(found.verdict)
    plain["types"] = {name: float(value) for name, value in found.verdict.types.items()}
    plain["damage"] = float(found.verdict.damage)
    return {"capture_id": capture_id, "ms": found.milliseconds, "verdict": plain}


def _resume(part: Path, run: Mapping[str, Any]) -> dict[str, Found]:
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
        record["capture_id"]: Found(Verdict(**record["verdict"]), float(record["ms"]))
        for record in records[1:]
    }


def _append(lines: TextIO, record: Mapping[str, Any]) -> None:
    lines.write(json.dumps(record) + "\n")
    lines.flush()


def _check(query: Query, verdict: Verdict) -> None:
    for name, value in (("damage", verdict.damage), *verdict.types.items()):
        if not 0 <= value <= 1:  # also of NaN
            raise BadData(f"{query.query_image}: the method's score of {name} is {value}, not in [0, 1]")
