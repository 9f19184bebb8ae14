"""Everything but the front: backs, sides, tops, wrap-round labels, blister cards, cartons and mailers."""

from dataclasses import replace

import numpy as np

from triton_models.simulator.art_barcode import barcode
from triton_models.simulator.art_canvas import (
    Box,
    Canvas,
    Colour,
    Type,
    ellipse_points,
    inset,
    lighter,
    luminance,
    part,
    readable,
    rounded_points,
    star_points,
)
from triton_models.simulator.art_layouts import front
from triton_models.simulator.art_pictures import damaged, hero
from triton_models.simulator.art_pieces import (
    Sheet,
    brand,
    bullets,
    own_random,
    sheet_for,
    title,
    variant,
)
from triton_models.simulator.art_solids import middle, span
from triton_models.simulator.art_words import small_print, table_rows

_INK: Colour = (38, 38, 42)


def code(sheet: Sheet, box: Box, digits: str) -> Box:
    """The barcode at whole pixels per module, upright or lying, as large as sensible in a box; returns its box."""
    width, height = box[2] - box[0], box[3] - box[1]
    lying = width >= height or width >= 228
    along, across = (width, height) if lying else (height, width)
    module = int(np.clip(along // 113, 1, 3))
    picture = barcode(digits, module, int(np.clip(across, 24, 68 * module)))
    if not lying:
        picture = np.ascontiguousarray(np.rot90(picture))
    x, y = round(box[2] - picture.shape[1]), round(box[3] - picture.shape[0])
    x, y = max(x, 0), max(y, 0)
    sheet.canvas.picture((x, y), picture)
    return float(x), float(y), float(x + picture.shape[1]), float(y + picture.shape[0])


def _table(sheet: Sheet, box: Box, colour: Colour, heading: str) -> None:
    """A ruled table of two columns."""
    canvas, rows = sheet.canvas, table_rows(sheet.design.title)
    step = (box[3] - box[1]) / (len(rows) + 1.4)
    canvas.frame(np.array([box[:2], (box[2], box[1]), box[2:], (box[0], box[3])], np.float32), colour, 1.2)
    canvas.rectangle((box[0], box[1], box[2], box[1] + step * 1.3), colour)
    low = readable((255, 255, 255), colour)
    canvas.text(
        (box[0] + 4, box[1] + step * 0.2, box[2] - 4, box[1] + step * 1.1),
        heading,
        Type(face="bold", colour=low, align="left"),
    )
    size = int(step * 0.62)
    for place, (left, right) in enumerate(rows):
        y = box[1] + step * (1.4 + place)
        canvas.line(np.array([(box[0], y + step), (box[2], y + step)], np.float32), colour, 1.0, 0.5)
        thin = Type(
            face="bold" if not left.startswith("of ") else "regular", colour=colour, align="left", most=size
        )
        canvas.text(
            (box[0] + 4, y + step * 0.15, box[0] + 0.62 * (box[2] - box[0]), y + step * 0.85), left, thin
        )
        canvas.text(
            (box[0] + 0.6 * (box[2] - box[0]), y + step * 0.15, box[2] - 4, y + step * 0.85),
            right,
            Type(face="regular", colour=colour, align="right", most=size),
        )


def icons(sheet: Sheet, box: Box, colour: Colour) -> None:
    """Recycling arrows, a bin, an open jar, a mark of conformity: small, in a row."""
    size = min(box[3] - box[1], (box[2] - box[0]) / 4.6)
    for place in range(4):
        cell = (box[0] + place * size * 1.18, box[1], box[0] + place * size * 1.18 + size, box[1] + size)
        centre, radius = middle(cell), size * 0.42
        if place == 0:
            for turn in range(3):
                angles = np.linspace(turn * 2.09 + 0.2, turn * 2.09 + 1.7, 7)
                arc = np.stack(
                    [centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles)], axis=1
                )
                sheet.canvas.line(arc.astype(np.float32), colour, size * 0.09)
                tip = (float(arc[-1][0]), float(arc[-1][1]))
                sheet.canvas.polygon(
                    star_points(tip, (size * 0.15, size * 0.07), 3, float(angles[-1]) + np.pi / 2), colour
                )
        elif place == 1:
            bin_ = [(-0.5, -0.6), (0.5, -0.6), (0.36, 0.8), (-0.36, 0.8)]
            sheet.canvas.frame(
                np.array(bin_, np.float32) * radius + np.asarray(centre, np.float32), colour, size * 0.07
            )
            sheet.canvas.line(
                np.array([(-0.9, 0.9), (0.9, -0.9)], np.float32) * radius + np.asarray(centre, np.float32),
                colour,
                size * 0.07,
            )
        elif place == 2:
            sheet.canvas.frame(rounded_points(inset(cell, 0.14), size * 0.1), colour, size * 0.06)
            sheet.canvas.text(inset(cell, 0.27), "12M", Type(face="bold", colour=colour))
        else:
            sheet.canvas.frame(ellipse_points(centre, (radius, radius)), colour, size * 0.06)
            sheet.canvas.text(
                inset(cell, 0.26), "CE" if size > 14 else "e", Type(face="geometric", colour=colour)
            )


def _lot(sheet: Sheet, box: Box) -> None:
    """Lot and date, ink-jetted: dotted, a little slanted in tone, on a white field."""
    random = own_random(sheet.design, 8)
    sheet.canvas.polygon(rounded_points(box, 3), (250, 250, 248))
    day, month, year = (
        int(random.integers(1, 29)),
        int(random.integers(1, 13)),
        int(random.integers(26, 30)),
    )
    lot = f"L{int(random.integers(10_000, 99_999))} {int(random.integers(10, 24))}:{int(random.integers(10, 60))}"
    style = Type(face="grotesk", colour=(32, 32, 44), align="left")
    sheet.canvas.text(part(box, 0.06, 0.12, 0.94, 0.46), f"EXP {day:02d}.{month:02d}.{year}", style)
    sheet.canvas.text(part(box, 0.06, 0.56, 0.94, 0.88), lot, style)


def _ground(sheet: Sheet) -> Colour:
    """Paper of the back: the ground, or the brand's colour for fronts in it."""
    return (
        sheet.ground
        if luminance(sheet.ground) > 0.6 or sheet.random.uniform() < 0.5
        else lighter(sheet.main, 0.82)
    )


def back(sheet: Sheet) -> None:
    """Brand and claims on top; text, table, icons; lot and barcode at the foot."""
    canvas, box = sheet.canvas, sheet.canvas.box
    ground = _ground(sheet)
    canvas.gradient(box, ground, lighter(ground, -0.05))
    ink = readable(sheet.ink, ground)
    if box[3] < 150 or box[2] < 150:
        side(sheet)
        code(sheet, part(box, 0.3, 0.1, 0.97, 0.97), sheet.design.barcode)
        return
    head = part(box, 0, 0, 1, 0.15)
    fill = sheet.main if sheet.random.uniform() < 0.7 else sheet.accent
    canvas.gradient(head, fill, lighter(fill, -0.15))
    brand(sheet, part(head, 0.04, 0.12, 0.42, 0.88), fill)
    title(sheet, part(head, 0.48, 0.28, 0.96, 0.72), readable((255, 255, 255), fill))
    lying = box[2] > 1.15 * box[3]
    size = max(6.0, 1.75 * canvas.unit)
    style = Type(face="regular", colour=ink, align="left")
    width = max(0.55 * box[2], min(240.0, 0.92 * box[2]))
    printed = code(
        sheet, (box[2] * 0.96 - width, box[3] * 0.74, box[2] * 0.96, box[3] * 0.97), sheet.design.barcode
    )
    texts, tables = (part(box, 0.04, 0.19, 0.5, 0.72), part(box, 0.54, 0.19, 0.96, 0.68))
    if not lying:
        texts, tables = part(box, 0.05, 0.46, 0.95, 0.72), part(box, 0.05, 0.19, 0.55, 0.44)
        if sheet.random.uniform() < 0.5:
            hero_box = part(box, 0.6, 0.19, 0.95, 0.44)
            canvas.polygon(
                rounded_points(hero_box, span(hero_box) * 0.08),
                lighter(sheet.accent, 0.6),
                lighter(sheet.accent, 0.2),
            )
            _plain_hero(sheet, inset(hero_box, 0.08))
        else:
            bullets(sheet, part(box, 0.59, 0.19, 0.95, 0.44), ink, 4)
    _table(sheet, tables, ink, {"food": "Nutrition per 100 g"}.get(_aisle(sheet), "At a glance"))
    canvas.paragraph(
        texts,
        f"{sheet.design.title} {sheet.design.variant}. " + small_print(sheet.design.title) * 2,
        style,
        size,
    )
    free = (box[2] * 0.05, box[3] * 0.76, printed[0] - 6, box[3] * 0.96)
    if free[2] - free[0] > 40:
        _lot(sheet, part(free, 0, 0, 1, 0.34))
        icons(sheet, part(free, 0, 0.42, 1, 0.72), ink)
        maker = f"{sheet.design.brand} GmbH, Industrieweg {brand_number(sheet)}, EU"
        canvas.paragraph(part(free, 0, 0.74, 1, 1), maker, style, size)
    else:
        _lot(sheet, part(box, 0.05, 0.715, 0.4, 0.755))


def brand_number(sheet: Sheet) -> int:
    """A house number."""
    return 1 + len(sheet.design.brand) * 7 % 90


def _aisle(sheet: Sheet) -> str:
    return "food" if "Energy" in table_rows(sheet.design.title)[0][0] else "other"


def _plain_hero(sheet: Sheet, box: Box) -> None:
    """The picture without damage: backs repeat it small."""
    hero(replace(sheet, design=replace(sheet.design, printed_damage=None)), box)


def side(sheet: Sheet) -> None:
    """A narrow face: brand and title along it, a table or small print where there is room."""
    canvas, box = sheet.canvas, sheet.canvas.box
    fill = sheet.main if sheet.random.uniform() < 0.6 else sheet.ground
    canvas.gradient(box, lighter(fill, 0.05), lighter(fill, -0.15))
    ink = readable((255, 255, 255), fill)
    width, height = box[2], box[3]
    if height > 1.6 * width:
        strip = Canvas(int(height), int(width), fill)
        strip.pixels = np.ascontiguousarray(np.rot90(canvas.pixels, -1))
        _strip(sheet_for(sheet.design, strip, 3), fill, ink)
        canvas.pixels = np.ascontiguousarray(np.rot90(strip.pixels))
    elif width > 1.6 * height:
        _strip(sheet, fill, ink)
    else:
        brand(sheet, part(box, 0.1, 0.05, 0.9, 0.28), fill)
        title(sheet, part(box, 0.1, 0.33, 0.9, 0.46), ink)
        style = Type(face="regular", colour=ink, align="left")
        canvas.paragraph(
            part(box, 0.08, 0.52, 0.92, 0.95), small_print(sheet.design.title), style, 1.9 * canvas.unit
        )


def _strip(sheet: Sheet, fill: Colour, ink: Colour) -> None:
    """A lying strip: brand, title, flavour, small print from left to right."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.rectangle(part(box, 0, 0.9, 1, 1), sheet.accent)
    brand(sheet, part(box, 0.02, 0.12, 0.26, 0.82), fill)
    title(sheet, part(box, 0.29, 0.14, 0.56, 0.52), ink)
    variant(sheet, part(box, 0.29, 0.6, 0.5, 0.82))
    style = Type(face="regular", colour=ink, align="left")
    canvas.paragraph(
        part(box, 0.60, 0.10, 0.97, 0.86), small_print(sheet.design.title), style, max(6.0, 0.075 * box[3])
    )


def top(sheet: Sheet) -> None:
    """A lid: brand and title, and where it is large enough the flavour."""
    canvas, box = sheet.canvas, sheet.canvas.box
    fill = sheet.main if luminance(sheet.ground) > 0.5 else sheet.ground
    canvas.gradient(box, lighter(fill, 0.08), lighter(fill, -0.12))
    if box[2] > 1.6 * box[3]:
        brand(sheet, part(box, 0.04, 0.14, 0.44, 0.86), fill)
        title(sheet, part(box, 0.50, 0.16, 0.96, 0.52), readable((255, 255, 255), fill))
        variant(sheet, part(box, 0.58, 0.62, 0.88, 0.88))
        return
    brand(sheet, part(box, 0.14, 0.18, 0.86, 0.5), fill)
    title(sheet, part(box, 0.14, 0.56, 0.86, 0.74), readable((255, 255, 255), fill))
    variant(sheet, part(box, 0.26, 0.8, 0.74, 0.91))


def label(sheet: Sheet) -> None:
    """A label: a front; or, if it wraps round, text, front and barcode side by side."""
    canvas, box = sheet.canvas, sheet.canvas.box
    if box[2] < 1.35 * box[3]:
        front(sheet)
        return
    share = min(0.5, 0.95 * box[3] / box[2])
    left, right = box[2] * (0.5 - share / 2), box[2] * (0.5 + share / 2)
    middle_ = Canvas(max(8, int(right - left)), int(box[3]), sheet.ground)
    inner = sheet_for(sheet.design, middle_, 0)
    front(inner)
    fill = _ground(sheet)
    canvas.rectangle(box, fill)
    x = int(left)
    canvas.pixels[:, x : x + middle_.pixels.shape[1]] = middle_.pixels
    canvas.printed[:, x : x + middle_.pixels.shape[1]] = middle_.printed
    for edge in (left, right):
        canvas.rectangle((edge - 1.5 * canvas.unit, 0, edge + 1.5 * canvas.unit, box[3]), sheet.accent)
    ink = readable(sheet.ink, fill)
    style = Type(face="regular", colour=ink, align="left")
    canvas.paragraph(
        (box[2] * 0.02, box[3] * 0.08, left - 3 * canvas.unit, box[3] * 0.66),
        small_print(sheet.design.title) * 2,
        style,
        max(6, 1.7 * canvas.unit),
    )
    icons(sheet, (box[2] * 0.02, box[3] * 0.72, left - 3 * canvas.unit, box[3] * 0.86), ink)
    room = (right + 3 * canvas.unit, box[3] * 0.5, box[2] * 0.985, box[3] * 0.95)
    code(
        sheet,
        (room[0], box[3] * (0.5 if room[2] - room[0] > 228 else 0.04), room[2], room[3]),
        sheet.design.barcode,
    )
    if room[2] - room[0] > 228:
        _table(sheet, (room[0], box[3] * 0.06, room[2], box[3] * 0.46), ink, "Per 100 g")


def card(sheet: Sheet) -> None:
    """A blister's card: words in the upper third, below them a field before which the goods hang."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.gradient(box, lighter(sheet.main, 0.1), lighter(sheet.main, -0.35))
    slope = float(sheet.random.uniform(-0.06, 0.06))
    field = np.array(
        [(0, box[3] * (0.42 + slope)), (box[2], box[3] * (0.42 - slope)), (box[2], box[3]), (0, box[3])],
        np.float32,
    )
    pale = sheet.ground if luminance(sheet.ground) > 0.5 else lighter(sheet.accent, 0.7)
    canvas.polygon(field - np.float32(2 * canvas.unit), sheet.accent)
    canvas.polygon(field, lighter(pale, 0.3), lighter(pale, -0.12))
    slot = (box[2] * 0.5, box[3] * 0.045)
    canvas.polygon(
        rounded_points(
            (
                slot[0] - 7 * canvas.unit,
                slot[1] - canvas.unit,
                slot[0] + 7 * canvas.unit,
                slot[1] + canvas.unit,
            ),
            canvas.unit,
        ),
        (32, 30, 30),
    )
    canvas.ellipse((slot[0], slot[1] - canvas.unit * 0.6), (2 * canvas.unit, 2 * canvas.unit), (32, 30, 30))
    words = part(box, 0.07, 0.09, 0.93, 0.38)
    brand(sheet, part(words, 0, 0, 1, 0.48), sheet.main)
    title(sheet, part(words, 0.0, 0.56, 0.74, 0.98), readable((255, 255, 255), sheet.main), "left")
    centre, radius = (box[2] * 0.85, box[3] * 0.31), span(box) * 0.11
    canvas.ellipse(centre, (radius, radius), (255, 214, 40), (244, 170, 20))
    half = radius * 0.62
    canvas.text(
        (centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half),
        f"{sheet.design.unit_count}x",
        Type(face="black", colour=_INK),
    )
    damaged(sheet, part(box, 0.04, 0.40, 0.96, 0.86))
    variant(sheet, part(box, 0.06, 0.91, 0.6, 0.97))
