"""What all exports of networks share. Needs the packages of requirements-train.txt."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

TOLERANCE: Final = 1e-3
"""How far the served answer may be from torch's."""


def write_onnx(
    model: nn.Module,
    given: Mapping[str, Tensor],
    path: Path,
    *,
    outputs: Sequence[str],
    shapes: Sequence[Mapping[int, object] | None],
) -> None:
    """Writes a network as ONNX of standard operators, without a trace of where that was.

    Args:
        model: The network; its arguments are those of `given`, in that order.
        given: Made-up inputs, by the names that they are to have.
        path: The file.
        outputs: Their names.
        shapes: The inputs' `dynamic_shapes` of torch.onnx.export.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Several inputs have as many rows, and it says that one name is enough for them.
        warnings.filterwarnings("ignore", message="# The axis name")
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            model,
            tuple(given.values()),
            raw,
            input_names=list(given),
            output_names=list(outputs),
            dynamic_shapes=shapes,
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


def apart(model: nn.Module, given: Mapping[str, Tensor], path: Path) -> float:
    """The largest difference between what torch and ONNX Runtime answer to these inputs."""
    with torch.inference_mode():
        wanted = model(*given.values())
    got = single_thread(path).run(None, {name: part.numpy() for name, part in given.items()})
    return max(float(np.abs(one.numpy() - other).max()) for one, other in zip(wanted, got, strict=True))


def checked(path: Path, difference: float) -> float:
    """`difference` of a written file from torch.

    Raises:
        RuntimeError: It is more than TOLERANCE.
    """
    if difference > TOLERANCE:
        raise RuntimeError(
            f"{path}: ONNX Runtime and torch differ by {difference:.2g}, more than {TOLERANCE:g}"
        )
    return difference


def stripped(path: Path) -> None:
    """Takes out of a file the traces of where and how it was exported: they would change its hash and say nothing."""
    network = onnx.load(path)
    for node in network.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (
        *network.graph.value_info,
        *network.graph.input,
        *network.graph.output,
        *network.graph.initializer,
    ):
        del value.metadata_props[:]
    del network.graph.metadata_props[:]
    del network.metadata_props[:]
    onnx.checker.check_model(network)
    onnx.save(network, path)


def single_thread(path: Path) -> onnxruntime.InferenceSession:
    """A session as the server runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
