"""Penetration: holes, gashes and torn flaps, with fibres at the rim and what lies inside seen through them."""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from triton_models.simulator.damage_brush import Brush, Patch, painted
from triton_models.simulator.damage_dents import brittle, cracked
from triton_models.simulator.damage_surface import seen_frame
from triton_models.simulator.damage_tools import (
    Array,
    Bend,
    Bools,
    Frame,
    bent,
    face_normals,
    fibrous,
    grid_mesh,
    look_up,
    main_axes,
    noise_tile,
    seen_points,
)
from triton_models.simulator.things import CODES, Bytes, Floats, Ints, Item, Material, Mesh, Part, Random

CODE = CODES["penetration"]
Severity = Literal["minor", "major"]
FIBRE = np.array([233, 225, 207], np.float32)
DEPTH = 0.004
"""Metres below the surface to which a cut goes: what lies deeper is another layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The outline of what is torn, in the frame's plane.

    Attributes:
        frame: Where; for a flap, b = 0 is the line it hangs on and it reaches to b = width.
        shape: "hole" (round), "gash" (along a) or "flap".
        length: Metres along a.
        width: Metres along b.
        ragged: Metres that its edge wanders.
        tile: Noise of the edge.
        code: Damage code.
    """

    frame: Frame
    shape: Literal["hole", "gash", "flap"]
    length: float
    width: float
    ragged: float
    tile: Floats
    code: int

    @property
    def reach(self) -> float:
        """Metres from the frame's point that it touches."""
        return max(self.length / 2, self.width) + 0.012

    def outside(self, a: Array, b: Array) -> Floats:
        """Metres outside the torn region; negative within."""
        edge = self.ragged * look_up(self.tile, a, b, 0.035) + 0.35 * self.ragged * look_up(
            self.tile, b, a, 0.008
        )
        if self.shape == "hole":
            radius = np.hypot(a / self.length, b / self.width) * 2
            return np.asarray(((radius - 1) * 0.5 * min(self.length, self.width) + edge), np.float32)
        if self.shape == "gash":
            run = a / (self.length / 2)
            bow = 0.16 * self.length * (run**2) * np.sign(self.tile[0, 0]) + 0.6 * self.ragged * np.sin(
                9 * run
            )
            half = 0.5 * self.width * np.clip(1 - run**2, 0, 1) ** 0.7
            return np.asarray(
                (np.abs(b - bow) - half + edge * np.clip(1.1 - np.abs(run), 0.1, 1)), np.float32
            )
        # A flap: as wide as its hinge, narrowing to its tip.
        half = 0.5 * self.length * np.clip(1 - 0.55 * np.clip(b / self.width, 0, 1) ** 1.6, 0.1, 1)
        return np.asarray(np.maximum.reduce([np.abs(a) - half + edge, b - self.width + edge, -b]), np.float32)


def penetration(item: Item, severity: Severity, up: Floats, rng: Random) -> Item | None:
    """The item with a hole or tear; glass and hard plastic lose shards instead."""
    if brittle(item):
        return cracked(item, severity, up, rng, CODE)
    return torn(item, make_cut(item, severity, up, rng), rng)


def make_cut(item: Item, severity: Severity, up: Floats, rng: Random) -> Cut:
    """Where and how it is torn."""
    _, _, extents = main_axes(item, up)
    least = float(extents[1])
    shape: Literal["hole", "gash", "flap"] = ("hole", "gash", "flap")[int(rng.choice(3, p=(0.3, 0.3, 0.4)))]
    if severity == "minor":
        length = float(
            {
                "hole": rng.uniform(0.006, 0.011),
                "gash": rng.uniform(0.016, 0.032),
                "flap": rng.uniform(0.012, 0.02),
            }[shape]
        )
        width = float(
            {
                "hole": length * rng.uniform(0.7, 1.2),
                "gash": rng.uniform(0.0025, 0.004),
                "flap": length * rng.uniform(0.9, 1.5),
            }[shape]
        )
        ragged = 0.0011
    else:
        length = float(
            {
                "hole": rng.uniform(0.03, 0.055),
                "gash": rng.uniform(0.07, 0.13),
                "flap": rng.uniform(0.035, 0.06),
            }[shape]
        )
        width = float(
            {
                "hole": length * rng.uniform(0.6, 1.1),
                "gash": rng.uniform(0.01, 0.02),
                "flap": length * rng.uniform(0.9, 1.4),
            }[shape]
        )
        limit = {"hole": 0.5, "gash": 0.9, "flap": 0.5}[shape] * least / max(length, width)
        length, width = length * min(1.0, limit), width * min(1.0, limit)
        ragged = 0.0028
    return Cut(
        frame=seen_frame(item, up, rng, spread=65),
        shape=shape,
        length=length,
        width=width,
        ragged=float(min(ragged, 0.2 * width)),
        tile=noise_tile(rng, 0.35),
        code=CODE,
    )


