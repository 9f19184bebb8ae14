"""Superficial damage: scratches, scuffs, dirt, water and grease stains, ink, and what is left of a torn-off label."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from triton_models.simulator.damage_brush import Brush, Painter, Patch, painted
from triton_models.simulator.damage_tools import (
    Frame,
    fibrous,
    frame_at,
    look_up,
    main_axes,
    noise_tile,
    picture_at,
    seen_points,
)
from triton_models.simulator.things import CODES, Floats, Item, Random

CODE = CODES["superficial"]
Severity = Literal["minor", "major"]
SIZE = 640
"""Texels of the pictures that are drawn and then laid on the surface."""


def superficial(item: Item, severity: Severity, up: Floats, rng: Random) -> Item | None:
    """The item with one kind of mark; minor over a few square centimetres, major large and strong."""
    kind = tuple(_KINDS)[int(rng.integers(len(_KINDS)))]
    return marked(item, kind, severity, up, rng)


def marked(item: Item, kind: str, severity: Severity, up: Floats, rng: Random) -> Item:
    """The item with marks of this kind ("scratches", "scuff", "dirt", "water", "grease", "ink", "residue")."""
    _, _, extents = main_axes(item, up)
    span = float(rng.uniform(0.03, 0.05) if severity == "minor" else rng.uniform(0.55, 0.95) * extents[1])
    span = float(np.clip(span, 0.03, 0.24) if severity == "major" else min(span, 0.7 * extents[1]))
    frame = seen_frame(item, up, rng, spread=60 if severity == "major" else 75)
    strength = float(rng.uniform(0.45, 0.7) if severity == "minor" else rng.uniform(0.8, 1.0))
    painter = _KINDS[kind](item, span, strength, rng)
    reach = span * (0.75 if kind in {"scratches", "scuff"} else 0.65)
    return painted(item, Brush(frame=frame, reach=reach, facing=-0.1), painter)


def seen_frame(item: Item, up: Floats, rng: Random, spread: float = 75) -> Frame:
    """A place that the top camera sees, within the inner `spread` percent of the item."""
    points, normals = seen_points(item, up, rng, 3000)
    far = np.linalg.norm(points - points.mean(axis=0), axis=1)
    good = np.flatnonzero((far <= np.percentile(far, spread)) & (normals @ up > 0.5))
    chosen = int(rng.choice(good if len(good) else np.arange(len(points))))
    return frame_at(points[chosen], normals[chosen], float(rng.uniform(0, 2 * np.pi)))


def blob(rng: Random, rough: float = 0.35, size: int = SIZE) -> Floats:
    """(size, size): how far inside a ragged spot a texel lies: 1 in its middle, 0 at its edge, less beyond."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)
    tile = noise_tile(rng, 0.9)
    stretch = float(rng.uniform(1.0, 1.5))
    radius = np.hypot(x * stretch, y) / 0.62
    found: Floats = 1 - radius + rough * cv2.resize(tile, (size, size), interpolation=cv2.INTER_CUBIC)
    return found


def _scratches(item: Item, span: float, strength: float, rng: Random) -> Painter:
    """A bundle of thin lines in one direction, deep ones with light rims; paper shows its fibres."""
    lines = np.zeros((SIZE, SIZE), np.uint8)
    count = int(rng.integers(6, 14) * (0.5 + 2.2 * strength * strength))
    drift = rng.normal(0, 0.1)
    for _ in range(count):
        start = np.array([rng.uniform(0.05, 0.5), 0.5 + rng.normal(0, 0.14)])
        length, angle, bow = rng.uniform(0.15, 0.6), drift + rng.normal(0, 0.09), rng.normal(0, 0.05)
        steps = np.linspace(0, 1, 24)
        path = start + np.stack([np.cos(angle) * steps, np.sin(angle) * steps + bow * steps**2], -1) * length
        path += np.cumsum(rng.normal(0, 0.0007, path.shape), axis=0)
        places = np.rint(path * SIZE * 8).astype(np.int32)
        thick = max(1, round(float(rng.choice([0.3, 0.4, 0.6, 1.0])) * (0.4 + strength) * 5e-4 * SIZE / span))
        shade = int(rng.integers(110, 256))
        for first, second in pairwise(places):
            if rng.random() < 0.93:
                cv2.line(lines, first.tolist(), second.tolist(), (shade,), thick, cv2.LINE_AA, 3)
    cut = lines.astype(np.float32) / 255
    tile = noise_tile(rng, 0.4)

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        depth = picture_at(cut, x, y, 1.25 * span)
        rim = picture_at(cut, x + 0.0004, y + 0.0005, 1.25 * span) * (1 - depth)
        depth = depth * np.clip(0.85 + 0.5 * look_up(tile, x, y, 0.03), 0, 1)
        if fibrous(item, patch.material):
            patch.blend(depth * min(1.0, 0.35 + strength), np.array([238.0, 234.0, 226.0]))
        else:
            patch.blend(depth * strength, np.array([214.0, 214.0, 214.0]))
            patch.darken(0.35 * rim * strength)
        patch.bump += (0.25 * rim - 0.4 * depth) * strength
        patch.mark(depth > 0.22, CODE)

    return paint


