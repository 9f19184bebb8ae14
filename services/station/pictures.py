"""What a JPEG or PNG says about itself, read from its first bytes; no pixel is decoded in this process.

Sources: ITU-T T.81 (JPEG) annex B, PNG specification (third edition) sections 5 and 11.2.
"""

import zlib
from dataclasses import dataclass

JPEG, PNG = "image/jpeg", "image/png"

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
#: Allowed bit depths by PNG colour type: grey, RGB, palette, grey with alpha, RGB with alpha.
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}

_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; all that decoders share
_JPEG_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xDA)})  # markers without a length: no place before the frame
_JPEG_SCAN = 0xDA
#: Steps to the frame header; a real file needs tens, a colour profile at most 255 more.
_JPEG_STEPS = 1024


class NotAPictureError(ValueError):
    """The bytes are no JPEG or PNG that can be taken; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an image declares: size in pixels, bits per channel, channels as shown (a palette counts as 3)."""

    media_type: str
    width: int
    height: int
    bits: int
    channels: int


def read_header(data: bytes) -> Header:
    """Read the header of a whole JPEG or PNG file.

    Raises:
        NotAPictureError: empty, neither format, malformed, cut off, or of a kind that cameras do not send.
    """
    if not data:
        raise NotAPictureError("it has zero bytes; send the image's content")
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(_PNG_MAGIC):
        return _png(data)
    raise NotAPictureError(f"it is neither JPEG nor PNG (it begins with {data[:8].hex()})")


def _jpeg(data: bytes) -> Header:
    header = _jpeg_frame(data)
    if not data.endswith(b"\xff\xd9") and not data.rstrip(b"\0\r\n\xff ").endswith(b"\xff\xd9"):
        raise NotAPictureError(
            "the JPEG is cut off: it does not end with the marker FFD9; send the whole file"
        )
    return header


def _jpeg_frame(data: bytes) -> Header:
    at = 2
    for _ in range(_JPEG_STEPS):
        if at + 4 > len(data):
            raise NotAPictureError("the JPEG is cut off before its frame header; send the whole file")
        code = data[at + 1]
        if data[at] != 0xFF or code == 0:
            raise NotAPictureError(f"the JPEG has no marker at byte {at}")
        if code == 0xFF:  # a fill byte
            at += 1
            continue
        if code in _JPEG_FRAMES:
            return _jpeg_size(data[at + 2 : at + 12])
        if code in _JPEG_OTHER_FRAMES:
            raise NotAPictureError(
                "the JPEG is lossless, hierarchical or arithmetic; send baseline or progressive"
            )
        if code in _JPEG_BARE or code == _JPEG_SCAN:
            raise NotAPictureError(f"the JPEG has marker FF{code:02X} before its frame header")
        length = int.from_bytes(data[at + 2 : at + 4])
        if length < 2:
            raise NotAPictureError(f"the JPEG's segment at byte {at} has no valid length")
        at += 2 + length
    raise NotAPictureError(f"the JPEG has no frame header in its first {_JPEG_STEPS} segments")


def _jpeg_size(frame: bytes) -> Header:
    """`frame`: the segment from its length on."""
    if len(frame) < 8:
        raise NotAPictureError("the JPEG is cut off in its frame header; send the whole file")
    length, bits, channels = int.from_bytes(frame[:2]), frame[2], frame[7]
    height, width = int.from_bytes(frame[3:5]), int.from_bytes(frame[5:7])
    if length != 8 + 3 * channels or not width or not height:
        raise NotAPictureError("the JPEG's frame header is not valid")
    if bits != 8 or channels not in {1, 3}:
        raise NotAPictureError(f"the JPEG has {channels} channels of {bits} bits; send 1 or 3 of 8")
    return Header(media_type=JPEG, width=width, height=height, bits=bits, channels=channels)


def _png(data: bytes) -> Header:
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise NotAPictureError("the PNG does not begin with a whole IHDR chunk; send the whole file")
    if zlib.crc32(data[12:29]) != int.from_bytes(data[29:33]):
        raise NotAPictureError("the PNG's IHDR chunk has a wrong checksum; it was damaged on its way")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    bits, colour, packing, filtering, interlace = data[24:29]
    if bits not in _PNG_DEPTHS.get(colour, ()) or packing or filtering or interlace > 1:
        raise NotAPictureError("the PNG's IHDR chunk holds values that the format does not have")
    if not 0 < width < 2**31 or not 0 < height < 2**31:
        raise NotAPictureError(f"the PNG says that it has {width} x {height} pixels")
    if not data.endswith(_PNG_END):
        raise NotAPictureError("the PNG is cut off: it does not end with its IEND chunk; send the whole file")
    return Header(media_type=PNG, width=width, height=height, bits=bits, channels=_PNG_CHANNELS[colour])
