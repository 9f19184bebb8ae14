"""The report of one run over a split: headline figures of ordinary captures, and everything else apart."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triton_models.cuts import Marks, Values
from triton_models.kaputt import Query
from triton_models.metrics import (
    BELT_SHARE,
    Reliability,
    auroc,
    average_precision,
    headline,
    reliability_at,
    share_of,
    threshold_at_fpr,
)
from triton_models.simulator.things import DEFECTS

RATE: Final = 0.01
"""False positive share at which scenarios are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What a method's probabilities were learnt under.

    Attributes:
        share: Damaged share of the data they were fitted on, or None if it was the measured split's own.
    """

    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A split and what a method said of it, all in the same order.

    Attributes:
        queries: The captures.
        scores: Of damage, (rows,) in [0, 1].
        types: Scores by type of damage, each empty where the method tells none.
        severities: Each None where the method tells none.
    """

    queries: tuple[Query, ...]
    scores: Values
    types: tuple[Mapping[str, float], ...] = ()
    severities: tuple[str | None, ...] = ()

    def take(self, rows: Sequence[int]) -> Judged:
        """These rows, by number."""
        return Judged(
            queries=tuple(self.queries[row] for row in rows),
            scores=self.scores[list(rows)],
            types=tuple(self.types[row] for row in rows) if self.types else (),
            severities=tuple(self.severities[row] for row in rows) if self.severities else (),
        )

    @property
    def damaged(self) -> Marks:
        """(rows,)."""
        return np.array([query.defect for query in self.queries], bool)

    @property
    def major(self) -> Marks:
        """(rows,)."""
        return np.array([query.major_defect for query in self.queries], bool)

    @property
    def weights(self) -> Values:
        """How many captures each row stands for, (rows,): labels are of what was pulled, seldom of what passed."""
        return np.array([query.weight for query in self.queries], float)

    @property
    def groups(self) -> NDArray[np.str_]:
        """What resampling keeps together, (rows,): the design where it is known, else the item."""
        return np.array(
            [
                query.item_identifier if query.design is None else f"design {query.design}"
                for query in self.queries
            ],
            str,
        )


def ordinary(judged: Judged) -> Judged:
    """The rows of the headline figures."""
    return judged.take([row for row, query in enumerate(judged.queries) if query.ordinary])


def by(judged: Judged, key: Callable[[Query], str]) -> dict[str, Judged]:
    """The rows apart by a key of theirs, in its order."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, query in enumerate(judged.queries):
        rows[key(query)].append(row)
    return {name: judged.take(rows[name]) for name in sorted(rows)}


def scenario_of(query: Query) -> str:
    """The scenario, which null leaves ordinary."""
    return query.scenario or "ordinary"


def operating_point(queries: Sequence[Query], scores: Values, rate: float = RATE) -> float:
    """The threshold that at most `rate` of the ordinary intact captures are strictly above.

    Raises:
        ValueError: There are none.
    """
    rows = ordinary(Judged(queries=tuple(queries), scores=scores))
    return threshold_at_fpr(rows.scores, rows.damaged, rate, rows.weights)


def report_of(
    judged: Judged, *, threshold: float | None = None, prior: Prior | None = None, resamples: int = 1000
) -> dict[str, Any]:
    """Measure a run. A figure that is not defined on these rows is null; all but counts are weighted.

    Args:
        judged: All rows of the split.
        threshold: Chosen on validation, or None to choose it on these rows, which flatters.
        prior: None reports no calibration: the scores are no probabilities.
        resamples: Of the bootstrap.

    Returns:
        `ap_any`, `ap_major`, `auroc`, `recall_at_50_precision`, `recall_at_1_fpr` and `recall_at_01_fpr`, each with
        `<key>_interval` [low, high]; `ece` and `ece_at_1_in_1000`; `at_threshold`; `by_material`, `by_defect_type`,
        `by_scenario`; `severity` (true to called, counts); counts.
    """
    rows = ordinary(judged)
    damaged = rows.damaged
    used = threshold
    if used is None and not damaged.all():
        used = operating_point(rows.queries, rows.scores)
    found: dict[str, Any] = {
        "captures": len(judged.queries),
        "ordinary_captures": len(rows.queries),
        "damaged_share": _share(damaged, rows.weights),
        "stand_for": _plain(rows.weights.sum(), 1),
        "resampled": len(set(rows.groups.tolist())),
    }
    scores = headline(
        rows.scores, damaged, rows.major, groups=rows.groups, weights=rows.weights, resamples=resamples
    )
    for name, (value, low, high) in scores.items():
        found |= {name: _plain(value), f"{name}_interval": _pair((low, high))}
    points = reliabilities(rows, prior)
    return found | {
        "ece": _plain(points[0].error) if points else None,
        "ece_at_1_in_1000": _plain(points[1].error, 8) if points else None,
        "threshold": None if used is None else float(used),
        "threshold_from": "this split" if threshold is None else "validation",
        "at_threshold": _called(rows, used),
        "by_material": _by_material(rows),
        "by_defect_type": _by_type(rows),
        "by_scenario": _by_scenario(judged, used),
        "severity": _severity(rows),
    }


def reliabilities(rows: Judged, prior: Prior | None) -> tuple[Reliability, Reliability] | None:
    """Diagrams at the rows' own damaged share and at 1 in 1000; None without probabilities or without both classes."""
    share = _share(rows.damaged, rows.weights, 17) or 0.0
    if prior is None or not 0 < share < 1:
        return None
    learnt = share if prior.share is None else prior.share
    here, belt = (
        reliability_at(rows.scores, rows.damaged, from_share=learnt, to_share=to, weights=rows.weights)
        for to in (share, BELT_SHARE)
    )
    return here, belt


