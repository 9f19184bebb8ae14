"""Puts a network into the model repository: the file, the config that names its build, and its calibration.

    python -m triton_models.install damage_classifier FILE.onnx

FILE.json beside it is what the export wrote about it. Nothing of torch is needed.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from triton_models.problems import BadData
from triton_models.serving import REPOSITORY

ROWS_AT_ONCE: Final = 4
BUILD_DIGITS: Final = 12
_CONFIG: Final = """\
# Written by triton_models/install.py together with the network beside it.
name: "{name}"
backend: "python"
max_batch_size: 16
input [
{inputs}
]
output [
{outputs},
  {{ name: "VERSION" data_type: TYPE_INT64 dims: [ 2 ] }}
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
_NUMPY: Final[dict[str, Any]] = {"TYPE_UINT8": np.uint8, "TYPE_FP32": np.float32}
_CALIBRATION: Final = ("share", "threshold", "at_threshold", "temperatures")
"""What a service needs of an export's facts: see `export_damage.facts`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One input or output of a network as Triton declares it, without the rows."""

    name: str
    data_type: str
    dims: tuple[int, ...]


PIXELS: Final = Port(name="PIXELS", data_type="TYPE_UINT8", dims=(256, 256, 3))
NETWORKS: Final[dict[str, tuple[tuple[Port, ...], tuple[Port, ...]]]] = {
    "damage_classifier": (
        (PIXELS, Port(name="HEIGHT", data_type="TYPE_FP32", dims=(64, 64))),
        (
            Port(name="DAMAGE", data_type="TYPE_FP32", dims=(9,)),
            Port(name="WHERE", data_type="TYPE_FP32", dims=(8, 16, 16)),
        ),
    ),
    "gallery_encoder": ((PIXELS,), (Port(name="EMBEDDING", data_type="TYPE_FP32", dims=(256,)),)),
}
"""Inputs and outputs of each network that is served."""


def build_of(network: Path) -> str:
    """What a file of weights is called by: the first digits of its hash."""
    return hashlib.sha256(network.read_bytes()).hexdigest()[:BUILD_DIGITS]


def install(name: str, network: Path, repository: Path = REPOSITORY) -> str:
    """Returns the build.

    Raises:
        BadData: The file answers something else than the mesh asks this network for.
    """
    if name not in NETWORKS:
        raise BadData(f"no network is called {name!r}: one of {', '.join(NETWORKS)}")
    _tried(name, network)
    build = build_of(network)
    place = repository / name / "1"
    place.mkdir(parents=True, exist_ok=True)
    if network.resolve() != (place / f"{name}.onnx").resolve():
        shutil.copyfile(network, place / f"{name}.onnx")
    if name == "damage_classifier":
        facts = calibration(network.with_suffix(".json"), build)
        (place / "calibration.json").write_text(json.dumps(facts, indent=2) + "\n")
    (repository / name / "config.pbtxt").write_text(config(name, build))
    return build


def config(name: str, build: str) -> str:
    """config.pbtxt for exactly the file whose SHA-256 begins with `build`."""
    inputs, outputs = (
        ",\n".join(
            f'  {{ name: "{port.name}" data_type: {port.data_type} dims: [ {", ".join(map(str, port.dims))} ] }}'
            for port in ports
        )
        for ports in NETWORKS[name]
    )
    return _CONFIG.format(name=name, inputs=inputs, outputs=outputs, build=build, rows=ROWS_AT_ONCE)


def calibration(facts: Path, build: str) -> dict[str, Any]:
    """What a service needs to turn DAMAGE into a decision before people's labels teach it better.

    Raises:
        BadData: The export's facts are missing, or of another file.
    """
    if not facts.exists():
        raise BadData(f"{facts} is not there: `intact export` writes it beside the network")
    said: dict[str, Any] = json.loads(facts.read_text())
    if said["build"] != build:
        raise BadData(f"{facts} tells of build {said['build']}, the network is build {build}")
    return {
        "model": "damage_classifier",
        "build": build,
        "score": "DAMAGE[0] of the pictures of a capture, pooled (services/kernel/sight.py)",
        "false_positive_budget": 0.01,
        **{name: said[name] for name in _CALIBRATION},
        "note": "Simulated captures, `share` of them damaged. Services correct for the belt's own share.",
    }


def _tried(name: str, network: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    inputs, outputs = NETWORKS[name]
    wanted = {port.name for port in inputs}
    if {entry.name for entry in session.get_inputs()} != wanted:
        raise BadData(f"{network} takes {[e.name for e in session.get_inputs()]}, not {sorted(wanted)}")
    given = {port.name: np.zeros((2, *port.dims), _NUMPY[port.data_type]) for port in inputs}
    for port, found in zip(outputs, session.run([port.name for port in outputs], given), strict=True):
        if found.shape != (2, *port.dims) or found.dtype != _NUMPY[port.data_type]:
            raise BadData(f"{network}: {port.name} is {found.dtype} {found.shape}, not (rows, *{port.dims})")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=list(NETWORKS))
    parser.add_argument("network", type=Path, help="the ONNX file")
    given = parser.parse_args()
    print(f"{given.name}: build {install(given.name, given.network)}")


if __name__ == "__main__":
    main()
