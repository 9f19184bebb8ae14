"""What all damage is made with: places on an item, noise and folds, finer triangles, and a brush for its textures."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from triton_models.simulator.things import Floats, Item, Material, Mesh, Part, Random

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

TEXEL = 0.0006
"""Metres: a texture coarser than this where it is hurt is enlarged first, or cracks would be stairs."""
FLAT_GROUP = 5000
"""First smoothing group for flat faces that have been bent; above any that shapes give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A place on an item: local coordinates are (across, along, out of the surface), in metres.

    Attributes:
        point: (3,) the origin.
        axes: (3, 3), the three directions as rows; the last is the outward normal.
    """

    point: Floats
    axes: Floats

    def local(self, points: Array) -> Floats:
        """(..., 3) of the item to (..., 3) of the frame."""
        found: Floats = ((points - self.point) @ self.axes.T).astype(np.float32)
        return found

    def turned(self, local: Array) -> Floats:
        """(..., 3) directions of the frame to the item's."""
        return np.asarray((local @ self.axes), np.float32)

    def world(self, local: Array) -> Floats:
        """(..., 3) of the frame to the item's."""
        return self.turned(local) + self.point


def unit(vector: Array) -> Floats:
    """The vectors (..., 3) at length 1."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray((vector / np.maximum(length, 1e-12)), np.float32)


def frame_at(point: Array, normal: Array, turn: float, along: Array | None = None) -> Frame:
    """A frame whose second axis is `along` (or any direction) turned about the normal."""
    out = unit(np.asarray(normal, np.float32))
    hint = (
        np.asarray(along, np.float32)
        if along is not None
        else np.eye(3, dtype=np.float32)[np.argmin(abs(out))]
    )
    across = unit(np.cross(hint, out))
    if float(np.linalg.norm(np.cross(hint, out))) < 1e-4:
        across = unit(np.cross(np.eye(3)[np.argmin(abs(out))], out))
    up = np.cross(out, across)
    first = across * np.cos(turn) + up * np.sin(turn)
    axes = np.stack([first, np.cross(out, first), out]).astype(np.float32)
    return Frame(point=np.asarray(point, np.float32), axes=axes)


def face_normals(mesh: Mesh) -> Floats:
    """(F, 3) unit normals."""
    corners = mesh.vertices[mesh.faces]
    return unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))


def all_vertices(item: Item) -> Floats:
    """(V, 3) of all parts."""
    return np.concatenate([part.mesh.vertices for part in item.parts])


def seen_points(item: Item, up: Floats, rng: Random, count: int = 5000) -> tuple[Floats, Floats]:
    """Points on the item that a camera above it sees, spread evenly over its outline, and the normals there.

    Of random points on all faces that look up, those are kept that are highest in their 5 mm cell.
    """
    corners = np.concatenate([part.mesh.vertices[part.mesh.faces] for part in item.parts])
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    weight = np.clip(cross @ up, 0, None)
    normal = unit(cross)
    weight[normal @ up < 0.2] = 0
    share_of = np.cumsum(weight, dtype=np.float64)
    chosen = np.minimum(np.searchsorted(share_of, rng.random(count) * share_of[-1]), len(corners) - 1)
    share = np.sqrt(rng.random((count, 2)))
    share[:, 1] = share[:, 0] * rng.random(count)
    bary = np.stack([1 - share[:, 0], share[:, 0] - share[:, 1], share[:, 1]], -1).astype(np.float32)
    points = np.einsum("nk,nkd->nd", bary, corners[chosen])
    flat = frame_at(np.zeros(3), up, 0.0).local(points)
    cell = np.floor(flat[:, :2] / 0.005).astype(np.int64) @ np.array([1, 100003])
    _, place = np.unique(cell, return_inverse=True)
    highest = np.full(place.max() + 1, -np.inf)
    np.maximum.at(highest, place, flat[:, 2])
    kept = flat[:, 2] > highest[place] - 0.002
    return points[kept].astype(np.float32), normal[chosen][kept]


def main_axes(item: Item, up: Floats) -> tuple[Floats, Floats, Floats]:
    """The item's longest direction in the lying plane, the other one, and its extents along these and up, (3,)."""
    plane = frame_at(np.zeros(3), up, 0.0)
    flat = plane.local(all_vertices(item))
    (_, _), (width, height), angle = cv2.minAreaRect(np.ascontiguousarray(flat[:, :2]))
    turn = np.deg2rad(angle if width >= height else angle + 90)
    first = plane.turned(np.array([np.cos(turn), np.sin(turn), 0.0]))
    second = np.cross(up, first).astype(np.float32)
    extents = np.array([max(width, height), min(width, height), np.ptp(flat[:, 2])], np.float32)
    return first, second, extents


