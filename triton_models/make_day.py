"""Renders the pictures of the demo's day that the committed sample lacks, and keeps them in `triton_models/day/`.

    python -m triton_models.make_day WORK_FOLDER

Bubble mailers that tear, the next print of one product, a leaking pallet, and a camera that goes dim; in Kaputt's
format, what a picture is for in the column `scenario`. Products are those of the sample. The same command gives the
same pictures, and goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2

from triton_models import kaputt
from triton_models.simulator import dataset
from triton_models.simulator.dataset import Job

DAY: Final = Path(__file__).parent / "day"
SPLIT: Final = "test"
SEED: Final = 91
#: Numbers of designs: bubble mailers of one brand; a box; bottles of a dangerous liquid; boxes for the dim camera.
MAILERS: Final = (102, 103, 104)
REDESIGNED: Final = 0
LEAKING: Final = 109
DIM: Final = (27, 28, 29, 36, 37, 38, 216, 217, 1)
#: Of a booth's usual light: at this share or less a picture is dark, as in the simulator's own fault.
DARK: Final = 0.16
_LIGHT: Final = (0.6, 0.35, 0.2, 0.14, 0.11, 0.09, 0.075, 0.06, 0.05)
_TORN: Final = ("penetration",) * 8 + ("deconstruction",) * 2 + ("",) * 3
_PRINTS, _LEAKS = 20, 7


def jobs() -> dict[str, list[Job]]:
    """What to render, by what it is for."""

    def job(at: int, design: int, scenario: str = "ordinary", **given: object) -> Job:
        return replace(
            Job(split=SPLIT, seed=SEED, index=at, design=design, scenario=scenario),
            **given,  # type: ignore[arg-type]
        )

    return {
        "torn": [job(100 + n, MAILERS[n % 3], defect=defect) for n, defect in enumerate(_TORN)],
        "redesign": [job(200 + n, REDESIGNED, "redesign") for n in range(_PRINTS)],
        "leaking": [job(300 + n, LEAKING, "leaking") for n in range(_LEAKS)],
        "dim": [
            job(400 + n, design, defect="", light=light)
            for n, (design, light) in enumerate(zip(DIM, _LIGHT, strict=True))
        ],
    }


def make(work: Path, day: Path = DAY) -> int:
    """Returns how many bytes the pictures take."""
    wanted = jobs()
    every = [job for group in wanted.values() for job in group]
    for _ in dataset.render(work, every, workers=os.cpu_count() or 1):
        pass
    dataset.tables(work, SPLIT, every, [])
    uses = {job.name: _use(use, job) for use, group in wanted.items() for job in group}
    shutil.rmtree(day, ignore_errors=True)
    (day / "images").mkdir(parents=True)
    rendered = kaputt.load(work, SPLIT, references=False).queries
    kaputt.write(day, SPLIT, [_kept(query, uses[query.capture_id], day) for query in rendered], [])
    (day / f"reference-{SPLIT}.parquet").unlink()
    return sum(file.stat().st_size for file in day.rglob("*") if file.is_file())


def _use(use: str, job: Job) -> str:
    return "dark" if use == "dim" and job.light <= DARK else use


def _kept(query: kaputt.Query, use: str, day: Path) -> kaputt.Query:
    def copied(path: Path) -> Path:
        place = day / "images" / path.name
        shutil.copyfile(path, place)
        return place.absolute()

    image = copied(query.query_image)
    return replace(
        query,
        query_image=image,
        query_crop=image,
        query_mask=copied(query.query_mask),
        depth_image=None if query.depth_image is None else _packed(copied(query.depth_image)),
        side_image=None if query.side_image is None else copied(query.side_image),
        side_mask=None,
        damage_mask=None,
        scenario=use,
    )


def _packed(path: Path) -> Path:
    """The same depth image in as few bytes as PNG allows: it is most of a capture's size."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    tight = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED]
    cv2.imwrite(str(path), image, tight)
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="where to render; kept, so that a stopped run goes on")
    print(f"{make(parser.parse_args().work) / 1e6:.1f} MB in {DAY}")  # noqa: T201 - a command line prints


if __name__ == "__main__":
    main()
