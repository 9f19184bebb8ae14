"""Drawn picture subjects of home, toys and desk."""

import numpy as np

from triton_models.simulator.art_canvas import (
    Box,
    Canvas,
    catmull,
    ellipse_points,
    lighter,
    mix,
    part,
    rounded_points,
    star_points,
    turned,
)
from triton_models.simulator.art_solids import (
    Look,
    at,
    ball,
    glow,
    local,
    middle,
    shadow,
    solid,
    span,
    tapered,
)
from triton_models.simulator.art_textures import cloth
from triton_models.simulator.things import Random


def pills(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Capsules and tablets."""
    side = span(box)
    for _ in range(7):
        centre = np.asarray(
            at(box, float(random.uniform(0.15, 0.85)), float(random.uniform(0.2, 0.8))), np.float32
        )
        turn, length = float(random.uniform(0, 3)), float(random.uniform(0.14, 0.18)) * side
        shadow(
            canvas, (float(centre[0]), float(centre[1]) + length * 0.35), (length * 1.2, length * 0.7), 0.35
        )
        if random.uniform() < 0.6:
            body = rounded_points((-length, -length * 0.38, length, length * 0.38), length * 0.38)
            solid(canvas, turned(body, turn) + centre, (248, 246, 240), 0.7)
            half = np.minimum(body, np.array([0.02 * length, 1e6], np.float32))
            solid(canvas, turned(half, turn) + centre, look.accent, 0.7)
        else:
            solid(
                canvas,
                ellipse_points((float(centre[0]), float(centre[1])), (length * 0.7, length * 0.6)),
                (250, 248, 242),
                0.3,
            )
            score = np.array([(-0.5, 0.0), (0.5, 0.0)], np.float32) * length
            canvas.line(turned(score, turn) + centre, (196, 192, 184), side * 0.01)


def paw(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A cat's or dog's face."""
    side = span(box)
    fur = ((202, 146, 84), (92, 76, 66), (226, 206, 176), (120, 122, 130))[int(random.integers(4))]
    ear = 0.16 if random.uniform() < 0.5 else 0.05
    for mirror in (-1, 1):
        tip = [(0.5 + mirror * 0.36, 0.42), (0.5 + mirror * 0.34, 0.20 - ear), (0.5 + mirror * 0.10, 0.26)]
        solid(canvas, local(box, tip), lighter(fur, -0.2), 0.1)
        inner = [
            (0.5 + mirror * 0.31, 0.36),
            (0.5 + mirror * 0.31, 0.24 - ear * 0.7),
            (0.5 + mirror * 0.16, 0.28),
        ]
        canvas.polygon(local(box, inner), (226, 160, 150), alpha=0.8)
    solid(canvas, ellipse_points(at(box, 0.5, 0.54), (0.40 * side, 0.36 * side)), fur, 0.1)
    solid(canvas, ellipse_points(at(box, 0.5, 0.68), (0.20 * side, 0.15 * side)), lighter(fur, 0.55), 0.1)
    for mirror in (-1, 1):
        eye = at(box, 0.5 + mirror * 0.16, 0.47)
        canvas.ellipse(eye, (0.065 * side, 0.075 * side), (244, 236, 190), (150, 168, 70))
        canvas.ellipse(eye, (0.036 * side, 0.062 * side), (16, 14, 12))
        canvas.ellipse(
            (eye[0] - 0.015 * side, eye[1] - 0.025 * side), (0.014 * side, 0.014 * side), (255, 255, 255)
        )
        for lift in (-0.04, 0.0, 0.04):
            whisker = local(box, [(0.5 + mirror * 0.14, 0.68), (0.5 + mirror * 0.44, 0.66 + lift * 2)])
            canvas.line(whisker, lighter(fur, 0.75), side * 0.006)
    canvas.polygon(
        catmull([at(box, 0.44, 0.60), at(box, 0.56, 0.60), at(box, 0.5, 0.67)]), (92, 52, 50), (50, 28, 30)
    )
    canvas.line(
        catmull(
            [
                at(box, 0.41, 0.74),
                at(box, 0.46, 0.76),
                at(box, 0.5, 0.70),
                at(box, 0.54, 0.76),
                at(box, 0.59, 0.74),
            ],
            closed=False,
        ),
        (70, 42, 40),
        side * 0.012,
    )
    del look


def pencils(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A fan of pencils."""
    side = span(box)
    foot = np.asarray(at(box, 0.5, 1.15), np.float32)
    tones = (
        (214, 40, 40),
        (244, 140, 30),
        (250, 206, 44),
        (60, 160, 74),
        (30, 110, 200),
        (116, 60, 160),
        look.accent,
    )
    for place, tone in enumerate(tones):
        lean = (place - 3) * 0.17 + float(random.normal(0, 0.01))
        for left, right, lift in ((-0.04, -0.014, 0.2), (-0.014, 0.016, 0.0), (0.016, 0.04, -0.3)):
            strip = (
                np.array([(left, -0.35), (right, -0.35), (right, -0.92), (left, -0.92)], np.float32) * side
            )
            canvas.polygon(turned(strip, lean) + foot, lighter(tone, lift))
        wood = np.array([(-0.04, -0.92), (0.04, -0.92), (0.012, -1.03), (-0.012, -1.03)], np.float32) * side
        canvas.polygon(turned(wood, lean) + foot, (236, 200, 150), (206, 160, 104))
        tip = np.array([(-0.013, -1.025), (0.013, -1.025), (0.0, -1.07)], np.float32) * side
        canvas.polygon(turned(tip, lean) + foot, lighter(tone, -0.1))


def blocks(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Stacked building blocks with studs."""
    side = span(box)
    shadow(canvas, at(box, 0.5, 0.93), (0.5 * side, 0.07 * side), 0.5)
    tones = ((220, 46, 40), (250, 200, 40), (34, 112, 200), (56, 160, 72), look.accent, look.main)
    for row, count in enumerate((4, 3, 3, 2)):
        for place in range(count):
            tone = tones[int(random.integers(len(tones)))]
            left = 0.5 + (place - count / 2) * 0.23 + 0.02 * (row % 2)
            top = 0.74 - 0.17 * row
            for stud in (0.05, 0.15):
                canvas.polygon(
                    rounded_points(
                        (*at(box, left + stud - 0.03, top - 0.035), *at(box, left + stud + 0.03, top + 0.02)),
                        side * 0.01,
                    ),
                    lighter(tone, 0.3),
                    lighter(tone, -0.2),
                )
            face = (*at(box, left, top), *at(box, left + 0.225, top + 0.168))
            canvas.polygon(rounded_points(face, side * 0.008), lighter(tone, 0.12), lighter(tone, -0.22))
            canvas.line(
                np.array([(face[0], face[1]), (face[2], face[1])], np.float32),
                lighter(tone, 0.5),
                side * 0.008,
            )


def car(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A toy racing car, from the side, with speed lines."""
    side = span(box)
    for _ in range(6):
        y = float(random.uniform(0.36, 0.7))
        canvas.line(
            local(box, [(-0.1, y), (float(random.uniform(0.1, 0.3)), y)]),
            lighter(look.accent, 0.4),
            side * 0.012,
            0.7,
        )
    shadow(canvas, at(box, 0.53, 0.76), (0.46 * side, 0.06 * side), 0.7)
    body = local(
        box,
        [
            (0.06, 0.66),
            (0.08, 0.52),
            (0.28, 0.47),
            (0.40, 0.34),
            (0.62, 0.34),
            (0.74, 0.48),
            (0.95, 0.55),
            (0.98, 0.68),
            (0.9, 0.72),
            (0.1, 0.72),
        ],
    )
    solid(canvas, body, look.accent, 0.7)
    canvas.polygon(
        local(box, [(0.34, 0.48), (0.42, 0.38), (0.50, 0.38), (0.50, 0.48)]), (190, 220, 240), (60, 90, 120)
    )
    canvas.polygon(
        local(box, [(0.52, 0.38), (0.60, 0.38), (0.68, 0.48), (0.52, 0.48)]), (190, 220, 240), (60, 90, 120)
    )
    canvas.polygon(
        local(box, [(0.07, 0.58), (0.97, 0.60), (0.97, 0.63), (0.07, 0.62)]), (250, 250, 250), alpha=0.85
    )
    for x in (0.25, 0.78):
        ball(canvas, at(box, x, 0.70), 0.11 * side, (30, 30, 34), 0.2)
        ball(canvas, at(box, x, 0.70), 0.06 * side, (196, 198, 204), 0.8)
        canvas.polygon(star_points(at(box, x, 0.70), (0.055 * side, 0.02 * side), 5), (90, 92, 98))


def razor(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A razor with three blades."""
    side = span(box)
    grip = tapered(
        [at(box, 0.46, 0.32), at(box, 0.56, 0.55), at(box, 0.5, 0.98)],
        [side * 0.05, side * 0.10, side * 0.08],
    )
    solid(canvas, grip, look.main, 0.7)
    canvas.polygon(
        tapered([at(box, 0.5, 0.5), at(box, 0.55, 0.68), at(box, 0.52, 0.9)], [side * 0.03, side * 0.045]),
        look.accent,
        alpha=0.9,
    )
    solid(canvas, rounded_points((*at(box, 0.12, 0.1), *at(box, 0.82, 0.36)), side * 0.04), (52, 56, 64), 0.4)
    for y in (0.16, 0.22, 0.28):
        canvas.polygon(
            rounded_points((*at(box, 0.16, y), *at(box, 0.78, y + 0.028)), side * 0.01),
            (244, 246, 250),
            (140, 146, 156),
        )
    canvas.polygon(
        rounded_points((*at(box, 0.16, 0.115), *at(box, 0.78, 0.145)), side * 0.01), lighter(look.accent, 0.4)
    )
    glow(
        canvas,
        at(box, float(random.uniform(0.25, 0.7)), 0.22),
        (side * 0.14, side * 0.14),
        (255, 255, 255),
        0.9,
    )


def sparkle(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Shining panes."""
    side = span(box)
    for row in range(2):
        for column in range(2):
            pane = (
                *at(box, 0.1 + 0.41 * column, 0.1 + 0.41 * row),
                *at(box, 0.49 + 0.41 * column, 0.49 + 0.41 * row),
            )
            canvas.polygon(
                rounded_points(pane, side * 0.02), lighter(look.accent, 0.8), lighter(look.accent, 0.1)
            )
            streak = np.array(
                [
                    part(pane, 0.1, 0.7, 0, 0)[:2],
                    part(pane, 0.7, 0.1, 0, 0)[:2],
                    part(pane, 0.9, 0.1, 0, 0)[:2],
                    part(pane, 0.1, 0.9, 0, 0)[:2],
                ]
            )
            canvas.polygon(streak.astype(np.float32), (255, 255, 255), alpha=0.45)
    for _ in range(6):
        centre = at(box, float(random.uniform(0, 1)), float(random.uniform(0, 1)))
        size = side * float(random.uniform(0.05, 0.16))
        glow(canvas, centre, (size, size), (255, 255, 255), 0.6)
        canvas.polygon(
            star_points(centre, (size, size * 0.09), 4, np.pi / 4 * (size < 0.08 * side)), (255, 255, 255)
        )


def pattern(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A geometric emblem of turned shapes."""
    side = span(box)
    sides, turn = int(random.integers(3, 8)), float(random.uniform(0, 3))
    for level in range(6):
        radius = side * (0.48 - 0.075 * level)
        tone = mix(look.main, look.accent, level / 5)
        outline = star_points(
            middle(box), (radius, radius * (0.72 + 0.04 * (level % 2))), sides, turn + level * 0.22
        )
        canvas.polygon(outline, lighter(tone, 0.2), lighter(tone, -0.12))


def fabric(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Folded cloths in a pile."""
    side = span(box)
    shadow(canvas, at(box, 0.5, 0.84), (0.5 * side, 0.09 * side), 0.5)
    for level in range(4):
        tone = lighter(mix(look.accent, (244, 242, 238), 0.35 * (level % 3)), 0.1)
        face = (
            *at(box, 0.06 + 0.02 * (level % 2), 0.64 - 0.15 * level),
            *at(box, 0.94 - 0.01 * level, 0.82 - 0.15 * level),
        )
        picture = cloth(random, (max(8, int(face[2] - face[0])), max(8, int(face[3] - face[1]))), tone)
        canvas.picture((int(face[0]), int(face[1])), picture, rounded_points(face, side * 0.07))
        canvas.line(
            np.array([(face[0] + side * 0.06, face[3]), (face[2] - side * 0.06, face[3])], np.float32),
            lighter(tone, -0.5),
            side * 0.01,
            0.6,
        )


def flame(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Candles of three heights, lit."""
    side = span(box)
    for x, top in ((0.26, 0.46), (0.74, 0.54), (0.5, 0.34)):
        body = (*at(box, x - 0.13, top), *at(box, x + 0.13, 0.95))
        tone = mix(look.accent, (240, 230, 210), float(random.uniform(0.35, 0.7)))
        canvas.gradient(
            (body[0], body[1], (body[0] + body[2]) / 2, body[3]),
            lighter(tone, -0.15),
            lighter(tone, 0.3),
            across=True,
        )
        canvas.gradient(
            ((body[0] + body[2]) / 2, body[1], body[2], body[3]),
            lighter(tone, 0.3),
            lighter(tone, -0.4),
            across=True,
        )
        canvas.polygon(
            ellipse_points(at(box, x, top), (0.13 * side, 0.03 * side)),
            lighter(tone, 0.5),
            lighter(tone, 0.1),
        )
        canvas.line(local(box, [(x, top), (x, top - 0.05)]), (40, 30, 24), side * 0.01)
        glow(canvas, at(box, x, top - 0.12), (0.2 * side, 0.2 * side), (255, 210, 110), 0.7)
        canvas.polygon(
            catmull(
                [
                    at(box, x, top - 0.2),
                    at(box, x + 0.035, top - 0.09),
                    at(box, x, top - 0.03),
                    at(box, x - 0.035, top - 0.09),
                ]
            ),
            (255, 250, 200),
            (255, 150, 30),
        )


def mountains(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A landscape: sky, sun, three ranges, water."""
    left, top, right, bottom = box
    height = bottom - top
    canvas.gradient(box, lighter(look.main, 0.45), lighter(look.accent, 0.7))
    sun = (left + (right - left) * float(random.uniform(0.2, 0.8)), top + 0.25 * height)
    glow(canvas, sun, (0.28 * height, 0.28 * height), (255, 246, 214), 0.9)
    canvas.ellipse(sun, (0.07 * height, 0.07 * height), (255, 250, 230))
    x = np.linspace(left, right, 40, dtype=np.float32)
    for level in range(3):
        jag = np.cumsum(random.normal(0, 0.035, 40)) + 0.42 + 0.14 * level
        jag = jag - (jag.mean() - (0.42 + 0.14 * level)) + random.normal(0, 0.012, 40)
        ridge = np.stack([x, top + np.clip(jag, 0.15, 0.9) * height], axis=1).astype(np.float32)
        foot = np.array([(right, bottom), (left, bottom)], np.float32)
        tone = mix(lighter(look.main, 0.35), lighter(look.main, -0.45), level / 2)
        canvas.polygon(np.concatenate([ridge, foot]), lighter(tone, 0.15), lighter(tone, -0.2))
    canvas.gradient(
        (left, bottom - 0.12 * height, right, bottom), lighter(look.main, 0.1), lighter(look.main, -0.55)
    )
