"""What Triton says of products is checked before it is believed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.kernel.faults import DependencyFault
from services.kernel.verification import read_evidence
from tests.kernel.test_triton import answer, floats


def test_evidence_is_read_a_row_for_each_reference() -> None:
    rows = np.arange(12, dtype="<f4").reshape(2, 6)
    found = read_evidence(answer(EVIDENCE=("FP32", (2, 6), rows.tobytes())), 2)
    assert np.array_equal(found, rows)


@pytest.mark.parametrize(
    "wrong",
    [
        answer(EVIDENCE=floats((1, 6), 0.5)),
        answer(EVIDENCE=floats((2, 6), float("nan"))),
        answer(EVIDENCE=floats((2, 6), 1e9)),
        answer(EVIDENCE=floats((2, 5), 0.5)),
        answer(),
    ],
    ids=["too few", "no number", "too much", "narrow", "nothing"],
)
def test_evidence_without_sense_is_the_dependencys_fault(wrong: Any) -> None:
    with pytest.raises(DependencyFault):
        read_evidence(wrong, 2)
