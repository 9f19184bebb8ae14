"""`threshold list|set|rollback|release`: which thresholds decide what leaves the belt, why, and how to go back."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from services.kernel import wire
from services.kernel.records import Stage, Threshold
from services.kernel.settings import Settings
from services.kernel.thresholds import EFFECT_DELAY, remembered, threshold_key
from services.kernel.views import FRESH_S
from services.stack.joining import Joined, join
from services.stack.problems import Problem
from services.stack.reading import snapshot
from services.stack.world import publish

_TOPIC: Final = "calibration.thresholds"
_TRIES: Final = 3
MODELS_OWN: Final = "the model's own"

Key = Annotated[str, typer.Argument(help="center|stage|group, as `threshold list` shows it; quote it.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Thresholds of sidelining: list, set, rollback, release.")
    group.command(name="list")(list_all)
    group.command(name="set")(set_one)
    group.command(name="rollback")(rollback)
    group.command(name="release")(release)
    app.add_typer(group, name="threshold")


def list_all(
    *, history: Annotated[bool, typer.Option("--history", help="Show earlier ones too.")] = False
) -> None:
    """List the thresholds that evidence or an operator has set; any other is the model's own."""
    console = Console(highlight=False, soft_wrap=True)
    rows = newest(join())
    if not rows:
        console.print("none yet: the model's own threshold decides everywhere")
    for key, row in sorted(rows.items()):
        console.print(escape(told(key, row)))
        for step in row.history if history else ():
            console.print(
                f"      before: version {step.version}, {step.threshold:.6g} ({step.cause.lower()})"
            )


def set_one(
    key: Key,
    threshold: Annotated[
        float | None, typer.Option("--threshold", min=0.0, max=1.0, help="Pull at or above this; pins it.")
    ] = None,
    *,
    budget: Annotated[
        float | None, typer.Option("--budget", help="Allowed share of intact items, for example 0.002.")
    ] = None,
    reason: Why = "set by an operator",
) -> None:
    """Set a threshold, which pins it against all evidence until `release`, or the budget of one group, or both."""
    joined = join()
    row = newest(joined).get(key)
    apply(joined, key, changed(key, row, threshold, budget, reason, datetime.now(UTC)))


def rollback(
    key: Key,
    *,
    to: Annotated[
        int | None, typer.Option("--to", help="The version to go back to; the one before unless given.")
    ] = None,
    reason: Why = "rolled back by an operator",
) -> None:
    """Go back to an earlier threshold and pin it: no later evidence moves it, before or after a restart."""
    joined = join()
    apply(joined, key, rolled_back(known(joined, key), to, reason, datetime.now(UTC)))


def release(key: Key, *, reason: Why = "released by an operator") -> None:
    """Let evidence move a pinned threshold again, from where it stands."""
    joined = join()
    row = known(joined, key)
    if not row.pinned:
        raise Problem(f"{key} is not pinned")
    apply(joined, key, released(row, reason, datetime.now(UTC)))


# -- values in, values out ----------------------------------------------------------------------------------------


def parts(key: str) -> tuple[str, Stage, str]:
    """Return a key's center, stage and group.

    Raises:
        Problem: it is no such key.
    """
    found = key.split("|", 2)
    if len(found) != 3 or not all(found):
        raise Problem(f"{key!r} is no center|stage|group, like 'BER1|PICK|grocery'")
    if found[1] not in Stage.__members__:
        raise Problem(f"{found[1]} is no stage; there are {', '.join(Stage)}")
    return found[0], Stage(found[1]), found[2]


def changed(
    key: str,
    row: Threshold | None,
    threshold: float | None,
    budget: float | None,
    reason: str,
    now: datetime,
) -> Threshold:
    """Return the row that an operator's setting makes.

    Raises:
        Problem: nothing is set, the budget is no share, or there is no threshold yet that a budget could go with.
    """
    center_id, stage, group = parts(key)
    if threshold is None and budget is None:
        raise Problem("say what to set: --threshold, --budget or both")
    if budget is not None and not 0.0 < budget < 1.0:
        raise Problem("a budget is a share between 0 and 1, for example 0.002")
    if threshold is not None and not math.isfinite(threshold):
        raise Problem("a threshold is a number from 0 to 1")
    if row is None:
        if threshold is None:
            raise Problem(f"{key} has no threshold of its own yet; give --threshold with its first budget")
        row = Threshold(
            center_id=center_id,
            stage=stage,
            group=group,
            threshold=float(np.float32(threshold)),
            version=0,
            budget=Settings().false_sideline_budget,
            intact_labels=0,
            false_positive_upper=1.0,
            reason="",
            decided_at=now,
        )
        return _next(row, now, reason, threshold=threshold, budget=budget, first=True)
    return _next(row, now, reason, threshold=threshold, budget=budget)


