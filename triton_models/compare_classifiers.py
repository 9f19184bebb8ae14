"""A candidate classifier against the one that serves: the same captures, the same run, the same resamples.

Each capture is framed once and shown to both networks, in turns, so that accuracy and time are comparable; intervals
are of differences, on resamples of whole designs that both share.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.kernel.sight import pooled_chances
from triton_models.cuts import Marks, Values, cuts, middle, paired
from triton_models.eval_report import Judged, operating_point
from triton_models.kaputt import Query
from triton_models.metrics import MEASURES
from triton_models.problems import BadData

Inputs = Mapping[str, NDArray[Any]]
SERVING: Final = "serving"
CANDIDATE: Final = "candidate"
#: By which a candidate is judged, the first above all.
DECIDING: Final = ("ap_any", "recall_at_1_fpr")
_WORDS: Final = {
    "ap_any": "average precision",
    "recall_at_1_fpr": "recall at 1 % false positives",
}


class Network(Protocol):
    """What is compared."""

    def chances(self, inputs: Inputs) -> NDArray[np.float32]:
        """(9,) of one picture; the first is damage."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What both networks said of some captures, (rows,) by network, and the CPU time that each took per picture, ms."""

    scores: Mapping[str, Values]
    cpu_ms: Mapping[str, float]
    pictures: int


def run(
    networks: Mapping[str, Network],
    queries: Sequence[Query],
    pictures: Callable[[Query], Sequence[Inputs]],
    tick: Callable[[], None],
) -> Run:
    """Show every capture to every network; who is first changes from capture to capture.

    Args:
        networks: By name.
        queries: The captures.
        pictures: Frames a capture's pictures as they are served.
        tick: Called after each capture.
    """
    names = list(networks)
    scores: dict[str, list[float]] = {name: [] for name in names}
    spent = dict.fromkeys(names, 0.0)
    count = 0
    for number, query in enumerate(queries):
        shown = pictures(query)
        count += len(shown)
        for name in names if number % 2 else reversed(names):
            before = time.process_time()
            chances = pooled_chances(np.stack([networks[name].chances(one) for one in shown]))
            spent[name] += time.process_time() - before
            scores[name].append(float(chances[0]))
        tick()
    return Run(
        scores={name: np.array(found) for name, found in scores.items()},
        cpu_ms={name: 1000 * spent[name] / max(count, 1) for name in names},
        pictures=count,
    )


def compared(queries: Sequence[Query], said: Run, *, resamples: int = 1000) -> dict[str, Any]:
    """Both networks' figures, weighted, with intervals of their differences, and a verdict in one sentence.

    Raises:
        BadData: There are no damaged captures, or no intact ones.
    """
    rows = Judged(queries=tuple(queries), scores=said.scores[SERVING])
    damaged, weights = rows.damaged, rows.weights
    if damaged.all() or not damaged.any():
        what = "damaged" if not damaged.any() else "intact"
        raise BadData(f"there is no {what} capture among {len(queries)}: nothing tells two classifiers apart")
    spread = paired(said.scores, damaged, MEASURES, groups=rows.groups, weights=weights, resamples=resamples)
    found: dict[str, Any] = {
        "captures": len(queries),
        "damaged": int(damaged.sum()),
        "products": len({query.item_identifier for query in queries}),
        "stand_for": round(float(weights.sum()), 1),
        **{name: _figures(said, name, damaged, weights, spread[name]) for name in (SERVING, CANDIDATE)},
        "difference": {name: _difference(said, name, damaged, weights, spread) for name in MEASURES},
    }
    return {"verdict": verdict(found), **found}


def _figures(
    said: Run, name: str, damaged: Marks, weights: Values, spread: Mapping[str, Values]
) -> dict[str, Any]:
    whole = cuts(said.scores[name], damaged, weights)
    figures: dict[str, Any] = {}
    for measure, of in MEASURES.items():
        figures |= {measure: _plain(float(of(whole))), f"{measure}_interval": _pair(spread[measure])}
    return figures | {"cpu_ms_per_picture": round(said.cpu_ms[name], 2)}


def _difference(
    said: Run, measure: str, damaged: Marks, weights: Values, spread: Mapping[str, Mapping[str, Values]]
) -> dict[str, Any]:
    serving, candidate = (
        float(MEASURES[measure](cuts(said.scores[name], damaged, weights))) for name in (SERVING, CANDIDATE)
    )
    return {
        "value": _plain(candidate - serving),
        "interval": _pair(spread[CANDIDATE][measure] - spread[SERVING][measure]),
    }


def verdict(found: Mapping[str, Any]) -> str:
    """What the figures say, for whoever decides whether the candidate is to serve."""
    said = {name: _judgement(found["difference"][name]["interval"]) for name in DECIDING}
    first, second = DECIDING
    words = {
        "better": "The candidate is better",
        "worse": "The candidate is worse",
        "": "No difference is shown",
    }
    opening = words[said[first] or said[second]]
    if said[first] and said[second] and said[first] != said[second]:
        opening = "The candidate is better in one way and worse in another"
    new, old = (found[name]["cpu_ms_per_picture"] for name in (CANDIDATE, SERVING))
    return (
        f"{opening}: {_told(found, first)}; {_told(found, second)}; on {found['captures']} captures "
        f"({found['damaged']} damaged) of {found['products']} products, at {new:.1f} ms of CPU a picture "
        f"against {old:.1f}."
    )


def _judgement(interval: Sequence[float | None]) -> str:
    low, high = interval
    if low is not None and low > 0:
        return "better"
    return "worse" if high is not None and high < 0 else ""


def _told(found: Mapping[str, Any], measure: str) -> str:
    gain = found["difference"][measure]
    low, high = gain["interval"]
    span = "unknown" if low is None else f"{low:+.3f} to {high:+.3f}"
    value = "unknown" if gain["value"] is None else f"{gain['value']:+.3f}"
    return f"{_WORDS[measure]} {found[CANDIDATE][measure]} against {found[SERVING][measure]} ({value}, 95 % {span})"


def threshold(queries: Sequence[Query], scores: Values) -> float:
    """The score that 1 % of the intact captures reach: what a new version starts from."""
    return operating_point(queries, scores)


def _plain(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _pair(values: Values) -> list[float | None]:
    return [_plain(value) for value in middle(values)]
