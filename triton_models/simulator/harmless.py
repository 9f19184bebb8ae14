"""What looks like damage and is none: others' spills, litter on the tray, stickers, tape, handling marks, dust."""

import cv2
import numpy as np

from triton_models.simulator.damage_brush import Brush, Patch, painted
from triton_models.simulator.damage_surface import seen_frame
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
)
from triton_models.simulator.spills import Pieces, beside, heap
from triton_models.simulator.things import Bytes, Contents, Floats, Item, Material, Mesh, Random

_STRANGERS: tuple[Contents, ...] = (
    Contents(kind="powder", colour=(74, 47, 30)),
    Contents(kind="powder", colour=(238, 232, 216)),
    Contents(kind="powder", colour=(206, 128, 34)),
    Contents(kind="granules", colour=(228, 216, 180), grain=0.006),
    Contents(kind="granules", colour=(120, 42, 36), grain=0.009),
    Contents(kind="granules", colour=(96, 132, 62), grain=0.005),
    Contents(kind="granules", colour=(226, 228, 232), grain=0.008),
    Contents(kind="liquid", colour=(52, 110, 190)),
    Contents(kind="liquid", colour=(176, 120, 26)),
    Contents(kind="liquid", colour=(200, 60, 120)),
    Contents(kind="liquid", colour=(70, 150, 84)),
)


def foreign(rng: Random, footprint: Floats, avoid: tuple[int, int, int]) -> Pieces:
    """A little spill or a stray thing of another product, plainly not of the colour `avoid`; no damage codes.

    Args:
        rng: What everything is drawn from.
        footprint: (N, 2) the item's outline on the tray, metres.
        avoid: sRGB of what the item itself holds.
    """
    far = [
        np.linalg.norm(np.asarray(c.colour, np.float32) - np.asarray(avoid, np.float32)) for c in _STRANGERS
    ]
    others = [c for c, gap in zip(_STRANGERS, far, strict=True) if gap > 110]
    area = float(rng.uniform(1.5, 14) * 1e-4)
    centre = beside(footprint, area, rng, most=0.03)
    if rng.random() < 0.75:
        return heap(others[int(rng.integers(len(others)))], centre, area, 0, rng)
    return [_stray(rng, beside(footprint, 4e-4, rng, most=0.03), avoid)]


def _stray(rng: Random, centre: Floats, avoid: tuple[int, int, int]) -> tuple[Mesh, Material]:
    """A screw cap or a bar of another product."""
    colours = np.array(
        [(204, 40, 44), (30, 80, 160), (240, 240, 238), (36, 38, 40), (238, 190, 40)], np.float32
    )
    far = np.linalg.norm(colours - np.asarray(avoid, np.float32), axis=1)
    colour = colours[int(rng.choice(np.flatnonzero(far > 90)))].astype(np.uint8)
    radius, high = float(rng.uniform(0.011, 0.018)), float(rng.uniform(0.009, 0.018))
    outline = np.array(
        [[0, high], [radius * 0.9, high], [radius, high * 0.9], [radius, 0.0], [radius * 0.97, 0.0]]
    )
    angle = np.linspace(0, 2 * np.pi, 49)
    ribbed = 1 + 0.012 * (np.arange(49) % 2)
    wide = outline[:, :1] * np.where(np.arange(5)[:, None] >= 2, ribbed[None], 1.0)
    points = np.stack(
        [
            wide * np.cos(angle)[None] + centre[0],
            wide * np.sin(angle)[None] + centre[1],
            np.broadcast_to(outline[:, 1:], wide.shape),
        ],
        -1,
    )
    mesh = grid_mesh(points, np.full((5, 49, 2), 0.5, np.float32), np.ones((5, 49), bool))
    mesh = Mesh(
        vertices=mesh.vertices,
        faces=mesh.faces[:, ::-1].copy(),
        uv=mesh.uv,
        material=mesh.material,
        smooth=np.zeros_like(mesh.smooth),
        damage=mesh.damage,
    )
    # The rule that faces look outward: the revolved sheet must not look in.
    corners = mesh.vertices[mesh.faces]
    out = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    if float((out * (corners.mean(axis=1) - [centre[0], centre[1], 0])).sum()) < 0:
        mesh = Mesh(
            vertices=mesh.vertices,
            faces=mesh.faces[:, ::-1].copy(),
            uv=mesh.uv,
            material=mesh.material,
            smooth=mesh.smooth,
            damage=mesh.damage,
        )
    return mesh, Material(name="stray", albedo=colour, roughness=0.3, specular=0.045)