def patch_extent(points: Floats, frame: Frame) -> float:
    """How far from the frame's point the seen surface reaches, in metres: bounds the size of a damage."""
    local = frame.local(points)
    return float(np.percentile(np.linalg.norm(local[:, :2], axis=1), 90))


# ------------------------------------------------------------------------------------------------ noise and folds


def noise_tile(rng: Random, power: float = 1.0, size: int = 256) -> Floats:
    """(size, size) fractal noise that repeats, mostly within -1 to 1; more `power` is smoother."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    across, down = np.fft.rfftfreq(size), np.fft.fftfreq(size)
    radius = np.hypot(down[:, None], across[None])
    radius[0, 0] = 1
    radius = np.maximum(radius, 2 / size)
    spectrum *= radius ** -(power + 1)
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, (size, size))
    return np.asarray((field / (2 * field.std())), np.float32)


def look_up(tile: Floats, x: Array, y: Array, period: float) -> Floats:
    """The tile at places (any shape, metres), repeated every `period` metres."""
    size = tile.shape[0]
    shape = np.shape(x)
    count = int(np.prod(shape))
    rows = -(-count // 2048)
    maps = []
    for values in (x, y):
        flat = np.zeros(rows * 2048, np.float32)
        flat[:count] = np.mod(np.asarray(values, np.float32).ravel() * (size / period), size)
        maps.append(flat.reshape(rows, 2048))
    found = cv2.remap(tile, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(found.ravel()[:count].reshape(shape), np.float32)


def picture_at(picture: Array, x: Array, y: Array, span: float) -> Floats:
    """A picture drawn around the origin, `span` metres wide, at places (any shape); 0 beyond its rim."""
    size = picture.shape[0]
    shape = np.shape(x)
    count = int(np.prod(shape))
    rows = -(-count // 2048)
    maps = []
    for values in (x, y):
        flat = np.full(rows * 2048, -9.0, np.float32)
        flat[:count] = (np.asarray(values, np.float32).ravel() / span + 0.5) * size - 0.5
        maps.append(flat.reshape(rows, 2048))
    found = cv2.remap(
        picture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    return np.asarray(
        found.reshape(rows * 2048, *picture.shape[2:])[:count].reshape(*shape, *picture.shape[2:])
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """A sheet's buckles: plane facets between sharp creases, as stiff paper folds, each fading in and out.

    Attributes:
        span: Metres that the pictures are wide, around the origin.
        heights: (N, N) -1 to 1.
        creases: (N, N) 0 to 1: how sharply the sheet is folded, in lines of about a millimetre.
    """

    span: float
    heights: Floats
    creases: Floats

    def height(self, a: Array, b: Array) -> Floats:
        """-1 to 1 at places (any shape)."""
        return picture_at(self.heights, a, b, self.span)

    def crease(self, a: Array, b: Array) -> Floats:
        """0 to 1 at places (any shape)."""
        return picture_at(self.creases, a, b, self.span)


def make_folds(rng: Random, period: float, span: float, count: int = 5) -> Folds:
    """Buckles of about `period` metres in all directions, over `span` metres."""
    size = int(np.clip(span / 0.0005, 96, 448))
    angles = rng.uniform(0, np.pi) + np.arange(count) * np.pi / count + rng.normal(0, 0.25, count)
    periods = period * rng.uniform(0.6, 1.5, count)
    weights = periods / periods.sum()
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * np.float32(span)
    tile = noise_tile(rng, 1.2)
    # What bends a fold and lets it come and go is smooth: it is drawn small and enlarged.
    coarse = np.linspace(-span / 2, span / 2, 48, dtype=np.float32)
    x, y = np.meshgrid(coarse, coarse)
    heights, creases = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for index, (angle, length, weight) in enumerate(zip(angles, periods, weights, strict=True)):
        shift = 13.7 * length * index
        bend = cv2.resize(0.22 * look_up(tile, x + shift, y, 9 * length), (size, size))
        presence = cv2.resize(
            np.clip(0.55 + 1.3 * look_up(tile, y - shift, x + shift, 7 * length), 0, 1), (size, size)
        )
        run = (axis * np.float32(np.cos(angle) / length))[None] + (axis * np.float32(np.sin(angle) / length))[
            :, None
        ]
        run += bend + np.float32(rng.random())
        place = np.abs(run - np.floor(run) - np.float32(0.5))
        heights += np.float32(weight) * presence * (4 * place - 1)
        off = np.minimum(place, 0.5 - place) * np.float32(length / 0.0008)
        creases = np.maximum(creases, presence * np.float32(min(1.0, 2.2 * weight)) * np.exp(-off * off))
    return Folds(span=span, heights=heights, creases=creases)


# ------------------------------------------------------------------------------------------------ finer triangles


def refined(mesh: Mesh, wanted: Callable[[Floats, Floats], Bools], rounds: int = 9) -> Mesh:
    """The same surface in smaller triangles where `wanted(middles, lengths)` says so of edges.

    The rule sees an edge's place only, so two faces that meet there split it alike even where they share no vertex.
    """
    for _ in range(rounds):
        ends = mesh.vertices[mesh.faces]
        others = np.roll(ends, -1, axis=1)
        length = np.linalg.norm(others - ends, axis=2).astype(np.float32)
        marks = wanted(((ends + others) / 2).reshape(-1, 3), length.ravel()).reshape(-1, 3)
        if not marks.any():
            break
        mesh = _split(mesh, marks)
    return mesh


def _split(mesh: Mesh, marks: Bools) -> Mesh:
    """Each face cut at the middles of its marked edges (edge k runs from corner k to the next)."""
    count = len(mesh.vertices)
    starts, ends = mesh.faces, np.roll(mesh.faces, -1, axis=1)
    keys = np.minimum(starts, ends).astype(np.int64) * count + np.maximum(starts, ends)
    unique, place = np.unique(keys[marks], return_inverse=True)
    middles = (mesh.vertices[unique // count] + mesh.vertices[unique % count]) / 2
    middle = np.zeros(mesh.faces.shape, np.int32)
    middle[marks] = place.astype(np.int32) + count
    number = marks.sum(axis=1)
    # Each face is turned so that its marked edges come first: 1: the edge 0; 2: the edges 0 and 1.
    first = np.where(number == 1, marks.argmax(axis=1), (np.argmin(marks, axis=1) + 1) % 3)
    order = (first[:, None] + np.arange(3)) % 3
    corner = np.concatenate(
        [np.take_along_axis(starts, order, 1), np.take_along_axis(middle, order, 1)], axis=1
    )
    middle_uv = (mesh.uv + np.roll(mesh.uv, -1, axis=1)) / 2
    uv = np.concatenate(
        [
            np.take_along_axis(mesh.uv, order[..., None], 1),
            np.take_along_axis(middle_uv, order[..., None], 1),
        ],
        axis=1,
    )
    # Corners 0 to 2, middles 3 to 5.
    cuts = {
        0: ((0, 1, 2),),
        1: ((0, 3, 2), (3, 1, 2)),
        2: ((3, 1, 4), (0, 3, 4), (0, 4, 2)),
        3: ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
    }
    faces, uvs, sources = [], [], []
    for marked, pieces in cuts.items():
        rows = np.flatnonzero(number == marked)
        for piece in pieces:
            faces.append(corner[rows][:, piece])
            uvs.append(uv[rows][:, piece])
            sources.append(rows)
    source = np.concatenate(sources)
    return Mesh(
        vertices=np.concatenate([mesh.vertices, middles]).astype(np.float32),
        faces=np.concatenate(faces).astype(np.int32),
        uv=np.concatenate(uvs).astype(np.float32),
        material=mesh.material[source],
        smooth=mesh.smooth[source],
        damage=mesh.damage[source],
    )


Move = Callable[[Floats], Floats]


def finer(mesh: Mesh, frame: Frame, reach: float, edge: float, move: Move | None = None) -> Mesh:
    """Edges of at most `edge` metres within `reach` of the frame's point, growing with the distance beyond.

    With `move`, short edges that it hardly shifts stay as they are.
    """

    def wanted(middles: Floats, lengths: Floats) -> Bools:
        distance = np.linalg.norm(middles - frame.point, axis=1)
        limit = np.maximum(edge, 0.8 * (distance - reach))
        marks = np.asarray((lengths > limit) & (distance < reach + lengths))
        if move is not None:
            short = np.flatnonzero(marks & (lengths < 4 * edge))
            if len(short):
                marks[short] = np.linalg.norm(move(frame.local(middles[short])), axis=1) > 2e-4
        return marks

    return refined(mesh, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """What bends an item: where, how finely, with which code.

    Attributes:
        frame: Its place.
        reach: Metres from there that it can touch.
        edge: Longest edge of a triangle there, metres.
        code: Damage code of the faces that move; 0 for none.
        names: Parts that bend; None: all.
    """

    frame: Frame
    reach: float
    edge: float
    code: int
    names: frozenset[str] | None = None


def bent(item: Item, bend: Bend, move: Move) -> Item:
    """The item with its vertices moved by `move` (local places to local shifts).

    Faces that shift by more than 1.5 mm carry the code. Flat faces that bend are smoothed within what was one plane.
    """
    parts = []
    for part in item.parts:
        if bend.names is not None and part.name not in bend.names:
            parts.append(part)
            continue
        mesh = finer(part.mesh, bend.frame, bend.reach, bend.edge, move)
        local = bend.frame.local(mesh.vertices)
        near = np.flatnonzero(np.abs(local).max(axis=1) < 1.5 * bend.reach)
        if not len(near):
            parts.append(part)
            continue
        shift = np.zeros_like(local)
        shift[near] = move(local[near])
        size = np.linalg.norm(shift, axis=1)
        moved = size[mesh.faces].max(axis=1)
        plane = np.rint(face_normals(mesh) * 3).astype(np.int32) + 3
        group = FLAT_GROUP + plane @ np.array([49, 7, 1], np.int32)
        parts.append(
            replace(
                part,
                mesh=replace(
                    mesh,
                    vertices=mesh.vertices + bend.frame.turned(shift),
                    smooth=np.where((moved > 1e-5) & (mesh.smooth == 0), group, mesh.smooth).astype(np.int32),
                    damage=np.where((moved > 0.0015) & (bend.code > 0), bend.code, mesh.damage).astype(
                        np.uint8
                    ),
                ),
            )
        )
    return replace(item, parts=tuple(parts))


def with_parts(item: Item, parts: list[Part], materials: tuple[Material, ...] | None = None) -> Item:
    """The item with these parts, and these materials if given."""
    return replace(item, parts=tuple(parts), materials=item.materials if materials is None else materials)


def coded(mesh: Mesh, code: int, where: Bools | None = None) -> Mesh:
    """The mesh with its faces (or those of the mask) carrying a damage code."""
    chosen = np.ones(len(mesh.faces), bool) if where is None else where
    return replace(mesh, damage=np.where(chosen, code, mesh.damage).astype(np.uint8))


def grid_mesh(points: Floats, uv: Floats, there: Bools, code: int = 0) -> Mesh:
    """A sheet of (H, W) points (H, W, 3) with uv (H, W, 2); quads with a corner that is not there are left out."""
    height, width = there.shape
    index = np.arange(height * width).reshape(height, width)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    whole = there[:-1, :-1] & there[:-1, 1:] & there[1:, 1:] & there[1:, :-1]
    faces = np.concatenate([np.stack([q[whole] for q in quad], -1) for quad in ((a, b, c), (a, c, d))])
    flat = uv.reshape(-1, 2)
    # Corners of no face would still count where an item's extents are measured.
    used, fresh = np.unique(faces, return_inverse=True)
    return Mesh(
        vertices=points.reshape(-1, 3)[used].astype(np.float32),
        faces=fresh.reshape(faces.shape).astype(np.int32),
        uv=flat[faces].astype(np.float32),
        material=np.zeros(len(faces), np.int32),
        smooth=np.ones(len(faces), np.int32),
        damage=np.full(len(faces), code, np.uint8),
    )


def fibrous(item: Item, material: Material) -> bool:
    """Whether it tears with white fibres and whitens where folded, as paper and board do; film stretches."""
    return (
        material.opacity > 0.95
        and not material.metal
        and material.roughness >= 0.28
        and material.specular <= 0.042
        and item.soft <= 0.6
    )
