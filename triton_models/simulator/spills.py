"""Spillage: heaps of powder, scattered grains and puddles beside an item, and the wet or dusty place on it."""

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from triton_models.simulator.damage_brush import Brush, Patch, painted
from triton_models.simulator.damage_surface import blob
from triton_models.simulator.damage_tools import (
    Array,
    all_vertices,
    fibrous,
    frame_at,
    grid_mesh,
    look_up,
    main_axes,
    noise_tile,
    picture_at,
    unit,
)
from triton_models.simulator.things import CODES, Bytes, Contents, Floats, Item, Material, Mesh, Random

CODE = CODES["spillage"]
Severity = Literal["minor", "major"]
Pieces = list[tuple[Mesh, Material]]
MOST_GRAINS = 420


def spill(contents: Contents, footprint: Floats, severity: Severity, rng: Random) -> Pieces:
    """What lies beside the item.

    Args:
        contents: What leaks; nothing comes of kind "none".
        footprint: (N, 2) outline of the laid-down item in the tray's metres; the tray is z = 0.
        severity: minor is 2 to 6 square centimetres, major 15 to 80.
        rng: What everything is drawn from.

    Returns:
        Meshes with their one material each; all faces carry the code of spillage.
    """
    if contents.kind == "none":
        return []
    area = float(rng.uniform(2, 6) if severity == "minor" else rng.uniform(15, 80)) * 1e-4
    return heap(contents, beside(footprint, area, rng), area, CODE, rng)


def heap(contents: Contents, centre: Floats, area: float, code: int, rng: Random) -> Pieces:
    """A spill of `area` square metres around a place (2,) on the tray, with this code on its faces."""
    if contents.kind == "liquid":
        return _puddle(contents, centre, area, code, rng)
    if contents.kind == "granules":
        return _grains(contents, centre, area, code, rng)
    return _powder(contents, centre, area, code, rng)


def beside(footprint: Floats, area: float, rng: Random, most: float = 0.008) -> Floats:
    """(2,) the middle of a spill of `area` that touches the outline, or comes within `most` metres of it."""
    hull = cv2.convexHull(np.ascontiguousarray(footprint, np.float32)).reshape(-1, 2)
    ends = np.roll(hull, -1, axis=0)
    length = np.linalg.norm(ends - hull, axis=1)
    side = int(rng.choice(len(hull), p=length / length.sum()))
    start, end = hull[side], ends[side]
    place = start + (end - start) * rng.uniform(0.1, 0.9)
    out = np.array([end[1] - start[1], start[0] - end[0]])
    out = out / max(float(np.linalg.norm(out)), 1e-9)
    if float((place - hull.mean(axis=0)) @ out) < 0:
        out = -out
    radius = float(np.sqrt(area / np.pi))
    found: Floats = (place + out * (radius * rng.uniform(0.35, 0.9) + rng.uniform(0, most))).astype(
        np.float32
    )
    return found


