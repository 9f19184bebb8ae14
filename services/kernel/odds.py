"""What probabilities of damage mean where damage is rare. Values in, values out.

Scores are probabilities at the share of damage of the captures that they were calibrated on, far more than on a belt.
Evidence does not depend on how common damage is, so log-odds move by the difference of the two shares' log-odds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
        lacking: Slope and offset of the chance that units are missing, by the comparison's logit of it: a second way
            to be damaged. None: it does not count.
        classifier: The build that the weights were fitted for; None: they fit any.
    """

    version: str
    share: float
    threshold: float
    scale: float
    offset: float
    gallery: tuple[float, ...]
    catalogue: tuple[float, ...]
    lacking: tuple[float, float] | None = None
    classifier: str | None = None


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


def said(probability: float) -> str:
    """A probability for people: two decimals, and where that would say 0.00, two digits of what there is."""
    if probability >= 0.1:
        return f"{probability:.2f}"
    return f"{probability:.2g}" if probability >= 0.0001 else "under 0.0001"