def rolled_back(row: Threshold, to: int | None, reason: str, now: datetime) -> Threshold:
    """Return the row that goes back to an earlier version, the one before unless given.

    Raises:
        Problem: there is no such version, or it is not remembered any more.
    """
    held = [step.version for step in row.history]
    if not held:
        raise Problem("there is no earlier threshold; `threshold set` can put the model's own")
    # Versions that changed nothing but the sampling are no place to go back to, unless asked for by number.
    other = [step for step in row.history if step.threshold != row.threshold]
    chosen = next((s for s in (row.history if to is not None else other) if to in {None, s.version}), None)
    if chosen is None:
        raise Problem(f"there is no version to go back to; remembered are {', '.join(map(str, held))}")
    return _next(row, now, f"back to version {chosen.version}: {reason}", threshold=chosen.threshold)


def released(row: Threshold, reason: str, now: datetime) -> Threshold:
    """Return the row that evidence may move again."""
    return replace(_next(row, now, reason), pinned=False, cause="RELEASE", confirmed=False)


def _next(
    row: Threshold,
    now: datetime,
    reason: str,
    *,
    threshold: float | None = None,
    budget: float | None = None,
    first: bool = False,
) -> Threshold:
    decided = now.replace(microsecond=now.microsecond // 1000 * 1000)
    value = row.threshold if threshold is None else float(np.float32(threshold))
    return replace(
        row,
        threshold=value,
        version=row.version + 1,
        budget=row.budget if budget is None else budget,
        reason=f"From {MODELS_OWN if first else f'{row.threshold:.6g}'} to {value:.6g}: {reason}",
        decided_at=decided,
        previous_threshold=None if first else row.threshold,
        cause="OPERATOR",
        # What was shown of another threshold, or against another budget, is not shown of this one.
        confirmed=False,
        confidence=0.0,
        false_positive_upper=1.0,
        pinned=row.pinned or threshold is not None,
        # A pin stands whatever classifier scores the belt, until it is released.
        model=row.model if threshold is None else "",
        effective_at=decided + EFFECT_DELAY,
        history=() if first else remembered(row),
    )


def told(key: str, row: Threshold) -> str:
    """Return a row as two lines for a person."""
    how = "pinned" if row.pinned else "confirmed" if row.confirmed else "not confirmed yet"
    scale = f", of classifier {row.model}" if row.model else ""
    border = f", labels from {row.border:.6g} on at {row.border_rate:.0%}" if row.border is not None else ""
    return (
        f"{key}  {row.threshold:.6g}  version {row.version}, {how}{scale}; budget {row.budget:.3%}{border}\n"
        f"      {row.decided_at:%Y-%m-%d %H:%M:%S} {row.reason}"
    )


# -- reading and writing ------------------------------------------------------------------------------------------


def newest(joined: Joined) -> dict[str, Threshold]:
    """Return the newest row of every key."""
    found: dict[str, Threshold] = {}
    for event in sorted(snapshot(joined.brokers, [_TOPIC]), key=lambda e: (e.partition, e.offset)):
        key = (event.key or b"").decode("utf-8", "backslashreplace")
        if isinstance(event.record, Threshold):
            found[key] = event.record
        elif event.fault is None:
            found.pop(key, None)
    return found


def known(joined: Joined, key: str) -> Threshold:
    """Return the row of a key.

    Raises:
        Problem: there is none.
    """
    parts(key)
    row = newest(joined).get(key)
    if row is None:
        raise Problem(f"{key} has no threshold of its own; ./intact threshold list")
    return row


def apply(joined: Joined, key: str, row: Threshold) -> None:
    """Publish a row, and see to it that it stays: `calibrate` may just have decided without knowing of it.

    Raises:
        Problem: something else writes this key again and again.
    """
    assert key == threshold_key(row.center_id, row.stage, row.group)  # noqa: S101 (both come from the same key)
    console = Console(highlight=False, soft_wrap=True)
    for _ in range(_TRIES):
        publish(joined.brokers, [(_TOPIC, key.encode(), wire.encode(row), [])])
        # `calibrate` has read the row then, and writes none that does not know of it.
        time.sleep(FRESH_S)
        found = newest(joined).get(key)
        if found is not None and (found.decided_at, found.cause) == (row.decided_at, row.cause):
            console.print(escape(told(key, row)))
            return
        row = replace(row, version=row.version + 2)
    raise Problem(f"{key} is written by somebody else at the same time; try again")
