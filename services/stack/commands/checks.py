"""`test`: everything that must hold before a change goes in, in one command."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from services.stack.home import PROJECT

_CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format", ("ruff", "format", "--check", ".")),
    ("mypy", ("mypy",)),
    ("import contracts", ("lint-imports",)),
)
#: pytest ends with this when it found nothing to run.
_NO_TESTS = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
        run_checks
    )


def run_checks(
    context: typer.Context,
    *,
    only_tests: Annotated[
        bool, typer.Option("--only-tests", help="Leave out the linters and type checks.")
    ] = False,
) -> None:
    """Run the linters, the type checks and all tests, on real Kafka, Triton and PostgreSQL.

    Further arguments go to pytest: ./intact test tests/stack -k processes; -m "not live" leaves out what needs
    the real parts.
    """
    console = Console(highlight=False)
    failed = [] if only_tests else [name for name, argv in _CHECKS if not _passes(console, name, argv)]
    if failed:
        # Said now: pytest's closing line is the last, and whoever reads a run looks there.
        console.print(f"{', '.join(failed)} failed: whatever the tests say, this ends with exit status 1")
    tests = _run(("pytest", *(context.args or ("tests",))))
    raise typer.Exit(tests or (1 if failed else 0))


def _passes(console: Console, name: str, argv: tuple[str, ...]) -> bool:
    began = time.monotonic()
    done = _run(argv, quiet=True)
    console.print(f"{'ok' if done == 0 else 'FAILED':<7}{name} ({time.monotonic() - began:.1f} s)")
    return done == 0


def _run(argv: tuple[str, ...], *, quiet: bool = False) -> int:
    """Run a tool of this environment in the checkout; with `quiet` its output shows only when it fails."""
    tool = str(PROJECT / ".venv" / "bin" / argv[0]) if argv[0] != "pytest" else ""
    command = (tool, *argv[1:]) if tool else (sys.executable, "-m", *argv)
    if not quiet:
        return subprocess.run(command, cwd=PROJECT, check=False).returncode
    done = subprocess.run(
        command, cwd=PROJECT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        sys.stdout.write(done.stdout)
        sys.stdout.flush()
    return done.returncode
