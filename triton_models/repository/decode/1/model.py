"""Triton's Python backend: each picture of a request decoded and framed once, for all models of the ensemble."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils
from PIL import Image
from pixels import MAX_PIXELS, DecodeError
from views import view


class TritonPythonModel:
    """IMAGE: bytes of one JPEG or PNG per row; DEPTH: of its depth PNG, or none. What comes out: see `views.View`."""

    def initialize(self, _args: dict[str, str]) -> None:
        """Runs once per instance, in a process of its own, so these settings are made for nobody else."""
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        cv2.setNumThreads(1)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer per request; a bad picture is the error of its own request only."""
        return [_answer(request) for request in requests]


def _answer(request: Any) -> Any:  # noqa: ANN401 - Triton publishes no types
    images, depths = (
        pb_utils.get_input_tensor_by_name(request, name).as_numpy()[:, 0] for name in ("IMAGE", "DEPTH")
    )
    try:
        seen = [view(image, depth) for image, depth in zip(images, depths, strict=True)]
    except DecodeError as error:
        return pb_utils.InferenceResponse(
            error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
        )
    return pb_utils.InferenceResponse(
        output_tensors=[
            pb_utils.Tensor("PIXELS", np.stack([each.pixels for each in seen])),
            pb_utils.Tensor("HEIGHT", np.stack([each.height for each in seen])),
            pb_utils.Tensor("WHOLE", np.stack([each.whole for each in seen])),
            pb_utils.Tensor("CROP", np.array([[each.crop] for each in seen], np.object_)),
        ]
    )
