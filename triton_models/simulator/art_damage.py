"""Damage that is only printed: cracked glass, splashes, holes and torn paper as graphic art.

Each draws into a box of the sheet and marks what it drew in the canvas's `printed`, by what changed.
"""

from collections.abc import Callable

import cv2
import numpy as np

from triton_models.simulator.art_canvas import Box, Canvas, Colour, Points, catmull, ellipse_points, lighter
from triton_models.simulator.art_solids import glow, solid, span
from triton_models.simulator.things import Bytes, Random


def print_damage(canvas: Canvas, box: Box, damage: str, colour: Colour, random: Random) -> None:
    """Draws one sort of damage into a box and marks it.

    Args:
        canvas: The sheet.
        box: Where.
        damage: "cracks", "splash", "holes" or "rips".
        colour: Of the splashing liquid, or of what torn paper and holes lay bare.
        random: Source.
    """
    before = canvas.pixels.copy()
    _SORTS[damage](canvas, box, colour, random)
    if damage == "cracks":  # glass ends where the pane does
        left, top, right, bottom = (max(0, round(edge)) for edge in box)
        pane = canvas.pixels[top:bottom, left:right].copy()
        canvas.pixels = before.copy()
        canvas.pixels[top:bottom, left:right] = pane
    _mark(canvas, before)


def _mark(canvas: Canvas, before: Bytes) -> None:
    changed = np.abs(canvas.pixels.astype(np.int16) - before).max(axis=2) > 14
    near = cv2.morphologyEx(changed.astype(np.uint8) * 255, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    canvas.printed = np.maximum(canvas.printed, near)


def _jagged(start: Points, turn: float, length: float, random: Random) -> Points:
    """A crack's path: straight runs that change their mind."""
    steps = max(3, int(length / 24))
    turns = turn + np.cumsum(random.normal(0, 0.07, steps)) + random.normal(0, 0.13, steps)
    runs = random.uniform(0.5, 1.5, steps) * length / steps
    path = np.cumsum(np.stack([np.cos(turns) * runs, np.sin(turns) * runs], axis=1), axis=0)
    made: Points = np.concatenate([start[None], start + path]).astype(np.float32)
    return made


def _crack_line(canvas: Canvas, path: Points, width: float) -> None:
    """A dark cleft with a bright, broken edge."""
    canvas.line(path + np.float32(width * 0.7), (14, 18, 24), width, 0.5)
    canvas.line(path, (240, 247, 252), width * 0.75, 0.9)


def cracks(canvas: Canvas, box: Box, colour: Colour, random: Random) -> None:
    """A struck pane: crushed centre, rays that fork, and arcs that join them."""
    side, width = span(box), max(0.8, span(box) / 210)
    reach = float(np.hypot(box[2] - box[0], box[3] - box[1])) * 0.75
    centre = np.array(
        [
            random.uniform(0.3, 0.7) * (box[2] - box[0]) + box[0],
            random.uniform(0.3, 0.6) * (box[3] - box[1]) + box[1],
        ],
        np.float32,
    )
    count = int(random.integers(12, 19))
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False) + random.normal(0, 0.14, count)
    rays = [_jagged(centre, float(turn), reach * float(random.uniform(0.55, 1.0)), random) for turn in turns]
    for level in (0.06, 0.12, 0.2, 0.31, 0.48):
        for one, other in zip(rays, [*rays[1:], rays[0]], strict=True):
            if random.uniform() < 0.25 + 0.5 * level:
                continue
            start = one[min(len(one) - 1, max(1, round(level * len(one))))]
            end = other[min(len(other) - 1, max(1, round(level * len(other))))]
            if np.hypot(*(end - start)) > reach * 0.5:
                continue
            halfway = (start + end) / 2 + random.normal(0, side * 0.008, 2).astype(np.float32)
            if random.uniform() < 0.4:
                tone = (255, 255, 255) if random.uniform() < 0.6 else (10, 14, 20)
                canvas.polygon(
                    np.stack([centre, start, halfway, end]), tone, alpha=float(random.uniform(0.06, 0.2))
                )
            _crack_line(canvas, np.stack([start, halfway, end]), width * 0.7)
    for ray in rays:
        _crack_line(canvas, ray, width)
        for _ in range(int(random.integers(0, 3))):
            knot = int(random.integers(1, len(ray)))
            along = ray[knot] - ray[knot - 1]
            turn = float(np.arctan2(along[1], along[0]) + random.choice([-1, 1]) * random.uniform(0.3, 0.8))
            _crack_line(
                canvas,
                _jagged(ray[knot], turn, reach * float(random.uniform(0.12, 0.35)), random),
                width * 0.6,
            )
    glow(canvas, (float(centre[0]), float(centre[1])), (side * 0.09, side * 0.09), lighter(colour, 0.95), 0.8)
    for _ in range(26):
        spot = centre + random.normal(0, side * 0.022, 2)
        shard = spot + random.normal(0, side * 0.010, (3, 2))
        tone = (248, 252, 255) if random.uniform() < 0.6 else (20, 24, 30)
        canvas.polygon(shard.astype(np.float32), tone, alpha=0.8)


