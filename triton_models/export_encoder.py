"""Writes the gallery's encoder as ONNX, checked against torch, and puts it into the model repository.

    python -m triton_models.export_encoder --trained DIR [--out FILE.onnx]

DIR is what `train_encoder` left. Needs the packages of requirements-train.txt.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import torch
from torch import nn

from triton_models.encoder import SIDE, GalleryEncoder, Projection
from triton_models.export import single_thread, stripped
from triton_models.install import install

TOLERANCE: Final = 1e-3


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
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="# The axis name")
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            model,
            (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),),
            raw,
            input_names=["PIXELS"],
            output_names=["EMBEDDING", "PATCHES"],
            dynamic_shapes=({0: torch.export.Dim("rows", min=1, max=64)},),
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


def difference(model: nn.Module, path: Path, seed: int = 0) -> float:
    """The largest difference between torch and ONNX Runtime, over made-up pictures."""
    pixels = np.random.default_rng(seed).integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    with torch.inference_mode():
        wanted = model(torch.from_numpy(pixels))
    got = single_thread(path).run(["EMBEDDING", "PATCHES"], {"PIXELS": pixels})
    return max(float(np.abs(one.numpy() - other).max()) for one, other in zip(wanted, got, strict=True))


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
    apart = difference(model, path)
    if apart > TOLERANCE:
        raise RuntimeError(f"{path}: ONNX Runtime and torch differ by {apart:.2g}, more than {TOLERANCE:g}")
    told = {"megabytes": round(path.stat().st_size / 1e6, 1), "differs_from_torch_by": apart}
    print(json.dumps(told | ({} if given.out else {"build": install("gallery_encoder", path)})))


if __name__ == "__main__":
    main()
