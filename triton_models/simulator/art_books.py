"""Covers, spines and backs of books."""

import numpy as np

from triton_models.simulator.art_backs import code
from triton_models.simulator.art_canvas import (
    Canvas,
    Colour,
    Type,
    ellipse_points,
    inset,
    lighter,
    mix,
    part,
    readable,
    rounded_points,
    star_points,
)
from triton_models.simulator.art_fonts import Face
from triton_models.simulator.art_motifs import FOOD
from triton_models.simulator.art_pictures import damaged
from triton_models.simulator.art_pieces import Sheet, badge, brand_seed
from triton_models.simulator.art_solids import Hero, middle, span
from triton_models.simulator.art_textures import clouds, powder, tinted, water
from triton_models.simulator.art_things import GOODS
from triton_models.simulator.art_words import blurb

_FACES: tuple[Face, ...] = (
    "book_black",
    "narrow",
    "serif_bold",
    "light",
    "hand",
    "geometric_bold",
    "black",
    "serif_italic",
)
_SUBJECTS = (
    "mountains",
    "flower",
    "leaf",
    "sun",
    "citrus",
    "fish",
    "pattern",
    "flame",
    "paw",
    "waves",
    "berries",
    "wheat",
)


def _face(sheet: Sheet) -> Face:
    return _FACES[(brand_seed(sheet.design) // 3 + sheet.design.year) % len(_FACES)]


def _lines(words: str) -> list[str]:
    """A title over one to three lines."""
    parts = words.split()
    if len(parts) < 3:
        return parts
    cut = (len(parts) + 1) // 2
    return [" ".join(parts[:cut]), " ".join(parts[cut:])]


def _subject(sheet: Sheet) -> Hero:
    heroes = {**FOOD, **GOODS}
    return heroes[_SUBJECTS[(brand_seed(sheet.design) + sheet.design.year) % len(_SUBJECTS)]]


def _landscape(sheet: Sheet) -> Colour:
    """Ranges of hills under the title."""
    canvas, box = sheet.canvas, sheet.canvas.box
    random = sheet.random
    GOODS["mountains"](canvas, box, sheet.look, random)
    return lighter(sheet.main, 0.4)


def _marbled(sheet: Sheet) -> Colour:
    """Marbled paper with a label."""
    canvas, box = sheet.canvas, sheet.canvas.box
    random = sheet.random
    height, width = canvas.pixels.shape[:2]
    field = clouds(random, (width, height), min(width, height) / 2)
    canvas.picture(
        (0, 0),
        tinted(0.5 + 0.5 * np.sin(field * 7), lighter(sheet.main, -0.35), lighter(sheet.accent, 0.3)),
    )
    canvas.polygon(rounded_points(part(box, 0.1, 0.1, 0.9, 0.52), 4), (248, 245, 236))
    return (248, 245, 236)


def _geometric(sheet: Sheet) -> Colour:
    """Scattered discs and triangles."""
    canvas, box = sheet.canvas, sheet.canvas.box
    random = sheet.random
    height, width = canvas.pixels.shape[:2]
    canvas.gradient(box, sheet.main, lighter(sheet.main, -0.4))
    for _ in range(14):
        centre = (float(random.uniform(0, width)), float(random.uniform(0.4, 1.0) * height))
        radius = float(random.uniform(0.06, 0.25)) * width
        tone = mix(sheet.accent, sheet.main, float(random.uniform(0, 0.8)))
        outline = (
            star_points(centre, (radius, radius * 0.5), 3, float(random.uniform(0, 6)))
            if random.uniform() < 0.4
            else ellipse_points(centre, (radius, radius))
        )
        canvas.polygon(outline, lighter(tone, 0.2), tone, 0.75)
    return sheet.main


def _photograph(sheet: Sheet) -> Colour:
    """A texture with a dark band and a small picture."""
    canvas, box = sheet.canvas, sheet.canvas.box
    random = sheet.random
    height, width = canvas.pixels.shape[:2]
    subject = _subject(sheet)
    view = (
        water(random, (width, height), sheet.main)
        if random.uniform() < 0.5
        else powder(random, (width, height), sheet.accent)
    )
    canvas.picture((0, 0), view)
    canvas.rectangle(part(box, 0, 0.12, 1, 0.5), lighter(sheet.main, -0.3), alpha=0.82)
    subject(canvas, part(box, 0.2, 0.55, 0.8, 0.93), sheet.look, random)
    return lighter(sheet.main, -0.3)


def _textbook(sheet: Sheet) -> Colour:
    """A surface drawn in lines."""
    canvas, box = sheet.canvas, sheet.canvas.box
    height, width = canvas.pixels.shape[:2]
    canvas.rectangle(box, lighter(sheet.main, -0.1))
    canvas.rectangle(part(box, 0, 0.55, 1, 1), sheet.accent, lighter(sheet.main, -0.4))
    x = np.linspace(0, width, 90, dtype=np.float32)
    for level in range(16):
        y = height * (0.62 + 0.022 * level) + np.sin(x / width * 9 + level * 0.35) * height * 0.06 * np.exp(
            -(((x / width - 0.55) / 0.3) ** 2)
        )
        canvas.line(np.stack([x, y], axis=1).astype(np.float32), (255, 255, 255), 1.2, 0.8)
    return lighter(sheet.main, -0.1)


def _ornament(sheet: Sheet) -> Colour:
    """A double frame round one picture."""
    canvas, box = sheet.canvas, sheet.canvas.box
    random = sheet.random
    subject = _subject(sheet)
    ground = sheet.ground
    canvas.rectangle(box, ground)
    canvas.frame(rounded_points(inset(box, 0.05), 3), readable(sheet.accent, ground), 2.5)
    canvas.frame(rounded_points(inset(box, 0.07), 3), readable(sheet.accent, ground), 1)
    subject(canvas, part(box, 0.18, 0.50, 0.82, 0.84), sheet.look, random)
    return ground


_COVERS = (_landscape, _marbled, _geometric, _photograph, _textbook, _ornament)


def cover(sheet: Sheet) -> None:
    """One of six covers, then title, volume and author over it."""
    canvas, box, random = sheet.canvas, sheet.canvas.box, sheet.random
    height, width = canvas.pixels.shape[:2]
    sort = sheet.design.style % len(_COVERS)
    ground = _COVERS[sort](sheet)
    if sheet.design.printed_damage:
        damaged(sheet, part(box, 0, 0.56, 1, 0.9))
    over, face = readable(sheet.ink if sort in {1, 5} else (255, 255, 255), ground), _face(sheet)
    lines = _lines(sheet.design.title)
    step = 0.26 / len(lines)
    for place, line in enumerate(lines):
        words = line.upper() if face in {"narrow", "light"} else line
        canvas.text(
            part(box, 0.14, 0.15 + step * place, 0.86, 0.15 + step * (place + 0.86)),
            words,
            Type(face=face, colour=over, shadow=lighter(sheet.main, -0.6) if sort == 0 else None),
        )
    accent = readable(sheet.accent, ground)
    canvas.text(part(box, 0.2, 0.43, 0.8, 0.465), sheet.design.variant, Type(face="italic", colour=accent))
    base = canvas.pixels[int(height * 0.93), int(width * 0.5)]
    foot = readable((255, 255, 255), (int(base[0]), int(base[1]), int(base[2])))
    where = (0.2, 0.05, 0.8, 0.095) if sort in {0, 2, 4} else (0.2, 0.89, 0.8, 0.93)
    canvas.text(
        part(box, *where),
        sheet.design.brand.upper(),
        Type(face="geometric", colour=over if where[1] < 0.5 else foot),
    )
    if random.uniform() < 0.35:
        badge(sheet, (box[2] * 0.80, box[3] * 0.56), span(box) * 0.1)


def spine(sheet: Sheet) -> None:
    """Author, title and the publisher's mark along the back edge."""
    canvas = sheet.canvas
    height, width = canvas.pixels.shape[:2]
    fill = lighter(sheet.main, -0.1)
    upright = height > width
    strip = Canvas(max(width, height), min(width, height), fill)
    box = strip.box
    over = readable((255, 255, 255), fill)
    strip.rectangle(part(box, 0, 0, 0.03, 1), sheet.accent)
    strip.text(
        part(box, 0.05, 0.25, 0.25, 0.75),
        sheet.design.brand,
        Type(face="geometric", colour=over, align="left"),
    )
    strip.text(part(box, 0.3, 0.15, 0.78, 0.85), sheet.design.title, Type(face=_face(sheet), colour=over))
    strip.text(
        part(box, 0.8, 0.3, 0.91, 0.7),
        sheet.design.variant,
        Type(face="italic", colour=readable(sheet.accent, fill)),
    )
    strip.polygon(
        star_points(middle(part(box, 0.93, 0, 0.99, 1)), (box[3] * 0.3, box[3] * 0.14), 5), sheet.accent
    )
    canvas.pixels = np.ascontiguousarray(np.rot90(strip.pixels, -1)) if upright else strip.pixels


def rear(sheet: Sheet) -> None:
    """A quotation, the blurb, the publisher and the ISBN's barcode."""
    canvas, box = sheet.canvas, sheet.canvas.box
    fill = lighter(sheet.main, -0.15) if sheet.design.style % 2 else sheet.ground
    canvas.gradient(box, fill, lighter(fill, -0.15))
    over = readable(sheet.ink, fill)
    head = Type(face=_face(sheet), colour=readable(sheet.accent, fill), align="left")
    canvas.text(part(box, 0.09, 0.07, 0.91, 0.12), f"“{sheet.design.title}”", head)
    body = Type(face="book", colour=over, align="left")
    canvas.paragraph(part(box, 0.09, 0.17, 0.91, 0.62), blurb(sheet.random), body, max(8, 2.7 * canvas.unit))
    canvas.paragraph(
        part(box, 0.09, 0.64, 0.91, 0.73),
        f"{sheet.design.brand} lives by the sea and writes every morning.",
        Type(face="serif_italic", colour=over, align="left"),
        max(7, 2.3 * canvas.unit),
    )
    wide = max(0.46 * box[2], min(232.0, 0.88 * box[2]))
    printed = code(
        sheet, (box[2] * 0.93 - wide, box[3] * 0.79, box[2] * 0.93, box[3] * 0.95), sheet.design.barcode
    )
    digits = sheet.design.barcode
    isbn = f"ISBN {digits[:3]}-{digits[3]}-{digits[4:8]}-{digits[8:12]}-{digits[12]}"
    canvas.text(
        (printed[0], printed[1] - 2.6 * canvas.unit, printed[2], printed[1] - 0.5 * canvas.unit),
        isbn,
        Type(face="regular", colour=over, align="left"),
    )
    canvas.text(
        part(box, 0.09, 0.91, 0.3, 0.945),
        "Lampion Press",
        Type(face="geometric_bold", colour=over, align="left"),
    )
