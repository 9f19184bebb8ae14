"""Trains the damage head, fits the gallery's projections on drawn captures; measures both on unseen designs.

    python -m triton_models.train --out .intact/train

Designs of the three splits come from catalogues of different seeds and share nothing. Needs the packages of
requirements-train.txt; about a quarter of an hour on two cores, a couple of minutes when the features are there.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from triton_models.network import OUTPUTS, Head, Trunk, described, patched, pooled
from triton_models.pictures import DEFECTS, Design, catalog, defects_of, shoot
from triton_models.scores import auroc, average_precision, recall_at, threshold_at
from triton_models.serving import serving_module

Floats = NDArray[np.floating[Any]]

FALSE_POSITIVES: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which designs, and how many captures of each: `intact` whole ones, every defect `rounds` times."""

    seed: int
    designs: int
    intact: int
    rounds: int


SPLITS: Final = {
    "train": Split(seed=1001, designs=300, intact=10, rounds=2),
    "validation": Split(seed=1002, designs=120, intact=12, rounds=1),
    "heldout": Split(seed=1003, designs=120, intact=12, rounds=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """One split as the trunk sees it; n captures of 2 pictures each.

    pooled (n, 2, 2864), described (n, 2, 384), patches (m, 49, 112) of some of the pictures,
    labels (n, 9) as 0 and 1 in the order of DAMAGE, design (n,) index of the design.
    """

    pooled: Floats
    described: Floats
    patches: Floats
    labels: Floats
    design: NDArray[np.int64]


def labels_of(defect: str | None, severity: str) -> list[float]:
    """Nine marks: damaged, major, then the seven types."""
    marks = [float(defect is not None), float(defect is not None and severity == "major")]
    return marks + [float(kind == defect) for kind in DEFECTS]


def plan(design: Design, split: Split) -> Iterator[tuple[int, str | None, str]]:
    """(seed, defect, severity) of each capture of one design; half of the defects are minor."""
    for seed in range(split.intact):
        yield seed, None, "major"
    for turn in range(split.rounds):
        for place, defect in enumerate(defects_of(design)):
            yield 1000 + 100 * turn + place, defect, ("major", "minor")[(turn + place + design.art_seed) % 2]


def _look(job: tuple[Split, int, int]) -> Features:
    """The features of every `step`-th design from `first` on; runs in a process of its own."""
    split, first, step = job
    torch.set_num_threads(1)
    decode = serving_module("decode", "pixels").decode
    trunk = Trunk(whole=True).to(memory_format=torch.channels_last)
    found: dict[str, list[Any]] = {"pooled": [], "described": [], "patches": [], "labels": [], "design": []}
    for index, design in list(enumerate(catalog(split.designs, split.seed)))[first::step]:
        shots = [
            (shoot(design, seed=s, defect=d, severity=v), labels_of(d, v)) for s, d, v in plan(design, split)
        ]
        pixels = np.stack([decode(picture) for shot, _ in shots for picture in shot.rgb])
        seen = _maps(trunk, pixels)
        found["pooled"].append(pooled(seen).reshape(len(shots), 2, -1).half().numpy())
        found["described"].append(described(seen).reshape(len(shots), 2, -1).numpy())
        found["patches"].append(patched(seen)[::5].half().numpy())
        found["labels"] += [labels for _, labels in shots]
        found["design"] += [index] * len(shots)
    return Features(
        pooled=np.concatenate(found["pooled"]),
        described=np.concatenate(found["described"]),
        patches=np.concatenate(found["patches"]),
        labels=np.array(found["labels"], dtype=np.float32),
        design=np.array(found["design"]),
    )


def _maps(trunk: Trunk, pixels: NDArray[np.uint8]) -> dict[str, Tensor]:
    """A few pictures at a time: larger batches spend more time on fresh memory than on arithmetic."""
    with torch.inference_mode():
        parts = [trunk(rows) for rows in torch.split(torch.from_numpy(pixels), 4)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def features(split: Split, *, workers: int) -> Features:
    """Draws, decodes and looks at a whole split, in `workers` processes."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        parts = pool.map(_look, [(split, first, workers) for first in range(workers)])
    return Features(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in Features.__slots__}
    )


def capture_logits(head: Head, pictures: Tensor) -> Tensor:
    """(n, 2, features) to (n, 9): a capture is as damaged as its worst picture."""
    logits: Tensor = head(pictures)
    return logits.amax(dim=1)


def fit_head(train: Features, *, hidden: int, decay: float, epochs: int, seed: int) -> Head:
    """A head fitted to capture labels through the maximum over pictures, so no picture needs a label of its own."""
    torch.manual_seed(seed)
    x, y = torch.from_numpy(train.pooled).float(), torch.from_numpy(train.labels)
    flat = x.flatten(0, 1)
    head = Head(mean=flat.mean(dim=0), deviation=flat.std(dim=0) + 1e-3, hidden=hidden)
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=decay)
    steps = epochs * (len(x) // 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=2e-3, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    head.train()
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for rows in torch.split(order[: len(x) // 128 * 128], 128):
            loss = functional.binary_cross_entropy_with_logits(capture_logits(head, x[rows]), y[rows])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    return head.eval()


def set_temperatures(head: Head, validation: Features) -> None:
    """One temperature per output, each the one that makes the validation captures least surprising."""
    with torch.inference_mode():
        logits = capture_logits(head, torch.from_numpy(validation.pooled).float())
    truth = torch.from_numpy(validation.labels)
    candidates = torch.logspace(-0.7, 1.3, 161)
    for output in range(OUTPUTS):
        losses = [
            functional.binary_cross_entropy_with_logits(logits[:, output] / t, truth[:, output])
            for t in candidates
        ]
        head.temperature[output] = candidates[int(torch.stack(losses).argmin())]


def figures(head: Head, split: Features) -> dict[str, Any]:
    """The field's scores of one split, per capture."""
    with torch.inference_mode():
        chances = torch.sigmoid(capture_logits(head, torch.from_numpy(split.pooled).float())).numpy()
    damaged, major = split.labels[:, 0] > 0, split.labels[:, 1] > 0
    score = chances[:, 0]
    clear = major | ~damaged
    by_type = {}
    for place, kind in enumerate(DEFECTS, start=2):
        either = (split.labels[:, place] > 0) | ~damaged
        by_type[kind] = {
            "auroc": round(auroc(score[either], damaged[either]), 4),
            "recall_at_1_percent": round(recall_at(score[either], damaged[either], FALSE_POSITIVES), 4),
        }
    return {
        "captures": len(score),
        "intact": int((~damaged).sum()),
        "auroc": round(auroc(score, damaged), 4),
        "ap_any": round(average_precision(score, damaged), 4),
        "ap_major": round(average_precision(score[clear], damaged[clear]), 4),
        "recall_at_1_percent": round(recall_at(score, damaged, FALSE_POSITIVES), 4),
        "recall_major_at_1_percent": round(recall_at(score[clear], damaged[clear], FALSE_POSITIVES), 4),
        "calibration_error": round(calibration_error(score, damaged), 4),
        "by_type": by_type,
    }


def calibration_error(chance: Floats, damaged: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins: how far stated chances are from what happened."""
    bins = np.minimum((chance * 10).astype(int), 9)
    return float(
        sum(abs(chance[bins == b].sum() - damaged[bins == b].sum()) for b in range(10)) / len(chance)
    )


def principal(samples: Floats, keep: int, *, power: float) -> tuple[Floats, Floats]:
    """Mean (d,) and axes (d, keep) of greatest variance; each axis divided by its deviation to the `power`."""
    mean = samples.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((samples - mean).T))
    best = np.argsort(values)[::-1][:keep]
    return mean, vectors[:, best] / np.sqrt(values[best] + 1e-6) ** power


def found_again(split: Features, mean: Floats, axes: Floats) -> float:
    """R@1: a capture's top picture is looked up among one intact top picture of every design of the split."""
    embedded = (split.described[:, 0].astype(np.float64) - mean) @ axes
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    intact = np.flatnonzero(split.labels[:, 0] == 0)
    _, first = np.unique(split.design[intact], return_index=True)
    enrolled = intact[first]
    asked = np.setdiff1d(np.arange(len(embedded)), enrolled)
    nearest = enrolled[(embedded[asked] @ embedded[enrolled].T).argmax(axis=1)]
    return float((split.design[nearest] == split.design[asked]).mean())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for trained.pt, report.json and cached features"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    splits = {
        name: _cached(arguments.out / f"{name}.npz", split, arguments.workers)
        for name, split in SPLITS.items()
    }
    train, validation, heldout = (splits[name] for name in SPLITS)

    tried = {}
    best: tuple[float, str, Head] | None = None
    for hidden, decay in ((0, 0.3), (128, 0.1), (384, 0.3)):
        head = fit_head(train, hidden=hidden, decay=decay, epochs=30, seed=arguments.seed)
        result = figures(head, validation)
        name = f"hidden {hidden}, weight decay {decay}"
        tried[name] = {key: result[key] for key in ("auroc", "ap_any", "recall_at_1_percent")}
        print(name, tried[name], flush=True)
        if best is None or result["ap_any"] > best[0]:
            best = (result["ap_any"], name, head)
    if best is None:
        raise RuntimeError("no head was tried")
    _, chosen, head = best
    set_temperatures(head, validation)

    powers = {
        power: found_again(validation, *principal(_described(train), 256, power=power))
        for power in (0.0, 0.5, 1.0)
    }
    power = max(powers, key=lambda p: powers[p])
    embedding = principal(_described(train), 256, power=power)
    patches = principal(train.patches.reshape(-1, train.patches.shape[-1]).astype(np.float64), 64, power=0.5)
    report = {
        "seed": arguments.seed,
        "splits": {name: {s: getattr(split, s) for s in Split.__slots__} for name, split in SPLITS.items()},
        "heads_tried_on_validation": tried,
        "head": chosen,
        "temperatures": [round(float(t), 3) for t in head.temperature],
        "validation": figures(head, validation),
        "heldout": figures(head, heldout),
        "embedding": {
            "whitening_tried_on_validation": {str(p): round(r, 4) for p, r in powers.items()},
            "whitening": power,
            "heldout_recall_at_1": round(found_again(heldout, *embedding), 4),
        },
        **_threshold(head, validation, heldout),
    }
    tensors = {
        "hidden": head.layers[0].out_features if "hidden 0" not in chosen else 0,
        "head": head.state_dict(),
    }
    for name, (mean, axes) in (("embedding", embedding), ("patches", patches)):
        tensors[name] = {"mean": torch.from_numpy(mean).float(), "matrix": torch.from_numpy(axes).float()}
    torch.save(tensors, arguments.out / "trained.pt")
    (arguments.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


def _threshold(head: Head, validation: Features, heldout: Features) -> dict[str, Any]:
    """The threshold chosen on validation, and what it does on designs that did not choose it."""
    chances = {}
    for name, split in (("validation", validation), ("heldout", heldout)):
        with torch.inference_mode():
            chances[name] = torch.sigmoid(
                capture_logits(head, torch.from_numpy(split.pooled).float())[:, 0]
            ).numpy()
    threshold = threshold_at(chances["validation"][validation.labels[:, 0] == 0], FALSE_POSITIVES)
    at = {}
    for name, split in (("validation", validation), ("heldout", heldout)):
        over, damaged, major = chances[name] > threshold, split.labels[:, 0] > 0, split.labels[:, 1] > 0
        at[name] = {
            "intact": int((~damaged).sum()),
            "damaged": int(damaged.sum()),
            "false_positive_rate": round(float(over[~damaged].mean()), 4),
            "recall": round(float(over[damaged].mean()), 4),
            "recall_major": round(float(over[major].mean()), 4),
        }
    return {"threshold": round(threshold, 6), "at_threshold": at}


def _described(split: Features) -> Floats:
    return split.described.reshape(-1, split.described.shape[-1]).astype(np.float64)


def _cached(path: Path, split: Split, workers: int) -> Features:
    """Features of a split, kept beside the report: delete the file after changing pictures, decoder or trunk."""
    if not path.exists():
        looked = features(split, workers=workers)
        np.savez(path, **{name: getattr(looked, name) for name in Features.__slots__})
    with np.load(path) as stored:
        return Features(**{name: stored[name] for name in Features.__slots__})


if __name__ == "__main__":
    main()
