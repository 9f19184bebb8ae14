"""The environment that trains: torch and what it brings, apart from what serves, and made when it is first needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rich.console import Console

from services.stack.home import PROJECT
from services.stack.problems import Problem

LOCK = PROJECT / "triton_models" / "requirements-train.txt"
PLACE = PROJECT / ".venv-train"


def python(console: Console) -> Path:
    """The interpreter of the training environment, which is made or brought up to date first.

    Raises:
        Problem: The packages could not be installed.
    """
    found = PLACE / "bin" / "python"
    installed = PLACE / "installed"
    wanted = LOCK.read_text()
    if found.exists() and installed.exists() and installed.read_text() == wanted:
        return found
    console.print("making .venv-train: torch and what trains with it (some 3 GB to download, 6 GB on disk)")
    uv = str(Path(sys.executable).with_name("uv"))
    steps = (
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(PLACE)],
        [uv, "pip", "sync", "--python", str(found), "--require-hashes", str(LOCK)],
    )
    for step in steps:
        if subprocess.run(step, check=False).returncode != 0:
            raise Problem(
                "the training packages could not be installed (see above); the same command tries again"
            )
    installed.write_text(wanted)
    return found


def run(module: str, arguments: list[str], console: Console) -> None:
    """Run a module of `triton_models` in the training environment, its output as it comes.

    Raises:
        Problem: It failed; what it said stands above.
    """
    done = subprocess.run(
        [python(console), "-m", f"triton_models.{module}", *arguments], check=False, cwd=PROJECT
    )
    if done.returncode != 0:
        raise Problem(f"{module} ended with status {done.returncode}: what it said stands above")
