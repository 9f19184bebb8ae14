"""The cost of a capture is measured stage by stage on what ships, and how it grows."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from tests.triton_models import small_set
from triton_models.eval_cost import REFERENCES, STAGES, evaluate, turned
from triton_models.kaputt import load, write
from triton_models.problems import BadData

SAMPLE = Path(__file__).parents[2] / "triton_models" / "sample"
QUIET = Console(file=io.StringIO())


def test_every_stage_takes_time_and_a_capture_takes_them_all(tmp_path: Path) -> None:
    found = evaluate(
        SAMPLE, tmp_path / "r.json", captures=2, products=(3, 2), snapshots=1, plot=tmp_path / "r.png",
        console=QUIET,
    )  # fmt: skip
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == found
    assert found["captures"] == 2
    assert tuple(found["stages"]) == STAGES
    assert all(0 < ms["median"] <= ms["p95"] for ms in found["stages"].values())
    assert found["whole"]["median"] > max(ms["median"] for ms in found["stages"].values())
    assert [*found["comparison_by_references"]] == [str(count) for count in REFERENCES]
    assert [*found["identification_by_products"]] == ["2", "3"]
    drawn = cv2.imread(str(tmp_path / "r.png"))
    assert drawn is not None
    assert drawn.std() > 5


def test_without_references_there_is_nothing_to_time(tmp_path: Path) -> None:
    small_set.draw(tmp_path)
    write(tmp_path, "test", load(tmp_path, "test").queries, [])
    with pytest.raises(BadData, match="references"):
        evaluate(tmp_path, tmp_path / "r.json", products=(), console=QUIET)


def test_references_beyond_the_products_own_are_its_own_turned() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:10] = 255
    coded = cv2.imencode(".png", picture)[1].tobytes()
    found = turned([coded, coded], 6)
    assert found[:2] == [coded, coded]
    sides = [
        np.argmax([image[:10].mean(), image[:, -10:].mean(), image[-10:].mean(), image[:, :10].mean()])
        for image in (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in found)
    ]
    assert sides == [0, 0, 1, 1, 2, 2]
    assert turned([coded], 1) == [coded]
