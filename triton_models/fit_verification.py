"""Fits what evidence weighs where the mesh looks closely: `-m triton_models.fit_verification --kaputt ROOT --out DIR`.

Captures of the train split are looked up among the references of all its products by the served encoder; the likest
products are laid over them by the served `product_verification`. Weights are fitted on that, as `fit_identify` does,
and measured on the validation split. Writes `services/identify/verification.json`; prints the similarities from which
the constants of `services.identify.decide` were chosen. What was compared is kept, so a stopped run goes on.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from services.identify import decide
from services.identify.weighing import Weighing
from services.kernel.features import pooled
from triton_models import kaputt
from triton_models.fit_identify import ABSENT, conditional, logistic
from triton_models.mmid_evidence import NAMES
from triton_models.registration import Floats
from triton_models.serving import REPOSITORY, serving_module

OUT: Final = Path(__file__).parents[1] / "services/identify/verification.json"
SEED: Final = 41
CAPTURES: Final = 80
MOST_LEAD: Final = 8.0
PRIOR: Final = 3.0
"""Log odds that a barcode, or a place in the manifest, speaks for a product: set, not fitted."""
WRONG: Final = 0.02
"""Share of the named, absent products at their share included, that may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A capture and the products that were laid over it.

    Attributes:
        right: Place of the product shown among them; -1 if it is not.
        similar: (p,) similarity of embeddings.
        evidence: (p, 6) of each product's best reference.
        absent: Of the same capture without its own product: similarities (q,), evidence (q, 6).
        own: Similarity of the product shown.
        wrong: Greatest similarity of another product.
    """

    right: int
    similar: Floats
    evidence: Floats
    absent: tuple[Floats, Floats]
    own: float
    wrong: float


class Split:
    """A split's references, as the mesh would hold them."""

    def __init__(self, root: Path, split: str, folder: Path) -> None:
        """Reads the tables and looks at all references; what the encoder said of them is kept in `folder`."""
        loaded = kaputt.load(root, split)
        self._view: Any = serving_module("decode", "views").view
        self._encoder = _session()
        self._verifier = serving_module("product_verification", "verifying").Verifier(4096)
        self.queries = sorted(loaded.queries, key=lambda query: query.capture_id)
        shown = [
            (product, reference.reference_image)
            for product, references in sorted(loaded.references_by_item.items())
            for reference in references
        ]
        self._products = np.array([product for product, _ in shown])
        self._images = [image for _, image in shown]
        kept = folder / f"references-{split}.npy"
        if not kept.is_file():
            np.save(kept, np.concatenate([self._seen([image])[0] for image in self._images]))
        self._kept = np.load(kept)

    def case(self, query: kaputt.Query) -> Case:
        """What speaks for the likest products; once with the product shown, once without."""
        images = [image for image in (query.query_image, query.side_image) if image is not None]
        embeddings, crops = self._seen(images)
        alike = self._kept @ pooled(embeddings)
        own = self._products == query.item_identifier
        whole, absent = self._closely(alike, crops, np.ones_like(own)), self._closely(alike, crops, ~own)
        return Case(
            right=whole[0].index(query.item_identifier) if query.item_identifier in whole[0] else -1,
            similar=whole[1],
            evidence=whole[2],
            absent=absent[1:],
            own=float(alike[own].max(initial=-1)),
            wrong=float(alike[~own].max()),
        )

    def _closely(
        self, alike: Floats, crops: Sequence[bytes], among: npt.NDArray[np.bool_]
    ) -> tuple[list[str], Floats, Floats]:
        best: dict[str, list[int]] = {}
        for at in np.argsort(-alike, kind="stable"):
            if among[at] and (len(best) < decide.CLOSELY or self._products[at] in best):
                best.setdefault(str(self._products[at]), []).append(int(at))
        held = [(product, at) for product, rows in best.items() for at in rows[: decide.REFERENCES]]
        rows = self._verifier.evidence(
            crops, [self._crop(at) for _, at in held], [product.encode() for product, _ in held]
        )
        inliers = rows[:, 0]
        places = {
            product: max(
                (k for k, (owner, _) in enumerate(held) if owner == product), key=lambda k: inliers[k]
            )
            for product in best
        }
        similar = np.array([alike[found[0]] for found in best.values()], np.float32)
        return list(best), similar, rows[[places[product] for product in best]]

    @cache  # noqa: B019 - lives as long as the run
    def _crop(self, at: int) -> bytes:
        crop: bytes = self._view(self._images[at].read_bytes(), b"").crop
        return crop

    def _seen(self, images: Sequence[Path]) -> tuple[Floats, list[bytes]]:
        views = [self._view(image.read_bytes(), b"") for image in images]
        pixels = np.stack([view.whole for view in views])
        return self._encoder.run(["EMBEDDING"], {"PIXELS": pixels})[0], [view.crop for view in views]


