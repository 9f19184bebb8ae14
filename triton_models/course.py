"""A course of training: its epochs, what each came to, and checkpoints from which a stopped one goes on."""

# ruff: noqa: T201, ANN401 - progress is printed; optimiser and schedule are torch's own objects
from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from triton_models.problems import BadData

Batch = dict[str, Tensor]
_STEEPEST = 2.0
"""Norm to which a batch's gradient is clipped."""
_TOLD = 50
"""Steps between two lines of progress."""


class Batches(Protocol):
    """What a course is fed."""

    count: int
    """Batches in an epoch."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """The same for the same number, so that a resumed course is the same course."""


class Course:
    """Trains a model, the rate rising to its peak and falling to nothing by a cosine."""

    def __init__(
        self,
        out: Path,
        made_of: Mapping[str, Any],
        *,
        model: nn.Module,
        optimiser: Any,
        steps: int,
        warm: int,
    ) -> None:
        """Goes on from the checkpoint in `out`, if there is one.

        Args:
            out: Folder of the checkpoint.
            made_of: What decides the result besides the data, a hash of the code and the settings say, by name.
            model: What is trained.
            optimiser: Of torch, over the model's weights.
            steps: Of the whole course.
            warm: Steps in which the rate rises to its peak; a tenth of all at most.

        Raises:
            BadData: The checkpoint is made of something else.
        """
        self._out, self._made_of = out, dict(made_of)
        self._parts: dict[str, Any] = {"model": model, "optimiser": optimiser}
        rising = min(warm, max(1, steps // 10))
        self._parts["schedule"] = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: _share(step, steps, rising)
        )
        state = resumed(out, made_of)
        self.history: list[dict[str, Any]] = []
        if state is not None:
            self.history = state["history"]
            for name, part in self._parts.items():
                part.load_state_dict(state[name])

    def run(
        self,
        epochs: int,
        batches: Batches,
        loss_of: Callable[[Batch], Tensor],
        measured: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Trains the epochs that are left; `measured` after each goes into the history."""
        for number in range(len(self.history), epochs):
            started = time.monotonic()
            loss = self._epoch(number, batches, loss_of)
            entry = {
                "epoch": number + 1,
                "loss": round(loss, 4),
                "seconds": round(time.monotonic() - started),
                **measured(),
            }
            self.history.append(entry)
            print(json.dumps(entry), flush=True)
            self._keep()

    def _epoch(self, number: int, batches: Batches, loss_of: Callable[[Batch], Tensor]) -> float:
        model, optimiser, schedule = (self._parts[name] for name in ("model", "optimiser", "schedule"))
        total = 0.0
        model.train()
        for step, batch in enumerate(batches.epoch(number), start=1):
            loss = loss_of(batch)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), _STEEPEST)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
            if step % _TOLD == 0:
                print(f"epoch {number + 1} step {step}/{batches.count} loss {total / step:.4f}", flush=True)
        return total / max(1, batches.count)

    def _keep(self) -> None:
        state = {
            **self._made_of,
            "history": self.history,
            **{name: part.state_dict() for name, part in self._parts.items()},
        }
        torch.save(state, self._out / "checkpoint.new")
        (self._out / "checkpoint.new").replace(self._out / "checkpoint.pt")


def resumed(out: Path, made_of: Mapping[str, Any]) -> dict[str, Any] | None:
    """The checkpoint in `out`, if there is one.

    Raises:
        BadData: It is made of something else.
    """
    path = out / "checkpoint.pt"
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    for name, now in made_of.items():
        if state[name] != now:
            raise BadData(
                f"{path} was made by other {name} ({state[name]}, now {now}): give another --out, or remove it"
            )
    return state


def _share(step: int, steps: int, warm: int) -> float:
    """Of the peak rate."""
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
