"""Triton's Python backend running one ONNX network on the CPU; the same file serves every network here.

Which network, and what it must hash to, comes from `parameters` in config.pbtxt: `build` for the version that ships,
`build.N` for a version N that was put beside it; inputs and outputs are those that it declares. Every row of an answer
says which version and build computed it. The full Triton image can serve the same .onnx with its ONNX Runtime or
TensorRT backend.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The network's inputs in, a row per picture, and its outputs out."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the network and runs it once. Raises when the config was written for another file."""
        config = json.loads(args["model_config"])
        parameters = {name: value["string_value"] for name, value in config["parameters"].items()}
        path = Path(args["model_repository"]) / args["model_version"] / parameters["network"]
        number = args["model_version"]
        build = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        wanted = parameters.get(f"build.{number}", parameters["build"])
        if build != wanted:
            message = f"{path.name} is build {build}, config.pbtxt names {wanted}: export again"
            raise pb_utils.TritonModelException(message)
        self._version = np.array([[int(number), int(build, 16)]], np.int64)
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"] if entry["name"] != "VERSION"]
        # Rows that run at once: more of them only push each other out of the processor's cache.
        self._slice = int(parameters["rows_at_once"])
        self._session = _session(path)
        self._run([
            np.zeros(
                (self._slice, *map(int, entry["dims"])), pb_utils.triton_string_to_numpy(entry["data_type"])
            )
            for entry in config["input"]
        ])  # fmt: skip

    def execute(self, requests: list[Any]) -> list[Any]:
        """Runs all requests as one batch and hands each its own rows."""
        given = [
            [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs]
            for request in requests
        ]
        outputs = self._run(
            given[0] if len(given) == 1 else [np.concatenate(rows) for rows in zip(*given, strict=True)]
        )
        answers, start = [], 0
        for rows in given:
            end = start + len(rows[0])
            tensors = [
                pb_utils.Tensor(name, np.ascontiguousarray(values[start:end]))
                for name, values in zip(self._outputs, outputs, strict=True)
            ]
            tensors.append(pb_utils.Tensor("VERSION", np.repeat(self._version, end - start, axis=0)))
            answers.append(pb_utils.InferenceResponse(output_tensors=tensors))
            start = end
        return answers

    def _run(self, given: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        slices = [slice(at, at + self._slice) for at in range(0, len(given[0]), self._slice)]
        parts = [
            self._session.run(
                self._outputs, {name: rows[at] for name, rows in zip(self._inputs, given, strict=True)}
            )
            for at in slices
        ]
        return (
            list(parts[0]) if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]
        )


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # An idle instance must cost nothing: without this its threads spin between requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
