"""records.py and schemas/ say the same; every schema can read and be read by every released one."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
import warnings
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import IgnoredLogicalType

from services.kernel import records, release, wire
from tests.kernel import generated

ON_FILE = {
    p.name.split(".")[1]: json.loads(p.read_text(encoding="utf-8")) for p in wire.SCHEMAS.glob("*.avsc")
}
KINDS: list[type[Any]] = [*generated.classes(), *generated.enums()]
RELEASED = sorted((wire.SCHEMAS / "released").glob("*/*.avsc"))

_NUMBERS = {int: ("int", "long"), float: ("float", "double")}
_PLAIN = {
    str: "string",
    bool: "boolean",
    bytes: "bytes",
    UUID: {"type": "string", "logicalType": "uuid"},
    datetime: {"type": "long", "logicalType": "timestamp-millis"},
}


def fits(hint: Any, schema: Any) -> bool:
    """Whether a field's annotation and its schema mean the same."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        inner = next(a for a in args if a is not types.NoneType)
        return (
            isinstance(schema, list) and schema[0] == "null" and len(schema) == 2 and fits(inner, schema[1])
        )
    if origin is tuple:
        return isinstance(schema, dict) and schema["type"] == "array" and fits(args[0], schema["items"])
    if origin is Mapping:
        return isinstance(schema, dict) and schema["type"] == "map" and fits(args[1], schema["values"])
    if dataclasses.is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return bool(schema == f"intact.{typing.cast('type[Any]', hint).__name__}")
    return schema in _NUMBERS[hint] if hint in _NUMBERS else bool(schema == _PLAIN[hint])


def test_every_schema_has_its_class_and_every_class_its_schema() -> None:
    assert set(ON_FILE) == {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_a_schema_is_named_like_its_file_and_documented_like_its_class(kind: type[Any]) -> None:
    schema = ON_FILE[kind.__name__]
    assert (schema["namespace"], schema["name"]) == ("intact", kind.__name__)
    assert schema["doc"] == kind.__doc__


@pytest.mark.parametrize("kind", generated.enums(), ids=lambda k: k.__name__)
def test_symbols_are_the_same_in_the_same_order(kind: type[StrEnum]) -> None:
    assert ON_FILE[kind.__name__]["type"] == "enum"
    assert ON_FILE[kind.__name__]["symbols"] == [str(symbol) for symbol in kind]
    assert all(symbol.name == symbol.value for symbol in kind)


@pytest.mark.parametrize("kind", generated.classes(), ids=lambda k: k.__name__)
def test_fields_have_the_same_names_order_types_and_nullability(kind: type[Any]) -> None:
    hints = typing.get_type_hints(kind, vars(records))
    schema = ON_FILE[kind.__name__]
    assert [f["name"] for f in schema["fields"]] == [f.name for f in dataclasses.fields(kind)]
    wrong = {f["name"]: f["type"] for f in schema["fields"] if not fits(hints[f["name"]], f["type"])}
    assert wrong == {}


@pytest.mark.parametrize("kind", generated.classes(), ids=lambda k: k.__name__)
def test_defaults_are_the_same(kind: type[Any]) -> None:
    for field, schema in zip(dataclasses.fields(kind), ON_FILE[kind.__name__]["fields"], strict=True):
        made = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        assert ("default" in schema) == (made is not dataclasses.MISSING), field.name
        if "default" in schema:
            assert schema["default"] == (list(made) if isinstance(made, tuple) else made), field.name


@pytest.mark.parametrize("kind", generated.classes(), ids=lambda k: k.__name__)
def test_every_field_is_documented(kind: type[Any]) -> None:
    schema = ON_FILE[kind.__name__]
    assert [f["name"] for f in schema["fields"] if not f.get("doc", "").strip().endswith((".", "?"))] == []


# -- compatibility ------------------------------------------------------------------------------------------


def apache(schema: Any) -> avro.schema.Schema:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IgnoredLogicalType)  # what it does not know does not matter here
        return avro.schema.parse(json.dumps(schema))


def can_read(reader: Any, writer: Any) -> bool:
    found = ReaderWriterCompatibilityChecker().get_compatibility(reader=apache(reader), writer=apache(writer))
    return bool(found.compatibility is SchemaCompatibilityType.compatible)


def test_there_is_a_release_and_it_has_every_record_that_is_on_a_topic() -> None:
    assert {p.name for p in RELEASED} == {f"intact.{kind.__name__}.avsc" for kind in release.record_classes()}


@pytest.mark.parametrize("path", RELEASED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_each_released_schema_and_todays_read_each_other(path: Path) -> None:
    kind = getattr(records, path.name.split(".")[1])
    old, new = json.loads(path.read_text(encoding="utf-8")), wire.whole_schema(kind)
    assert can_read(reader=new, writer=old)
    assert can_read(reader=old, writer=new)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.append({"name": "added", "type": "string"}),
        lambda fields: fields.pop(0),
        lambda fields: fields[0].update(type="long"),
        lambda fields: fields[0].update(name="renamed"),
    ],
    ids=["a field without default", "a required field gone", "another type", "another name"],
)
def test_a_breaking_change_would_be_noticed(change: Any) -> None:
    old = wire.whole_schema(records.Vendor)
    new = json.loads(json.dumps(old))
    change(new["fields"])
    assert not (can_read(reader=new, writer=old) and can_read(reader=old, writer=new))
