"""Bottles, jars and tubes: outlines turned about an axis, with a cap that comes off and a label that wraps round."""

from dataclasses import dataclass

import numpy as np

from triton_models.simulator.art import Side
from triton_models.simulator.catalogue import Design
from triton_models.simulator.shape_tools import (
    Array,
    colour,
    displaced,
    finer,
    grid,
    noise,
    own_random,
    printed,
    ramp,
    revolved,
    ring,
    shade,
    turn,
    welded,
)
from triton_models.simulator.things import Floats, Item, Material, Mesh, Part, Random

STEP = 0.006
"""Longest edge of a turned surface, metres: fine enough to be dented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A vessel's measures in metres, the same for all units of a product.

    Attributes:
        profile: (N, 2) radius and y of the vessel, from its mouth down to the middle of its base.
        flat: Depth over width.
        power: 2 is round, more is boxy.
        cap: (M, 2) radius and y of the cap.
        band: y of the label's upper and lower edge.
        radius: Under the label.
    """

    profile: Array
    flat: float
    power: float
    cap: Array
    band: tuple[float, float]
    radius: float


def _shoulder(own: Random, wide: float, narrow: float, base: float, rise: float) -> Array:
    """From the neck (narrow) down to the body (wide): round, sloping, or swung like a wine bottle's."""
    t = np.linspace(0, 1, 12)
    sort = int(own.integers(3))
    if sort == 0:
        r, h = np.sin(t * np.pi / 2), np.cos(t * np.pi / 2)
    elif sort == 1:
        r, h = ramp(t, 0.0, 1.0), 1 - t
    else:
        r, h = t**0.7, (1 - t) ** 1.1
    return np.stack([narrow + (wide - narrow) * r, base + rise * h], 1)


def _cap(radius: float, low: float, high: float, dome: float) -> Array:
    edge = min(0.0015, (high - low) * 0.2)
    return np.array(
        [
            [0.0, high + dome],
            [radius * 0.5, high + dome * 0.8],
            [radius - edge, high],
            [radius, high - edge],
            [radius, low + edge * 0.3],
            [radius - edge * 0.3, low],
            [radius * 0.8, low],
        ]
    )


def bottle_outline(design: Design) -> Outline:
    """What the product's bottle looks like."""
    x, y, z = design.size
    own = own_random(design, 31)
    wide, top, low = x / 2, y / 2, -y / 2
    flat = z / x if z / x < 0.93 else 1.0
    cap_high = float(own.uniform(0.10, 0.15)) * y
    mouth = (
        wide * float(own.uniform(0.32, 0.45)) if own.random() < 0.65 else wide * float(own.uniform(0.5, 0.62))
    )
    mouth = min(mouth, z / 2 * 0.85)
    rise = float(own.uniform(0.10, 0.2)) * y
    neck = cap_high * float(own.uniform(0.05, 0.3))
    shoulder = top - cap_high - neck - rise
    waist = float(own.choice([0.0, 0.0, 0.05])) * wide
    foot = min(0.007, wide * 0.2)
    t = np.linspace(0, 1, 14)[1:-1]
    side = np.stack([wide - waist * np.sin(t * np.pi) ** 2, shoulder + (low + foot - shoulder) * t], 1)
    bend = np.linspace(0, np.pi / 2, 5)
    base = np.stack([wide - foot + foot * np.cos(bend), low + foot - foot * np.sin(bend)], 1)
    hollow = np.array([[wide * 0.6, low + 0.001], [wide * 0.3, low + 0.003], [0, low + 0.004]])
    inner = mouth * 0.78
    mouth_top = top - cap_high * 0.12
    rim = np.array([[inner, mouth_top - 0.012], [inner, mouth_top], [inner + 0.001, mouth_top + 0.0006]])
    threads = np.linspace(mouth_top, top - cap_high - neck, 9)
    thread = np.stack([mouth * 0.88 + 0.0007 * (np.arange(9) % 2), threads], 1)
    body = _shoulder(own, wide, mouth * 0.9, shoulder, rise)
    profile = np.concatenate([rim, thread, body, side, base, hollow])
    cap = _cap(mouth, top - cap_high, top, 0.0 if own.random() < 0.6 else 0.002)
    straight = shoulder - (low + foot)
    edge = straight * float(own.uniform(0.04, 0.1))
    return Outline(
        profile=profile,
        flat=flat,
        power=2.0 if flat > 0.9 else float(own.choice([2.0, 2.6])),
        cap=cap,
        band=(shoulder - edge, low + foot + edge),
        radius=wide - waist,
    )


