"""One chance of damage out of what the classifier, the gallery and the catalogue say.

Learned on residuals: the classifier's own logit stands, and what references or the catalogue add is fitted to what it
leaves unexplained. Without references, or without knowledge of the contents, those terms are exactly zero, so a missing
gallery never makes a verdict worse; a wrong one is what the comparison's mismatch score is for, which gates its terms.
(Averaging reference features into a classifier lost 9 points of average precision on Kaputt.)

Of what is rare, absence says nothing: that no unit is missing does not speak against a dent, nor that nothing leaked.
Such terms are hinges, zero up to where the evidence begins, or the many captures without it would keep their weight
too small to be heard against the classifier. And a broken set is a question of its own, that an unharmed print must
not argue away: the chance that units are missing, fitted to just that, is the second of two ways to be damaged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

GALLERY: Final = ("changed", "missing")
"""What a registered reference adds, each times the chance that it shows this very print; missing as a hinge."""
CATALOGUE: Final = ("own_matter",)
"""What knowing the contents adds: matter beside the item, a hinge times the chance that it came out of it."""
_LACKING: Final = -1.0
"""Logit of missing at which its hinge begins: what 1 % of intact captures exceed."""
_CLEAR: Final = 26.0
"""Colour distance at which matter is as likely foreign as the item's own; a thin puddle shows much of the tray."""
_BLUR: Final = 3.0
"""Colour distance that changes those odds by a factor of e."""
_LARGEST: Final = 8.0
_STEPS: Final = 60
_FINE: Final = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of n captures; NaN where it is not known.

    Attributes:
        classifier: (n,) logit of damage.
        changed: (n,) the comparison's logit that something is there that should not be; NaN: not compared.
        missing: (n,) its logit that something is not there that should be.
        mismatch: (n,) its logit that the reference shows another print or product.
        matter: (n,) logit that matter lies beside the item.
        foreignness: (n,) colour distance from the item's own contents; NaN: contents unknown.
    """

    classifier: Values
    changed: Values
    missing: Values
    mismatch: Values
    matter: Values
    foreignness: Values

    def taken(self, rows: NDArray[Any]) -> Evidence:
        """Only these captures, by number or by mark."""
        return Evidence(**{name: getattr(self, name)[rows] for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """Fitted weights; those of a group count only where its evidence is there.

    Attributes:
        scale: Of the classifier's logit.
        offset: Added to it.
        gallery: One for each of GALLERY.
        catalogue: One for each of CATALOGUE.
        lacking: Slope and offset of the chance that units are missing, by the comparison's logit of it.
    """

    scale: float
    offset: float
    gallery: tuple[float, ...]
    catalogue: tuple[float, ...]
    lacking: tuple[float, float]

    def logits(self, evidence: Evidence) -> Values:
        """(n,): the fused logit of damage."""
        groups = terms(evidence)
        summed = (
            self.scale * evidence.classifier
            + self.offset
            + groups["gallery"] @ np.array(self.gallery)
            + groups["catalogue"] @ np.array(self.catalogue)
        )
        return either(summed, self._lacking(evidence))

    def _lacking(self, evidence: Evidence) -> Values:
        """(n,): chance that units are missing, as far as a reference of this very print says; 0 without one."""
        slope, offset = self.lacking
        chance = _chance(slope * _missing(evidence) + offset) * _alike(evidence)
        return np.where(np.isnan(evidence.missing), 0.0, chance)

    def ranking(self, evidence: Evidence) -> Values:
        """(n,): the same in units of the classifier's logit, so that rankings by several fits can be put together."""
        return np.asarray((self.logits(evidence) - self.offset) / self.scale)


def terms(evidence: Evidence) -> dict[str, Values]:
    """The columns of each group, (n, 2) and (n, 1), all zero in rows without its evidence."""
    gallery = np.stack(
        [
            np.clip(evidence.changed, -_LARGEST, _LARGEST),
            np.clip(evidence.missing - _LACKING, 0, _LARGEST),
        ],
        axis=1,
    )
    gallery = gallery * _alike(evidence)[:, None]
    gallery[np.isnan(evidence.changed)] = 0
    own = _chance((_CLEAR - evidence.foreignness) / _BLUR)
    catalogue = (np.clip(evidence.matter, 0, _LARGEST) * own)[:, None]
    catalogue[np.isnan(evidence.foreignness)] = 0
    return {"gallery": gallery, "catalogue": catalogue}


