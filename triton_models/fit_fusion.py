"""Fits the fusion to what classifier and comparison say of the validation split, and says what it gains.

    python -m triton_models.sightings --kaputt ROOT --split validation --gallery own --out own.npz --classifier …
    python -m triton_models.sightings --kaputt ROOT --split validation --gallery other --out other.npz --classifier …
    python -m triton_models.fit_fusion --kaputt ROOT --own own.npz --other other.npz --classifier B --comparison B

Galleries of another product are part of the fit: a wrong gallery must do no harm. The printed figures, and the
threshold, come from folds whose products the weights have not seen; the weights that are written from all of them.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triton_models import kaputt, sightings
from triton_models.fusion import Evidence, Fusion, Values, fit, stacked, without
from triton_models.kaputt import Query
from triton_models.metrics import auroc, average_precision, recall_at_fpr, threshold_at_fpr
from triton_models.problems import BadData

SHIPPED: Final = Path(__file__).parents[1] / "services" / "kernel" / "fusion.json"
_FOLDS: Final = 6
_RATE: Final = 0.01

Marks = NDArray[np.bool_]


def crossed(
    known: dict[str, Evidence], damaged: Marks, lacking: Marks, products: Sequence[str], folds: int = _FOLDS
) -> dict[str, Values]:
    """How damaged each capture is, (n,), by each gallery, from weights that have not seen its product.

    In units of the classifier's logit, see `Fusion.ranking`: each fold's own scale and offset would shuffle the
    captures of different folds, which what ships, one fit, does not do.

    Args:
        known: Evidence of the same n captures by gallery: "own", "other", "none".
        damaged: (n,).
        lacking: (n,) whether units are missing.
        products: Of each capture.
        folds: Products are dealt to so many.
    """
    names = sorted(set(products))
    fold = {name: place % folds for place, name in enumerate(np.random.default_rng(0).permutation(names))}
    place = np.array([fold[name] for name in products])
    found = {name: np.empty(len(damaged)) for name in known}
    for number in range(folds):
        seen = place != number
        weights = _fitted(
            {name: rows.taken(seen) for name, rows in known.items()}, damaged[seen], lacking[seen]
        )
        for name, rows in known.items():
            found[name][~seen] = weights.ranking(rows.taken(~seen))
    return found


def _fitted(known: dict[str, Evidence], damaged: Marks, lacking: Marks) -> Fusion:
    # Of another product's units nothing can be missing.
    none = np.zeros(len(lacking), np.bool_)
    both = stacked(known["own"], known["other"])
    return fit(both, np.concatenate([damaged, damaged]), np.concatenate([lacking, none]))


def headline(ranking: Values, queries: Sequence[Query]) -> dict[str, Any]:
    """Figures of the ordinary captures, and at their 1 % threshold the share called damaged in each scenario."""
    damaged = np.array([query.defect for query in queries])
    ordinary = np.array([query.ordinary for query in queries])
    threshold = threshold_at_fpr(ranking[ordinary], damaged[ordinary], _RATE)
    scenarios = sorted({str(query.scenario) for query in queries if not query.ordinary})
    return {
        "ap_any": round(average_precision(ranking[ordinary], damaged[ordinary]), 4),
        "auroc": round(auroc(ranking[ordinary], damaged[ordinary]), 4),
        "recall_at_1_fpr": round(recall_at_fpr(ranking[ordinary], damaged[ordinary], _RATE), 4),
        **{
            name: round(float((ranking[[str(q.scenario) == name for q in queries]] > threshold).mean()), 3)
            for name in scenarios
        },
    }


def shipped_form(
    weights: Fusion, ranking: Values, queries: Sequence[Query], made_of: dict[str, str]
) -> dict[str, Any]:
    """What services load, see `services.kernel.calibration`.

    Args:
        weights: Fitted to all captures.
        ranking: (n,) with their own galleries, crossed.
        queries: The captures.
        made_of: Builds of the networks.
    """
    damaged = np.array([query.defect for query in queries])
    ordinary = np.array([query.ordinary for query in queries])
    threshold = weights.scale * threshold_at_fpr(ranking[ordinary], damaged[ordinary], _RATE) + weights.offset
    return {
        "version": f"{made_of['classifier'][:6]}-{made_of['comparison'][:6]}",
        "source": "python -m triton_models.fit_fusion, on the simulated station's validation split",
        **made_of,
        "share": round(float(damaged.mean()), 4),
        "threshold": round(float(1 / (1 + np.exp(-threshold))), 6),
        "scale": round(weights.scale, 4),
        "offset": round(weights.offset, 4),
        "gallery": [round(w, 4) for w in weights.gallery],
        "catalogue": [round(w, 4) for w in weights.catalogue],
        "lacking": [round(w, 4) for w in weights.lacking],
    }


def _known(given: argparse.Namespace, queries: Sequence[Query]) -> dict[str, Evidence]:
    wanted = [query.capture_id for query in queries]
    known = {}
    for name in ("own", "other"):
        rows = sightings.load(getattr(given, name))
        if [row.capture_id for row in rows] != wanted:
            raise BadData(f"{getattr(given, name)} is of other captures than the split: make it again")
        known[name] = sightings.evidence_of(rows)
    return known | {"none": without(known["own"])}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kaputt", type=Path, required=True, help="a data set in Kaputt's format")
    parser.add_argument("--split", default="validation")
    parser.add_argument(
        "--own", type=Path, required=True, help="sightings with each product's own references"
    )
    parser.add_argument("--other", type=Path, required=True, help="sightings with another product's")
    parser.add_argument("--classifier", required=True, help="build of the classifier, as its .json says")
    parser.add_argument("--comparison", required=True, help="build of the comparison")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="the JSON to write")
    given = parser.parse_args()
    queries = kaputt.load(given.kaputt, given.split, references=False).queries
    known = _known(given, queries)
    damaged = np.array([query.defect for query in queries])
    lacking = np.array(["missing_unit" in query.defect_types for query in queries])
    found = crossed(known, damaged, lacking, [query.item_identifier for query in queries])
    rows = {"classifier alone": known["own"].classifier, **{f"fused, {k}": v for k, v in found.items()}}
    for name, values in rows.items():
        print(f"{name:18}", json.dumps(headline(values, queries)))
    made_of = {"classifier": given.classifier, "comparison": given.comparison}
    said = shipped_form(_fitted(known, damaged, lacking), found["own"], queries, made_of)
    given.out.write_text(json.dumps(said, indent=2) + "\n")


if __name__ == "__main__":
    main()
