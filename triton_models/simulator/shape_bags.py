"""Pillow bags, paper blocks, stand-up pouches and padded mailers: sheets that contents push apart."""

from dataclasses import dataclass

import cv2
import numpy as np

from triton_models.simulator.catalogue import Design
from triton_models.simulator.shape_tools import (
    Array,
    bell,
    colour,
    creases,
    displaced,
    grid,
    noise,
    own_random,
    patch,
    pleats,
    printed,
    ramp,
    ring,
    settled,
    shade,
    turn,
    welded,
)
from triton_models.simulator.things import Floats, Hinge, Item, Material, Mesh, Part, Random

FLAT_RESTS: tuple[Floats, ...] = (turn("x", 0), turn("y", 180))
"""Soft things lie on one of their two great sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What a bag is made of.

    Attributes:
        roughness: Of its outside.
        specular: The same.
        inside: Colour of its back.
        stiff: How little it creases, 0 (thin film) to 1 (board).
    """

    roughness: float
    specular: float
    inside: tuple[int, int, int]
    stiff: float


def film_of(design: Design) -> Film:
    """Paper, or plastic between foil-like gloss and matt, always the same for one product."""
    own = own_random(design, 21)
    if design.item_material == "paper":
        return Film(roughness=float(own.uniform(0.6, 0.8)), specular=0.025, inside=(222, 214, 198), stiff=0.5)
    if own.random() < 0.55:
        return Film(
            roughness=float(own.uniform(0.16, 0.28)), specular=0.06, inside=(188, 190, 194), stiff=0.15
        )
    return Film(roughness=float(own.uniform(0.36, 0.5)), specular=0.045, inside=(226, 226, 224), stiff=0.3)


def crinkle(rng: Random, crumple: float, film: Film, seams: float, across: tuple[float, float]) -> Floats:
    """The fine relief of a sheet in millimetres, (480, W): creases too small for the grid, and the seams' crimps.

    Args:
        rng: Draws.
        crumple: 0 to 1.
        film: Its stuff.
        seams: Height of the crimped band at top and bottom, as a share of the height; 0 for none.
        across: Width and height of the sheet, metres.
    """
    rows, columns = 480, max(120, round(480 * across[0] / across[1]))
    fine = creases(rng, (rows, columns), 40, 2)
    strength = (0.22 + 1.9 * crumple) * (1.3 - film.stiff)
    out = (fine - 0.4) * strength + noise(rng, (rows, columns), (30, 20)) * 0.04
    if seams:
        v = np.linspace(0, 1, rows)[:, None]
        band = (v < seams) | (v > 1 - seams)
        crimp = np.sin(np.arange(columns) / columns * across[0] / 0.0022 * 2 * np.pi)[None] * 0.16
        out = np.where(band, crimp + out * 0.25, out)
    return out.astype(np.float32)


def _columns(count: int) -> Array:
    """Angles over half a section, from its left edge to its right one, spread evenly over its width."""
    s = np.linspace(-1, 1, count)
    return 0.65 * np.arcsin(s) + 0.35 * s * np.pi / 2


