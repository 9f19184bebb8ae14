"""What the header reader takes and what it refuses."""

import struct
import zlib

import pytest

from services.station.pictures import Header, NotAPictureError, read_header
from tests.station.rack import depth, jpeg, png


def chunked_png(
    width: int, height: int, bits: int = 8, colour: int = 2, tail: tuple[int, int, int] = (0, 0, 0)
) -> bytes:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, colour, *tail)
    end = b"\0\0\0\0IEND\xaeB`\x82"
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + ihdr + struct.pack(">I", zlib.crc32(ihdr)) + end


def bare_jpeg(frame: bytes, before: bytes = b"") -> bytes:
    return b"\xff\xd8" + before + frame + b"\xff\xda\0\x02\xff\xd9"


def frame(width: int, height: int, marker: int = 0xC0, bits: int = 8, channels: int = 3) -> bytes:
    size = 8 + 3 * channels
    return (
        struct.pack(">BBHBHHB", 0xFF, marker, size, bits, height, width, channels) + b"\x01\x11\0" * channels
    )


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + b"x" * 900}])
def test_a_real_jpeg_tells_its_size(options: dict[str, object]) -> None:
    assert read_header(jpeg(40, 30, **options)) == Header(
        media_type="image/jpeg", width=40, height=30, bits=8, channels=3
    )


def test_real_pngs_tell_their_size_and_depth() -> None:
    assert read_header(png(40, 30)) == Header(media_type="image/png", width=40, height=30, bits=8, channels=3)
    assert read_header(depth(40, 30)) == Header(
        media_type="image/png", width=40, height=30, bits=16, channels=1
    )
    assert read_header(png(4, 3, "RGBA")).channels == 4
    assert read_header(png(4, 3, "P")).channels == 3


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 512, b"\r\n", b"\xff" * 3])
def test_a_jpeg_may_be_padded_at_its_end(padding: bytes) -> None:
    assert read_header(jpeg() + padding).width == 32


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_jpeg_that_is_cut_off_is_refused_wherever_it_is_cut(cut: int) -> None:
    whole = jpeg()
    for data in (whole[:-cut], whole[: cut * len(whole) // 60]):
        with pytest.raises(NotAPictureError):
            read_header(data)


def test_a_png_that_is_cut_off_is_refused_wherever_it_is_cut() -> None:
    whole = png()
    for cut in range(len(whole)):
        with pytest.raises(NotAPictureError):
            read_header(whole[:cut])


def test_a_huge_size_is_read_without_decoding() -> None:
    assert read_header(chunked_png(50_000, 50_000)).width == 50_000
    assert read_header(bare_jpeg(frame(50_000, 50_000))).height == 50_000


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "zero bytes"),
        (b"GIF89a" + b"\0" * 100, "neither JPEG nor PNG"),
        (bare_jpeg(frame(0, 10)), "frame header is not valid"),
        (bare_jpeg(frame(10, 0)), "frame header is not valid"),
        (bare_jpeg(frame(10, 10, marker=0xC3)), "lossless"),
        (bare_jpeg(frame(10, 10, marker=0xC9)), "arithmetic"),
        (bare_jpeg(frame(10, 10, bits=12)), "12 bits"),
        (bare_jpeg(frame(10, 10, channels=4)), "4 channels"),
        (bare_jpeg(b"", b"\xff\xda\0\x02"), "before its frame header"),
        (bare_jpeg(frame(10, 10), b"\xff\xe0\0\x01"), "no valid length"),
        (bare_jpeg(frame(10, 10), b"\xff\xe0\0\x02junk"), "no marker"),
        (bare_jpeg(frame(10, 10), b"\xff\xe0\0\x02" * 2000), "no frame header in its first"),
        (bare_jpeg(frame(10, 10), b"\xff" * 1_000_000), "no frame header in its first"),
        (chunked_png(10, 10).replace(b"IHDR\0\0\0\n", b"IHDR\0\0\0\x0b"), "wrong checksum"),
        (chunked_png(10, 10, bits=3), "does not have"),
        (chunked_png(10, 10, colour=5), "does not have"),
        (chunked_png(10, 10, tail=(1, 0, 0)), "does not have"),
        (chunked_png(10, 10, tail=(0, 0, 2)), "does not have"),
        (chunked_png(0, 10), "0 x 10"),
        (chunked_png(2**31, 10), "2147483648"),
        (png() + b"\0", "IEND"),
    ],
)  # fmt: skip
def test_what_is_no_proper_image_is_refused_with_the_reason(data: bytes, says: str) -> None:
    with pytest.raises(NotAPictureError, match=says):
        read_header(data)