def either(logits: Values, chance: Values) -> Values:
    """(n,): log-odds that one of two independent things is so; `logits` themselves where the other's chance is 0."""
    # 1 - (1 - p)(1 - q) has the odds e^l + (e^l + 1) q / (1 - q).
    odds = np.minimum(chance, 1 - 1e-9) / (1 - np.minimum(chance, 1 - 1e-9))
    return np.asarray(np.log(np.exp(logits) + (np.exp(logits) + 1) * odds))


def fit(
    evidence: Evidence,
    damaged: NDArray[np.bool_],
    lacking: NDArray[np.bool_],
    *,
    ridge: float = 0.3,
    dropped: float = 0.3,
    seed: int = 0,
) -> Fusion:
    """Fits the weights to labelled captures, by Newton's method.

    Args:
        evidence: Of captures that none of the networks was trained on.
        damaged: (n,).
        lacking: (n,) whether units are missing that the references show.
        ridge: Pulls the weights of both groups towards zero, in units of captures.
        dropped: Share of captures that are shown a second time with their references taken away, so that the weight of
            the classifier's own logit is not fitted to a world that always has references.
        seed: Decides which.
    """
    bare = np.random.default_rng(seed).random(len(damaged)) < dropped
    rows = stacked(evidence, without(evidence.taken(bare)))
    truth = np.concatenate([damaged, damaged[bare]]).astype(np.float64)
    groups = terms(rows)
    columns = np.column_stack([rows.classifier, np.ones(len(truth)), groups["gallery"], groups["catalogue"]])
    weights = _logistic(columns, truth, ridge)
    ends = 2 + len(GALLERY)
    compared = ~np.isnan(evidence.missing)
    one = np.column_stack([_missing(evidence), np.ones(len(compared))])[compared]
    slope, offset = _logistic(one, lacking[compared].astype(np.float64), ridge)
    return Fusion(
        scale=float(weights[0]),
        offset=float(weights[1]),
        gallery=tuple(float(w) for w in weights[2:ends]),
        catalogue=tuple(float(w) for w in weights[ends:]),
        lacking=(float(slope), float(offset)),
    )


def _logistic(columns: Values, truth: Values, ridge: float) -> Values:
    """Weights of the columns; the second is of ones.

    The first weight is pulled towards one: a network's logit stands unless labels say otherwise.
    """
    start = np.zeros(columns.shape[1])
    start[0] = 1.0
    pull = np.full(columns.shape[1], ridge)
    pull[1] = 1e-6

    def surprise(weights: Values) -> float:
        logits = columns @ weights
        return float(
            (np.logaddexp(0, logits) - truth * logits).sum() + (pull * (weights - start) ** 2).sum() / 2
        )

    weights = start.copy()
    for _ in range(_STEPS):
        chance = _chance(columns @ weights)
        slope = columns.T @ (chance - truth) + pull * (weights - start)
        bend = (columns * (chance * (1 - chance))[:, None]).T @ columns + np.diag(pull)
        step = np.linalg.solve(bend, slope)
        # A whole step may overshoot where classes are nearly apart, and Newton's method then runs off for good.
        now = surprise(weights)
        while surprise(weights - step) > now and np.abs(step).max() >= _FINE:
            step = step / 2
        weights = weights - step
        if np.abs(step).max() < _FINE:
            break
    return weights


def without(evidence: Evidence) -> Evidence:
    """The same captures, their references forgotten."""
    nothing = np.full(len(evidence.classifier), np.nan)
    return replace(evidence, changed=nothing, missing=nothing, mismatch=nothing)


def stacked(first: Evidence, second: Evidence) -> Evidence:
    """The captures of both, one after the other."""
    return Evidence(
        **{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in Evidence.__slots__}
    )


def _missing(evidence: Evidence) -> Values:
    return np.clip(evidence.missing, -_LARGEST, _LARGEST)


def _alike(evidence: Evidence) -> Values:
    """(n,): what a reference's word counts. Squared: half a doubt about its print leaves a quarter of its say."""
    return np.asarray(_chance(-evidence.mismatch) ** 2)


def _chance(logits: Values) -> Values:
    return 1 / (1 + np.exp(-np.clip(np.nan_to_num(logits), -30, 30)))
