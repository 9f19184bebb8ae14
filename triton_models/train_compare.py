"""Trains the gallery comparison on a data set in Kaputt's format that has references.

    intact train compare --kaputt ROOT --out DIR

First every capture is laid beside references of its product, and of others, and described by the frozen trunk (kept in
DIR, capture by capture); then the head is trained on that. A stopped run goes on where it was. Pairs and checkpoints of
other code are refused.
"""

# ruff: noqa: T201 - a command line prints; optimiser and schedule are torch's own objects
from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from triton_models import kaputt, pairs
from triton_models.comparer import Head, Matching
from triton_models.course import Course, resumed
from triton_models.description import write
from triton_models.metrics import auroc, average_precision, recall_at_fpr
from triton_models.pairs import Pairs
from triton_models.problems import BadData

_SPLITS: Final = ("train", "validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides the result, besides the data."""

    seed: int = 5
    epochs: int = 16
    batch: int = 32
    rate: float = 3e-3
    decay: float = 0.02


@cache
def code_of() -> str:
    """A hash of the code that a checkpoint depends on, as it was when it was first asked for."""
    here = Path(__file__).parent
    files = [here / name for name in ("comparer.py", "course.py", "train_compare.py")]
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in files) + pairs.code_of().encode()
    ).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Pairs, matched once for all epochs: (n, 273, 32, 32) float16 beside them."""

    pairs: Pairs
    maps: Tensor

    def batch(self, rows: NDArray[np.int64] | slice) -> dict[str, Tensor]:
        """Some of them, as float32."""
        names = ("valid", "facts", "truth", "labels", "known")
        found = {
            name: torch.from_numpy(np.asarray(getattr(self.pairs, name)[rows], np.float32)) for name in names
        }
        found["truth"] = (found["truth"] / 255 * 2.5).clamp(max=1.0)
        return found | {"matched": self.maps[rows].float()}


def scales(data: Pairs) -> tuple[Tensor, Tensor]:
    """(67,) each: mean and deviation of the descriptions' channels, over some thousand pictures."""
    some = np.concatenate([data.query[:1500], data.reference[:1500]]).astype(np.float32)
    mean, deviation = some.mean(axis=(0, 2, 3)), some.std(axis=(0, 2, 3))
    return torch.from_numpy(mean), torch.from_numpy(np.maximum(deviation, 1e-3))


@torch.inference_mode()
def matched(matching: Matching, data: Pairs, size: int = 64) -> Matched:
    """All pairs matched."""
    parts = []
    for start in range(0, len(data), size):
        rows = slice(start, start + size)
        given = (
            torch.from_numpy(np.asarray(part[rows], np.float32))
            for part in (data.query, data.reference, data.valid)
        )
        parts.append(matching(*given).half())
    return Matched(pairs=data, maps=torch.cat(parts))


class Batches:
    """Batches in a new order each time, every turn and mirror image of them."""

    def __init__(self, data: Matched, settings: Settings) -> None:
        """Nothing is drawn yet."""
        self._data, self._settings = data, settings
        self.count = len(data.pairs) // settings.batch

    def epoch(self, number: int) -> Iterator[dict[str, Tensor]]:
        """The same order and the same changes for the same number, so that a resumed run is the same run."""
        rng = np.random.default_rng([self._settings.seed, number])
        order = rng.permutation(len(self._data.pairs))
        size = self._settings.batch
        for start in range(0, self.count * size, size):
            batch = self._data.batch(np.sort(order[start : start + size]))
            turn, flip = int(rng.integers(4)), bool(rng.random() < 0.5)
            for name in ("matched", "valid", "truth"):
                turned = torch.rot90(batch[name], turn, (-2, -1))
                batch[name] = turned.flip(-1) if flip else turned
            yield batch


