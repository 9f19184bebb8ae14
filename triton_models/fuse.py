"""How the classifier and the gallery weigh against each other, and how similar two captures of one product are.

`python -m triton_models.fuse` photographs designs that no network was trained on, runs the exported networks, compares
captures with references by the very rule of `services.compare`, fits a logistic regression over the classifier's logit
and the two distances, and writes `services/assess/fusion.json`. Half of the designs fit, the other half are reported.
It prints the similarities from which the constants of `services.identify.decide` were chosen.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from services.compare.decide import difference
from services.inspect.decide import pooled_embedding
from triton_models import pictures
from triton_models.designs import defects_of
from triton_models.scores import auroc, average_precision, recall_at
from triton_models.serving import serving_module

ROOT = Path(__file__).parent / "repository"
OUT = Path(__file__).parents[1] / "services/assess/fusion.json"
SEED = 40_411
DESIGNS, REFERENCES, INTACT = 60, 3, 7


Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One capture as the networks see it."""

    damaged: float
    embedding: npt.NDArray[np.float32]
    patches: npt.NDArray[np.float16]


class Networks:
    """The exported networks, without a server."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._decode: Any = serving_module("decode", "pixels").decode
        self._classifier, self._encoder = (
            onnxruntime.InferenceSession(str(ROOT / name / "1" / f"{name}.onnx"), options)
            for name in ("damage_classifier", "gallery_encoder")
        )

    def look(self, shot: pictures.Shot) -> Seen:
        """Decode and run both networks over the pictures of a shot."""
        pixels = np.stack([self._decode(image) for image in shot.rgb])
        (damage,) = self._run(self._classifier, pixels, ["DAMAGE"])
        embedding, patches = self._run(self._encoder, pixels, ["EMBEDDING", "PATCHES"])
        return Seen(damaged=float(damage[:, 0].max()), embedding=pooled_embedding(embedding), patches=patches)

    @staticmethod
    def _run(
        session: onnxruntime.InferenceSession, pixels: npt.NDArray[np.uint8], names: list[str]
    ) -> list[Any]:
        return list(session.run(names, {session.get_inputs()[0].name: pixels}))


def features(seen: Seen, references: list[Seen]) -> tuple[float, float, float]:
    """Logit of the classifier, foreign and missing distance."""
    found = difference(seen.patches, [ref.patches for ref in references])
    assert found is not None  # noqa: S101 (all captures have as many images)
    p = min(max(seen.damaged, 1e-6), 1 - 1e-6)
    return float(np.log(p / (1 - p))), found.foreign, found.missing


def fit(x: Rows, y: Rows, *, ridge: float = 1.0, steps: int = 100) -> Rows:
    """Logistic regression by Newton's method; x (n, 3), y (n,) in {0, 1}; returns bias and three weights."""
    scale = x.std(axis=0) + 1e-9
    a = np.column_stack([np.ones(len(x)), x / scale])
    w = np.zeros(a.shape[1])
    penalty = np.diag([0.0, *[ridge] * x.shape[1]])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-a @ w))
        gradient = a.T @ (p - y) + penalty @ w
        hessian = (a * (p * (1 - p))[:, None]).T @ a + penalty
        w -= np.linalg.solve(hessian, gradient)
    return np.concatenate([w[:1], w[1:] / scale])


def main() -> None:
    """Measure, fit, report, write."""
    networks = Networks()
    rows: list[tuple[float, float, float]] = []
    labels: list[int] = []
    owner: list[int] = []
    kept: list[npt.NDArray[np.float32]] = []
    queries: list[tuple[int, bool, npt.NDArray[np.float32]]] = []
    for n, design in enumerate(pictures.catalog(DESIGNS, seed=SEED)):
        base = SEED + n * 1000
        references = [networks.look(pictures.shoot(design, seed=base + k)) for k in range(REFERENCES)]
        kept.append(np.stack([ref.embedding for ref in references]))
        defects: list[str | None] = [None] * INTACT + list(defects_of(design))
        for k, defect in enumerate(defects):
            severity = "major" if k % 2 else "minor"
            seen = networks.look(
                pictures.shoot(design, seed=base + 100 + k, defect=defect, severity=severity)
            )
            rows.append(features(seen, references))
            labels.append(int(defect is not None))
            owner.append(n)
            queries.append((n, defect is not None, seen.embedding))
        print(f"\r{n + 1}/{DESIGNS} designs", end="", flush=True)
    x, y, fitting = np.array(rows), np.array(labels, float), np.array(owner) % 2 == 0
    weights = fit(x[fitting], y[fitting])
    fused = x[~fitting] @ weights[1:] + weights[0]
    truth = y[~fitting] == 1
    report = {
        name: {
            "auroc": round(auroc(scores, truth), 4),
            "ap_any": round(average_precision(scores, truth), 4),
            "recall_at_1_fpr": round(recall_at(scores, truth, 0.01), 4),
        }
        for name, scores in (
            ("classifier", x[~fitting][:, 0]),
            ("fused", fused),
            ("gallery", x[~fitting][:, 1]),
        )
    }
    same, other = similarities(kept, queries)
    identity = {
        "same_product_percentiles_1_5_25_50": [
            round(float(v), 3) for v in np.percentile(same, [1, 5, 25, 50])
        ],
        "best_other_percentiles_50_75_95_99": [
            round(float(v), 3) for v in np.percentile(other, [50, 75, 95, 99])
        ],
        "r_at_1": round(float((same > other).mean()), 4),
    }
    print(
        "\n"
        + json.dumps(
            {"heldout": report, "identity": identity, "weights": weights.round(4).tolist()}, indent=2
        )
    )
    OUT.write_text(
        json.dumps(
            {
                "source": "python -m triton_models.fuse",
                "heldout_half": report,
                "identity": identity,
                "weights": dict(
                    zip(("bias", "classifier", "foreign", "missing"), weights.round(4).tolist(), strict=True)
                ),
            },
            indent=2,
        )
        + "\n"
    )


def similarities(
    kept: list[npt.NDArray[np.float32]], queries: list[tuple[int, bool, npt.NDArray[np.float32]]]
) -> tuple[Rows, Rows]:
    """For each query, the similarity to its own product and to the most similar other one."""
    best = np.array([[float((refs @ q).max()) for refs in kept] for _, _, q in queries])
    own = np.array([best[i, n] for i, (n, _, _) in enumerate(queries)])
    for i, (n, _, _) in enumerate(queries):
        best[i, n] = -2
    return own, best.max(axis=1)


if __name__ == "__main__":
    main()
