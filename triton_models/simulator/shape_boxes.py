"""Boxes and cartons: bodies that are really open under flaps that really turn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from triton_models.simulator.catalogue import Design
from triton_models.simulator.shape_tools import (
    Array,
    colour,
    grid,
    noise,
    own_random,
    printed,
    shade,
    spaced,
    turn,
    welded,
)
from triton_models.simulator.things import Floats, Hinge, Item, Material, Mesh, Part, Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One side of a box, as seen from outside.

    Attributes:
        centre: (3,) its middle.
        right: (3,) unit.
        down: (3,) unit.
        width: Along `right`, metres.
        height: Along `down`.
    """

    centre: Array
    right: Array
    down: Array
    width: float
    height: float

    @property
    def out(self) -> Array:
        """(3,) unit, away from the box."""
        return np.cross(self.down, self.right)

    def points(self, across: Array, down: Array) -> Array:
        """The grid at these places, metres from the middle: (H, W, 3)."""
        s, t = np.meshgrid(across, down)
        return self.centre + s[..., None] * self.right + t[..., None] * self.down

    def uv(self, across: Array, down: Array) -> Array:
        """Where these places lie on the side's picture, (H, W, 2)."""
        return np.stack(np.meshgrid(across / self.width + 0.5, down / self.height + 0.5), -1)


