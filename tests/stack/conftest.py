from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.stack import processes
from services.stack.home import Home
from services.stack.processes import Running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home", cache=tmp_path / "cache")
    made.make()
    return made


@pytest.fixture
def run_python(tmp_path: Path) -> Iterator[Callable[[str], Running]]:
    """Start a Python one-liner as a process of the stack; whatever still runs afterwards is killed."""
    started: list[Running] = []

    def run(code: str, name: str = "sample") -> Running:
        argv = (sys.executable, "-c", code)
        process = processes.start(name, argv, env={"PATH": "/usr/bin"}, log=tmp_path / f"{name}.log")
        started.append(process)
        return process

    yield run
    for process in started:
        processes.kill(process)
