from __future__ import annotations

import pytest

from services.stack.commands.simulate import simulate
from services.stack.problems import Problem


def test_scenarios_are_listed_without_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    simulate(scenario="list")
    assert "missing_units" in capsys.readouterr().out


def test_pictures_need_a_folder() -> None:
    with pytest.raises(Problem, match="--out DIR"):
        simulate()
