"""A run over a split is checked before it starts, goes on after an interruption, and reports what was measured."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.triton_models import small_set
from triton_models.eval_damage import evaluate, read_predictions
from triton_models.eval_report import Prior
from triton_models.eval_run import Predictor, Verdict
from triton_models.kaputt import Query, Reference, load
from triton_models.predictor import Classifier
from triton_models.problems import BadData

HEADLINES = (
    "ap_any", "ap_major", "auroc", "recall_at_50_precision", "recall_at_1_fpr", "recall_at_01_fpr",
)  # fmt: skip


class Told:
    """Knows the truth; a row in `failing` stops it once."""

    def __init__(self, failing: str | None = None, score: float | None = None) -> None:
        self.failing, self.score = failing, score
        self.asked: list[str] = []
        self.references: list[int] = []

    def predict(self, query: Query, references: tuple[Reference, ...]) -> Verdict:
        if query.capture_id == self.failing:
            raise KeyboardInterrupt
        self.asked.append(query.capture_id)
        self.references.append(len(references))
        subtle = 0.0 if query.ordinary else 0.5
        damage = 0.9 * query.defect + 0.05 * query.major_defect + subtle + int(query.capture_id[-1]) / 1000
        return Verdict(
            damage=damage if self.score is None else self.score,
            types={"penetration": float("penetration" in query.defect_types)},
            severity="major" if query.major_defect else "minor" if query.defect else "none",
        )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    small_set.draw(tmp_path / "data")
    return tmp_path / "data"


def run(root: Path, predictor: Predictor, **options: Any) -> dict[str, Any]:
    quiet = Console(file=io.StringIO())
    return evaluate(
        root, "test", predictor=predictor, predictions=root / "out" / "p.csv", report=root / "out" / "r.json",
        resamples=50, console=quiet, **options,
    )  # fmt: skip


def test_the_submission_has_every_row_and_exactly_two_columns(root: Path) -> None:
    run(root, Told())
    with (root / "out" / "p.csv").open(newline="", encoding="utf-8") as text:
        header, *rows = csv.reader(text)
    assert header == ["capture_id", "pred"]
    assert [row[0] for row in rows] == [query.capture_id for query in load(root, "test").queries]
    assert all(0 <= float(row[1]) <= 1 for row in rows)


def test_a_method_that_knows_the_truth_scores_full_on_ordinary_captures(root: Path) -> None:
    report = run(root, Told(), prior=Prior())
    assert json.loads((root / "out" / "r.json").read_text(encoding="utf-8")) == report
    for key in HEADLINES:
        assert report[key] == 1.0
        assert report[f"{key}_interval"] == [1.0, 1.0]
    assert report["at_threshold"]["recall"] == 1.0
    assert report["by_material"]["cardboard"]["ap"] == 1.0
    assert report["by_defect_type"]["penetration"] == {"n": 3, "ap": 1.0, "auroc": 1.0, "ap_of_type": 1.0}
    assert "ap_of_type" not in report["by_defect_type"]["spillage"]
    assert report["severity"]["minor"] == {"none": 0, "minor": 3, "major": 0}
    assert report["ms_per_capture"] >= 0


def test_subtle_scenarios_are_reported_apart(root: Path) -> None:
    report = run(root, Told())
    queries = load(root, "test").queries
    assert report["ordinary_captures"] == sum(query.ordinary for query in queries) < len(queries)
    subtle = report["by_scenario"]["printed_damage"]
    assert subtle["false_positive_share"] == 1.0
    assert "recall" not in subtle
    assert subtle["mean_score"] > 0.5
    assert report["by_scenario"]["ordinary"]["recall"] == 1.0


def test_scores_that_are_no_probabilities_have_no_calibration(root: Path) -> None:
    assert run(root, Told())["ece"] is None
    report = run(root, Told(), prior=Prior(share=0.5))
    assert 0 < report["ece"] < 0.1
    assert 0 <= report["ece_at_1_in_1000"] < report["ece"]


def test_an_interrupted_run_goes_on_where_it_stopped(root: Path) -> None:
    first, part = Told(failing="test-009"), root / "out" / "p.csv.part"
    with pytest.raises(KeyboardInterrupt):
        run(root, first)
    assert 0 < len(first.asked) < 16
    assert not (root / "out" / "p.csv").exists()
    with part.open("a", encoding="utf-8") as lines:
        lines.write('{"capture_id": "test-0')
    second = Told()
    report = run(root, second)
    assert sorted(first.asked + second.asked) == [f"test-{number:03}" for number in range(16)]
    assert report["ap_any"] == 1.0
    assert not part.exists()


def test_what_another_run_began_is_not_mixed_in(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(root, Told(failing="test-003"))
    with pytest.raises(BadData, match=r"p\.csv\.part row 0 belongs to another run"):
        run(root, Told(), method="another")


def test_several_processes_find_what_one_finds(root: Path) -> None:
    one = run(root, Classifier())
    alone = (root / "out" / "p.csv").read_text(encoding="utf-8")
    several = run(root, Classifier(), workers=2)
    assert (root / "out" / "p.csv").read_text(encoding="utf-8") == alone
    assert several | {"ms_per_capture": 0} == one | {"ms_per_capture": 0}


def test_a_run_with_other_networks_is_another_run(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(root, Told(failing="test-003"), made_of={"classifier": "old"})
    with pytest.raises(BadData, match="another run"):
        run(root, Told(), made_of={"classifier": "new"})
    (root / "out" / "p.csv.part").unlink()
    assert run(root, Told(), made_of={"classifier": "new"})["classifier"] == "new"


def test_references_can_be_left_out(root: Path) -> None:
    told = Told()
    run(root, told)
    assert set(told.references) == {1}
    (root / "reference-test.parquet").unlink()
    told = Told()
    run(root, told, gallery="none")
    assert set(told.references) == {0}


@pytest.mark.parametrize("score", [1.2, -0.1, float("nan")])
def test_a_score_outside_of_zero_to_one_is_refused(root: Path, score: float) -> None:
    with pytest.raises(BadData, match=r"0\.png: the method's score of damage is .* not in \[0, 1\]"):
        run(root, Told(score=score))


def test_wrong_data_is_found_before_any_capture_is_judged(root: Path) -> None:
    (root / "test" / "15.png").unlink()
    told = Told()
    with pytest.raises(BadData, match="row 15"):
        run(root, told)
    assert told.asked == []


def test_the_threshold_is_chosen_on_validation_where_that_was_predicted(root: Path) -> None:
    small_set.draw(root, "validation")
    rows = "".join(f"{query.capture_id},0.7\n" for query in load(root, "validation").queries)
    submission = root / "validation.csv"
    submission.write_text("capture_id,pred\n" + rows, encoding="utf-8")
    report = run(root, Told(), validation=submission)
    assert report["threshold"] == 0.7
    assert report["threshold_from"] == "validation"
    # No score of this split's own intact captures is near 0.7: its own recalls do not ask for that threshold.
    assert report["by_scenario"]["printed_damage"]["false_positive_share"] == 0.0
    assert run(root, Told())["by_scenario"]["printed_damage"]["false_positive_share"] == 1.0
    assert report["recall_at_1_fpr"] == run(root, Told())["recall_at_1_fpr"]
    assert run(root, Told())["threshold_from"] == "this split"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,pred\n", "row 0: the header must be capture_id,pred"),
        ("capture_id,pred\ntest-000,x\n", "row 1: 'test-000,x' is no capture id and number"),
        ("capture_id,pred\ntest-000,2\n", "row 1: .*2.0 is not in"),
        ("capture_id,pred\ntest-000,1\n", "differ in 15 captures, such as test-001"),
        ("", "row 0: the header"),
    ],
)
def test_a_wrong_submission_is_named_with_its_row(root: Path, text: str, sentence: str) -> None:
    path = root / "submission.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match=rf"submission\.csv.*{sentence}"):
        read_predictions(path, load(root, "test").queries)
