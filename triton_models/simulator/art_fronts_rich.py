"""Six families of fronts that live from ornament, type and light."""

import numpy as np

from triton_models.simulator.art_canvas import (
    Type,
    catmull,
    ellipse_points,
    inset,
    lighter,
    luminance,
    mix,
    part,
    readable,
    rounded_points,
    star_points,
)
from triton_models.simulator.art_fields import amount, halves, maybe_badge
from triton_models.simulator.art_pictures import hero
from triton_models.simulator.art_pieces import (
    Sheet,
    brand,
    bullets,
    title,
    variant,
)
from triton_models.simulator.art_solids import GREEN, glow, middle, span
from triton_models.simulator.art_words import claims
from triton_models.simulator.catalogue_products import line_of


def vintage_front(sheet: Sheet) -> None:
    """Pinstripes, an ornate frame, serif capitals."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.rectangle(box, sheet.ground)
    step = canvas.unit * float(sheet.random.uniform(3, 7))
    for place in range(int(box[2] / step) + 1):
        if place % 2:
            canvas.rectangle(
                (place * step, 0, place * step + step, box[3]), mix(sheet.ground, sheet.main, 0.22)
            )
    cream = (250, 244, 228)
    label = part(box, 0.10, 0.07, 0.90, 0.93)
    canvas.polygon(rounded_points(label, span(label) * 0.10), sheet.main)
    canvas.polygon(rounded_points(inset(label, 0.02), span(label) * 0.09), cream, lighter(cream, -0.06))
    canvas.frame(rounded_points(inset(label, 0.045), span(label) * 0.07), sheet.accent, canvas.unit * 0.35)
    for corner in ((0.11, 0.09), (0.89, 0.09), (0.11, 0.91), (0.89, 0.91)):
        centre = part(label, corner[0], corner[1], 0, 0)[:2]
        canvas.polygon(star_points(centre, (canvas.unit * 3, canvas.unit), 8), sheet.accent)
    inner = part(label, 0.13, 0.07, 0.87, 0.93)
    brand(sheet, part(inner, 0.06, 0.0, 0.94, 0.2), cream)
    ink = lighter(sheet.main, -0.45)
    canvas.text(part(inner, 0.2, 0.225, 0.8, 0.255), "— ANNO 1897 —", Type(face="serif", colour=ink))
    words = part(inner, 0, 0.29, 1, 0.45)
    canvas.text(words, sheet.design.title, Type(face="serif_bold", colour=ink))
    hero(sheet, part(inner, 0.1, 0.47, 0.9, 0.84))
    variant(sheet, part(inner, 0.15, 0.88, 0.85, 0.98))
    amount(sheet, readable(ink, sheet.ground))


def tech_front(sheet: Sheet) -> None:
    """Dark gradient, traces of light, a row of icons."""
    canvas, box = sheet.canvas, sheet.canvas.box
    dark = lighter(mix(sheet.main, (16, 20, 30), 0.75), -0.2)
    canvas.gradient(box, lighter(mix(dark, sheet.main, 0.4), 0.02), dark)
    words, picture = halves(sheet, 0.42)
    for _ in range(14):
        start = sheet.random.uniform((0, 0), (box[2], box[3]))
        bend = start + sheet.random.choice([-1, 1], 2) * sheet.random.uniform(10, 90) * np.array([1, 1])
        end = bend + np.array([sheet.random.uniform(40, 200), 0])
        canvas.line(np.stack([start, bend, end]).astype(np.float32), lighter(sheet.accent, 0.2), 1.0, 0.5)
        canvas.ellipse((float(end[0]), float(end[1])), (2.2, 2.2), lighter(sheet.accent, 0.5))
    glow(
        canvas, middle(picture), (span(picture) * 0.8, span(picture) * 0.7), lighter(sheet.accent, 0.3), 0.75
    )
    hero(sheet, picture)
    brand(sheet, part(words, 0.0, 0, 0.8, 0.36), dark)
    title(sheet, part(words, 0, 0.44, 0.96, 0.74), (248, 249, 252), "left")
    variant(sheet, part(words, 0.0, 0.82, 0.5, 0.97))
    for place, line in enumerate(claims(sheet.design.title, sheet.random, 3)):
        cell = part(box, 0.05 + 0.3 * place, 0.885, 0.33 + 0.3 * place, 0.975)
        centre = (cell[0] + span(cell) * 0.3, middle(cell)[1])
        canvas.frame(
            ellipse_points(centre, (span(cell) * 0.26, span(cell) * 0.26)), lighter(sheet.accent, 0.4), 1.5
        )
        canvas.polygon(
            star_points(centre, (span(cell) * 0.16, span(cell) * 0.05), 3 + place), (255, 255, 255)
        )
        canvas.text(
            (centre[0] + span(cell) * 0.36, cell[1], cell[2], cell[3]),
            line,
            Type(face="geometric", colour=(236, 238, 244), align="left", most=int(3 * canvas.unit)),
        )


def pattern_front(sheet: Sheet) -> None:
    """A pattern of small shapes over the whole sheet, words on a central label."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.rectangle(box, sheet.main if luminance(sheet.ground) > 0.6 else sheet.ground)
    kind, step = int(sheet.random.integers(5)), canvas.unit * float(sheet.random.uniform(8, 15))
    tones = (
        lighter(sheet.accent, 0.1),
        lighter(sheet.main, 0.35),
        lighter(sheet.accent, 0.55),
        lighter(sheet.main, -0.3),
    )
    for row in range(int(box[3] / step) + 2):
        for column in range(int(box[2] / step) + 2):
            x, y = (column + 0.5 * (row % 2)) * step, row * step
            tone = tones[(row * 2 + column * 3 + row * column) % 4]
            if kind == 0:
                canvas.ellipse((x, y), (step * 0.36, step * 0.36), tone)
            elif kind == 1:
                canvas.polygon(star_points((x, y), (step * 0.6, step * 0.42), 2, 0.0), tone)
            elif kind == 2:
                canvas.polygon(
                    ellipse_points((x, y), (step * 0.46, step * 0.18), 0.8 if (row + column) % 2 else -0.8),
                    tone,
                )
            elif kind == 3:
                canvas.polygon(
                    star_points(
                        (x, y), (step * 0.55, step * 0.55 / 2), 3, np.pi / 2 * (1 + 2 * ((row + column) % 2))
                    ),
                    tone,
                )
            else:
                canvas.frame(ellipse_points((x, y), (step * 0.48, step * 0.48)), tone, step * 0.13)
    label = part(box, 0.12, 0.10, 0.88, 0.90)
    cream = lighter(sheet.ground, 0.85) if luminance(sheet.ground) > 0.3 else (250, 249, 246)
    shape = (
        ellipse_points(middle(label), ((label[2] - label[0]) / 2, (label[3] - label[1]) / 2))
        if sheet.random.uniform() < 0.4
        else rounded_points(label, span(label) * float(sheet.random.choice([0.0, 0.08, 0.3])))
    )
    canvas.polygon(shape + np.float32(canvas.unit * 0.8), (0, 0, 0), alpha=0.3)
    canvas.polygon(shape, cream)
    inner = part(label, 0.16, 0.10, 0.84, 0.92)
    brand(sheet, part(inner, 0.05, 0.0, 0.95, 0.20), cream)
    title(sheet, part(inner, 0, 0.25, 1, 0.42), readable(sheet.ink, cream))
    hero(sheet, part(inner, 0.1, 0.45, 0.9, 0.82))
    variant(sheet, part(inner, 0.2, 0.87, 0.8, 0.97))
    amount(sheet, readable(sheet.ink, sheet.main))


