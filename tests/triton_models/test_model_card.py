"""The card's measured part is written from reports; what people wrote around it stays."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.triton_models import small_set
from triton_models.eval_damage import evaluate
from triton_models.eval_report import Prior
from triton_models.eval_run import Verdict
from triton_models.galleries import Gallery
from triton_models.kaputt import Query, Reference
from triton_models.model_card import CARD, write_section
from triton_models.problems import BadData

COST = {
    "captures": 7,
    "machine": "a machine",
    "stages": {"decode": {"median": 1.25, "p95": 2.0}},
    "whole": {"median": 3.0, "p95": 4.0},
    "comparison_by_references": {"2": {"median": 5.0, "p95": 6.0}},
    "identification_by_products": {"100": {"median": 7.0, "p95": 8.0}},
}


class Told:
    """Knows the truth, if it is shown a reference."""

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        damage = 0.1 + 0.8 * query.defect if references else 0.5
        return Verdict(damage=damage, severity="minor" if query.defect else "none")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "CARD.md"
    path.write_text(
        "# Mine\n\n<!-- measured: test -->\nwritten before\n<!-- end: test -->\n\nMore.\n", encoding="utf-8"
    )
    return path


def report(
    root: Path, gallery: Gallery = "own", split: str = "test", method: str = "fused"
) -> dict[str, Any]:
    small_set.draw(root, split)
    return evaluate(
        root, split, predictor=Told(), predictions=root / "p.csv", report=root / "r.json", gallery=gallery,
        method=method, prior=Prior(), resamples=20, console=Console(file=io.StringIO()),
    )  # fmt: skip


def test_figures_stand_side_by_side_with_their_intervals(card: Path, tmp_path: Path) -> None:
    write_section(card, [report(tmp_path), report(tmp_path, "none")], COST)
    text = card.read_text(encoding="utf-8")
    assert "| fused, own references | 1.000 [1.000, 1.000] |" in text
    assert "| fused, no references | 0.545 [" in text, "it says the same of all: chance, the damaged share"
    assert "| scenario | captures | fused, own references | fused, no references |" in text
    assert "| ordinary, found | 11 | 1.000 [" in text
    assert "| printed damage, intact called damaged |" in text
    assert "| major | 0 | 3 | 0 |" in text
    assert "| comparison, 2 references | 5.0 | 6.0 |" in text
    assert "None" not in text


def test_the_rest_of_the_card_stays_and_writing_again_changes_nothing(card: Path, tmp_path: Path) -> None:
    found = report(tmp_path)
    write_section(card, [found])
    once = card.read_text(encoding="utf-8")
    assert once.startswith("# Mine\n\n<!-- measured: test -->\n")
    assert once.endswith("<!-- end: test -->\n\nMore.\n")
    assert "written before" not in once
    write_section(card, [found])
    assert card.read_text(encoding="utf-8") == once


def test_reports_that_do_not_belong_together_are_refused(card: Path, tmp_path: Path) -> None:
    test, validation = report(tmp_path), report(tmp_path, split="validation")
    with pytest.raises(BadData, match="different splits"):
        write_section(card, [test, validation])
    with pytest.raises(BadData, match="same method"):
        write_section(card, [test, test])
    with pytest.raises(BadData, match="measured: validation"):
        write_section(card, [validation])


def test_the_shipped_card_has_a_place_for_the_test_split(tmp_path: Path) -> None:
    copy = tmp_path / "MODEL.md"
    copy.write_text(CARD.read_text(encoding="utf-8"), encoding="utf-8")
    write_section(copy, [report(tmp_path, method="classifier")])
    assert "| classifier alone | 1.000" in copy.read_text(encoding="utf-8")