def torn(item: Item, cut: Cut, rng: Random, *, lining: bool = True) -> Item:
    """The item with the cut in it: hole, rim, lips, hanging flap, and what is behind."""
    names = cut_layers(item, cut.frame)
    part = next(part for part in item.parts if part.name in names)
    brush = Brush(frame=cut.frame, reach=cut.reach, facing=0.25, names=names)
    source = painted(item, brush, lambda patch: only_inside(patch, cut))
    sheet = Sheet.of(source, names, cut.frame, cut.reach)
    holed = painted(item, brush, lambda patch: _open(patch, cut, paper=fibrous(item, patch.material)))
    extra: list[Part] = []
    materials = holed.materials
    if cut.shape == "flap":
        flap = _hanging(sheet, cut, rng)
        if flap is not None:
            fresh = source.materials[len(item.materials) :]
            shift = len(materials) - len(item.materials)
            numbers = np.where(flap.material >= len(item.materials), flap.material + shift, flap.material)
            extra.append(
                Part(
                    name=_name(item, "torn"),
                    role=part.role,
                    mesh=replace(flap, material=numbers.astype(np.int32)),
                )
            )
            materials = (*materials, *fresh)
    if lining:
        inner = _lining(item, sheet, cut, rng)
        if inner is not None:
            mesh, material = inner
            materials = (*materials, material)
            mesh = replace(mesh, material=np.full(len(mesh.faces), len(materials) - 1, np.int32))
            extra.append(Part(name=_name(item, "inside"), role="unit", mesh=mesh))
    holed = replace(holed, materials=materials)
    holed = _lips(holed, cut, names)
    return replace(holed, parts=(*holed.parts, *extra))


def _name(item: Item, stem: str) -> str:
    return f"{stem}_{len(item.parts)}"


def cut_layers(item: Item, frame: Frame) -> frozenset[str]:
    """The parts that a blow at the frame's point goes through: the topmost there and what clings to it.

    Pages and units stay whole: they are what one sees in the hole. A clear film is torn alone.
    """
    gaps: dict[str, float] = {}
    for part in item.parts:
        corners = frame.local(part.mesh.vertices)[part.mesh.faces]
        near = (corners.min(axis=1) <= 0.003).all(axis=1) & (corners.max(axis=1) >= -0.003).all(axis=1)
        if near.any():
            normal = np.cross(corners[near, 1] - corners[near, 0], corners[near, 2] - corners[near, 0])
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
            gaps[part.name] = float(np.abs((normal * corners[near, 0]).sum(axis=1)).min())
    if not gaps:
        return frozenset({item.parts[0].name})
    role = {part.name: part.role for part in item.parts}
    top = min(gaps, key=lambda name: gaps[name])
    if role[top] == "film":
        return frozenset({top})
    return frozenset(
        {top, *(name for name, gap in gaps.items() if gap < 0.0025 and role[name] not in {"pages", "unit"})}
    )


def _level(patch: Patch) -> Bools:
    """Texels that belong to the cut layer, not to one far below it."""
    return np.asarray(
        patch.there & (patch.at[..., 2] > -DEPTH - 0.5 * np.hypot(patch.at[..., 0], patch.at[..., 1]))
    )


def only_inside(patch: Patch, cut: Cut) -> None:
    """For the torn-out piece: there only within the outline."""
    outside = cut.outside(patch.at[..., 0], patch.at[..., 1])
    rim = np.exp(-((outside / 0.0012) ** 2))
    patch.blend(0.8 * rim, FIBRE)
    patch.alpha = np.where(patch.there & (outside > 0.0), 0.0, patch.alpha).astype(np.float32)
    patch.mark(outside <= 0.0, cut.code)


def _open(patch: Patch, cut: Cut, *, paper: bool) -> None:
    """For the item: a hole within the outline, and its rim."""
    level = _level(patch)
    a, b = patch.at[..., 0], patch.at[..., 1]
    outside = np.where(level, cut.outside(a, b), 1.0).astype(np.float32)
    fray = look_up(cut.tile, a + 0.01, b - 0.02, 0.012)
    if paper:
        # The printed ply comes off further than the board below it: a band of bare fibre.
        band = 0.0007 + 0.0016 * np.clip(0.5 + fray, 0, 1) + 0.35 * cut.ragged * np.clip(fray, 0, 1)
        bare = np.clip(1 - (outside - band) / 0.0004, 0, 1) * (outside > 0)
        patch.blend(bare, FIBRE * (1 - 0.14 * np.clip(fray, -0.3, 1)[..., None]))
        patch.bump += bare * (0.1 * fray - 0.15)
    else:
        rim = np.exp(-((outside / 0.0007) ** 2))
        stretch = np.exp(-np.clip(outside, 0, None) / 0.004) * np.clip(0.4 + fray, 0, 1)
        patch.blend(np.clip(0.85 * rim + 0.4 * stretch, 0, 1), patch.albedo + 0.75 * (255 - patch.albedo))
        patch.bump += 0.5 * np.exp(-np.clip(outside, 0, None) / 0.002) * fray
    patch.alpha = np.where(patch.there & (outside < 0), 0.0, patch.alpha).astype(np.float32)
    patch.mark(outside < 0.0025, cut.code)


