"""Identify every picture of a table against a gallery, and measure it: predictions as CSV, figures as JSON."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from triton_models.mmid import CANDIDATES, Answer, decide, look
from triton_models.mmid_catalogue import Catalogue, Enrolled, catalogue_of, enrol, load, save
from triton_models.problems import BadData
from triton_models.registration import Picture

PRESENT_REFUSED: Final = 0.01  # share of the products present that the threshold refuses
_SUFFIXES: Final = (".jpg", ".jpeg", ".png")
_SIDE: Final = 198  # pixels of a distractor's longer side: as catalogue pictures are
_DISTRACTOR: Final = "distractor-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One picture to identify: its path as the table has it, the file, and the product that it shows."""

    image: str
    path: Path
    product_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of one query.

    Attributes:
        answer: Against the whole gallery.
        absent: Probability of "none of these" against the gallery without the query's own product.
        ms: Wall time in milliseconds of `answer`, the picture already decoded.
        cpu_ms: Processor time of the same.
    """

    answer: Answer
    absent: float
    ms: float
    cpu_ms: float


def evaluate(  # noqa: PLR0913 (each names one thing of the run)
    gallery: Path,
    queries: Path,
    predictions: Path,
    report: Path,
    *,
    distractors: int = 0,
    cache: Path | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Identify and measure, on one thread.

    Args:
        gallery: Folder of `<product_id>/*.jpg`.
        queries: CSV `image,product_id`; images are relative to it.
        predictions: CSV to write: image, five times product and confidence, and `none`.
        report: JSON to write.
        distractors: How many further products, of printed art, the catalogue gets.
        cache: Folder that keeps the enrolled catalogue, for the next run on the same gallery; None keeps nothing.
        console: Where the progress bar goes.

    Returns:
        The report.

    Raises:
        BadData: A file is missing or cannot be read; the message names it, and the row if there is one.
    """
    pictures = gallery_of(gallery)
    rows = queries_of(queries, frozenset(product for product, _ in pictures))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as progress:
            catalogue = _catalogue(pictures, distractors, cache, progress)
            found = [
                _identify(query, catalogue)
                for query in progress.track(rows, description="Identifying", total=len(rows))
            ]
    finally:
        cv2.setNumThreads(threads)
    figures = report_of(rows, found, products=len(catalogue.ids) - distractors, distractors=distractors)
    for path in (predictions, report):
        path.parent.mkdir(parents=True, exist_ok=True)
    _write(predictions, rows, found)
    report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures


def report_of(
    rows: Sequence[Query], found: Sequence[Found], *, products: int, distractors: int
) -> dict[str, Any]:
    """The figures; `_interval` is a 95 % bootstrap interval over queries."""
    ranks = np.array([_rank(row.product_id, one.answer) for row, one in zip(rows, found, strict=True)])
    present = np.array([one.answer.none for one in found])
    threshold = float(np.quantile(present, 1 - PRESENT_REFUSED, method="higher"))
    absent = np.array([one.absent for one in found]) > threshold
    shares = {"r_at_1": ranks < 1, "r_at_5": ranks < CANDIDATES, "absent_rejected": absent}
    return {
        "queries": len(rows),
        "products": products,
        "distractors": distractors,
        **{name: round(float(marks.mean()), 4) for name, marks in shares.items()},
        **{f"{name}_interval": _interval(marks) for name, marks in shares.items()},
        "none_threshold": round(threshold, 6),
        **_reliability(found, ranks < 1),
        "ms_per_query": round(float(np.mean([one.ms for one in found])), 1),
        "ms_per_query_p95": round(float(np.quantile([one.ms for one in found], 0.95)), 1),
        "cpu_ms_per_query": round(float(np.mean([one.cpu_ms for one in found])), 1),
    }