def jar_outline(design: Design) -> Outline:
    """A wide mouth, a short shoulder, a lid nearly as wide as the jar."""
    x, y, z = design.size
    own = own_random(design, 32)
    wide, top, low = x / 2, y / 2, -y / 2
    lid_high = min(0.018, y * 0.2) * float(own.uniform(0.8, 1.3))
    mouth = wide * float(own.uniform(0.84, 0.96))
    foot = wide * float(own.uniform(0.1, 0.22))
    rise = y * float(own.uniform(0.03, 0.1))
    bend = np.linspace(0, np.pi / 2, 6)
    round_top = np.stack(
        [
            mouth * 0.95 + (wide - mouth * 0.95) * np.sin(bend),
            top - lid_high - rise * (1 - np.cos(bend)) - 0.001,
        ],
        1,
    )
    base = np.stack([wide - foot + foot * np.cos(bend), low + foot - foot * np.sin(bend)], 1)
    inner = mouth * 0.86
    profile = np.concatenate(
        [
            [
                [inner, top - 0.016],
                [inner, top - 0.003],
                [mouth * 0.92, top - 0.002],
                [mouth * 0.93, top - lid_high],
            ],
            round_top,
            base,
            [[wide * 0.55, low + 0.002], [0, low + 0.003]],
        ]
    )
    high, bottom = top - lid_high - rise - 0.002, low + foot
    edge = (high - bottom) * float(own.uniform(0.05, 0.14))
    return Outline(
        profile=profile,
        flat=z / x if z / x < 0.93 else 1.0,
        power=2.0,
        cap=_cap(mouth, top - lid_high, top, 0.0),
        band=(high - edge, bottom + edge),
        radius=wide,
    )


def _surface_radius(outline: Outline, y: Array) -> Array:
    """The vessel's radius at some heights."""
    outer = outline.profile[np.argmax(outline.profile[:, 0] > outline.radius * 0.7) :]
    return np.interp(y, outer[::-1, 1], outer[::-1, 0])


def _label(outline: Outline, rng: Random, numbers: tuple[int, ...], whole: float) -> list[Part]:
    """One label all round, or on a flat bottle one on either side."""
    high, low = outline.band
    tilt = rng.normal(0, 0.0006)
    rows = max(6, round((high - low) / STEP))
    along = np.linspace(high, low, rows) + rng.normal(0, 0.0006)
    radius = _surface_radius(outline, along) + 0.0004
    parts = []
    for k, number in enumerate(numbers):
        spin = rng.normal(0, 0.02) + np.pi * k
        theta = np.linspace(-whole, whole, 61 if len(numbers) == 1 else 33)
        points = ring(
            radius, radius * outline.flat + 0.0002 * (outline.flat < 1), along, theta + spin, outline.power
        )
        points[..., 1] += tilt * np.linspace(-1, 1, len(theta))[None]
        if len(numbers) == 1 and whole > 3:
            # The end of the wrap lies on its start.
            points *= 1 + np.where(np.abs(theta) > whole - 0.12, 0.0003, 0.0)[None, :, None] / outline.radius
        parts.append(Part(name=f"label_{k}", role="label", mesh=grid(points, number)))
    return parts


def _content(outline: Outline, fill: float, level: float, number: int) -> Mesh:
    """What is in it: the vessel's inside, up to a level where it lies still.

    Args:
        outline: The vessel.
        fill: Share of the height that is full when it stands.
        level: Metres above the axis where a liquid's surface is when it lies.
        number: Material.
    """
    start = int(np.argmax(outline.profile[:, 0] > outline.radius * 0.7))
    inside = finer(outline.profile[max(0, start - 4) :], STEP * 1.5).copy()
    inside[:, 0] = np.maximum(inside[:, 0] - 0.0018, 0)
    inside[:, 1] += 0.0008
    top = inside[:, 1].min() + (inside[:, 1].max() - inside[:, 1].min()) * fill
    inside = inside[inside[:, 1] <= top]
    lid = np.array([[0, inside[0, 1] + 0.0005], [inside[0, 0] * 0.5, inside[0, 1] + 0.0005]])
    mesh = revolved(np.concatenate([lid, inside]), number, flat=outline.flat, columns=40, power=outline.power)
    mesh.vertices[:, 2] = np.minimum(mesh.vertices[:, 2], level)
    return mesh


def _spins(degrees: list[float]) -> tuple[Floats, ...]:
    return tuple(turn("y", d) for d in degrees)


def _ribbed(outline: Outline, ribs: float) -> Mesh:
    """The cap, with grooves so deep (metres) all round to grip it by."""
    columns = 72
    cap = revolved(finer(outline.cap, STEP), 1, columns=columns)
    points = cap.vertices
    angle = np.arctan2(points[:, 0], points[:, 2])
    outside = np.hypot(points[:, 0], points[:, 2]) > outline.cap[:, 0].max() * 0.985
    grip = (np.round(angle / (2 * np.pi) * columns) % 2) * outside * ribs
    points[:, 0] -= np.sin(angle) * grip
    points[:, 2] -= np.cos(angle) * grip
    return cap