def burst_front(sheet: Sheet) -> None:
    """A starburst and fat outlined letters."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.gradient(box, lighter(sheet.accent, 0.25), lighter(sheet.accent, -0.15))
    words, picture = halves(sheet, 0.48)
    x, y = middle(picture)
    reach = span(box)
    for share, tone in ((0.78, lighter(sheet.main, -0.1)), (0.66, (255, 220, 60)), (0.56, (255, 248, 214))):
        canvas.polygon(
            star_points(
                (x, y), (reach * share, reach * share * 0.72), int(sheet.random.integers(12, 18)), 0.2
            ),
            tone,
        )
    hero(sheet, picture)
    brand(sheet, part(words, 0.05, 0, 0.95, 0.36), sheet.accent)
    fat = Type(
        face="round", colour=(255, 255, 255), outline=(lighter(sheet.main, -0.35), 0.10), shadow=(20, 16, 24)
    )
    lines = sheet.design.title.split(" ", 1)
    for place, line in enumerate(lines):
        low = 0.42 + 0.56 * place / len(lines)
        canvas.text(part(words, 0.05, low + 0.03, 0.95, low + 0.56 / len(lines) - 0.04), line, fat)
    variant(sheet, part(box, 0.08, 0.87, 0.6, 0.945))
    maybe_badge(sheet, 0.85, 0.53, 0.12)
    amount(sheet, readable((255, 255, 255), sheet.accent))


def pharma_front(sheet: Sheet) -> None:
    """White, colour blocks, exact type, a cross."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.rectangle(box, (250, 251, 252))
    lie = box[2] > 1.15 * box[3]
    block = part(box, 0, 0, 0.34, 1) if lie else part(box, 0, 0, 1, 0.2)
    canvas.gradient(block, sheet.main, lighter(sheet.main, -0.2), across=lie)
    stripes = part(box, 0.34, 0.86, 1, 0.93) if lie else part(box, 0, 0.2, 1, 0.235)
    canvas.rectangle(stripes, sheet.accent)
    brand(sheet, inset(part(block, 0.06, 0.1, 0.94, 0.42 if lie else 0.9), 0.02), sheet.main)
    body = part(box, 0.38, 0.06, 0.97, 0.84) if lie else part(box, 0.07, 0.27, 0.93, 0.95)
    ink = (30, 34, 44)
    title(sheet, part(body, 0, 0.0, 0.9, 0.26), ink, "left")
    canvas.text(
        part(body, 0, 0.29, 0.6, 0.39),
        sheet.design.variant,
        Type(face="black", colour=readable(sheet.accent, (250, 251, 252)), align="left"),
    )
    hero(sheet, part(body, 0.36, 0.38, 1.0, 0.98))
    bullets(sheet, part(body, 0, 0.5, 0.42, 0.86), ink, 3)
    x, y = part(body, 0.94, 0.06, 0, 0)[:2]
    arm = span(box) * 0.045
    crossed = line_of(sheet.design.title).category == "medicine"
    for wide, high in ((1.0, 0.32), (0.32, 1.0)) if crossed else ():
        canvas.rectangle((x - arm * wide, y - arm * high, x + arm * wide, y + arm * high), GREEN)
    amount(sheet, ink)


