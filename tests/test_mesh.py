"""The folders of services/ are what the table of topics says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from services.kernel import topics

NOT_SERVICES = {"kernel", "stack"}


def folders(project: Path) -> set[str]:
    return {p.parent.name for p in (project / "services").glob("*/__init__.py")} | {
        p.parent.name for p in (project / "services").glob("*/*.py")
    }


def test_there_is_one_folder_for_each_service_and_no_other(project: Path) -> None:
    assert folders(project) == {*topics.SERVICES, *NOT_SERVICES}


@pytest.mark.parametrize("service", topics.SERVICES)
def test_a_service_has_a_short_main_and_an_app(project: Path, service: str) -> None:
    folder = project / "services" / service
    assert len((folder / "__main__.py").read_text(encoding="utf-8").splitlines()) <= 15
    assert (folder / "app.py").exists()


@pytest.mark.parametrize("service", topics.SERVICES)
def test_a_service_names_only_its_own_topics(project: Path, service: str) -> None:
    own = {t.name for t in topics.TOPICS if service in (*t.producers, *t.consumers, *t.views)}
    named: set[str] = set()
    for path in (project / "services" / service).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in topics.BY_NAME:
                named.add(node.value)
    assert named <= own
