"""Every plot is written, as a PNG with something on it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.triton_models import small_set
from triton_models import plots
from triton_models.eval_report import Judged, Prior
from triton_models.kaputt import load

RNG = np.random.default_rng(0)
DAMAGED = np.arange(200) % 3 == 0
SCORES = np.clip(0.3 * DAMAGED + 0.7 * RNG.random(200), 0, 1)


def inked(path: Path) -> bool:
    picture = cv2.imread(str(path))
    return picture is not None and min(picture.shape[:2]) > 200 and float(picture.std()) > 5


def test_curves_take_several_methods(tmp_path: Path) -> None:
    curves = {"one": (SCORES, DAMAGED), "two": (RNG.random(200), DAMAGED)}
    assert inked(plots.precision_recall(tmp_path / "pr.png", curves))
    assert inked(plots.roc(tmp_path / "roc.png", curves))


def test_bars_show_methods_side_by_side(tmp_path: Path) -> None:
    values = {
        "one": {"ap_any": (0.5, 0.4, 0.6), "auroc": (0.7, 0.6, 0.8)},
        "two": {"auroc": (0.75, 0.7, 0.8)},
    }
    assert inked(plots.bars(tmp_path / "bars.png", values, labels={"ap_any": "AP any"}))


def test_a_run_draws_all_that_it_allows(tmp_path: Path) -> None:
    small_set.draw(tmp_path)
    queries = load(tmp_path, "test").queries
    judged = Judged(queries=queries, scores=SCORES[: len(queries)])
    drawn = plots.draw_all(tmp_path / "plots", judged, threshold=0.5, prior=Prior(), method="one")
    assert [path.stem for path in drawn] == ["precision_recall", "roc", "reliability", "scenarios"]
    assert all(inked(path) for path in drawn)


def test_a_split_without_damage_still_draws_its_scores(tmp_path: Path) -> None:
    small_set.draw(tmp_path)
    queries = tuple(query for query in load(tmp_path, "test").queries if not query.defect)
    judged = Judged(queries=queries, scores=np.linspace(0, 1, len(queries)))
    drawn = plots.draw_all(tmp_path / "plots", judged, threshold=None, prior=Prior(), method="one")
    assert [path.stem for path in drawn] == ["scenarios"]