def _lips(item: Item, cut: Cut, names: frozenset[str]) -> Item:
    """The rim bent: pushed in around a hole, raised on one side of a gash and sunk on the other."""
    size = min(cut.length, cut.width) if cut.shape != "gash" else cut.width
    height = float(np.clip(0.3 * size, 0.0012, 0.006))

    def move(at: Floats) -> Floats:
        shift = np.zeros_like(at)
        a, b = at[:, 0], at[:, 1]
        outside = cut.outside(a, b)
        share = np.exp(-np.clip(outside, 0, None) / (1.3 * height + 0.001)) * (
            at[:, 2] > -DEPTH - 0.5 * np.hypot(a, b)
        )
        wave = 0.6 + 0.6 * look_up(cut.tile, a, b, 0.05)
        side = -1.0 if cut.shape == "hole" else np.where(b > 0, 1.0, -0.7) if cut.shape == "gash" else 0.5
        shift[:, 2] = height * share * wave * side
        return shift

    edge = float(np.clip(size / 6, 0.0015, 0.004))
    return bent(item, Bend(frame=cut.frame, reach=cut.reach, edge=edge, code=cut.code, names=names), move)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The faces under a cut, seen along its frame's normal.

    Attributes:
        corners: (F, 3, 3) in the frame.
        uv: (F, 3, 2).
        material: (F,).
    """

    corners: Floats
    uv: Floats
    material: Ints

    @classmethod
    def of(cls, item: Item, names: frozenset[str], frame: Frame, reach: float) -> "Sheet":
        """Of the named parts, what looks along the normal within reach."""
        corners, uv, material = [], [], []
        for part in item.parts:
            if part.name not in names:
                continue
            local = frame.local(part.mesh.vertices)[part.mesh.faces]
            near = (local.min(axis=1)[:, :2] < reach).all(axis=1) & (local.max(axis=1)[:, :2] > -reach).all(
                axis=1
            )
            near &= face_normals(part.mesh) @ frame.axes[2] > 0.2
            corners.append(local[near])
            uv.append(part.mesh.uv[near])
            material.append(part.mesh.material[near])
        return cls(corners=np.concatenate(corners), uv=np.concatenate(uv), material=np.concatenate(material))

    def find(self, a: Array, b: Array) -> tuple[Bools, Floats, Floats, Ints]:
        """Of places (N,): is there surface, its height c, its uv (N, 2), its material (the topmost where many)."""
        points = np.stack([a, b], -1).astype(np.float32)
        flat = self.corners[..., :2]
        low, high = points.min(axis=0), points.max(axis=0)
        scale = 511 / np.maximum(high - low, 1e-6)
        # Drawn from below to above, each place keeps the number of the topmost face.
        numbers = np.full((512, 512), -1, np.int32)
        drawn = np.rint(np.clip((flat - low) * scale, -2000, 2500) * 16).astype(np.int32)
        for number in np.argsort(self.corners[..., 2].mean(axis=1)).tolist():
            cv2.fillConvexPoly(numbers, drawn[number], (number,), cv2.LINE_8, 4)
        texel = np.clip(np.rint((points - low) * scale), 0, 511).astype(np.int32)
        best = numbers[texel[:, 1], texel[:, 0]]
        there = best >= 0
        best = np.maximum(best, 0)
        p0, p1, p2 = (flat[best, k] for k in range(3))
        area = _cross(p1 - p0, p2 - p0)
        area = np.where(np.abs(area) < 1e-12, 1e-12, area)
        one, two = _cross(points - p0, p2 - p0) / area, _cross(p1 - p0, points - p0) / area
        # A texel may lie a little outside the face that it was drawn for.
        share = np.clip(np.stack([1 - one - two, one, two], -1), 0, 1)
        share /= share.sum(axis=1, keepdims=True)
        height = (share * self.corners[best, :, 2]).sum(axis=1)
        uv = np.einsum("nk,nkd->nd", share, self.uv[best])
        return there, height.astype(np.float32), uv.astype(np.float32), self.material[best]


def _cross(one: Array, other: Array) -> Array:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def _hanging(sheet: Sheet, cut: Cut, rng: Random) -> Mesh | None:
    """The torn-out piece, still hanging on at b = 0, curled up and back."""
    if not len(sheet.corners):
        return None
    columns, rows = 18, 14
    a, t = np.meshgrid(np.linspace(-0.52, 0.52, columns) * cut.length, np.linspace(0, 1.02, rows) * cut.width)
    there, height, uv, numbers = sheet.find(a.ravel(), t.ravel())
    if there.mean() < 0.5:
        return None
    there = there.reshape(a.shape)
    turn = float(rng.uniform(1.1, 2.7))
    angle = turn * (t / cut.width) ** 0.7 * (1 + 0.25 * look_up(cut.tile, a, t, 4 * cut.length))
    step = cut.width * 1.02 / (rows - 1)
    run = np.cumsum(np.cos(angle), axis=0) * step
    rise = np.cumsum(np.sin(angle), axis=0) * step
    run, rise = run - run[:1], rise - rise[:1]
    base = np.where(there, height.reshape(a.shape), 0.0)
    # The hinge lies on the surface; what has left it no longer follows the surface's own curve.
    keep = np.clip(1 - t / (0.3 * cut.width), 0, 1)
    ground = base[:1] * (1 - keep) + base * keep
    local = np.stack([a * (1 - 0.04 * rise / cut.width), run, ground + rise + 0.0002], -1)
    mesh = grid_mesh(cut.frame.world(local), uv.reshape(*a.shape, 2), there, cut.code)
    quads = there[:-1, :-1] & there[:-1, 1:] & there[1:, 1:] & there[1:, :-1]
    owner = numbers.reshape(a.shape)[:-1, :-1][quads]
    return replace(mesh, material=np.concatenate([owner, owner]).astype(np.int32))


def _lining(item: Item, sheet: Sheet, cut: Cut, rng: Random) -> tuple[Mesh, Material] | None:
    """What one sees through the hole: the contents' surface, or the dark inside."""
    if not len(sheet.corners):
        return None
    across, along = cut.length / 2 + 0.012, cut.width + 0.012
    low = -along if cut.shape != "flap" else -0.006
    count = 26
    a, b = np.meshgrid(np.linspace(-across, across, count), np.linspace(low, along, count))
    there, height, _, _ = sheet.find(a.ravel(), b.ravel())
    there, height = there.reshape(a.shape), height.reshape(a.shape)
    points, _ = seen_points(item, cut.frame.axes[2], rng, 400)
    thickness = float(np.ptp(cut.frame.local(np.concatenate([p.mesh.vertices for p in item.parts]))[:, 2]))
    filled = item.contents.kind != "none"
    sink = float(min(0.006 if filled else 0.016, 0.3 * thickness)) if len(points) else 0.004
    bumps = look_up(cut.tile, a, b, 0.05 if filled else 0.2)
    c = height - sink + bumps * min(0.002, 0.3 * sink)
    uv = np.stack([a / (2 * across) + 0.5, (b - low) / (along - low)], -1)
    mesh = grid_mesh(
        cut.frame.world(np.stack([a, b, np.where(there, c, 0)], -1)), uv.astype(np.float32), there, cut.code
    )
    return mesh, contents_material(item, rng, 2 * max(across, along))


def contents_material(item: Item, rng: Random, span: float) -> Material:
    """How the contents look from near; a dark inside if there are none. `span`: metres over its texture."""
    kind = item.contents.kind
    body = item.parts[0].mesh.material
    around = item.materials[int(np.bincount(body).argmax())]
    inside = around.inside if around.inside is not None else np.array([120, 112, 102], np.uint8)
    colour = np.asarray(item.contents.colour if kind != "none" else 0.3 * inside + 6, np.float32)
    size = 160
    axis = (np.arange(size) + 0.5) / size * span
    x, y = np.meshgrid(axis, axis)
    tile = noise_tile(rng, 0.1 if kind in {"powder", "granules"} else 1.0)
    period = max(item.contents.grain * 9, 0.03)
    grain = look_up(tile, x, y, period if kind == "granules" else 0.08)
    deep = 0.35 if kind == "granules" else 0.16
    albedo: Bytes = np.clip(colour * (0.85 + deep * grain[..., None]), 0, 255).astype(np.uint8)
    bump = (grain * (1.2 if kind == "granules" else 0.25)).astype(np.float32)
    return Material(
        name="contents", albedo=albedo, bump=bump, roughness=0.15 if kind == "liquid" else 0.8, specular=0.03
    )
