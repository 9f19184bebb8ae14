"""Is a data set hard enough? What a straight line through frozen ImageNet features already reaches on it.

    intact eval hardness ROOT

prints it. Above an average precision of 0.80 the simulated station is too easy to be worth beating: then the damage is
seen by looking at the whole picture once.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from triton_models.cuts import average_precision_of, intervals
from triton_models.eval_report import Judged, ordinary
from triton_models.kaputt import Query, load
from triton_models.metrics import auroc, average_precision
from triton_models.record_pictures import Image, read_image, square

EASY: Final = 0.80
_PENALTIES: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths of the ridge to choose from (scikit-learn's C); features have deviation 1."""

Rows = NDArray[np.floating[Any]]
Features = Callable[[Image], NDArray[np.float32]]
"""An image (H, W, 3) uint8 RGB to one vector (C,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What the probe reached on the ordinary captures of the measured split.

    Attributes:
        ap_any: Average precision.
        interval: Its 95 % interval over designs.
        auroc: The chance of the right order of a damaged and an intact capture.
        damaged_share: What chance would reach as average precision.
        penalty: Chosen on validation.
        captures: How many were measured.
    """

    ap_any: float
    interval: tuple[float, float]
    auroc: float
    damaged_share: float
    penalty: float
    captures: int

    @property
    def too_easy(self) -> bool:
        """Whether the data set does not deserve its name."""
        return self.ap_any > EASY


def probe(root: Path, features: Features, *, split: str = "test") -> Probed:
    """Fit on train, choose the penalty on validation, measure on `split`.

    Args:
        root: Data set in Kaputt's format.
        features: Of one image, frozen; it sees `query_crop`.
        split: To measure on; "validation" where there is no test split yet, which flatters a little.

    Raises:
        BadData: Something is wrong with the data.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - the training environment's

    names = tuple(dict.fromkeys(("train", "validation", split)))
    splits = {
        name: load(root, name, references=False).queries for name in names
    }  # all checked before any work
    seen = {name: _features(queries, features, name) for name, queries in splits.items()}
    middle, spread = seen["train"].mean(axis=0), seen["train"].std(axis=0)
    scaled = {name: (x - middle) / np.where(spread > 0, spread, 1) for name, x in seen.items()}
    truth = {name: np.array([query.defect for query in queries]) for name, queries in splits.items()}
    lines = {
        c: LogisticRegression(C=c, max_iter=2000).fit(scaled["train"], truth["train"]) for c in _PENALTIES
    }

    def scores(penalty: float, name: str) -> Rows:
        return np.asarray(lines[penalty].predict_proba(scaled[name])[:, 1])

    best = max(_PENALTIES, key=lambda c: average_precision(scores(c, "validation"), truth["validation"]))
    rows = ordinary(Judged(queries=splits[split], scores=scores(best, split)))
    spread_of = intervals(rows.scores, rows.damaged, {"ap": average_precision_of}, groups=rows.groups)
    return Probed(
        ap_any=average_precision(rows.scores, rows.damaged),
        interval=spread_of["ap"],
        auroc=auroc(rows.scores, rows.damaged),
        damaged_share=float(rows.damaged.mean()),
        penalty=best,
        captures=len(rows.queries),
    )


def _features(queries: Sequence[Query], features: Features, name: str) -> Rows:
    return np.stack(
        [features(read_image(query.query_crop)) for query in track(queries, name, transient=True)]
    )


def pooled_features() -> Features:
    """Averages and maxima of three stages of the ImageNet trunk, (2864,)."""
    import torch  # noqa: PLC0415 - the training environment's

    from triton_models import network  # noqa: PLC0415 - the same

    torch.set_num_threads(1)
    trunk = network.Trunk(whole=True).eval()

    def features(image: Image) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = network.pooled(trunk(torch.from_numpy(square(image)[None].copy())))
        return np.asarray(found[0].numpy(), np.float32)

    return features


def main() -> None:
    """Print what a linear probe reaches; exit status 1 if that is too much."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="data set in Kaputt's format")
    parser.add_argument("--split", default="test", help="the split to measure on")
    given = parser.parse_args()
    found = probe(given.data, pooled_features(), split=given.split)
    low, high = found.interval
    print(
        f"AP any {found.ap_any:.3f} [{low:.3f}, {high:.3f}], AUROC {found.auroc:.3f}, "
        f"chance {found.damaged_share:.3f}, {found.captures} captures of {given.split}, C {found.penalty:g}: "
        + ("too easy" if found.too_easy else "hard enough")
    )
    sys.exit(1 if found.too_easy else 0)


if __name__ == "__main__":
    main()
