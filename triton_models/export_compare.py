"""Writes a trained comparison as the ONNX file that Triton serves, checked against torch, and its config's build.

    python -m triton_models.export_compare --trained DIR

DIR is what `intact train compare` left.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import hashlib
import json
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import torch
from torch import nn

from triton_models.comparer import FACTS, Comparer, Head, Matching
from triton_models.description import CELLS, SIDE
from triton_models.export import single_thread, stripped
from triton_models.problems import BadData
from triton_models.serving import REPOSITORY
from triton_models.train_compare import code_of

TOLERANCE: Final = 1e-3
MODEL: Final = REPOSITORY / "gallery_comparison"
_INPUTS: Final = ("QUERY", "REFERENCE", "VALID", "FACTS")


def trained(folder: Path) -> tuple[Comparer, dict[str, Any]]:
    """The network of a checkpoint, and how it was trained.

    Raises:
        BadData: There is none, or other code made it.
    """
    path = folder / "checkpoint.pt"
    if not path.exists():
        raise BadData(f"{path} is not there: run `intact train compare --out {folder}` first")
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state["code"] != code_of():
        raise BadData(f"{path} was made by other code ({state['code']}, now {code_of()}): train again")
    matching, head = Matching(), Head()
    matching.load_state_dict(state["matching"])
    head.load_state_dict(state["model"])
    return Comparer(matching, head).eval(), {
        "settings": state["settings"],
        "validation": state["history"][-1],
    }


def samples(rows: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Made-up inputs for a picture and so many references."""
    rng = np.random.default_rng(seed)
    made = (
        rng.integers(0, 256, (1, SIDE, SIDE, 3), np.uint8),
        rng.integers(0, 256, (rows, SIDE, SIDE, 3), np.uint8),
        rng.uniform(0, 1, (rows, 2, CELLS, CELLS)).astype(np.float32),
        rng.normal(0, 1, (rows, FACTS)).astype(np.float32),
    )
    return tuple(torch.from_numpy(part) for part in made)


def export(model: nn.Module, path: Path) -> None:
    """Writes ONNX with a free number of references: QUERY, REFERENCE, VALID, FACTS to SCORES, HEAT."""
    rows = torch.export.Dim("rows", min=1, max=16)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Three inputs have as many rows, and it says that one name is enough for them.
        warnings.filterwarnings("ignore", message="# The axis name")
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            model,
            samples(2),
            raw,
            input_names=list(_INPUTS),
            output_names=["SCORES", "HEAT"],
            dynamic_shapes=(None, {0: rows}, {0: rows}, {0: rows}),
            opset_version=18,
            dynamo=True,
            external_data=False,
        )
        options = onnxruntime.SessionOptions()
        # BASIC keeps to standard operators, so the file also loads in TensorRT and other runtimes.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    stripped(path)


def difference(model: nn.Module, path: Path) -> float:
    """The largest difference between torch and ONNX Runtime, over one to four references."""
    apart = 0.0
    for rows in (1, 4):
        given = samples(rows, seed=rows)
        with torch.inference_mode():
            wanted = model(*given)
        got = single_thread(path).run(
            None, {name: part.numpy() for name, part in zip(_INPUTS, given, strict=True)}
        )
        apart = max(
            apart,
            *(float(np.abs(one.numpy() - other).max()) for one, other in zip(wanted, got, strict=True)),
        )
    return apart


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--trained", type=Path, required=True, help="the --out folder of `intact train compare`"
    )
    given = parser.parse_args()
    model, facts = trained(given.trained)
    path = MODEL / "1" / "gallery_comparison.onnx"
    export(model, path)
    apart = difference(model, path)
    if apart > TOLERANCE:
        raise RuntimeError(f"{path}: ONNX Runtime and torch differ by {apart:.2g}, more than {TOLERANCE:g}")
    build = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    config = MODEL / "config.pbtxt"
    named = re.sub(r'(key: "build" value: \{ string_value: ")[^"]*', rf"\g<1>{build}", config.read_text())
    config.write_text(named)
    facts |= {
        "build": build,
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "differs_from_torch_by": apart,
        "command": f"intact train compare --seed {facts['settings']['seed']}"
        f" --epochs {facts['settings']['epochs']}",
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
