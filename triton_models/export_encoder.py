"""Writes the gallery's encoder as ONNX, checked against torch, and puts it into the model repository.

    python -m triton_models.export_encoder --trained DIR [--out FILE.onnx]

DIR is what `train_encoder` left. Needs the packages of requirements-train.txt.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from triton_models.encoder import SIDE, GalleryEncoder, Projection
from triton_models.export import apart, checked, write_onnx
from triton_models.install import install


def encoder(trained: Path) -> GalleryEncoder:
    """The network with the projections that `train_encoder` left in `trained`."""
    tensors: dict[str, Any] = torch.load(trained / "trained.pt", weights_only=True)
    made = GalleryEncoder(
        embedding=_projection(tensors["embedding"]), patches=_projection(tensors["patches"])
    )
    made.eval()
    return made


def _projection(tensors: dict[str, Any]) -> Projection:
    return Projection(mean=tensors["mean"], matrix=tensors["matrix"])


def export(model: nn.Module, path: Path) -> None:
    """Writes ONNX with a free number of rows: PIXELS to EMBEDDING, PATCHES."""
    rows = torch.export.Dim("rows", min=1, max=64)
    given = {"PIXELS": torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)}
    write_onnx(model, given, path, outputs=("EMBEDDING", "PATCHES"), shapes=({0: rows},))


def difference(model: nn.Module, path: Path, seed: int = 0) -> float:
    """The largest difference between torch and ONNX Runtime, over made-up pictures."""
    pixels = np.random.default_rng(seed).integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    return apart(model, {"PIXELS": torch.from_numpy(pixels)}, path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trained", type=Path, required=True, help="the --out folder of train_encoder")
    parser.add_argument("--out", type=Path, help="the ONNX file to write; the model repository unless given")
    given = parser.parse_args()
    model = encoder(given.trained)
    path: Path = given.out or given.trained / "gallery_encoder.onnx"
    export(model, path)
    off = checked(path, difference(model, path))
    told = {"megabytes": round(path.stat().st_size / 1e6, 1), "differs_from_torch_by": off}
    print(json.dumps(told | ({} if given.out else {"build": install("gallery_encoder", path)})))


if __name__ == "__main__":
    main()
