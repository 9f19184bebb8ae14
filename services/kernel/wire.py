"""Records on the wire: Avro single-object encoding, resolved against the schemas the project keeps.

An encoded record is ``C3 01``, the CRC-64-AVRO fingerprint of the writer's schema (8 bytes, little-endian) and the
Avro body (Avro specification 1.12, "Single-object encoding"). A reader knows its own schema and every released
one, so that services of different releases understand each other while they are rolled out.
"""

from __future__ import annotations

import dataclasses
import io
import json
import operator
import os
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar
from uuid import UUID

import fastavro
from fastavro.schema import fingerprint, load_schema, parse_schema, to_parsing_canonical_form

from services.kernel import records
from services.kernel.faults import ConfigurationFault, DataFault

R = TypeVar("R")

MARKER = b"\xc3\x01"
HEADER_BYTES = 10
SCHEMAS = Path(os.environ.get("INTACT_SCHEMAS") or Path(__file__).parents[2] / "schemas")


def schema_path(name: str, folder: Path = SCHEMAS) -> Path:
    """Where the schema of a record class is kept."""
    return folder / f"intact.{name}.avsc"


def whole_schema(kind: type[Any], folder: Path = SCHEMAS) -> Any:
    """The schema of a record class as plain JSON that stands alone: what it names is written out inside."""
    return _without(load_schema(str(schema_path(kind.__name__, folder))), frozenset())


#: What fastavro adds to a schema that it has parsed.
_PARSER_MARKS = frozenset({"__fastavro_parsed", "__named_schemas"})
#: What a schema may say differently and still mean the same.
_REMARKS = frozenset({"doc", "aliases"})


def _without(schema: Any, names: frozenset[str]) -> Any:
    if isinstance(schema, dict):
        return {k: _without(v, names) for k, v in schema.items() if k not in names | _PARSER_MARKS}
    return [_without(v, names) for v in schema] if isinstance(schema, list) else schema


