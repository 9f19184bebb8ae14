"""Blister cards and multipacks: packs that show how many they hold."""

from dataclasses import replace
from itertools import product
from typing import Any

import cv2
import numpy as np

from triton_models.simulator.catalogue import Design
from triton_models.simulator.shape_boxes import frame
from triton_models.simulator.shape_tools import (
    Array,
    colour,
    creases,
    grid,
    noise,
    own_random,
    printed,
    ramp,
    shade,
    spaced,
    turn,
    welded,
)
from triton_models.simulator.shape_units import PROPORTION, sort_of, unit
from triton_models.simulator.things import Floats, Item, Material, Mesh, Part, Random

_LYING: tuple[Floats, ...] = (turn("x", 0), turn("y", 180))
"""On its back or on its front."""


def _gone(rng: Random, count: int, missing: int) -> set[int]:
    """Which units are not there."""
    if not 0 <= missing <= count:
        raise ValueError(f"{missing} units cannot be missing from a pack of {count}.")
    return {int(k) for k in rng.choice(count, missing, replace=False)}


def _rect(half: Array, radius: float, count: int) -> Array:
    """A rectangle with rounded corners as a closed line from its right side on, seen clockwise: (count + 1, 2)."""
    s = np.linspace(0, 1, count // 4, endpoint=False)
    edges = [np.stack([1 - 2 * s, np.ones_like(s)], 1)]
    edges += [np.stack([-np.ones_like(s), 1 - 2 * s], 1), np.stack([2 * s - 1, -np.ones_like(s)], 1)]
    edges += [np.stack([np.ones_like(s), 2 * s - 1], 1)]
    line = np.concatenate([*edges, edges[0][:1]]) * half
    near = np.clip(line, -(half - radius), half - radius)
    away = line - near
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return near + away / np.maximum(length, 1e-9) * np.minimum(length, radius)


def cavity(half: Array, depth: float, radius: float, material: int) -> Mesh:
    """A thermoformed hood over (0, 0): a welded flange, steep walls, rounded shoulders, a flat top.

    Args:
        half: (2,) half width and height at its foot, metres.
        depth: How high it stands.
        radius: Of its corners.
        material: The number of the clear sheet.
    """
    inset = np.array([-0.004, -0.0008, 0.0, 0.0004, 0.0008, 0.0014, 0.0022, 0.0036, 0.0058])
    high = np.array([0.0, 0.0002, 0.002 / depth, 0.33, 0.66, 0.88, 0.965, 0.998, 1.0])
    rings = []
    for step, level in zip(inset, high, strict=True):
        size = np.maximum(half - step, half * 0.3)
        line = _rect(size, float(np.clip(radius - step, 0.001, size.min() * 0.98)), 64)
        rings.append(np.concatenate([line, np.full((len(line), 1), level * depth)], 1))
    rings += [np.concatenate([rings[-1][:, :2] * k, rings[-1][:, 2:]], 1) for k in (0.66, 0.33, 0.0)]
    # From the middle outward: rows go down as seen from outside.
    points = np.stack(rings[::-1])[:, ::-1]
    span = half + 0.004
    uv = np.stack([points[..., 0] / span[0] / 2 + 0.5, 0.5 - points[..., 1] / span[1] / 2], -1)
    return welded(grid(points, material, uv=uv))


def _layout(count: int, area: Array, aspect: float) -> tuple[int, int]:
    """Rows and columns that let units of this height over width be largest."""
    return max(
        ((r, c) for r, c in product(range(1, count + 1), repeat=2) if r * c >= count and (r - 1) * c < count),
        key=lambda rc: min(area[0] / rc[1], area[1] / rc[0] / aspect) - 0.0005 * (rc[0] * rc[1] - count),
    )


def _euro_hole(shape: tuple[int, int], across: tuple[float, float]) -> Array:
    """A card with rounded corners and the slot it hangs by, (H, W), 0 where there is no card."""
    rows, columns = shape
    px = columns / across[0]
    x, y = np.meshgrid((np.arange(columns) + 0.5) / px, (np.arange(rows) + 0.5) / px)
    corner = 0.004
    dx = np.maximum(corner - np.minimum(x, across[0] - x), 0)
    dy = np.maximum(corner - np.minimum(y, across[1] - y), 0)
    solid = np.hypot(dx, dy) <= corner
    mid, line = np.abs(x - across[0] / 2), np.abs(y - 0.0095)
    slot = np.hypot(np.maximum(mid - 0.012, 0), line) < 0.0028
    eye = np.hypot(mid, y - 0.0085) < 0.0048
    return ((solid & ~slot & ~eye) * 255).astype(np.uint8)


def _bowed(part: Part, size: tuple[float, float, float], bow: float) -> Part:
    """A card that has taken a slight bend, with all that is on it."""
    points = part.mesh.vertices.copy()
    points[:, 2] += bow * ((points[:, 1] / size[1] * 2) ** 2 - 0.4)
    return replace(part, mesh=replace(part.mesh, vertices=points.astype(np.float32)))


def blister(design: Design, rng: Random, missing: int) -> Item:
    """A printed card with clear hoods over its units; a missing one leaves its hood empty."""
    x, y, z = design.size
    own = own_random(design, 61)
    sort = sort_of(design, ("razor", "battery", "stick", "drill"))
    tall, deep = PROPORTION[sort]
    count = design.unit_count
    area = np.array([x - 0.014, y * 0.60])
    rows, columns = _layout(count, area, max(tall, 0.6))
    cell = area / np.array([columns, rows])
    wide = min(cell[0] - 0.010, (cell[1] - 0.011) / tall)
    if tall > 8:
        # Long thin things would leave a wide card empty: they are a little stouter then.
        wide = min(cell[0] - 0.010, wide * 1.7, z * 0.9)
    wide = min(wide, (z - 0.003) / deep, 0.048)
    tall_at = min(wide * tall, cell[1] - 0.011)
    size = (float(wide), float(tall_at), float(min(wide * deep, z - 0.003)))
    floor = -z / 2 + 0.0006
    together = own.random() < 0.35 and count > 1
    pitch = np.minimum(cell, np.array([size[0], size[1]]) + 0.026)
    middle = -y / 2 + 0.008 + area[1] / 2
    places = [
        np.array(
            [
                (c - (min(columns, count - r * columns) - 1) / 2) * pitch[0],
                middle + ((rows - 1) / 2 - r) * pitch[1],
            ]
        )
        for r in range(rows)
        for c in range(min(columns, count - r * columns))
    ]
    hole = _euro_hole((round(700 * min(1, y / x)), round(700 * min(1, x / y))), (x, y))
    rough = {"roughness": float(own.uniform(0.22, 0.4)), "alpha": hole, "inside": colour((196, 190, 180))}
    clear = Material(
        name="blister",
        albedo=colour((238, 242, 244)),
        opacity=0.12,
        roughness=0.08,
        specular=0.05,
        bump=(noise(rng, (96, 96), (9, 9)) * 0.05).astype(np.float32),
    )
    materials = [
        printed(design, "card", (x, y), **rough),
        printed(design, "back", (x, y), **(rough | {"alpha": hole[:, ::-1]})),
        clear,
    ]
    px, py = np.meshgrid(spaced(-x / 2, x / 2, 0.006), spaced(y / 2, -y / 2, 0.006))
    sides = ((px, floor, 0), (-px, -z / 2, 1))
    card = [grid(np.stack([side, py, np.full_like(px, level)], -1), k) for side, level, k in sides]
    mesh, more = unit(design, sort, size, len(materials))
    materials += more
    depth = z - 0.0008
    half = np.array([size[0], size[1]]) / 2 + 0.0032
    if sort == "razor":
        half[1] += size[1] * 0.2
    corner = min(half.min() * (0.9 if tall > 2 else 0.45), 0.012)
    spots = np.array(places)
    if together:
        # One hood over all of them, around their common middle.
        half = half + np.ptp(spots, axis=0) / 2
        spots = (spots.max(0) + spots.min(0))[None] / 2
    hoods = [_placed(cavity(half, depth, corner, 2), spot, floor + 0.0003) for spot in spots]
    gone = _gone(rng, count, missing)
    parts = [Part(name="body", role="card", mesh=Mesh.joined(card))]
    for k, place in enumerate(places):
        shift = place + rng.uniform(-1, 1, 2) * np.array([0.0012, 0.0016])
        tilt = turn("z", float(np.clip(rng.normal(0, 0.8), -2, 2)))
        spun = (
            tilt
            if sort not in {"battery", "stick", "drill"}
            else tilt @ turn("y", float(rng.uniform(-70, 70)))
        )
        low = float((mesh.vertices @ spun.T)[:, 2].min())
        if k not in gone:
            at = np.array([shift[0], shift[1], floor + 0.0004 - low])
            parts.append(Part(name=f"unit_{k}", role="unit", mesh=mesh.moved(spun, at), loose=True))
    parts.append(Part(name="blister", role="film", mesh=Mesh.joined(hoods)))
    bow = rng.normal(0, 0.0012)
    return Item(
        parts=tuple(_bowed(part, design.size, bow) for part in parts),
        materials=tuple(materials),
        contents=design.contents,
        rests=(turn("x", 0), turn("y", 180)),
        soft=0.1,
    )


def _placed(mesh: Mesh, place: Array, z: float) -> Mesh:
    return mesh.moved(np.eye(3), np.array([place[0], place[1], z], np.float32))


def _stance(sort: str, count: int, size: tuple[float, float, float]) -> tuple[bool, int, int]:
    """Whether the units stand (axis up at the camera) or lie, and in how many rows and columns they fit best."""
    tall, deep = PROPORTION[sort]
    found = []
    for r, c in product(range(1, count + 1), repeat=2):
        if r * c != count:
            continue
        for standing in (False, True):
            wide, high, up = size[0] / c, size[1] / r, size[2]
            want = (1.0, deep, tall) if standing else (1.0, tall, deep)
            have = np.array([wide, high, up]) / np.array(want)
            found.append((float(np.ptp(np.log(have))), standing, r, c))
    return min(found)[1:]


def _membrane(points: Array, size: Array, cells: tuple[int, int], tension: int) -> Array:
    """Film stretched over things: it lies on what stands up, and sags where nothing holds it: (H, W) metres.

    Args:
        points: (N, 3) points of what it lies on; only those above 0 count.
        size: (2,) width and height of the film's ground.
        cells: Rows and columns.
        tension: More makes it flatter between what holds it.
    """
    rows, columns = cells
    column = np.clip(((points[:, 0] / size[0] + 0.5) * columns).astype(int), 0, columns - 1)
    row = np.clip(((0.5 - points[:, 1] / size[1]) * rows).astype(int), 0, rows - 1)
    held = np.zeros(cells, np.float32)
    np.maximum.at(held, (row, column), np.maximum(points[:, 2], 0).astype(np.float32))
    held = np.asarray(cv2.morphologyEx(held, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.float32)
    film = held.copy()
    for _ in range(tension):
        film = np.maximum(held, cv2.blur(film, (5, 5), borderType=cv2.BORDER_CONSTANT))
    return film


def _wrap(points: Array, size: tuple[float, float, float], rng: Random, crumple: float) -> Mesh:
    """Shrink film round everything: an upper and a lower sheet that meet half-way up."""
    ground = np.array([size[0] + 0.0012, size[1] + 0.0012])
    cells = (52, 52)
    sheets = []
    for side in (1, -1):
        tops = points * np.array([1, 1, side])
        film = _membrane(tops, ground, cells, round(70 - 40 * crumple)) + 0.0007
        relief = (creases(rng, cells, 9, 2) - 0.4) * 0.004 * (0.12 + crumple) + noise(
            rng, cells, (8, 8)
        ) * 0.0004
        film = film + np.clip(relief, 0, None)
        x, y = np.meshgrid(
            np.linspace(-0.5, 0.5, cells[1]) * ground[0], np.linspace(0.5, -0.5, cells[0]) * ground[1]
        )
        share = np.pad(np.ones(cells), 4, mode="linear_ramp", end_values=0)
        x, y, film = (np.pad(a, 4, mode="edge") for a in (x, y, film))
        bulge = 1 + 0.004 * np.sin(np.clip(share, 0, 1) * np.pi)
        sheet = np.stack([x * bulge, y * bulge, side * film * share**0.8], -1)
        sheets.append(sheet if side > 0 else sheet[:, ::-1])
    return welded(*(grid(sheet, k) for k, sheet in enumerate(sheets)))


def _sleeve(size: tuple[float, float, float], cover: float, gaps: list[Array], sag: float) -> Mesh:
    """A band of board round the middle of the pack, open at both ends."""
    x, y, z = size
    outer = (x + 0.0012, y * cover, z + 0.0012)
    meshes = []
    for side, number in (("front", 0), ("right", 2), ("back", 1), ("left", 2)):
        place = frame(outer, side)
        across, down = (
            spaced(-place.width / 2, place.width / 2, 0.006),
            spaced(-place.height / 2, place.height / 2, 0.006),
        )
        points = place.points(across, down)
        if side == "front":
            for gap in gaps:
                away = np.hypot((points[..., 0] - gap[0]) / gap[2], 0.6 * (points[..., 1] - gap[1]) / gap[3])
                points[..., 2] -= sag * np.clip(1 - away**2, 0, 1) ** 2
        meshes.append(grid(points, number, uv=place.uv(across, down)))
    return Mesh.joined(meshes)


def multipack(design: Design, rng: Random, crumple: float, missing: int) -> Item:
    """Units side by side in film, or in a sleeve of board."""
    x, y, z = design.size
    own = own_random(design, 62)
    count = design.unit_count
    sort = sort_of(design, ("bottle", "can", "box"))
    if sort in {"razor", "pen", "brush", "drill", "car", "battery", "stick"}:
        sort = "box"
    standing, rows, columns = _stance(sort, count, design.size)
    wide, high = x / columns, y / rows
    gap = 0.0006
    is_round = sort != "box"
    if is_round:
        # Things stand or lie closely side by side, and the pack is as large as they make it.
        across = min(wide, high) if standing else min(wide, z)
        wide, high = across, across if standing else high
        size = (across - gap, (z if standing else high) - gap, across - gap)
    else:
        size = (wide - gap, (z if standing else high) - gap, (high if standing else z) - gap)
    whole = (wide * columns, high * rows, z if standing or not is_round else wide)
    x, y, z = whole
    sleeve = design.item_material == "cardboard"
    board = colour((188, 160, 124))
    cover = 1.0
    if sleeve:
        cover = float(own.uniform(0.5, 0.66))
        materials = [
            printed(design, "front", (x, y * cover), roughness=0.4, inside=board),
            printed(design, "back", (x, y * cover), roughness=0.4, inside=board),
            printed(design, "side", (z, y * cover), roughness=0.4, inside=board),
        ]
    else:
        materials = _films(design, rng, crumple)
    mesh, more = unit(design, sort, size, len(materials))
    materials += more
    gone = _gone(rng, count, missing)
    flip = bool(own.random() < 0.5) and not standing and rows > 1
    units, gaps = [], []
    for k in range(count):
        r, c = divmod(k, columns)
        place = np.array([(c - (columns - 1) / 2) * wide, ((rows - 1) / 2 - r) * high])
        pose = turn("y", float(rng.normal(0, 25 if is_round else 0.0)))
        if standing:
            pose = turn("x", 90) @ pose
        elif flip and r == 1:
            pose = turn("z", 180) @ pose
        if k in gone:
            gaps.append(np.array([place[0], place[1], wide * 0.8, high * 0.8]))
            continue
        jitter = rng.normal(0, 0.0003, 2)
        moved = mesh.moved(pose, np.array([place[0] + jitter[0], place[1] + jitter[1], 0], np.float32))
        units.append(Part(name=f"unit_{k}", role="unit", mesh=moved, loose=True))
    if sleeve:
        skin = Part(name="body", role="shell", mesh=_sleeve(whole, cover, gaps, 0.006))
    else:
        points = np.concatenate([_dense(part.mesh) for part in units]) if units else np.zeros((1, 3))
        skin = Part(name="body", role="film", mesh=_wrap(points, whole, rng, crumple))
    return Item(
        parts=(skin, *units),
        materials=tuple(materials),
        contents=design.contents,
        rests=_LYING if z <= 0.4 * y else (*_LYING, turn("x", 90)),
        soft=0.15,
    )


def _dense(mesh: Mesh) -> Array:
    """Points all over a mesh: its vertices and the middles of its faces."""
    corners = mesh.vertices[mesh.faces]
    return np.concatenate(
        [mesh.vertices, corners.mean(1), corners[:, [0, 1]].mean(1), corners[:, [1, 2]].mean(1)]
    )


def _films(design: Design, rng: Random, crumple: float) -> list[Material]:
    """Clear film for top and bottom, on some products with a printed band across it."""
    x, y, _ = design.size
    own = own_random(design, 63)
    bump = ((creases(rng, (300, 300), 30, 2) - 0.4) * (0.25 + 0.8 * crumple)).astype(np.float32)
    bump += np.sin(np.linspace(0, 40, 300))[None].astype(np.float32) * 0.03
    surface: dict[str, Any] = {"roughness": 0.09, "specular": 0.05, "bump": bump}
    film = Material(name="film", albedo=colour((240, 242, 244)), opacity=0.10, **surface)
    if own.random() < 0.55:
        return [film, replace(film, name="film_back")]
    v = np.linspace(0, 1, 400)
    half = float(own.uniform(0.16, 0.26))
    band = 1 - ramp(np.abs(v - 0.5), half, half + 0.004)
    alpha = np.broadcast_to((22 + band * 228)[:, None], (400, 400)).astype(np.uint8)
    top = printed(
        design,
        "front",
        (x, y),
        **surface,
        alpha=np.ascontiguousarray(alpha),
        inside=shade((225, 225, 225), 1),
    )
    return [top, replace(film, name="film_back")]
