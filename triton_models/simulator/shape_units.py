"""What packs hold: small things simple enough to draw many of, and plain enough to be known at a glance."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from triton_models.simulator.catalogue import Design
from triton_models.simulator.shape_boxes import block
from triton_models.simulator.shape_tools import (
    Array,
    colour,
    finer,
    grid,
    own_random,
    printed,
    revolved,
    ring,
    shade,
)
from triton_models.simulator.things import Bytes, Material, Mesh

Size = tuple[float, float, float]

WORDS = {
    "razor": ("razor", "blade"),
    "battery": ("batter",),
    "pen": ("pen", "pencil", "marker"),
    "brush": ("brush",),
    "car": ("car", "toy"),
    "stick": ("glue", "lip", "balm"),
    "drill": ("drill", "bit", "screw", "nail"),
    "tin": ("tuna", "fish"),
    "can": ("tomato", "bean", "cola", "energy"),
    "bottle": ("water", "drink", "juice", "lemonade"),
    "roll": ("roll",),
    "box": ("soap", "tissue"),
}
"""Parts of a title that say what a unit is."""

PROPORTION = {
    "razor": (0.5, 0.32),
    "battery": (3.4, 1.0),
    "pen": (13.0, 1.0),
    "brush": (14.0, 1.1),
    "car": (0.46, 0.42),
    "stick": (4.2, 1.0),
    "drill": (12.0, 1.0),
    "bottle": (3.0, 1.0),
    "can": (1.75, 1.0),
    "tin": (0.6, 1.0),
    "roll": (2.0, 1.0),
    "box": (1.5, 0.6),
}
"""Height and depth of a unit over its width."""


def sort_of(design: Design, fallback: tuple[str, ...]) -> str:
    """What the units of a product are, told by its title; else one of `fallback`, always the same."""
    title = design.title.lower()
    for sort, words in WORDS.items():
        if any(word in title for word in words):
            return sort
    return str(own_random(design, 51).choice(list(fallback)))


def _turned(profile: list[tuple[float, float]], size: Size, material: int, columns: int = 26) -> Mesh:
    """An outline in shares (radius of half the width, height from -0.5 to 0.5), from the top down."""
    x, y, z = size
    outline = np.array(profile) * np.array([x / 2, y])
    return revolved(finer(outline, max(y / 14, 0.004)), material, flat=z / x, columns=columns)


def _placed(mesh: Mesh, x: float, y: float, z: float = 0.0) -> Mesh:
    return mesh.moved(np.eye(3), np.array([x, y, z], np.float32))


def _along(design: Design, bands: list[tuple[float, Array | tuple[int, int, int]]]) -> Bytes:
    """A picture of bands one above the other: (share of the height where each ends, colour)."""
    out = np.zeros((200, 64, 3), np.uint8)
    start = 0.0
    for end, tone in bands:
        out[round(start * 200) : round(end * 200)] = colour(tone)
        start = end
    cv2.putText(
        out, design.brand[:6], (2, 120), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1, cv2.LINE_AA
    )
    return out


def razor(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A cartridge: a frame, four blades across it, a strip that glides."""
    x, y, z = size
    face = np.zeros((90, 180, 3), np.uint8)
    face[:] = colour((46, 48, 54))
    for k in range(4):
        face[30 + k * 13 : 35 + k * 13, 8:172] = colour((206, 210, 216))
        face[35 + k * 13 : 37 + k * 13, 8:172] = colour((18, 18, 20))
    face[7:22, 8:172] = colour(design.palette[2])
    body = block(
        size, min(size) * 0.28, 0.004, {"front": 0, "back": 1, "left": 1, "right": 1, "top": 1, "bottom": 1}
    )
    grip = block(
        (x * 0.34, y * 0.3, z * 0.7), z * 0.1, 0.004, dict.fromkeys(("front", "left", "right", "bottom"), 1)
    )
    mesh = Mesh.joined([body, _placed(grip, 0, -y * 0.55)])
    return mesh, [
        Material(name="blades", albedo=face, roughness=0.25, specular=0.08),
        Material(name="frame", albedo=colour(design.palette[1]), roughness=0.4),
    ]


