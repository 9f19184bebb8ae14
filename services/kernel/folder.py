"""A folder as store, written with plain system calls.

The object store client has no way to sync, and costs three times the CPU. A file is synced under a name of its own
before it gets its key, so that a key never names half a file; then its folder is synced. One thread writes; what comes
while it writes, and what came in the same turn of the event loop, is written together, so that many small objects share
its wake-up and the syncing of their folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _Write(NamedTuple):
    """Objects to be written; `name` gives each its key."""

    objects: Sequence[tuple[str, bytes]]
    name: Callable[[str, str], None]
    done: asyncio.Future[None]


class Folder:
    """Objects below one folder. Keys are checked by the caller; errors are the system's."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        #: Folders known to be there and synced; the writing thread's own.
        self._folders: set[str] = set()
        self._waiting: list[_Write] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    # A file of some KiB in the page cache: a thread or a runtime would cost ten times the read.

    def read(self, key: str, begin: int, end: int | None) -> bytes:
        """The bytes of an object from `begin` up to `end`; fewer where it is shorter."""
        handle = os.open(f"{self._root}/{key}", os.O_RDONLY)
        try:
            size = os.fstat(handle).st_size
            stop = size if end is None else min(end, size)
            pieces = []
            while begin < stop and (piece := os.pread(handle, stop - begin, begin)):
                pieces.append(piece)
                begin += len(piece)
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        finally:
            os.close(handle)

    async def put(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store objects, replacing what is there; returns when they are synced."""
        await self._write(objects, os.replace)

    async def put_new(self, key: str, data: bytes) -> bool:
        """Store an object unless there is one; returns whether, when it is synced."""
        try:
            await self._write([(key, data)], os.link)
        except FileExistsError:
            return False
        return True

    async def _write(self, objects: Sequence[tuple[str, bytes]], name: Callable[[str, str], None]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Write(objects, name, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        await done

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                try:
                    faults = await loop.run_in_executor(self._thread, self._write_all, taken)
                except Exception as exc:  # noqa: BLE001 - belongs to whoever waits
                    faults = [exc] * len(taken)
                for write, fault in zip(taken, faults, strict=True):
                    if write.done.done():  # who asked has given up
                        continue
                    if fault is None:
                        write.done.set_result(None)
                    else:
                        write.done.set_exception(fault)
        finally:
            self._writing = None

    # -- the writing thread -----------------------------------------------------------------------------------

    def _write_all(self, writes: Sequence[_Write]) -> Sequence[Exception | None]:
        """Write and sync; returns what was in the way of each."""
        changed: set[str] = set()
        faults = [self._attempt(write, changed) for write in writes]
        try:
            self._sync(changed)
        except OSError as exc:
            return [exc] * len(writes)
        return faults

    def _attempt(self, write: _Write, changed: set[str]) -> OSError | None:
        try:
            for key, data in write.objects:
                changed |= self._put(key, data, write.name)
        except FileExistsError as exc:
            return exc
        except OSError as exc:
            self._folders.clear()  # somebody may have removed one; the next try looks again
            return exc
        return None

    def _put(self, key: str, data: bytes, name: Callable[[str, str], None]) -> set[str]:
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

    @staticmethod
    def _make(folder: str) -> set[str]:
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
        self._folders |= folders
