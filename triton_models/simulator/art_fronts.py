"""Six families of fronts that live from areas of colour and pictures."""

import numpy as np

from triton_models.simulator.art_canvas import (
    Type,
    inset,
    lighter,
    luminance,
    mix,
    part,
    readable,
    rounded_points,
)
from triton_models.simulator.art_fields import amount, halves, maybe_badge, stack
from triton_models.simulator.art_pictures import halo, hero, scene
from triton_models.simulator.art_pieces import (
    Sheet,
    brand,
    bullets,
    title,
    variant,
)
from triton_models.simulator.art_solids import glow, middle, span
from triton_models.simulator.art_words import claims


def band_front(sheet: Sheet) -> None:
    """Brand colour above, picture below on the ground, a slanting flavour band between."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.gradient(box, sheet.ground, lighter(sheet.ground, -0.08))
    words, picture = halves(sheet, 0.5)
    top = words[3] / box[3] if words[2] > 0.8 * box[2] else 0.3
    slope = float(sheet.random.uniform(-0.08, 0.08))
    corners = [(0, 0), (box[2], 0), (box[2], box[3] * (top - slope)), (0, box[3] * (top + slope))]
    canvas.polygon(np.array(corners, np.float32), lighter(sheet.main, 0.1), lighter(sheet.main, -0.25))
    edge = np.array(
        [
            corners[3],
            corners[2],
            (box[2], corners[2][1] + 2.5 * canvas.unit),
            (0, corners[3][1] + 2.5 * canvas.unit),
        ]
    )
    canvas.polygon(edge.astype(np.float32), sheet.accent, lighter(sheet.accent, -0.2))
    halo(sheet, picture)
    hero(sheet, picture)
    if top < 0.4:
        brand(sheet, part(box, 0.04, 0.03, 0.6, 0.25), sheet.main)
        title(sheet, part(words, 0, 0.36, 1, 0.7), sheet.ink)
        variant(sheet, part(words, 0, 0.78, 0.7, 0.94))
    else:
        brand(sheet, part(words, 0, 0, 1, 0.46), sheet.main)
        title(sheet, part(words, 0.02, 0.52, 0.98, 0.86), readable((255, 255, 255), sheet.main))
        variant(sheet, part(box, 0.2, top + 0.035, 0.8, top + 0.10))
    maybe_badge(sheet, 0.84, 0.62)
    amount(sheet, sheet.ink)


def split_front(sheet: Sheet) -> None:
    """A scene below a curved edge, words on the ground above."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.gradient(box, lighter(sheet.ground, 0.12), sheet.ground)
    lie = box[2] > 1.15 * box[3]
    picture = part(box, 0.52, 0, 1, 1) if lie else part(box, 0, 0.5, 1, 1)
    view = scene(sheet, (max(8, int(picture[2] - picture[0])), max(8, int(picture[3] - picture[1]))))
    bow = float(sheet.random.uniform(-0.09, 0.12))
    s = np.linspace(0, 1, 30)
    if lie:
        curve = np.stack([picture[0] + (0.08 + bow * np.sin(np.pi * s)) * box[2], s * box[3]], axis=1)
        outline = np.concatenate([curve, [(box[2], box[3]), (box[2], 0)]])
    else:
        curve = np.stack([s * box[2], picture[1] + (0.07 - bow * np.sin(np.pi * s)) * box[3]], axis=1)
        outline = np.concatenate([curve, [(box[2], box[3]), (0, box[3])]])
    canvas.polygon(outline.astype(np.float32) - np.float32(1.6 * canvas.unit), sheet.accent)
    canvas.picture((int(picture[0]), int(picture[1])), view, outline.astype(np.float32))
    target = inset(part(picture, 0.12, 0.22, 0.88, 0.98), 0.02)
    hero(sheet, target)
    words, _ = halves(sheet, 0.5)
    stack(sheet, words, sheet.ground)
    maybe_badge(sheet, 0.15, 0.86)
    amount(sheet, (255, 255, 255))


def minimal_front(sheet: Sheet) -> None:
    """White space, thin type, one small picture, a colour bar."""
    canvas, box = sheet.canvas, sheet.canvas.box
    ground = lighter(sheet.ground, 0.75) if luminance(sheet.ground) > 0.45 else sheet.ground
    canvas.gradient(box, ground, lighter(ground, -0.05))
    ink = readable(sheet.ink, ground)
    bar = part(box, 0, 0, 0.045, 1) if sheet.random.uniform() < 0.5 else part(box, 0, 0.955, 1, 1)
    canvas.rectangle(bar, sheet.accent, lighter(sheet.accent, -0.2))
    words, picture = halves(sheet, 0.44)
    brand(sheet, part(words, 0.1, 0.04, 0.9, 0.36), ground)
    canvas.line(
        np.array([part(words, 0.3, 0.46, 0, 0)[:2], part(words, 0.7, 0.46, 0, 0)[:2]], np.float32),
        sheet.accent,
        canvas.unit * 0.5,
    )
    title(sheet, part(words, 0.12, 0.54, 0.88, 0.80), ink)
    variant(sheet, part(words, 0.2, 0.87, 0.8, 0.99), plain=True)
    canvas.ellipse(
        middle(picture),
        (span(picture) * 0.40, span(picture) * 0.40),
        lighter(sheet.accent, 0.7),
        lighter(sheet.accent, 0.4),
    )
    hero(sheet, inset(picture, 0.16))
    small = Type(face="light", colour=ink, align="centre")
    canvas.text(
        part(box, 0.2, 0.90, 0.8, 0.925), " · ".join(claims(sheet.design.title, sheet.random, 2)), small
    )
    amount(sheet, ink)


