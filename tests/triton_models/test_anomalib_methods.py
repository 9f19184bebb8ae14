"""Anomalib's methods on the shipped backbone find what differs from the references, where anomalib is."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

with warnings.catch_warnings():  # its dependencies warn when they are first compiled
    warnings.simplefilter("ignore")
    pytest.importorskip(
        "anomalib.models", reason="anomalib is in the training environment only (intact train makes it)"
    )

from tests.triton_models import small_set
from triton_models.anomalib_methods import METHODS, compare
from triton_models.kaputt import load
from triton_models.metrics import auroc


@pytest.mark.parametrize("name", METHODS)
def test_a_spot_on_a_plain_card_is_told_from_its_references(name: str, tmp_path: Path) -> None:
    small_set.draw(tmp_path)
    data = load(tmp_path, "test")
    truth = np.array([query.defect for query in data.queries])
    method = METHODS[name]()
    scores = [
        method.predict(query, data.references_by_item[query.item_identifier]).damage for query in data.queries
    ]
    assert auroc(np.array(scores), truth) > 0.9
    assert method.predict(data.queries[0], ()).damage == 0


def test_each_method_gets_a_report_and_all_one_picture(tmp_path: Path) -> None:
    small_set.draw(tmp_path / "data")
    reports = compare(tmp_path / "data", tmp_path / "out", plots=False)
    assert len(reports) == len(METHODS)
    assert (tmp_path / "out" / "methods.png").stat().st_size > 0
    assert len(list((tmp_path / "out").glob("*.json"))) == len(METHODS)
