"""Deformation: dents, pushed-in corners and edges, crushed regions, kinks, and cracks in what is too stiff to bend."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from triton_models.simulator.damage_brush import Brush, Painter, Patch, painted
from triton_models.simulator.damage_tools import (
    Array,
    Bend,
    Folds,
    Frame,
    all_vertices,
    bent,
    fibrous,
    frame_at,
    look_up,
    main_axes,
    make_folds,
    noise_tile,
    picture_at,
    seen_points,
    unit,
)
from triton_models.simulator.things import CODES, Bytes, Floats, Item, Random

CODE = CODES["deformation"]
WHITE = np.array([236, 232, 222], np.float32)
Severity = Literal["minor", "major"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dent:
    """A blow: a hard thing was pressed in along -c of the frame.

    Attributes:
        frame: Where, with the blow's direction.
        depth: Metres.
        cut: True if a flat thing met a corner or edge: all above its plane is pressed down to it. False: a pit.
        facets: (K, 3) sides of the pit (or of the plane's outline): direction in (a, b) and distance in metres.
        folds: The buckles.
        buckle: Their height, metres.
        fade: Metres below the surface over which the pit's push dies away.
        reach: Metres.
    """

    frame: Frame
    depth: float
    cut: bool
    facets: Floats
    folds: Folds
    buckle: float
    fade: float
    reach: float

    def _sides(self, a: Array, b: Array) -> tuple[Floats, Floats]:
        """The largest and the second largest of how far along each facet places lie: 1 at the rim."""
        most = np.full(np.shape(a), -np.inf, np.float32)
        second = most
        for x, y, size in self.facets:
            side = a * (x / size) + b * (y / size)
            second = np.maximum(second, np.minimum(most, side))
            most = np.maximum(most, side)
        return most, second

    def pit(self, a: Array, b: Array) -> Floats:
        """0 to 1: a pyramid with flat sides and sharp ridges, as board gives way."""
        return np.clip(1 - self._sides(a, b)[0], 0, 1)

    def ridge(self, a: Array, b: Array) -> Floats:
        """0 to 1 on the pyramid's ridges and rim, in lines of about a millimetre."""
        most, second = self._sides(a, b)
        size = np.float32(self.facets[:, 2].mean())
        inside = most < 1.02
        gap = (most - second) * size * np.float32(0.5)
        rim = np.abs(1 - most) * size
        lines = np.exp(-((gap / 0.0008) ** 2)) * inside + 0.8 * np.exp(-((rim / 0.0009) ** 2))
        return np.asarray(np.clip(lines, 0, 1), np.float32)

    def over(self, at: Floats) -> Floats:
        """Metres by which places (..., 3) lie above the flat thing that pressed."""
        a, b, c = at[..., 0], at[..., 1], at[..., 2]
        plane = -self.depth * np.minimum(1.0, 1.8 * self.pit(a, b)) + 0.25 * self.buckle * self.folds.height(
            a, b
        )
        return np.asarray((c - plane), np.float32)

    def envelope(self, at: Floats) -> Floats:
        """0 to 1: how much a place takes part in the buckling."""
        if self.cut:
            over = self.over(at)
            return np.asarray(np.exp(np.minimum(over, 0.0) / (0.6 * self.depth)), np.float32)
        a, b = at[..., 0], at[..., 1]
        wide = np.clip(1.6 * self.pit(0.85 * a, 0.85 * b), 0, 1)
        return np.asarray((wide * np.clip(1 + at[..., 2] / self.fade, 0, 1)), np.float32)

    def move(self, at: Floats) -> Floats:
        """Shifts (N, 3) of places (N, 3), in the frame."""
        a, b = at[:, 0], at[:, 1]
        shift = np.zeros_like(at)
        share = self.envelope(at)
        # A sheet that buckles goes in and sideways, hardly out.
        height = self.folds.height(a, b)
        if self.cut:
            over = self.over(at)
            shift[:, 2] -= 0.9 * np.clip(over, 0, None)
            radius = np.maximum(np.hypot(a, b), 1e-4)
            bulge = 0.16 * self.depth * np.exp(-((over / (0.5 * self.depth)) ** 2)) * (over < 0)
            shift[:, 0] += bulge * a / radius
            shift[:, 1] += bulge * b / radius
        else:
            shift[:, 2] -= self.depth * self.pit(a, b) * np.clip(1 + at[:, 2] / self.fade, 0, 1)
        shift[:, 2] += self.buckle * share * (height - 0.45)
        side = self.folds.height(b + 0.031, a - 0.017)
        shift[:, 0] += 0.45 * self.buckle * share * side
        shift[:, 1] += 0.45 * self.buckle * share * self.folds.height(a - 0.043, b + 0.029)
        return shift


def deformation(item: Item, severity: Severity, up: Floats, rng: Random) -> Item | None:
    """The item with a dent (minor) or a crush (major); a soft bag only takes hard kinks, stiff jars crack."""
    if item.soft > 0.6:
        return None if severity == "minor" else _kinked(item, up, rng)
    if brittle(item):
        return cracked(item, severity, up, rng, CODE)
    dents = _major(item, up, rng) if severity == "major" else [_minor(item, up, rng)]
    return _dented(item, dents, rng)


def brittle(item: Item) -> bool:
    """Glass and hard plastic: no give at all, and no fibres."""
    body = item.parts[0]
    numbers = np.bincount(body.mesh.material)
    return (
        item.soft <= 0.04
        and body.role == "shell"
        and not fibrous(item, item.materials[int(numbers.argmax())])
    )


def _dented(item: Item, dents: list[Dent], rng: Random) -> Item:
    """The item with dents: first their traces on the print, then the shape (of ever more triangles)."""
    tile = noise_tile(rng, 0.8)
    for dent in dents:
        item = painted(
            item, Brush(frame=dent.frame, reach=dent.reach, facing=-0.35), _tracer(item, dent, tile)
        )
    for order, dent in enumerate(dents):
        edge = float(np.clip(dent.reach / 17, 0.0022, 0.0058)) * (1.5 if order else 1.0)
        bend = Bend(frame=dent.frame, reach=dent.reach, edge=edge, code=CODE)
        item = bent(item, bend, dent.move)
    return item


def _tracer(item: Item, dent: Dent, tile: Floats) -> Painter:
    """What paints a dent's creases and rubbed places."""

    def trace(patch: Patch) -> None:
        at = patch.at
        share = dent.envelope(at)
        crease = share * dent.folds.crease(at[..., 0], at[..., 1])
        if dent.cut:
            crease = np.maximum(crease, np.exp(-((dent.over(at) / 0.0009) ** 2)))
        else:
            crease = np.maximum(
                crease, dent.ridge(at[..., 0], at[..., 1]) * np.clip(1 + at[..., 2] / dent.fade, 0, 1)
            )
        ragged = look_up(tile, at[..., 0] + 0.3 * at[..., 2], at[..., 1] - 0.4 * at[..., 2], 0.03)
        crease = np.clip(crease * (0.75 + 0.9 * ragged), 0, 1)
        patch.bump += 0.35 * crease - 0.1 * share * dent.folds.height(at[..., 0], at[..., 1])
        if fibrous(item, patch.material):
            patch.blend(0.85 * crease**1.3, WHITE)
            rubbed = np.clip(ragged - 0.35, 0, 1) * share * (0.9 if dent.cut else 0.35)
            patch.blend(rubbed, WHITE * 0.96)
        else:
            patch.blend(0.3 * crease, patch.albedo + 0.6 * (255 - patch.albedo))
        patch.mark((crease > 0.3) & (share > 0.05), CODE)

    return trace


def _facets(rng: Random, size: float, count: int, stretch: float = 1.0) -> Floats:
    """Sides of a pit, `size` metres from its middle; stretched along b."""
    angle = (
        rng.uniform(0, 2 * np.pi) + (np.arange(count) + rng.uniform(-0.25, 0.25, count)) * 2 * np.pi / count
    )
    far = size * rng.uniform(0.75, 1.3, count) * (1 + (stretch - 1) * np.abs(np.sin(angle)))
    return np.asarray(np.stack([np.cos(angle), np.sin(angle), far], -1), np.float32)


def _corner(item: Item, up: Floats, rng: Random, *, edge: bool) -> tuple[Frame, Floats]:
    """A frame at an upper corner (or in an upper edge) looking out of it, and the item's extents."""
    first, second, extents = main_axes(item, up)
    steep = 0.9 if extents[2] > 0.03 else 0.4
    signs = rng.choice([-1, 1], 2)
    if edge:
        out = signs[0] * (first if rng.random() < extents[1] / extents[:2].sum() else second)
    else:
        out = (signs[0] * first + signs[1] * second) * 0.8
    normal = unit(out + steep * up)
    vertices = all_vertices(item)
    height = vertices @ normal
    point = vertices[int(height.argmax())]
    along = np.cross(up, unit(out))
    if edge:
        top = vertices[height > height.max() - 0.003]
        low, high = float((top @ along).min()), float((top @ along).max())
        place = rng.uniform(low + 0.25 * (high - low), high - 0.25 * (high - low))
        point = point + along * (place - float(point @ along))
    return frame_at(point, normal, 0.0, along), extents


def _minor(item: Item, up: Floats, rng: Random) -> Dent:
    """One dent of 4 to 10 mm."""
    first = int(rng.choice(3, p=(0.4, 0.3, 0.3)))
    depth = float(rng.uniform(0.0045, 0.009))
    if first < 2:
        frame, extents = _corner(item, up, rng, edge=first == 1)
        depth = float(min(depth * 1.3, 0.12 * extents[1]))
        length = float(rng.uniform(0.012, 0.025)) if first == 1 else 0.2
        return _press(frame, depth, length, rng)
    return _pit(item, up, rng, depth, float(rng.uniform(0.012, 0.024)))


def _press(frame: Frame, depth: float, length: float, rng: Random) -> Dent:
    """Something flat against an edge (over `length` metres of it) or a corner (a large length)."""
    reach = float(min(2.6 * depth + 0.006, 0.13) if length > 0.1 else max(length * 1.8, 3 * depth + 0.012))
    return Dent(
        frame=frame,
        depth=depth,
        cut=True,
        facets=_facets(rng, 0.4 if length > 0.1 else length, 6, 1.0),
        folds=make_folds(rng, float(np.clip(1.6 * depth, 0.009, 0.032)), 2.6 * reach),
        buckle=float(np.clip(0.32 * depth, 0.0012, 0.008)),
        fade=depth * 3,
        reach=reach,
    )


def _pit(item: Item, up: Floats, rng: Random, depth: float, size: float) -> Dent:
    """A pit in what is seen from above, not too near the rim."""
    points, normals = seen_points(item, up, rng, 3000)
    _, _, extents = main_axes(item, up)
    middle = points.mean(axis=0)
    spread = np.linalg.norm(points - middle, axis=1)
    near = np.flatnonzero(spread <= np.percentile(spread, 65))
    chosen = int(rng.choice(near))
    thickness = float(extents[2])
    depth = min(depth, 0.6 * thickness)
    size = float(min(size, 0.45 * extents[1]))
    frame = frame_at(points[chosen], unit(normals[chosen] + up), float(rng.uniform(0, np.pi)))
    facets = _facets(rng, size, int(rng.integers(4, 7)), float(rng.uniform(1.0, 1.9)))
    reach = float(1.25 * facets[:, 2].max() + 0.003)
    return Dent(
        frame=frame,
        depth=depth,
        cut=False,
        facets=facets,
        folds=make_folds(rng, float(np.clip(1.2 * size, 0.01, 0.04)), 2.6 * reach),
        buckle=float(np.clip(0.2 * depth, 0.0004, 0.006)),
        fade=max(thickness, 0.004),
        reach=reach,
    )


def _major(item: Item, up: Floats, rng: Random) -> list[Dent]:
    """A crush of 15 to 45 mm: a corner and the wall beside it, an edge, or the whole middle."""
    _, _, extents = main_axes(item, up)
    least = float(extents[1])
    kind = int(rng.choice(3, p=(0.4, 0.3, 0.3)))
    depth = float(np.clip(rng.uniform(0.018, 0.045), 0.012, max(0.012, 0.3 * least)))
    if kind == 2:
        size = float(np.clip(rng.uniform(0.3, 0.42) * least, 0.018, 0.08))
        return [
            _pit(item, up, rng, depth, size),
            _pit(item, up, rng, 0.6 * depth, 0.7 * size),
        ]
    frame, _ = _corner(item, up, rng, edge=kind == 1)
    length = float(np.clip(rng.uniform(0.4, 0.6) * extents[0], 0.03, 0.095)) if kind == 1 else 0.2
    second = _pit(item, up, rng, 0.35 * depth, float(np.clip(0.22 * least, 0.015, 0.05)))
    return [_press(frame, depth, length, rng), second]


def _kinked(item: Item, up: Floats, rng: Random) -> Item:
    """A soft item folded hard: sharp bent-over corner or a deep V across it, with stressed film along the lines."""
    points, _ = seen_points(item, up, rng, 3000)
    first, _, extents = main_axes(item, up)
    middle = np.median(points, axis=0)
    place = points[
        int(
            np.argmin(np.linalg.norm(points - middle - first * rng.uniform(-0.25, 0.25) * extents[0], axis=1))
        )
    ]
    frame = frame_at(place, up, float(rng.uniform(-0.5, 0.5)), np.cross(up, first))
    depth = float(min(rng.uniform(0.014, 0.03), 0.6 * extents[2]))
    width = float(np.clip(0.16 * extents[0], 0.015, 0.05))
    angle = np.array([0.0, np.pi, 0.5 * np.pi, -0.5 * np.pi])
    far = np.array([width, width * 0.6, 0.62 * extents[1], 0.55 * extents[1]])
    facets = np.stack([np.cos(angle), np.sin(angle), far], -1).astype(np.float32)
    dent = Dent(
        frame=frame,
        depth=depth,
        cut=False,
        facets=facets,
        folds=make_folds(rng, 0.02, 0.4),
        buckle=max(0.004, 0.3 * depth),
        fade=float(max(extents[2], 0.006)),
        reach=float(min(0.75 * extents[1] + width, 0.16)),
    )
    return _dented(item, [dent], rng)


def cracked(item: Item, severity: Severity, up: Floats, rng: Random, code: int) -> Item:
    """Glass or hard plastic that took a blow: a star of cracks; when major, shards are missing in its middle."""
    points, normals = seen_points(item, up, rng, 3000)
    steep = np.flatnonzero(normals @ up > 0.75)
    chosen = int(rng.choice(steep if len(steep) else np.arange(len(points))))
    frame = frame_at(points[chosen], normals[chosen], float(rng.uniform(0, 6.28)))
    span = float(rng.uniform(0.05, 0.075) if severity == "minor" else rng.uniform(0.13, 0.2))
    lines, hole = _star(rng, broken=severity == "major" or code != CODE)
    glow = cv2.GaussianBlur(lines, (0, 0), 5.0)
    beside = np.roll(lines, (3, 2), axis=(0, 1))
    size = lines.shape[0]
    strength = cv2.GaussianBlur(hole, (0, 0), size / 60)

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        dark, bright = picture_at(lines, x, y, span), picture_at(beside, x, y, span)
        soft, missing = picture_at(glow, x, y, span), picture_at(hole, x, y, span)
        rim = np.clip(picture_at(strength, x, y, span) * 2 - missing, 0, 1)
        patch.blend(0.25 * soft, np.full(3, 235.0))
        patch.blend(0.95 * bright, np.full(3, 252.0))
        patch.blend(0.9 * dark, patch.albedo * 0.18 + 12)
        patch.blend(0.55 * rim * (missing < 0.5), np.array([225.0, 236.0, 236.0]))
        patch.bump += 0.6 * bright - 0.8 * dark
        patch.alpha = np.where(patch.there & (missing > 0.5), 0.0, patch.alpha).astype(np.float32)
        patch.mark((dark + bright > 0.25) | (rim > 0.3) | (missing > 0.5), code)

    return painted(item, Brush(frame=frame, reach=0.6 * span, facing=0.0), paint)


def _star(rng: Random, *, broken: bool) -> tuple[Floats, Floats]:
    """(1024, 1024) crack lines that run out from the middle and fork, and the shards that fell out; 0 to 1."""
    size = 1024
    lines, hole = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    count = int(rng.integers(6, 10) if broken else rng.integers(4, 7))
    angles = rng.uniform(0, 6.28) + (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * 2 * np.pi / count
    rays = [
        _ray(
            lines,
            rng,
            np.array([size / 2, size / 2]),
            float(angle),
            size * float(rng.uniform(0.22, 0.46)),
        )
        for angle in angles
    ]
    if broken:
        for k in range(count):
            if rng.random() < 0.55 or k == 0:
                one, other = rays[k], rays[(k + 1) % count]
                cut = int(min(len(one), len(other)) * rng.uniform(0.3, 0.75)) + 1
                shard = np.concatenate([one[:cut], other[:cut][::-1]])
                cv2.fillPoly(hole, [np.rint(shard).astype(np.int32)], (255,), cv2.LINE_AA)
                cv2.polylines(
                    lines,
                    [np.rint(shard).astype(np.int32)],
                    isClosed=True,
                    color=(255,),
                    thickness=3,
                    lineType=cv2.LINE_AA,
                )
    for k in range(count):
        if rng.random() < 0.5:
            one, other = rays[k], rays[(k + 1) % count]
            place = int(min(len(one), len(other)) * rng.uniform(0.3, 0.9))
            cv2.line(lines, _texel(one[place]), _texel(other[place]), (190,), 2, cv2.LINE_AA)
    return lines.astype(np.float32) / 255, hole.astype(np.float32) / 255


def _texel(place: Array) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))


def _ray(lines: Bytes, rng: Random, start: Array, angle: float, length: float) -> Array:
    """One crack, drawn in a jagged line that forks at times; its places (N, 2)."""
    places = [start]
    steps = max(4, int(length / 28))
    turn = angle
    for step in range(steps):
        turn = angle + 0.5 * (turn - angle) + rng.normal(0, 0.24)
        places.append(places[-1] + length / steps * np.array([np.cos(turn), np.sin(turn)]))
        width = 3 if step < steps * 0.5 else 2 if step < steps * 0.8 else 1
        cv2.line(lines, _texel(places[-2]), _texel(places[-1]), (255,), width, cv2.LINE_AA)
        if length > 150 and rng.random() < 0.16:
            _ray(
                lines,
                rng,
                places[-1],
                turn + float(rng.choice([-1, 1]) * rng.uniform(0.4, 0.9)),
                length * 0.35,
            )
    return np.array(places)