def _field(rng: Random, area: float, rough: float, count: int) -> tuple[Floats, Floats, Floats]:
    """x, y (N, N) around the middle and how far inside the ragged outline a place is, in metres."""
    radius = float(np.sqrt(area / np.pi))
    span = 2.3 * radius
    axis = np.linspace(-span, span, count, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    turn, stretch = rng.uniform(0, np.pi), float(rng.uniform(1.0, 1.55))
    a, b = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    tile = noise_tile(rng, 0.9)
    far = np.hypot(a / np.sqrt(stretch), b * np.sqrt(stretch))
    inside = radius * (1 + rough * look_up(tile, x, y, 5.5 * radius)) - far
    return x, y, inside.astype(np.float32)


def _picture(colour: Array | tuple[int, int, int], shade: Array) -> Bytes:
    """(H, W, 3): a colour, lighter and darker."""
    made: Bytes = np.clip(np.asarray(colour, np.float32) * (1 + shade[..., None]), 0, 255).astype(np.uint8)
    return made


def _powder(contents: Contents, centre: Floats, area: float, code: int, rng: Random) -> Pieces:
    """A flat heap that thins out to a dusty halo, with clods and specks."""
    radius = float(np.sqrt(area / np.pi))
    count = 72
    x, y, inside = _field(rng, area, 0.42, count)
    tile, fine = noise_tile(rng, 0.7), noise_tile(rng, 0.15)
    slope = float(rng.uniform(0.22, 0.5))
    high = np.clip(inside, 0, None) * slope
    high = 0.5 * radius * slope * np.tanh(high / (0.5 * radius * slope + 1e-6))
    high = high * (1 + 0.35 * look_up(tile, x, y, 1.5 * radius)) + 0.0005 * np.clip(
        inside / 0.003, 0, 1
    ) * look_up(fine, x, y, 0.03)
    z = np.clip(high, 0, None) + 0.0004
    size = 384
    shape = (size, size)
    broad = cv2.resize(inside, shape, interpolation=cv2.INTER_CUBIC)
    u = (np.arange(size, dtype=np.float32) + 0.5) / size * (x.max() - x.min())
    px, py = np.meshgrid(u, u)
    grain = look_up(fine, px, py, 0.035)
    # Inside it covers all; beyond, ever fewer specks of dust.
    cover = np.clip(1.0 + broad / (0.45 * radius), 0, 1)
    alpha = np.where(
        broad > 0.0008 * (1 + grain), 255, 255 * (0.35 + 0.65 * (grain > 0.4)) * (grain > 2.3 - 2.9 * cover)
    )
    albedo = _picture(contents.colour, 0.12 * grain + 0.08 * look_up(tile, px, py, 0.06))
    bump = (0.35 * grain).astype(np.float32)
    material = Material(
        name="powder",
        albedo=albedo,
        alpha=alpha.astype(np.uint8),
        roughness=0.9,
        specular=0.02,
        bump=bump,
        marks=np.full(shape, code, np.uint8) if code else None,
    )
    uv = np.stack(np.meshgrid(np.linspace(0, 1, count), np.linspace(0, 1, count)), -1).astype(np.float32)
    points = np.stack([x + centre[0], y + centre[1], z], -1)
    sheet = grid_mesh(points, uv, inside > -0.95 * radius, code)
    clods = int(rng.integers(10, 26) * (1 + 12 * radius))
    angle, far = rng.uniform(0, 6.28, clods), radius * rng.uniform(0.3, 1.9, clods)
    sizes = rng.uniform(0.0006, 0.0016, clods) * (1 + 8 * radius)
    places = np.stack([centre[0] + far * np.cos(angle), centre[1] + far * np.sin(angle), 0.3 * sizes], -1)
    columns, rows = (
        ((p - c + x.max()) / (2 * x.max()) * (count - 1)).astype(np.float32)[:, None]
        for p, c in ((places[:, 0], centre[0]), (places[:, 1], centre[1]))
    )
    ground = cv2.remap(z, columns, rows, cv2.INTER_LINEAR)
    places[:, 2] += ground.ravel()
    plain = Material(
        name="powder_clods", albedo=np.array(contents.colour, np.uint8), roughness=0.9, specular=0.02
    )
    return [(sheet, material), (_pellets(places, sizes, (1.0, 0.9, 0.7), code, rng), plain)]


def _grains(contents: Contents, centre: Floats, area: float, code: int, rng: Random) -> Pieces:
    """Single grains, thick in the middle, tumbled wide at the rim."""
    grain = max(contents.grain, 0.0012)
    radius = float(np.sqrt(area / np.pi))
    count = int(np.clip(0.62 * area / (0.62 * grain * grain), 5, MOST_GRAINS))
    grain = max(grain, float(np.sqrt(0.5 * area / count)) if count == MOST_GRAINS else grain)
    angle = rng.uniform(0, 6.28, count)
    far = radius * np.minimum(np.abs(rng.normal(0, 0.62, count)) ** 0.9, 2.2)
    stray = rng.random(count) < 0.12
    far = np.where(stray, radius * rng.uniform(1.0, 2.1, count), far)
    lean = float(rng.uniform(1.0, 1.6))
    flat = np.stack([lean * far * np.cos(angle), far * np.sin(angle) / lean], -1)
    turn = rng.uniform(0, np.pi)
    flat = flat @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    ratios = (1.0, 1.0, 0.5) if grain > 0.006 else (1.0, 0.62, 0.5)
    # Those that would lie in one another lie on one another.
    cell = np.floor(flat / (0.85 * grain)).astype(np.int64) @ np.array([1, 100003])
    _, owner, order = np.unique(cell, return_inverse=True, return_counts=True)
    layer = np.zeros(count)
    seen: dict[int, int] = {}
    for index, key in enumerate(owner.tolist()):
        layer[index] = seen.get(key, 0)
        seen[key] = seen.get(key, 0) + 1
    del order
    z = grain * (0.25 + 0.42 * np.minimum(layer, 4))
    places = np.stack([flat[:, 0] + centre[0], flat[:, 1] + centre[1], z], -1)
    tile = noise_tile(rng, 0.6, 64)
    albedo = _picture(contents.colour, 0.13 * tile)
    material = Material(name="grains", albedo=albedo, roughness=0.42, specular=0.04)
    return [(_pellets(places, grain * rng.uniform(0.8, 1.12, count), ratios, code, rng), material)]


def _pellets(places: Array, sizes: Array, ratios: tuple[float, float, float], code: int, rng: Random) -> Mesh:
    """Low ellipsoids (diameters `sizes` times ratios) at places (N, 3), any way round, each a shade of its own."""
    ball, faces = _ball(2 if len(places) < 160 else 1)
    count = len(places)
    yaw, tip = rng.uniform(0, 2 * np.pi, count), rng.normal(0, 0.35, count)
    shaped = ball[None] * (np.asarray(ratios) * 0.5) * np.asarray(sizes)[:, None, None]
    shaped = shaped * (1 + 0.06 * rng.standard_normal((count, len(ball), 1)))
    cosine, sine = np.cos(tip)[:, None], np.sin(tip)[:, None]
    x, z = shaped[..., 0] * cosine - shaped[..., 2] * sine, shaped[..., 0] * sine + shaped[..., 2] * cosine
    cosine, sine = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    turned = np.stack([x * cosine - shaped[..., 1] * sine, x * sine + shaped[..., 1] * cosine, z], -1)
    vertices = turned + places[:, None]
    vertices[..., 2] -= np.minimum(vertices[..., 2].min(axis=1) - 0.0001, 0)[:, None]
    total = count * len(faces)
    every = (faces[None] + (np.arange(count) * len(ball))[:, None, None]).reshape(-1, 3)
    shade = np.repeat(rng.random((count, 1, 2)), len(faces), axis=0)
    return Mesh(
        vertices=vertices.reshape(-1, 3).astype(np.float32),
        faces=every.astype(np.int32),
        uv=np.repeat(shade, 3, axis=1).astype(np.float32),
        material=np.zeros(total, np.int32),
        smooth=np.ones(total, np.int32),
        damage=np.full(total, code, np.uint8),
    )


def _ball(rings: int) -> tuple[Floats, Array]:
    """A unit ball of few triangles: vertices and faces."""
    around = 6 + 2 * (rings - 1)
    points = [[0.0, 0.0, 1.0]]
    levels = np.linspace(1, -1, rings + 3)[1:-1] if rings > 1 else np.array([0.45, -0.45])
    for level in levels:
        for k in range(around):
            angle = 2 * np.pi * (k + 0.5 * (len(points) % 2)) / around
            wide = np.sqrt(1 - level * level)
            points.append([wide * np.cos(angle), wide * np.sin(angle), level])
    points.append([0.0, 0.0, -1.0])
    faces = [[0, 1 + k, 1 + (k + 1) % around] for k in range(around)]
    for ring in range(len(levels) - 1):
        low = 1 + ring * around
        for k in range(around):
            a, b = low + k, low + (k + 1) % around
            faces += [[a, a + around, b + around], [a, b + around, b]]
    last = len(points) - 1
    low = last - around
    faces += [[low + k, last, low + (k + 1) % around] for k in range(around)]
    return np.array(points, np.float32), np.array(faces)


def _puddle(contents: Contents, centre: Floats, area: float, code: int, rng: Random) -> Pieces:
    """A thin pool with a rounded rim (a meniscus) and drops around it."""
    radius = float(np.sqrt(area / np.pi))
    spots = [(np.zeros(2), area, 0.34)]
    for _ in range(int(rng.integers(2, 7))):
        angle, far = rng.uniform(0, 6.28), radius * rng.uniform(1.25, 2.0)
        spots.append(
            (far * np.array([np.cos(angle), np.sin(angle)]), float(rng.uniform(0.004, 0.03) * area), 0.12)
        )
    meshes = []
    for place, share, rough in spots:
        count = 88 if share == area else 18
        x, y, inside = _field(rng, share, rough, count)
        deep = float(np.clip(0.22 * np.sqrt(share / np.pi), 0.0005, 0.0024))
        rim = np.clip(inside / (1.6 * deep), 0, 1)
        z = 0.00025 + deep * np.sqrt(1 - (1 - rim) ** 2)
        # Quads on the outline are drawn in to it, or the pool would end in stairs.
        step = float(x[0, 1] - x[0, 0])
        slope = np.stack(np.gradient(inside, step), -1)
        slope /= np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-6)
        pull = np.clip(-inside, 0, 1.6 * step)
        points = np.stack(
            [
                x + slope[..., 1] * pull + place[0] + centre[0],
                y + slope[..., 0] * pull + place[1] + centre[1],
                z,
            ],
            -1,
        )
        uv = np.stack(np.meshgrid(np.linspace(0, 1, count), np.linspace(0, 1, count)), -1).astype(np.float32)
        meshes.append(grid_mesh(points, uv, inside > -1.5 * step, code))
    pale = min(contents.colour) > 190
    material = Material(
        name="liquid",
        albedo=np.array(contents.colour, np.uint8),
        opacity=float(rng.uniform(0.3, 0.42) if pale else rng.uniform(0.5, 0.68)),
        roughness=0.06,
        specular=0.045,
    )
    return [(Mesh.joined(meshes), material)]


