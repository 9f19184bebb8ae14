"""Triton's Python backend: says what is wrong with a photo itself, before anything is made of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils
from PIL import Image

# One decoder decides what a picture is, and one file what the tray looks like: they are beside us in the repository.
sys.path.append(str(Path(__file__).parents[2] / "decode" / "1"))

from framing import tray
from pixels import MAX_PIXELS, DecodeError, fitted
from quality import SIDE, judged, measured


class TritonPythonModel:
    """IMAGE: bytes of one JPEG or PNG per row. QUALITY: (rows, 5), EDGES: (rows, 4), float32 in [0, 1]."""

    def initialize(self, _args: dict[str, str]) -> None:
        """Runs once per instance, in a process of its own, so these settings are made for nobody else."""
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        cv2.setNumThreads(1)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer per request; a bad picture is the error of its own request only."""
        return [_answer(request) for request in requests]


def _answer(request: Any) -> Any:  # noqa: ANN401 - Triton publishes no types
    rows = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
    try:
        facts = [measured(np.asarray(fitted(row[0], SIDE)), tray) for row in rows]
    except DecodeError as error:
        return pb_utils.InferenceResponse(
            error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
        )
    return pb_utils.InferenceResponse(
        output_tensors=[
            pb_utils.Tensor("QUALITY", np.stack([judged(each) for each in facts])),
            pb_utils.Tensor("EDGES", np.stack([each.edges for each in facts])),
        ]
    )
