"""Compare pictures from anywhere with the references of their products: a verdict, scores and a heat map for each.

The comparison by itself, as Triton serves it, without classifier or fusion: pictures are framed as at a station.
"""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from triton_models.eval_identify import Query, gallery_of, queries_of
from triton_models.metrics import share_interval
from triton_models.problems import BadData
from triton_models.serving import serving_module
from triton_models.sightings import COMPARISON, build, crop

Picture = NDArray[np.uint8]
Verdict = Literal["as it should be", "changed", "missing", "another print", "not compared"]

THRESHOLDS: Final = COMPARISON.with_name("thresholds.json")
_PANEL: Final = 320
_CAPTION: Final = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Logits above which the comparison alone speaks up, or says that the print is another one.

    `missing` and `mismatch` are chosen on simulated captures. `changed` is chosen on real photos (half of those in
    ../shared/data/grocery; the other half agrees): their hands, slanting sides and small catalogue pictures differ more
    from their references than any simulated capture.
    """

    changed: float
    missing: float
    mismatch: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of one query; `scores` and `heat` as in `comparing.Answer`, `ms` of processor time."""

    verdict: Verdict
    scores: NDArray[np.float32]
    heat: NDArray[np.float16]
    ms: float

    @property
    def score(self) -> float:
        """Chance in [0, 1] that something is changed or missing on the same print; 0 if nothing was compared."""
        if self.verdict == "not compared":
            return 0.0
        changed, missing, mismatch = (1 / (1 + np.exp(-float(logit))) for logit in self.scores[:3])
        return float(max(changed, missing) * (1 - mismatch))


def thresholds(path: Path = THRESHOLDS) -> Thresholds:
    """The shipped ones.

    Raises:
        BadData: They were chosen for another network.
    """
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["build"] != build(COMPARISON):
        raise BadData(f"{path} is for build {stored['build']}, not for {build(COMPARISON)} beside it")
    return Thresholds(**{name: stored[name] for name in Thresholds.__slots__})


