"""Triton's Python backend: lays references of a few products over a capture's pictures, and says what speaks for each.

`triton_models` beside this file holds links to the very code that `intact eval identify` measures.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils
from PIL import Image

# One decoder decides what a picture is, one file what the tray looks like.
sys.path.append(str(Path(__file__).parents[2] / "decode" / "1"))

from pixels import MAX_PIXELS, DecodeError
from verifying import Verifier


class TritonPythonModel:
    """QUERY: JPEGs of one capture's framed pictures; REFERENCES: the same of products, PRODUCTS: whose each is.

    EVIDENCE: (references, 6) float32, see `mmid_evidence.compare`; zeros for one that lies in no picture.
    """

    def initialize(self, _args: dict[str, str]) -> None:
        """Runs once per instance, in a process of its own, so these settings are made for nobody else."""
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        cv2.setNumThreads(1)
        self._verifier = Verifier()

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer per request; a bad picture is the error of its own request only."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:  # noqa: ANN401 - Triton publishes no types
        queries, references, products = (
            list(pb_utils.get_input_tensor_by_name(request, name).as_numpy())
            for name in ("QUERY", "REFERENCES", "PRODUCTS")
        )
        if len(references) != len(products):
            message = (
                f"{len(references)} references of {len(products)} products: one product for each is needed"
            )
            return _refused(message)
        try:
            evidence = self._verifier.evidence(queries, references, products)
        except DecodeError as error:
            return _refused(str(error))
        return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("EVIDENCE", np.asarray(evidence))])


def _refused(message: str) -> Any:  # noqa: ANN401 - Triton publishes no types
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, pb_utils.TritonError.INVALID_ARG))