def loss_of(head: Head, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of the three scores and of the maps; of another print only that it is one is learned."""
    scores, maps = head(batch["matched"], batch["valid"], batch["facts"])
    known = batch["known"]
    said = functional.binary_cross_entropy_with_logits(scores, batch["labels"], reduction="none")
    whole = ((said[:, :2].sum(dim=1) * known).sum() / known.sum().clamp(min=1)) + said[:, 2].mean()
    cells = functional.binary_cross_entropy_with_logits(
        maps, batch["truth"], reduction="none", pos_weight=torch.full((2, 1, 1), 3.0)
    )
    weight = batch["valid"][:, 0] * known[:, None, None]
    mapped = (cells.sum(dim=1) * weight).sum() / weight.sum().clamp(min=1)
    return whole + 3.0 * mapped


@torch.inference_mode()
def scores(head: Head, data: Matched, size: int = 64) -> NDArray[np.float32]:
    """(n, 3) logits."""
    head.eval()
    said = []
    for start in range(0, len(data.pairs), size):
        some = data.batch(slice(start, start + size))
        said.append(head(some["matched"], some["valid"], some["facts"])[0].numpy())
    return np.concatenate(said)


def figures(said: NDArray[np.float32], data: Pairs) -> dict[str, float]:
    """How well each score tells pairs apart; changed and missing over pairs of the same print."""
    known, labels = data.known, data.labels > 0.5
    intact = known & ~labels[:, :2].any(axis=1)
    found: dict[str, float] = {}
    for place, name in enumerate(("changed", "missing")):
        rows = intact | (known & labels[:, place])
        values, truth = said[rows, place].astype(np.float64), labels[rows, place]
        found |= {
            f"{name}_auroc": auroc(values, truth),
            f"{name}_ap": average_precision(values, truth),
            f"{name}_recall_at_1_fpr": recall_at_fpr(values, truth, 0.01),
        }
    found["mismatch_auroc"] = auroc(said[:, 2].astype(np.float64), labels[:, 2])
    return {name: round(float(value), 4) for name, value in found.items()}


def prepared(root: Path, out: Path, split: str, settings: Settings, *, workers: int) -> Pairs:
    """The pairs of a split, made if `out` does not hold them yet.

    Raises:
        BadData: The data set is not whole, or `out` holds pairs of other code.
    """
    out.mkdir(parents=True, exist_ok=True)
    said, now = out / "pairs.json", {"code": pairs.code_of(), "seed": settings.seed}
    if not said.exists():
        said.write_text(json.dumps(now))
    elif json.loads(said.read_text()) != now:
        raise BadData(f"{out} holds pairs of {said.read_text()}, now {json.dumps(now)}: give another --out")
    network = out / "description.onnx"
    if not network.exists():
        write(network)
    wanted = pairs.jobs(
        kaputt.load(root, split), network.absolute(), seed=settings.seed, varied=split == "train"
    )
    done, started = 0, time.monotonic()

    def tick() -> None:
        nonlocal done
        done += 1
        if done % 100 == 0 or done == len(wanted):
            print(
                f"pairs of {split}: {done} of {len(wanted)} captures, {time.monotonic() - started:.0f} s",
                flush=True,
            )

    pairs.make(wanted, out / f"pairs-{split}", workers=workers, tick=tick)
    return pairs.load(wanted, out / f"pairs-{split}")


def train(root: Path, out: Path, settings: Settings, *, workers: int = 2) -> dict[str, Any]:
    """Makes the pairs, trains, measures on the validation split after each epoch.

    Raises:
        BadData: The data set is not whole, or `out` holds pairs or a checkpoint of other code or settings.
    """
    resumed(out, {"code": code_of(), "settings": asdict(settings)})
    data = {split: prepared(root, out, split, settings, workers=workers) for split in _SPLITS}
    return fit(data, out, settings)


def fit(data: dict[str, Pairs], out: Path, settings: Settings) -> dict[str, Any]:
    """Trains on the pairs of "train", measures on those of "validation"; goes on from a checkpoint in `out`.

    Raises:
        BadData: `out` holds a checkpoint of other code or settings.
    """
    torch.manual_seed(settings.seed)
    matching, head = Matching(), Head()
    matching.fit(*scales(data["train"]))
    looks = {split: matched(matching, some) for split, some in data.items()}
    batches = Batches(looks["train"], settings)
    course = Course(
        out,
        {"code": code_of(), "settings": asdict(settings)},
        model=nn.ModuleDict({"matching": matching, "head": head}),
        optimiser=torch.optim.AdamW(head.parameters(), lr=settings.rate, weight_decay=settings.decay),
        steps=settings.epochs * batches.count,
        warm=100,
    )

    def measured() -> dict[str, float]:
        return {"pairs": len(data["train"]), **figures(scores(head, looks["validation"]), data["validation"])}

    course.run(settings.epochs, batches, lambda batch: loss_of(head, batch), measured)
    return {"history": course.history}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kaputt", type=Path, required=True, help="folder with query-train.parquet and so on"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for pairs, checkpoint and report")
    parser.add_argument("--epochs", type=int, default=Settings().epochs)
    parser.add_argument("--seed", type=int, default=Settings().seed)
    given = parser.parse_args()
    report = train(given.kaputt, given.out, Settings(seed=given.seed, epochs=given.epochs))
    (given.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
