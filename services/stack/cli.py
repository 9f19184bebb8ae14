"""The command line: `./intact <command>`.

Each command lives in a module of its own below `services/stack/commands/`, which has `register(app)`.
"""

from __future__ import annotations

import sys
from importlib import import_module

import typer
from rich.console import Console

from services.stack.problems import Problem

#: In the order in which `--help` lists them. A module is imported only when it is needed for its commands.
COMMANDS: tuple[str, ...] = (
    "demo", "running", "submit", "enrol", "label", "explain", "policy", "threshold", "gallery", "tail", "quarantine",
    "doctor", "bench", "simulate", "sight", "dataset", "model", "checks",
)  # fmt: skip

_HELP = """Finds damaged items at photo stations, on real Kafka, Triton and PostgreSQL, on this machine.

Everything that runs is kept in the folder .intact of this checkout (INTACT_HOME names another)."""


def build() -> typer.Typer:
    """Return the command line with all its commands."""
    app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode="markdown", add_completion=False)
    for name in COMMANDS:
        import_module(f"services.stack.commands.{name}").register(app)
    return app


def main() -> None:
    """Run the command line; a problem is one sentence on stderr and exit status 1, never a traceback."""
    try:
        build()(prog_name="./intact")
    except Problem as problem:
        Console(stderr=True, highlight=False).print(
            f"[bold red]intact:[/] {_plain(str(problem))}", soft_wrap=True
        )
        sys.exit(1)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted")
        sys.exit(130)


def _plain(text: str) -> str:
    """Escape what rich would take for its markup."""
    return text.replace("[", "\\[")
