"""What goods travel in: corrugated cartons and mailing bags."""

import cv2
import numpy as np

from triton_models.simulator.art_backs import code, icons
from triton_models.simulator.art_canvas import (
    Box,
    Colour,
    Type,
    ellipse_points,
    inset,
    lighter,
    mix,
    part,
    readable,
    rounded_points,
)
from triton_models.simulator.art_pictures import damaged, hero
from triton_models.simulator.art_pieces import (
    Sheet,
    own_random,
    title,
)
from triton_models.simulator.art_stickers import shipping_label
from triton_models.simulator.art_textures import kraft
from triton_models.simulator.art_words import small_print


def carton(sheet: Sheet, which: str) -> None:
    """Corrugated board with sparse one-colour print: brand, title, handling marks, a data block."""
    canvas, box = sheet.canvas, sheet.canvas.box
    height, width = canvas.pixels.shape[:2]
    canvas.picture((0, 0), kraft(sheet.random, (width, height), flutes=True))
    dark = mix(lighter(sheet.main, -0.55), (30, 24, 20), 0.4)
    brand_box = part(box, 0.10, 0.12, 0.9, 0.34)
    canvas.text(brand_box, sheet.design.brand.upper(), Type(face=sheet.brand_face, colour=dark))
    title(sheet, part(box, 0.2, 0.39, 0.8, 0.5), dark)
    canvas.text(part(box, 0.3, 0.53, 0.7, 0.57), sheet.design.variant, Type(face="bold", colour=dark))
    if box[2] > 200 and box[3] > 200:
        _handling(sheet, part(box, 0.06, 0.62, 0.42, 0.78), dark)
        style = Type(face="grotesk", colour=dark, align="left")
        canvas.paragraph(
            part(box, 0.06, 0.82, 0.44, 0.95),
            f"ITEM {sheet.design.product_id}  QTY {sheet.design.unit_count}  "
            f"N.W. {sheet.design.size[0] * 9:.1f} kg  MADE IN EU",
            style,
            max(7, 2.4 * canvas.unit),
        )
    if which == "front":
        damaged(sheet, part(box, 0.5, 0.58, 0.95, 0.95))
    elif which == "back":
        wide = max(0.46 * box[2], min(236.0, 0.9 * box[2]))
        code(sheet, (box[2] * 0.95 - wide, box[3] * 0.72, box[2] * 0.95, box[3] * 0.95), sheet.design.barcode)


def _handling(sheet: Sheet, box: Box, colour: Colour) -> None:
    """Arrows up, a glass, an umbrella."""
    canvas = sheet.canvas
    size = min(box[3] - box[1], (box[2] - box[0]) / 3.3)
    for place in range(3):
        cell = (box[0] + place * size * 1.12, box[1], box[0] + place * size * 1.12 + size, box[1] + size)
        canvas.frame(rounded_points(inset(cell, 0.03), size * 0.06), colour, max(1.2, size * 0.035))
        inner, line = inset(cell, 0.18), max(1.5, size * 0.06)
        if place == 0:
            for x in (0.22, 0.78):
                canvas.line(
                    np.array([part(inner, x, 0.9, 0, 0)[:2], part(inner, x, 0.2, 0, 0)[:2]], np.float32),
                    colour,
                    line,
                )
                canvas.polygon(
                    np.array(
                        [part(inner, x + dx, y, 0, 0)[:2] for dx, y in ((-0.2, 0.35), (0, 0), (0.2, 0.35))],
                        np.float32,
                    ),
                    colour,
                )
        elif place == 1:
            canvas.polygon(
                np.array(
                    [
                        part(inner, x, y, 0, 0)[:2]
                        for x, y in ((0.2, 0), (0.8, 0), (0.66, 0.45), (0.34, 0.45))
                    ],
                    np.float32,
                ),
                colour,
            )
            canvas.line(
                np.array([part(inner, 0.5, 0.4, 0, 0)[:2], part(inner, 0.5, 0.95, 0, 0)[:2]], np.float32),
                colour,
                line,
            )
            canvas.line(
                np.array([part(inner, 0.25, 0.97, 0, 0)[:2], part(inner, 0.75, 0.97, 0, 0)[:2]], np.float32),
                colour,
                line,
            )
        else:
            canvas.polygon(
                ellipse_points(part(inner, 0.5, 0.45, 0, 0)[:2], (size * 0.32, size * 0.3))[31:], colour
            )
            canvas.line(
                np.array([part(inner, 0.5, 0.4, 0, 0)[:2], part(inner, 0.5, 1.0, 0, 0)[:2]], np.float32),
                colour,
                line,
            )


def mailer(sheet: Sheet, which: str) -> None:
    """A shipping bag: kraft, white or the brand's colour, small print, and a shipping label on one side."""
    canvas, box = sheet.canvas, sheet.canvas.box
    height, width = canvas.pixels.shape[:2]
    sort = int(sheet.random.integers(3))
    fill: Colour = ((190, 152, 110), (240, 239, 234), lighter(sheet.main, 0.1))[sort]
    if sort == 0:
        canvas.picture((0, 0), kraft(sheet.random, (width, height), flutes=False))
    else:
        canvas.gradient(box, fill, lighter(fill, -0.06))
    ink = mix(readable(sheet.main, fill), fill, 0.1)
    if which not in {"front", "back"}:
        return
    canvas.text(
        part(box, 0.08, 0.04, 0.55, 0.13),
        sheet.design.brand,
        Type(face=sheet.brand_face, colour=ink, align="left"),
    )
    canvas.text(
        part(box, 0.08, 0.93, 0.6, 0.965),
        f"{sheet.design.title} · {sheet.design.variant}",
        Type(face="regular", colour=ink, align="left"),
    )
    if which != "front":
        wide = max(0.46 * box[2], min(236.0, 0.9 * box[2]))
        code(sheet, (box[2] * 0.92 - wide, box[3] * 0.76, box[2] * 0.92, box[3] * 0.92), sheet.design.barcode)
        icons(sheet, part(box, 0.08, 0.78, 0.4, 0.86), ink)
        canvas.paragraph(
            part(box, 0.08, 0.22, 0.9, 0.5),
            small_print(sheet.design.title),
            Type(face="regular", colour=ink, align="left"),
            2.2 * canvas.unit,
        )
        return
    if sheet.design.printed_damage is not None:
        field = part(box, 0.08, 0.16, 0.92, 0.90)
        hero(sheet, field)
        return
    parcel = shipping_label(own_random(sheet.design, 5))
    wide, high = parcel.shape[1], parcel.shape[0]
    scale = min(0.66 * box[2] / wide, 0.5 * box[3] / high)
    small = cv2.resize(parcel, (int(wide * scale), int(high * scale)), interpolation=cv2.INTER_AREA)
    spot = own_random(sheet.design, 6).uniform((0.1, 0.2), (0.26, 0.36))
    canvas.picture((int(spot[0] * box[2]), int(spot[1] * box[3])), np.asarray(small, np.uint8))
