"""What all exports of networks share. Needs the packages of requirements-train.txt."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from triton_models.problems import BadData

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


def weights_in(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """The weights of `model`, as `load_state_dict` takes them, out of a file that was made of it, in eight bits too.

    Raises:
        BadData: There is no such file, or it is of another network.
    """
    if not path.is_file():
        raise BadData(f"{path} is missing: give an ONNX file that was exported from this network")
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
    found = {}
    for name, now in model.state_dict().items():
        # What is exported wraps the network in what serves it.
        value = _whole(name, stored)
        if value is None:
            value = _whole(f"detector.{name}", stored)
        if value is None or value.shape != tuple(now.shape):
            raise BadData(f"{path} is of another network: it has no {name} of shape {tuple(now.shape)}")
        found[name] = torch.from_numpy(value.copy())
    return found


def _whole(name: str, stored: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    """A weight by its name, None if there is none; one in eight bits as it was before, to 1/64 of its largest."""
    if f"{name}_quantized" not in stored:
        return stored.get(name)
    kept = stored[f"{name}_quantized"]
    scale = next(
        stored[full] for full in (f"{name}_scale", f"{name}_quantized_scale") if full in stored
    ).astype(np.float32)
    return np.asarray(kept * scale.reshape(-1, *[1] * (kept.ndim - 1)), np.float32)


def single_thread(path: Path) -> onnxruntime.InferenceSession:
    """A session as the server runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
