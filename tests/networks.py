"""Another network with the same tensors: an ONNX file in which one tensor's values are other ones.

The package onnx belongs to the training environment; a file is a protobuf message, and values of equal length can be
put in place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RAW_DATA = b"\x4a"  # field 9 of TensorProto, which follows its name


def changed(
    source: Path, place: Path, tensor: str, change: Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]]
) -> Path:
    """Write `source` to `place` with the values of one of its float tensors changed."""
    data = bytearray(source.read_bytes())
    name = tensor.encode()
    start = data.index(bytes([len(name)]) + name + _RAW_DATA) + 1 + len(name) + 1
    size, start = _varint(data, start)
    values = np.frombuffer(data[start : start + size], "<f4")
    data[start : start + size] = change(values).astype("<f4").tobytes()
    place.write_bytes(data)
    return place


def _varint(data: bytearray, at: int) -> tuple[int, int]:
    """The number that stands there, and where what follows begins."""
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return number, at