def schema_fingerprint(schema: Any) -> bytes:
    """CRC-64-AVRO of a schema's canonical form, as it stands in the header."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


_CODECS: dict[type[Any], Codec[Any]] = {}


def codec(kind: type[R]) -> Codec[R]:
    """The codec of a record class; schemas are read once."""
    found: Codec[R] | None = _CODECS.get(kind)
    if found is None:
        found = _CODECS[kind] = Codec(kind)
    return found


def encode(record: Any) -> bytes:
    """Encode a record; raises ValueError for a value that its schema does not hold, which is a bug of the caller."""
    return codec(type(record)).encode(record)


def decode(kind: type[R], data: bytes) -> R:
    """Decode bytes as this record.

    Raises:
        DataFault: the bytes are no single-object Avro, of an unknown schema, or cut off; the message says which.
    """
    return codec(kind).decode(data)


class Codec(Generic[R]):
    """Encodes and decodes one record class."""

    def __init__(self, kind: type[R], folder: Path = SCHEMAS) -> None:
        self.kind = kind
        self.schema = load_schema(str(schema_path(kind.__name__, folder)))
        self.header = MARKER + schema_fingerprint(self.schema)
        self._writers: dict[bytes, Any] = {self.header: self.schema}
        for released in sorted((folder / "released").glob(f"*/intact.{kind.__name__}.avsc")):
            self._know(parse_schema(json.loads(released.read_text())), released)
        self._to = _to_plain(kind)
        self._from = _from_plain(kind)

    def _know(self, old: Any, path: Path) -> None:
        # The first schema of a fingerprint stays: the current one is read without resolving it against itself.
        known = self._writers.setdefault(MARKER + schema_fingerprint(old), old)
        if known is not old and _without(known, _REMARKS) != _without(old, _REMARKS):
            # The fingerprint's canonical form drops defaults and logical types: a reader could not tell them apart.
            msg = (
                f"{path} differs from another {self.kind.__name__} only in what the fingerprint does not see"
            )
            raise ConfigurationFault(msg)

    def encode(self, record: R) -> bytes:
        """Single-object encoding of a record."""
        out = io.BytesIO()
        out.write(self.header)
        try:
            fastavro.schemaless_writer(out, self.schema, self._to(record), strict=True)
        except (TypeError, AttributeError, OverflowError, ValueError) as exc:
            msg = f"this is no {self.kind.__name__}: {exc}"
            raise ValueError(msg) from exc
        return out.getvalue()

    def decode(self, data: bytes) -> R:
        """The record in these bytes, see `decode`."""
        header = data[:HEADER_BYTES]
        if header[:2] != MARKER or len(header) < HEADER_BYTES:
            msg = f"this is no Avro single-object encoding (it begins with {header[:4].hex() or 'nothing'})"
            raise DataFault("not_avro", msg)
        writer = self._writers.get(header)
        if writer is None:
            msg = (
                f"schema {header[2:].hex()} is not a known {self.kind.__name__}; "
                "add its .avsc to schemas/released/ or upgrade this service"
            )
            raise DataFault("unknown_schema", msg)
        body = io.BytesIO(data)
        body.seek(HEADER_BYTES)
        try:
            reader = None if writer is self.schema else self.schema
            record: R = self._from(fastavro.schemaless_reader(body, writer, reader))
        except Exception as exc:  # whatever a decoder meets in foreign bytes, the bytes are at fault
            msg = f"the body is no {self.kind.__name__}: {type(exc).__name__}: {exc}"
            raise DataFault("bad_avro", msg) from exc
        if body.tell() != len(data):
            msg = f"{len(data) - body.tell()} bytes are left over after the {self.kind.__name__}"
            raise DataFault("bad_avro", msg)
        return record


# -- plain values <-> dataclasses, compiled once per class ---------------------------------------------------


def _to_plain(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    steps = [(f.name, _encoder(hint)) for f, hint in _fields(kind)]

    def convert(record: Any) -> dict[str, Any]:
        return {n: (getattr(record, n) if step is None else step(getattr(record, n))) for n, step in steps}

    return convert


def _from_plain(kind: type[Any]) -> Callable[[Any], Any]:
    steps = [(f.name, step) for f, hint in _fields(kind) if (step := _decoder(hint)) is not None]

    def convert(plain: Any) -> Any:
        for name, step in steps:
            plain[name] = step(plain[name])
        return kind(**plain)

    return convert


def _fields(kind: type[Any]) -> list[tuple[dataclasses.Field[Any], Any]]:
    hints = typing.get_type_hints(kind, vars(records))
    return [(f, hints[f.name]) for f in dataclasses.fields(kind)]


def _encoder(hint: Any) -> Any:
    of, *others = typing.get_args(hint) or (None,)
    if others == [types.NoneType] and isinstance(of, type) and dataclasses.is_dataclass(of):
        # Named, or the library would hold the whole record against each branch before it writes it.
        name, inner = f"intact.{of.__name__}", _to_plain(of)
        return lambda v: None if v is None else (name, inner(v))
    return _converter(hint, _to_plain, list, enum=False)


def _decoder(hint: Any) -> Any:
    return _converter(hint, _from_plain, tuple, enum=True)


def _converter(hint: Any, nested: Callable[[type[Any]], Any], sequence: Any, *, enum: bool) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = _converter(next(a for a in args if a is not types.NoneType), nested, sequence, enum=enum)
        return inner and (lambda v: None if v is None else inner(v))
    if origin is tuple:
        inner = _converter(args[0], nested, sequence, enum=enum)
        return sequence if inner is None else lambda v: sequence([inner(x) for x in v])
    if origin is Mapping:
        inner = _converter(args[1], nested, sequence, enum=enum)
        return inner and (lambda v: {k: inner(x) for k, x in v.items()})
    if dataclasses.is_dataclass(hint):
        return nested(typing.cast("type[Any]", hint))
    if enum and isinstance(hint, type) and issubclass(hint, StrEnum):
        return {str(symbol): symbol for symbol in hint}.__getitem__
    return None if enum else _STRICT.get(hint)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = f"{moment} has no time zone"
        raise ValueError(msg)
    return moment


#: What fastavro would write silently as something else: 1.5 as 1, a local time as UTC, any text as a UUID.
_STRICT: dict[Any, Callable[[Any], Any]] = {int: operator.index, datetime: _aware, UUID: UUID.__str__}