def evaluate(
    references: Path,
    queries: Path,
    predictions: Path,
    *,
    heat: Path | None = None,
    report: Path | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Compare and count, on one thread.

    Args:
        references: Folder of `<product_id>/*.jpg`.
        queries: The same, or a CSV `image,product_id` with paths relative to it.
        predictions: CSV to write: image, product_id, verdict, score, the logits, inliers, reference.
        heat: Folder for one PNG for each query; None draws none.
        report: JSON to write.
        console: Where the progress bar goes.

    Returns:
        The report.

    Raises:
        BadData: A file is missing or cannot be read; the message names it, and the row if there is one.
    """
    gallery = _by_product(gallery_of(references))
    rows = _rows(queries, frozenset(gallery))
    limits = thresholds()
    crops = {path: crop(path) for paths in gallery.values() for path in paths}
    comparison: Any = serving_module("gallery_comparison", "comparing").Comparison(COMPARISON)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    found: list[Compared] = []
    try:
        with Progress(*columns, console=console) as progress:
            for number, row in enumerate(progress.track(rows, description="Comparing", total=len(rows))):
                own = [crops[path] for path in gallery[row.product_id]]
                picture = crop(row.path)
                found.append(_compare(comparison, picture, own, limits))
                if heat is not None:
                    _draw(heat / f"{number:05}-{row.product_id}.png", picture, own, found[-1])
    finally:
        cv2.setNumThreads(threads)
    figures = report_of(rows, found)
    predictions.parent.mkdir(parents=True, exist_ok=True)
    _write(predictions, rows, found, gallery)
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures


def verdict_of(scores: NDArray[np.float32], limits: Thresholds) -> Verdict:
    """What the scores of an answer mean at these thresholds."""
    changed, missing, mismatch, inliers = (float(one) for one in scores[:4])
    if inliers == 0:
        return "not compared"
    if mismatch > limits.mismatch:
        return "another print"
    over = {"changed": changed - limits.changed, "missing": missing - limits.missing}
    if max(over.values()) <= 0:
        return "as it should be"
    return "missing" if over["missing"] >= over["changed"] else "changed"


def report_of(rows: Sequence[Query], found: Sequence[Compared]) -> dict[str, Any]:
    """The figures; alarms are false ones where all queries are intact."""
    counts = Counter(one.verdict for one in found)
    alarms = counts["changed"] + counts["missing"]
    products = sorted({row.product_id for row in rows})
    compared = {
        product: [
            one.verdict != "not compared"
            for row, one in zip(rows, found, strict=True)
            if row.product_id == product
        ]
        for product in products
    }
    return {
        "queries": len(rows),
        "alarms": round(alarms / len(rows), 4),
        "alarms_interval": [round(edge, 4) for edge in share_interval(alarms, len(rows))],
        "verdicts": {verdict: counts[verdict] for verdict in sorted(counts)},
        "compared_by_product": {name: round(sum(some) / len(some), 3) for name, some in compared.items()},
        "cpu_ms_per_query": round(float(np.mean([one.ms for one in found])), 1),
        "cpu_ms_per_query_p95": round(float(np.quantile([one.ms for one in found], 0.95)), 1),
    }


def _by_product(pictures: Sequence[tuple[str, Path]]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for product, path in pictures:
        found.setdefault(product, []).append(path)
    return found


def _rows(queries: Path, products: frozenset[str]) -> tuple[Query, ...]:
    if queries.is_file():
        return queries_of(queries, products)
    rows = []
    for product, path in gallery_of(queries):
        if product not in products:
            raise BadData(f"{path}: the references have no product {product}")
        rows.append(Query(image=f"{product}/{path.name}", path=path, product_id=product))
    return tuple(rows)


def _compare(comparison: Any, picture: bytes, references: list[bytes], limits: Thresholds) -> Compared:  # noqa: ANN401 - loaded by path
    started = time.process_time()
    answer = comparison.answer([picture], references)
    spent = 1000 * (time.process_time() - started)
    return Compared(
        verdict=verdict_of(answer.scores, limits), scores=answer.scores, heat=answer.heat, ms=spent
    )


def _write(
    path: Path, rows: Sequence[Query], found: Sequence[Compared], gallery: Mapping[str, Sequence[Path]]
) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "image",
                "product_id",
                "verdict",
                "score",
                "changed",
                "missing",
                "mismatch",
                "inliers",
                "reference",
            ]
        )
        for row, one in zip(rows, found, strict=True):
            logits = [f"{float(logit):.4f}" for logit in one.scores[:3]]
            compared = one.verdict != "not compared"
            reference = gallery[row.product_id][int(one.scores[5])].name if compared else ""
            writer.writerow([
                row.image, row.product_id, one.verdict, f"{one.score:.6f}",
                *(logits if compared else ("", "", "")), int(one.scores[3]), reference,
            ])  # fmt: skip


def _draw(path: Path, picture: bytes, references: Sequence[bytes], found: Compared) -> None:
    """The capture, the reference laid over it, and the capture with what is foreign in red, what is missing in blue."""
    aligning: Any = serving_module("gallery_comparison", "aligning")
    look = aligning.look(picture)
    panels = [look.pixels, np.full_like(look.pixels, 230), look.pixels]
    if found.verdict != "not compared":
        other = aligning.look(references[int(found.scores[5])])
        alignment = aligning.align(look, other)
        laid = aligning.pair(look, other, alignment).reference
        panels[1] = np.asarray(cv2.resize(laid, (_PANEL, _PANEL)), np.uint8)
        panels[2] = overlaid(look.pixels, found.heat)
    sheet = np.full((_PANEL + _CAPTION, 3 * _PANEL, 3), 255, np.uint8)
    sheet[_CAPTION:] = np.hstack(panels)
    changed, missing, mismatch, inliers = (float(one) for one in found.scores[:4])
    words = f"{found.verdict}   changed {changed:+.1f}  missing {missing:+.1f}  other print {mismatch:+.1f}  "
    words += f"({inliers:.0f} features agree; red: foreign, blue: missing)"
    cv2.putText(sheet, words, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (20, 20, 20), 1, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise BadData(f"{path} cannot be written")


def overlaid(picture: Picture, heat: NDArray[np.floating[Any]]) -> Picture:
    """The picture, greyed, with the heat on it. `heat`: (2, 16, 16) logits."""
    size = (picture.shape[1], picture.shape[0])
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float32)
    ground = 0.5 * grey + 0.5 * picture
    for layer, colour in zip(heat, ((230, 30, 30), (30, 60, 240)), strict=True):
        chance = 1 / (1 + np.exp(-layer.astype(np.float32)))
        shown = cv2.resize(chance, size, interpolation=cv2.INTER_CUBIC)
        weight = 0.7 * np.clip((shown - 0.15) / 0.6, 0, 1)[..., None]
        ground = ground * (1 - weight) + np.array(colour, np.float32) * weight
    return np.asarray(np.clip(ground, 0, 255), np.uint8)
