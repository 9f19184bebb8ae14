"""A capture in the store: one object with all its images and the event that announces it.

    8 bytes: where the event begins, unsigned, little-endian │ image │ image │ … │ event

Written once and never again, so a capture is there whole or not at all, and costs one synced write instead of one for
each image and one for the manifest. Events name an image as a part of the object (`keys.part_key`), so whoever reads
images need not know of this.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate, pairwise
from uuid import UUID

from services.kernel.keys import part_key

_BEGIN = struct.Struct("<Q")


def object_key(capture_id: UUID) -> str:
    """Where a capture is stored."""
    return f"captures/{capture_id}.bundle"


def image_keys(capture_id: UUID, sizes: Sequence[int]) -> list[str]:
    """Store keys of a capture's images of these sizes in bytes, in their order."""
    key, ends = object_key(capture_id), list(accumulate(sizes, initial=_BEGIN.size))
    return [part_key(key, begin, end) for begin, end in pairwise(ends)]


def packed(images: Sequence[bytes], event: bytes) -> bytes:
    """The object, of images in the order of `image_keys`."""
    begin = _BEGIN.size + sum(map(len, images))
    return b"".join((_BEGIN.pack(begin), *images, event))


async def event_of(get: Callable[[str], Awaitable[bytes]], capture_id: UUID) -> bytes:
    """The event of a stored capture; `get` reads from the store.

    Raises:
        DataFault: no such capture is stored (missing_blob), or what is there is cut off.
    """
    key = object_key(capture_id)
    (begin,) = _BEGIN.unpack(await get(part_key(key, 0, _BEGIN.size)))
    return await get(part_key(key, begin))