def vessel(design: Design, rng: Random) -> Item:
    """A bottle or a jar."""
    own = own_random(design, 33)
    is_jar = design.kind == "jar"
    outline = jar_outline(design) if is_jar else bottle_outline(design)
    kind = design.contents.kind
    creamy = sum(design.contents.colour) > 690 and kind == "liquid"
    glass = design.item_material == "other"
    clear = glass or (not creamy and own.random() < 0.55)
    columns = 60
    body = revolved(finer(outline.profile, STEP), 0, flat=outline.flat, columns=columns, power=outline.power)
    meshes = [body]
    if clear and kind != "none":
        level = outline.radius * outline.flat * (rng.uniform(0.75, 0.98) if kind == "liquid" else 0.99)
        meshes.append(_content(outline, rng.uniform(0.86, 0.95), level, 3))
    ribs = 0.00045 if own.random() < 0.6 and not (is_jar and glass) else 0.0
    cap = _ribbed(outline, ribs)
    two = outline.flat < 0.9
    high, low = outline.band
    ellipse = (
        np.pi
        * (3 * (1 + outline.flat) - np.sqrt((3 + outline.flat) * (1 + 3 * outline.flat)))
        * outline.radius
    )
    whole = 1.05 if two else float(own.choice([np.pi, 2.6, np.pi]))
    gloss = float(own.uniform(0.12, 0.3))
    paper = {"roughness": float(own.uniform(0.25, 0.6)), "inside": colour((235, 235, 230))}
    faces: list[tuple[Side, tuple[float, float]]] = (
        [("front", (outline.radius * 1.75, high - low)), ("back", (outline.radius * 1.75, high - low))]
        if two
        else [("label", (ellipse * whole / np.pi, high - low))]
    )
    tone = design.palette[int(own.choice([0, 1]))] if own.random() < 0.6 else (244, 244, 242)
    tint = (226, 236, 232) if own.random() < 0.75 else (120, 74, 30) if glass else (196, 222, 240)
    skin = Material(
        name="glass" if glass else "plastic",
        albedo=colour(tint if clear else tone),
        opacity=0.22 if clear else 1.0,
        roughness=0.07 if clear else gloss,
        specular=0.05,
        inside=None if clear else shade(tone, 0.8),
    )
    lid = (
        (200, 178, 110)
        if is_jar and glass and own.random() < 0.4
        else design.palette[int(own.choice([1, 2, 3]))]
    )
    if not is_jar and own.random() < 0.35:
        lid = (246, 246, 244)
    lid_material = Material(
        name="cap",
        albedo=colour(lid),
        roughness=0.3,
        specular=0.05,
        metal=bool(is_jar and glass and lid[0] == 200),
        inside=shade(lid, 0.7),
    )
    grainy = kind in {"granules", "powder"}
    content = Material(
        name="content",
        albedo=colour(design.contents.colour) if not grainy else _grains(design, rng),
        opacity=0.8 if kind == "liquid" and not creamy else 1.0,
        roughness=0.25 if kind == "liquid" else 0.9,
        specular=0.03,
    )
    materials = [skin, lid_material, Material(name="unused", albedo=colour(lid)), content]
    numbers = []
    for side, size in faces:
        numbers.append(len(materials))
        materials.append(printed(design, side, size, **paper))
    spin = rng.uniform(0, 2 * np.pi)
    turned = np.array([[np.cos(spin), 0, np.sin(spin)], [0, 1, 0], [-np.sin(spin), 0, np.cos(spin)]])
    parts = [
        Part(name="body", role="shell", mesh=Mesh.joined(meshes)),
        Part(name="cap", role="cap", mesh=cap.moved(turned, np.zeros(3)), loose=True),
        *_label(outline, rng, tuple(numbers), whole),
    ]
    x, y, _ = design.size
    rests = list(_spins([0, 180] if two else [0, 35, -35, 180, 95, -95]))
    if is_jar:
        rests[3:] = [turn("x", 90), turn("y", 180)]
    elif y < 2.2 * x:
        rests[-1:] = [turn("x", 90)]
    return Item(
        parts=tuple(parts),
        materials=tuple(materials),
        contents=design.contents,
        rests=tuple(rests),
        soft=0.0 if glass else 0.25 if not is_jar else 0.08,
    )