def circle_front(sheet: Sheet) -> None:
    """Rays behind a great disc that holds the picture."""
    canvas, box = sheet.canvas, sheet.canvas.box
    canvas.gradient(box, sheet.main, lighter(sheet.main, -0.25))
    words, picture = halves(sheet, 0.46)
    x, y = middle(picture)
    far = box[2] + box[3]
    rays = int(sheet.random.integers(12, 22))
    for ray in range(rays):
        turns = np.array([ray, ray + 0.5]) * 2 * np.pi / rays
        tips = np.stack([x + far * np.cos(turns), y + far * np.sin(turns)], axis=1)
        canvas.polygon(
            np.concatenate([[(x, y)], tips]).astype(np.float32), lighter(sheet.main, 0.22), alpha=0.7
        )
    radius = span(picture) * 0.50
    for share, tone in ((1.06, lighter(sheet.accent, -0.1)), (1.0, (255, 253, 246))):
        canvas.ellipse((x, y), (radius * share, radius * share), tone, lighter(tone, -0.06))
    hero(sheet, (x - radius * 0.78, y - radius * 0.78, x + radius * 0.78, y + radius * 0.78))
    brand(sheet, part(words, 0, 0, 1, 0.46), sheet.main)
    title(sheet, part(words, 0.03, 0.54, 0.97, 0.92), readable((255, 255, 255), sheet.main))
    ribbon = (x - radius * 0.95, y + radius * 0.72, x + radius * 0.95, y + radius * 1.0)
    variant(sheet, ribbon)
    maybe_badge(sheet, 0.85, 0.52, 0.12)
    amount(sheet, readable((255, 255, 255), sheet.main))


def diagonal_front(sheet: Sheet) -> None:
    """Slanted blocks in hard contrast, italics, a hazard stripe."""
    canvas, box = sheet.canvas, sheet.canvas.box
    dark = lighter(mix(sheet.main, (20, 20, 24), 0.6), -0.1)
    canvas.gradient(box, sheet.main, lighter(sheet.main, -0.15))
    lean = float(sheet.random.uniform(0.12, 0.3)) * (1 if sheet.random.uniform() < 0.5 else -1)
    block = [
        (0, box[3] * (0.42 + lean / 2)),
        (box[2], box[3] * (0.42 - lean / 2)),
        (box[2], box[3]),
        (0, box[3]),
    ]
    canvas.polygon(np.array(block, np.float32), dark, lighter(dark, -0.5))
    for step, tone in ((0.0, sheet.accent), (0.035, (250, 250, 246))):
        stripe = [
            (0, block[0][1] + step * box[3]),
            (box[2], block[1][1] + step * box[3]),
            (box[2], block[1][1] + (step + 0.022) * box[3]),
            (0, block[0][1] + (step + 0.022) * box[3]),
        ]
        canvas.polygon(np.array(stripe, np.float32), tone)
    words, picture = halves(sheet, 0.46)
    glow(canvas, middle(picture), (span(picture) * 0.7, span(picture) * 0.6), lighter(sheet.accent, 0.5), 0.6)
    hero(sheet, picture)
    brand(sheet, part(words, 0, 0, 1, 0.42), sheet.main)
    over = readable((255, 255, 255), sheet.main)
    canvas.text(
        part(words, 0.02, 0.48, 0.98, 0.76),
        sheet.design.title.upper(),
        Type(face="slanted", colour=over, shadow=dark),
    )
    variant(sheet, part(words, 0.0, 0.82, 0.6, 0.97))
    bullets(sheet, part(box, 0.05, 0.86, 0.62, 0.98), (245, 245, 245), 2)
    amount(sheet, (255, 255, 255))


def bleed_front(sheet: Sheet) -> None:
    """A photograph over the whole front, words on a plate."""
    canvas = sheet.canvas
    height, width = canvas.pixels.shape[:2]
    canvas.picture((0, 0), scene(sheet, (width, height)))
    words, picture = halves(sheet, 0.52)
    glow(
        canvas, middle(picture), (span(picture) * 0.75, span(picture) * 0.7), lighter(sheet.accent, 0.75), 0.5
    )
    hero(sheet, picture)
    plate = sheet.main if sheet.random.uniform() < 0.5 else lighter(sheet.ground, -0.02)
    shape = rounded_points(words, span(words) * float(sheet.random.choice([0.0, 0.06, 0.2])))
    canvas.polygon(shape + np.float32(canvas.unit), (0, 0, 0), alpha=0.4)
    canvas.polygon(shape, plate, lighter(plate, -0.1))
    canvas.frame(
        rounded_points(inset(words, 0.03), span(words) * 0.05),
        readable(sheet.accent, plate),
        canvas.unit * 0.4,
    )
    inner = inset(words, 0.08)
    brand(sheet, part(inner, 0, 0, 1, 0.42), plate)
    title(sheet, part(inner, 0.04, 0.48, 0.96, 0.76), readable(sheet.ink, plate))
    variant(sheet, part(inner, 0.15, 0.83, 0.85, 0.99))
    maybe_badge(sheet, 0.84, 0.86)
    amount(sheet, (255, 255, 255))
