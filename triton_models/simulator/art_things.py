"""Drawn picture subjects of made goods: tools, electronics, toys, stationery, pet and home."""

import numpy as np

from triton_models.simulator.art_canvas import (
    Box,
    Canvas,
    catmull,
    ellipse_points,
    lighter,
    mix,
    rounded_points,
    star_points,
    turned,
)
from triton_models.simulator.art_home import (
    blocks,
    car,
    fabric,
    flame,
    mountains,
    pattern,
    paw,
    pencils,
    pills,
    razor,
    sparkle,
)
from triton_models.simulator.art_solids import (
    Hero,
    Look,
    at,
    ball,
    glow,
    local,
    middle,
    shadow,
    solid,
    span,
)
from triton_models.simulator.things import Random


def phone_screen(box: Box) -> Box:
    """Where in its box the picture of a phone has its screen."""
    x, y = middle(box)
    tall = min(box[3] - box[1], span(box) * 1.5) * 0.48
    return x - tall * 0.478, y - tall * 0.96, x + tall * 0.478, y + tall * 0.96


def phone(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A phone with a wallpaper and icons, seen straight on."""
    side = span(box)
    cx, cy = middle(box)
    tall = min(box[3] - box[1], side * 1.5) * 0.48
    wide = tall * 0.52
    shadow(canvas, (cx + wide * 0.15, cy + tall * 0.2), (wide * 1.5, tall * 1.1), 0.5)
    canvas.polygon(
        rounded_points((cx - wide, cy - tall, cx + wide, cy + tall), wide * 0.24), (62, 64, 70), (14, 14, 18)
    )
    screen = (cx - wide * 0.92, cy - tall * 0.96, cx + wide * 0.92, cy + tall * 0.96)
    canvas.polygon(rounded_points(screen, wide * 0.2), lighter(look.accent, 0.25), lighter(look.main, -0.45))
    for _ in range(3):
        blob = (float(random.uniform(cx - wide, cx + wide)), float(random.uniform(cy - tall, cy + tall)))
        glow(canvas, blob, (wide * 0.7, wide * 0.7), lighter(look.accent, 0.5), 0.45)
    for row in range(5):
        for column in range(4):
            x, y = cx + (column - 1.5) * wide * 0.42, cy + (row - 1.2) * wide * 0.46
            icon = rounded_points(
                (x - wide * 0.14, y - wide * 0.14, x + wide * 0.14, y + wide * 0.14), wide * 0.05
            )
            tone = ((240, 96, 80), (84, 180, 120), (70, 130, 230), (244, 190, 60), (160, 110, 210))[
                (row * 3 + column) % 5
            ]
            canvas.polygon(icon, tone, lighter(tone, -0.2), 0.9)
    canvas.polygon(
        rounded_points((cx - wide * 0.22, cy - tall * 0.93, cx + wide * 0.22, cy - tall * 0.88), wide * 0.05),
        (8, 8, 10),
    )
    stripe = np.array(
        [
            (cx - wide * 0.1, cy - tall * 0.96),
            (cx + wide * 0.92, cy - tall * 0.96),
            (cx + wide * 0.92, cy - tall * 0.2),
        ]
    )
    canvas.polygon(stripe.astype(np.float32), (255, 255, 255), alpha=0.13)


def headphones(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Two earbuds and their case."""
    side = span(box)
    dark = lighter(look.main, -0.5 if random.uniform() < 0.5 else 0.8)
    shadow(canvas, at(box, 0.5, 0.88), (0.44 * side, 0.08 * side), 0.6)
    solid(canvas, rounded_points((*at(box, 0.2, 0.56), *at(box, 0.8, 0.9)), side * 0.15), dark, 0.5)
    canvas.line(local(box, [(0.2, 0.68), (0.8, 0.68)]), lighter(dark, -0.5), side * 0.008)
    for x, lean in ((0.33, -0.25), (0.67, 0.25)):
        stem = turned(
            rounded_points((-0.045 * side, 0, 0.045 * side, 0.34 * side), side * 0.045), lean
        ) + np.asarray(at(box, x, 0.22))
        solid(canvas, stem.astype(np.float32), dark, 0.8)
        ball(canvas, at(box, x - lean * 0.1, 0.22), 0.115 * side, dark, 0.9)
        ball(canvas, at(box, x - lean * 0.42, 0.24), 0.06 * side, (70, 72, 78), 0.5)


def cable(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A coiled cable with its plugs, and a charger."""
    del look
    side = span(box)
    shadow(canvas, at(box, 0.5, 0.8), (0.46 * side, 0.12 * side), 0.4)
    tone = (40, 42, 48) if random.uniform() < 0.5 else (236, 236, 238)
    for turn in range(5):
        outline = ellipse_points(
            at(box, 0.58, 0.56), ((0.34 - 0.022 * turn) * side, (0.28 - 0.02 * turn) * side)
        )
        canvas.frame(outline, lighter(tone, -0.25), side * 0.026)
        canvas.frame(outline, lighter(tone, 0.25), side * 0.008)
    solid(canvas, rounded_points((*at(box, 0.04, 0.22), *at(box, 0.40, 0.62)), side * 0.06), tone, 0.5)
    for x in (0.13, 0.27):
        canvas.polygon(
            rounded_points((*at(box, x, 0.08), *at(box, x + 0.045, 0.23)), side * 0.01),
            (216, 206, 180),
            (120, 112, 96),
        )
    solid(canvas, rounded_points((*at(box, 0.66, 0.10), *at(box, 0.78, 0.3)), side * 0.02), tone, 0.4)
    canvas.polygon(
        rounded_points((*at(box, 0.685, 0.01), *at(box, 0.755, 0.11)), side * 0.01),
        (208, 210, 214),
        (130, 132, 138),
    )


def bulb(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A lit bulb with its glow."""
    del random
    side = span(box)
    glow(canvas, at(box, 0.5, 0.38), (0.52 * side, 0.52 * side), (255, 232, 150), 0.85)
    glass = catmull(
        [
            at(box, 0.5, 0.1),
            at(box, 0.74, 0.22),
            at(box, 0.76, 0.46),
            at(box, 0.61, 0.66),
            at(box, 0.39, 0.66),
            at(box, 0.24, 0.46),
            at(box, 0.26, 0.22),
        ]
    )
    solid(canvas, glass, mix((255, 224, 140), look.accent, 0.08), 0.9)
    for row in range(4):
        y = 0.67 + 0.055 * row
        canvas.polygon(
            rounded_points(
                (*at(box, 0.385 + 0.012 * row, y), *at(box, 0.615 - 0.012 * row, y + 0.05)), side * 0.02
            ),
            (226, 228, 232),
            (110, 112, 118),
        )


def battery(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Three upright cells."""
    del random
    side = span(box)
    for x, y in ((0.3, 0.1), (0.72, 0.1), (0.51, 0.16)):
        left, top = at(box, x - 0.14, y)
        wide, tall = 0.28 * side, 0.76 * side
        shadow(canvas, (left + wide / 2, top + tall), (wide * 0.8, wide * 0.25), 0.6)
        canvas.polygon(
            rounded_points(
                (left + wide * 0.34, top - side * 0.05, left + wide * 0.66, top + side * 0.02), side * 0.01
            ),
            (224, 224, 224),
            (140, 140, 140),
        )
        for share, tone in (((0.0, 0.30), lighter(look.accent, 0.05)), ((0.30, 1.0), (34, 34, 38))):
            low, high = top + share[0] * tall, top + share[1] * tall
            canvas.gradient(
                (left, low, left + wide * 0.3, high), lighter(tone, -0.4), lighter(tone, 0.45), across=True
            )
            canvas.gradient(
                (left + wide * 0.3, low, left + wide, high),
                lighter(tone, 0.45),
                lighter(tone, -0.6),
                across=True,
            )
        canvas.polygon(
            star_points((left + wide / 2, top + tall * 0.6), (wide * 0.3, wide * 0.1), 4), (250, 220, 70)
        )


def hammer(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A claw hammer, leaning."""
    side, lean = span(box), float(random.uniform(0.5, 0.75))
    centre = np.asarray(middle(box), np.float32)

    def placed(points: list[tuple[float, float]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return turned(np.array(points, np.float32) * side, lean) + centre

    solid(
        canvas,
        placed([(-0.035, -0.3), (0.035, -0.3), (0.045, 0.1), (0.055, 0.5), (-0.055, 0.5), (-0.045, 0.1)]),
        look.accent,
        0.3,
    )
    solid(canvas, placed([(-0.045, 0.16), (0.045, 0.16), (0.06, 0.5), (-0.06, 0.5)]), (44, 44, 48), 0.3)
    head = [
        (-0.22, -0.40),
        (0.05, -0.42),
        (0.2, -0.40),
        (0.32, -0.26),
        (0.2, -0.31),
        (0.06, -0.28),
        (-0.10, -0.28),
        (-0.12, -0.25),
        (-0.24, -0.25),
    ]
    solid(canvas, placed(head), (150, 154, 160), 0.9)


def wrench(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A spanner crossed with a drill bit, and screws."""
    side = span(box)
    centre = np.asarray(middle(box), np.float32)
    steel = (164, 168, 174)
    bar = (
        turned(
            np.array([(-0.045, -0.34), (0.045, -0.34), (0.045, 0.4), (-0.045, 0.4)], np.float32) * side, 0.7
        )
        + centre
    )
    solid(canvas, bar, steel, 0.7)
    jaw = [
        (-0.13, -0.5),
        (-0.05, -0.5),
        (-0.05, -0.40),
        (0.05, -0.40),
        (0.05, -0.5),
        (0.13, -0.5),
        (0.15, -0.36),
        (0.06, -0.26),
        (-0.06, -0.26),
        (-0.15, -0.36),
    ]
    solid(canvas, turned(np.array(jaw, np.float32) * side, 0.7) + centre, steel, 0.8)
    drill = (
        turned(
            np.array([(-0.035, -0.42), (0, -0.48), (0.035, -0.42), (0.035, 0.45), (-0.035, 0.45)], np.float32)
            * side,
            -0.7,
        )
        + centre
    )
    solid(canvas, drill, mix(look.accent, steel, 0.5), 0.8)
    for step in range(9):
        y = -0.38 + 0.07 * step
        groove = turned(np.array([(-0.035, y + 0.05), (0.035, y)], np.float32) * side, -0.7) + centre
        canvas.line(groove, (66, 66, 72), side * 0.018)
    for _ in range(4):
        x, y = at(box, float(random.uniform(0.1, 0.9)), float(random.uniform(0.75, 0.95)))
        ball(canvas, (x, y), side * 0.04, (190, 180, 150), 0.8)
        canvas.line(
            np.array([(x - side * 0.025, y), (x + side * 0.025, y)], np.float32), (70, 66, 58), side * 0.01
        )


GOODS: dict[str, Hero] = {
    "phone": phone, "headphones": headphones, "cable": cable, "bulb": bulb, "battery": battery, "hammer": hammer,
    "wrench": wrench, "pills": pills, "paw": paw, "pencils": pencils, "blocks": blocks, "car": car, "razor": razor,
    "sparkle": sparkle, "pattern": pattern, "fabric": fabric, "flame": flame, "mountains": mountains,
}  # fmt: skip
