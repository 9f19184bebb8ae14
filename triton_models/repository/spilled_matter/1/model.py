"""Triton's Python backend: what lies beside the item in each picture, and of which colour."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils

# One file knows what the tray looks like; it is beside us in the repository.
sys.path.append(str(Path(__file__).parents[2] / "decode" / "1"))

from framing import tray
from matter import matter


class TritonPythonModel:
    """PIXELS (rows, 256, 256, 3) uint8 and WHERE (rows, 8, 16, 16) in; MATTER (rows, 5) out, see `matter`."""

    def initialize(self, _args: dict[str, str]) -> None:
        """Runs once per instance, in a process of its own."""
        cv2.setNumThreads(1)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer per request."""
        return [_answer(request) for request in requests]


def _answer(request: Any) -> Any:  # noqa: ANN401 - Triton publishes no types
    pixels, where = (
        pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in ("PIXELS", "WHERE")
    )
    found = [matter(each, layers[-1], tray) for each, layers in zip(pixels, where, strict=True)]
    return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("MATTER", np.stack(found))])
