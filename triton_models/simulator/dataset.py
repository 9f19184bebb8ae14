"""A data set of simulated captures, in Kaputt's format with columns of our own beside it.

Every capture follows from (seed, split, its place in the list), so a run that was cut short goes on where it stopped
and gives the same files. One small JSON file beside a capture's pictures says that it is whole; the tables are written
at the end from those.
"""

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from triton_models import kaputt
from triton_models.simulator import catalogue
from triton_models.simulator.catalogue import Split
from triton_models.simulator.scanner import scan
from triton_models.simulator.scenarios import SCENARIOS, Capture, Shot, capture, reference, suits
from triton_models.simulator.things import Bytes

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
REFERENCE_RESTS = (0, 0, 1, 1)
"""On which side the product lies in each of its reference photos."""
SOILED = 0.1
"""Share of reference photos that show a damaged item: galleries are not clean."""
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 90]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One capture or one reference photo to render.

    Attributes:
        split: Which split it belongs to.
        seed: The data set's.
        index: Its place in the split's list.
        design: Number of the product.
        scenario: One of SCENARIOS, or "reference".
        rest: For a reference, the side on which it lies.
        pixels: Width and height of the pictures.
        defect: The damage, "" for none; drawn unless given.
        light: Share of the booth's usual light.
    """

    split: Split
    seed: int
    index: int
    design: int
    scenario: str
    rest: int = 0
    pixels: int = 384
    defect: str | None = None
    light: float = 1.0

    @property
    def name(self) -> str:
        """Unique in the data set."""
        kind = "reference" if self.scenario == "reference" else "capture"
        return f"{kind}-{self.split}-{self.seed}-{self.index:08d}"


def plan(
    split: Split, seed: int, items: int, subtle: int, scenario: str | None = None, products: int | None = None
) -> list[Job]:
    """What to render for one split.

    Args:
        split: Its designs are in no other split.
        seed: Decides which product each capture shows.
        items: Captures of the ordinary flow, or of `scenario` if that is given.
        subtle: Captures of each other scenario.
        scenario: Only this one.
        products: Of the split's products only the first so many; all unless given.
    """
    numbers = [n for n in range(catalogue.DESIGNS) if catalogue.split_of(n) == split][:products]
    names = [(scenario or "ordinary", items)]
    if scenario is None:
        names += [(name, subtle) for name in SCENARIOS if name != "ordinary"]
    jobs: list[Job] = []
    for name, count in (entry for entry in names if entry[1]):
        fit = [n for n in numbers if suits(catalogue.design(n), name)]
        rng = np.random.default_rng([seed, SPLITS.index(split), *name.encode()])
        order = np.concatenate([rng.permutation(fit) for _ in range(-(-count // len(fit)))])[:count]
        start = 1_000_000 * list(SCENARIOS).index(name)
        jobs += [
            Job(split=split, seed=seed, index=start + k, design=int(n), scenario=name)
            for k, n in enumerate(order)
        ]
    return jobs


def references_for(jobs: Iterable[Job]) -> list[Job]:
    """The reference photos of every product that the jobs show."""
    jobs = list(jobs)
    numbers = sorted({job.design for job in jobs})
    return [
        Job(
            split=jobs[0].split,
            seed=jobs[0].seed,
            index=n * 10 + k,
            design=n,
            scenario="reference",
            rest=rest,
        )
        for n in numbers
        for k, rest in enumerate(REFERENCE_RESTS)
    ]


def render(root: Path, jobs: list[Job], workers: int) -> Iterator[Job]:
    """Renders what is not there yet; yields each job as it is done (at once if it was done before)."""
    todo = []
    for job in jobs:
        if _said(root, job).exists():
            yield job
        else:
            todo.append(job)
    # Captures first drawn are spread over all scenarios, so that a run cut short is a fair sample.
    order = np.random.default_rng(0).permutation(len(todo))
    # A worker is one thread: BLAS would start as many as there are cores in each, to wait for each other.
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_quiet) as pool:
        waiting = {pool.submit(work, root, todo[k]): todo[k] for k in order}
        for done in as_completed(waiting):
            done.result()
            yield waiting[done]


def tables(root: Path, split: Split, jobs: list[Job], references: list[Job]) -> None:
    """Writes the split's two parquet files from the captures that are whole."""
    queries = [_query(root, said_of(root, job)) for job in jobs if _said(root, job).exists()]
    shown = [_reference(root, said_of(root, job)) for job in references if _said(root, job).exists()]
    kaputt.write(root, split, queries, shown)


