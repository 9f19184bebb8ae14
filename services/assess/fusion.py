"""One probability of damage out of what the classifier, the gallery and the catalogue say.

The form that `triton_models/fusion.py` fits: the classifier's own logit stands, and what references or the catalogue
add is added to it. Without them those terms are exactly zero, so a missing gallery never makes a verdict worse; a
reference of another print is what the comparison's mismatch is for, which gates its terms. A broken set is a second
way to be damaged, which an unharmed print does not argue away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.kernel import records as r
from services.kernel.odds import Calibration, chance, logit, shifted

#: How far, in CIELAB, a colour is as likely another stuff's: a thin puddle shows much of the tray.
CLEAR = 26.0
#: What a product holds that nothing can spill out of.
NOTHING = "none"
#: Weight of lightness in the distance of two colours: lamps and shadow change it, the stuff itself less.
_LIGHTNESS = 0.5
_LARGEST = 8.0
#: Colour distance that changes the odds of another stuff by a factor of e.
_BLUR = 3.0
#: Logit of missing at which its hinge begins: that no unit is missing says nothing about other damage.
_LACKING = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of one capture; None where it is not known."""

    scores: r.Scores
    comparison: r.Comparison | None = None
    matter: r.Matter | None = None
    contents: r.Contents | None = None


def probability(seen: Seen, weights: Calibration, prior: float) -> float:
    """Probability of damage, in (0, 1), where damage has this prior."""
    summed = (
        weights.scale * logit(seen.scores.damaged)
        + weights.offset
        + _dot(weights.gallery, gallery_terms(seen.comparison))
        + _dot(weights.catalogue, catalogue_terms(seen.matter, foreignness(seen.matter, seen.contents)))
    )
    fused = either(summed, lacking(seen.comparison, weights))
    return chance(shifted(fused, weights.share, prior))


def either(log_odds: float, probability: float) -> float:
    """Log-odds that one of two independent things is so; `log_odds` itself where the other's probability is 0."""
    # 1 - (1 - p)(1 - q) has the odds e^l + (e^l + 1) q / (1 - q).
    odds = math.exp(log_odds)
    other = min(probability, 1 - 1e-9)
    return math.log(odds + (odds + 1) * other / (1 - other))


def lacking(comparison: r.Comparison | None, weights: Calibration) -> float:
    """Chance that units are missing, as far as a reference of this very print says; 0 without one."""
    if (
        weights.lacking is None
        or comparison is None
        or comparison.missing_logit is None
        or comparison.mismatch_logit is None
    ):
        return 0.0
    slope, offset = weights.lacking
    return chance(slope * _clipped(comparison.missing_logit) + offset) * _alike(comparison.mismatch_logit)


def gallery_terms(comparison: r.Comparison | None) -> tuple[float, ...]:
    """What a reference adds: changed, missing (a hinge); each times the chance that it shows this very print."""
    if (
        comparison is None
        or comparison.changed_logit is None
        or comparison.missing_logit is None
        or comparison.mismatch_logit is None
    ):
        return (0.0, 0.0)
    alike = _alike(comparison.mismatch_logit)
    missing = max(0.0, comparison.missing_logit - _LACKING)
    return (_clipped(comparison.changed_logit) * alike, _clipped(missing) * alike)


def catalogue_terms(matter: r.Matter | None, foreign: float | None) -> tuple[float, ...]:
    """What knowing the contents adds: matter beside the item, times the chance that it came out of it."""
    if matter is None or foreign is None:
        return (0.0,)
    return (_clipped(max(0.0, matter.logit)) * chance((CLEAR - foreign) / _BLUR),)


def foreignness(matter: r.Matter | None, contents: r.Contents | None) -> float | None:
    """How far the matter's colour is from the contents', in units of CIELAB.

    None: it cannot be said, since the contents are not known, or nothing of them could lie there.
    """
    if matter is None or contents is None or contents.kind == NOTHING:
        return None
    lightness, a, b = _lab(contents)
    return math.hypot(_LIGHTNESS * (matter.lightness - lightness), matter.a - a, matter.b - b)


def is_there(matter: r.Matter | None) -> bool:
    """Whether something lies beside the item, more likely than not."""
    return matter is not None and matter.logit > 0


def _lab(contents: r.Contents) -> tuple[float, float, float]:
    """CIELAB (D65) of an sRGB colour."""
    red, green, blue = (_linear(v / 255) for v in (contents.red, contents.green, contents.blue))
    x = (0.412453 * red + 0.357580 * green + 0.180423 * blue) / 0.950456
    y = 0.212671 * red + 0.715160 * green + 0.072169 * blue
    z = (0.019334 * red + 0.119193 * green + 0.950227 * blue) / 1.088754
    return (
        116 * _bent(y) - 16,
        500 * (_bent(x) - _bent(y)),
        200 * (_bent(y) - _bent(z)),
    )


def _linear(v: float) -> float:
    return float(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)


def _bent(t: float) -> float:
    return float(t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116)


def _alike(mismatch_logit: float) -> float:
    """What a reference's word counts. Squared: half a doubt about its print leaves a quarter of its say."""
    return chance(-mismatch_logit) ** 2


def _clipped(value: float) -> float:
    return max(-_LARGEST, min(_LARGEST, value))


def _dot(weights: tuple[float, ...], terms: tuple[float, ...]) -> float:
    return sum(w * t for w, t in zip(weights, terms, strict=True))
