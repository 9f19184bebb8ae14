"""Writes a trained damage classifier as the ONNX file that Triton serves, calibrated, and checked against torch.

    intact export --trained DIR --kaputt ROOT [--out FILE.onnx]

DIR is what `intact train damage` left. Temperatures and threshold are fitted on the validation split of ROOT. What is
served is in eight bits where that costs less than half a point of average precision there: half of the time. Outputs
are probabilities at that split's share of damage; correcting for the belt's share is the services'. Without --out the
network goes into the model repository, with the config that names its build.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from triton_models import kaputt
from triton_models.detector import SIDE, Detector, backbone
from triton_models.export import apart, checked, single_thread, write_onnx
from triton_models.install import build_of, install
from triton_models.metrics import threshold_at_fpr
from triton_models.problems import BadData
from triton_models.quantise import quantise
from triton_models.simulator.things import DEFECTS
from triton_models.train_damage import code_of, figures, middles, per_capture, scores
from triton_models.views import Views, views
from triton_models.weights import Weights, within_classes

DEARER: Final = 0.005
"""Average precision that eight bits may cost."""
_GRID: Final = SIDE // 4
_CERTAIN: Final = 1e-6
_SCALED_BY: Final = 200
"""Pictures of the train split that decide the scales of eight bits."""

Queries = tuple[kaputt.Query, ...]


class Served(nn.Module):
    """What Triton answers: probabilities, temperatures applied, and the map as logits.

    Each picture is looked at as it is and upside down, and the mean of both counts: what is seen either way is seldom
    chance. In eight bits, that takes as long as one look in 32.
    """

    temperatures: Tensor

    def __init__(self, detector: Detector, temperatures: Tensor) -> None:
        """`temperatures` (9,)."""
        super().__init__()
        self.detector = detector
        self.register_buffer("temperatures", temperatures)

    def forward(self, pixels: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 256, 256, 3) uint8 and (n, 64, 64) to (n, 9) in [0, 1] and (n, 8, 16, 16)."""
        logits, where = self.both_ways(pixels, height)
        return torch.sigmoid(logits / self.temperatures), where

    def both_ways(self, pixels: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
        """The same, (n, 9) as logits without temperatures."""
        logits, where = self.detector(
            torch.cat([pixels, pixels.flip(1)]), torch.cat([height, height.flip(1)])
        )
        rows = pixels.shape[0]  # len() would be a constant of the exported graph
        return (logits[:rows] + logits[rows:]) / 2, (where[:rows] + where[rows:].flip(2)) / 2


def trained(folder: Path) -> Detector:
    """The network of a checkpoint.

    Raises:
        BadData: There is none, or other code made it.
    """
    path = folder / "checkpoint.pt"
    if not path.exists():
        raise BadData(f"{path} is not there: run `intact train damage --out {folder}` first")
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state["code"] != code_of():
        raise BadData(f"{path} was made by other code ({state['code']}, now {code_of()}): train again")
    model = Detector(backbone(state["settings"]["backbone"], pretrained=False))
    model.load_state_dict(state["model"])
    return model.eval()


def temperatures(logits: NDArray[Any], truth: NDArray[Any], weights: Weights) -> NDArray[np.float32]:
    """(9,): for each output the temperature that makes the labels least surprising; `weights` (captures,)."""
    candidates = np.geomspace(0.3, 10, 121)
    found = []
    for output in range(logits.shape[1]):
        z = logits[None, :, output] / candidates[:, None]
        surprise = np.logaddexp(0, z) - z * truth[None, :, output]
        found.append(candidates[int((surprise @ weights).argmin())])
    return np.array(found, np.float32)


def export(model: nn.Module, path: Path) -> None:
    """Writes ONNX with a free number of rows: PIXELS, HEIGHT to DAMAGE, WHERE."""
    rows = torch.export.Dim("rows", min=1, max=64)
    given = {
        "PIXELS": torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),
        "HEIGHT": torch.zeros(2, _GRID, _GRID),
    }
    write_onnx(model, given, path, outputs=("DAMAGE", "WHERE"), shapes=({0: rows}, {0: rows}))