def _arc(line: Array) -> Array:
    """0 to 1 along a line of points (N, 3), by length."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return length / length[-1]


def pillow(design: Design, rng: Random, crumple: float) -> Item:
    """A bag sealed at both ends, blown up by what is in it."""
    x, y, z = design.size
    film = film_of(design)
    airy = design.contents.kind == "none"
    fill = rng.uniform(0.88, 1.08)
    seam = 0.011
    rows, columns = 84, 58
    v = np.linspace(-1, 1, rows)
    along = -v * y / 2
    # Contents slump towards one end; air does not.
    slump = rng.normal(0, 0.05 if airy else 0.10) - (0.0 if airy else 0.06)
    q = np.clip(np.abs(v + slump * (1 - v**2)) / (1 - 2 * seam / y), 0, 1)
    swell = (1 - q ** (2.6 if airy else 3.4)) ** 0.62
    depth = z / 2 * fill * swell + 0.0006
    flat = x / 2 * (1.02 + 0.10 * z / x)
    width = flat * (1 - 0.55 * np.clip(depth / flat, 0, 1) ** 1.7)
    width = width * (1 + 0.012 * noise(rng, (rows, 1), (9, 1))[:, 0])
    power = 1.45 + 0.65 * swell
    sag, drift = rng.normal(0, 0.03), noise(rng, (rows, 1), (5, 1))[:, 0] * 0.0025 * (1 + crumple)
    sheets = []
    for side in range(2):
        theta = _columns(columns) + side * np.pi
        points = ring(width, depth, along, theta, power)
        height = _bag_relief(rng, (rows, columns), crumple, film, swell)
        points = displaced(points, height * np.cos(_columns(columns))[None] ** 0.7)
        points[..., 2] += (drift[:, None] + sag * z * np.sin(v * 1.6)[:, None]) * 1.0
        sheets.append(points)
    curl = [
        noise(rng, (1, columns), (1, 5))[0] * (0.002 + 0.004 * crumple) + rng.normal(0, 0.003)
        for _ in range(2)
    ]
    for side, points in enumerate(sheets):
        for end, line in zip((-1, 1), curl, strict=True):
            bend = line if side == 0 else line[::-1]
            points[..., 2] += ramp(v * end, 0.86, 1.0)[:, None] * bend[None]
        points[0, 1::2, 1] -= 0.0011
        points[-1, 1::2, 1] += 0.0011
    weight = 0.95 if airy else 0.72
    front, back = (settled(points, z / 2 * weight) for points in sheets)
    fin = crinkle(rng, crumple, film, seam / y, (x, y))
    u = np.abs(np.linspace(-1, 1, fin.shape[1])) * x / 2
    fin = fin + np.where(u < 0.006, 0.35, 0)[None].astype(np.float32)
    skin = {"roughness": film.roughness, "specular": film.specular, "inside": colour(film.inside)}
    materials = (
        printed(design, "front", (x, y), bump=crinkle(rng, crumple, film, seam / y, (x, y)), **skin),
        printed(design, "back", (x, y), bump=fin.astype(np.float32), **skin),
    )
    meshes = [_sheet(points, number) for number, points in enumerate((front, back))]
    return Item(
        parts=(Part(name="body", role="shell", mesh=welded(*meshes)),),
        materials=materials,
        contents=design.contents,
        rests=FLAT_RESTS,
        soft=0.9 if film.stiff < 0.4 else 0.8,
    )


def _sheet(points: Array, number: int) -> Mesh:
    """A grid whose picture follows the length of its middle row."""
    rows = points.shape[0]
    u = _arc(points[rows // 2])
    return grid(points, number, uv=np.stack(np.meshgrid(u, np.linspace(0, 1, rows)), -1))


def _bag_relief(rng: Random, shape: tuple[int, int], crumple: float, film: Film, swell: Array) -> Array:
    """Wrinkles from both seams, from the sides, and what crumpling adds: metres, (H, W)."""
    rows, columns = shape
    v = np.linspace(0, 1, rows)
    ends = pleats(rng, columns, v * 2, 14) + pleats(rng, columns, (1 - v) * 2, 14)
    u = np.linspace(0, 1, columns)
    sides = (pleats(rng, rows, u * 2.6, 16) + pleats(rng, rows, (1 - u) * 2.6, 16)).T
    soft = 1.15 - film.stiff
    out = ends * (0.0011 + 0.0016 * crumple) + sides * (0.0006 + 0.0016 * crumple)
    out = out * soft + noise(rng, shape, (5, 4)) * (0.0008 + 0.0018 * crumple)
    folds = creases(rng, shape, 18, 2) - 0.45
    out = out - folds * (0.0012 + 0.015 * crumple) * (1.2 - 0.6 * film.stiff)
    return out * (0.12 + 0.88 * swell[:, None] ** 0.7)


def brick(design: Design, rng: Random, crumple: float) -> Item:
    """A paper bag as a block: square bottom, sides with a gusset, the top closed to a ridge and folded over."""
    x, y, z = design.size
    film = film_of(design)
    fill = rng.uniform(0.94, 1.04)
    fin = min(0.028, y * 0.13)
    roof = min(z * 0.75, y * 0.22)
    # Rows from the bottom's middle up over the block, the roof and the folded fin.
    body = np.linspace(-y / 2 + 0.004, y / 2 - roof * rng.uniform(0.75, 1.0), 52)
    low = np.array([0.0, 0.35, 0.7, 0.93, 0.985])
    rise = np.linspace(0, 1, 13)[1:]
    lean = np.concatenate([np.ones(len(body)), 1 - (1 - 0.03) * rise**0.9])
    up = np.concatenate([body, body[-1] + (y / 2 - body[-1]) * np.sin(rise * np.pi / 2)])
    fold = np.linspace(0, 1, 10)[1:]
    slim = np.concatenate([low, lean, np.full(len(fold), 0.03)])
    wide = np.concatenate([low, np.ones(len(body)), 1 + 0.05 * rise, np.full(len(fold), 1.05)])
    side = rng.choice([-1.0, 1.0]) if rng.random() < 0.3 else -1.0
    angle = np.concatenate(
        [np.zeros(len(low) + len(up)), side * np.deg2rad(rng.uniform(95, 135)) * ramp(fold, 0, 0.45)]
    )
    path_y = np.concatenate([np.full(len(low), -y / 2), up, np.zeros(len(fold))])
    start = len(low) + len(up)
    path_y[start:] = path_y[start - 1] + np.cumsum(np.cos(angle[start:])) * fin / len(fold)
    path_z = np.cumsum(np.where(np.arange(len(angle)) < start, 0, np.sin(angle))) * fin / len(fold)
    path_y, path_z, angle, slim, wide = (a[::-1] for a in (path_y, path_z, angle, slim, wide))
    sides = []
    for number, (turned, count) in enumerate(((0, 40), (1, 18), (2, 40), (3, 18))):
        half, other = (x / 2, z / 2) if turned % 2 == 0 else (z / 2, x / 2)
        own, cross = (wide, slim) if turned % 2 == 0 else (slim, wide)
        s = np.linspace(-1, 1, count)
        edge = s[None] * (half * own)[:, None] * (fill if turned % 2 else 1.0)
        out = np.broadcast_to((other * cross)[:, None] * (1.0 if turned % 2 else fill), edge.shape)
        radius = np.minimum(0.006, np.minimum(half * own, other * cross))[:, None]
        reach = np.clip(np.abs(edge) - (np.abs(edge[:, -1:]) - radius), 0, radius) / np.maximum(radius, 1e-9)
        out = out - radius * (1 - np.sqrt(np.clip(1 - (reach * 0.7071) ** 2, 0, 1)))
        local = np.sign(edge) * (np.abs(edge) - radius * (1 - 0.7071) * reach**2)
        px, pz = {0: (local, out), 1: (out, -local), 2: (-local, -out), 3: (-out, local)}[turned]
        bent_y = path_y[:, None] - np.sin(angle)[:, None] * pz
        bent_z = path_z[:, None] + np.cos(angle)[:, None] * pz
        sides.append((number, np.stack([px, bent_y, bent_z], -1)))
    meshes = []
    bulge = np.minimum(z * 0.06, 0.004) * rng.uniform(0.4, 1.2)
    soft = 0.35 + crumple * 2.2
    for number, points in sides:
        shape = points.shape[:2]
        rim = bell(np.linspace(-1, 1, shape[1]))[None] ** 0.5
        relief = noise(rng, shape, (7, 5 if number % 2 == 0 else 2)) * 0.0006 * (1 + crumple)
        relief = relief - (creases(rng, shape, 12, 2) - 0.4) * 0.0034 * soft
        swell = bulge * np.outer(ramp(np.cumsum(slim > 0.99), 0, 30), np.ones(shape[1]))
        tail = np.clip(path_y + y / 2, 0, 0.01)[:, None] / 0.01
        moved = displaced(points, (relief + swell * (1 if number % 2 == 0 else 0.3)) * rim * tail)
        meshes.append(_block_side(moved, (0, 1, 2, 1)[number], path_y, y))
    shift = np.array([0, -(path_y.max() - y / 2) / 2, 0], np.float32)
    skin = {"roughness": film.roughness, "specular": film.specular, "inside": colour(film.inside)}
    bumps = [crinkle(rng, crumple * 0.7, film, 0, across) * 0.5 for across in ((x, y), (z, y), (x, y))]
    materials = (
        printed(design, "front", (x, y), bump=bumps[0], **skin),
        printed(design, "side", (z, y), bump=bumps[1], **skin),
        printed(design, "back", (x, y), bump=bumps[2], **skin),
    )
    return Item(
        parts=(Part(name="body", role="shell", mesh=welded(*meshes).moved(np.eye(3), shift)),),
        materials=materials,
        contents=design.contents,
        rests=(*FLAT_RESTS, turn("y", 90), turn("y", -90)) if z > 0.4 * x else FLAT_RESTS,
        soft=0.6,
    )


def _block_side(points: Array, number: int, path: Array, height: float) -> Mesh:
    """One side from fin to bottom; its picture spans the block's height, and the rest repeats its rims."""
    v = np.clip(0.5 - path / height, 0, 1)
    u = np.linspace(0, 1, points.shape[1])
    return grid(points, number, uv=np.stack(np.meshgrid(u, v), -1))


