"""What looking at one capture costs, in milliseconds of processor time, by stage; and how that grows.

Everything that is timed is the code, and the networks, that Triton serves, on one thread. Processor time counts what
was worked, not what was waited for: a busy machine makes it a little longer, not many times.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from triton_models import evidence, mmid, sightings
from triton_models.eval_damage import replace_text
from triton_models.eval_identify import distractor
from triton_models.galleries import MOST
from triton_models.kaputt import Query, Reference, Split, load
from triton_models.machine import processor
from triton_models.mmid_catalogue import Catalogue, catalogue_of
from triton_models.plots import growth
from triton_models.predictor import NETWORK
from triton_models.problems import BadData
from triton_models.registration import Picture
from triton_models.serving import REPOSITORY, serving_module
from triton_models.shelf import snapshot

STAGES: Final = ("decode", "classifier", "encoder", "spilled matter", "comparison")
REFERENCES: Final = (1, 2, 3, 6)
_ENCODER: Final = REPOSITORY / "gallery_encoder" / "1" / "gallery_encoder.onnx"
_TURNS: Final = (None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)


@dataclass(slots=True)
class Clock:
    """Processor time in milliseconds, by name."""

    spent: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add one measurement."""
        started = time.process_time()
        yield
        self.spent.setdefault(name, []).append(1000 * (time.process_time() - started))


def evaluate(  # noqa: PLR0913 - each names one thing of the run
    root: Path,
    report: Path,
    *,
    split: str = "test",
    captures: int = 140,
    products: Sequence[int] = (100, 1000),
    snapshots: int = 20,
    plot: Path | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Measure.

    Args:
        root: Data set in Kaputt's format.
        report: JSON to write.
        split: Whose captures, those that have references.
        captures: The first so many.
        products: Sizes of the catalogue that pictures are identified in; 0.1 s for each product to enrol it.
        snapshots: Pictures that are identified.
        plot: PNG of both growths, or None.
        console: Where the progress bar goes.

    Returns:
        `stages`, `comparison_by_references` and `identification_by_products`, each {name: {"median", "p95"}} in
        milliseconds per capture (per picture for identification); `whole`, the sum of a capture's stages; counts.

    Raises:
        BadData: There is no capture with references.
    """
    data = load(root, split)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with _progress(console) as progress:
            stages, compared = _captures(data, captures, progress)
            identified = _identified(sorted(products), snapshots, progress)
    finally:
        cv2.setNumThreads(threads)
    whole = np.sum([stages.spent[name] for name in STAGES], axis=0).tolist()
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {processor()}",
        "captures": len(whole),
        "stages": {name: _summary(stages.spent[name]) for name in STAGES},
        "whole": _summary(whole),
        "comparison_by_references": {name: _summary(ms) for name, ms in compared.spent.items()},
        "identification_by_products": {name: _summary(ms) for name, ms in identified.spent.items()},
    }
    report.parent.mkdir(parents=True, exist_ok=True)
    replace_text(report, json.dumps(found, indent=2) + "\n")
    if plot is not None:
        growth(plot, {
            "References of the product": found["comparison_by_references"],
            "Products in the catalogue": found["identification_by_products"],
        })  # fmt: skip
    return found


def turned(references: Sequence[bytes], count: int) -> list[bytes]:
    """So many references of one product: its own, then the same turned by quarters, as if laid down another way."""
    every = islice(product(_TURNS, references), count)
    return [data if turn is None else _rotated(data, turn) for turn, data in every]


def _captures(data: Split, most: int, progress: Progress) -> tuple[Clock, Clock]:
    """Stages of each capture, and its comparison with as many references as REFERENCES says."""
    pairs = [(query, data.references_by_item.get(query.item_identifier, ())) for query in data.queries]
    pairs = [pair for pair in pairs if pair[1]][:most]
    if not pairs:
        raise BadData("no capture has references: there is nothing to time")
    stages, compared = Clock(), Clock()
    _look(*pairs[0], Clock(), Clock())  # networks load and warm up on the first
    for query, references in progress.track(pairs, description="Looking at captures"):
        _look(query, references, stages, compared)
    return stages, compared


def _look(query: Query, references: tuple[Reference, ...], stages: Clock, compared: Clock) -> None:
    with stages.timing("decode"):
        views = [sightings.view(query.query_image, query.depth_image)]
        if query.side_image is not None:
            views.append(sightings.view(query.side_image, None))
    with stages.timing("classifier"):
        wheres = [sightings.classify(NETWORK, view)[1] for view in views]
    with stages.timing("encoder"):
        for view in views:
            sightings.session(_ENCODER).run(["EMBEDDING"], {"PIXELS": view.whole[None]})
    with stages.timing("spilled matter"):
        for view, where in zip(views, wheres, strict=True):
            evidence.matter(view.pixels, where[-1])
    served: Any = serving_module("gallery_comparison", "comparing")
    comparison = served.Comparison(sightings.COMPARISON)
    pictures = [view.crop for view in views]
    own = [sightings.crop(sightings.shown(reference)) for reference in references[:MOST]]
    known = turned(own, REFERENCES[-1])
    comparison.answer(known[:1], known)  # as in Triton, references were met before; the capture was not
    with stages.timing("comparison"):
        comparison.answer(pictures, own)
    for count in REFERENCES:
        with compared.timing(str(count)):
            comparison.answer(pictures, known[:count])


def _identified(sizes: Sequence[int], count: int, progress: Progress) -> Clock:
    """Snapshots of made-up products against catalogues that hold them."""
    clock = Clock()
    if not sizes:
        return clock
    numbers = progress.track(range(sizes[-1]), description="Enrolling products")
    enrolled = [distractor(number) for number in numbers]
    shown = np.linspace(0, sizes[0] - 1, count).astype(int).tolist()
    pictures = [snapshot(number, np.random.default_rng(k)) for k, number in enumerate(shown)]
    for size in sizes:
        catalogue = catalogue_of(enrolled[:size])
        mmid.identify(pictures[0], catalogue)
        for picture in progress.track(pictures, description=f"Identifying among {size}"):
            _identify(picture, catalogue, clock, str(size))
    return clock


def _identify(picture: Picture, catalogue: Catalogue, clock: Clock, name: str) -> None:
    with clock.timing(name):
        mmid.identify(picture, catalogue)


def _rotated(data: bytes, turn: int) -> bytes:
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return bytes(cv2.imencode(".png", cv2.rotate(image, turn))[1].tobytes())


def _summary(milliseconds: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(float(np.median(milliseconds)), 2),
        "p95": round(float(np.quantile(milliseconds, 0.95)), 2),
    }


def _progress(console: Console | None) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console or Console(stderr=True), transient=True)
