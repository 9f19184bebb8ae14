"""The shipped damage classifier outside of a server, by itself: `eval damage --method classifier` measures it.

The same file that Triton serves, fed by the same code that frames and shrinks a picture there. What the mesh makes of
it together with references and the catalogue is in `fused`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.kernel.sight import pooled_chances
from triton_models.eval_run import Severity, Verdict
from triton_models.kaputt import Query, Reference
from triton_models.serving import REPOSITORY, serving_module
from triton_models.simulator.things import DEFECTS

NETWORK: Final = REPOSITORY / "damage_classifier" / "1" / "damage_classifier.onnx"


def shipped_share() -> float:
    """Damaged share of the captures on which the shipped classifier's own scores are probabilities."""
    said = json.loads((NETWORK.parent / "calibration.json").read_text(encoding="utf-8"))
    return float(said["share"])


class Classifier:
    """Damage, its types and severity from the pictures of one capture; looks at no reference."""

    def __init__(self, path: Path = NETWORK) -> None:
        """Loads the network, for one thread."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._path = path
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __reduce__(self) -> tuple[type[Classifier], tuple[Path]]:
        """A worker process loads the network itself."""
        return Classifier, (self._path,)

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """What its pictures say together."""
        del references
        return verdict_of(pooled_chances(np.stack([self.chances(picture) for picture in pictures(query)])))

    def chances(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """(9,): damaged, major, the seven types, 0 to 1, of one picture."""
        (found,) = self._session.run(["DAMAGE"], dict(inputs))
        return np.asarray(found[0], np.float32)


def verdict_of(chances: NDArray[np.float32]) -> Verdict:
    """What chances (9,) as in `Classifier.chances` say of a capture."""
    return Verdict(
        damage=float(chances[0]),
        types={name: float(chance) for name, chance in zip(DEFECTS, chances[2:], strict=True)},
        severity=_severity(chances),
    )


def pictures(query: Query) -> list[dict[str, NDArray[Any]]]:
    """A capture's pictures as the networks are given them."""
    inputs = [framed(query.query_image, query.depth_image)]
    if query.side_image is not None:
        inputs.append(framed(query.side_image, None))
    return inputs


def framed(image: Path, depth: Path | None) -> dict[str, NDArray[Any]]:
    """PIXELS (1, 256, 256, 3) and HEIGHT (1, 64, 64) of one picture, by the code that is served."""
    served: Any = serving_module("decode", "views")
    seen = served.view(image.read_bytes(), b"" if depth is None else depth.read_bytes())
    return {"PIXELS": seen.pixels[None], "HEIGHT": seen.height[None]}


def _severity(chances: NDArray[np.float32]) -> Severity:
    if chances[0] < 0.5:
        return "none"
    return "major" if chances[1] >= 0.5 else "minor"
