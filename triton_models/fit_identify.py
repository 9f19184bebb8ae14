"""Fits the weights of `mmid` on snapshots of made-up products: `python -m triton_models.fit_identify --out DIR`.

No photograph takes part. A snapshot (`shelf`) of one of the simulator's training designs is compared with the
catalogue pictures of all of them; a conditional logistic regression says how much each piece of evidence is worth, a
logistic regression when it is none of the products that came into question. What one snapshot gives is kept in DIR, so
a stopped run goes on. Writes `mmid_weights.json` beside this file.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from triton_models import mmid, shelf
from triton_models.mmid_catalogue import Catalogue, catalogue_of, enrol, load, save
from triton_models.registration import Floats

SEED: Final = 77
SNAPSHOTS: Final = 480
_RIDGE: Final = 3.0  # on weights of evidence scaled to a standard deviation of 1
_ROUNDS: Final = 4000
ABSENT: Final = 0.03
"""Share of items that are not in the catalogue, as confidences take it: set, not fitted; of the fit it is half."""
_HELD_OUT: Final = 5  # of so many snapshots one is not fitted on; its figures are printed

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The evidence that one snapshot gives.

    Attributes:
        right: Row of the product shown.
        rows: (R, E) evidence for each reference.
        absent: (R - 1, E) the same where the product shown is not in the catalogue.
    """

    right: int
    rows: Floats
    absent: Floats


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, compare, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for what is kept between runs")
    parser.add_argument("--snapshots", type=int, default=SNAPSHOTS)
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    catalogue = _catalogue(asked.out / "catalogue.npz")
    seen = [_seen(number, catalogue, asked.out) for number in range(asked.snapshots)]
    inside = [one for number, one in enumerate(seen) if number % _HELD_OUT]
    weights, none = fitted(inside)
    _report("fitted on", inside, weights)
    _report("held out", [one for number, one in enumerate(seen) if not number % _HELD_OUT], weights)
    made = {"seed": SEED, "snapshots": asked.snapshots, "split": "train"}
    found = {name: round(float(value), 4) for name, value in zip(mmid.NAMES, weights, strict=True)}
    doubt = {name: round(float(value), 4) for name, value in zip(mmid.NONE_NAMES, none, strict=True)}
    text = json.dumps({"made": made, "evidence": found, "none": doubt}, indent=2)
    mmid.WEIGHTS_FILE.write_text(text + "\n", encoding="utf-8")
    print(text)


def fitted(seen: Sequence[Seen]) -> tuple[Matrix, Matrix]:
    """Weights of the evidence, and of what speaks for none of the products, in the orders that `mmid` names."""
    rows = np.stack([one.rows for one in seen]).astype(np.float64)
    weights = conditional(rows, np.array([one.right for one in seen]))
    present = [mmid.doubts(one.rows, weights) for one in seen]
    absent = [mmid.doubts(one.absent, weights) for one in seen]
    answers = np.repeat((0.0, 1.0), (len(present), len(absent)))
    none = logistic(np.array([*present, *absent], np.float64), answers)
    none[0] += np.log(ABSENT / (1 - ABSENT))
    return weights, none


def conditional(rows: Matrix, right: npt.NDArray[np.intp], *, ridge: float = _RIDGE) -> Matrix:
    """Weights (E,), none below 0, under which the right one of each choice is likeliest.

    Args:
        rows: (N, R, E) evidence for each of R, in N choices.
        right: (N,) which is right.
        ridge: Penalty on the squares of weights.
    """
    scale = rows.reshape(-1, rows.shape[2]).std(0) + 1e-9
    scaled, truth = rows / scale, np.arange(len(right))
    weights = np.zeros(rows.shape[2])
    step = 4.0 / np.square(scaled.max(1) - scaled.min(1)).sum(1).mean() / len(right)
    best, held = weights, weights
    for number in range(_ROUNDS):
        scores = scaled @ held
        shares = np.exp(scores - scores.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        slope = (scaled[truth, right] - np.einsum("nr,nre->ne", shares, scaled)).sum(0) - ridge * held
        weights, best = np.maximum(held + step * slope, 0), weights
        held = weights + number / (number + 3) * (weights - best)
    return np.asarray(weights / scale)


def logistic(rows: Matrix, answers: Matrix, *, ridge: float = 1.0) -> Matrix:
    """Weights (E,) of a logistic regression; the first column is 1, is free and is not penalized.

    The others may only lessen what is asked: evidence for a product never speaks for "none of these". Without that,
    the fit exploits how made-up products are made, and is worse on real ones.
    """
    scale = np.append(1.0, rows[:, 1:].std(0) + 1e-9)
    scaled, weights = rows / scale, np.zeros(rows.shape[1])
    step = 1 / (0.25 * np.linalg.norm(scaled, 2) ** 2 + ridge)
    for _ in range(_ROUNDS):
        slope = scaled.T @ (answers - 1 / (1 + np.exp(-scaled @ weights))) - ridge * np.append(
            0.0, weights[1:]
        )
        weights = weights + step * slope
        weights[1:] = np.minimum(weights[1:], 0)
    return np.asarray(weights / scale)


def _report(name: str, seen: Sequence[Seen], weights: Matrix) -> None:
    scores = np.stack([one.rows for one in seen]) @ weights
    ranks = (scores > scores[np.arange(len(seen)), [one.right for one in seen]][:, None]).sum(1)
    print(f"{name} {len(seen)}: R@1 {(ranks < 1).mean():.3f}, R@5 {(ranks < mmid.CANDIDATES).mean():.3f}")


def _catalogue(kept: Path) -> Catalogue:
    if not kept.is_file():
        numbers = shelf.designs("train")
        save(catalogue_of(enrol(str(number), shelf.catalogue_picture(number)) for number in numbers), kept)
    return load(kept)


def _seen(number: int, catalogue: Catalogue, folder: Path) -> Seen:
    kept = folder / f"snapshot-{number:05d}.npz"
    if not kept.is_file():
        rng = np.random.default_rng([SEED, number])
        shown = int(rng.choice(shelf.designs("train")))
        right = catalogue.ids.index(str(shown))
        sighting = mmid.look(shelf.snapshot(shown, rng), catalogue)
        everyone = np.arange(len(catalogue.owners))
        rows = mmid.evidence(sighting, catalogue, everyone)
        absent = mmid.evidence(sighting, catalogue, np.delete(everyone, right))
        part = kept.with_suffix(".part.npz")
        np.savez(part, right=right, rows=rows, absent=absent)
        part.rename(kept)
    with np.load(kept) as arrays:
        return Seen(right=int(arrays["right"]), rows=arrays["rows"], absent=arrays["absent"])


if __name__ == "__main__":
    main()
