"""A brush with a place in space that paints on whatever textures lie there, over edges and from part to part."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from triton_models.simulator.damage_tools import TEXEL, Array, Bools, Frame, face_normals
from triton_models.simulator.things import Bytes, Floats, Ints, Item, Material, Mesh, Part, Role

LARGEST = 2048
"""Texels on a side that an enlarged texture may have."""


@dataclass(slots=True, kw_only=True)
class Patch:
    """The texels under the brush, changed in place while one paints.

    Attributes:
        at: (h, w, 3) their places in the brush's frame, metres.
        there: (h, w) which of them belong to a face under the brush.
        albedo: (h, w, 3) float32 sRGB, 0 to 255.
        alpha: (h, w) float32, 0 to 1.
        bump: (h, w) float32, millimetres.
        marks: (h, w) damage codes.
        material: What is painted on.
        role: Of the part that it is on.
    """

    at: Floats
    there: Bools
    albedo: Floats
    alpha: Floats
    bump: Floats
    marks: Bytes
    material: Material
    role: Role

    def unfolded(self) -> tuple[Floats, Floats]:
        """Places as if the surface were rolled out flat around the frame's point: (h, w) across, (h, w) along."""
        return unfolded(self.at)

    def blend(self, amount: Array, colour: Array) -> None:
        """Albedo towards `colour` ((3,) or (h, w, 3)) by `amount` (h, w), 0 to 1."""
        share = (np.clip(amount, 0, 1) * self.there)[..., None].astype(np.float32)
        self.albedo += share * (np.asarray(colour, np.float32) - self.albedo)

    def darken(self, amount: Array) -> None:
        """Albedo times 1 - amount."""
        self.albedo *= (1 - np.clip(amount, 0, 1) * self.there)[..., None].astype(np.float32)

    def mark(self, where: Bools, code: int) -> None:
        """The damage code on these texels."""
        self.marks[where & self.there] = code


def unfolded(at: Floats) -> tuple[Floats, Floats]:
    """Local places rolled out flat: what lies round an edge comes as much further out as it lies down."""
    radius = np.hypot(at[..., 0], at[..., 1])
    scale = 1 + np.abs(at[..., 2]) / np.maximum(radius, 0.002)
    return at[..., 0] * scale, at[..., 1] * scale