def battery(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A round cell with its pole."""
    pole = [
        (0, 0.5),
        (0.3, 0.5),
        (0.34, 0.49),
        (0.34, 0.462),
        (0.92, 0.462),
        (1, 0.45),
        (1, -0.485),
        (0.94, -0.5),
        (0, -0.5),
    ]
    top = np.array([188, 112, 60])
    wrap = _along(
        design, [(0.09, (205, 205, 208)), (0.3, top), (0.97, design.palette[1]), (1.0, (200, 200, 204))]
    )
    return _turned(pole, size, 0), [Material(name="battery", albedo=wrap, roughness=0.22, specular=0.08)]


def pen(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A ball pen with cap and clip, point down."""
    x, y, z = size
    barrel = [(0, 0.1), (0.78, 0.1), (0.78, -0.4), (0.72, -0.42), (0.3, -0.49), (0.1, -0.5), (0, -0.5)]
    cap = [(0, 0.5), (0.8, 0.495), (0.95, 0.48), (1, 0.1), (0.8, 0.1)]
    clip = block(
        (x * 0.3, y * 0.3, z * 0.14),
        z * 0.05,
        0.006,
        dict.fromkeys(("front", "left", "right", "bottom", "top"), 1),
    )
    mesh = Mesh.joined([_turned(barrel, size, 0), _turned(cap, size, 1), _placed(clip, 0, y * 0.3, z * 0.54)])
    return mesh, [
        Material(name="barrel", albedo=colour((236, 236, 232)), roughness=0.25),
        Material(name="cap", albedo=colour(design.palette[2]), roughness=0.22),
    ]


def brush(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A toothbrush: a handle with a waist, a head with bristles in two colours."""
    x, y, z = size
    t = np.linspace(0.5, -0.5, 26)
    wide = np.interp(
        t,
        [-0.5, -0.47, -0.3, 0.05, 0.2, 0.32, 0.36, 0.47, 0.5],
        [0.3, 0.8, 0.9, 0.8, 0.42, 0.38, 0.9, 0.9, 0.3],
    )
    handle = ring(wide * x / 2, np.minimum(wide, 0.6) * z * 0.4, t * y, np.linspace(-np.pi, np.pi, 19))
    bristle = np.zeros((60, 20, 3), np.uint8)
    bristle[:] = colour((244, 246, 248))
    bristle[12:22] = bristle[38:48] = colour(design.palette[2])
    tuft = block(
        (x * 0.7, y * 0.13, z * 0.6), 0.001, 0.003, {"front": 1, "left": 1, "right": 1, "top": 1, "bottom": 1}
    )
    mesh = Mesh.joined([grid(handle, 0), _placed(tuft, 0, y * 0.415, z * 0.32)])
    return mesh, [
        Material(name="handle", albedo=colour(design.palette[1]), roughness=0.25),
        Material(name="bristles", albedo=bristle, roughness=0.8),
    ]


def car(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A little car seen from above: body, dark windows, four wheels."""
    x, y, z = size
    sides = ("front", "left", "right", "top", "bottom", "back")
    body = block((x, y * 0.84, z * 0.55), z * 0.16, 0.005, dict.fromkeys(sides, 0))
    cabin = block((x * 0.5, y * 0.7, z * 0.42), z * 0.13, 0.004, {"front": 0} | dict.fromkeys(sides[1:5], 1))
    wheel = _turned(
        [(0, 0.5), (0.9, 0.5), (1, 0.4), (1, -0.4), (0.9, -0.5), (0, -0.5)],
        (z * 0.46, y * 0.14, z * 0.46),
        2,
        16,
    )
    wheels = [_placed(wheel, sx * x * 0.3, sy * y * 0.43, -z * 0.2) for sx in (-1, 1) for sy in (-1, 1)]
    mesh = Mesh.joined([body, _placed(cabin, -x * 0.05, 0, z * 0.3), *wheels])
    return mesh, [
        Material(name="paint", albedo=colour(design.palette[2]), roughness=0.15, specular=0.07),
        Material(name="window", albedo=colour((28, 32, 40)), roughness=0.1, specular=0.08),
        Material(name="tyre", albedo=colour((24, 24, 26)), roughness=0.8),
    ]


def stick(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A glue stick: a printed barrel under a cap."""
    barrel = [(0, 0.2), (0.94, 0.2), (0.94, -0.42), (1, -0.42), (1, -0.5), (0, -0.5)]
    cap = [(0, 0.5), (0.82, 0.5), (0.96, 0.48), (1, 0.2), (0.9, 0.2)]
    wrap = _along(design, [(0.1, (240, 240, 238)), (0.85, design.palette[1]), (1.0, (240, 240, 238))])
    return Mesh.joined([_turned(barrel, size, 0), _turned(cap, size, 1)]), [
        Material(name="barrel", albedo=wrap, roughness=0.3),
        Material(name="cap", albedo=colour(design.palette[2]), roughness=0.25),
    ]


def drill(_: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A twist drill: a shank, a shaft with two flutes, a point."""
    body = [(0, 0.5), (0.4, 0.49), (0.9, 0.44), (0.9, -0.12), (1, -0.12), (1, -0.49), (0.9, -0.5), (0, -0.5)]
    v, u = np.meshgrid(np.linspace(0, 1, 240), np.linspace(0, 1, 64), indexing="ij")
    flute = (np.sin((u * 2 + v * 9) * 2 * np.pi) > 0.1) & (v < 0.6)
    steel = np.where(flute[..., None], colour((70, 70, 74)), colour((176, 178, 182))).astype(np.uint8)
    bump = cv2.GaussianBlur(flute.astype(np.float32) * -0.5, (5, 5), 0)
    return _turned(body, size, 0), [
        Material(name="steel", albedo=steel, roughness=0.3, specular=0.1, metal=True, bump=bump),
    ]


def drink(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A small bottle with its label and cap."""
    x, y, _ = size
    body = [
        (0.4, 0.42),
        (0.42, 0.36),
        (0.6, 0.3),
        (0.92, 0.2),
        (1, 0.14),
        (1, -0.44),
        (0.92, -0.5),
        (0, -0.49),
    ]
    cap = [(0, 0.5), (0.4, 0.5), (0.46, 0.49), (0.46, 0.41), (0.4, 0.405)]
    wrap = [(1.012, 0.1), (1.012, -0.26)]
    clear = design.contents.kind == "liquid"
    inner = [(0, 0.2), (0.86, 0.16), (0.95, 0.1), (0.95, -0.44), (0.86, -0.48), (0, -0.48)]
    meshes = [_turned(body, size, 0), _turned(cap, size, 1), _turned(wrap, size, 2)]
    if clear:
        meshes.append(_turned(inner, size, 3))
    return Mesh.joined(meshes), [
        Material(
            name="bottle", albedo=colour((206, 224, 232)), opacity=0.25 if clear else 1.0, roughness=0.08
        ),
        Material(name="cap", albedo=colour(design.palette[2]), roughness=0.3),
        printed(design, "label", (np.pi * x, y * 0.36), roughness=0.3, inside=shade((230, 230, 230), 1)),
        Material(name="content", albedo=colour(design.contents.colour), opacity=0.6, roughness=0.2),
    ]


def can(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A tin or drink can with beaded ends."""
    x, y, _ = size
    low = y / x < 1.3
    neck = 1.0 if low else 0.82
    ends = [(0, 0.485), (neck - 0.06, 0.485), (neck - 0.04, 0.5), (neck, 0.5), (neck, 0.485)]
    foot = [(neck, -0.485), (neck, -0.5), (neck - 0.04, -0.5), (neck - 0.08, -0.48), (0, -0.48)]
    body = [(neck - 0.01, 0.487), (0.985, 0.43), (0.985, -0.43), (neck - 0.01, -0.487)]
    meshes = [_turned(ends, size, 0), _turned(foot, size, 0), _turned(body, size, 1)]
    return Mesh.joined(meshes), [
        Material(name="tin", albedo=colour((206, 208, 212)), roughness=0.28, specular=0.1, metal=True),
        printed(design, "label", (np.pi * x, y), roughness=0.22, specular=0.06),
    ]


def roll(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A paper roll with its tube, quilted."""
    outside = [(0.36, 0.5), (0.98, 0.5), (1, 0.49), (1, -0.49), (0.98, -0.5), (0.36, -0.5)]
    core = [(0.36, -0.5), (0.36, 0.5)]
    v, u = np.meshgrid(np.linspace(0, 1, 160), np.linspace(0, 1, 200), indexing="ij")
    quilt = (np.abs(np.sin((u * 9 + v * 7) * np.pi)) * np.abs(np.sin((u * 9 - v * 7) * np.pi))).astype(
        np.float32
    )
    paper = np.full((160, 200, 3), colour((244, 243, 240)))
    paper[quilt > 0.93] = colour(np.asarray(design.palette[2]) * 0.5 + 120)
    return Mesh.joined([_turned(outside, size, 0), _turned(core, size, 1)]), [
        Material(name="paper", albedo=paper, roughness=0.95, specular=0.01, bump=quilt * 0.8),
        Material(name="core", albedo=colour((176, 142, 104)), roughness=0.9, specular=0.02),
    ]


def carton(design: Design, size: Size) -> tuple[Mesh, list[Material]]:
    """A little printed box."""
    x, y, z = size
    sides = {"front": 0, "back": 0, "left": 1, "right": 1, "top": 2, "bottom": 2}
    return block(size, min(size) * 0.04, 0.009, sides), [
        printed(design, "front", (x, y), roughness=0.35),
        printed(design, "side", (z, y), roughness=0.35),
        printed(design, "top", (x, z), roughness=0.35),
    ]


MAKERS: dict[str, Callable[[Design, Size], tuple[Mesh, list[Material]]]] = {
    "razor": razor,
    "battery": battery,
    "pen": pen,
    "brush": brush,
    "car": car,
    "stick": stick,
    "drill": drill,
    "bottle": drink,
    "can": can,
    "tin": can,
    "roll": roll,
    "box": carton,
}


def unit(design: Design, sort: str, size: Size, first: int) -> tuple[Mesh, list[Material]]:
    """One unit around the origin, y up; its material numbers start at `first`."""
    mesh, materials = MAKERS[sort](design, size)
    return replace(mesh, material=(mesh.material + first).astype(np.int32)), materials