def _reliability(found: Sequence[Found], right: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Confidence of the first candidate against how often it is right, in five bins, and the mean gap."""
    told = np.array([one.answer.candidates[0][1] for one in found])
    bins = np.minimum((told * 5).astype(int), 4)
    marks = [bins == k for k in range(5) if (bins == k).any()]
    gaps = [abs(float(told[mark].sum() - right[mark].sum())) for mark in marks]
    return {
        "reliability": [
            {
                "confidence": round(float(told[m].mean()), 3),
                "right": round(float(right[m].mean()), 3),
                "n": int(m.sum()),
            }
            for m in marks
        ],
        "calibration_error": round(sum(gaps) / len(told), 4),
    }


def _identify(query: Query, catalogue: Catalogue) -> Found:
    picture = _read(query.path)
    wall, cpu = time.perf_counter(), time.process_time()
    sighting = look(picture, catalogue)
    answer = decide(sighting, catalogue)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    others = frozenset(catalogue.ids) - {query.product_id}
    absent = decide(sighting, catalogue, among=others).none
    return Found(answer=answer, absent=absent, ms=1000 * wall, cpu_ms=1000 * cpu)


def _rank(product: str, answer: Answer) -> int:
    """Place of the right product among the candidates, from 0; after all of them if it is not there."""
    named = [candidate for candidate, _ in answer.candidates]
    return named.index(product) if product in named else CANDIDATES


def _interval(marks: npt.NDArray[np.bool_]) -> list[float]:
    """Drawing so many queries with replacement and counting is drawing from a binomial distribution."""
    shares = np.random.default_rng(0).binomial(len(marks), marks.mean(), 10_000) / len(marks)
    return [round(float(edge), 4) for edge in np.quantile(shares, (0.025, 0.975))]


def gallery_of(folder: Path) -> list[tuple[str, Path]]:
    """Product and picture, of a folder of `<product_id>/*.jpg`.

    Raises:
        BadData: It holds no product, or a product no picture.
    """
    if not folder.is_dir():
        raise BadData(
            f"{folder} is no folder: the gallery is a folder with one folder of pictures per product"
        )
    found: list[tuple[str, Path]] = []
    for product in sorted(path for path in folder.iterdir() if path.is_dir()):
        pictures = sorted(path for path in product.iterdir() if path.suffix.lower() in _SUFFIXES)
        if not pictures:
            raise BadData(f"{product} holds no picture: a product of the gallery needs at least one .jpg")
        found += [(product.name, path) for path in pictures]
    if not found:
        raise BadData(
            f"{folder} holds no product: the gallery is a folder with one folder of pictures per product"
        )
    return found


def queries_of(path: Path, products: frozenset[str]) -> tuple[Query, ...]:
    """The rows of a CSV `image,product_id`, paths relative to it.

    Raises:
        BadData: It cannot be read, or a row names what is not there.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(_rows(path, csv.DictReader(file), products))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path} cannot be read as a CSV file: {error}") from error


def _rows(path: Path, reader: csv.DictReader[str], products: frozenset[str]) -> Iterator[Query]:
    if not {"image", "product_id"} <= set(reader.fieldnames or ()):
        raise BadData(
            f"{path} needs the columns image,product_id; it has {','.join(reader.fieldnames or ())}"
        )
    number = 1
    for number, row in enumerate(reader, start=2):
        image, product = row["image"] or "", row["product_id"] or ""
        if not image or not product:
            raise BadData(f"{path}, row {number}: image and product_id must both be filled in")
        if product not in products:
            raise BadData(f"{path}, row {number}: the gallery has no product {product}")
        file = path.parent / image
        if not file.is_file():
            raise BadData(f"{path}, row {number}: there is no picture {file}")
        yield Query(image=image, path=file, product_id=product)
    if number == 1:
        raise BadData(f"{path} has no row below its header: there is nothing to identify")


def _read(path: Path) -> Picture:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadData(f"{path} cannot be read as a picture: {error}") from error


def _catalogue(
    pictures: Sequence[tuple[str, Path]], distractors: int, cache: Path | None, progress: Progress
) -> Catalogue:
    kept = None if cache is None else cache / f"catalogue-{_fingerprint(pictures)}-{distractors}.npz"
    if kept is not None and kept.is_file():
        return load(kept)
    tasks = progress.track(pictures, description="Enrolling", total=len(pictures))
    enrolled = [enrol(product, _read(path)) for product, path in tasks]
    numbers = progress.track(range(distractors), description="Enrolling distractors", total=distractors)
    catalogue = catalogue_of([*enrolled, *map(distractor, numbers if distractors else ())])
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        save(catalogue, kept)
    return catalogue


def _fingerprint(pictures: Sequence[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for product, path in pictures:
        digest.update(f"{product}\n{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def distractor(number: int) -> Enrolled:
    """A printed front, enrolled without simulated slants: those are for finding what is there, and cost time."""
    from triton_models.simulator import art, catalogue  # noqa: PLC0415 (only where distractors are asked for)

    design = catalogue.design(number)
    width, height, _ = design.size
    front = art.face(design, "front", width, height).albedo
    factor = _SIDE / max(front.shape[:2])
    small = cv2.resize(front, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return enrol(f"{_DISTRACTOR}{number}", np.asarray(small, np.uint8), tilts=(), limit=500)


def _write(path: Path, rows: Sequence[Query], found: Sequence[Found]) -> None:
    header = ["image"]
    for place in range(1, CANDIDATES + 1):
        header += [f"product_{place}", f"confidence_{place}"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*header, "none"])
        for row, one in zip(rows, found, strict=True):
            named = [value for product, share in one.answer.candidates for value in (product, f"{share:.6f}")]
            blank = [""] * (2 * (CANDIDATES - len(one.answer.candidates)))
            writer.writerow([row.image, *named, *blank, f"{one.answer.none:.6f}"])