Painter = Callable[[Patch], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brush:
    """Where one paints.

    Attributes:
        frame: Its place.
        reach: Metres from there that it can touch.
        facing: Least cosine between a face and the frame's normal.
        names: Parts that are painted on; None: all.
    """

    frame: Frame
    reach: float
    facing: float = 0.0
    names: frozenset[str] | None = None


def painted(item: Item, brush: Brush, painter: Painter) -> Item:
    """The item with textures of its own wherever the brush touches; what is elsewhere keeps the old ones."""
    touched = [_touched(part, brush) for part in item.parts]
    parts = list(item.parts)
    materials = list(item.materials)
    numbers = sorted(
        {
            int(number)
            for part, mask in zip(parts, touched, strict=True)
            for number in part.mesh.material[mask]
        }
    )
    for number in numbers:
        owners = [i for i, part in enumerate(parts) if (touched[i] & (part.mesh.material == number)).any()]
        masks = [touched[i] & (parts[i].mesh.material == number) for i in owners]
        material, meshes = _textured(materials[number], [parts[i].mesh for i in owners], masks, brush.frame)
        done = _paint(material, meshes, masks, brush, (painter, parts[owners[0]].role))
        if done is None:
            continue
        materials.append(done)
        for i, mesh, mask in zip(owners, meshes, masks, strict=True):
            fresh = np.where(mask, len(materials) - 1, mesh.material).astype(np.int32)
            parts[i] = replace(parts[i], mesh=replace(mesh, material=fresh))
    return replace(item, parts=tuple(parts), materials=tuple(materials))


def _touched(part: Part, brush: Brush) -> Bools:
    """(F,) faces whose bounding box meets the brush's cube and that face it."""
    mesh = part.mesh
    if brush.names is not None and part.name not in brush.names:
        return np.zeros(len(mesh.faces), bool)
    local = brush.frame.local(mesh.vertices)[mesh.faces]
    near = (local.min(axis=1) < brush.reach).all(axis=1) & (local.max(axis=1) > -brush.reach).all(axis=1)
    return np.asarray(near & (face_normals(mesh) @ brush.frame.axes[2] > brush.facing))


def _textured(
    material: Material, meshes: list[Mesh], masks: list[Bools], frame: Frame
) -> tuple[Material, list[Mesh]]:
    """The material with a picture fine enough to paint on; one plain colour gets a picture seen from the brush."""
    maps = [m for m in (material.alpha, material.bump, material.marks) if m is not None]
    if material.albedo.ndim == 1 and not maps:
        flats = [
            frame.local(mesh.vertices)[mesh.faces][mask][..., :2]
            for mesh, mask in zip(meshes, masks, strict=True)
        ]
        every = np.concatenate(flats).reshape(-1, 2)
        low, high = every.min(axis=0) - 0.002, every.max(axis=0) + 0.002
        fresh = []
        for mesh, mask, flat in zip(meshes, masks, flats, strict=True):
            uv = mesh.uv.copy()
            uv[mask] = (flat - low) / (high - low)
            fresh.append(replace(mesh, uv=uv.astype(np.float32)))
        width, height = np.clip((high - low) / TEXEL, 32, LARGEST).astype(int)
        return replace(material, albedo=np.tile(material.albedo, (height, width, 1))), fresh
    if material.albedo.ndim == 1:
        material = replace(material, albedo=np.tile(material.albedo, (*maps[0].shape, 1)))
    height, width = material.albedo.shape[:2]
    area, texels = 0.0, 0.0
    for mesh, mask in zip(meshes, masks, strict=True):
        corners, uv = mesh.vertices[mesh.faces[mask]], mesh.uv[mask]
        area += float(
            np.linalg.norm(
                np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
            ).sum()
        )
        first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
        texels += (
            float(np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum()) * height * width
        )
    scale = np.sqrt(area / max(texels, 1.0)) / TEXEL
    if scale > 1.25:
        factor = float(min(scale, 4.0, LARGEST / max(height, width)))
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        material = _resized(material, size)
    return material, meshes


def _resized(material: Material, size: tuple[int, int]) -> Material:
    """All of a material's pictures at one size (width, height)."""

    def scaled(picture: Bytes | Floats | None, way: int) -> Array | None:
        return None if picture is None else cv2.resize(picture, size, interpolation=way)

    return replace(
        material,
        albedo=np.asarray(cv2.resize(material.albedo, size, interpolation=cv2.INTER_CUBIC), np.uint8),
        alpha=scaled(material.alpha, cv2.INTER_LINEAR),
        bump=scaled(material.bump, cv2.INTER_LINEAR),
        marks=scaled(material.marks, cv2.INTER_NEAREST),
        print=scaled(material.print, cv2.INTER_NEAREST),
    )


def _face_map(uvs: Floats, shape: tuple[int, int]) -> Ints:
    """(H, W): which of the triangles (N, 3, 2, in texels) covers each texel, plus one; 0 is none."""
    ids = np.zeros(shape, np.int32)
    corners = np.rint((uvs - 0.5) * 16).astype(np.int32)
    for number, corner in enumerate(corners, start=1):
        cv2.fillConvexPoly(ids, corner, (number,), cv2.LINE_8, 4)
    return ids


def _paint(
    material: Material, meshes: list[Mesh], masks: list[Bools], brush: Brush, how: tuple[Painter, Role]
) -> Material | None:
    """Paints one material; None if none of its texels lies under the brush."""
    height, width = material.albedo.shape[:2]
    scale = np.array([width, height], np.float32)
    uvs = np.concatenate([mesh.uv[mask] for mesh, mask in zip(meshes, masks, strict=True)]) * scale
    places = np.concatenate(
        [brush.frame.local(mesh.vertices)[mesh.faces[mask]] for mesh, mask in zip(meshes, masks, strict=True)]
    )
    affine, sound = _affine(uvs, places)
    if not sound.any():
        return None
    low = np.clip(np.floor(uvs[sound].min(axis=(0, 1))).astype(int) - 1, 0, scale.astype(int) - 1)
    high = np.clip(np.ceil(uvs[sound].max(axis=(0, 1))).astype(int) + 2, low + 1, scale.astype(int))
    ids = _face_map(uvs[sound] - low, (int(high[1] - low[1]), int(high[0] - low[0])))
    window = _window(ids, affine, low, brush.reach)
    if window is None:
        return None
    rows, columns = window
    ids = ids[rows, columns]
    rows = slice(rows.start + low[1], rows.stop + low[1])
    columns = slice(columns.start + low[0], columns.stop + low[0])
    at = _places(ids, affine, (np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)))
    there = (ids > 0) & (np.abs(at).max(axis=-1) < brush.reach)
    if not there.any():
        return None
    return _written(material, (rows, columns), (at, there), how)


