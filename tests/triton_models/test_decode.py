"""The decoder gives every readable picture the same shape and refuses the rest with a reason."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from triton_models.serving import serving_module

pixels = serving_module("decode", "pixels")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


PHOTO = Image.effect_noise((640, 480), 60).convert("RGB")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_pictures_of_common_kinds_are_read(kind: str, mode: str) -> None:
    result = pixels.decode(encoded(PHOTO.convert(mode), kind))
    assert (result.shape, result.dtype) == ((224, 224, 3), np.uint8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_png_with_transparency_or_palette_is_read(mode: str) -> None:
    assert pixels.decode(encoded(PHOTO.convert(mode), "PNG")).shape == (224, 224, 3)


def test_a_wide_picture_is_kept_whole_between_grey_margins() -> None:
    result = pixels.decode(encoded(Image.new("RGB", (400, 100), (250, 0, 0)), "PNG"))
    assert (result[:80] == 127).all()
    assert (result[112, :, 0] == 250).all()


def test_a_picture_taken_sideways_is_turned_upright() -> None:
    image = Image.new("RGB", (300, 300))
    image.paste((255, 255, 255), (0, 0, 300, 150))
    exif = Image.Exif()
    exif[0x0112] = 3
    result = pixels.decode(encoded(image, "JPEG", exif=exif))
    assert result[:100].mean() < 10
    assert result[124:].mean() > 245


def test_a_large_jpeg_is_read_within_its_limit() -> None:
    assert pixels.decode(encoded(Image.new("L", (4000, 3000)), "JPEG")).shape == (224, 224, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"no picture at all", "neither JPEG nor PNG"),
        (encoded(PHOTO, "GIF"), "neither JPEG nor PNG"),
        (encoded(PHOTO, "JPEG")[:9000], "damaged or cut off"),
        (encoded(PHOTO, "PNG")[:9000], "damaged or cut off"),
        (encoded(PHOTO, "JPEG")[:40], "neither JPEG nor PNG"),
        (png_header(50_000, 50_000), "too large"),
        (png_header(9_000, 9_000), "too large"),
        (png_header(300, 300), "damaged or cut off"),
        (encoded(Image.fromarray(np.full((160, 160), 900, np.uint16)), "PNG"), "depth image"),
    ],
    ids=["empty", "text", "gif", "cut jpeg", "cut png", "stub", "2500 MP", "81 MP", "hollow png", "depth"],
)
def test_what_is_no_picture_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(pixels.DecodeError, match=f"^DECODE: .*{reason}"):
        pixels.decode(data)


def test_pillows_own_limit_is_left_as_it_was_found() -> None:
    before = Image.MAX_IMAGE_PIXELS
    pixels.decode(encoded(PHOTO, "JPEG"))
    assert before == Image.MAX_IMAGE_PIXELS
