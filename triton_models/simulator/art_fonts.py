"""The print shop's typefaces, out of the font-* packages, and how much room words take in them."""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from triton_models.simulator.things import Bytes

Face = Literal[
    "black", "bold", "regular", "light", "italic", "narrow", "round", "serif", "serif_bold", "serif_italic",
    "book", "book_black", "hand", "brush", "geometric", "geometric_bold", "grotesk", "grotesk_black", "slanted",
]  # fmt: skip

_FILES: dict[Face, tuple[str, str]] = {
    "black": ("font_lato", "Lato-Black.ttf"),
    "bold": ("font_lato", "Lato-Bold.ttf"),
    "regular": ("font_lato", "Lato-Regular.ttf"),
    "light": ("font_lato", "Lato-Light.ttf"),
    "italic": ("font_lato", "Lato-BlackItalic.ttf"),
    "narrow": ("font_fjallaone", "FjallaOne-Regular.ttf"),
    "round": ("font_fredoka_one", "FredokaOne-Regular.ttf"),
    "serif": ("font_caladea", "Caladea-Regular.ttf"),
    "serif_bold": ("font_caladea", "Caladea-Bold.ttf"),
    "serif_italic": ("font_caladea", "Caladea-BoldItalic.ttf"),
    "book": ("font_source_serif_pro", "SourceSerifPro-Regular.ttf"),
    "book_black": ("font_source_serif_pro", "SourceSerifPro-Black.ttf"),
    "hand": ("font_amatic_sc", "AmaticSC-Bold.ttf"),
    "brush": ("font_intuitive", "Intuitive.ttf"),
    "geometric": ("font_manrope", "Manrope-Medium.ttf"),
    "geometric_bold": ("font_manrope", "Manrope-ExtraBold.ttf"),
    "grotesk": ("font_roboto", "Roboto-Regular.ttf"),
    "grotesk_black": ("font_roboto", "Roboto-Black.ttf"),
    "slanted": ("font_roboto", "Roboto-BlackItalic.ttf"),
}

_REFERENCE = 100


@lru_cache(maxsize=512)
def font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """A typeface at a size in pixels."""
    package, name = _FILES[face]
    with resources.as_file(resources.files(package) / "files" / name) as path:
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=8192)
def reference_box(face: Face, text: str) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the ink at 100 pixels, which all other sizes follow."""
    return font(face, _REFERENCE).getbbox(text)


def fitting_size(face: Face, text: str, width: float, height: float) -> int:
    """The largest size in pixels at which the ink of one line stays within a width and height."""
    left, top, right, bottom = reference_box(face, text)
    scale = min(width / max(right - left, 1), height / max(bottom - top, 1))
    return max(5, int(scale * _REFERENCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyph:
    """One letter's picture at one size.

    Attributes:
        mask: Ink, (h, w).
        left: Pixels from the pen to the ink.
        top: Pixels from the line's top to the ink.
        step: How far the pen moves on.
    """

    mask: Bytes
    left: int
    top: int
    step: float


@lru_cache(maxsize=16384)
def glyph(face: Face, letter: str, size: int) -> Glyph:
    """A letter, kept: FreeType takes milliseconds for a line of small print, and a back has forty."""
    typeface = font(face, size)
    left, top, right, bottom = (int(edge) for edge in typeface.getbbox(letter))
    sheet = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
    ImageDraw.Draw(sheet).text((-left, -top), letter, font=typeface, fill=255)
    return Glyph(mask=np.asarray(sheet), left=left, top=top, step=float(typeface.getlength(letter)))


def advance(face: Face, text: str, size: int) -> float:
    """Width of a line of small print, pixels: letters side by side, not kerned."""
    return sum(glyph(face, letter, size).step for letter in text)


def set_line(sheet: Bytes, place: tuple[float, float], text: str, face: Face, size: int) -> None:
    """Sets small print into a mask (H, W), in place, from a pen position (x, y) at the line's upper left."""
    height, width = sheet.shape
    pen, y = place
    for letter in text:
        drawn = glyph(face, letter, size)
        top, left = int(y) + drawn.top, int(pen) + drawn.left
        rows, columns = drawn.mask.shape
        if left >= 0 and top >= 0 and left + columns <= width and top + rows <= height:
            field = sheet[top : top + rows, left : left + columns]
            np.maximum(field, drawn.mask, out=field)
        pen += drawn.step


def wrapped(face: Face, text: str, size: int, width: float) -> list[str]:
    """A paragraph's lines, none wider than `width` pixels unless one word is."""
    lines: list[str] = []
    line = ""
    room = width
    space = advance(face, " ", size)
    for word in text.split():
        taken = advance(face, word, size)
        if line and taken + space > room:
            lines.append(line)
            line, room = word, width - taken
        else:
            line = f"{line} {word}" if line else word
            room -= taken + space
    return [*lines, line] if line else lines
