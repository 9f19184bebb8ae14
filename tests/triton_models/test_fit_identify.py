"""Weights are found again that evidence was made with."""

from __future__ import annotations

import json

import numpy as np

from triton_models import mmid
from triton_models.fit_identify import conditional, logistic


def test_what_decides_a_choice_gets_weight_and_what_does_not_gets_none() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 6, 3))
    right = (rows @ np.array((3.0, 1.0, 0.0)) + rng.gumbel(size=(400, 6))).argmax(1)
    found = conditional(rows, right, ridge=0.1)
    assert 2.3 < found[0] < 3.7
    assert 0.7 < found[1] < 1.4
    assert 0 <= found[2] < 0.2


def test_no_weight_of_evidence_is_below_zero() -> None:
    rows = np.random.default_rng(1).normal(size=(200, 4, 2))
    found = conditional(rows, rows[:, :, 0].argmin(1))
    assert found.tolist() == [0.0, found[1]]


def test_a_logistic_regression_finds_the_weights_that_lessen_and_leaves_out_those_that_do_not() -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.ones(4000), rng.normal(size=(4000, 2))])
    answers = (rng.uniform(size=4000) < 1 / (1 + np.exp(1 + 2 * rows[:, 1]))).astype(float)
    assert np.allclose(logistic(rows, answers), (-1, -2, 0), atol=0.2)
    assert np.allclose(logistic(rows * (1, -1, 1), answers)[1:], 0, atol=0.1)


def test_the_weights_that_ship_say_what_they_were_fitted_on() -> None:
    shipped = json.loads(mmid.WEIGHTS_FILE.read_text())
    assert shipped["made"]["split"] == "train"
    assert set(shipped["evidence"]) == set(mmid.NAMES)
    assert all(weight >= 0 for weight in shipped["evidence"].values())
    assert set(shipped["none"]) == set(mmid.NONE_NAMES)
