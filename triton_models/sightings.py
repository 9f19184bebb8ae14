"""What the classifier and the comparison say of every capture of a data set: what the fusion is fitted on, and tested.

    python -m triton_models.sightings --kaputt ROOT --split validation --out FILE.npz [--classifier FILE.onnx]

Runs the very code that Triton serves, on the files that it serves. Each capture's line is appended to FILE.npz.part as
it is done, so that a run that was cut short goes on where it stopped; one of other networks or references is refused.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import cache, lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.kernel.sight import pooled_chances
from triton_models import evidence, kaputt
from triton_models.fusion import Evidence
from triton_models.galleries import GALLERIES, MOST, Gallery, chosen
from triton_models.install import build_of
from triton_models.kaputt import Query, Reference
from triton_models.metrics import auroc, average_precision, recall_at_fpr, threshold_at_fpr
from triton_models.problems import BadData
from triton_models.serving import REPOSITORY, serving_module
from triton_models.simulator import catalogue

COMPARISON: Final = REPOSITORY / "gallery_comparison" / "1" / "gallery_comparison.onnx"
_CERTAIN: Final = 1e-6
"""How near to 0 and 1 the services let a chance come (`services.kernel.odds.logit`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One capture. NaN where nothing is known.

    Attributes:
        capture_id: Its id in the data set.
        classifier: Logit of damage.
        changed: Logit that something is there that should not be; NaN: not compared.
        missing: Logit that something is not there that should be.
        mismatch: Logit that the references show another print.
        inliers: Local features that agree; 0: not compared.
        picture: The picture that the comparison rests on.
        reference: The reference that it rests on.
        references: How many there were.
        matter: Logit that matter lies beside the item, of the surest picture.
        foreignness: Colour distance of the matter from the product's contents; NaN: contents unknown.
        milliseconds: Processor time of the comparison.
    """

    capture_id: str
    classifier: float
    changed: float
    missing: float
    mismatch: float
    inliers: int
    picture: int
    reference: int
    references: int
    matter: float
    foreignness: float
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One capture to look at, with these references and networks."""

    query: Query
    references: tuple[Reference, ...]
    classifier: Path | None
    comparison: Path


class Seen(NamedTuple):
    """One capture, and the classifier's chances (9,) of it; None where the classifier is left out."""

    sighting: Sighting
    chances: NDArray[np.float32] | None


def sight(job: Job) -> Sighting:
    """Looks at one capture."""
    return seen(job).sighting


def seen(job: Job) -> Seen:
    """Looks at one capture, and keeps all that the classifier said."""
    query = job.query
    views = [view(query.query_image, query.depth_image)]
    if query.side_image is not None:
        views.append(view(query.side_image, None))
    chances, matter, foreignness = None, float("nan"), float("nan")
    if job.classifier is not None:
        chances, matter, foreignness = _classified(job.classifier, query, views)
    pictures = [view.crop for view in views]
    references = [_reference(shown(reference)) for reference in job.references]
    started = time.process_time()
    scores = [float(one) for one in _comparison(job.comparison).answer(pictures, references).scores]
    spent = 1000 * (time.process_time() - started)
    if scores[3] == 0:
        scores[:3] = [float("nan")] * 3
    sighting = Sighting(
        capture_id=query.capture_id,
        classifier=float("nan") if chances is None else _logit(float(chances[0])),
        changed=scores[0],
        missing=scores[1],
        mismatch=scores[2],
        inliers=int(scores[3]),
        picture=int(scores[4]),
        reference=int(scores[5]),
        references=len(references),
        matter=matter,
        foreignness=foreignness,
        milliseconds=round(spent, 2),
    )
    return Seen(sighting, chances)


def crop(image: Path) -> bytes:
    """What is kept of a picture for comparing: framed, 320 pixels wide, as a JPEG.

    Raises:
        BadData: It is no picture.
    """
    return bytes(view(image, None).crop)


def view(image: Path, depth: Path | None) -> Any:  # noqa: ANN401 - code that is loaded by path
    """A picture as the mesh sees it: `View` of decode's views.py.

    Raises:
        BadData: It is no picture.
    """
    pixels: Any = serving_module("decode", "pixels")
    try:
        return serving_module("decode", "views").view(
            image.read_bytes(), b"" if depth is None else depth.read_bytes()
        )
    except pixels.DecodeError as error:
        raise BadData(f"{image} {str(error).removeprefix('DECODE: ')}") from error


def shown(reference: Reference) -> Path:
    """A simulated reference is framed as a station frames it; other data sets bring crops that people chose."""
    return reference.reference_crop if reference.design is None else reference.reference_image


@lru_cache(maxsize=256)
def _reference(image: Path) -> bytes:
    return crop(image)


@cache
def _comparison(network: Path) -> Any:  # noqa: ANN401 - code that is loaded by path
    cv2.setNumThreads(1)
    return serving_module("gallery_comparison", "comparing").Comparison(network)


@cache
def session(network: Path) -> onnxruntime.InferenceSession:
    """A network on one thread, loaded once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def classify(network: Path, picture: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # noqa: ANN401 - as `view`
    """Chances (9,) and logits (8, 16, 16) of where, of one `view`."""
    given = {"PIXELS": picture.pixels[None], "HEIGHT": picture.height[None]}
    damage, where = session(network).run(["DAMAGE", "WHERE"], given)
    return damage[0], where[0]


def _classified(
    network: Path, query: Query, views: Iterable[Any]
) -> tuple[NDArray[np.float32], float, float]:
    """Chances (9,) of the capture, the logit of matter, and how foreign the matter is."""
    chances, found = [], []
    for each in views:
        said, where = classify(network, each)
        chances.append(said)
        found.append(evidence.matter(each.pixels, where[-1]))
    surest = max(found, key=lambda one: one.logit)
    contents = contents_of(query)
    foreignness = float("nan") if contents is None else evidence.foreignness(surest, contents)
    return pooled_chances(np.stack(chances)), surest.logit, foreignness


def _logit(chance: float) -> float:
    kept = min(max(chance, _CERTAIN), 1 - _CERTAIN)
    return float(np.log(kept / (1 - kept)))


def contents_of(query: Query) -> tuple[int, int, int] | None:
    """The colour (sRGB) of what a simulated product holds; None of what spills nothing and of any other data set."""
    if query.design is None:
        return None
    design = catalogue.design(query.design)
    if design.product_id != query.item_identifier or design.contents.kind == "none":
        return None
    return design.contents.colour


def jobs(
    split: kaputt.Split, classifier: Path | None, *, gallery: Gallery = "own", most: int = MOST
) -> list[Job]:
    """One for each capture, in order.

    Args:
        split: With references.
        classifier: ONNX with DAMAGE and WHERE, as `intact export` writes it; None leaves the classifier out.
        gallery: Whose references.
        most: References of a product that are used.
    """
    return [
        Job(query=query, references=references, classifier=classifier, comparison=COMPARISON.absolute())
        for query, references in zip(split.queries, chosen(split, gallery, most), strict=True)
    ]


def look(wanted: Sequence[Job], out: Path, said: Mapping[str, object], *, workers: int) -> list[Sighting]:
    """Looks at all captures that `<out>.part` does not hold yet, and writes `out`.

    Args:
        wanted: In the order of the split.
        out: The .npz to write: one array for each field of `Sighting`.
        said: What decides the result; a part of another run is refused.
        workers: Processes.

    Raises:
        BadData: The part is of another run.
    """
    part = out.with_name(out.name + ".part")
    out.parent.mkdir(parents=True, exist_ok=True)
    done = _resumed(part, said)
    todo = [job for job in wanted if job.query.capture_id not in done]
    started = time.monotonic()
    with (
        part.open("a", encoding="utf-8") as text,
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
    ):
        for count, found in enumerate(pool.map(sight, todo, chunksize=4), start=1):
            done[found.capture_id] = found
            text.write(json.dumps(asdict(found)) + "\n")
            text.flush()
            if count % 50 == 0 or count == len(todo):
                print(f"{count} of {len(todo)} captures, {time.monotonic() - started:.0f} s", flush=True)
    rows = [done[job.query.capture_id] for job in wanted]
    fresh = out.with_name(out.name + ".new.npz")
    store: Any = np.savez_compressed
    store(fresh, **{field.name: [getattr(row, field.name) for row in rows] for field in fields(Sighting)})
    fresh.replace(out)
    part.unlink()
    return rows


def _resumed(part: Path, said: Mapping[str, object]) -> dict[str, Sighting]:
    if not part.exists():
        part.write_text(json.dumps(said) + "\n", encoding="utf-8")
        return {}
    header, *lines = part.read_text(encoding="utf-8").splitlines()
    if json.loads(header) != said:
        raise BadData(f"{part} is of another run ({header}): remove it, or give another --out")
    # The last line may be half a one: the run was cut short while it wrote.
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return {row["capture_id"]: Sighting(**row) for row in rows}


def load(path: Path) -> list[Sighting]:
    """What `look` wrote.

    Raises:
        BadData: There is no such file.
    """
    if not path.is_file():
        raise BadData(f"{path} is missing: python -m triton_models.sightings writes it")
    with np.load(path) as stored:
        columns = {field.name: stored[field.name].tolist() for field in fields(Sighting)}
    return [Sighting(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def evidence_of(rows: Sequence[Sighting]) -> Evidence:
    """What the fusion takes."""

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(row, name) for row in rows], np.float64)

    return Evidence(**{name: column(name) for name in Evidence.__slots__})


def figures(rows: Sequence[Sighting], queries: Sequence[Query]) -> dict[str, Any]:
    """How well the comparison does by itself, over the captures that it compared."""
    compared = np.array([row.inliers > 0 for row in rows])
    damaged = np.array([query.defect for query in queries])
    lacking = np.array(["missing_unit" in query.defect_types for query in queries])
    redesigned = np.array([query.scenario == "redesign" for query in queries])
    said = {
        name: np.array([getattr(row, name) for row in rows], np.float64)
        for name in ("changed", "missing", "mismatch", "milliseconds")
    }
    fair = compared & ~redesigned
    changed = fair & (~damaged | ~lacking)
    units = fair & (~damaged | lacking)
    print_known = compared & ~damaged
    by_material = {
        material: round(float(compared[[query.item_material == material for query in queries]].mean()), 3)
        for material in sorted({query.item_material for query in queries})
    }
    return {
        "captures": len(rows),
        "compared": round(float(compared[~redesigned].mean()), 4),
        "compared_by_material": by_material,
        "changed_auroc": _rounded(auroc(said["changed"][changed], damaged[changed])),
        "changed_ap": _rounded(average_precision(said["changed"][changed], damaged[changed])),
        "changed_recall_at_1_fpr": _rounded(recall_at_fpr(said["changed"][changed], damaged[changed])),
        "missing_auroc": _rounded(auroc(said["missing"][units], lacking[units])),
        "missing_recall_at_1_fpr": _rounded(recall_at_fpr(said["missing"][units], lacking[units])),
        "redesign_mismatch_auroc": _rounded(auroc(said["mismatch"][print_known], redesigned[print_known])),
        "ms_per_capture": round(float(said["milliseconds"].mean()), 1),
    }


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def thresholds(rows: Sequence[Sighting], queries: Sequence[Query], rate: float = 0.01) -> dict[str, float]:
    """Logits that few of the intact captures of the same print exceed.

    Returns:
        changed, missing: together at most `rate` are above; mismatch: at most `rate` are.
    """
    intact = [
        row
        for row, query in zip(rows, queries, strict=True)
        if row.inliers > 0 and not query.defect and query.scenario != "redesign"
    ]
    if not intact:
        raise BadData("thresholds need intact captures that were compared")
    none = np.zeros(len(intact), np.bool_)
    shares = {"changed": rate / 2, "missing": rate / 2, "mismatch": rate}
    return {
        name: round(threshold_at_fpr(np.array([getattr(row, name) for row in intact]), none, share), 4)
        for name, share in shares.items()
    }


def build(network: Path | None) -> str:
    """The first digits of a file's hash."""
    return "none" if network is None else build_of(network)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kaputt", type=Path, required=True, help="a data set in Kaputt's format")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--classifier", type=Path, help="ONNX with outputs DAMAGE and WHERE; else left out")
    parser.add_argument("--gallery", choices=GALLERIES, default="own")
    parser.add_argument("--most", type=int, default=MOST, help="references of a product that are used")
    parser.add_argument("--thresholds", type=Path, help="JSON to write: those of the comparison by itself")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    split = kaputt.load(given.kaputt, given.split)
    classifier = None if given.classifier is None else given.classifier.absolute()
    wanted = jobs(split, classifier, gallery=given.gallery, most=given.most)
    said = {
        "classifier": build(classifier),
        "comparison": build(COMPARISON),
        "gallery": given.gallery,
        "most": given.most,
        "split": given.split,
        "captures": hashlib.sha256("\n".join(q.capture_id for q in split.queries).encode()).hexdigest()[:12],
    }
    rows = look(wanted, given.out, said, workers=given.workers)
    found = said | figures(rows, split.queries)
    if given.thresholds is not None:
        chosen = {"build": said["comparison"], **thresholds(rows, split.queries), "false_alarms": 0.01}
        given.thresholds.write_text(json.dumps(chosen | {"split": given.split}, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