_SIDES = {
    "front": ((0, 0, 1), (1, 0, 0), (0, -1, 0)),
    "back": ((0, 0, -1), (-1, 0, 0), (0, -1, 0)),
    "right": ((1, 0, 0), (0, 0, -1), (0, -1, 0)),
    "left": ((-1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "top": ((0, 1, 0), (1, 0, 0), (0, 0, 1)),
    "bottom": ((0, -1, 0), (1, 0, 0), (0, 0, -1)),
}
SIDES = tuple(_SIDES)


def frame(size: Sequence[float], side: str) -> Frame:
    """A side of a box (width, height, depth) around the origin; see `SIDES` for the names."""
    out, right, down = (np.array(v, np.float64) for v in _SIDES[side])
    extent = np.asarray(size, np.float64)
    return Frame(
        centre=out * extent / 2,
        right=right,
        down=down,
        width=float(abs(right) @ extent),
        height=float(abs(down) @ extent),
    )


def rounded(points: Array, size: Sequence[float], radius: float) -> Array:
    """Points on a sharp box, moved onto the same box with rounded edges."""
    core = np.maximum(np.asarray(size, np.float64) / 2 - radius, 1e-6)
    near = np.clip(points, -core, core)
    away = points - near
    length = np.linalg.norm(away, axis=-1, keepdims=True)
    return near + away / np.maximum(length, 1e-12) * np.minimum(length, radius)


def panel(size: Sequence[float], side: str, radius: float, cell: float, material: int) -> Mesh:
    """One side with its half of the rounding on all four edges."""
    place = frame(size, side)
    across = spaced(-place.width / 2, place.width / 2, cell, radius)
    down = spaced(-place.height / 2, place.height / 2, cell, radius)
    return grid(rounded(place.points(across, down), size, radius), material, uv=place.uv(across, down))


def block(size: Sequence[float], radius: float, cell: float, materials: dict[str, int]) -> Mesh:
    """A closed box with rounded edges; `materials` by side, those not named go without."""
    return welded(*(panel(size, side, radius, cell, number) for side, number in materials.items()))


def slab(outer: Array, inward: Array, thickness: float, materials: tuple[int, int], uv: Array) -> Mesh:
    """A sheet of board: its outer face, its inner face, and its edge all round.

    Args:
        outer: (H, W, 3) points of the outer face.
        inward: (3,) unit, towards the inner face.
        thickness: Metres.
        materials: Of the outer face, and of the inner face and the edge.
        uv: (H, W, 2) of the outer face.
    """
    inner = outer + inward * thickness
    rim, low = (np.concatenate([p[0], p[1:, -1], p[-1, -2::-1], p[-2::-1, 0]]) for p in (outer, inner))
    return Mesh.joined(
        [
            grid(outer, materials[0], uv=uv),
            grid(inner, materials[1], flip=True),
            grid(np.stack([rim, low]), materials[1], smooth=0),
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """How one flap lies.

    Attributes:
        name: Of its part.
        edge: "left", "right", "up" or "down" of its side, where its hinge is.
        length: From the hinge to its free edge, metres.
        layer: Sheets of board that lie over it.
        inset: What its two ends leave free, metres.
    """

    name: str
    edge: str
    length: float
    layer: int = 0
    inset: float = 0.0004


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What a box is folded from: its outer size, its edges' radius, its thickness and its grid's cell, in metres."""

    size: tuple[float, float, float]
    radius: float
    thickness: float
    cell: float


def flap(board: Board, side: str, fold: Fold, materials: tuple[int, int]) -> Part:
    """One flap, shut, with its hinge."""
    place = frame(board.size, side)
    lying = fold.edge in {"up", "down"}
    deep, wide = (place.height, place.width) if lying else (place.width, place.height)
    sink = fold.layer * board.thickness * 1.15
    reach = np.concatenate([[0.0], spaced(board.radius, fold.length, board.cell)]) - deep / 2
    if fold.layer:
        # It is folded from the same edge, under its neighbours.
        reach[:2] = [-deep / 2 + board.thickness, -deep / 2 + board.thickness + board.radius]
    half = wide / 2 - board.radius * 0.3 - fold.inset - sink
    ends = spaced(-half, half, board.cell)
    if fold.edge in {"down", "right"}:
        reach = -reach[::-1]
    across, down = (ends, reach) if lying else (reach, ends)
    points = place.points(across, down)
    # Only the hinge's edge is round: the free ones are cut.
    bent = rounded(points, board.size, board.radius)
    along = place.down if lying else place.right
    keep = np.abs((points - place.centre) @ along)[..., None] > deep / 2 - board.radius
    points = np.where(keep & (fold.layer == 0), np.where(np.abs(along) > 0, bent, points), points)
    lift = ((bent - points) @ place.out)[..., None] * place.out
    points = points + np.where(keep & (fold.layer == 0), lift, 0) - sink * place.out
    mesh = slab(points, -place.out, board.thickness, materials, place.uv(across, down))
    toward = {"up": -place.down, "down": place.down, "left": -place.right, "right": place.right}[fold.edge]
    return Part(
        name=fold.name,
        role="flap",
        mesh=mesh,
        hinge=Hinge(
            point=(
                place.centre + toward * (deep / 2 - board.radius * 0.4) - place.out * board.radius * 0.6
            ).astype(np.float32),
            axis=np.cross(toward, place.out).astype(np.float32) * np.float32(-1),
            limit=float(np.deg2rad(225 if fold.layer == 0 else 200)),
        ),
    )


def shell(board: Board, lid: str, materials: dict[str, int], inner: int) -> Mesh:
    """A box without its side `lid`: outer walls, the cut rim around the opening, and the walls' inner faces.

    Args:
        board: Its measures.
        lid: The side that is left open.
        materials: By side.
        inner: The material of rim and inner walls.
    """
    sides = {side: number for side, number in materials.items() if side != lid}
    outer = block(board.size, board.radius, board.cell, sides)
    place = frame(board.size, lid)
    # The inner walls follow the outer ones: the same vertices, a sheet's thickness farther in.
    extent = np.asarray(board.size) / 2
    shrink = (extent - board.thickness) / extent
    drop = place.out * -board.thickness * 0.2
    inside = outer.vertices * shrink.astype(np.float32) + drop.astype(np.float32)
    inner_mesh = replace(
        outer,
        vertices=inside.astype(np.float32),
        faces=np.ascontiguousarray(outer.faces[:, ::-1]),
        uv=np.ascontiguousarray(outer.uv[:, ::-1]),
        material=np.full(len(outer.faces), inner, np.int32),
    )
    half = np.array([place.width, place.height]) / 2
    corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1], [-1, -1]]) * half
    loop = np.concatenate(
        [
            a + (b - a) * np.linspace(0, 1, max(2, round(float(np.abs(b - a).max()) / board.cell)))[:, None]
            for a, b in pairwise(corners)
        ]
    )
    sharp = place.centre + loop[:, :1] * place.right + loop[:, 1:] * place.down
    rim = rounded(sharp, board.size, board.radius)
    edge = grid(np.stack([rim, rim * shrink + drop]), inner, smooth=0, flip=True)
    return Mesh.joined([outer, inner_mesh, edge])


def swollen(part: Part, size: Sequence[float], bulge: Sequence[float]) -> Part:
    """The same with sides that curve out by so many metres (x, y, z): boxes in a stack are never quite flat."""
    half = np.asarray(size, np.float64) / 2
    place = np.clip(part.mesh.vertices / half, -1, 1)
    hump = 1 - place**2
    grow = np.stack(
        [
            place[:, 0] ** 3 * hump[:, 1] * hump[:, 2] * bulge[0],
            place[:, 1] ** 3 * hump[:, 0] * hump[:, 2] * bulge[1],
            place[:, 2] ** 3 * hump[:, 0] * hump[:, 1] * bulge[2],
        ],
        axis=1,
    )
    return replace(part, mesh=replace(part.mesh, vertices=(part.mesh.vertices + grow).astype(np.float32)))


def box_rests(size: Sequence[float]) -> tuple[Floats, ...]:
    """The sides that a box lies on: largest first, none so narrow that it would topple."""
    turns = [
        (turn("x", 0), 2),
        (turn("y", 180), 2),
        (turn("y", -90), 0),
        (turn("y", 90), 0),
        (turn("x", 90), 1),
        (turn("x", -90), 1),
    ]
    base = [min(np.delete(np.asarray(size), axis)) / size[axis] for _, axis in turns]
    area = [-float(np.prod(np.delete(np.asarray(size), axis))) for _, axis in turns]
    order = sorted(range(6), key=lambda k: (area[k], k))
    return tuple(turns[k][0] for k in order if base[k] > 0.4 or k < 2)


def _cell(size: Sequence[float]) -> float:
    """5 to 12 mm: fine enough to be dented, and some eight thousand triangles at most."""
    x, y, z = size
    return float(np.clip(np.sqrt((x * y + y * z + x * z) * 4 / 8000), 0.005, 0.012))


def _folds(board: Board, side: str, style: str, tail: float) -> tuple[Fold, ...]:
    """The flaps of an opening: "seal" is four, the longer pair on top; "tuck" one great one over two small."""
    place = frame(board.size, side)
    lying = place.width >= place.height
    long, short = (("up", "down"), ("left", "right")) if lying else (("left", "right"), ("up", "down"))
    deep = min(place.width, place.height)
    if style == "seal":
        half = deep / 2 - 0.0006
        inner = min(half, max(place.width, place.height) / 2 - 0.0006)
        return (
            Fold(name="flap_0", edge=long[0], length=half),
            Fold(name="flap_1", edge=long[1], length=half),
            Fold(name="flap_2", edge=short[0], length=inner, layer=1),
            Fold(name="flap_3", edge=short[1], length=inner, layer=1),
        )
    wing = min(deep * 0.9, max(place.width, place.height) * 0.45) * tail
    great = "up" if side == "front" and lying else "up" if side == "top" else long[0]
    across = short if great in long else long
    full = (place.height if great in {"up", "down"} else place.width) - board.radius * 0.3 - 0.0004
    return (
        Fold(name="flap_0", edge=great, length=full),
        Fold(name="flap_1", edge=across[0], length=wing, layer=1),
        Fold(name="flap_2", edge=across[1], length=wing, layer=1),
    )


def _tape(board: Board, material: int, rng: Random) -> tuple[Mesh, Mesh, Mesh]:
    """A strip along the seam of the top, a little way down both ends.

    Returns:
        What sticks to the first long flap, to the second, and to the body: whoever opens the carton slits the tape.
    """
    x, y, z = board.size
    along_x = x >= y
    width, half = rng.uniform(0.042, 0.052), (x if along_x else y) / 2
    over, lift = min(rng.uniform(0.035, 0.06), z * 0.6), 0.0004
    shift, slant = rng.normal(0, 0.002), rng.normal(0, 0.004)

    def strip(path: Array, low: float, high: float, v: tuple[float, float]) -> Mesh:
        side = np.linspace(high, low, 5)[:, None] + slant * (path[:, 0] / half)[None]
        a, b = np.broadcast_to(path[:, 0], side.shape), np.broadcast_to(path[:, 1], side.shape)
        points = np.stack([a, side, b] if along_x else [-side, a, b], -1)
        u = np.linspace(0, 1, len(path))
        return grid(points, material, uv=np.stack(np.meshgrid(u, np.linspace(v[0], v[1], 5)), -1))

    flat = spaced(-half + board.radius * 0.7, half - board.radius * 0.7, 0.006)
    level = np.stack([flat, np.full(len(flat), z / 2 + lift)], 1)
    up, down = width / 2 + shift, -width / 2 + shift
    hang = np.linspace(over, board.radius * 0.3, 7)
    ends = [
        np.stack([np.full(7, end * (half + lift)), z / 2 - (hang if end < 0 else hang[::-1])], 1)
        for end in (-1, 1)
    ]
    return (
        strip(level, 0.0, up, (0, 0.5)),
        strip(level, down, 0.0, (0.5, 1)),
        Mesh.joined([strip(path, down, up, (0, 1)) for path in ends]),
    )


def _materials(design: Design, rng: Random, *, kraft: bool) -> list[Material]:
    """Front, back, side, end, inside, tape."""
    x, y, z = design.size
    own = own_random(design, 11)
    board = (
        colour((176, 138, 98))
        if kraft
        else colour(own.choice([[188, 182, 172], [205, 200, 192], [160, 138, 112]]))
    )
    coat = float(own.uniform(0.28, 0.5))
    surface = {
        "roughness": 0.8 if kraft else coat,
        "specular": 0.02 if kraft else 0.04,
        "inside": shade(board, 0.9),
    }
    # Corrugated board shows its flutes a little; printed card is all but smooth.
    rows = 200
    flute = np.sin(np.arange(rows) / rows * np.pi * 2 * y / 0.007)[:, None] * np.ones((1, 8))
    bump = (flute * (0.03 if kraft else 0.0) + noise(rng, (rows, 8), (24, 3)) * 0.02).astype(np.float32)
    return [
        printed(design, "front", (x, y), bump=bump, **surface),
        printed(design, "back", (x, y), bump=bump, **surface),
        printed(design, "side", (z, y), **surface),
        printed(design, "top", (x, z), **surface),
        Material(name="board", albedo=shade(board, 0.85), roughness=0.85, specular=0.02),
        Material(
            name="tape",
            albedo=colour((190, 150, 98)) if own.random() < 0.6 else colour((225, 215, 195)),
            opacity=float(own.choice([0.75, 0.3])),
            roughness=0.2,
            specular=0.05,
            bump=(noise(rng, (16, 200), (3, 40)) * 0.05).astype(np.float32),
        ),
    ]


def box(design: Design, rng: Random) -> Item:
    """A folding box of printed card, or a kraft carton for shipping."""
    size = design.size
    own = own_random(design, 12)
    corrugated = design.kind == "carton"
    board = Board(
        size=size,
        radius=min(0.0022 if corrugated else 0.0012, min(size) * 0.1),
        thickness=min(0.003 if corrugated else 0.0006, min(size) * 0.05),
        cell=_cell(size),
    )
    lid = "front" if corrugated or own.random() < 0.35 else "top"
    style = "seal" if corrugated else "tuck" if own.random() < 0.7 else "seal"
    materials = _materials(design, rng, kraft=corrugated)
    numbers = {"front": 0, "back": 1, "left": 2, "right": 2, "top": 3, "bottom": 3}
    parts = [Part(name="body", role="shell", mesh=shell(board, lid, numbers, 4))]
    folds = _folds(board, lid, style, float(own.uniform(0.7, 1.0)))
    parts += [flap(board, lid, fold, (4 if fold.layer else numbers[lid], 4)) for fold in folds]
    if corrugated:
        stuck = _tape(board, 5, rng)
        # What is stuck to a flap turns with it.
        for name, mesh in zip(("flap_0", "flap_1", "body"), stuck, strict=True):
            place = next(k for k, part in enumerate(parts) if part.name == name)
            parts[place] = replace(parts[place], mesh=Mesh.joined([parts[place].mesh, mesh]))
    bulge = rng.uniform(-0.2, 1.0, 3) * np.minimum(0.0025 if corrugated else 0.0018, np.asarray(size) * 0.03)
    return Item(
        parts=tuple(swollen(part, size, bulge) for part in parts),
        materials=tuple(materials),
        contents=design.contents,
        rests=box_rests(size),
        soft=0.1 if corrugated else 0.15,
    )