def wet(item: Item, contents: Contents, up: Floats, severity: Severity, rng: Random) -> Item:
    """The item soaked or dusted with its contents near one side: carries the code of spillage there."""
    return soiled(item, contents, up, CODE, (severity == "major", rng))


def soiled(item: Item, contents: Contents, up: Floats, code: int, how: tuple[bool, Random]) -> Item:
    """Contents on the skin, at a side; `how`: is it much, and what everything is drawn from."""
    much, rng = how
    if contents.kind == "none":
        return item
    first, second, extents = main_axes(item, up)
    side = first * float(rng.choice([-1, 1])) if rng.random() < 0.5 else second * float(rng.choice([-1, 1]))
    vertices = all_vertices(item)
    normal = unit(side + 0.9 * up)
    rim = vertices[vertices @ normal > float((vertices @ normal).max()) - 0.01]
    point = rim[int(rng.integers(len(rim)))]
    span = float(np.clip((0.55 if much else 0.22) * extents[1], 0.025, 0.16 if much else 0.05))
    frame = frame_at(point, normal, float(rng.uniform(0, 6.28)))
    body, tile = blob(rng, 0.45), noise_tile(rng, 0.3)
    tint = np.asarray(contents.colour, np.float32)

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        inside = picture_at(body + 2, x, y, 1.3 * span) - 2
        grain = look_up(tile, x, y, 0.03)
        if contents.kind == "liquid":
            amount = np.clip(inside * 10, 0, 1)
            tide = np.exp(-(((inside - 0.03) / 0.03) ** 2))
            soaked = (
                patch.albedo * (0.35 + 0.5 * tint / 255)
                if fibrous(item, patch.material)
                else 0.55 * patch.albedo + 0.4 * tint
            )
            patch.blend(0.85 * amount, soaked)
            patch.darken(0.3 * tide)
            patch.bump += 0.25 * np.sqrt(np.clip(inside * 3, 0, 1))
        else:
            amount = np.clip(inside * 2.5 + 0.8 * grain - 0.1, 0, 1)
            patch.blend(0.85 * amount, tint * (1 + 0.12 * grain[..., None]))
            patch.bump += 0.25 * amount * grain
        patch.mark(amount > 0.4, code)

    done = painted(item, Brush(frame=frame, reach=0.7 * span, facing=-0.2), paint)
    return replace(done, contents=item.contents)
