"""Trains the damage classifier on a data set in Kaputt's format.

    intact train damage --kaputt ROOT --out DIR

Goes on where it stopped if DIR holds a checkpoint of the same code and settings; refuses any other. The trunk's first
five blocks keep their ImageNet weights unless `--deep`: on two cores they cost half of the time, and edges and colours
need no learning. `--start FILE.onnx` goes on from a network that was exported, the shipped one say, where a station's
own labels are too few to begin with ImageNet's weights.
"""

# ruff: noqa: ANN401 - an optimiser is torch's own object
from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from services.kernel.sight import pooled_logits
from triton_models import kaputt
from triton_models.course import Course
from triton_models.detector import CELLS, LAYERS, SHIPPED, SIDE, Detector, backbone
from triton_models.export import weights_in
from triton_models.install import build_of
from triton_models.metrics import auroc, average_precision, recall_at_fpr
from triton_models.views import KEPT, Views, views
from triton_models.weights import Weights, drawn, within_classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides the result, besides the data."""

    seed: int = 11
    epochs: int = 8
    batch: int = 16
    rate: float = 1.5e-3
    trunk_rate: float = 3e-4
    peak: float = 1.0
    """Share of both rates at their peak: less where training goes on from a network that sees damage already."""
    decay: float = 0.02
    deep: bool = False
    backbone: str = SHIPPED
    start: str = ""
    """Build of the exported network whose weights are the first; empty: the backbone's own."""


def code_of() -> str:
    """A hash of the code that a checkpoint depends on."""
    here = Path(__file__).parent
    files = ("detector.py", "network.py", "views.py", "weights.py", "course.py", "train_damage.py")
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in files)).hexdigest()[:12]


class Batches:
    """Augmented batches: turns, mirror images, crops, sizes, light, colour; depth left out half of the time.

    `weights` (captures,): how often each is shown, 1 on average.
    """

    def __init__(self, split: Views, settings: Settings, weights: Weights) -> None:
        """Nothing is read yet."""
        self._split, self._settings = split, settings
        self._weights = weights[split.capture]
        self.count = len(split.labels) // settings.batch

    def epoch(self, number: int) -> Iterator[dict[str, Tensor]]:
        """The same order and the same changes for the same number, so that a resumed run is the same run."""
        rng = np.random.default_rng([self._settings.seed, number])
        order = drawn(self._weights, rng)
        for start in range(0, self.count * self._settings.batch, self._settings.batch):
            yield self._batch(np.sort(order[start : start + self._settings.batch]), rng)

    def _batch(self, rows: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Tensor]:
        parts: dict[str, list[Any]] = {"pixels": [], "height": [], "truth": [], "known": [], "labels": []}
        for row in rows:
            for name, value in zip(parts, self._one(int(row), rng), strict=True):
                parts[name].append(value)
        return {name: torch.from_numpy(np.stack(values)) for name, values in parts.items()}

    def _one(self, row: int, rng: np.random.Generator) -> tuple[Any, ...]:
        split = self._split
        # Cut on the truth's grid of 4 pixels, so that pixels and truth stay together.
        down, right = rng.integers(0, (KEPT - SIDE) // 4 + 1, 2)
        cells = slice(down, down + SIDE // 4), slice(right, right + SIDE // 4)
        pixels = split.pixels[row][4 * down : 4 * down + SIDE, 4 * right : 4 * right + SIDE]
        grids = [split.height[row][cells], split.damage[row][cells], split.matter[row][cells]]
        turn, flip = int(rng.integers(4)), bool(rng.random() < 0.5)
        pixels, *grids = (_turned(part, turn, flip) for part in (pixels, *grids))
        if rng.random() < 0.5:
            angle, size = rng.normal(0, 8), float(np.exp(rng.normal(0, 0.08)))
            pixels, *grids = (_leant(part, angle, size) for part in (pixels, *grids))
        height, damage, matter = grids
        if rng.random() < 0.5:
            height = np.zeros_like(height)
        truth, known = truth_of(damage, matter)
        return (
            _lit(pixels, rng),
            np.ascontiguousarray(height, np.float32),
            truth,
            known,
            split.labels[row],
        )


def truth_of(damage: NDArray[np.uint8], matter: NDArray[np.uint8]) -> tuple[NDArray[np.float32], np.float32]:
    """(8, 16, 16): the share of each cell that is damaged, by type, then spilled matter; and whether it is known."""
    if (damage == 255).any():
        return np.zeros((LAYERS, CELLS, CELLS), np.float32), np.float32(0)
    layers = np.stack([*(damage == code for code in range(1, LAYERS)), matter > 0]).astype(np.float32)
    cells = layers.reshape(LAYERS, CELLS, 4, CELLS, 4).mean(axis=(2, 4))
    # A crack is thin: a cell with any of it is mostly a damaged cell.
    return np.minimum(1.0, cells * 2.5).astype(np.float32), np.float32(1)


def _turned(part: NDArray[Any], turn: int, flip: bool) -> NDArray[Any]:  # noqa: FBT001 - two ways to turn a picture
    turned = np.rot90(part, turn)
    return turned[:, ::-1] if flip else turned


def _leant(part: NDArray[Any], degrees: float, size: float) -> NDArray[Any]:
    """(side, side[, 3]) turned about its middle and grown `size` times; what comes in at the edges mirrors the rest."""
    side = len(part)
    move = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), degrees, size)
    # OpenCV knows no half floats. Codes must not be mixed, nor heights with 0, which is "unknown".
    whole = part.astype(np.float32) if part.dtype == np.float16 else np.ascontiguousarray(part)
    how = cv2.INTER_LINEAR if part.ndim == 3 else cv2.INTER_NEAREST
    return np.asarray(cv2.warpAffine(whole, move, (side, side), flags=how, borderMode=cv2.BORDER_REFLECT_101))