def _scuff(item: Item, span: float, strength: float, rng: Random) -> Painter:
    """A rubbed patch: streaky, print worn off to the white board or a dull grey."""
    body = blob(rng, 0.55)
    streak, grain = noise_tile(rng, 0.5), noise_tile(rng, 0.2)
    tint = np.array([232, 228, 220], np.float32) if rng.random() < 0.6 else np.array([92, 88, 84], np.float32)

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        inside = np.clip(picture_at(body, x, y, 1.3 * span) * 2.2, 0, 1)
        worn = look_up(streak, x * 0.12, y, 0.035) * 0.7 + look_up(grain, x, y, 0.05) * 0.5
        amount = np.clip(inside * (0.25 + strength * 0.9) + worn * 0.9 - 0.35, 0, 1) * (inside > 0)
        patch.blend(
            amount * (0.55 + 0.45 * strength), tint if fibrous(item, patch.material) else 0.6 * tint + 70
        )
        patch.bump += 0.2 * amount * look_up(grain, x, y, 0.012)
        patch.mark(amount > 0.25, CODE)

    return paint


def _ground(item: Item) -> float:
    """Mean brightness of the body, 0 to 255: a mark that one is to see is not as dark as it."""
    body = item.parts[0].mesh.material
    return float(item.materials[int(np.bincount(body).argmax())].albedo.mean())


def _dirt(item: Item, span: float, strength: float, rng: Random) -> Painter:
    """A smear of soil or tyre rubber: dark, streaky to one side, with specks around it."""
    body, streak, grain = blob(rng, 0.5), noise_tile(rng, 0.7), noise_tile(rng, 0.1)
    dark, pale = (
        ((58, 44, 31), (36, 34, 33), (84, 68, 48)),
        ((172, 150, 118), (150, 146, 140), (196, 184, 164)),
    )
    tint = np.array((pale if _ground(item) < 105 else dark)[int(rng.integers(3))], np.float32)

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        inside = picture_at(body, x * 0.7, y, 1.15 * span) - 0.6 * (np.hypot(x, y) > 0.62 * span)
        amount = np.clip(inside * 2.4 + 0.55 * look_up(streak, x * 0.25, y, 0.06), 0, 1)
        speck = look_up(grain, x, y, 0.045) > 1.15 - 0.3 * np.clip(inside + 0.6, 0, 1)
        amount = np.maximum(
            amount * np.clip(0.7 + 0.5 * look_up(grain, x, y, 0.08), 0.2, 1), 0.8 * speck * (inside > -0.5)
        )
        patch.blend(
            amount * (0.35 + 0.6 * strength), tint * (1 + 0.2 * look_up(grain, y, x, 0.05)[..., None])
        )
        patch.bump += 0.12 * amount * look_up(grain, x, y, 0.01)
        patch.mark(amount > 0.3, CODE)

    return paint


def _stain(tint: tuple[int, int, int], shine: float) -> Callable[[Item, float, float, Random], Painter]:
    """What a liquid leaves: an even darkening with a darker tide line at its rim, and cockled paper."""

    def make(item: Item, span: float, strength: float, rng: Random) -> Painter:
        body, cockle = blob(rng, 0.4), noise_tile(rng, 1.4)
        drops = np.full((SIZE, SIZE), -1, np.float32)
        for _ in range(int(rng.integers(4, 10) * (1 + strength))):
            angle, far = rng.uniform(0, 6.28), rng.uniform(0.25, 0.47) * SIZE
            place = (int(SIZE / 2 + far * np.cos(angle)), int(SIZE / 2 + far * np.sin(angle)))
            cv2.circle(drops, place, int(rng.uniform(3, 14)), (0.5,), -1, cv2.LINE_AA)
        drops = np.asarray(cv2.GaussianBlur(drops, (0, 0), 2), np.float32)
        body = np.maximum(body, drops)

        def paint(patch: Patch) -> None:
            x, y = patch.unfolded()
            inside = picture_at(body + 2, x, y, 1.3 * span) - 2
            wet = np.clip(inside * 14, 0, 1)
            tide = (
                np.exp(-(((inside - 0.035) / 0.03) ** 2))
                + 0.4 * np.exp(-(((inside - 0.16) / 0.03) ** 2)) * wet
            )
            paper = fibrous(item, patch.material)
            soaked = patch.albedo * (np.array(tint, np.float32) / 255)
            patch.blend(wet * (0.4 + 0.5 * strength) * (1.0 if paper else 0.75), soaked)
            patch.darken(np.clip(tide, 0, 1) * (0.12 + 0.3 * strength))
            if paper:
                patch.bump += wet * (0.5 + 0.9 * strength) * look_up(cockle, x, y, 0.06)
            patch.bump += shine * np.clip(inside * 6, 0, 1)
            patch.mark(wet > 0.4, CODE)

        return paint

    return make


