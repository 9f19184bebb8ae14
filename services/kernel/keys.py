"""Keys of the image and feature store: what they look like, and how a part of an object is named.

They come from events and are not trusted.
"""

from __future__ import annotations

import re

from services.kernel.faults import DataFault

_ALPHABET = re.compile(r"[A-Za-z0-9._=/-]+")
_KEY_MAX = 512
#: A part is at most as long as file systems take names, less what the store adds while it writes.
_PART_MAX = 200


def checked_key(key: str) -> str:
    """The key, if it is one.

    Raises:
        DataFault: it climbs (``..``), is absolute, too long (512 in all, 200 a part), or has other characters than
            letters, digits, ``._=-/``.
    """
    allowed = len(key) <= _KEY_MAX and ".." not in key and _ALPHABET.fullmatch(key)
    if not allowed or not all(part[:1].isalnum() and len(part) <= _PART_MAX for part in key.split("/")):
        msg = f"store key {key[:80]!r} is not allowed: relative, letters, digits and ._=-/ only, no '..'"
        raise DataFault("bad_store_key", msg)
    return key


_PART = re.compile(r"(.+\.bundle)/([0-9]{1,15})-([0-9]{0,15})")


def part_key(key: str, begin: int, end: int | None = None) -> str:
    """The key of a part of the object `key` (whose name ends with ``.bundle``): bytes from `begin` up to `end`."""
    return f"{key}/{begin}-{'' if end is None else end}"


def part_of(key: str) -> tuple[str, int, int | None] | None:
    """The object, begin and end that a part's key names; None for the key of a whole object."""
    found = _PART.fullmatch(key)
    return (found[1], int(found[2]), int(found[3]) if found[3] else None) if found else None
