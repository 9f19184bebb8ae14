"""A released version stands alone and is never written over."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fastavro.schema import parse_schema

from services.kernel import release, wire
from services.kernel.faults import ConfigurationFault


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    folder = tmp_path / "schemas"
    shutil.copytree(wire.SCHEMAS, folder, ignore=shutil.ignore_patterns("released"))
    return folder


def test_a_release_holds_every_record_that_is_on_a_topic_each_readable_alone(schemas: Path) -> None:
    files = release.write("1.2.3", schemas)
    assert {f.name for f in files} == {f"intact.{kind.__name__}.avsc" for kind in release.record_classes()}
    for kind, file in zip(release.record_classes(), files, strict=True):
        alone = parse_schema(json.loads(file.read_text(encoding="utf-8")), named_schemas={})
        assert wire.schema_fingerprint(alone) == wire.Codec(kind).header[2:]


def test_a_release_is_not_written_over(schemas: Path) -> None:
    first = release.write("1.2.3", schemas)
    before = first[0].read_bytes()
    with pytest.raises(ConfigurationFault, match=r"1\.2\.3 is released already"):
        release.write("1.2.3", schemas)
    assert first[0].read_bytes() == before


@pytest.mark.parametrize("version", ["1", "1.2", "v1.2.3", "../1.2.3", "1.2.3\n", ""])
def test_what_is_no_version_is_refused(schemas: Path, version: str) -> None:
    with pytest.raises(ConfigurationFault, match="is no version"):
        release.write(version, schemas)
    assert not (schemas / "released").exists()


def test_the_command_says_why_it_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["1.0.0"]) == 2
    assert "released already" in capsys.readouterr().err
