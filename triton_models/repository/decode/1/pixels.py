"""JPEG or PNG bytes to the 224 x 224 pixels that every network here takes.

Training reads this file too, so that a network learns from exactly the pixels it will be served.
It imports nothing of Triton.
"""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

SIDE: Final = 224
MAX_PIXELS: Final = 50_000_000
# The networks subtract 127, so a margin of this grey is a zero to them.
_GREY: Final = (127, 127, 127)
_MODES: Final = ("RGB", "L", "RGBA", "LA", "P", "CMYK", "YCbCr", "1")


class DecodeError(Exception):
    """The bytes are no picture that can be looked at; the message begins with `DECODE:` and says why."""

    def __init__(self, reason: str) -> None:
        """`reason` completes the sentence 'this image …'."""
        super().__init__(f"DECODE: {reason}")


def decode(data: bytes) -> NDArray[np.uint8]:
    """The picture as (224, 224, 3) uint8 RGB: whole, upright, centred on grey where it is not square.

    Raises DecodeError for anything but an 8-bit JPEG or PNG of at most 50 megapixels.
    """
    return np.asarray(_centred(fitted(data, SIDE)))


def fitted(data: bytes, side: int) -> Image.Image:
    """The picture in RGB, whole and upright, its longer side `side` pixels.

    Raises DecodeError as `decode` does.
    """
    if not data:
        raise DecodeError("is empty (0 bytes)")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = _opened(data)
        try:
            # JPEG only: lets libjpeg skip the detail that the resize would throw away.
            image.draft("RGB", (side, side))
            image.load()
            upright = ImageOps.exif_transpose(image) if "exif" in image.info else image
            return _scaled(_coloured(upright), side)
        # Pillow's decoders raise all of these on damaged data; what it is does not change the answer.
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


def _opened(data: bytes) -> Image.Image:
    """The header is read, no pixel yet."""
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DecodeError(f"is too large: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError) as error:
        raise DecodeError(
            f"is neither JPEG nor PNG ({len(data)} bytes beginning with {data[:8].hex()})"
        ) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DecodeError(
            f"is too large: its header says {width} x {height} pixels, at most {MAX_PIXELS} in all are read"
        )
    if image.mode not in _MODES:
        raise DecodeError(
            f"is not an 8-bit colour or grey picture (its pixels are {image.mode}): is it a depth image?"
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


def _centred(small: Image.Image) -> Image.Image:
    if small.size == (SIDE, SIDE):
        return small
    ground = Image.new("RGB", (SIDE, SIDE), _GREY)
    ground.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return ground
