"""Seeded values for every record class, drawn from its annotations."""

from __future__ import annotations

import dataclasses
import struct
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any
from uuid import UUID

from services.kernel import records

_TEXTS = ("", "a", "item-7", "Größe", "箱", "a\nb", "🙂", "x" * 200)


def classes() -> list[type[Any]]:
    """Every dataclass of records.py."""
    return [c for c in vars(records).values() if isinstance(c, type) and dataclasses.is_dataclass(c)]


def enums() -> list[type[StrEnum]]:
    """Every enumeration of records.py."""
    found = [c for c in vars(records).values() if isinstance(c, type) and issubclass(c, StrEnum)]
    return [c for c in found if c is not StrEnum]


def value(kind: type[Any], random: Random) -> Any:
    """One record of this class."""
    hints = typing.get_type_hints(kind, vars(records))
    return kind(**{f.name: _any(hints[f.name], random) for f in dataclasses.fields(kind)})


def values(kind: type[Any], count: int, seed: int = 7) -> Iterator[Any]:
    """Several records of this class."""
    random = Random(f"{kind.__name__}{seed}")  # noqa: S311 (seeded, not secret)
    return (value(kind, random) for _ in range(count))


def _moment(random: Random) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=random.randrange(-(10**12), 4 * 10**12))


_PLAIN: dict[Any, Callable[[Random], Any]] = {
    str: lambda r: r.choice(_TEXTS),
    int: lambda r: r.choice((0, 1, -1, 2**31 - 1, -(2**31), r.randrange(10**6))),
    float: lambda r: struct.unpack("<f", struct.pack("<f", r.uniform(-1, 1)))[0],
    bool: lambda r: r.random() < 0.5,
    bytes: lambda r: r.randbytes(r.choice((0, 1, 200))),
    UUID: lambda r: UUID(int=r.getrandbits(128)),
    datetime: _moment,
}


def _any(hint: Any, random: Random) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        inner = next(a for a in args if a is not types.NoneType)
        return _any(inner, random) if random.random() < 0.6 else None
    if origin is tuple:
        return tuple(_any(args[0], random) for _ in range(random.choice((0, 1, 3))))
    if origin is Mapping:
        return {f"k{i}": _any(args[1], random) for i in range(random.choice((0, 1, 3)))}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return random.choice(list(hint))
    if dataclasses.is_dataclass(hint):
        return value(typing.cast("type[Any]", hint), random)
    return _PLAIN[hint](random)
