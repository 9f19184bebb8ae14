"""Baselines by nearest neighbours of patches, without any training, on the backbone that the mesh itself uses.

`python -m triton_models.compare_methods DATA --out FOLDER` measures them on one split. PatchCore is the paper's
(arXiv 2106.08265): a memory bank of the references' patches, thinned by a greedy coreset; the largest distance of a
query's patches to the bank, weighted by how crowded the bank is there. AnomalyDINO is the paper's (arXiv 2405.14529) in
its few-shot setting: all patches, rotated references, background masked, the mean of the highest 1 % of cosine
distances. Differences: the backbone is EfficientNet-Lite0, averaged over neighbourhoods for both, and the background is
what the data set's mask says rather than a principal component's guess. Neither score is a probability.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from triton_models.eval_damage import Verdict, evaluate
from triton_models.frozen_features import Image, Patches, item_pixels, square, trunk_patches
from triton_models.kaputt import Query, Reference
from triton_models.model_card import HEADLINES, Report
from triton_models.plots import bars

Rows = NDArray[np.float32]

_ITEMS_KEPT: Final = 256
"""Memory banks kept, since captures of one item often follow each other."""
_OF_ITEM: Final = 0.25
"""Share of a patch that the item must cover for the patch to count as the item's."""


class Method(Protocol):
    """A baseline."""

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """Judge one capture."""
        ...


class PatchCore:
    """The largest distance of a capture's patches to those of its references. Without references it scores 0."""

    def __init__(
        self, patches: Patches, *, coreset_share: float = 0.25, neighbours: int = 9, seed: int = 0
    ) -> None:
        """Make one.

        Args:
            patches: The features.
            coreset_share: Of the references' patches that is kept; the paper's largest is 0.25. With one to three
                references there are few patches, and all of them (1.0) is the stronger baseline.
            neighbours: Of the bank, for the weight.
            seed: Of the coreset's first patch.
        """
        self._patches, self._share, self._neighbours, self._seed = patches, coreset_share, neighbours, seed
        self._banks = _Banks(self._bank)

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """Distance d in the features' own unit, as d / (1 + d)."""
        if not references:
            return Verdict(damage=0.0)
        seen = _rows(self._patches(item_pixels(query)[0]))
        distance = patchcore_score(seen, self._banks.of(references), self._neighbours)
        return Verdict(damage=distance / (1 + distance))

    def _bank(self, references: tuple[Reference, ...]) -> Rows:
        whole = np.concatenate([_rows(self._patches(item_pixels(one)[0])) for one in references])
        return whole[greedy_coreset(whole, math.ceil(self._share * len(whole)), self._seed)]


class AnomalyDino:
    """The mean of the highest 1 % of cosine distances of the item's patches. Without references it scores 0."""

    def __init__(self, patches: Patches, *, rotations: int = 8) -> None:
        """Make one; each reference is also turned, by this many equal steps in all (the paper's 8)."""
        self._patches, self._rotations = patches, rotations
        self._banks = _Banks(self._bank)

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """Half of the mean cosine distance, which lies in [0, 1]."""
        if not references:
            return Verdict(damage=0.0)
        distance = anomaly_dino_score(self._of_item(*item_pixels(query)), self._banks.of(references))
        return Verdict(damage=min(1.0, distance / 2))

    def _bank(self, references: tuple[Reference, ...]) -> Rows:
        pictures = [item_pixels(one) for one in references]
        steps = [360 * step / self._rotations for step in range(self._rotations)]
        return np.concatenate(
            [self._of_item(*_turned(*picture, degrees)) for picture in pictures for degrees in steps]
        )

    def _of_item(self, image: Image, mask: NDArray[np.bool_]) -> Rows:
        grid = self._patches(image)
        height, width = grid.shape[:2]
        # The margins that make the picture a square are 127 in the mask: neither item nor background, so no item.
        inside = (square(np.where(mask, 255, 0).astype(np.uint8))[..., 0] > 191).astype(np.float32)
        covered = cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA) >= _OF_ITEM
        return _rows(grid[covered]) if covered.any() else _rows(grid)


def greedy_coreset(bank: Rows, size: int, seed: int = 0) -> NDArray[np.intp]:
    """Choose rows so that none is far from a chosen one: always the one farthest from those chosen so far.

    Args:
        bank: (rows, C).
        size: How many to choose.
        seed: Of the first.

    Returns:
        Row numbers, (min(size, rows),).
    """
    chosen = [int(np.random.default_rng(seed).integers(len(bank)))]
    nearest = np.full(len(bank), np.inf)
    while len(chosen) < min(size, len(bank)):
        nearest = np.minimum(nearest, np.square(bank - bank[chosen[-1]]).sum(axis=1))
        nearest[chosen] = -1  # rows may be equal: chosen ones must not come again
        chosen.append(int(nearest.argmax()))
    return np.array(chosen)


