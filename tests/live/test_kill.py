"""The kill test: every service dies once in the middle of a run, and nothing shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest import kill
from services.kernel import topics

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]

CAPTURES = 2000


def test_a_run_in_which_every_service_is_killed_has_the_effects_of_an_undisturbed_one(tmp_path: Path) -> None:
    differences, calm, stormy = kill.compare(tmp_path, captures=CAPTURES)
    assert sorted(stormy.kills) == sorted(topics.SERVICES)
    assert calm.report.captures == stormy.report.captures == CAPTURES
    assert (calm.report.lost, stormy.report.lost) == (0, 0)
    assert (calm.report.doubled, stormy.report.doubled) == (0, 0)
    assert differences == []
    # Were nothing read again, the kills would not have hit anything.
    assert stormy.report.redelivered > 0