def _ink(item: Item, span: float, strength: float, rng: Random) -> Painter:
    """Pen scrawl or a run of ink."""
    dark, pale = (
        ((24, 30, 96), (18, 18, 20), (138, 20, 28)),
        ((226, 226, 220), (210, 60, 60), (120, 170, 230)),
    )
    tint = np.array((pale if _ground(item) < 80 else dark)[int(rng.integers(3))], np.float32)
    lines = np.zeros((SIZE, SIZE), np.uint8)
    steps = int(rng.integers(40, 70) * (0.5 + strength))
    angle = np.cumsum(rng.normal(0, 0.75, steps))
    path = np.cumsum(np.stack([np.cos(angle) + 0.15, np.sin(angle)], -1), axis=0)
    path = (path - path.mean(axis=0)) / max(
        float(np.abs(path - path.mean(axis=0)).max()), 1e-6
    ) * SIZE * 0.36 + SIZE / 2
    fine = np.stack(
        [np.interp(np.linspace(0, steps - 1, steps * 8), np.arange(steps), path[:, k]) for k in (0, 1)], -1
    )
    fine = cv2.GaussianBlur(fine, (1, 41), 5.0)
    cv2.polylines(
        lines,
        [np.rint(fine * 8).astype(np.int32)],
        False,  # noqa: FBT003 - OpenCV's own order
        (255,),
        max(2, int(0.0011 / span * SIZE)),
        cv2.LINE_AA,
        3,
    )
    if rng.random() < 0.5:
        cv2.circle(
            lines,
            np.rint(fine[-1]).astype(int).tolist(),
            int(SIZE * rng.uniform(0.03, 0.09)),
            (255,),
            -1,
            cv2.LINE_AA,
        )
    drawn = lines.astype(np.float32) / 255
    grain = noise_tile(rng, 0.3)

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        amount = picture_at(drawn, x, y, 1.2 * span) * np.clip(0.92 + 0.2 * look_up(grain, x, y, 0.03), 0, 1)
        patch.blend(amount * (0.6 + 0.35 * strength), tint)
        patch.mark(amount > 0.3, CODE)

    return paint


def _residue(item: Item, span: float, strength: float, rng: Random) -> Painter:
    """A label was torn off: a rectangle of paper left in patches, and greyish glue where it went."""
    tile, fine = noise_tile(rng, 0.9), noise_tile(rng, 0.3)
    width, height = 0.44 * span, 0.44 * span * float(rng.uniform(0.5, 0.8))

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        edge = np.minimum(width - np.abs(x), height - np.abs(y)) + 0.0006 * look_up(fine, x, y, 0.02)
        inside = np.clip(edge / 0.0004, 0, 1)
        left = look_up(tile, x, y, 0.9 * span) + 0.35 * look_up(fine, x, y, 0.02) + 0.5 * (strength - 0.6)
        paper = np.clip(left * 9, 0, 1) * inside
        glue = inside * (1 - paper)
        patch.blend(glue * (0.2 + 0.3 * strength), np.array([172.0, 160.0, 138.0]))
        patch.darken(glue * 0.25 * np.clip(look_up(fine, y, x, 0.015), 0, 1))
        patch.blend(
            paper * 0.95, np.array([238.0, 236.0, 230.0]) * (1 + 0.05 * look_up(fine, x, y, 0.01)[..., None])
        )
        patch.bump += 0.25 * paper + 0.06 * look_up(fine, x, y, 0.008) * inside
        if fibrous(item, patch.material):
            torn = np.exp(-((left / 0.06) ** 2)) * inside
            patch.blend(0.7 * torn, np.array([196.0, 178.0, 150.0]))
        patch.mark(inside > 0.5, CODE)

    return paint


_KINDS: dict[str, Callable[[Item, float, float, Random], Painter]] = {
    "scratches": _scratches,
    "scuff": _scuff,
    "dirt": _dirt,
    "water": _stain((196, 188, 172), 0.0),
    "grease": _stain((176, 160, 118), 0.08),
    "ink": _ink,
    "residue": _residue,
}
