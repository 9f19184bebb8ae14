"""The decoder reads what a camera may send, frames the item, and refuses the rest with a reason."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from triton_models import views as trained
from triton_models.serving import serving_module

pixels = serving_module("decode", "pixels")
framing = serving_module("decode", "framing")
views = serving_module("decode", "views")


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
    result = pixels.picture(encoded(PHOTO.convert(mode), kind))
    assert (result.shape, result.dtype) == ((480, 640, 3), np.uint8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_png_with_transparency_or_palette_is_read(mode: str) -> None:
    assert pixels.picture(encoded(PHOTO.convert(mode), "PNG")).shape == (480, 640, 3)


def test_a_picture_taken_sideways_is_turned_upright() -> None:
    image = Image.new("RGB", (300, 300))
    image.paste((255, 255, 255), (0, 0, 300, 150))
    exif = Image.Exif()
    exif[0x0112] = 3
    result = pixels.picture(encoded(image, "JPEG", exif=exif))
    assert result[:100].mean() < 10
    assert result[200:].mean() > 245


def test_a_large_photo_is_shrunk_whole() -> None:
    assert pixels.picture(encoded(Image.new("L", (4000, 3000)), "JPEG")).shape == (768, 1024, 3)


# -- the view -----------------------------------------------------------------------------------------------------


def booth(size: tuple[int, int] = (400, 400)) -> Image.Image:
    """A red square of 100 pixels on a grey tray, right of the middle."""
    tray = Image.new("RGB", size, (150, 150, 150))
    tray.paste((200, 30, 30), (250, 150, 350, 250))
    return tray


def depth_of(size: tuple[int, int] = (400, 400)) -> bytes:
    """The same from above: the tray at 800 mm, the square 60 mm high; nothing is seen of its upper left quarter."""
    mm = np.full((400, 400), 800, np.uint16)
    mm[150:250, 250:350] = 740
    mm[150:200, 250:300] = 0
    return encoded(Image.fromarray(mm).resize(size, Image.Resampling.NEAREST), "PNG")


def test_the_item_is_framed_for_the_networks_and_for_comparing() -> None:
    seen = views.view(encoded(booth(), "PNG"), b"")
    assert (seen.pixels.shape, seen.pixels.dtype) == ((256, 256, 3), np.uint8)
    assert (seen.whole.shape, seen.whole.dtype) == ((256, 256, 3), np.uint8)
    red = (seen.whole[..., 0] > 180).mean()
    assert 0.6 < red < 0.85
    assert seen.whole[128, 128, 0] > 190
    assert (seen.pixels[..., 0] > 180).mean() == pytest.approx(red * (9 / 8) ** 2, rel=0.04)
    crop = Image.open(io.BytesIO(seen.crop))
    assert (crop.format, crop.size) == ("JPEG", (320, 320))


def test_without_a_depth_camera_nothing_is_known_of_heights() -> None:
    height = views.view(encoded(booth(), "PNG"), b"").height
    assert (height.shape, height.dtype) == ((64, 64), np.float32)
    assert not height.any()


@pytest.mark.parametrize("size", [(400, 400), (200, 200)])
def test_heights_are_metres_above_the_tray_within_the_frame(size: tuple[int, int]) -> None:
    height = views.view(encoded(booth(), "PNG"), depth_of(size)).height
    assert height[48, 48] == pytest.approx(0.06, abs=0.002)
    assert height[0, 60] == pytest.approx(0, abs=0.03)
    assert height[16, 16] == 0  # not seen


def test_training_and_serving_see_the_same(tmp_path: Path) -> None:
    booth().save(tmp_path / "top.png")
    (tmp_path / "depth.png").write_bytes(depth_of())
    served = views.view(encoded(booth(), "PNG"), depth_of())
    square = framing.box(np.asarray(booth()))
    kept = framing.cropped(np.asarray(booth()), square, trained.KEPT)
    # The frame's pixels are whole ones, its middle is cut out of fractions of them: rims differ by one.
    assert np.abs(kept[16:272, 16:272].astype(float) - served.pixels).mean() < 1.5
    heights = trained.heights(tmp_path / "depth.png", square)[4:68, 4:68].astype(float) - served.height
    assert np.abs(heights).mean() < 0.002


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "has a depth image that is no PNG"),
        (encoded(PHOTO, "JPEG"), "has a depth image that is no PNG"),
        (encoded(PHOTO, "PNG"), "no 16-bit grey PNG in millimetres"),
        (depth_of()[:-80], "damaged or cut off"),
        (png_header(9_000, 9_000), "has a depth image that is too large"),
    ],
    ids=["text", "jpeg", "colour", "cut", "81 MP"],
)
def test_what_is_no_depth_image_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(pixels.DecodeError, match=f"^DECODE: .*{reason}"):
        views.view(encoded(booth(), "PNG"), data)


# -- refused ------------------------------------------------------------------------------------------------------


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
        pixels.picture(data)


def test_pillows_own_limit_is_left_as_it_was_found() -> None:
    before = Image.MAX_IMAGE_PIXELS
    pixels.picture(encoded(PHOTO, "JPEG"))
    assert before == Image.MAX_IMAGE_PIXELS
