"""One picture of many captures, for people who would rather look than read."""

from pathlib import Path

import cv2
import numpy as np

from triton_models.simulator import catalogue
from triton_models.simulator.dataset import Job, said_of
from triton_models.simulator.things import Bytes

TILE = 256
_CAPTION = 22
_MOST = 96


def contact_sheet(root: Path, jobs: list[Job], path: Path, columns: int = 6) -> None:
    """Writes top and side picture of up to 96 captures, spread over all jobs, as one PNG; damage is outlined in red.

    Args:
        root: The data set's folder.
        jobs: What was rendered.
        path: The PNG to write.
        columns: Captures in a row.
    """
    step = max(1, len(jobs) // _MOST)
    tiles = [_tile(root, job) for job in jobs[::step][:_MOST]]
    while len(tiles) % columns:
        tiles.append(np.full_like(tiles[0], 255))
    rows = [np.concatenate(tiles[at : at + columns], axis=1) for at in range(0, len(tiles), columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    good, data = cv2.imencode(".png", np.concatenate(rows)[..., ::-1])
    if not good:
        raise ValueError(f"{path} could not be encoded")
    path.write_bytes(data.tobytes())


def _tile(root: Path, job: Job) -> Bytes:
    said = said_of(root, job)
    pair = np.concatenate([_outlined(root / f"{said['stem']}-{view}") for view in ("top", "side")], axis=1)
    caption = np.full((_CAPTION, pair.shape[1], 3), 255, np.uint8)
    defects = ", ".join(said["defects"]) or "intact"
    severity = said["severity"] if said["defects"] else ""
    words = f"{said['scenario']}: {severity} {defects} ({catalogue.design(job.design).kind})"
    cv2.putText(caption, words, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (20, 20, 20), 1, cv2.LINE_AA)
    return np.concatenate([pair, caption])


def _outlined(stem: Path) -> Bytes:
    picture = cv2.imread(f"{stem}.jpg")[..., ::-1]
    damage = cv2.imread(f"{stem}-damage.png", cv2.IMREAD_GRAYSCALE)
    small = np.ascontiguousarray(cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_AREA), np.uint8)
    marks = cv2.resize((damage > 0).astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_AREA)
    edges, _ = cv2.findContours(marks, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(small, edges, -1, (255, 40, 40), 1, cv2.LINE_AA)
    return small
