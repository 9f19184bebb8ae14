"""Drawn picture subjects of plants, water and care: each fills a box of the sheet."""

import numpy as np

from triton_models.simulator.art_canvas import (
    Box,
    Canvas,
    catmull,
    ellipse_points,
    lighter,
    mix,
    star_points,
    turned,
)
from triton_models.simulator.art_solids import (
    GREEN,
    Look,
    at,
    ball,
    glow,
    leaf,
    middle,
    shadow,
    solid,
    span,
    tapered,
)
from triton_models.simulator.things import Random


def branch(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A sprig with paired leaves."""
    side = span(box)
    colour = mix(GREEN, look.accent, 0.12)
    lean = float(random.uniform(-0.08, 0.08))
    spine = [at(box, 0.5 - lean, 0.97), at(box, 0.5, 0.55), at(box, 0.5 + lean, 0.08)]
    canvas.polygon(tapered(spine, [side * 0.022, side * 0.008]), lighter(colour, -0.4))
    for place, share in enumerate(np.linspace(0.88, 0.18, 6)):
        length = (0.40 - 0.035 * place) * side
        for direction in (-1, 1):
            turn = -np.pi / 2 + direction * float(random.uniform(0.75, 1.05))
            leaf(
                canvas,
                at(box, 0.5, float(share)),
                length,
                turn,
                lighter(colour, float(random.uniform(-0.15, 0.1))),
            )
    leaf(canvas, at(box, 0.5 + lean, 0.24), 0.26 * side, -np.pi / 2, colour)


def flower(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Blossoms with round petals."""
    side = span(box)
    for x, y, size in ((0.68, 0.30, 0.2), (0.24, 0.62, 0.22), (0.56, 0.62, 0.34)):
        centre, radius, turn = at(box, x, y), size * side, float(random.uniform(0, 2))
        leaf(canvas, centre, radius * 1.35, turn, GREEN)
        for ring, petals in ((1.0, 8), (0.62, 6)):
            for petal in range(petals):
                angle = turn + petal * 2 * np.pi / petals + ring
                middle_ = (
                    centre[0] + np.cos(angle) * radius * 0.5 * ring,
                    centre[1] + np.sin(angle) * radius * 0.5 * ring,
                )
                tone = lighter(look.accent, 0.45 if ring == 1 else 0.25)
                canvas.polygon(
                    ellipse_points(middle_, (radius * 0.46 * ring, radius * 0.25 * ring), angle),
                    tone,
                    lighter(tone, -0.22),
                )
        ball(canvas, centre, radius * 0.2, (232, 176, 48), 0.3)


def wheat(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A sheaf of ears."""
    side = span(box)
    colour = mix((214, 164, 72), look.accent, 0.15)
    for lean in (-0.42, -0.2, 0.0, 0.2, 0.42):
        foot = np.asarray(at(box, 0.5, 1.0), np.float32)
        turn = lean + float(random.normal(0, 0.04))
        stalk = turned(np.array([(0, 0), (0, -0.55)], np.float32) * side, turn) + foot
        canvas.line(stalk, lighter(colour, -0.25), side * 0.012)
        for place in range(9):
            for direction in (-1, 1):
                spot = (
                    turned(np.array([(direction * 0.028, -0.5 - 0.05 * place)], np.float32) * side, turn)[0]
                    + foot
                )
                outline = ellipse_points(
                    (float(spot[0]), float(spot[1])), (0.018 * side, 0.042 * side), turn + direction * 0.35
                )
                canvas.polygon(outline, lighter(colour, 0.35), lighter(colour, -0.3))
        for awn in (-0.1, 0.0, 0.1):
            tip = turned(np.array([(0, -0.9), (awn, -1.02)], np.float32) * side, turn) + foot
            canvas.line(tip, colour, side * 0.005)


def swirl(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A rosette of cream or paint."""
    side = span(box)
    colour = lighter(look.accent, 0.62)
    shadow(canvas, at(box, 0.5, 0.78), (0.48 * side, 0.16 * side), 0.35)
    turn = float(random.uniform(0, 1))
    for level, radius in enumerate(np.linspace(0.40, 0.06, 7)):
        y = 0.70 - 0.075 * level
        outline = ellipse_points(
            at(box, 0.5 + 0.03 * np.sin(level + turn), y), (radius * side, radius * side * 0.46), -0.16
        )
        solid(canvas, outline, lighter(colour, 0.05 * (level % 2)), 0.35)


def waves(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Ribbons in three tones with a glint."""
    left, _, right, _ = box
    height, phase = box[3] - box[1], float(random.uniform(0, 6))
    x = np.linspace(left, right, 60, dtype=np.float32)
    for level, share in enumerate((0.35, 0.5, 0.66)):
        crest = np.sin((x - left) / (right - left) * (4.2 + level) + phase + level) * 0.09 + share
        top = np.stack([x, box[1] + crest * height], axis=1)
        foot = np.stack([x, box[1] + (crest + 0.24) * height], axis=1)[::-1]
        tone = lighter(look.accent, 0.55 - 0.28 * level)
        canvas.polygon(np.concatenate([top, foot]), lighter(tone, 0.15), lighter(tone, -0.15), 0.85)
        canvas.line(top, (255, 255, 255), height * 0.008, 0.7)


def bubbles(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Soap bubbles with rims and highlights."""
    side = span(box)
    for _ in range(22):
        radius = side * float(random.uniform(0.025, 0.14))
        centre = (float(random.uniform(box[0], box[2])), float(random.uniform(box[1], box[3])))
        glow(canvas, centre, (radius * 1.02, radius * 1.02), lighter(look.accent, 0.6), 0.35)
        outline = ellipse_points(centre, (radius, radius))
        canvas.frame(outline, lighter(look.accent, 0.75), max(1.0, radius * 0.06))
        spot = (centre[0] - radius * 0.38, centre[1] - radius * 0.42)
        canvas.polygon(ellipse_points(spot, (radius * 0.24, radius * 0.14), -0.7), (255, 255, 255), alpha=0.9)


def drop(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """One big drop and small ones."""
    side = span(box)
    for x, y, size in ((0.5, 0.56, 0.30), (0.18, 0.3, 0.09), (0.82, 0.26, 0.11), (0.84, 0.72, 0.07)):
        cx, cy = at(box, x, y)
        radius = size * side * float(random.uniform(0.92, 1.05))
        outline = catmull(
            [
                (cx, cy - radius * 1.55),
                (cx + radius * 0.55, cy - radius * 0.6),
                (cx + radius, cy + radius * 0.2),
                (cx + radius * 0.6, cy + radius * 0.9),
                (cx, cy + radius * 1.05),
                (cx - radius * 0.6, cy + radius * 0.9),
                (cx - radius, cy + radius * 0.2),
                (cx - radius * 0.55, cy - radius * 0.6),
            ]
        )
        solid(canvas, outline, lighter(look.accent, 0.12), 0.9)
        canvas.polygon(
            ellipse_points((cx + radius * 0.3, cy + radius * 0.62), (radius * 0.4, radius * 0.14), -0.5),
            lighter(look.accent, 0.6),
            alpha=0.6,
        )


def sun(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A low sun over a sea."""
    side = span(box)
    centre = at(box, 0.5, 0.42)
    glow(canvas, centre, (0.6 * side, 0.6 * side), (255, 226, 130), 0.8)
    canvas.polygon(star_points(centre, (0.40 * side, 0.24 * side), 18), (255, 204, 74), alpha=0.7)
    ball(canvas, centre, 0.23 * side, (255, 186, 36), 0.3)
    waves(canvas, (box[0], middle(box)[1], box[2], box[3]), look, random)
