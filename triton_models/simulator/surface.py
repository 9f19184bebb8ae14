"""What a ray finds out about the surface it meets: colour, holes, marks, tilt, and how it gleams."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from triton_models.simulator.things import Bytes, Floats, Ints, Material, Mesh

Rows = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A rectangular soft box.

    Attributes:
        place: (3,) its centre, metres.
        right: (3,) half of its width as a vector.
        ahead: (3,) half of its height as a vector; right x ahead points at what it lights.
        light: (3,) radiance, linear RGB.
    """

    place: Floats
    right: Floats
    ahead: Floats
    light: Floats


@dataclass(frozen=True, slots=True)
class Hits:
    """The points that some rays met, one row each; filled in place by those that know."""

    ray: Rows
    face: Ints
    far: Floats
    place: Floats
    albedo: Floats
    cover: Floats
    rough: Floats
    specular: Floats
    metal: npt.NDArray[np.bool_]
    normal: Floats
    flat: Floats
    code: Bytes
    owner: Ints
    printed: npt.NDArray[np.bool_]

    @classmethod
    def blank(cls, ray: Rows, face: Ints, far: Floats, place: Floats) -> "Hits":
        """Rows for these rays, nothing known of their surfaces yet."""
        n = len(ray)
        return cls(
            ray,
            face,
            far.astype(np.float32),
            place.astype(np.float32),
            np.empty((n, 3), np.float32),
            np.ones(n, np.float32),
            np.empty(n, np.float32),
            np.empty(n, np.float32),
            np.zeros(n, np.bool_),
            np.empty((n, 3), np.float32),
            np.empty((n, 3), np.float32),
            np.zeros(n, np.uint8),
            np.zeros(n, np.int32),
            np.zeros(n, np.bool_),
        )

    def taken(self, rows: Rows) -> "Hits":
        """Only these rows."""
        return Hits(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """A material at the size that the cameras can see: finer texels would only flicker.

    Attributes:
        albedo: (H, W, 3) float32, linear RGB, or (1, 1, 3).
        hidden: (H, W) float32, share of what lies behind that it hides.
        marks: (H, W) damage codes, or None.
        print: (H, W) bool, or None.
        tilts: (H, W, 2) float32, change of height (metres) per step of u and of v over the whole picture, or None.
        inside: (3,) linear RGB of its back, or None.
        material: The rest.
        solid: True if it lets no light through anywhere.
    """

    albedo: Floats
    hidden: Floats
    marks: Bytes | None
    print: npt.NDArray[np.bool_] | None
    tilts: Floats | None
    inside: Floats | None
    material: Material
    solid: bool

    @classmethod
    def of(cls, material: Material, density: float, wanted: float) -> "Skin":
        """`density` texels per metre as painted, `wanted` as photographed."""
        scale = min(1.0, max(wanted / density, 0.02)) if density > 0 else 1.0
        albedo = linear(np.asarray(material.albedo, np.float32) / 255).reshape(-1, 3)
        if material.albedo.ndim == 3:
            albedo = _shrunk(albedo.reshape(material.albedo.shape), scale)
        else:
            albedo = albedo.reshape(1, 1, 3)
        hidden = np.full((1, 1), material.opacity, np.float32)
        if material.alpha is not None:
            hidden = _shrunk(material.alpha.astype(np.float32) / 255, scale) * np.float32(material.opacity)
        return cls(
            albedo=albedo,
            hidden=hidden,
            marks=None if material.marks is None else _thinned(material.marks, scale),
            print=None if material.print is None else _thinned(material.print, scale) > 127,
            tilts=None if material.bump is None else _tilts(material.bump, scale),
            inside=None if material.inside is None else linear(np.asarray(material.inside, np.float32) / 255),
            material=material,
            solid=material.opacity > 0.98 and (material.alpha is None or bool((material.alpha > 250).all())),
        )

    def cover(self, uv: Floats) -> Floats:
        """(N,): how much of what lies behind these points is hidden."""
        cover: Floats = _texels(self.hidden, uv)
        return cover

    def dress(self, hits: Hits, rows: Rows, uv: Floats) -> None:
        """Writes into `hits` what this skin is at `uv`."""
        hits.albedo[rows] = _texels(self.albedo, uv)
        hits.cover[rows] = _texels(self.hidden, uv)
        hits.rough[rows] = self.material.roughness
        hits.specular[rows] = self.material.specular
        hits.metal[rows] = self.material.metal
        if self.marks is not None:
            hits.code[rows] = _texels(self.marks, uv)
        if self.print is not None:
            hits.printed[rows] = _texels(self.print, uv)

    def tilted(self, uv: Floats, rises: Floats) -> Floats:
        """(N, 3) to add to the normal; `rises` (N, 2, 3) say how u and v grow along the surface, per metre."""
        tilt = _texels(self.tilts, uv)
        return -(tilt[:, :1] * rises[:, 0] + tilt[:, 1:] * rises[:, 1])


def linear(srgb: Floats) -> Floats:
    """SRGB 0 to 1 as linear light (the 2.2 power is near enough for paint)."""
    return np.power(np.clip(srgb, 0, 1), 2.2, dtype=np.float32)


def unit(vectors: Floats) -> Floats:
    """(N, 3) of length 1."""
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return (vectors / np.maximum(length, 1e-12)[:, None]).astype(np.float32)


def corner_normals(mesh: Mesh, corners: Floats) -> Floats:
    """(F, 3, 3): one normal per corner, shared within a smoothing group, the face's own where that is 0."""
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.repeat(unit(face)[:, None], 3, axis=1)
    soft = np.flatnonzero(mesh.smooth)
    if not len(soft):
        return normals
    group = mesh.smooth[soft].astype(np.int64)[:, None] * len(mesh.vertices) + mesh.faces[soft]
    names, place = np.unique(group.ravel(), return_inverse=True)
    heavy = np.repeat(face[soft], 3, axis=0)
    total = np.stack([np.bincount(place, heavy[:, axis], len(names)) for axis in range(3)], axis=1)
    normals[soft] = unit(total.astype(np.float32))[place].reshape(-1, 3, 3)
    return normals


def rises(mesh: Mesh, corners: Floats) -> Floats:
    """(F, 2, 3): the directions along each face in which u and v grow, with growth per metre as length."""
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    grow = np.stack([mesh.uv[:, 1] - mesh.uv[:, 0], mesh.uv[:, 2] - mesh.uv[:, 0]], axis=1)
    a, b, c = (np.einsum("ij,ij->i", x, y) for x, y in ((one, one), (one, two), (two, two)))
    det = np.maximum(a * c - b * b, 1e-18)
    first = (one * c[:, None] - two * b[:, None]) / det[:, None]
    second = (two * a[:, None] - one * b[:, None]) / det[:, None]
    return np.stack(
        [grow[:, 0, axis, None] * first + grow[:, 1, axis, None] * second for axis in (0, 1)], axis=1
    ).astype(np.float32)


def density(mesh: Mesh, corners: Floats, number: int, material: Material) -> float:
    """Texels per metre of a material on its faces, the middle one; 0 where it has no picture."""
    picture = next(
        (p for p in (material.albedo, material.alpha, material.bump) if p is not None and p.ndim > 1), None
    )
    faces = np.flatnonzero(mesh.material == number)[:400]
    if picture is None or not len(faces):
        return 0.0
    height, width = picture.shape[:2]
    uv, place = mesh.uv[faces] * np.array([width, height], np.float32), corners[faces]
    edge = np.linalg.norm(place[:, 1] - place[:, 0], axis=1)
    texels = np.linalg.norm(uv[:, 1] - uv[:, 0], axis=1)
    kept = edge > 1e-6
    return float(np.median(texels[kept] / edge[kept])) if kept.any() else 0.0


def lamp_gleam(lamp: Lamp, hits: Hits, away: Floats) -> Floats:
    """(N, 3): the lamp's highlight by GGX at the point of the lamp nearest to the mirrored ray.

    Source: B. Karis, Real Shading in Unreal Engine 4, SIGGRAPH 2013 (representative point of an area light).
    """
    mirrored = 2 * np.einsum("ij,ij->i", hits.normal, away)[:, None] * hits.normal - away
    right, ahead = np.linalg.norm(lamp.right), np.linalg.norm(lamp.ahead)
    x, y = lamp.right / right, lamp.ahead / ahead
    face = np.cross(x, y)
    to = lamp.place - hits.place
    along = np.maximum(mirrored @ face, -1e9)
    reach = np.where(along < -1e-3, (to @ face) / np.minimum(along, -1e-3), 1.5)
    spot = hits.place + mirrored * reach[:, None] - lamp.place
    near = (
        lamp.place
        + np.clip(spot @ x, -right, right)[:, None] * x
        + np.clip(spot @ y, -ahead, ahead)[:, None] * y
    )
    to = near - hits.place
    far = np.maximum(np.linalg.norm(to, axis=1), 1e-4)
    to /= far[:, None]
    alpha = np.maximum(hits.rough**2, 0.004)
    wide = np.clip(alpha + min(right, ahead) / (2 * far), 0, 1)
    half = unit(to + away)
    cosine = np.clip(np.einsum("ij,ij->i", hits.normal, half), 0, 1)
    shape = (alpha / ((cosine * cosine) * (alpha * alpha - 1) + 1)) ** 2 / np.pi * (alpha / wide) ** 2
    facing = np.clip(np.einsum("ij,ij->i", hits.normal, to), 0, 1)
    area = 4 * right * ahead
    lit = np.clip(-(to @ face), 0, 1) * area / far**2
    strength = shape * facing * lit * 0.25 / np.maximum(np.einsum("ij,ij->i", hits.normal, away), 0.15)
    # Held below what the lamp itself is: the nearest point overstates small, bright lobes.
    strength = np.minimum(strength, 1.0)
    return (fresnel(hits, away) * strength[:, None] * lamp.light).astype(np.float32)


def sky_gleam(hits: Hits, away: Floats, sky: Floats) -> Floats:
    """(N, 3): the white walls as the surface mirrors them: brighter above, dim near the tray."""
    mirrored_up = 2 * np.einsum("ij,ij->i", hits.normal, away) * hits.normal[:, 2] - away[:, 2]
    bright = 0.35 + 0.65 * np.clip(mirrored_up, 0, 1)
    dull = 1 - 0.75 * hits.rough
    return (fresnel(hits, away) * (bright * dull)[:, None] * sky).astype(np.float32)


def fresnel(hits: Hits, away: Floats) -> Floats:
    """(N, 3): Schlick's reflectance, tinted for metal."""
    facing = np.clip(np.einsum("ij,ij->i", hits.normal, away), 0, 1)
    base = np.where(hits.metal[:, None], np.clip(hits.albedo * 0.9 + 0.08, 0, 1), hits.specular[:, None])
    grazing = (1 - hits.rough * 0.7)[:, None]
    return (base + np.maximum(grazing - base, 0) * ((1 - facing) ** 5)[:, None]).astype(np.float32)


def _texels(picture: Any, uv: Floats) -> Any:  # noqa: ANN401 - a picture of any kind, and its own kind back
    height, width = picture.shape[:2]
    if height == width == 1:
        return np.broadcast_to(picture[0, 0], (len(uv), *picture.shape[2:]))
    x = np.clip((uv[:, 0] * width).astype(np.int32), 0, width - 1)
    y = np.clip((uv[:, 1] * height).astype(np.int32), 0, height - 1)
    flat = picture.reshape(height * width, *picture.shape[2:])
    return flat[y * width + x]


def _shrunk(picture: Floats, scale: float) -> Floats:
    if scale > 0.8:
        return np.ascontiguousarray(picture, np.float32)
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    made = cv2.resize(np.ascontiguousarray(picture, np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(made, np.float32)


def _thinned(marks: Bytes, scale: float) -> Bytes:
    if scale > 0.8:
        return marks
    size = (max(1, round(marks.shape[1] * scale)), max(1, round(marks.shape[0] * scale)))
    return np.asarray(cv2.resize(marks, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _tilts(bump: Floats, scale: float) -> Floats:
    height = _shrunk(bump, scale) / 1000
    down, right = np.gradient(height)
    return np.stack([right * height.shape[1], down * height.shape[0]], axis=-1).astype(np.float32)
