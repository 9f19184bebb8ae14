"""The image and feature store: a folder by default, any S3 by configuration (claim check).

Events carry keys; bytes stay here. Keys come from events and are not trusted: they are relative, of a narrow alphabet,
and cannot climb out of the store. *Stored* means synced: on a folder the file and its directory are fsynced before a
put returns; an object store answers only when the object is durable.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from services.kernel.faults import ConfigurationFault, DataFault, DependencyFault

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A part is at most as long as file systems take names, less what the store adds while it writes.
_PART = r"[A-Za-z0-9][A-Za-z0-9._=-]{0,199}"
_KEY = re.compile(f"{_PART}(/{_PART})*")
_KEY_MAX = 512


def checked_key(key: str) -> str:
    """The key, if it is one.

    Raises:
        DataFault: it climbs (``..``), is absolute, too long (512 in all, 200 a part), or has other characters than letters, digits, ``._=-/``.
    """
    if len(key) > _KEY_MAX or ".." in key or not _KEY.fullmatch(key):
        msg = f"store key {key[:80]!r} is not allowed: relative, letters, digits and ._=-/ only, no '..'"
        raise DataFault("bad_store_key", msg)
    return key


class Blobs:
    """Bytes by key."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._root: Path | None = None
        if parts.scheme == "file":
            self._root = Path(unquote(parts.path))
            self._root.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(self._root)
        elif parts.scheme in ("s3", "gs", "az", "memory"):
            self._store = from_url(url)  # credentials come from the environment, as each cloud's tools do it
        else:
            msg = f"INTACT_STORE={parts.scheme}:… is not supported: use file:///folder, s3://, gs:// or az://"
            raise ConfigurationFault(msg)

    async def get(self, key: str) -> bytes:
        """The bytes under a key.

        Raises:
            DataFault: nothing is stored there (an event is only sent after its images are durable).
            DependencyFault: the store does not answer.
        """
        checked_key(key)
        try:
            if self._root is not None:
                # A file of some KiB in the page cache: a thread or a runtime would cost ten times the read.
                return (self._root / key).read_bytes()
            return bytes(await (await obstore.get_async(self._store, key)).bytes_async())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, NotFoundError) as exc:
            msg = f"nothing is stored under {key}; was it deleted before the event expired?"
            raise DataFault("missing_blob", msg) from exc
        except (OSError, BaseError) as exc:
            msg = f"the store does not give {key}: {exc}"
            raise DependencyFault(msg) from exc

    async def put(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store objects durably, replacing what is there; equal content under equal keys makes this repeatable."""
        pairs = [(checked_key(key), data) for key, data in items]
        if self._root is not None:
            await asyncio.to_thread(self._put_files, pairs)
            return
        try:
            await asyncio.gather(*(obstore.put_async(self._store, key, data) for key, data in pairs))
        except BaseError as exc:
            msg = f"the store does not take {pairs[0][0]}: {exc}"
            raise DependencyFault(msg) from exc

    async def put_new(self, key: str, data: bytes) -> bool:
        """Store an object durably unless there is one; say whether it was stored."""
        checked_key(key)
        try:
            await asyncio.to_thread(obstore.put, self._store, key, data, mode="create")
            if self._root is not None:
                await asyncio.to_thread(self._sync, [self._root / key])
        except AlreadyExistsError:
            return False
        except (OSError, BaseError) as exc:
            msg = f"the store does not take {key}: {exc}"
            raise DependencyFault(msg) from exc
        return True

    def _put_files(self, pairs: list[tuple[str, bytes]]) -> None:
        try:
            for key, data in pairs:
                obstore.put(self._store, key, data)
            self._sync([Path(str(self._root)) / key for key, _ in pairs])
        except (OSError, BaseError) as exc:
            msg = f"the store does not take {pairs[0][0]}: {exc}"
            raise DependencyFault(msg) from exc

    def _sync(self, files: list[Path]) -> None:
        root = Path(str(self._root))
        folders = {p for f in files for p in f.parents if p == root or root in p.parents}
        for path in (*files, *sorted(folders, reverse=True)):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