def litter(rng: Random, footprint: Floats) -> Pieces:
    """Dust, shreds of paper, a rubber band, a hair or scraps of tape on the tray around the item; no codes."""
    found: Pieces = []
    for kind in (_shreds, _dust_specks, _hair, _band, _scrap):
        if rng.random() < 0.4:
            found.extend(kind(rng, footprint))
    return found or _dust_specks(rng, footprint)


def _around(rng: Random, footprint: Floats, count: int, wide: float = 0.1) -> Floats:
    """(count, 2) places on the tray outside the item."""
    hull = cv2.convexHull(np.ascontiguousarray(footprint, np.float32))
    low, high = footprint.min(axis=0) - wide, footprint.max(axis=0) + wide
    places = rng.uniform(low, high, (count * 6, 2)).astype(np.float32)
    outside = [
        p for p in places if cv2.pointPolygonTest(hull, (float(p[0]), float(p[1])), measureDist=False) < 0
    ]
    return np.array((outside + list(places))[:count], np.float32)


def _sheet(rng: Random, centre: Array, size: tuple[float, float], curl: float, count: int = 7) -> Mesh:
    """A small piece of a sheet on the tray, curled a little and with a torn outline."""
    a, b = np.meshgrid(np.linspace(-0.5, 0.5, count), np.linspace(-0.5, 0.5, count))
    rim = np.maximum(abs(a), abs(b)) > 0.45
    x = a * size[0] * (1 + 0.18 * rim * rng.standard_normal(a.shape))
    y = b * size[1] * (1 + 0.18 * rim * rng.standard_normal(a.shape))
    z = 0.0004 + curl * (2 * a) ** 2 + 0.3 * curl * np.abs(rng.standard_normal()) * (2 * b) ** 2
    turn = rng.uniform(0, 6.28)
    points = np.stack(
        [x * np.cos(turn) - y * np.sin(turn) + centre[0], x * np.sin(turn) + y * np.cos(turn) + centre[1], z],
        -1,
    )
    uv = np.stack([a + 0.5, b + 0.5], -1).astype(np.float32)
    return grid_mesh(points, uv, np.ones(a.shape, bool))


def _shreds(rng: Random, footprint: Floats) -> Pieces:
    """Bits of torn paper or board."""
    colour = np.array(((236, 233, 226), (190, 160, 122), (208, 206, 204))[int(rng.integers(3))], np.uint8)
    meshes = []
    for place in _around(rng, footprint, int(rng.integers(2, 8))):
        long = float(rng.uniform(0.003, 0.012))
        meshes.append(
            _sheet(
                rng, place, (long, long * float(rng.uniform(0.25, 0.9))), float(rng.uniform(0.0003, 0.002))
            )
        )
    return [(Mesh.joined(meshes), Material(name="shreds", albedo=colour, roughness=0.8, specular=0.02))]


def _scrap(rng: Random, footprint: Floats) -> Pieces:
    """A scrap of packing tape."""
    place = _around(rng, footprint, 1)[0]
    mesh = _sheet(rng, place, (float(rng.uniform(0.012, 0.04)), float(rng.uniform(0.01, 0.024))), 0.003, 10)
    brown = bool(rng.random() < 0.5)
    colour = np.array((168, 124, 70) if brown else (232, 232, 226), np.uint8)
    return [(mesh, Material(name="tape_scrap", albedo=colour, opacity=0.7 if brown else 0.3, roughness=0.15))]


