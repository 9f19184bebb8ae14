"""The print on packages: one face at a time, drawn from the design alone.

`face` is what shapes wrap round an item; `shipping_label` and `sticker` are what gets stuck on it. The drawing
is parted by subject: `art_layouts` holds the fronts, `art_backs` the other sides, `art_books` covers,
`art_motifs` and `art_things` the pictures, `art_damage` the damage that is only printed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from triton_models.simulator.art_backs import back, card, label, side, top
from triton_models.simulator.art_books import cover, rear, spine
from triton_models.simulator.art_canvas import Canvas, part
from triton_models.simulator.art_layouts import coated, front
from triton_models.simulator.art_pictures import damaged
from triton_models.simulator.art_pieces import Sheet, sheet_for
from triton_models.simulator.art_shipping import carton, mailer
from triton_models.simulator.art_stickers import shipping_label, sticker
from triton_models.simulator.catalogue import Design
from triton_models.simulator.things import Bytes

Side = Literal["front", "back", "side", "top", "spine", "label", "card"]

_NUMBERS: dict[Side, int] = {"front": 0, "back": 1, "side": 2, "top": 3, "spine": 4, "label": 5, "card": 6}
_BOOKS = ("book", "wrapped_book")
_SHOWING: tuple[Side, ...] = ("front", "label", "card")
_LONGEST = 700
_MOST_PER_MM = 8.0
_LEAST_PER_MM = 2.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """One printed face.

    Attributes:
        albedo: sRGB, (H, W, 3).
        printed: (H, W), 255 where art shows damage that is only printed; None if it shows none.
    """

    albedo: Bytes
    printed: Bytes | None


def face(design: Design, side: Side, width: float, height: float) -> Print:
    """Prints one face.

    Args:
        design: Whose.
        side: Which: "label" is a bottle's or jar's, "card" lies behind a blister, "spine" is a book's.
        width: Metres.
        height: Metres.

    Returns:
        About 700 pixels on the longer side; the same pixels for the same arguments.
    """
    columns, rows = pixels_of(width, height)
    canvas = Canvas(columns, rows, design.palette[0])
    sheet = sheet_for(design, canvas, _NUMBERS[side])
    _draw(sheet, side)
    if design.printed_damage is not None and side in _SHOWING and not canvas.printed.any():
        damaged(sheet, part(canvas.box, 0.08, 0.4, 0.92, 0.92))
    if design.kind not in {"carton", "mailer"}:
        coated(sheet)
    shown = canvas.printed if side in _SHOWING and canvas.printed.any() else None
    return Print(albedo=np.ascontiguousarray(canvas.pixels), printed=shown)


def pixels_of(width: float, height: float) -> tuple[int, int]:
    """Columns and rows of a face given in metres: 700 along its longer side, within 2.8 to 8 per millimetre."""
    longest = max(width, height) * 1000
    density = float(np.clip(_LONGEST / longest, _LEAST_PER_MM, _MOST_PER_MM))
    return max(16, round(width * 1000 * density)), max(16, round(height * 1000 * density))


def _draw(sheet: Sheet, which: Side) -> None:
    """Hands the sheet to whoever draws that side of that kind."""
    kind = sheet.design.kind
    if kind in _BOOKS and which in {"front", "back", "spine", "side", "top"}:
        {"front": cover, "back": rear}.get(which, spine)(sheet)
    elif kind == "carton":
        carton(sheet, which)
    elif kind == "mailer":
        mailer(sheet, which)
    elif which == "front" and kind == "blister":
        card(sheet)
    else:
        {"front": front, "back": back, "side": side, "top": top, "spine": side, "label": label, "card": card}[
            which
        ](sheet)


__all__ = ["Print", "Side", "face", "pixels_of", "shipping_label", "sticker"]