def _affine(uvs: Floats, places: Floats) -> tuple[Floats, Bools]:
    """(M, 3, 3) rows that take (x, y, 1) of a texel to its place, and which triangles (N,) have any texels."""
    one, two = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    sound = np.abs(area) > 1e-4
    one, two, area = one[sound], two[sound], area[sound, None]
    first, second = places[sound, 1] - places[sound, 0], places[sound, 2] - places[sound, 0]
    right = (first * two[:, 1:] - second * one[:, 1:]) / area
    down = (second * one[:, :1] - first * two[:, :1]) / area
    start = places[sound, 0] - right * uvs[sound, 0, :1] - down * uvs[sound, 0, 1:]
    return np.stack([right, down, start], axis=1).astype(np.float32), np.asarray(sound)


def _places(ids: Ints, affine: Floats, texels: tuple[Array, Array]) -> Floats:
    """(h, w, 3) where the texels of these rows and columns lie."""
    x, y = np.meshgrid((texels[1] + 0.5).astype(np.float32), (texels[0] + 0.5).astype(np.float32))
    if len(affine) < 4 or float(np.abs(affine - affine[0]).max()) < 1e-6:
        # Flat faces with an even print need one map for all.
        found = np.zeros((*ids.shape, 3), np.float32)
        for number in range(len(affine)) if len(affine) < 4 else (0,):
            one = affine[number]
            here = x[..., None] * one[0] + y[..., None] * one[1] + one[2]
            found = np.where((ids == number + 1)[..., None], here, found) if len(affine) < 4 else here
        return np.asarray(found, np.float32)
    chosen = np.maximum(ids - 1, 0)
    found = np.take(affine[:, 0], chosen, axis=0) * x[..., None]
    found += np.take(affine[:, 1], chosen, axis=0) * y[..., None]
    found += np.take(affine[:, 2], chosen, axis=0)
    return np.asarray(found, np.float32)


def _window(ids: Ints, affine: Floats, low: Array, reach: float) -> tuple[slice, slice] | None:
    """The rows and columns that the brush touches, found on every sixth texel."""
    step = 6
    rows, columns = np.arange(0, ids.shape[0], step), np.arange(0, ids.shape[1], step)
    coarse = ids[::step, ::step]
    at = _places(coarse, affine, (rows + low[1], columns + low[0]))
    near = (coarse > 0) & (np.abs(at).max(axis=-1) < reach + 0.004)
    if not near.any():
        return (slice(0, ids.shape[0]), slice(0, ids.shape[1])) if ids.size < 4000 else None
    down, across = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    return (
        slice(max(0, int(down[0] - 1) * step), min(ids.shape[0], int(down[-1] + 2) * step)),
        slice(max(0, int(across[0] - 1) * step), min(ids.shape[1], int(across[-1] + 2) * step)),
    )


def _written(
    material: Material,
    window: tuple[slice, slice],
    texels: tuple[Floats, Bools],
    how: tuple[Painter, Role],
) -> Material:
    """The material with what the painter did in the window."""
    shape = material.albedo.shape[:2]
    at, there = texels
    painter, role = how
    size = (shape[1], shape[0])
    alpha: Array = (
        np.full(shape, 255, np.uint8) if material.alpha is None else cv2.resize(material.alpha, size)
    )
    bump: Array = np.zeros(shape, np.float32) if material.bump is None else cv2.resize(material.bump, size)
    marks = np.zeros(shape, np.uint8) if material.marks is None else material.marks.copy()
    if marks.shape != shape:
        marks = np.asarray(cv2.resize(marks, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    patch = Patch(
        at=at,
        there=there,
        albedo=material.albedo[window].astype(np.float32),
        alpha=alpha[window].astype(np.float32) / 255,
        bump=bump[window].copy(),
        marks=marks[window].copy(),
        material=material,
        role=role,
    )
    painter(patch)
    albedo = material.albedo.copy()
    alpha, bump = alpha.copy(), bump.copy()
    albedo[window] = np.clip(np.rint(patch.albedo), 0, 255).astype(np.uint8)
    alpha[window] = np.clip(np.rint(patch.alpha * 255), 0, 255).astype(np.uint8)
    bump[window] = patch.bump
    marks[window] = patch.marks
    return replace(
        material,
        albedo=albedo,
        alpha=None if material.alpha is None and alpha.min() == 255 else alpha,
        bump=None if material.bump is None and not bump.any() else bump.astype(np.float32),
        marks=marks if marks.any() else None,
    )
