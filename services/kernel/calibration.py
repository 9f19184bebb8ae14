"""What the shipped models say about their own calibration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from services.kernel.odds import Calibration, chance, logit, shifted
from services.kernel.settings import Settings

_CLASSIFIER = Path(__file__).parents[2] / "triton_models/repository/damage_classifier/1/calibration.json"
_FUSION = Path(__file__).parent / "fusion.json"


def shipped(fusion: Path = _FUSION, classifier: Path = _CLASSIFIER) -> Calibration:
    """What ships: the fusion's weights, and where they leave it open the classifier's own share and threshold.

    Raises:
        ValueError: The weights were fitted for another build of the classifier.
    """
    weights: dict[str, Any] = json.loads(fusion.read_text())
    own: dict[str, Any] = json.loads(classifier.read_text())
    if weights["classifier"] not in {None, own["build"]}:
        message = f"{fusion} was fitted for classifier {weights['classifier']}, {own['build']} is served: fit it again"
        raise ValueError(message)
    share, threshold = (
        float(own[name] if weights[name] is None else weights[name]) for name in ("share", "threshold")
    )
    return Calibration(
        version=weights["version"],
        share=share,
        threshold=threshold,
        scale=weights["scale"],
        offset=weights["offset"],
        gallery=tuple(weights["gallery"]),
        catalogue=tuple(weights["catalogue"]),
    )


def starting_threshold(settings: Settings) -> float:
    """Where thresholds start until labels exist: as the settings say, else the models' own at the belt's prior."""
    if settings.default_threshold is not None:
        return settings.default_threshold
    own = shipped()
    return chance(shifted(logit(own.threshold), own.share, settings.damage_prior))