def splash(canvas: Canvas, box: Box, colour: Colour, random: Random) -> None:
    """A burst of liquid: lobes with rounded ends, drops flung out, highlights."""
    side = span(box)
    centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]) + random.normal(0, side * 0.05, 2)
    lobes = int(random.integers(11, 17))
    turns = np.linspace(0, 2 * np.pi, lobes, endpoint=False) + random.normal(0, 0.10, lobes)
    outline: list[tuple[float, float]] = []
    for turn in turns:
        far = side * float(random.uniform(0.28, 0.52))
        near = side * float(random.uniform(0.16, 0.23))
        neck, bulb = 0.07, float(random.uniform(0.09, 0.13))
        for length, offset in (
            (near, -0.15),
            (far * 0.75, -neck),
            (far * 0.95, -bulb),
            (far * 1.04, 0.0),
            (far * 0.95, bulb),
            (far * 0.75, neck),
            (near, 0.15),
        ):
            angle = turn + offset
            outline.append(
                (float(centre[0] + length * np.cos(angle)), float(centre[1] + length * np.sin(angle)))
            )
        if random.uniform() < 0.8:
            for distance in random.uniform(1.12, 1.5, int(random.integers(1, 4))):
                place = centre + far * distance * np.array([np.cos(turn), np.sin(turn)])
                radius = side * float(random.uniform(0.008, 0.035))
                drop = ellipse_points(
                    (float(place[0]), float(place[1])), (radius * 1.35, radius), float(turn)
                )
                solid(canvas, drop, colour, 0.9)
    shape = catmull(outline, 6)
    canvas.polygon(shape + np.float32(side * 0.014), lighter(colour, -0.75), alpha=0.4)
    canvas.polygon(shape, lighter(colour, 0.28), lighter(colour, -0.28))
    inner = (
        (shape - centre.astype(np.float32)) * 0.82 + centre.astype(np.float32) - np.float32(side * 0.012)
    ).astype(np.float32)
    canvas.polygon(inner, lighter(colour, 0.5), lighter(colour, -0.02), 0.75)
    for turn in turns:
        arc = np.linspace(turn - 0.08, turn + 0.05, 6)
        length = side * float(random.uniform(0.2, 0.33))
        stroke = np.stack(
            [centre[0] + length * np.cos(arc), centre[1] + length * np.sin(arc)], axis=1
        ).astype(np.float32)
        canvas.line(stroke, (255, 255, 255), side * 0.012, 0.75)
    glow(
        canvas,
        (float(centre[0] - side * 0.06), float(centre[1] - side * 0.07)),
        (side * 0.14, side * 0.1),
        (255, 255, 255),
        0.55,
    )


