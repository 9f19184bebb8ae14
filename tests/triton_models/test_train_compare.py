"""The comparison in torch, where torch is: its pairs, its training, its file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="torch is in the training environment only (intact train makes it)"
)

from tests.triton_models.printed_set import draw  # noqa: E402
from triton_models import comparer, description, export_compare, kaputt, pairs, train_compare  # noqa: E402
from triton_models.export import TOLERANCE  # noqa: E402
from triton_models.problems import BadData  # noqa: E402

QUICK = train_compare.Settings(epochs=2, batch=4)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder = tmp_path_factory.mktemp("printed")
    draw(folder, "train", (1, 2, 3))
    draw(folder, "validation", (11, 12), redesigned=True)
    return folder


@pytest.fixture(scope="module")
def out(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train_compare.train(root, folder, QUICK, workers=1)
    return folder


def test_pairs_carry_the_truth_in_the_captures_frame(root: Path, out: Path) -> None:
    split = kaputt.load(root, "validation")
    wanted = pairs.jobs(split, out / "description.onnx", seed=QUICK.seed, varied=False)
    found = pairs.load(wanted, out / "pairs-validation")
    kinds = [split.queries[at].defect_types for at in found.capture]
    for place, types in enumerate(kinds):
        if not found.known[place]:
            continue
        foreign, missing = found.truth[place].astype(float).sum(axis=(1, 2)) / 255
        assert (foreign > 5) == ("penetration" in types)
        assert (missing > 5) == ("missing_unit" in types)
        assert found.labels[place].tolist() == [foreign > 5, missing > 5, 0]
    assert found.known.sum() >= 6
    redesigned = [split.queries[at].scenario == "redesign" for at in found.capture]
    assert not found.known[redesigned].any(), "another print teaches nothing about damage"


def test_a_described_pair_of_one_print_differs_where_it_was_hurt(root: Path, out: Path) -> None:
    split = kaputt.load(root, "validation")
    wanted = pairs.jobs(split, out / "description.onnx", seed=QUICK.seed, varied=False)
    found = pairs.load(wanted, out / "pairs-validation")
    row = int(np.flatnonzero(found.known & (found.labels[:, 0] > 0))[0])
    apart = np.abs(found.query[row].astype(float) - found.reference[row]).mean(axis=0)
    hurt, whole = found.truth[row, 0] > 200, (found.truth[row, 0] == 0) & (found.valid[row, 0] > 0.9)
    assert apart[hurt].mean() > 1.5 * apart[whole].mean()


def test_training_stopped_after_its_last_epoch_has_nothing_left_to_do(root: Path, out: Path) -> None:
    before = (out / "checkpoint.pt").read_bytes()
    assert len(train_compare.train(root, out, QUICK, workers=1)["history"]) == QUICK.epochs
    assert (out / "checkpoint.pt").read_bytes() == before


def test_a_checkpoint_of_other_settings_is_refused_with_the_reason(root: Path, out: Path) -> None:
    other = train_compare.Settings(epochs=2, batch=4, rate=1e-4)
    with pytest.raises(BadData, match="other settings"):
        train_compare.train(root, out, other, workers=1)


def test_pairs_of_other_code_are_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.json").write_text('{"code": "000000000000", "seed": 5}')
    with pytest.raises(BadData, match="give another --out"):
        train_compare.train(root, tmp_path, QUICK, workers=1)


def test_the_served_answer_is_torchs(out: Path, tmp_path: Path) -> None:
    model, facts = export_compare.trained(out)
    path = tmp_path / "comparison.onnx"
    export_compare.export(model, path)
    assert export_compare.difference(model, path) < TOLERANCE
    assert facts["settings"]["seed"] == QUICK.seed


def test_where_nothing_can_be_compared_nothing_is_found() -> None:
    head = comparer.Head().eval()
    maps, valid = torch.randn(1, description.CHANNELS, 32, 32), torch.zeros(1, 2, 32, 32)
    with torch.inference_mode():
        _, where = head(comparer.Matching()(maps, -maps, valid), valid, torch.zeros(1, comparer.FACTS))
    assert float(where.max()) <= -6


def test_what_is_only_moved_by_a_cell_is_matched() -> None:
    maps, valid = torch.randn(1, description.CHANNELS, 32, 32), torch.ones(1, 2, 32, 32)
    moved, other = torch.roll(maps, 1, 3), torch.roll(maps, 7, 3)
    matching = comparer.Matching()
    near, far = (matching(maps, each, valid)[:, -5, 2:-2, 2:-2].mean() for each in (moved, other))
    assert float(near) > 0.99
    assert float(far) < 0.5
