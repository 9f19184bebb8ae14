"""The image and feature store: a folder by default, any S3 by configuration (claim check).

Events carry keys; bytes stay here. Keys come from events and are not trusted: they are relative, of a narrow alphabet,
and cannot climb out of the store. *Stored* means synced: on a folder the file and its directory are fsynced before a
put returns; an object store answers only when the object is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import from_url

from services.kernel.faults import ConfigurationFault, DataFault, DependencyFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


class Blobs:
    """Bytes by key."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._root: Path | None = None
        #: Folders known to be there and synced.
        self._folders: set[str] = set()
        if parts.scheme == "file":
            self._root = Path(unquote(parts.path))
            self._root.mkdir(parents=True, exist_ok=True)
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
                return _read(f"{self._root}/{key}")
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

    async def put_new(self, key: str, data: bytes, *, before: Iterable[tuple[str, bytes]] = ()) -> bool:
        """Store an object durably unless there is one; say whether it was stored.

        What is to be there `before` it is stored first, durably, also when there is one.
        """
        checked_key(key)
        pairs = [(checked_key(k), content) for k, content in before]
        if self._root is not None:
            return await asyncio.to_thread(self._put_file_if_new, key, data, pairs)
        await self.put(pairs)
        try:
            await obstore.put_async(self._store, key, data, mode="create")
        except AlreadyExistsError:
            return False
        except (OSError, BaseError) as exc:
            msg = f"the store does not take {key}: {exc}"
            raise DependencyFault(msg) from exc
        return True

    # A folder is written with plain system calls: the object store client has no way to sync, and costs three times the
    # CPU. A file is synced under a name of its own before it gets its key, so that a key never names half a file.

    def _put_files(self, pairs: list[tuple[str, bytes]]) -> None:
        if not pairs:
            return
        try:
            self._sync({folder for key, data in pairs for folder in self._put_file(key, data, os.replace)})
        except OSError as exc:
            self._folders.clear()  # somebody may have removed one; the next try looks again
            msg = f"the store does not take {pairs[0][0]}: {exc}"
            raise DependencyFault(msg) from exc

    def _put_file_if_new(self, key: str, data: bytes, before: list[tuple[str, bytes]]) -> bool:
        self._put_files(before)
        try:
            self._sync(self._put_file(key, data, os.link))
        except FileExistsError:
            return False
        except OSError as exc:
            self._folders.clear()  # somebody may have removed one; the next try looks again
            msg = f"the store does not take {key}: {exc}"
            raise DependencyFault(msg) from exc
        return True

    def _put_file(self, key: str, data: bytes, name: Callable[[str, str], None]) -> set[str]:
        """Write and sync a file, then give it its name; returns the folders whose entries changed."""
        path = f"{self._root}/{key}"
        folder = os.path.dirname(path)  # noqa: PTH120 (this is the hot path, and pathlib is slow)
        changed = {folder}
        if folder not in self._folders:
            changed |= self._make(folder)
        # Keys begin with a letter or digit, so no key can name this.
        unnamed = f"{folder}/.{secrets.token_hex(8)}"
        handle = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(handle, rest) :]
                os.fdatasync(handle)
            finally:
                os.close(handle)
            name(unnamed, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(unnamed)  # noqa: PTH108 (as above; it is gone already after a rename)
        return changed

    def _make(self, folder: str) -> set[str]:
        """Make a folder and its parents; returns the folders that got an entry."""
        changed: set[str] = set()
        missing = Path(folder)
        while not missing.exists():
            changed.add(str(missing.parent))
            missing = missing.parent
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except FileExistsError as exc:  # not to be taken for the key's being there
            raise NotADirectoryError(str(exc)) from exc
        return changed

    def _sync(self, folders: set[str]) -> None:
        for folder in folders:
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        # Known only now: another thread must not rely on a folder whose own entry is not synced yet.
        self._folders |= folders


def _read(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY)
    try:
        rest = os.fstat(handle).st_size
        pieces = []
        while rest > 0 and (piece := os.read(handle, rest)):
            pieces.append(piece)
            rest -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    finally:
        os.close(handle)
