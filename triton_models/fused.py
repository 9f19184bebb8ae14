"""What the mesh makes of one capture, outside of a server: the method that `eval damage` measures.

Classifier, spilled matter and gallery comparison run by the code and from the files that Triton serves, and are fused
by the weights that `assess` loads, at the share of damage that those were fitted on. What a data set does not have
(depth, a side picture, contents, references) adds nothing, as in the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from services.kernel.odds import Calibration, chance
from triton_models.eval_run import Verdict
from triton_models.fusion import Fusion
from triton_models.kaputt import Query, Reference
from triton_models.predictor import NETWORK, verdict_of
from triton_models.sightings import COMPARISON, Job, evidence_of, seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """Damage of all evidence; types and severity are the classifier's.

    Attributes:
        weights: Of the fusion.
        classifier: Its ONNX file.
        comparison: Its ONNX file.
    """

    weights: Fusion
    classifier: Path = NETWORK
    comparison: Path = COMPARISON

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        """The fused probability of damage, at the share of damage of the fit."""
        found = seen(
            Job(query=query, references=references, classifier=self.classifier, comparison=self.comparison)
        )
        (logit,) = self.weights.logits(evidence_of([found.sighting]))
        assert found.chances is not None  # noqa: S101 (the job names a classifier)
        return replace(verdict_of(found.chances), damage=chance(float(logit)))


def fusion_of(shipped: Calibration) -> Fusion:
    """The weights that services load, in the form that was fitted.

    Raises:
        ValueError: They are those of a classifier alone.
    """
    if shipped.lacking is None:
        msg = f"{shipped.version} weighs no references"
        raise ValueError(msg)
    return Fusion(
        scale=shipped.scale,
        offset=shipped.offset,
        gallery=shipped.gallery,
        catalogue=shipped.catalogue,
        lacking=shipped.lacking,
    )
