"""Triton's Python backend: the picture of each request decoded once, for all networks of the ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from PIL import Image
from pixels import MAX_PIXELS, DecodeError, decode


class TritonPythonModel:
    """IMAGE: bytes of one JPEG or PNG per row. PIXELS: (rows, 224, 224, 3) uint8."""

    def initialize(self, _args: dict[str, str]) -> None:
        """Runs once per instance, in a process of its own, so Pillow's limit is set for nobody else."""
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer per request; a bad picture is the error of its own request only."""
        return [_answer(request) for request in requests]


def _answer(request: Any) -> Any:  # noqa: ANN401 - Triton publishes no types
    rows = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
    try:
        pixels = np.stack([decode(row[0]) for row in rows])
    except DecodeError as error:
        return pb_utils.InferenceResponse(
            error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
        )
    return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("PIXELS", pixels)])
