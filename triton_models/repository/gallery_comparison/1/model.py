"""Triton's Python backend: a capture's pictures against the references of its product.

Not batched: requests differ in how many pictures they bring. What is known of references stays in this process.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils
from PIL import Image

# One decoder decides what a picture is: it is beside us in the repository.
sys.path.append(str(Path(__file__).parents[2] / "decode" / "1"))

from comparing import Comparison
from pixels import MAX_PIXELS, DecodeError


class TritonPythonModel:
    """QUERY, REFERENCES: bytes of one JPEG or PNG each. SCORES (6,), HEAT (2, 16, 16): see `comparing.Answer`."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the network and runs it once. Raises when the config was written for another file."""
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        cv2.setNumThreads(1)
        config = json.loads(args["model_config"])
        parameters = {name: value["string_value"] for name, value in config["parameters"].items()}
        path = Path(args["model_repository"]) / args["model_version"] / parameters["network"]
        build = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        if build != parameters["build"]:
            message = f"{path.name} is build {build}, config.pbtxt names {parameters['build']}: export again"
            raise pb_utils.TritonModelException(message)
        self._comparison = Comparison(path)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer per request; a bad picture is the error of its own request only."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:  # noqa: ANN401 - Triton publishes no types
        pictures, references = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy().ravel().tolist()
            for name in ("QUERY", "REFERENCES")
        )
        try:
            answer = self._comparison.answer(pictures, references)
        except DecodeError as error:
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            )
        return pb_utils.InferenceResponse(
            output_tensors=[
                pb_utils.Tensor("SCORES", np.ascontiguousarray(answer.scores)),
                pb_utils.Tensor("HEAT", np.ascontiguousarray(answer.heat)),
            ]
        )
