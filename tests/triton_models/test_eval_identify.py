"""Identification is measured as the table says, and bad tables are named."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from triton_models.eval_identify import Found, Query, evaluate, report_of
from triton_models.mmid import Answer
from triton_models.problems import BadData

GROCERY = Path(__file__).parents[3] / "shared" / "data" / "grocery"


def draw(path: Path, seed: int, turn: float = 0) -> None:
    """A printed front on white, turned by so many degrees."""
    random = np.random.default_rng(seed)
    picture = np.full((200, 200, 3), 255, np.uint8)
    picture[10:190, 40:160] = random.integers(120, 230, 3)
    for _ in range(14):
        at = (int(random.integers(40, 110)), int(random.integers(30, 180)))
        word = "".join(chr(65 + int(letter)) for letter in random.integers(0, 26, 3))
        ink = tuple(int(value) for value in random.integers(0, 120, 3))
        cv2.putText(picture, word, at, cv2.FONT_HERSHEY_DUPLEX, 0.7, ink, 1, cv2.LINE_AA)
    move = cv2.getRotationMatrix2D((100, 100), turn, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(cv2.warpAffine(picture, move, (200, 200), borderValue=(90, 90, 90))).save(path)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five products; what is enrolled of them is kept in a folder beside it."""
    folder = tmp_path_factory.mktemp("identify") / "gallery"
    for seed in range(5):
        draw(folder / f"product-{seed}" / "front.jpg", seed)
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """One photo of each of the first three products."""
    rows = ["image,product_id"]
    for seed in range(3):
        draw(tmp_path / "photos" / f"{seed}.jpg", seed, turn=8)
        rows.append(f"photos/{seed}.jpg,product-{seed}")
    path = tmp_path / "photos.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def run(gallery: Path, table: Path) -> dict[str, Any]:
    found = table.parent / "out"
    return evaluate(
        gallery, table, found / "predictions.csv", found / "report.json", cache=gallery.parent / "cache"
    )


def test_predictions_and_report_are_written(gallery: Path, table: Path) -> None:
    figures = run(gallery, table)
    with (table.parent / "out" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [f"photos/{seed}.jpg" for seed in range(3)]
    assert [row["product_1"] for row in rows] == [f"product-{seed}" for seed in range(3)]
    assert all(0 <= float(row[f"confidence_{place}"]) <= 1 for row in rows for place in range(1, 6))
    assert json.loads((table.parent / "out" / "report.json").read_text()) == figures
    assert figures["r_at_1"] == figures["r_at_5"] == 1
    assert (figures["queries"], figures["products"]) == (3, 5)
    again = run(gallery, table)
    assert again["r_at_1_interval"] == figures["r_at_1_interval"]


def test_the_report_counts_ranks_and_refusals() -> None:
    row = Query(image="a.jpg", path=Path("a.jpg"), product_id="right")

    def found(*named: str, none: float, absent: float) -> Found:
        answer = Answer(candidates=tuple((product, 0.1) for product in named), none=none)
        return Found(answer=answer, absent=absent, ms=100, cpu_ms=90)

    sights = [
        found("right", "other", none=0.1, absent=0.9),
        found("other", "right", none=0.2, absent=0.2),
        found("other", none=0.5, absent=0.6),
        found("right", none=0.3, absent=0.1),
    ]
    figures = report_of([row] * 4, sights, products=2, distractors=0)
    assert figures["r_at_1"] == 0.5
    assert figures["r_at_5"] == 0.75
    assert figures["none_threshold"] == 0.5
    assert figures["absent_rejected"] == 0.5
    assert figures["ms_per_query"] == 100
    assert figures["reliability"] == [{"confidence": 0.1, "right": 0.5, "n": 4}]
    assert figures["calibration_error"] == 0.4
    low, high = figures["r_at_1_interval"]
    assert 0 <= low < 0.5 < high <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("picture,product_id\na.jpg,product-0\n", r"photos\.csv needs the columns image,product_id"),
        ("image,product_id\n", r"photos\.csv has no row"),
        ("image,product_id\nphotos/0.jpg,\n", r"photos\.csv, row 2: image and product_id"),
        ("image,product_id\nphotos/0.jpg,nobody\n", r"photos\.csv, row 2: the gallery has no product nobody"),
        ("image,product_id\nphotos/0.jpg,product-0\nno.jpg,product-1\n", r"photos\.csv, row 3: there is no picture"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_by_file_and_row(gallery: Path, table: Path, text: str, message: str) -> None:
    table.write_text(text)
    with pytest.raises(BadData, match=message):
        run(gallery, table)


def test_a_bad_picture_is_refused_by_name(gallery: Path, table: Path) -> None:
    (table.parent / "photos" / "1.jpg").write_bytes(b"no picture")
    with pytest.raises(BadData, match=r"1\.jpg cannot be read as a picture"):
        run(gallery, table)


def test_a_gallery_without_pictures_is_refused_by_name(table: Path) -> None:
    (table.parent / "gallery" / "empty").mkdir(parents=True)
    with pytest.raises(BadData, match="empty holds no picture"):
        evaluate(table.parent / "gallery", table, table, table)
    with pytest.raises(BadData, match="is no folder"):
        evaluate(table.parent / "nowhere", table, table, table)


@pytest.mark.skipif(not GROCERY.is_dir(), reason=f"the photographs of groceries are not in {GROCERY}")
def test_groceries_are_identified_from_photographs(tmp_path: Path) -> None:
    """Every twenty-fourth photo."""
    with (GROCERY / "photos.csv").open() as file:
        rows = list(csv.DictReader(file))[::24]
    lines = [f"{GROCERY / row['image']},{row['product_id']}" for row in rows]
    table = tmp_path / "some.csv"
    table.write_text("\n".join(["image,product_id", *lines]) + "\n")
    figures = evaluate(GROCERY / "catalog", table, tmp_path / "p.csv", tmp_path / "r.json", cache=tmp_path)
    assert figures["queries"] == len(rows)
    assert figures["r_at_1"] >= 0.85
    assert figures["r_at_5"] >= 0.93
