"""How light gets into a camera: ray casting by Embree, shading by numpy, four looks per pixel.

A booth is a white box with soft lights, so what makes its pictures look real is soft shadow, occlusion where things
touch, and highlights of the lamps in film and varnish. All three are cast here; a full path tracer costs eight times as
much per picture for a difference that a 512-pixel photo hardly shows (README, "The simulated station").

Holes and clear film are met one layer after the other, so what one sees through a hole is what lies behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from triton_models.simulator.film import Camera, Film, Picture
from triton_models.simulator.surface import (
    Hits,
    Lamp,
    Rows,
    Skin,
    corner_normals,
    density,
    lamp_gleam,
    rises,
    sky_gleam,
    unit,
)
from triton_models.simulator.things import Bytes, Floats, Ints, Material, Mesh, Random

LAYERS = 8
"""Films and holes that one ray may pass before it counts as stopped."""
ABSENT = 3
"""Owner number of what is missing: never drawn, only marked."""
BAND = 1 << 15
"""Looks that are shaded together."""
CLEAR = 1e-4
"""Metres by which a ray starts off the surface that it leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the cameras see.

    Attributes:
        mesh: Everything, in world coordinates.
        materials: What the mesh's material numbers point at.
        owner: (F,) of each face: 0 the booth, 1 the item, 2 spilled matter, 3 what is absent, 4 litter.
        lamps: The lights.
        sky: (3,) radiance of the booth's white walls, linear RGB.
    """

    mesh: Mesh
    materials: tuple[Material, ...]
    owner: Ints
    lamps: tuple[Lamp, ...]
    sky: Floats


class Caster:
    """One scene, made ready for any number of pictures."""

    def __init__(self, scene: Scene, texels_per_metre: float) -> None:
        """Builds the tree of triangles, and each material's picture at the size that the cameras can see."""
        solid = scene.owner != ABSENT
        self._scene = scene
        self._numbers = np.flatnonzero(solid).astype(np.int32)
        self._embree = _tree(scene.mesh, scene.mesh.faces[solid])
        self._corners = scene.mesh.vertices[scene.mesh.faces]
        self._normals = corner_normals(scene.mesh, self._corners)
        self._flat = unit(
            np.cross(self._corners[:, 1] - self._corners[:, 0], self._corners[:, 2] - self._corners[:, 0])
        )
        self._rises = rises(scene.mesh, self._corners)
        self._skins = [
            Skin.of(material, density(scene.mesh, self._corners, number, material), texels_per_metre)
            for number, material in enumerate(scene.materials)
        ]

    def picture(self, camera: Camera, rng: Random, looks: int = 2) -> Picture:
        """One photo, `looks` x `looks` rays per pixel."""
        film = Film(camera, looks)
        # Bare tray gets one look per pixel. A band at a time stays in the processor's cache.
        for band in film.bands(self._busy(camera), BAND):
            for hits in self._layers(film, band):
                self._shade(hits, film, rng)
        return film.developed()

    def _busy(self, camera: Camera) -> npt.NDArray[np.bool_]:
        """(N, N): pixels at which something other than bare tray may be seen."""
        starts, ways = _every(camera)
        met = self._embree.run(starts, ways, query="INTERSECT")
        other = (met >= 0) & (self._scene.owner[self._numbers[met]] != 0)
        return cv2.dilate(other.reshape(camera.pixels, -1).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0

    def absent(self, camera: Camera, code: int) -> Bytes:
        """(N, N): `code` where the camera would see the faces of owner ABSENT if they were there."""
        mesh, gone = self._scene.mesh, self._scene.owner == ABSENT
        if not gone.any():
            return np.zeros((camera.pixels, camera.pixels), np.uint8)
        starts, ways = _every(camera)
        hidden = self._first_opaque(starts, ways)
        found = _tree(mesh, mesh.faces[gone]).run(starts, ways, output=1)
        seen = (found["primID"] >= 0) & (found["tfar"] < hidden + 2e-3)
        return (seen.reshape(camera.pixels, camera.pixels) * code).astype(np.uint8)

    def _first_opaque(self, starts: Floats, ways: Floats) -> Floats:
        far = np.full(len(ways), np.inf, np.float32)
        left, base = np.arange(len(ways)), np.zeros(len(ways), np.float32)
        for _ in range(LAYERS):
            found = self._embree.run(starts[left] + ways[left] * base[left, None], ways[left], output=1)
            hit = found["primID"] >= 0
            left, found = left[hit], {key: value[hit] for key, value in found.items()}
            reach = base[left] + found["tfar"]
            face = self._numbers[found["primID"]]
            stop = self._cover(face, self._uv(face, found)) > 0.5
            far[left[stop]] = reach[stop]
            left = left[~stop]
            base[left] = reach[~stop] + CLEAR
            if not len(left):
                break
        return far

    def _uv(self, face: Ints, found: dict[str, Any]) -> Floats:
        u, v = found["u"][:, None], found["v"][:, None]
        corner = self._scene.mesh.uv[face]
        return corner[:, 0] * (1 - u - v) + corner[:, 1] * u + corner[:, 2] * v

    def _cover(self, face: Ints, uv: Floats) -> Floats:
        cover = np.empty(len(face), np.float32)
        for skin, rows in self._by_skin(face):
            cover[rows] = skin.cover(uv[rows])
        return cover

    def _by_skin(self, face: Ints) -> "Iterator[tuple[Skin, npt.NDArray[Any]]]":
        number = self._scene.mesh.material[face]
        order = np.argsort(number, kind="stable")
        starts = np.searchsorted(number[order], np.arange(len(self._skins) + 1))
        for place, skin in enumerate(self._skins):
            if starts[place] < starts[place + 1]:
                yield skin, order[starts[place] : starts[place + 1]]

    def _layers(self, film: Film, left: Rows) -> Iterator[Hits]:
        base = np.zeros(len(left), np.float32)
        for _ in range(LAYERS):
            starts = film.place + film.ways[left] * base[:, None]
            found = self._embree.run(starts, film.ways[left], output=1)
            hit = found["primID"] >= 0
            if not hit.all():
                left, base = left[hit], base[hit]
                found = {key: value[hit] for key, value in found.items()}
            if not len(left):
                return
            hits = self._hits(left, base + found["tfar"], found, film)
            yield hits
            through = (hits.cover < 0.995) & (film.clear[left] > 0.02)
            left = left[through]
            base = hits.far[through] + np.float32(CLEAR)

    def _hits(self, ray: npt.NDArray[Any], far: Floats, found: dict[str, Any], film: "Film") -> "Hits":
        face = self._numbers[found["primID"]]
        uv = self._uv(face, found)
        u, v = found["u"][:, None], found["v"][:, None]
        corner = self._normals[face]
        normal = corner[:, 0] * (1 - u - v) + corner[:, 1] * u + corner[:, 2] * v
        hits = Hits.blank(ray, face, far, film.place + film.ways[ray] * far[:, None])
        for skin, rows in self._by_skin(face):
            skin.dress(hits, rows, uv[rows])
            if skin.tilts is not None:
                normal[rows] += skin.tilted(uv[rows], self._rises[face[rows]])
        flat = self._flat[face]
        back = np.einsum("ij,ij->i", flat, film.ways[ray]) > 0
        normal[back] *= -1
        hits.flat[:] = np.where(back[:, None], -flat, flat)
        hits.normal[:] = unit(normal)
        for skin, rows in self._by_skin(face):
            if skin.inside is not None:
                hits.albedo[rows[back[rows]]] = skin.inside
        hits.code[:] = np.maximum(hits.code, self._scene.mesh.damage[face])
        hits.owner[:] = self._scene.owner[face]
        return hits

    def _shade(self, hits: Hits, film: Film, rng: Random) -> None:
        live = hits.cover > 0.01
        if not live.any():
            return
        hits = hits.taken(live) if not live.all() else hits
        own, shared = self._shared(hits, film.looks)
        some = hits.taken(own)
        away = -film.ways[some.ray]
        start = some.place + some.flat * np.float32(4 * CLEAR)
        diffuse = np.zeros_like(some.place)
        gleam = np.zeros_like(some.place)
        for lamp in self._scene.lamps:
            matt, shine = self._lamp(lamp, some, start, away, rng)
            diffuse += matt
            gleam += shine
        open_sky = self._sky(some, start, rng)[:, None]
        diffuse += self._scene.sky * open_sky
        gleam += sky_gleam(some, away, self._scene.sky) * open_sky
        film.add(hits, diffuse[shared], gleam[shared])

    def _shared(self, hits: Hits, looks: int) -> tuple[Rows, Rows]:
        """Which hits to light, and for each hit the place among those whose light it takes.

        The looks of one pixel that meet one surface share their light (not their colour): as multisampling does.
        """
        pixel = hits.ray // looks**2
        first = np.concatenate([[True], pixel[1:] != pixel[:-1]])
        lead = np.maximum.accumulate(np.where(first, np.arange(len(pixel)), 0))
        number = self._scene.mesh.material[hits.face]
        alike = (number == number[lead]) & (np.abs(hits.far - hits.far[lead]) < 4e-3)
        alike &= np.einsum("ij,ij->i", hits.normal, hits.normal[lead]) > 0.96
        own = first | ~alike
        place = np.cumsum(own) - 1
        return np.flatnonzero(own), np.where(own, place, place[lead])

    def _lamp(
        self, lamp: Lamp, hits: "Hits", start: Floats, away: Floats, rng: Random
    ) -> tuple[Floats, Floats]:
        spot = rng.random((len(start), 2), np.float32) * 2 - 1
        to = lamp.place + spot[:, :1] * lamp.right + spot[:, 1:] * lamp.ahead - start
        far2 = np.einsum("ij,ij->i", to, to)
        far = np.sqrt(far2)
        to /= far[:, None]
        facing = np.einsum("ij,ij->i", to, hits.normal)
        lit = (facing > 0) & (np.einsum("ij,ij->i", to, hits.flat) > 0)
        face = np.cross(lamp.right, lamp.ahead)
        area = 4 * float(np.linalg.norm(face))
        strength = np.clip(-to @ (face / np.linalg.norm(face)), 0, 1).astype(np.float32) * area / far2
        lit &= strength > 0
        seen = np.zeros(len(start), np.float32)
        rows = np.flatnonzero(lit)
        seen[rows] = self._light_through(start[rows], to[rows], far[rows])
        matt = (np.clip(facing, 0, None) * strength * seen / np.pi)[:, None] * lamp.light
        return matt, lamp_gleam(lamp, hits, away) * seen[:, None]

    def _light_through(self, starts: Floats, ways: Floats, far: Floats) -> Floats:
        """Share of the light that gets past what is in its way: clear film lets most of it through."""
        found = self._embree.run(starts, ways, far - CLEAR, query="INTERSECT")
        first = np.asarray(found)
        hit = first >= 0
        through = np.ones(len(starts), np.float32)
        opaque = self._opaque_face[self._numbers[first[hit]]]
        rows = np.flatnonzero(hit)
        through[rows[opaque]] = 0
        film = rows[~opaque]
        if len(film):
            through[film] = self._past_film(starts[film], ways[film], far[film])
        return through

    def _past_film(self, starts: Floats, ways: Floats, far: Floats) -> Floats:
        share = np.ones(len(starts), np.float32)
        left, base = np.arange(len(starts)), np.zeros(len(starts), np.float32)
        for _ in range(4):
            found = self._embree.run(starts[left] + ways[left] * base[left, None], ways[left], output=1)
            reach = base[left] + found["tfar"]
            hit = (found["primID"] >= 0) & (reach < far[left] - CLEAR)
            left, reach = left[hit], reach[hit]
            if not len(left):
                break
            found = {key: value[hit] for key, value in found.items()}
            face = self._numbers[found["primID"]]
            share[left] *= 1 - self._cover(face, self._uv(face, found))
            base[left] = reach + CLEAR
            left = left[share[left] > 0.02]
            if not len(left):
                break
        return share

    @property
    def _opaque_face(self) -> npt.NDArray[np.bool_]:
        solid = np.array([skin.solid for skin in self._skins])
        return solid[self._scene.mesh.material]

    def _sky(self, hits: "Hits", start: Floats, rng: Random) -> Floats:
        """How much of the white walls each point sees: one cosine-weighted ray each, half of the light bounced back."""
        way = unit(hits.normal + unit(rng.standard_normal(start.shape, np.float32)) * 0.99)
        blocked = np.einsum("ij,ij->i", way, hits.flat) <= 0
        hit = self._embree.run(start, way, np.full(len(start), 0.35, np.float32), query="OCCLUDED") >= 0
        return np.where(blocked | hit, 0.32, 1).astype(np.float32)


def _tree(mesh: Mesh, faces: Ints) -> Any:  # noqa: ANN401 - Embree publishes no types
    tree = EmbreeScene()
    TriangleMesh(tree, np.ascontiguousarray(mesh.vertices, np.float32), np.ascontiguousarray(faces, np.int32))
    return tree


def _every(camera: Camera) -> tuple[Floats, Floats]:
    """One look through each pixel."""
    ways = camera.ways(np.arange(camera.pixels**2), 1)
    return np.broadcast_to(camera.place, ways.shape).astype(np.float32), ways