def difference(model: nn.Module, path: Path, seed: int = 0) -> float:
    """The largest difference between torch and ONNX Runtime, over made-up pictures with and without depth."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    height = rng.uniform(0, 0.1, (4, _GRID, _GRID)).astype(np.float32)
    height[2:] = 0
    return apart(model, {"PIXELS": torch.from_numpy(pixels), "HEIGHT": torch.from_numpy(height)}, path)


def facts(logits: NDArray[Any], queries: tuple[kaputt.Query, ...], found: NDArray[Any]) -> dict[str, Any]:
    """What services must know of the scores: the share of damage at which they are probabilities, and a threshold.

    Args:
        logits: (captures, 9), the split's, temperatures applied and pooled as they are served.
        queries: The split.
        found: (9,) the temperatures.
    """
    damaged = np.array([query.defect for query in queries])
    ordinary = np.array([query.ordinary for query in queries])
    major = np.array([query.major_defect for query in queries])
    weights = within_classes(queries)
    chance = 1 / (1 + np.exp(-logits[:, 0]))
    threshold = threshold_at_fpr(chance[ordinary], damaged[ordinary], 0.01, weights[ordinary])

    def above(those: NDArray[Any]) -> float | None:
        if not those.any():
            return None
        return round(float(np.average(chance[those] > threshold, weights=weights[those])), 4)

    return {
        "temperatures": [round(float(t), 3) for t in found],
        "share": round(float(damaged.mean()), 4),
        "threshold": round(threshold, 6),
        "at_threshold": {
            "split": "validation, ordinary captures",
            "intact": int((ordinary & ~damaged).sum()),
            "damaged": int((ordinary & damaged).sum()),
            "false_positive_rate": above(ordinary & ~damaged),
            "recall": above(ordinary & damaged),
            "recall_major": above(ordinary & major),
        },
    }


def answered(path: Path, looks: Views) -> NDArray[np.float64]:
    """(n, 9): the logits that an exported file gives each picture, temperatures applied, as the server runs it."""
    session = single_thread(path)
    said = [session.run(["DAMAGE"], given)[0] for given in middles(looks, step=2)]
    chances = np.clip(np.concatenate(said).astype(np.float64), _CERTAIN, 1 - _CERTAIN)
    return np.asarray(np.log(chances / (1 - chances)))


def lighter(
    exact: Path, path: Path, trained_on: Views, looks: Views, queries: Queries
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Writes `path`: `exact` in eight bits where that costs at most DEARER of average precision, else as it is.

    Args:
        exact: The exported network.
        path: What is to be served.
        trained_on: Pictures that decide the scales.
        looks: The validation split's.
        queries: The validation split.

    Returns:
        Which of the two it is, and both average precisions over the ordinary captures; then what it answers to `looks`.
    """
    quantise(exact, middles(trained_on, step=1, every=max(1, len(trained_on.labels) // _SCALED_BY)), path)
    said = {name: answered(network, looks) for name, network in (("float32", exact), ("int8", path))}
    gained = {name: figures(per_capture(logits, looks), queries)["ap_any"] for name, logits in said.items()}
    chosen = "int8" if gained["float32"] - gained["int8"] <= DEARER else "float32"
    if chosen == "float32":
        shutil.copyfile(exact, path)
    return {"precision": chosen, "ap_any_by_precision": gained}, said[chosen]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--trained", type=Path, required=True, help="the --out folder of `intact train damage`"
    )
    parser.add_argument("--kaputt", type=Path, required=True, help="the data set it was trained on")
    parser.add_argument("--out", type=Path, help="the ONNX file to write; the model repository unless given")
    parser.add_argument("--exact", action="store_true", help="no integers, whatever they would cost")
    given = parser.parse_args()
    detector = trained(given.trained)
    splits = {
        name: kaputt.load(given.kaputt, name, references=False).queries for name in ("train", "validation")
    }
    looks = {
        name: views(queries, given.trained / f"views-{name}", workers=2, tick=lambda: None)
        for name, queries in splits.items()
    }
    queries, seen = splits["validation"], looks["validation"]
    truth = np.array([[q.defect, q.major_defect, *(t in q.defect_types for t in DEFECTS)] for q in queries])
    logits = scores(Served(detector, torch.ones(9)).both_ways, seen)
    found = temperatures(per_capture(logits, seen), truth.astype(float), within_classes(queries))
    path = given.out or given.trained / "damage_classifier.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    served = Served(detector, torch.from_numpy(found)).eval()
    exact = given.trained / "exact.onnx"
    export(served, exact)
    said: dict[str, Any] = {"differs_from_torch_by": checked(exact, difference(served, exact))}
    if given.exact:
        shutil.copyfile(exact, path)
        answers = answered(path, seen)
    else:
        precision, answers = lighter(exact, path, looks["train"], seen, queries)
        said |= precision
    # Temperatures are the network's, and pooling comes after them: the other way round is not the same.
    said |= facts(per_capture(answers, seen), queries, found)
    told = {"build": build_of(path), "megabytes": round(path.stat().st_size / 1e6, 1), **said}
    path.with_suffix(".json").write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps(told, indent=2))
    if given.out is None:
        print(
            f"in the model repository: build {install('damage_classifier', path)}; now fit the fusion for it (MODEL.md)"
        )


if __name__ == "__main__":
    main()
