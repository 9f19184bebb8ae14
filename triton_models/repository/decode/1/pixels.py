"""JPEG or PNG bytes to pixels, and a depth camera's PNG to millimetres. Nothing in the bytes is trusted.

Training and measuring read this file too. It imports nothing of Triton.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

SEEN: Final = 1024
"""Pixels on the longer side of what is looked at; larger photos are shrunk to it."""
MAX_PIXELS: Final = 50_000_000
# The networks subtract 127, so a margin of this grey is a zero to them.
_GREY: Final = (127, 127, 127)
_MODES: Final = ("RGB", "L", "RGBA", "LA", "P", "CMYK", "YCbCr", "1")
_DEEP: Final = ("I;16", "I;16B", "I")


class DecodeError(Exception):
    """The bytes are no picture that can be looked at; the message begins with `DECODE:` and says why."""

    def __init__(self, reason: str) -> None:
        """`reason` completes the sentence 'this image …'."""
        super().__init__(f"DECODE: {reason}")


def picture(data: bytes) -> NDArray[np.uint8]:
    """The picture as (H, W, 3) uint8 RGB: whole and upright, its longer side at most `SEEN` pixels.

    Raises DecodeError for anything but an 8-bit JPEG or PNG of at most 50 megapixels.
    """
    upright = _upright(data, SEEN)
    return np.asarray(_scaled(upright, SEEN) if max(upright.size) > SEEN else upright)


def fitted(data: bytes, side: int) -> Image.Image:
    """The picture in RGB, whole and upright, its longer side `side` pixels.

    Raises DecodeError as `picture` does.
    """
    return _scaled(_upright(data, side), side)


def depth(data: bytes) -> NDArray[np.uint16] | None:
    """(H, W): millimetres from the camera, 0 where it saw nothing; None of no bytes: there was no depth camera.

    Raises DecodeError for anything but a 16-bit grey PNG of at most 50 megapixels.
    """
    if not data:
        return None
    with _refusing():
        image = _opened(data, ("PNG",), "has a depth image that")
        if image.mode not in _DEEP:
            raise DecodeError(
                f"has a depth image that is no 16-bit grey PNG in millimetres (its pixels are {image.mode})"
            )
        return np.asarray(image).astype(np.uint16)


def _upright(data: bytes, side: int) -> Image.Image:
    if not data:
        raise DecodeError("is empty (0 bytes)")
    with _refusing():
        image = _opened(data, ("JPEG", "PNG"), "")
        if image.mode not in _MODES:
            raise DecodeError(
                f"is not an 8-bit colour or grey picture (its pixels are {image.mode}): is it a depth image?"
            )
        # JPEG only: lets libjpeg skip the detail that the resize would throw away.
        image.draft("RGB", (side, side))
        image.load()
        upright = ImageOps.exif_transpose(image) if "exif" in image.info else image
        return _coloured(upright)


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever Pillow's decoders raise on damaged data; what it is does not change the answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except (
            OSError,
            SyntaxError,
            ValueError,
            EOFError,
            IndexError,
            KeyError,
            MemoryError,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            raise DecodeError(f"cannot be read to its end, it is damaged or cut off ({error})") from error


def _opened(data: bytes, formats: tuple[str, ...], which: str) -> Image.Image:
    """The header is read, no pixel yet."""
    said = f"{which} " if which else ""
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DecodeError(f"{said}is too large: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError) as error:
        kinds = "neither JPEG nor PNG" if len(formats) > 1 else f"no {formats[0]}"
        raise DecodeError(f"{said}is {kinds} ({len(data)} bytes beginning with {data[:8].hex()})") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DecodeError(
            f"{said}is too large: its header says {width} x {height} pixels, at most {MAX_PIXELS} in all are read"
        )
    return image


def _coloured(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", image.size, _GREY)
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image if image.mode == "RGB" else image.convert("RGB")


def _scaled(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
