"""The README is true where a machine can check it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from services.kernel.topics import DAY, PARTITIONS, TOPICS, Topic
from services.stack import cli

README = (Path(__file__).parents[1] / "README.md").read_text()


def row(topic: Topic) -> str:
    """A topic's row of the README's table; print these to renew it."""
    kept = "compacted" if topic.retention_ms is None else f"{topic.retention_ms // DAY} days"
    cells = (
        f"`{topic.name}`",
        topic.record.__name__,
        topic.key.replace("|", "\\|"),
        ", ".join(topic.producers),
        ", ".join(topic.consumers) or "–",
        ", ".join(topic.views) or "–",
        kept,
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda t: t.name)
def test_the_table_of_topics_is_the_mesh(topic: Topic) -> None:
    assert row(topic) in README


def test_no_topic_is_in_the_table_that_is_not_in_the_mesh() -> None:
    rows = [
        line
        for line in README.splitlines()
        if line.startswith("| `") and line.endswith((" days |", " compacted |"))
    ]
    assert len(rows) == len(TOPICS)
    assert f"have {PARTITIONS} partitions" in README


def test_every_command_is_described() -> None:
    commands = typer.main.get_command(cli.build()).commands  # type: ignore[attr-defined]
    missing = [name for name in commands if f"`./intact {name}" not in README and f"`{name}`" not in README]
    missing = [name for name in missing if f"./intact {name} " not in README]
    assert missing == []
