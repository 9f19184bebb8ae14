"""Pictures from anywhere are compared with references; bad input is said before any work is done."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.triton_models.printed import jpeg, on_tray, printed
from triton_models.eval_gallery import Thresholds, evaluate, overlaid, verdict_of
from triton_models.problems import BadData

LIMITS = Thresholds(changed=1.0, missing=2.0, mismatch=-1.0)


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        ((0, 0, 0, 0, 0, 0), "not compared"),
        ((9, 9, -0.9, 50, 0, 0), "another print"),
        ((0.9, 1.9, -3, 50, 0, 0), "as it should be"),
        ((1.1, 1.9, -3, 50, 0, 0), "changed"),
        ((1.1, 2.9, -3, 50, 0, 0), "missing"),
    ],
)
def test_a_verdict_follows_from_scores_and_thresholds(scores: tuple[float, ...], verdict: str) -> None:
    assert verdict_of(np.array(scores, np.float32), LIMITS) == verdict


def folder(root: Path, pictures: dict[str, bytes]) -> Path:
    for name, data in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.fixture
def references(tmp_path: Path) -> Path:
    pictures = {f"P{seed}/1.jpg": jpeg(on_tray(printed(seed))[0]) for seed in (1, 2)}
    return folder(tmp_path / "references", pictures)


def test_each_query_gets_a_verdict_a_row_and_a_heat_map(references: Path, tmp_path: Path) -> None:
    seen = {"P1/a.jpg": jpeg(on_tray(printed(1), turn=10)[0]), "P2/b.jpg": jpeg(on_tray(printed(3))[0])}
    queries = folder(tmp_path / "queries", seen)
    report = evaluate(
        references, queries, tmp_path / "out.csv", heat=tmp_path / "heat", report=tmp_path / "report.json"
    )
    rows = [*csv.DictReader((tmp_path / "out.csv").read_text().splitlines())]
    assert [row["image"] for row in rows] == ["P1/a.jpg", "P2/b.jpg"]
    assert rows[0]["verdict"] != "not compared"
    assert rows[0]["reference"] == "1.jpg"
    assert (rows[1]["verdict"], rows[1]["changed"], float(rows[1]["score"])) == ("not compared", "", 0.0)
    assert report["queries"] == 2
    assert json.loads((tmp_path / "report.json").read_text()) == report
    sheets = sorted((tmp_path / "heat").iterdir())
    assert len(sheets) == 2
    assert np.asarray(cv2.imread(str(sheets[0]))).shape == (346, 960, 3)


def test_a_table_of_queries_will_do_too(references: Path, tmp_path: Path) -> None:
    folder(tmp_path, {"photos/x.jpg": jpeg(on_tray(printed(2), turn=-15)[0])})
    table = tmp_path / "photos.csv"
    table.write_text("image,product_id\nphotos/x.jpg,P2\n")
    assert evaluate(references, table, tmp_path / "out.csv")["queries"] == 1


def test_a_product_without_references_is_named(references: Path, tmp_path: Path) -> None:
    queries = folder(tmp_path / "queries", {"P9/a.jpg": jpeg(on_tray(printed(1))[0])})
    with pytest.raises(BadData, match=r"P9/a\.jpg: the references have no product P9"):
        evaluate(references, queries, tmp_path / "out.csv")


def test_a_file_that_is_no_picture_is_named(references: Path, tmp_path: Path) -> None:
    queries = folder(tmp_path / "queries", {"P1/a.jpg": b"not a picture"})
    with pytest.raises(BadData, match=r"P1/a\.jpg is neither JPEG nor PNG"):
        evaluate(references, queries, tmp_path / "out.csv")


def test_heat_shows_what_is_foreign_in_red_and_what_is_missing_in_blue() -> None:
    heat = np.full((2, 16, 16), -8.0, np.float32)
    heat[0, 4, 4], heat[1, 12, 12] = 8, 8
    shown = overlaid(np.full((320, 320, 3), 100, np.uint8), heat).astype(int)
    red, blue, nothing = shown[90, 90], shown[250, 250], shown[90, 250]
    assert red[0] > red[2] + 60
    assert blue[2] > blue[0] + 60
    assert abs(nothing - 100).max() < 4