def _mask(shape: tuple[int, int], across: tuple[float, float], radius: float, hole: float) -> Array:
    """A sheet's outline with rounded corners, and a hole to hang it by (radius in metres, 0 for none)."""
    rows, columns = shape
    px = columns / across[0]
    x, y = np.meshgrid((np.arange(columns) + 0.5) / px, (np.arange(rows) + 0.5) / px)
    dx = np.maximum(radius - np.minimum(x, across[0] - x), 0)
    dy = np.maximum(radius - np.minimum(y, across[1] - y), 0)
    solid = np.hypot(dx, dy) <= radius
    if hole:
        solid &= np.hypot(x - across[0] / 2, y - 0.012) > hole
    return cv2.GaussianBlur((solid * 255).astype(np.uint8), (3, 3), 0)


def pouch(design: Design, rng: Random, crumple: float) -> Item:
    """A stand-up pouch on its back: flat seals at top and sides, thickest low down, a gusset in its foot."""
    x, y, z = design.size
    film, own = film_of(design), own_random(design, 22)
    rows, columns = 84, 58
    rim, zip_at = 0.007, float(own.uniform(0.09, 0.13))
    v, s = np.linspace(0, 1, rows), np.linspace(-1, 1, columns)
    top = zip_at + 0.02 + rng.uniform(0.0, 0.08)
    fill = rng.uniform(0.85, 1.05)
    grow = ramp(v, top * 0.6, rng.uniform(0.6, 0.75)) * (1 - 0.28 * ramp(v, 0.75, 1.0))
    xi = np.clip(np.abs(s) / (1 - 2 * rim / x), 0, 1)
    cross = (1 - xi**2.3) ** 0.72
    half = z / 2 * fill * np.outer(grow, cross)
    narrow = 1 - 0.09 * ramp(v, 0.1, 0.7) * fill * (z / x) / 0.3
    px = np.outer(narrow, s) * x / 2 * 1.03
    py = np.broadcast_to((0.5 - v)[:, None] * y, px.shape)
    sway = noise(rng, (rows, 1), (4, 1)) * 0.002 + rng.normal(0, 0.004) * (1 - v[:, None]) ** 3
    edge = noise(rng, (rows, 2), (9, 1)) * (0.0014 + 0.002 * crumple)
    frill = (
        edge[:, :1] * (s < 0)[None] * np.abs(s)[None] ** 6
        + edge[:, 1:] * (s > 0)[None] * np.abs(s)[None] ** 6
    )
    sheets = []
    for side in (1, -1):
        relief = pleats(rng, rows, np.linspace(0, 2.6, columns), 15).T
        relief = relief + pleats(rng, rows, np.linspace(2.6, 0, columns), 15).T
        relief = relief * (0.0008 + 0.0018 * crumple) + noise(rng, (rows, columns), (5, 4)) * (
            0.0009 + 0.0016 * crumple
        )
        relief = relief - (creases(rng, (rows, columns), 16, 2) - 0.45) * (0.0012 + 0.014 * crumple) * (
            1.25 - film.stiff
        )
        inner = (0.1 + 0.9 * ramp(v, 0.02, 0.25)[:, None]) * np.clip(cross * 3, 0, 1)[None]
        z_at = side * (half + 0.0003) + relief * inner * side * 0.8 + sway + frill
        sheets.append(settled(np.stack([px, py, z_at], -1), z / 2 * 0.85))
    front, back = sheets
    k = np.linspace(1, -1, 13)
    fold = 0.3 * z + 0.006
    gusset = np.stack([front[-1] * (0.5 + t / 2) + back[-1] * (0.5 - t / 2) for t in k])
    gusset[..., 1] += (fold * (1 - np.abs(k)) ** 0.8)[:, None] * (1 - xi**4)[None]
    bumps = [crinkle(rng, crumple, film, 0, (x, y)) for _ in range(2)]
    for bump in bumps:
        line = round(zip_at * len(bump))
        bump[line : line + 4] += 0.5
        bump[line + 7 : line + 11] += 0.5
    shape = (round(700 * min(1, y / x)), round(700 * min(1, x / y)))
    alpha = _mask(shape, (x, y), 0.008, 0.004 if own.random() < 0.6 else 0.0)
    skin = {
        "roughness": film.roughness,
        "specular": film.specular,
        "inside": colour(film.inside),
        "alpha": alpha,
    }
    materials = (
        printed(design, "front", (x, y), bump=bumps[0], **skin),
        printed(design, "back", (x, y), bump=bumps[1], **skin),
        Material(
            name="gusset",
            albedo=shade(design.palette[0], 0.95),
            roughness=film.roughness,
            specular=film.specular,
            inside=colour(film.inside),
        ),
    )
    meshes = [grid(front, 0), grid(back[:, ::-1], 1), grid(gusset, 2)]
    return Item(
        parts=(Part(name="body", role="shell", mesh=welded(*meshes)),),
        materials=materials,
        contents=design.contents,
        rests=FLAT_RESTS,
        soft=0.8,
    )


