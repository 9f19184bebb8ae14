from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from services.kernel.topics import MESSAGE_MAX_BYTES
from services.stack import kafka
from services.stack.problems import Problem


def settings() -> dict[str, str]:
    text = kafka.properties(data=Path("/data"), port=20001, controller_port=20002)
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_broker_listens_on_loopback_only() -> None:
    assert settings()["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert settings()["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"


def test_the_size_limit_is_the_one_of_the_mesh() -> None:
    assert settings()["message.max.bytes"] == str(MESSAGE_MAX_BYTES)


def test_a_misspelt_topic_is_not_created() -> None:
    assert settings()["auto.create.topics.enable"] == "false"


def test_every_locked_jar_has_a_version_and_a_hash() -> None:
    jars = kafka.locked(kafka.LOCK.read_text(encoding="utf-8"))
    assert len(jars) == len({(jar.group, jar.artifact) for jar in jars}) == 40
    assert all(len(jar.sha256) == len(hashlib.sha256().hexdigest()) for jar in jars)


def test_what_is_missing_is_what_is_not_in_the_cache(tmp_path: Path) -> None:
    wanted = kafka.missing_jars(tmp_path)
    wanted[0].path(tmp_path).parent.mkdir(parents=True)
    wanted[0].path(tmp_path).touch()
    assert kafka.missing_jars(tmp_path) == wanted[1:]


class FakeMaven:
    """Resolves everything to one file, as jgo's context does."""

    def __init__(self, file: Path, error: Exception | None = None) -> None:
        self.cached_path = file.with_name("stale")
        self._file, self._error = file, error

    def project(self, _group: str, _artifact: str) -> FakeMaven:
        return self

    def at_version(self, _version: str) -> FakeMaven:
        return self

    def artifact(self) -> FakeMaven:
        return self

    def resolve(self) -> Path:
        if self._error:
            raise self._error
        return self._file


def maven(file: Path, error: Exception | None = None) -> Any:
    return FakeMaven(file, error)


def a_jar(content: bytes) -> kafka.Jar:
    return kafka.Jar(group="org.x", artifact="a", version="1", sha256=hashlib.sha256(content).hexdigest())


def test_a_fetched_jar_with_the_right_hash_lands_in_the_cache(tmp_path: Path) -> None:
    (tmp_path / "download").write_bytes(b"right")
    kafka._fetch(a_jar(b"right"), maven(tmp_path / "download"), tmp_path)
    assert a_jar(b"right").path(tmp_path).read_bytes() == b"right"


def test_a_fetched_jar_with_another_hash_is_refused_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "download").write_bytes(b"wrong")
    with pytest.raises(Problem, match=r"not what kafka\.lock names"):
        kafka._fetch(a_jar(b"right"), maven(tmp_path / "download"), tmp_path)
    assert not (tmp_path / "download").exists()


def test_without_network_the_message_says_so(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="Is the network up"):
        kafka._fetch(a_jar(b""), maven(tmp_path / "x", OSError("unreachable")), tmp_path)
