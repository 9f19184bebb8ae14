"""What is kept of a capture's colour images: each framed picture (JPEG) and its embedding, in one file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.kernel.faults import DataFault

_MAGIC: Final = b"ICF1"
_HEADER: Final = struct.Struct("<4sH")
_LENGTH: Final = struct.Struct("<I")
#: A global embedding: 256 values, float16.
EMBEDDING_BYTES: Final = 512


class Taken(Protocol):
    """What names a capture: its subject, or what speaks of it."""

    @property
    def capture_id(self) -> UUID:
        """The capture."""

    @property
    def captured_at(self) -> datetime:
        """When it was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Of each colour image, in order: embeddings (images, 256) float32 of length 1, and a JPEG of the framed item."""

    embeddings: npt.NDArray[np.float32]
    crops: tuple[bytes, ...]


def key_of(capture: Taken) -> str:
    """Where the store keeps the features of a capture."""
    return f"features/{capture.captured_at:%Y%m%d}/{capture.capture_id}.icf"


def kept_key(product_id: str, capture_id: UUID) -> str:
    """Where it keeps a reference's copy of them."""
    return f"references/{product_id}/{capture_id}/features.icf"


def pack(embeddings: npt.NDArray[np.floating[Any]], crops: Sequence[bytes]) -> bytes:
    """Serialise: magic, number of images, then for each its embedding (float16), the crop's length and the crop."""
    parts = [_HEADER.pack(_MAGIC, len(crops))]
    for embedding, crop in zip(embeddings, crops, strict=True):
        parts += [pack_embedding(embedding), _LENGTH.pack(len(crop)), crop]
    return b"".join(parts)


def unpack(data: bytes) -> Features:
    """The inverse of `pack`.

    Raises:
        DataFault: the bytes are no such file, or are cut off.
    """
    if len(data) < _HEADER.size or data[:4] != _MAGIC:
        msg = "these are no features of a capture (wrong magic)"
        raise DataFault("bad_features", msg)
    _, images = _HEADER.unpack_from(data)
    at = _HEADER.size
    embeddings, crops = [], []
    for _ in range(images):
        body = at + EMBEDDING_BYTES + _LENGTH.size
        end = body + _LENGTH.unpack_from(data, body - _LENGTH.size)[0] if body <= len(data) else body
        if end > len(data):
            break
        embeddings.append(unpack_embedding(data[at : at + EMBEDDING_BYTES]))
        crops.append(data[body:end])
        at = end
    if len(crops) != images or at != len(data) or not crops:
        msg = f"features of {images} images are cut off or too long: {len(crops)} are whole in {len(data)} bytes"
        raise DataFault("bad_features", msg)
    return Features(embeddings=np.stack(embeddings), crops=tuple(crops))


def pooled(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """One unit embedding for a capture from (images, d)."""
    mean: npt.NDArray[np.float32] = embeddings.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


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
