"""Patch embeddings at rest: a small header and float16 values, read without copying."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from services.kernel.faults import DataFault

_HEADER = struct.Struct("<4sHHH")
_MAGIC = b"IPF1"
#: A global embedding: 256 values, float16.
EMBEDDING_BYTES = 512

Patches = npt.NDArray[np.float16]


def pack(patches: Patches) -> bytes:
    """Serialise patch embeddings of shape (images, patches, dimensions), float16."""
    return _HEADER.pack(_MAGIC, *patches.shape) + np.ascontiguousarray(patches, dtype="<f2").tobytes()


def unpack(data: bytes) -> Patches:
    """The inverse of `pack`.

    Raises:
        DataFault: the bytes are no patch embeddings or are cut off.
    """
    if len(data) < _HEADER.size or data[:4] != _MAGIC:
        msg = "these are no patch embeddings (wrong magic)"
        raise DataFault("bad_features", msg)
    _, images, patches, dims = _HEADER.unpack_from(data)
    body = np.frombuffer(data, dtype="<f2", offset=_HEADER.size)
    if body.size != images * patches * dims:
        msg = f"patch embeddings of {images}x{patches}x{dims} are cut off: {body.size} values"
        raise DataFault("bad_features", msg)
    return body.reshape(images, patches, dims)


def pack_embedding(embedding: npt.NDArray[np.floating[Any]]) -> bytes:
    """A global embedding as float16 bytes."""
    return embedding.astype("<f2").tobytes()


def unpack_embedding(data: bytes) -> npt.NDArray[np.float32]:
    """A global embedding as float32, shape (dimensions,)."""
    return np.frombuffer(data, dtype="<f2").astype(np.float32)


def checked_embedding(data: bytes) -> npt.NDArray[np.float32]:
    """The same for one that came with an event, and is to be searched with or kept.

    Raises:
        DataFault: another length, or values that are no numbers, which the database would refuse at each try.
    """
    if len(data) != EMBEDDING_BYTES:
        msg = f"the embedding has {len(data)} bytes, not {EMBEDDING_BYTES}"
        raise DataFault("bad_embedding", msg)
    embedding = unpack_embedding(data)
    if not np.isfinite(embedding).all():
        msg = "the embedding holds values that are no finite numbers"
        raise DataFault("bad_embedding", msg)
    return embedding