def holes(canvas: Canvas, box: Box, colour: Colour, random: Random) -> None:
    """Round openings with thickness: dark inside, a lit lower rim and a shaded upper one."""
    side = span(box)
    taken: list[tuple[float, float, float]] = []
    inside = lighter(colour, -0.72)
    for _ in range(60):
        radius = side * float(random.uniform(0.03, 0.10))
        x, y = (
            float(random.uniform(box[0] + radius, box[2] - radius)),
            float(random.uniform(box[1] + radius, box[3] - radius)),
        )
        if len(taken) >= 11 or any(
            np.hypot(x - u, y - v) < radius + other + side * 0.02 for u, v, other in taken
        ):
            continue
        taken.append((x, y, radius))
        flat = float(random.uniform(0.86, 1.0))
        canvas.polygon(
            ellipse_points((x + radius * 0.05, y + radius * 0.07), (radius * 1.07, radius * 1.07 * flat)),
            (255, 255, 255),
            alpha=0.65,
        )
        canvas.polygon(
            ellipse_points((x, y), (radius, radius * flat)), lighter(inside, -0.6), lighter(inside, 0.25)
        )
        canvas.polygon(
            ellipse_points((x + radius * 0.08, y + radius * 0.12), (radius * 0.86, radius * 0.82 * flat)),
            lighter(inside, -0.35), lighter(inside, 0.12),
        )  # fmt: skip


def rips(canvas: Canvas, box: Box, colour: Colour, random: Random) -> None:
    """A strip torn out of the sheet: fibrous white edges, a shadow, and another paper beneath."""
    left, right = box[0] - 4, box[2] + 4
    height = box[3] - box[1]
    lean = float(random.uniform(-0.28, 0.28)) * height
    x = np.linspace(left, right, 70, dtype=np.float32)
    gap = float(random.uniform(0.16, 0.3)) * height
    swell = 1 + 0.5 * np.sin(np.linspace(0, float(random.uniform(2, 5)), 70) + float(random.uniform(0, 3)))
    mid = (box[1] + box[3]) / 2 + lean * np.linspace(-0.5, 0.5, 70)

    def edge(sign: int, roughness: float) -> Points:
        walk = cv2.GaussianBlur(random.normal(0, 1, (1, 70)).astype(np.float32), (9, 1), 2)[0]
        jag = random.normal(0, 1, 70)
        y = mid + sign * gap / 2 * swell + roughness * height * (0.05 * walk + 0.010 * jag)
        made: Points = np.stack([x, y], axis=1).astype(np.float32)
        return made

    upper, lower = edge(-1, 1.0), edge(1, 1.0)
    fringe = np.float32(height * 0.028)
    outer_upper = upper - np.stack(
        [np.zeros(70), fringe * (0.6 + np.abs(random.normal(0, 0.6, 70)))], axis=1
    ).astype(np.float32)
    outer_lower = lower + np.stack(
        [np.zeros(70), fringe * (0.6 + np.abs(random.normal(0, 0.6, 70)))], axis=1
    ).astype(np.float32)
    canvas.polygon(
        np.concatenate([outer_upper - fringe * 0.25, (outer_lower + fringe * 0.5)[::-1]]),
        (24, 22, 22),
        alpha=0.30,
    )
    canvas.polygon(np.concatenate([outer_upper, outer_lower[::-1]]), (250, 248, 243), (226, 222, 214))
    canvas.polygon(np.concatenate([upper, lower[::-1]]), lighter(colour, -0.1), lighter(colour, -0.35))
    for step in range(4):
        shade = np.concatenate(
            [upper, (upper + np.array([0, height * 0.018 * (step + 1)], np.float32))[::-1]]
        )
        canvas.polygon(shade, (0, 0, 0), alpha=0.13)
    for path, sign in ((upper, -1), (lower, 1)):
        for _ in range(40):
            knot = path[int(random.integers(len(path)))]
            fibre = np.stack(
                [knot, knot + np.array([random.normal(0, height * 0.012), sign * -height * 0.02])]
            ).astype(np.float32)
            canvas.line(fibre, (252, 250, 246), 1.0, 0.7)


_SORTS: dict[str, Callable[[Canvas, Box, Colour, Random], None]] = {
    "cracks": cracks,
    "splash": splash,
    "holes": holes,
    "rips": rips,
}
