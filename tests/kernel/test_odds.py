from __future__ import annotations

import pytest

from services.kernel.odds import said


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.954, "0.95"), (0.1, "0.10"), (0.0123, "0.012"), (0.0005, "0.0005"), (1e-6, "under 0.0001")],
)
def test_a_small_probability_is_not_told_as_none(p: float, text: str) -> None:
    assert said(p) == text
