"""Is a data set hard enough? What a straight line through frozen ImageNet features already reaches on it.

`python -m triton_models.linear_probe DATA` prints it. Above an average precision of 0.80 the simulated station is too
easy to be worth beating: then the damage is seen by looking at the whole picture once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track

from triton_models.cuts import Marks, average_precision_of, intervals
from triton_models.eval_report import Judged, ordinary
from triton_models.frozen_features import Encoder, Features, Image, read_image, square
from triton_models.kaputt import Query, load
from triton_models.metrics import auroc, average_precision
from triton_models.problems import BadData

EASY: Final = 0.80
_RIDGES: Final = (1e-4, 1e-3, 1e-2, 1e-1)
_TOLERANCE = 1e-6

Rows = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Logistic regression: the chance of damage is the sigmoid of x · weights + bias."""

    weights: Rows
    bias: float

    def scores(self, x: Rows) -> Rows:
        """(rows, C) to probabilities (rows,)."""
        return _sigmoid(x @ self.weights + self.bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What the probe reached on the ordinary captures of the test split.

    Attributes:
        ap_any: Average precision.
        interval: Its 95 % interval over designs.
        auroc: The chance of the right order of a damaged and an intact capture.
        damaged_share: What chance would reach as average precision.
        ridge: Chosen on validation.
        captures: How many were measured.
    """

    ap_any: float
    interval: tuple[float, float]
    auroc: float
    damaged_share: float
    ridge: float
    captures: int

    @property
    def too_easy(self) -> bool:
        """Whether the data set does not deserve its name."""
        return self.ap_any > EASY


def probe(root: Path, features: Features, *, ridges: Sequence[float] = _RIDGES) -> Probed:
    """Fit on train, choose the ridge on validation, measure on test.

    Args:
        root: Data set in Kaputt's format with all three splits.
        features: Of one image, frozen; it sees `query_crop`.
        ridges: Strengths to choose from; the loss is a mean over rows, features have deviation 1.

    Raises:
        BadData: Something is wrong with the data.
    """
    splits = {
        name: load(root, name, references=False).queries for name in ("train", "validation", "test")
    }  # all checked before the first picture is read
    seen = {name: _features(queries, features, name) for name, queries in splits.items()}
    middle, spread = seen["train"].mean(axis=0), seen["train"].std(axis=0)
    scaled = {name: (x - middle) / np.where(spread > 0, spread, 1) for name, x in seen.items()}
    truth = {name: np.array([query.defect for query in queries]) for name, queries in splits.items()}
    lines = {ridge: fit(scaled["train"], truth["train"], ridge=ridge) for ridge in ridges}
    best = max(
        ridges,
        key=lambda ridge: average_precision(lines[ridge].scores(scaled["validation"]), truth["validation"]),
    )
    rows = ordinary(Judged(queries=splits["test"], scores=lines[best].scores(scaled["test"])))
    spread_of = intervals(rows.scores, rows.damaged, {"ap": average_precision_of}, groups=rows.groups)
    return Probed(
        ap_any=average_precision(rows.scores, rows.damaged),
        interval=spread_of["ap"],
        auroc=auroc(rows.scores, rows.damaged),
        damaged_share=float(rows.damaged.mean()),
        ridge=best,
        captures=len(rows.queries),
    )


def fit(x: Rows, damaged: Marks, *, ridge: float, steps: int = 50) -> Line:
    """Minimise the mean log loss plus ridge / 2 · |weights|² by Newton's method, the bias free.

    The Newton step is found by conjugate gradients, so that no matrix of C by C is made: C may be thousands.

    Args:
        x: (rows, C).
        damaged: (rows,).
        ridge: Strength, above 0.
        steps: Of Newton at most.
    """
    a = np.column_stack([x, np.ones(len(x))]).astype(float)
    penalty = np.append(np.full(x.shape[1], ridge), 0.0)
    y = damaged.astype(float)

    def loss(w: Rows) -> float:
        z = a @ w
        return float(np.mean(np.logaddexp(0, z) - y * z) + (penalty * w * w).sum() / 2)

    w = np.zeros(a.shape[1])
    for _ in range(steps):
        p = _sigmoid(a @ w)
        slope = a.T @ (p - y) / len(y) + penalty * w
        if np.abs(slope).max() < _TOLERANCE:
            break
        curve = p * (1 - p) / len(y)
        step = _solve(lambda v, curve=curve: a.T @ (curve * (a @ v)) + (penalty + 1e-9) * v, -slope)  # type: ignore[misc]
        length, before = 1.0, loss(w)
        while loss(w + length * step) > before + 1e-4 * length * float(slope @ step) and length > 1e-6:
            length /= 2
        w = w + length * step
    return Line(weights=w[:-1], bias=float(w[-1]))


def _solve(times: Callable[[Rows], Rows], right: Rows, *, steps: int = 200) -> Rows:
    """Conjugate gradients for a symmetric positive matrix, given as what it does to a vector."""
    found, rest = np.zeros_like(right), right.copy()
    along, size = rest.copy(), float(rest @ rest)
    enough = 1e-8 * size
    for _ in range(steps):
        if size <= enough:
            break
        image = times(along)
        length = size / float(along @ image)
        found, rest = found + length * along, rest - length * image
        size, before = float(rest @ rest), size
        along = rest + size / before * along
    return found


def _sigmoid(z: Rows) -> Rows:
    return np.asarray((1 + np.tanh(z / 2)) / 2)


def _features(queries: Sequence[Query], features: Features, name: str) -> Rows:
    return np.stack(
        [features(read_image(query.query_crop)) for query in track(queries, name, transient=True)]
    )


def pooled_features() -> Features:
    """What the classifier's own head is trained on: averages and maxima of three stages of the trunk, (2864,).

    This is the stronger probe and the one that decides; it needs the training environment.

    Raises:
        BadData: Torch or the package with the weights is not installed here.
    """
    try:
        torch, network = import_module("torch"), import_module("triton_models.network")
    except ImportError as error:
        raise BadData(
            f"the pooled features need the training environment ({error}); --shipped probes the served embedding"
        ) from error
    trunk = network.Trunk(whole=True).eval()

    def features(image: Image) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = network.pooled(trunk(torch.from_numpy(square(image)[None].copy())))
        return np.asarray(found[0].numpy(), np.float32)

    return features


def main(
    data: Annotated[Path, typer.Argument(help="Data set in Kaputt's format.")],
    *,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="Probe the served embedding, without torch.")
    ] = False,
) -> None:
    """Print what a linear probe reaches; exit status 1 if that is too much."""
    found = probe(data, Encoder().embedding if shipped else pooled_features())
    low, high = found.interval
    typer.echo(
        f"AP any {found.ap_any:.3f} [{low:.3f}, {high:.3f}], AUROC {found.auroc:.3f}, "
        f"chance {found.damaged_share:.3f}, {found.captures} captures, ridge {found.ridge:g}: "
        + ("too easy" if found.too_easy else "hard enough")
    )
    if found.too_easy:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
