"""The image and feature store: a folder by default, any S3 by configuration (claim check).

Events carry keys; bytes stay here. Keys come from events and are not trusted: they are relative, of a narrow alphabet,
and cannot climb out of the store. ``<object>.bundle/<begin>-<end>`` names a part of an object of several. *Stored*
means synced: on a folder the file and its directory are fsynced before a put returns; an object store answers only when
the object is durable.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import from_url

from services.kernel.faults import ConfigurationFault, DataFault, DependencyFault
from services.kernel.folder import Folder
from services.kernel.keys import checked_key, part_of

if TYPE_CHECKING:
    from collections.abc import Iterable


class Blobs:
    """Bytes by key."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._folder: Folder | None = None
        if parts.scheme == "file":
            self._folder = Folder(Path(unquote(parts.path)))
        elif parts.scheme in ("s3", "gs", "az", "memory"):
            self._store = from_url(url)  # credentials come from the environment, as each cloud's tools do it
        else:
            msg = f"INTACT_STORE={parts.scheme}:… is not supported: use file:///folder, s3://, gs:// or az://"
            raise ConfigurationFault(msg)

    async def get(self, key: str) -> bytes:
        """The bytes under a key.

        Raises:
            DataFault: nothing is stored there (an event is only sent after its images are durable), or not all of it.
            DependencyFault: the store does not answer.
        """
        checked_key(key)
        whole, begin, end = part_of(key) or (key, 0, None)
        try:
            if self._folder is not None:
                found = self._folder.read(whole, begin, end)
            else:
                found = await self._fetch(whole, begin, end)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, NotFoundError) as exc:
            msg = f"nothing is stored under {key}; was it deleted before the event expired?"
            raise DataFault("missing_blob", msg) from exc
        except (OSError, BaseError) as exc:
            msg = f"the store does not give {key}: {exc}"
            raise DependencyFault(msg) from exc
        if end is not None and len(found) != end - begin:
            msg = f"{key} is cut off: {whole} is shorter"
            raise DataFault("cut_off", msg)
        return found

    async def _fetch(self, key: str, begin: int, end: int | None) -> bytes:
        if begin == 0 and end is None:
            return bytes(await (await obstore.get_async(self._store, key)).bytes_async())
        size = (await obstore.head_async(self._store, key))["size"]
        stop = size if end is None else min(end, size)
        return (
            bytes(await obstore.get_range_async(self._store, key, start=begin, end=stop))
            if begin < stop
            else b""
        )

    async def put(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store objects durably, replacing what is there; equal content under equal keys makes this repeatable."""
        pairs = [(checked_key(key), data) for key, data in items]
        if not pairs:
            return
        try:
            if self._folder is not None:
                await self._folder.put(pairs)
            else:
                await asyncio.gather(*(obstore.put_async(self._store, key, data) for key, data in pairs))
        except (OSError, BaseError) as exc:
            msg = f"the store does not take {pairs[0][0]}: {exc}"
            raise DependencyFault(msg) from exc

    async def put_new(self, key: str, data: bytes) -> bool:
        """Store an object durably unless there is one; say whether it was stored."""
        checked_key(key)
        try:
            if self._folder is not None:
                return await self._folder.put_new(key, data)
            await obstore.put_async(self._store, key, data, mode="create")
        except AlreadyExistsError:
            return False
        except (OSError, BaseError) as exc:
            msg = f"the store does not take {key}: {exc}"
            raise DependencyFault(msg) from exc
        return True