def _lit(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Other exposure, contrast, colour and noise."""
    gain = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.05, 3)).astype(np.float32)
    light = (pixels.astype(np.float32) - 110) * np.float32(np.exp(rng.normal(0, 0.1))) + 110
    light = light * gain + np.float32(rng.normal(0, 6))
    if rng.random() < 0.3:
        light += rng.normal(0, rng.uniform(1, 6), pixels.shape).astype(np.float32)
    return np.clip(light, 0, 255).astype(np.uint8)


def loss_of(model: Detector, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of the nine scores, and of the map where its truth is known."""
    logits, where = model(batch["pixels"], batch["height"])
    labels = batch["labels"]
    scored = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    # Major is a question about damaged items only; types weigh less than the first question.
    weight = torch.tensor([2.0, 0.6, *[0.5] * 7])
    scores = (scored * weight).mean()
    cells = functional.binary_cross_entropy_with_logits(
        where, batch["truth"], reduction="none", pos_weight=torch.full((LAYERS, 1, 1), 3.0)
    )
    mapped = (cells.mean(dim=(1, 2, 3)) * batch["known"]).sum() / batch["known"].sum().clamp(min=1)
    return scores + 4.0 * mapped


def frozen(model: Detector, *, deep: bool) -> None:
    """Keeps the backbone's first blocks as they are, unless `deep`."""
    for part in model.trunk.first():
        for weight in part.parameters():
            weight.requires_grad = deep


def middles(split: Views, *, step: int, every: int = 1) -> Iterator[dict[str, NDArray[Any]]]:
    """PIXELS and HEIGHT of `step` pictures at a time, from their middles; of each `every` such groups the first."""
    edge = (KEPT - SIDE) // 2
    down, fine = slice(edge, edge + SIDE), slice(edge // 4, edge // 4 + SIDE // 4)
    for start in range(0, len(split.labels), step * every):
        rows = slice(start, start + step)
        yield {
            "PIXELS": np.ascontiguousarray(split.pixels[rows, down, down]),
            "HEIGHT": split.height[rows, fine, fine].astype(np.float32),
        }


@torch.inference_mode()
def scores(
    model: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], split: Views, *, batch: int = 16
) -> NDArray[Any]:
    """(n, 9): the logits that a model, which is not in training, has for each picture."""
    said = [model(*map(torch.from_numpy, given.values()))[0].numpy() for given in middles(split, step=batch)]
    return np.concatenate(said)


def per_capture(logits: NDArray[Any], split: Views) -> NDArray[Any]:
    """(captures, 9): what each capture's pictures say together."""
    said = logits.astype(np.float32)
    return np.stack(
        [pooled_logits(said[split.capture == number]) for number in range(int(split.capture.max()) + 1)]
    )


def figures(logits: NDArray[Any], queries: tuple[kaputt.Query, ...]) -> dict[str, float]:
    """The headline scores over the ordinary captures."""
    kept = np.array([query.ordinary for query in queries])
    damaged = np.array([query.defect for query in queries])[kept]
    weights = within_classes(queries)[kept]
    score = logits[kept, 0].astype(np.float64)
    return {
        "ap_any": round(average_precision(score, damaged, weights), 4),
        "auroc": round(auroc(score, damaged, weights), 4),
        "recall_at_1_fpr": round(recall_at_fpr(score, damaged, 0.01, weights), 4),
    }


def train(
    root: Path, out: Path, settings: Settings, *, start: Path | None = None, workers: int = 2
) -> dict[str, Any]:
    """Trains, measures on the validation split after each epoch, keeps the last.

    Args:
        root: The data set.
        out: Folder for views and checkpoint.
        settings: What decides the result.
        start: ONNX whose weights are the first, `settings.start` is its build; None: the backbone's own.
        workers: Processes that prepare views.

    Raises:
        BadData: The data set is not whole, `start` is of another network, or `out` holds a checkpoint of other code or
            settings.
    """
    splits = {name: kaputt.load(root, name, references=False) for name in ("train", "validation")}
    out.mkdir(parents=True, exist_ok=True)
    looks = {
        name: views(split.queries, out / f"views-{name}", workers=workers, tick=lambda: None)
        for name, split in splits.items()
    }
    torch.manual_seed(settings.seed)
    model = Detector(backbone(settings.backbone)).to(memory_format=torch.channels_last)
    if start is not None:
        model.load_state_dict(weights_in(start, model))
    frozen(model, deep=settings.deep)
    batches = Batches(looks["train"], settings, within_classes(splits["train"].queries))
    course = Course(
        out,
        {"code": code_of(), "settings": asdict(settings)},
        model=model,
        optimiser=_optimiser(model, settings),
        steps=settings.epochs * batches.count,
        warm=200,
    )

    def measured() -> dict[str, float]:
        said = scores(model.eval(), looks["validation"])
        return figures(per_capture(said, looks["validation"]), splits["validation"].queries)

    course.run(settings.epochs, batches, lambda batch: loss_of(model, batch), measured)
    return {"history": course.history}


def _optimiser(model: Detector, settings: Settings) -> Any:
    trunk = [w for w in model.trunk.parameters() if w.requires_grad]
    known = {id(w) for w in model.trunk.parameters()}
    new = [w for w in model.parameters() if id(w) not in known]
    groups = [
        {"params": trunk, "lr": settings.peak * settings.trunk_rate},
        {"params": new, "lr": settings.peak * settings.rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=settings.decay)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kaputt", type=Path, required=True, help="folder with query-train.parquet and so on"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for views, checkpoint and report")
    parser.add_argument("--epochs", type=int, default=Settings().epochs)
    parser.add_argument("--seed", type=int, default=Settings().seed)
    parser.add_argument("--deep", action="store_true", help="train the trunk's first blocks too")
    parser.add_argument(
        "--backbone", default=SHIPPED, help="any timm backbone by name, if its weights are to be had"
    )
    parser.add_argument(
        "--threads", type=int, default=0, help="of torch, 0: as many as cores; 1 is best beside other work"
    )
    parser.add_argument(
        "--peak",
        type=float,
        default=1.0,
        help="share of the usual rate of learning; half was good with --start",
    )
    parser.add_argument("--start", type=Path, help="an exported classifier whose weights are the first")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    settings = Settings(
        seed=given.seed,
        epochs=given.epochs,
        deep=given.deep,
        backbone=given.backbone,
        peak=given.peak,
        start="" if given.start is None else build_of(given.start),
    )
    report = train(given.kaputt, given.out, settings, start=given.start)
    (given.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