def _thread(path: Array, thick: float) -> Mesh:
    """A thin tube (three-sided) along places (N, 3)."""
    way = np.gradient(path, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    side = np.stack([-way[:, 1], way[:, 0], np.zeros(len(way))], -1)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    rise = np.cross(way, side)
    angle = np.linspace(0, 2 * np.pi, 6)
    points = path[:, None] + thick / 2 * (
        np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * rise[:, None]
    )
    shape = points.shape[:2]
    return grid_mesh(points[:, ::-1], np.full((*shape, 2), 0.5, np.float32), np.ones(shape, bool))


def _hair(rng: Random, footprint: Floats) -> Pieces:
    """A hair or a fibre."""
    place = _around(rng, footprint, 1)[0]
    turn = np.cumsum(rng.normal(0, 0.22, 50)) + rng.uniform(0, 6.28)
    steps = float(rng.uniform(0.02, 0.06)) / 50 * np.stack([np.cos(turn), np.sin(turn)], -1)
    flat = place + np.cumsum(steps, axis=0)
    path = np.concatenate([flat, np.full((50, 1), 0.0004)], axis=1)
    shade = np.array(((30, 24, 20), (120, 110, 100), (40, 60, 130))[int(rng.integers(3))], np.uint8)
    return [(_thread(path, 0.00028), Material(name="hair", albedo=shade, roughness=0.4))]


def _band(rng: Random, footprint: Floats) -> Pieces:
    """A rubber band."""
    place = _around(rng, footprint, 1, wide=0.07)[0]
    angle = np.linspace(0, 2 * np.pi, 73)
    radius = float(rng.uniform(0.012, 0.024))
    far = radius * (
        1 + 0.22 * np.cos(2 * angle + rng.uniform(0, 6)) + 0.1 * np.cos(3 * angle + rng.uniform(0, 6))
    )
    path = np.stack([place[0] + far * np.cos(angle), place[1] + far * np.sin(angle), np.full(73, 0.0008)], -1)
    shade = np.array(((196, 150, 92), (60, 110, 70), (176, 52, 48))[int(rng.integers(3))], np.uint8)
    return [(_thread(path, 0.0014), Material(name="rubber_band", albedo=shade, roughness=0.5))]


def _dust_specks(rng: Random, footprint: Floats) -> Pieces:
    """Crumbs and dust."""
    shade = np.array(((110, 104, 96), (206, 202, 192), (70, 62, 54))[int(rng.integers(3))], np.uint8)
    meshes = []
    for place in _around(rng, footprint, int(rng.integers(15, 50)), wide=0.14):
        size = float(rng.uniform(0.0005, 0.0014))
        meshes.append(_sheet(rng, place, (size, size * float(rng.uniform(0.5, 1))), 0.0003, 3))
    return [(Mesh.joined(meshes), Material(name="dust", albedo=shade, roughness=0.9, specular=0.02))]


# ------------------------------------------------------------------------------------------------ on the item


def sticker(item: Item, picture: Bytes, up: Floats, rng: Random) -> Item:
    """A label stuck on what the top camera sees, over whatever is there. `picture`: (H, W, 3) sRGB."""
    frame = seen_frame(item, up, rng, spread=45)
    _, _, extents = main_axes(item, up)
    height, width = picture.shape[:2]
    wide = float(np.clip(rng.uniform(0.22, 0.4) * extents[1], 0.02, 0.1))
    tall = wide * height / width
    if tall > 0.6 * extents[1]:
        wide, tall = wide * 0.6 * float(extents[1]) / tall, 0.6 * float(extents[1])
    first, _, _ = main_axes(item, up)
    turn = float(rng.choice([0, np.pi / 2, np.pi]) + rng.normal(0, 0.12))
    frame = frame_at(frame.point, frame.axes[2], turn, first)
    shown = picture.astype(np.float32)

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        edge = np.minimum(wide / 2 - np.abs(x), tall / 2 - np.abs(y))
        inside = np.clip(edge / 0.0003 + 0.5, 0, 1)
        shape = x.shape
        colours = cv2.remap(
            shown,
            ((x / wide + 0.5) * width - 0.5).astype(np.float32),
            ((0.5 - y / tall) * height - 0.5).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ).reshape(*shape, 3)
        patch.bump = patch.bump * (1 - 0.7 * inside) + 0.12 * inside
        patch.blend(inside, colours)
        patch.darken(0.18 * np.exp(-(((edge + 0.0004) / 0.0005) ** 2)) * (edge < 0))

    return painted(item, Brush(frame=frame, reach=0.75 * float(np.hypot(wide, tall)), facing=-0.1), paint)


def tape(item: Item, up: Floats, rng: Random) -> Item:
    """A strip of packing tape across, clear or brownish, with a few wrinkles and bubbles."""
    first, second, extents = main_axes(item, up)
    frame = seen_frame(item, up, rng, spread=40)
    lengthwise = rng.random() < 0.6
    along = first if lengthwise else second
    frame = frame_at(frame.point, frame.axes[2], float(rng.normal(0, 0.05)), along)
    wide = float(min(rng.uniform(0.024, 0.05), 0.4 * extents[1]))
    long = float(rng.uniform(0.6, 1.2) * extents[0 if lengthwise else 1])
    brown = bool(rng.random() < 0.5)
    tint = np.array((170, 126, 74) if brown else (236, 234, 222), np.float32)
    cover = float(rng.uniform(0.45, 0.75)) if brown else float(rng.uniform(0.08, 0.18))
    tile, fine = noise_tile(rng, 1.0), noise_tile(rng, 0.6)

    def paint(patch: Patch) -> None:
        x, y = patch.unfolded()
        saw = 0.0008 * np.abs(np.mod(x / 0.003, 1) - 0.5)
        edge = np.minimum(wide / 2 - np.abs(x), long / 2 - np.abs(y) + saw)
        inside = np.clip(edge / 0.0003 + 0.5, 0, 1)
        bubble = np.clip(look_up(tile, x, y, 0.05) - 0.5, 0, 1) * inside
        patch.blend(inside * cover + 0.12 * bubble, tint)
        patch.blend(0.3 * np.exp(-((edge / 0.0005) ** 2)), np.full(3, 250.0))
        patch.bump = patch.bump * (1 - 0.5 * inside) + inside * 0.08 + 0.1 * bubble
        patch.bump += 0.05 * inside * look_up(fine, x * 0.15, y, 0.05)

    return painted(item, Brush(frame=frame, reach=0.55 * long, facing=0.05), paint)


def scuff(item: Item, up: Floats, rng: Random) -> Item:
    """Handling marks too faint to count: edges and corners rubbed a little."""
    first, second, _ = main_axes(item, up)
    vertices = all_vertices(item)
    for _ in range(int(rng.integers(2, 5))):
        out = first * float(rng.choice([-1, 1])) + second * float(rng.choice([-1, 1])) * float(
            rng.choice([0.05, 1.0])
        )
        normal = out / np.linalg.norm(out) + 0.8 * up
        rim = vertices[vertices @ normal > float((vertices @ normal).max()) - 0.004]
        point = rim[int(rng.integers(len(rim)))]
        frame = frame_at(point, normal, 0.0)
        size = float(rng.uniform(0.006, 0.014))
        tile = noise_tile(rng, 0.5)

        def rub(patch: Patch, tile: Floats = tile, size: float = size, item: Item = item) -> None:
            near = np.exp(-((np.linalg.norm(patch.at, axis=-1) / size) ** 2))
            high = np.exp(np.minimum(patch.at[..., 2], 0.0) / 0.0012)
            grain = np.clip(0.35 + look_up(tile, patch.at[..., 0], patch.at[..., 1], 0.02), 0, 1)
            light = patch.albedo + (0.55 if fibrous(item, patch.material) else 0.2) * (242 - patch.albedo)
            patch.blend(0.55 * near * np.clip(high, 0, 1) * grain, light)

        item = painted(item, Brush(frame=frame, reach=2.2 * size, facing=-0.4), rub)
    return item


def dust(item: Item, up: Floats, rng: Random) -> Item:
    """A thin film of dust and specks on top, wiped through at places."""
    frame = seen_frame(item, up, rng, spread=30)
    _, _, extents = main_axes(item, up)
    tile, fine = noise_tile(rng, 1.0), noise_tile(rng, 0.05)
    amount = float(rng.uniform(0.06, 0.15))
    reach = float(min(0.6 * extents[0], 0.2))
    wipe = np.zeros((256, 256), np.uint8)
    for _ in range(int(rng.integers(0, 3))):
        ends = rng.integers(20, 236, (2, 2))
        cv2.line(wipe, ends[0].tolist(), ends[1].tolist(), (255,), int(rng.integers(8, 22)), cv2.LINE_AA)
    wiped = cv2.GaussianBlur(wipe, (0, 0), 2.5).astype(np.float32) / 255

    def paint(patch: Patch) -> None:
        x, y = patch.at[..., 0], patch.at[..., 1]
        rim = np.clip((reach - np.hypot(x, y)) / (0.4 * reach), 0, 1)
        cover = (
            amount
            * np.clip(0.8 + 0.5 * look_up(tile, x, y, 0.2), 0, 2)
            * (1 - 0.85 * picture_at(wiped, x, y, 2 * reach))
        )
        speck = look_up(fine, x, y, 0.06) > 1.45
        patch.blend(rim * np.maximum(cover, 0.4 * speck), np.array([186.0, 182.0, 174.0]))

    return painted(item, Brush(frame=frame, reach=reach, facing=0.3), paint)