def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        REPOSITORY / "gallery_encoder" / "1" / "gallery_encoder.onnx",
        options,
        providers=["CPUExecutionProvider"],
    )


def cases(root: Path, split: str, count: int, folder: Path) -> list[Case]:
    """Of so many captures, drawn the same each time; made if `folder` does not hold them yet."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = np.random.default_rng(SEED).permutation(len(kaputt.load(root, split).queries))[:count]
    made: Split | None = None
    found = []
    for at in drawn:
        kept = folder / f"{split}-{at:05d}.npz"
        if not kept.is_file():
            made = made or Split(root, split, folder)
            one = made.case(made.queries[at])
            part = kept.with_suffix(".part.npz")
            np.savez(
                part, right=one.right, similar=one.similar, evidence=one.evidence, own=one.own, wrong=one.wrong,
                absent_similar=one.absent[0], absent_evidence=one.absent[1],
            )  # fmt: skip
            part.rename(kept)
        with np.load(kept) as arrays:
            found.append(
                Case(
                    right=int(arrays["right"]),
                    similar=arrays["similar"],
                    evidence=arrays["evidence"],
                    absent=(arrays["absent_similar"], arrays["absent_evidence"]),
                    own=float(arrays["own"]),
                    wrong=float(arrays["wrong"]),
                )
            )
    return found


def fitted(found: Sequence[Case]) -> Weighing:
    """The weights, and the confidence from which a product is named."""
    clear = [case for case in found if case.right >= 0]
    rows = np.stack([_rows(case.similar, case.evidence) for case in clear])
    weights = conditional(rows, np.array([case.right for case in clear]))
    seen = [(case.similar, case.evidence) for case in clear] + [case.absent for case in found]
    doubts = np.array([_doubts(*one, weights) for one in seen])
    none = logistic(doubts, np.repeat((0.0, 1.0), (len(clear), len(found))))
    made = Weighing(
        version="",
        evidence=tuple(np.round(weights[:-1], 4).tolist()),
        similarity=round(float(weights[-1]), 4),
        constant=round(float(none[0] + np.log(ABSENT / (1 - ABSENT))), 4),
        lead=round(float(none[1]), 4),
        most_lead=MOST_LEAD,
        doubt=tuple(np.round(none[2:-1], 4).tolist()),
        doubt_similarity=round(float(none[-1]), 4),
        prior=PRIOR,
        named=0.5,
    )
    named = _least(found, made)
    values = {name: getattr(made, name) for name in Weighing.__dataclass_fields__} | {"named": named}
    values["version"] = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:8]
    return Weighing(**values)


def _least(found: Sequence[Case], weighing: Weighing) -> float:
    """The least confidence from which few enough of what is named is wrong; never less than a half."""
    told = [(*confidence(case.similar, case.evidence, weighing), case.right) for case in found]
    absent = np.array([confidence(*case.absent, weighing)[0] for case in found])
    sure = np.array([share for share, _, _ in told])
    wrong = np.array([place != right for _, place, right in told])
    for least in np.arange(0.5, 1.0, 0.01):
        strange = ABSENT * float((absent >= least).mean())
        named = (1 - ABSENT) * float((sure >= least).mean()) + strange
        if (1 - ABSENT) * float((wrong & (sure >= least)).mean()) + strange <= WRONG * named:
            return round(float(least), 2)
    return 0.99


def confidence(similar: Floats, evidence: Floats, weighing: Weighing) -> tuple[float, int]:
    """Of the best product, by the very rule of the mesh; and its place."""
    names = [str(place) for place in range(len(similar))]
    found = decide.from_evidence(
        list(zip(names, similar.tolist(), strict=True)),
        dict(zip(names, evidence.tolist(), strict=True)),
        (),
        weighing,
    )
    return found.candidates[0].confidence, int(found.candidates[0].product_id)


def figures(found: Sequence[Case], weighing: Weighing) -> dict[str, Any]:
    """How often likeness alone, and how often a close look, names the right product; and how calibrated it is."""
    told = [confidence(case.similar, case.evidence, weighing) for case in found]
    absent = np.array([confidence(*case.absent, weighing)[0] for case in found])
    sure = np.array([share for share, _ in told])
    right = np.array([place == case.right for (_, place), case in zip(told, found, strict=True)])
    bins = np.minimum((sure * 5).astype(int), 4)
    return {
        "captures": len(found),
        "shortlisted": round(float(np.mean([case.right >= 0 for case in found])), 4),
        "right_by_likeness": round(float(np.mean([case.own > case.wrong for case in found])), 4),
        "right_looked_at_closely": round(float(right.mean()), 4),
        "named": round(float((sure >= weighing.named).mean()), 4),
        "wrong_of_named": round(float((~right)[sure >= weighing.named].mean()), 4),
        "absent_named": round(float((absent >= weighing.named).mean()), 4),
        "reliability": [
            [
                round(float(sure[bins == b].mean()), 3),
                round(float(right[bins == b].mean()), 3),
                int((bins == b).sum()),
            ]
            for b in range(5)
            if (bins == b).any()
        ],
        "similarity": {
            "wrong reaches in 1 %": round(float(np.quantile([case.wrong for case in found], 0.99)), 3),
            "right is below in 1 %": round(float(np.quantile([case.own for case in found], 0.01)), 3),
            "median of right": round(float(np.median([case.own for case in found])), 3),
            "median of wrong": round(float(np.median([case.wrong for case in found])), 3),
        },
        "settled": _settled(found),
    }


def _settled(found: Sequence[Case]) -> list[list[float]]:
    """For similarities and leads: share of captures that likeness settles, and how many of those wrongly."""
    top = np.array([max(case.own, case.wrong) for case in found])
    lead = np.array([abs(case.own - case.wrong) for case in found])
    wrong = np.array([case.wrong > case.own for case in found])
    told = []
    for least in (0.4, 0.5, 0.6, 0.7):
        for ahead in (0.05, 0.1, 0.15, 0.2):
            marks = (top >= least) & (lead >= ahead)
            told.append(
                [
                    least,
                    ahead,
                    round(float(marks.mean()), 3),
                    round(float(wrong[marks].mean()) if marks.any() else 0.0, 4),
                ]
            )
    return told


def _rows(similar: Floats, evidence: Floats) -> npt.NDArray[np.float64]:
    """(p, 7), products that were too few filled up with some that nothing speaks for."""
    rows = np.column_stack([evidence, similar]).astype(np.float64)
    missing = decide.CLOSELY - len(rows)
    return np.vstack([rows, np.tile([*(0.0,) * len(NAMES), -1.0], (missing, 1))]) if missing else rows


def _doubts(similar: Floats, evidence: Floats, weights: npt.NDArray[np.float64]) -> list[float]:
    scores = np.column_stack([evidence, similar]) @ weights
    top = int(scores.argmax())
    rest = np.delete(scores, top)
    lead = float(scores[top] - rest.max()) if rest.size else MOST_LEAD
    return [1.0, min(lead, MOST_LEAD), *evidence[top].tolist(), float(similar[top])]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kaputt", type=Path, required=True, help="a data set in Kaputt's format")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is kept between runs")
    parser.add_argument("--captures", type=int, default=CAPTURES)
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    weighing = fitted(cases(asked.kaputt, "train", asked.captures, asked.out))
    values = {name: getattr(weighing, name) for name in Weighing.__dataclass_fields__}
    OUT.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    measured = figures(cases(asked.kaputt, "validation", asked.captures, asked.out), weighing)
    print(json.dumps(values | {"validation": measured}, indent=2))


if __name__ == "__main__":
    main()
