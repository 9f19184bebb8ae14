"""One chance of damage out of what the classifier, the gallery and the catalogue say.

Learned on residuals: the classifier's own logit stands, and what references or the catalogue add is fitted to what it
leaves unexplained. Without references, or without knowledge of the contents, those terms are exactly zero, so a missing
gallery never makes a verdict worse; a wrong one is what the comparison's mismatch score is for, which gates its terms.
(Averaging reference features into a classifier lost 9 points of average precision on Kaputt.)
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

GALLERY: Final = ("changed", "missing", "support", "one")
"""What a registered reference adds, each times the chance that it shows this very print."""
CATALOGUE: Final = ("matter", "own_matter", "foreign_matter", "one")
"""What knowing the contents adds."""
_CLEAR: Final = 15.0
_STEPS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of n captures; NaN where it is not known.

    Attributes:
        classifier: (n,) logit of damage.
        changed: (n,) the comparison's logit that something is there that should not be; NaN: not compared.
        missing: (n,) its logit that something is not there that should be.
        mismatch: (n,) its logit that the reference shows another print or product.
        inliers: (n,) local features that agree on how the reference lies.
        matter: (n,) logit that matter lies beside the item.
        foreignness: (n,) colour distance from the item's own contents; NaN: contents unknown.
    """

    classifier: Values
    changed: Values
    missing: Values
    mismatch: Values
    inliers: Values
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
    """

    scale: float
    offset: float
    gallery: tuple[float, ...]
    catalogue: tuple[float, ...]

    def logits(self, evidence: Evidence) -> Values:
        """(n,): the fused logit of damage."""
        groups = terms(evidence)
        return np.asarray(
            self.scale * evidence.classifier
            + self.offset
            + groups["gallery"] @ np.array(self.gallery)
            + groups["catalogue"] @ np.array(self.catalogue)
        )

    def save(self, path: Path, **more: object) -> None:
        """As JSON, with what else is to be known about it."""
        path.write_text(json.dumps(asdict(self) | more, indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Fusion:
        """What `save` wrote."""
        stored: dict[str, Any] = json.loads(path.read_text())
        return cls(
            scale=stored["scale"],
            offset=stored["offset"],
            gallery=tuple(stored["gallery"]),
            catalogue=tuple(stored["catalogue"]),
        )


def terms(evidence: Evidence) -> dict[str, Values]:
    """The columns of each group, (n, 4) each, all zero in rows without its evidence."""
    # Squared: half a doubt about the reference leaves a quarter of its say.
    alike = _chance(-evidence.mismatch) ** 2
    gallery = np.stack(
        [
            np.clip(evidence.changed, -8, 8),
            np.clip(evidence.missing, -8, 8),
            np.log1p(np.maximum(np.nan_to_num(evidence.inliers), 0)) - 3.0,
            np.ones(len(evidence.classifier)),
        ],
        axis=1,
    )
    gallery = gallery * alike[:, None]
    gallery[np.isnan(evidence.changed)] = 0
    there = _chance(evidence.matter)
    own = np.exp(-((evidence.foreignness / _CLEAR) ** 2))
    catalogue = np.stack(
        [np.clip(evidence.matter, -8, 8), there * own, there * (1 - own), np.ones(len(there))], axis=1
    )
    catalogue[np.isnan(evidence.foreignness)] = 0
    return {"gallery": gallery, "catalogue": catalogue}


def fit(
    evidence: Evidence, damaged: NDArray[np.bool_], *, ridge: float = 1.0, dropped: float = 0.3, seed: int = 0
) -> Fusion:
    """Fits the weights to labelled captures, by Newton's method.

    Args:
        evidence: Of captures that none of the networks was trained on.
        damaged: (n,).
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
    # The scale starts at one and is pulled back to it: the classifier's logit stands unless labels say otherwise.
    start = np.zeros(columns.shape[1])
    start[0] = 1.0
    pull = np.full(columns.shape[1], ridge)
    pull[1] = 1e-6
    weights = start.copy()
    for _ in range(_STEPS):
        chance = _chance(columns @ weights)
        slope = columns.T @ (chance - truth) + pull * (weights - start)
        bend = (columns * (chance * (1 - chance))[:, None]).T @ columns + np.diag(pull)
        step = np.linalg.solve(bend, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    ends = 2 + len(GALLERY)
    return Fusion(
        scale=float(weights[0]),
        offset=float(weights[1]),
        gallery=tuple(float(w) for w in weights[2:ends]),
        catalogue=tuple(float(w) for w in weights[ends:]),
    )


def without(evidence: Evidence) -> Evidence:
    """The same captures, their references forgotten."""
    nothing = np.full(len(evidence.classifier), np.nan)
    return replace(evidence, changed=nothing, missing=nothing, mismatch=nothing, inliers=nothing)


def stacked(first: Evidence, second: Evidence) -> Evidence:
    """The captures of both, one after the other."""
    return Evidence(
        **{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in Evidence.__slots__}
    )


def _chance(logits: Values) -> Values:
    return 1 / (1 + np.exp(-np.clip(np.nan_to_num(logits), -30, 30)))
