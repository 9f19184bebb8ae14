"""Shading for drawn things: rounded bodies with highlight and shade, soft shadows, and glows."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from triton_models.simulator.art_canvas import (
    Box,
    Canvas,
    Colour,
    Points,
    catmull,
    ellipse_points,
    lighter,
    turned,
)
from triton_models.simulator.things import Random

Place = tuple[float, float]
GREEN: Colour = (84, 140, 52)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a picture subject takes from the design: its two strong colours and the sheet it stands on."""

    main: Colour
    accent: Colour
    ground: Colour


Hero = Callable[[Canvas, Box, Look, Random], None]


def middle(box: Box) -> Place:
    """Centre of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def span(box: Box) -> float:
    """Shorter side of a box."""
    return min(box[2] - box[0], box[3] - box[1])


def at(box: Box, x: float, y: float) -> Place:
    """A place in the box's largest centred square: 0 to 1 from its upper left corner."""
    centre, side = middle(box), span(box)
    return centre[0] + (x - 0.5) * side, centre[1] + (y - 0.5) * side


def local(box: Box, points: list[Place]) -> Points:
    """Places in the box's largest centred square as points of the sheet: (N, 2)."""
    return np.array([at(box, x, y) for x, y in points], np.float32)


def solid(canvas: Canvas, points: Points, colour: Colour, gloss: float = 0.5) -> None:
    """A rounded body with this outline: light from the upper left, shade and a little bounced light opposite."""
    low, high = np.floor(points.min(axis=0)).astype(int) - 1, np.ceil(points.max(axis=0)).astype(int) + 2
    width, height = (int(high[0] - low[0]), int(high[1] - low[1]))
    if min(width, height) < 2 or max(width, height) > 4000:
        return
    u = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    v = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    far = np.hypot(u - 0.34, v - 0.30) * 1.25
    base, dark = np.asarray(colour, np.float32), np.asarray(lighter(colour, -0.55), np.float32)
    light = np.asarray(lighter(colour, 0.35 + 0.3 * gloss), np.float32)
    inner = np.clip(1 - far / 0.45, 0, 1)[..., None]
    outer = np.clip((far - 0.4) / 0.6, 0, 1)[..., None] ** 1.3
    picture = base + (light - base) * inner**1.5 + (dark - base) * outer
    shine = np.clip(1 - np.hypot((u - 0.30) * 1.2, v - 0.24) / 0.13, 0, 1)[..., None] * gloss
    picture += (255 - picture) * np.minimum(1, shine * 1.6)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round((points - low) * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    canvas.blend((int(low[0]), int(low[1])), mask, picture)


def ball(canvas: Canvas, centre: Place, radius: float, colour: Colour, gloss: float = 0.6) -> None:
    """A shaded ball."""
    solid(canvas, ellipse_points(centre, (radius, radius)), colour, gloss)


def shadow(canvas: Canvas, centre: Place, radii: Place, strength: float = 0.45) -> None:
    """A soft dark ellipse, as under a thing on a table."""
    glow(canvas, centre, radii, (12, 10, 14), strength)


def glow(canvas: Canvas, centre: Place, radii: Place, colour: Colour, strength: float) -> None:
    """A soft ellipse of colour that fades to its rim."""
    width, height = max(2, int(2 * radii[0])), max(2, int(2 * radii[1]))
    u = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    v = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    mask = (255 * strength * np.clip(1 - (u * u + v * v), 0, 1) ** 1.5).astype(np.uint8)
    canvas.blend((int(centre[0] - radii[0]), int(centre[1] - radii[1])), mask, colour)


def leaf(canvas: Canvas, root: Place, length: float, turn: float, colour: Colour = GREEN) -> None:
    """One leaf that grows from `root` towards an angle in radians, with its veins."""
    s = np.linspace(0, 1, 14, dtype=np.float32)
    half = 0.26 * np.sin(np.pi * s**0.85) * (1 - 0.25 * s)
    bend = 0.08 * np.sin(np.pi * s)
    upper, lower = np.stack([s, bend - half], axis=1), np.stack([s, bend + half], axis=1)[::-1]
    origin = np.asarray(root, np.float32)
    canvas.polygon(
        turned(np.concatenate([upper, lower]) * length, turn) + origin,
        lighter(colour, 0.2),
        lighter(colour, -0.35),
    )
    canvas.polygon(
        turned(np.concatenate([upper, np.stack([s, bend], axis=1)[::-1]]) * length, turn) + origin,
        lighter(colour, 0.35),
        colour,
        0.6,
    )
    vein = lighter(colour, 0.45)
    canvas.line(turned(np.stack([s, bend], axis=1) * length, turn) + origin, vein, length / 45, 0.8)
    for share in (0.3, 0.45, 0.6, 0.75):
        for side in (-1, 1):
            tip = (share + 0.14, side * 0.2 * np.sin(np.pi * share) + 0.08 * np.sin(np.pi * share))
            start = (share, 0.08 * np.sin(np.pi * share))
            canvas.line(
                turned(np.array([start, tip], np.float32) * length, turn) + origin, vein, length / 80, 0.6
            )


def tapered(points: list[Place], widths: list[float], steps: int = 10) -> Points:
    """Outline of a curved stroke with changing width: ribbons, tails, handles."""
    axis = catmull(points, steps, closed=False)
    half = np.interp(np.linspace(0, 1, len(axis)), np.linspace(0, 1, len(widths)), widths)[:, None] / 2
    along = np.gradient(axis, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / (
        np.linalg.norm(along, axis=1, keepdims=True) + 1e-6
    )
    made: Points = np.concatenate([axis + across * half, (axis - across * half)[::-1]]).astype(np.float32)
    return made