def patchcore_score(patches: Rows, bank: Rows, neighbours: int = 9) -> float:
    """The distance of the patch farthest from the bank, less where the bank's nearest entry has close company.

    Args:
        patches: Of the capture, (rows, C).
        bank: (entries, C).
        neighbours: How many entries nearest to the nearest one, itself among them, make its company. The weight is
            1 minus the softmax of the distances to them, at the nearest one; with one neighbour there is no weight.
    """
    distances = _distances(patches, bank)
    nearest = distances.min(axis=1)
    patch = int(nearest.argmax())
    if min(neighbours, len(bank)) < 2:
        return float(nearest[patch])
    entry = int(distances[patch].argmin())
    company = np.argsort(_distances(bank[entry : entry + 1], bank)[0], kind="stable")[:neighbours]
    reach = np.exp(distances[patch, company] - distances[patch].max())
    weight = 1 - float(np.exp(nearest[patch] - distances[patch].max()) / reach.sum())
    return weight * float(nearest[patch])


def anomaly_dino_score(patches: Rows, bank: Rows) -> float:
    """The mean of the highest 1 % (at least one) of the patches' cosine distances to the bank, in [0, 2]."""
    nearest = 1 - (_unit(patches) @ _unit(bank).T).max(axis=1)
    highest = np.sort(nearest)[-max(1, len(nearest) // 100) :]
    return float(np.maximum(highest, 0).mean())


def compare(
    root: Path, out: Path, *, split: str = "test", patches: Patches | None = None, plots: bool = True
) -> dict[str, Report]:
    """Measure every baseline on one split; each run can be interrupted and goes on.

    Args:
        root: Data set in Kaputt's format.
        out: Folder of predictions, reports and the plot `methods.png`.
        split: To measure on.
        patches: The features; those of the shipped models' ImageNet trunk unless given (needs torch).
        plots: Also draw each method's own plots, in folders below `out`.

    Returns:
        Reports by method.
    """
    seen = patches or trunk_patches()
    methods: Mapping[str, Method] = {
        "PatchCore, coreset 25 %": PatchCore(seen),
        "PatchCore, all patches": PatchCore(seen, coreset_share=1.0),
        "AnomalyDINO": AnomalyDino(seen),
    }
    reports: dict[str, Report] = {}
    for name, method in methods.items():
        stem = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
        reports[name] = evaluate(
            root, split, predictor=method, method=name,
            predictions=out / f"{stem}.csv", report=out / f"{stem}.json", plots=out / stem if plots else None,
        )  # fmt: skip
    bars(
        out / "methods.png", {name: bar_values(report) for name, report in reports.items()}, labels=HEADLINES
    )
    return reports


def bar_values(report: Report) -> dict[str, tuple[float, float, float]]:
    """The headline figures of a report as (value, low, high), those that are defined."""
    return {
        key: (report[key], *report[f"{key}_interval"])
        for key in HEADLINES
        if None not in (report[key], *report[f"{key}_interval"])
    }


class _Banks:
    """Memory banks by their references, the most recent ones."""

    def __init__(self, build: Callable[[tuple[Reference, ...]], Rows]) -> None:
        self._build = build
        self._kept: OrderedDict[tuple[Reference, ...], Rows] = OrderedDict()

    def of(self, references: tuple[Reference, ...]) -> Rows:
        if references not in self._kept:
            self._kept[references] = self._build(references)
        self._kept.move_to_end(references)
        if len(self._kept) > _ITEMS_KEPT:
            self._kept.popitem(last=False)
        return self._kept[references]


def _rows(patches: NDArray[Any]) -> Rows:
    return np.asarray(patches.reshape(-1, patches.shape[-1]), np.float32)


def _distances(a: Rows, b: Rows) -> Rows:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * (a @ b.T)
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _unit(rows: Rows) -> Rows:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _turned(image: Image, mask: NDArray[np.bool_], degrees: float) -> tuple[Image, NDArray[np.bool_]]:
    """The picture and its mask turned about the centre and grown so that no corner is lost."""
    if degrees == 0:
        return image, mask
    height, width = mask.shape
    turn: Any = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = (math.ceil(height * sin + width * cos), math.ceil(height * cos + width * sin))
    turn[0, 2] += (size[0] - width) / 2
    turn[1, 2] += (size[1] - height) / 2
    picture = cv2.warpAffine(image, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    place = cv2.warpAffine(mask.astype(np.uint8), turn, size, flags=cv2.INTER_NEAREST)
    return np.asarray(picture, np.uint8), place > 0


def main(
    data: Annotated[Path, typer.Argument(help="Data set in Kaputt's format.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for predictions, reports and plots.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
) -> None:
    """Measure the baselines on one split."""
    for name, report in compare(data, out, split=split).items():
        typer.echo(f"{name}: " + ", ".join(f"{label} {report[key]}" for key, label in HEADLINES.items()))


if __name__ == "__main__":
    typer.run(main)
