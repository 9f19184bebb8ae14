"""Writes what training found into the model repository: two ONNX files, their configs, the calibration.

    python -m triton_models.export --trained .intact/train

Each network is checked against torch before it is kept. Needs the packages of requirements-train.txt.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from triton_models.network import OUTPUTS, DamageClassifier, GalleryEncoder, Head, Projection
from triton_models.pictures import catalog, defects_of, shoot
from triton_models.serving import REPOSITORY, serving_module

TOLERANCE: Final = 1e-3
_CONFIG: Final = """\
# Written by triton_models/export.py together with the network beside it.
name: "{name}"
backend: "python"
max_batch_size: 16
input [ {{ name: "PIXELS" data_type: TYPE_UINT8 dims: [ 224, 224, 3 ] }} ]
output [
{outputs}
]
instance_group [ {{ count: 2 kind: KIND_CPU }} ]
dynamic_batching {{
  max_queue_delay_microseconds: 1000
  default_queue_policy {{ max_queue_size: 512 timeout_action: REJECT allow_timeout_override: true }}
}}
parameters [
  {{ key: "network" value: {{ string_value: "{name}.onnx" }} }},
  {{ key: "build" value: {{ string_value: "{build}" }} }},
  {{ key: "rows_at_once" value: {{ string_value: "{rows}" }} }}
]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output of a network as Triton declares it."""

    name: str
    data_type: str
    dims: tuple[int, ...]


DAMAGE: Final = (Output(name="DAMAGE", data_type="TYPE_FP32", dims=(9,)),)
GALLERY: Final = (
    Output(name="EMBEDDING", data_type="TYPE_FP32", dims=(256,)),
    Output(name="PATCHES", data_type="TYPE_FP16", dims=(49, 64)),
)
ROWS_AT_ONCE: Final = 4


def networks(trained: Path) -> dict[str, tuple[nn.Module, tuple[Output, ...]]]:
    """Both networks with the weights that `train` left in `trained`."""
    tensors = torch.load(trained / "trained.pt", weights_only=True)
    width = len(tensors["head"]["mean"])
    head = Head(mean=torch.zeros(width), deviation=torch.ones(width), hidden=tensors["hidden"])
    head.load_state_dict(tensors["head"])
    encoder = GalleryEncoder(
        embedding=Projection(**tensors["embedding"]), patches=Projection(**tensors["patches"])
    )
    return {
        "damage_classifier": (DamageClassifier(head).eval(), DAMAGE),
        "gallery_encoder": (encoder.eval(), GALLERY),
    }


def export(model: nn.Module, outputs: tuple[Output, ...], path: Path) -> None:
    """Writes `model` as ONNX with a free number of rows, constants folded, standard operators only."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            model,
            (torch.zeros(2, 224, 224, 3, dtype=torch.uint8),),
            raw,
            input_names=["PIXELS"],
            output_names=[output.name for output in outputs],
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


def examples() -> NDArray[np.uint8]:
    """Pictures of products that no split holds: (n, 224, 224, 3)."""
    decode = serving_module("decode", "pixels").decode
    shots = [
        shoot(design, seed=1, defect=defect)
        for design in catalog(4, 1004)
        for defect in (None, *defects_of(design)[:3])
    ]
    return np.stack([decode(picture) for shot in shots for picture in shot.rgb])


def difference(model: nn.Module, path: Path, pixels: NDArray[np.uint8]) -> float:
    """The largest difference between torch and ONNX Runtime over all outputs."""
    with torch.inference_mode():
        wanted = model(torch.from_numpy(pixels))
    got = single_thread(path).run(None, {"PIXELS": pixels})
    pairs = zip(wanted if isinstance(wanted, tuple) else (wanted,), got, strict=True)
    return max(float(np.abs(one.float().numpy() - other.astype(np.float32)).max()) for one, other in pairs)


def milliseconds(path: Path, pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Milliseconds per picture on one thread, by rows at once; the fastest of several runs."""
    session, found = single_thread(path), {}
    for rows in (1, 2, 4, 8, 16):
        times = []
        for _ in range(max(4, 32 // rows)):
            start = time.perf_counter()
            session.run(None, {"PIXELS": pixels[:rows]})
            times.append((time.perf_counter() - start) / rows * 1000)
        found[str(rows)] = round(min(times), 2)
    return found


def write_config(name: str, outputs: tuple[Output, ...], build: str) -> None:
    """config.pbtxt of one network, for exactly the file whose SHA-256 begins with `build`."""
    declared = ",\n".join(
        f'  {{ name: "{o.name}" data_type: {o.data_type} dims: [ {", ".join(map(str, o.dims))} ] }}'
        for o in outputs
    )
    text = _CONFIG.format(name=name, outputs=declared, build=build, rows=ROWS_AT_ONCE)
    (REPOSITORY / name / "config.pbtxt").write_text(text)


def calibration(report: dict[str, Any], build: str) -> dict[str, Any]:
    """What a service needs to turn DAMAGE into a decision before people's labels teach it better."""
    return {
        "model": "damage_classifier",
        "build": build,
        "score": "the largest DAMAGE[0] over the pictures of a capture",
        "outputs": OUTPUTS,
        "false_positive_budget": 0.01,
        "threshold": report["threshold"],
        "at_threshold": report["at_threshold"],
        "temperatures": report["temperatures"],
        "note": "Drawn captures, a third of them damaged. On a belt damage is rare: correct for that prior.",
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trained", type=Path, required=True, help="the --out folder of triton_models.train")
    trained: Path = parser.parse_args().trained
    pixels = examples()
    report = json.loads((trained / "report.json").read_text())
    for name, (model, outputs) in networks(trained).items():
        path = REPOSITORY / name / "1" / f"{name}.onnx"
        export(model, outputs, path)
        apart = difference(model, path, pixels)
        if apart > TOLERANCE:
            raise RuntimeError(
                f"{name}: ONNX Runtime and torch differ by {apart:.2g}, more than {TOLERANCE:g}"
            )
        build = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        write_config(name, outputs, build)
        if name == "damage_classifier":
            (path.parent / "calibration.json").write_text(
                json.dumps(calibration(report, build), indent=2) + "\n"
            )
        size = path.stat().st_size / 1e6
        print(
            f"{name}: build {build}, {size:.1f} MB, differs from torch by {apart:.1e},"
            f" milliseconds per picture by rows {milliseconds(path, pixels)}"
        )


if __name__ == "__main__":
    main()