def _by_material(rows: Judged) -> dict[str, Any]:
    return {
        material: {
            "n": len(some.queries),
            "damaged": int(some.damaged.sum()),
            **_ranking(some.scores, some.damaged, some.weights),
        }
        for material, some in by(rows, lambda query: query.item_material).items()
    }


def _by_type(rows: Judged) -> dict[str, Any]:
    """Each type's captures against all intact ones; `ap_of_type` ranks all rows by the type's own score."""
    found: dict[str, Any] = {}
    for kind in DEFECTS:
        has = np.array([kind in query.defect_types for query in rows.queries], bool)
        if not has.any():
            continue
        kept = has | ~rows.damaged
        found[kind] = {"n": int(has.sum()), **_ranking(rows.scores[kept], has[kept], rows.weights[kept])}
        if rows.types and all(kind in types for types in rows.types):
            own = np.array([types[kind] for types in rows.types])
            found[kind]["ap_of_type"] = _plain(average_precision(own, has, rows.weights))
    return found


def _by_scenario(judged: Judged, threshold: float | None) -> dict[str, Any]:
    return {
        name: {
            "n": len(some.queries),
            "damaged_share": _share(some.damaged, some.weights),
            "mean_score": _plain(float(np.average(some.scores, weights=some.weights))),
            **_called(some, threshold),
        }
        for name, some in by(judged, scenario_of).items()
    }


def _severity(rows: Judged) -> dict[str, dict[str, int]] | None:
    """How often each true severity was called what; None where the method does not tell."""
    if not rows.severities or None in rows.severities:
        return None
    found: dict[str, dict[str, int]] = {}
    for query, said in zip(rows.queries, rows.severities, strict=True):
        true = "major" if query.major_defect else "minor" if query.defect else "none"
        counts = found.setdefault(true, dict.fromkeys(("none", "minor", "major"), 0))
        counts[str(said)] += 1
    return found


def _called(rows: Judged, threshold: float | None) -> dict[str, Any]:
    """Recall and false positive share above a threshold; each only where there are such rows.

    The intervals take captures for independent: they are a little narrow where many share a design.
    """
    found: dict[str, Any] = {}
    if threshold is None:
        return found
    called = rows.scores > threshold
    for name, those in (("recall", rows.damaged), ("false_positive_share", ~rows.damaged)):
        if those.any():
            share, *interval = share_of(called[those], rows.weights[those])
            found |= {name: _plain(share), f"{name}_interval": _pair(interval)}
    return found


def _ranking(scores: Values, damaged: Marks, weights: Values) -> dict[str, float | None]:
    both = bool(damaged.any() and not damaged.all())
    return {
        "ap": _plain(average_precision(scores, damaged, weights)) if both else None,
        "auroc": _plain(auroc(scores, damaged, weights)) if both else None,
    }


def _share(marks: Marks, weights: Values, digits: int = 4) -> float | None:
    return _plain(float(np.average(marks, weights=weights)), digits) if len(marks) else None


def _plain(value: float, digits: int = 4) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def _pair(values: Sequence[float]) -> list[float | None]:
    return [_plain(value) for value in values]
