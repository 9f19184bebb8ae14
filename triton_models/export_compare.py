"""Writes a trained comparison as the ONNX file that Triton serves, checked against torch, and its config's build.

    python -m triton_models.export_compare --trained DIR

DIR is what `intact train compare` left.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from triton_models.comparer import FACTS, Comparer, Head, Matching
from triton_models.description import CELLS, SIDE
from triton_models.export import apart, checked, write_onnx
from triton_models.install import build_of
from triton_models.problems import BadData
from triton_models.serving import REPOSITORY
from triton_models.train_compare import code_of

MODEL: Final = REPOSITORY / "gallery_comparison"


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
    nn.ModuleDict({"matching": matching, "head": head}).load_state_dict(state["model"])
    return Comparer(matching, head).eval(), {
        "settings": state["settings"],
        "validation": state["history"][-1],
    }


def samples(rows: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Made-up inputs for a picture and so many references."""
    rng = np.random.default_rng(seed)
    made = {
        "QUERY": rng.integers(0, 256, (1, SIDE, SIDE, 3), np.uint8),
        "REFERENCE": rng.integers(0, 256, (rows, SIDE, SIDE, 3), np.uint8),
        "VALID": rng.uniform(0, 1, (rows, 2, CELLS, CELLS)).astype(np.float32),
        "FACTS": rng.normal(0, 1, (rows, FACTS)).astype(np.float32),
    }
    return {name: torch.from_numpy(part) for name, part in made.items()}


def export(model: nn.Module, path: Path) -> None:
    """Writes ONNX with a free number of references: QUERY, REFERENCE, VALID, FACTS to SCORES, HEAT."""
    rows = torch.export.Dim("rows", min=1, max=16)
    shapes = (None, {0: rows}, {0: rows}, {0: rows})
    write_onnx(model, samples(2), path, outputs=("SCORES", "HEAT"), shapes=shapes)


def difference(model: nn.Module, path: Path) -> float:
    """The largest difference between torch and ONNX Runtime, over one to four references."""
    return max(apart(model, samples(rows, seed=rows), path) for rows in (1, 4))


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
    off = checked(path, difference(model, path))
    build = build_of(path)
    config = MODEL / "config.pbtxt"
    named = re.sub(r'(key: "build" value: \{ string_value: ")[^"]*', rf"\g<1>{build}", config.read_text())
    config.write_text(named)
    facts |= {
        "build": build,
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "differs_from_torch_by": off,
        "command": f"intact train compare --seed {facts['settings']['seed']}"
        f" --epochs {facts['settings']['epochs']}",
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