def _grains(design: Design, rng: Random) -> Array:
    """Grains or powder as seen through a wall: specks of light and dark."""
    grain = max(design.contents.grain, 0.0006)
    cells = (0.12 / grain, 0.2 / grain)
    speck = noise(rng, (300, 500), (min(cells[0], 290), min(cells[1], 490)))
    factor = 1 + np.clip(speck, -2, 2) * (0.28 if design.contents.kind == "granules" else 0.06)
    return np.clip(np.asarray(design.contents.colour)[None, None] * factor[..., None], 0, 255).astype(
        np.uint8
    )


def tube(design: Design, rng: Random, crumple: float) -> Item:
    """A squeeze tube: round where its cap is, crimped flat at the other end."""
    x, y, z = design.size
    own = own_random(design, 34)
    wide_cap = own.random() < 0.55
    cap_high = float(own.uniform(0.11, 0.17)) * y
    radius = z / 2
    low = -y / 2 + cap_high
    rows, columns = 70, 40
    v = np.linspace(0, 1, rows)
    along = y / 2 + (low - y / 2) * v
    t = np.clip((v - 0.07) / 0.93, 0, 1)
    used = rng.uniform(0.92, 1.0)
    depth = radius * used * np.sin(np.clip(t * rng.uniform(1.0, 1.15), 0, 1) * np.pi / 2) ** 0.85 + 0.0007
    depth[-4:] = radius + (depth[-4:] - radius) * np.linspace(0.6, 0, 4)
    flat = np.pi * radius / 2
    width = np.maximum(
        radius, flat * np.sqrt(np.clip(1 - 0.58 * (depth / radius) ** 2, 0, 1)) * (x / 2 / flat) ** (1 - t)
    )
    width = np.where(t > 0.9, radius + (width - radius) * (1 - ramp(t, 0.9, 1.0)), width)
    drift = noise(rng, (rows, 1), (4, 1))[:, 0] * (0.0006 + 0.0025 * crumple) * (1 - v)
    sheets = []
    for side in range(2):
        theta = np.linspace(-np.pi / 2, np.pi / 2, columns) + side * np.pi
        points = ring(width, depth, along, theta)
        dents = noise(rng, (rows, columns), (6, 3)) * (0.0003 + 0.0016 * crumple)
        dents = dents * np.cos(np.linspace(-np.pi / 2, np.pi / 2, columns))[None] * (1 - v[:, None])
        points = displaced(points, dents)
        points[..., 2] += drift[:, None]
        sheets.append(points)
    bump = (noise(rng, (200, 60), (12, 6)) * 0.05).astype(np.float32)
    rib = np.sin(np.arange(200) / 200 * y / 0.0016 * 2 * np.pi) * 0.12
    bump[:14] = rib[:14, None]
    skin = {
        "roughness": float(own.uniform(0.18, 0.42)),
        "specular": 0.05,
        "bump": bump,
        "inside": colour((225, 225, 225)),
    }
    cap_radius = radius * 0.97 if wide_cap else radius * 0.45
    shoulder = np.array(
        [
            [radius, low],
            [radius * 0.96, low - 0.0012],
            [radius * 0.42, low - 0.0012 - (0.001 if wide_cap else 0.006)],
            [radius * 0.34, low - 0.0075],
            [radius * 0.34, low - cap_high * 0.75],
            [radius * 0.18, low - cap_high * 0.75],
            [radius * 0.18, low - cap_high * 0.4],
        ]
    )
    gap = 0.0018 if wide_cap else 0.0075
    edge = 0.0015
    foot = -y / 2
    cap = np.array(
        [
            [cap_radius * 0.8, low - gap],
            [cap_radius, low - gap],
            [cap_radius * 0.98, foot + edge],
            [cap_radius * 0.98 - edge, foot],
            [0, foot],
        ]
    )
    lid = design.palette[int(own.choice([1, 2, 3]))] if own.random() < 0.6 else (245, 245, 244)
    materials = (
        printed(design, "front", (x, y - cap_high), **skin),
        printed(design, "back", (x, y - cap_high), **skin),
        Material(
            name="shoulder",
            albedo=shade(design.palette[0], 0.95),
            roughness=0.35,
            inside=colour((40, 40, 40)),
        ),
        Material(name="cap", albedo=colour(lid), roughness=0.28, specular=0.05, inside=shade(lid, 0.6)),
    )
    closed = [grid(points, k) for k, points in enumerate(sheets)]
    body = welded(*closed)
    return Item(
        parts=(
            Part(
                name="body",
                role="shell",
                mesh=Mesh.joined([body, revolved(finer(shoulder, STEP), 2, columns=40)]),
            ),
            Part(name="cap", role="cap", mesh=revolved(finer(cap, STEP), 3, columns=64), loose=True),
        ),
        materials=materials,
        contents=design.contents,
        rests=_spins([0, 180]),
        soft=0.45,
    )