def _quiet() -> None:
    cv2.setNumThreads(1)
    os.nice(5)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A run that is killed takes its workers along: the pool's own end never reaches them then."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def said_of(root: Path, job: Job) -> dict[str, Any]:
    """What is known of a capture that is whole."""
    said: dict[str, Any] = json.loads(_said(root, job).read_text())
    return said


def _said(root: Path, job: Job) -> Path:
    return root / "said" / job.split / f"{job.name}.json"


def work(root: Path, job: Job) -> None:
    """Renders one job and writes its files; the last of them says that it is whole."""
    if _said(root, job).exists():
        return  # another run on the same folder was here first
    rng = np.random.default_rng([job.seed, SPLITS.index(job.split), job.index, job.scenario == "reference"])
    design = catalogue.design(job.design)
    if job.scenario == "reference":
        soiled = bool(rng.random() < SOILED)
        taken = reference(design, rng, job.rest, job.pixels, soiled=soiled)
    else:
        taken = capture(design, job.scenario, rng, job.pixels, defect=job.defect, light=job.light)
    folder = root / "images" / job.split / f"{job.index % 100:02d}"
    folder.mkdir(parents=True, exist_ok=True)
    stem = str(folder / job.name)
    _shot(stem + "-top", taken.top)
    if taken.side is not None:
        _shot(stem + "-side", taken.side)
        _write(stem + "-depth.png", taken.depth)
    said = _said(root, job)
    said.parent.mkdir(parents=True, exist_ok=True)
    facts = _facts(job, taken) | {
        "stem": os.path.relpath(stem, root),
        "barcode": scan(design, job.scenario, rng),
    }
    fresh = said.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(facts))
    fresh.replace(said)


def _facts(job: Job, taken: Capture) -> dict[str, object]:
    return {
        "job": asdict(job),
        "scenario": taken.scenario,
        "defects": taken.defects,
        "severity": taken.severity,
        "units_seen": taken.units_seen,
        "fault": taken.fault,
    }


def _shot(stem: str, shot: Shot) -> None:
    _write(stem + ".jpg", shot.picture[..., ::-1])
    _write(stem + "-mask.png", shot.item)
    _write(stem + "-damage.png", shot.damage)
    _write(stem + "-matter.png", shot.matter)
    _write(stem + "-crop.jpg", _crop(shot)[..., ::-1])


def _write(path: str, picture: npt.NDArray[Any]) -> None:
    good, data = cv2.imencode(Path(path).suffix, picture, _JPEG if path.endswith("jpg") else [])
    if not good:
        raise ValueError(f"{path} could not be encoded")
    Path(path).write_bytes(data.tobytes())


def _crop(shot: Shot) -> Bytes:
    """The item with a little around it."""
    rows, columns = np.flatnonzero(shot.item.any(1)), np.flatnonzero(shot.item.any(0))
    if not len(rows):
        return shot.picture
    size = shot.item.shape[0]
    edge = int(0.06 * size)
    top, bottom = max(0, rows[0] - edge), min(size, rows[-1] + edge)
    left, right = max(0, columns[0] - edge), min(size, columns[-1] + edge)
    return shot.picture[top:bottom, left:right]


def _query(root: Path, said: dict[str, Any]) -> kaputt.Query:
    job = Job(**said["job"])
    design = catalogue.design(job.design)
    stem = root / str(said["stem"])

    def file(end: str) -> Path:
        return stem.with_name(stem.name + end)

    defects = tuple(str(name) for name in said["defects"])
    return kaputt.Query(
        capture_id=job.name,
        item_identifier=design.product_id,
        item_material=design.item_material,
        defect=bool(defects),
        major_defect=said["severity"] == "major",
        defect_types=defects,
        query_image=file("-top.jpg"),
        query_crop=file("-top-crop.jpg"),
        query_mask=file("-top-mask.png"),
        depth_image=file("-depth.png"),
        damage_mask=file("-top-damage.png"),
        scenario=str(said["scenario"]),
        side_image=file("-side.jpg"),
        side_mask=file("-side-mask.png"),
        design=job.design,
        units_expected=design.unit_count,
        units_seen=int(said["units_seen"]),
        camera="top",
        barcode=said["barcode"],
        contents=design.contents.kind,
    )


def _reference(root: Path, said: dict[str, Any]) -> kaputt.Reference:
    job = Job(**said["job"])
    stem = root / str(said["stem"])
    return kaputt.Reference(
        item_identifier=catalogue.design(job.design).product_id,
        reference_image=stem.with_name(stem.name + "-top.jpg"),
        reference_crop=stem.with_name(stem.name + "-top-crop.jpg"),
        reference_mask=stem.with_name(stem.name + "-top-mask.png"),
    )
