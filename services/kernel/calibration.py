"""What the shipped models say about their own calibration, and what their probabilities mean on the belt.

Scores are probabilities at the share of damage of the captures that they were calibrated on, far more than on a belt.
Evidence does not depend on how common damage is, so log-odds move by the difference of the two shares' log-odds.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.kernel.settings import Settings

_CLASSIFIER = Path(__file__).parents[2] / "triton_models/repository/damage_classifier/1/calibration.json"
_FUSION = Path(__file__).parent / "fusion.json"
_MOST = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How the shipped fusion makes one probability of damage.

    Attributes:
        version: Of the fusion's weights.
        share: Of damage, at which the fused score is a probability.
        threshold: The fused score that 1 % of the intact validation captures reach.
        scale: Of the classifier's logit.
        offset: Added to it.
        gallery: Weights of what a comparison with references adds.
        catalogue: Weights of what knowing the contents adds.
    """

    version: str
    share: float
    threshold: float
    scale: float
    offset: float
    gallery: tuple[float, ...]
    catalogue: tuple[float, ...]


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


def logit(probability: float) -> float:
    """Log-odds, of a probability that is kept off 0 and 1."""
    p = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def chance(log_odds: float) -> float:
    """The probability of log-odds, in (0, 1)."""
    return 1.0 / (1.0 + math.exp(-max(-_MOST, min(_MOST, log_odds))))


def shifted(log_odds: float, share: float, prior: float) -> float:
    """Log-odds at one share of damage, as they are at another."""
    return log_odds - logit(share) + logit(prior)


def starting_threshold(settings: Settings) -> float:
    """Where thresholds start until labels exist: as the settings say, else the models' own at the belt's prior."""
    if settings.default_threshold is not None:
        return settings.default_threshold
    own = shipped()
    return chance(shifted(logit(own.threshold), own.share, settings.damage_prior))
