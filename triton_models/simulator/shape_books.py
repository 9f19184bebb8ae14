"""Books: a block of pages between covers, and the same shrunk into clear film."""

from dataclasses import dataclass

import numpy as np

from triton_models.simulator.catalogue import Design
from triton_models.simulator.shape_boxes import block, frame
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
from triton_models.simulator.things import Floats, Hinge, Item, Material, Mesh, Part, Random

CELL = 0.007
"""Cell of a cover's grid, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """How a book is made, metres: board or card thickness, overhang over the pages, and whether it is a hard cover."""

    size: tuple[float, float, float]
    board: float
    overhang: float
    hard: bool


def binding_of(design: Design) -> Binding:
    """Hard or soft, always the same for one title."""
    own = own_random(design, 41)
    hard = own.random() < (0.55 if design.size[2] > 0.016 else 0.2)
    if hard:
        return Binding(size=design.size, board=0.0026, overhang=float(own.uniform(0.0025, 0.004)), hard=True)
    return Binding(size=design.size, board=0.0005, overhang=0.0, hard=False)


def _pages(binding: Binding, rng: Random) -> Mesh:
    """The block: three sides of cut paper, the fore-edge a little hollow."""
    x, y, z = binding.size
    spine = 0.004 if binding.hard else 0.0008
    size = np.array([x - spine - binding.overhang, y - 2 * binding.overhang, z - 2 * binding.board - 0.0004])
    mesh = block(
        tuple(size), 0.0004, CELL, {"right": 3, "top": 4, "bottom": 4, "front": 5, "back": 5, "left": 5}
    )
    points = mesh.vertices
    fore = ramp(points[:, 0], 0, size[0] / 2)
    hollow = (0.0012 if binding.hard else 0.0) * (1 - (points[:, 2] / size[2] * 2) ** 2)
    points[:, 0] += (spine - binding.overhang) / 2 - fore * hollow + rng.normal(0, 0.0002)
    return mesh


def _paper(rng: Random, *, hard: bool) -> tuple[Material, Material, Material]:
    """Fore-edge, head and tail, and the face of a page."""
    tone = np.array([236, 228, 208]) if rng.random() < 0.5 else np.array([240, 238, 232])
    lines = rng.normal(0, 1, (1, 180)) * 9 + noise(rng, (60, 180), (4, 60)) * 5
    fore = np.clip(tone[None, None] * 0.94 + lines[..., None], 0, 255).astype(np.uint8)
    bump = (lines * 0.004).astype(np.float32)
    # Head and tail have their lines across the width of their side; those of the fore-edge run down.
    head, rise = np.ascontiguousarray(np.swapaxes(fore, 0, 1)), np.ascontiguousarray(bump.T)
    rough = 0.9
    return (
        Material(name="fore_edge", albedo=fore, roughness=rough, specular=0.02, bump=bump),
        Material(name="head", albedo=head, roughness=rough, specular=0.02, bump=rise),
        Material(name="page", albedo=colour(tone if hard else tone * 0.97), roughness=rough, specular=0.02),
    )


def _hard(binding: Binding, angle: float) -> list[Part]:
    """Back board and spine as the body, the front board as a flap."""
    x, y, z = binding.size
    t, joint = binding.board, 0.007
    cover_size = (x - joint, y, t)
    front = block(
        cover_size, 0.0009, CELL, {"front": 0, "back": 6, "left": 0, "right": 7, "top": 7, "bottom": 7}
    )
    back = block(
        cover_size, 0.0009, CELL, {"front": 6, "back": 1, "left": 7, "right": 1, "top": 7, "bottom": 7}
    )
    lift = np.array([joint / 2, 0, z / 2 - t / 2], np.float32)
    # The cloth of the spine: over both joints, which are grooves, and round the back.
    rows = spaced(y / 2, -y / 2, CELL)
    curve = np.linspace(-1, 1, 15)
    swell = 0.0025 * (1 - curve**2)
    path = np.concatenate(
        [
            [
                [-x / 2 + joint + 0.0006, -z / 2 + 0.0002],
                [-x / 2 + 0.0045, -z / 2 + 0.0016],
                [-x / 2 + 0.002, -z / 2 + 0.0004],
            ],
            np.stack([-x / 2 + 0.0005 - swell + 0.0015, curve * (z / 2 - 0.0006)], 1),
            [
                [-x / 2 + 0.002, z / 2 - 0.0004],
                [-x / 2 + 0.0045, z / 2 - 0.0016],
                [-x / 2 + joint + 0.0006, z / 2 - 0.0002],
            ],
        ]
    )
    spine = np.stack(
        [
            np.broadcast_to(path[None, :, 0], (len(rows), len(path))),
            np.broadcast_to(rows[:, None], (len(rows), len(path))),
            np.broadcast_to(path[None, :, 1], (len(rows), len(path))),
        ],
        -1,
    )
    shift = np.array([joint / 2, 0, -z / 2 + t / 2], np.float32)
    body = Mesh.joined([back.moved(np.eye(3), shift), grid(spine, 2)])
    hinge = np.array([-x / 2 + joint * 0.5, 0, z / 2 - t])
    return [
        Part(name="body", role="shell", mesh=body),
        _cover(front.moved(np.eye(3), lift), hinge, angle),
    ]


def _soft(binding: Binding, angle: float, curl: float) -> list[Part]:
    """One card round three sides: back and spine as the body, the front as a flap that curls a little."""
    x, y, z = binding.size
    t = binding.board
    rows = spaced(y / 2, -y / 2, CELL)
    across = spaced(-x / 2, x / 2, CELL)
    px, py = np.meshgrid(across, rows)
    free = np.clip((px + x / 2 - 0.006) / (x - 0.006), 0, 1)
    top = np.stack([px, py, z / 2 + curl * free**2.5], -1)
    low = np.stack([px, py, np.full_like(px, -z / 2)], -1)[:, ::-1]
    depth = np.linspace(-z / 2, z / 2, max(5, round(z / 0.004)))
    sx = -x / 2 - 0.0004 * (1 - (depth / z * 2) ** 2)
    spine = np.stack(
        [
            np.broadcast_to(sx[None], (len(rows), len(depth))),
            np.broadcast_to(rows[:, None], (len(rows), len(depth))),
            np.broadcast_to(depth[None], (len(rows), len(depth))),
        ],
        -1,
    )
    body = welded(grid(low, 1, smooth=2), grid(spine, 2, smooth=3))
    hinge = np.array([-x / 2 + 0.001, 0, z / 2 - t])
    return [Part(name="body", role="shell", mesh=body), _cover(grid(top, 0), hinge, angle)]


def _cover(mesh: Mesh, hinge: Array, angle: float) -> Part:
    """The front cover, opened by a small angle (radians): no book lies quite shut."""
    c, s = np.cos(angle), np.sin(angle)
    # Towards the reader: about -y, so that the fore-edge (+x) comes up.
    turned = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    return Part(
        name="cover",
        role="flap",
        mesh=mesh.moved(turned, hinge - turned @ hinge),
        hinge=Hinge(
            point=hinge.astype(np.float32),
            axis=np.array([0, -1, 0], np.float32),
            limit=float(np.deg2rad(165)),
        ),
    )


def _film(design: Design, rng: Random, crumple: float) -> Mesh:
    """Shrunk film: taut over edges, puffed where corners of it stand off."""
    x, y, z = design.size
    size = (x + 0.0022, y + 0.0022, z + 0.0022)
    sides = dict.fromkeys(("front", "back", "left", "right", "top", "bottom"), 8)
    mesh = block(size, min(0.003, z * 0.3), 0.0062, sides)
    points = mesh.vertices
    half = np.asarray(size) / 2
    place = points / half
    corner = np.clip(np.abs(place[:, 0] * place[:, 1]), 0, 1) ** 6
    ear = rng.uniform(0.0008, 0.003) * (1 + crumple)
    points[:, :2] += np.sign(points[:, :2]) * (corner * ear)[:, None]
    points[:, 2] *= 1 - 0.55 * corner[:]
    top = np.clip(np.abs(place[:, 2]) * 1.02 - 0.02, 0, 1) ** 8
    waves = noise(rng, (40, 40), (7, 7)) * 0.0004 + (creases(rng, (40, 40), 8, 2) - 0.4) * 0.0022 * (
        0.15 + crumple
    )
    waves = waves - waves.min() * 0.5
    column = np.clip(((place[:, 0] + 1) / 2 * 39).astype(int), 0, 39)
    row = np.clip(((1 - place[:, 1]) / 2 * 39).astype(int), 0, 39)
    points[:, 2] += np.sign(place[:, 2]) * top * waves[row, column] * (1 - corner)
    return mesh


def _wrinkles(rng: Random, crumple: float) -> Floats:
    """Taut film wrinkles from its corners inward, in millimetres, (320, 320)."""
    v, u = np.meshgrid(np.linspace(0, 1, 320), np.linspace(0, 1, 320), indexing="ij")
    out = (creases(rng, (320, 320), 26, 2) - 0.4) * (0.12 + 0.8 * crumple)
    for cx, cy in ((0, 0), (0, 1), (1, 0), (1, 1)):
        away = np.hypot(u - cx, v - cy)
        angle = np.arctan2(v - cy, u - cx)
        fan = np.interp(angle.ravel(), np.linspace(-np.pi, np.pi, 240), rng.normal(0, 1, 240)).reshape(
            angle.shape
        )
        out = out + fan * np.exp(-((away / rng.uniform(0.12, 0.3)) ** 2)) * 0.3
    return out.astype(np.float32)


def book(design: Design, rng: Random, crumple: float) -> Item:
    """A book; `wrapped_book` comes in film."""
    x, y, _ = design.size
    binding = binding_of(design)
    own = own_random(design, 42)
    wrapped = design.kind == "wrapped_book"
    angle = 0.0 if wrapped else abs(rng.normal(0, 0.004 if binding.hard else 0.006))
    curl = 0.0 if wrapped else abs(rng.normal(0, 0.0015)) + 0.004 * crumple
    covers = _hard(binding, angle) if binding.hard else _soft(binding, angle, curl)
    gloss = float(own.uniform(0.16, 0.5))
    cloth = (
        (noise(rng, (200, 140), (100, 70)) * 0.02).astype(np.float32)
        if binding.hard and gloss > 0.35
        else None
    )
    skin = {"roughness": gloss, "specular": 0.045, "inside": colour((238, 236, 230))}
    if cloth is not None:
        skin["bump"] = cloth
    spine = frame(design.size, "left")
    tone = shade(design.palette[0], 0.92)
    materials = [
        printed(design, "front", (x, y), **skin),
        printed(design, "back", (x, y), **skin),
        printed(design, "spine", (spine.width, spine.height), **skin),
        *_paper(rng, hard=binding.hard),
        Material(name="endpaper", albedo=colour((232, 228, 216)), roughness=0.85, specular=0.02),
        Material(name="turn_in", albedo=tone, roughness=gloss),
    ]
    parts = [*covers, Part(name="pages", role="pages", mesh=_pages(binding, rng))]
    if wrapped:
        materials.append(
            Material(
                name="film",
                albedo=colour((240, 242, 244)),
                opacity=0.08,
                roughness=0.08,
                specular=0.05,
                bump=_wrinkles(rng, crumple),
            )
        )
        parts.append(Part(name="film", role="film", mesh=_film(design, rng, crumple)))
    return Item(
        parts=tuple(parts),
        materials=tuple(materials),
        contents=design.contents,
        rests=(turn("x", 0), turn("y", 180)),
        soft=0.2 if wrapped else 0.1,
    )