def swoosh_front(sheet: Sheet) -> None:
    """Ribbons of gradient sweep round the picture."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.gradient(box, lighter(sheet.main, 0.35), sheet.main)
    words, picture = halves(sheet, 0.50)
    x, y = middle(picture)
    w, h = box[2], box[3]
    sway = float(sheet.random.uniform(-0.1, 0.1))
    for level, tone in enumerate(
        (lighter(sheet.accent, -0.15), lighter(sheet.accent, 0.35), (255, 255, 255))
    ):
        d = 0.06 * level
        upper = catmull(
            [
                (-0.1 * w, h * (0.66 + sway + d)),
                (0.3 * w, h * (0.52 + d)),
                (0.7 * w, h * (0.56 + sway + d)),
                (1.1 * w, h * (0.36 + d)),
            ],
            16,
            closed=False,
        )
        lower = catmull(
            [
                (-0.1 * w, h * (0.80 + d)),
                (0.3 * w, h * (0.62 + d)),
                (0.7 * w, h * (0.62 + sway + d)),
                (1.1 * w, h * (0.44 + d)),
            ],
            16,
            closed=False,
        )
        canvas.polygon(np.concatenate([upper, lower[::-1]]), tone, lighter(tone, -0.2), 0.9)
    glow(canvas, (x, y), (span(picture) * 0.75, span(picture) * 0.7), (255, 255, 255), 0.9)
    hero(sheet, picture)
    brand(sheet, part(words, 0, 0, 1, 0.46), lighter(sheet.main, 0.25))
    over = readable((255, 255, 255), lighter(sheet.main, 0.15))
    canvas.text(
        part(words, 0.02, 0.53, 0.98, 0.76),
        sheet.design.title,
        Type(face="italic", colour=over, outline=(readable(over, over), 0.05)),
    )
    variant(sheet, part(words, 0.2, 0.83, 0.8, 0.98))
    maybe_badge(sheet, *((0.90, 0.17) if box[2] > 1.15 * box[3] else (0.15, 0.87)))
    amount(sheet, readable((255, 255, 255), sheet.main))
