"""What every shape is made from: grids of points, tubes of changing section, noise, wrinkles and creases.

Nearly every surface here is a grid whose rows go down its picture and whose columns go to the right, as seen from
outside: the corners then come out counter-clockwise by themselves, and the picture fits. Grids that belong together are
welded, so that one smoothing group runs over their joints.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from triton_models.simulator.art import Side, face
from triton_models.simulator.catalogue import Design
from triton_models.simulator.things import Bytes, Floats, Material, Mesh, Random

Array = npt.NDArray[Any]
Colour = tuple[int, int, int] | Array

_WELD = 1e-5
"""Vertices nearer than this, in metres, are one."""


def colour(value: Colour) -> Bytes:
    """A colour as materials hold it, (3,)."""
    return np.clip(np.asarray(value), 0, 255).astype(np.uint8)


def shade(value: Colour, factor: float) -> Bytes:
    """The same colour, darker (below 1) or lighter (above)."""
    return colour(np.asarray(value, np.float64) * factor)


def own_random(design: Design, use: int) -> Random:
    """Draws that belong to the product and not to the piece: the same for every unit of one design."""
    return np.random.default_rng([design.number, use, 4099])


def printed(design: Design, side: Side, size: tuple[float, float], **surface: Any) -> Material:  # noqa: ANN401
    """The art of one side as a material; holes and relief come out at the art's own resolution.

    Args:
        design: The product.
        side: "front", "back", "side", "top", "spine", "label" or "card".
        size: Width and height of the side, in metres.
        surface: What else the material says: roughness, bump, inside and so on.
    """
    art = face(design, side, round(float(size[0]), 3), round(float(size[1]), 3))
    across = (art.albedo.shape[1], art.albedo.shape[0])
    for name in {"bump", "alpha"} & surface.keys():
        surface[name] = cv2.resize(surface[name], across, interpolation=cv2.INTER_LINEAR)
    return Material(name=f"print_{side}", albedo=art.albedo, print=art.printed, **surface)


def grid(
    points: Array, material: int = 0, *, uv: Array | None = None, smooth: int = 1, flip: bool = False
) -> Mesh:
    """Two triangles for each cell of a grid of points.

    Args:
        points: (H, W, 3), metres: rows down, columns to the right as seen from outside.
        material: The number of its material.
        uv: (H, W, 2), or None: the grid spans the picture evenly.
        smooth: Smoothing group.
        flip: True if the grid was laid out as seen from inside.
    """
    rows, columns = points.shape[:2]
    if uv is None:
        uv = np.stack(np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows)), -1)
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    # Diagonals alternate, so that a bent sheet shows no grain along one of them.
    even = (np.add.outer(np.arange(rows - 1), np.arange(columns - 1)) % 2 == 0)[..., None]
    first = np.where(even, np.stack([a, b, c], -1), np.stack([a, b, d], -1))
    second = np.where(even, np.stack([a, c, d], -1), np.stack([b, c, d], -1))
    faces = np.concatenate([first.reshape(-1, 3), second.reshape(-1, 3)]).astype(np.int32)
    if flip:
        faces = np.ascontiguousarray(faces[:, ::-1])
    return Mesh(
        vertices=points.reshape(-1, 3).astype(np.float32),
        faces=faces,
        uv=np.clip(uv.reshape(-1, 2)[faces], 0, 1).astype(np.float32),
        material=np.full(len(faces), material, np.int32),
        smooth=np.full(len(faces), smooth, np.int32),
        damage=np.zeros(len(faces), np.uint8),
    )


def welded(*meshes: Mesh) -> Mesh:
    """All in one, with vertices at one place made one, and without the triangles that vanish by it."""
    mesh = Mesh.joined(list(meshes))
    # An odd offset keeps round measures away from the borders between two cells.
    cells = np.floor(mesh.vertices.astype(np.float64) / _WELD + 0.37).astype(np.int64)
    keys = (cells[:, 0] * 2_000_003 + cells[:, 1]) * 2_000_029 + cells[:, 2]
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    faces = place.astype(np.int32)[mesh.faces]
    a, b, c = faces.T
    whole = (a != b) & (b != c) & (c != a)
    return Mesh(
        vertices=mesh.vertices[first],
        faces=faces[whole],
        uv=mesh.uv[whole],
        material=mesh.material[whole],
        smooth=mesh.smooth[whole],
        damage=mesh.damage[whole],
    )


def ring(width: Array, depth: Array, along: Array, theta: Array, power: Array | float = 2.0) -> Array:
    """A tube around the y axis whose section changes on its way: (H, W, 3) points.

    Args:
        width: (H,) half width (x) of each section.
        depth: (H,) half depth (z).
        along: (H,) y, from the top down.
        theta: (W,) angle; 0 is the front (+z), and it grows to the right (+x).
        power: (H,) or one: 2 is an ellipse, more is a box with rounded corners.
    """
    sine, cosine = np.sin(theta)[None], np.cos(theta)[None]
    bend = 2 / np.broadcast_to(np.asarray(power, np.float64), np.shape(along))[:, None]
    x = width[:, None] * np.sign(sine) * np.abs(sine) ** bend
    z = depth[:, None] * np.sign(cosine) * np.abs(cosine) ** bend
    return np.stack([x, np.broadcast_to(along[:, None], x.shape), z], -1)


def revolved(
    profile: Array, material: int, *, flat: float = 1.0, columns: int = 64, power: float = 2.0
) -> Mesh:
    """A closed surface around the y axis.

    Args:
        profile: (H, 2): radius and y, from the top down, in metres.
        material: The number of its material.
        flat: Depth over width of the section.
        columns: Corners of the section.
        power: 2 is round, more is boxy.
    """
    theta = np.linspace(-np.pi, np.pi, columns + 1)
    return welded(grid(ring(profile[:, 0], profile[:, 0] * flat, profile[:, 1], theta, power), material))


def finer(profile: Array, step: float) -> Array:
    """The same outline (N, 2) with no edge longer than `step`, so that it can be bent."""
    lengths = np.linalg.norm(np.diff(profile, axis=0), axis=1)
    counts = np.maximum(1, np.ceil(lengths / step)).astype(int)
    parts = [
        a + (b - a) * np.arange(n)[:, None] / n
        for a, b, n in zip(profile[:-1], profile[1:], counts, strict=True)
    ]
    return np.concatenate([*parts, profile[-1:]])


def noise(rng: Random, shape: tuple[int, int], cells: tuple[float, float]) -> Array:
    """Smooth noise of about unit spread over (H, W), with so many cells (down, across)."""
    low = rng.normal(size=(max(2, round(cells[0]) + 1), max(2, round(cells[1]) + 1))).astype(np.float32)
    return cv2.resize(low, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def creases(rng: Random, shape: tuple[int, int], count: int, steps: int = 2) -> Array:
    """The relief of crumpled film or paper over (H, W): facets that meet in sharp ridges, 0 to 1.

    The distance to the nearest of some scattered points has a fold along every border between two of them; a few
    finer layers of the same make big facets and small ones.
    """
    out = np.zeros(shape, np.float32)
    aspect = shape[1] / shape[0]
    for step in range(steps):
        size = (max(64, shape[0] // 2), max(64, shape[1] // 2)) if step == 0 else shape
        seeds = np.full(size, 255, np.uint8)
        number = count * 4**step
        seeds[rng.integers(0, size[0], number), rng.integers(0, size[1], number)] = 0
        far = cv2.distanceTransform(seeds, cv2.DIST_L2, 3)
        far = cv2.resize(far, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
        out += far / float(far.max() + 1e-6) * 0.5**step * (1 + 0.4 * noise(rng, shape, (4, 4 * aspect)))
    return out / 2


def pleats(rng: Random, columns: int, distance: Array, waves: float) -> Array:
    """Wrinkles that leave a seam at right angles, many and fine at first, fewer and wider farther off.

    Args:
        rng: Draws.
        columns: Samples along the seam.
        distance: (H,) distance of each row from the seam, 1 where they have died away.
        waves: How many there are along the seam at the seam.

    Returns:
        (H, columns), about -1 to 1 at the seam.
    """
    out = np.zeros((len(distance), columns), np.float32)
    for octave in range(3):
        line = noise(rng, (1, columns), (1, waves / 2**octave))[0]
        drift = noise(rng, (1, columns), (1, 3))[0]
        reach = 0.22 * 2**octave * (1 + 0.35 * drift)
        out += line[None] * np.exp(-((distance[:, None] / np.maximum(reach, 0.05)) ** 2)) * 0.5
    return out


def normals(points: Array) -> Array:
    """Unit normals of a grid, outward, (H, W, 3)."""
    down, right = np.gradient(points, axis=0), np.gradient(points, axis=1)
    out = np.cross(down, right)
    return out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-12)


def displaced(points: Array, height: Array) -> Array:
    """A grid pushed out along its normals by (H, W) metres."""
    return points + normals(points) * height[..., None]


def turn(axis: str, degrees: float) -> Floats:
    """The rotation about one axis, (3, 3)."""
    angle = np.deg2rad(degrees)
    c, s = np.round(np.cos(angle), 12), np.round(np.sin(angle), 12)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    out = np.eye(3)
    out[i, i], out[i, j], out[j, i], out[j, j] = c, -s, s, c
    return out.astype(np.float32)


def spaced(low: float, high: float, cell: float, fine: float = 0.0) -> Array:
    """Places from low to high about one cell apart; with `fine`, also that near to either end."""
    inner = np.linspace(low + fine, high - fine, max(2, round((high - low) / cell) + 1))
    return np.concatenate([[low], inner, [high]]) if fine else inner


def bell(x: Array | float) -> Array:
    """1 in the middle (0), 0 with no slope at -1 and 1 and beyond."""
    return np.clip(1 - np.square(x), 0, 1) ** 2


def ramp(x: Array, low: float, high: float) -> Array:
    """0 at low, 1 at high, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def patch(
    points: Array, window: tuple[float, float, float, float], shape: tuple[int, int], lift: float
) -> Array:
    """A piece of a grid's surface, resampled and lifted off it: where a label lies.

    Args:
        points: (H, W, 3).
        window: Left, top, right, bottom, 0 to 1 over the grid.
        shape: Rows and columns of the piece.
        lift: Metres.
    """
    rows, columns = points.shape[:2]
    left, top, right, bottom = window
    x = np.linspace(left, right, shape[1], dtype=np.float32) * (columns - 1)
    y = np.linspace(top, bottom, shape[0], dtype=np.float32) * (rows - 1)
    where_x, where_y = np.meshgrid(x, y)
    raised = (points + normals(points) * lift).astype(np.float32)
    return cv2.remap(raised, where_x, where_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def settled(points: Array, floor: float) -> Array:
    """A soft thing gives way where it lies: what would reach below -floor is pressed flat, gently."""
    out = points.copy()
    z = points[..., 2]
    out[..., 2] = np.where(z < 0, -floor * np.tanh(-z / floor), z)
    return out