def _bubbles(across: tuple[float, float], pitch: float, high: float) -> Array:
    """The relief of bubble film in millimetres, (H, W) at 2.2 texels a millimetre."""
    rows, columns = round(across[1] * 2200), round(across[0] * 2200)
    x, y = np.meshgrid(np.arange(columns) / 2200, np.arange(rows) / 2200)
    step = pitch * np.sqrt(3) / 2
    row = np.round(y / step)
    offset = np.where(row % 2 == 0, 0.0, pitch / 2)
    away = np.hypot(x - (np.round((x - offset) / pitch) * pitch + offset), y - row * step)
    return (high * np.sqrt(np.clip(1 - (away / (pitch * 0.46)) ** 2, 0, 1))).astype(np.float32)


def mailer(design: Design, rng: Random, crumple: float) -> Item:
    """A padded envelope: something inside shows as a plateau, the flap is folded over its back."""
    x, y, z = design.size
    own = own_random(design, 23)
    plastic = design.item_material != "paper"
    rows, columns = 72, 52
    v, s = np.linspace(-1, 1, rows), np.linspace(-1, 1, columns)
    inner = np.array([own.uniform(0.45, 0.72), own.uniform(0.4, 0.7)])
    spot = np.array([rng.uniform(-1, 1), rng.uniform(-0.6, 1)]) * (0.85 - inner) * 0.5
    hold = np.outer(
        1 - ramp(np.abs(v - spot[1]), inner[1] * 0.9, inner[1] * 0.9 + 0.28),
        1 - ramp(np.abs(s - spot[0]), inner[0] * 0.9, inner[0] * 0.9 + 0.28),
    )
    pad = np.outer(1 - np.abs(v) ** 8, 1 - np.abs(s) ** 8)
    half = pad * 0.0028 + hold * (z / 2 - 0.003) * rng.uniform(0.85, 1.0)
    half[:2] = np.maximum(half[:2], 0.0008)
    px, py = np.meshgrid(s * x / 2, -v * y / 2)
    px = px * (1 - 0.012 * (1 - np.abs(v[:, None]) ** 2))
    warp = noise(rng, px.shape, (3, 2)) * (0.0012 + 0.003 * crumple)
    film = Film(
        roughness=0.3 if plastic else 0.75,
        specular=0.045,
        inside=(214, 214, 212),
        stiff=0.2 if plastic else 0.5,
    )
    sheets = []
    for side in (1, -1):
        relief = noise(rng, px.shape, (12, 9)) * (0.0003 + 0.0008 * crumple)
        relief = relief - (creases(rng, px.shape, 12, 2) - 0.45) * (0.0008 + 0.011 * crumple)
        z_at = side * (half + 0.0004) + warp + relief * np.clip(pad * 2, 0, 1) * side
        sheets.append(settled(np.stack([px, py, z_at], -1), z / 2))
    front, back = sheets[0], sheets[1][:, ::-1]
    pitch, high = (0.0098, 0.75) if plastic else (0.0098, 0.22)
    bubbles = _bubbles((x, y), pitch, high)
    fine = cv2.resize(crinkle(rng, crumple, film, 0, (x, y)), bubbles.shape[::-1])
    inside = colour(film.inside) if plastic else colour((200, 196, 188))
    skin = {"roughness": film.roughness, "specular": film.specular, "inside": inside}
    bump = (np.asarray(bubbles) + fine * 0.7).astype(np.float32)
    materials = (
        printed(design, "front", (x, y), bump=bump, **skin),
        printed(design, "back", (x, y), bump=bump, **skin),
    )
    reach = float(own.uniform(0.16, 0.24))
    flap = patch(back, (0.004, 0, 0.996, reach), (14, columns), 0.0011)
    taper = 1 - np.linspace(0, 1, 14) * float(own.choice([0.0, 0.05, 0.14]))
    flap[..., 0] *= taper[:, None]
    flap[0] = back[0]
    u = 0.5 + (np.linspace(0, 1, columns) - 0.5)[None] * taper[:, None]
    flap_uv = np.stack([u, np.broadcast_to(np.linspace(0, reach, 14)[:, None], u.shape)], -1)
    return Item(
        parts=(
            Part(name="body", role="shell", mesh=Mesh.joined([grid(front, 0), grid(back, 1)])),
            Part(
                name="flap",
                role="flap",
                mesh=grid(flap, 1, uv=flap_uv),
                hinge=Hinge(
                    point=np.array([0, y / 2, 0], np.float32),
                    axis=np.array([1, 0, 0], np.float32),
                    limit=float(np.deg2rad(170)),
                ),
            ),
        ),
        materials=materials,
        contents=design.contents,
        rests=FLAT_RESTS,
        soft=0.6,
    )
