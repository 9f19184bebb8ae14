"""A camera and the light it gathers."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from triton_models.simulator.surface import Hits
from triton_models.simulator.things import Bytes, Floats

ITEM = 1
"""The owner number of the item's faces; the booth's is 0."""
MATTER = 2
"""Owner number of what was spilled beside the item, its own or another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera.

    Attributes:
        place: (3,) metres.
        target: (3,) metres, what it looks at.
        up: (3,) which way is up in its picture.
        field: Full angle of view, radians.
        pixels: Width and height of its (square) picture.
    """

    place: Floats
    target: Floats
    up: Floats
    field: float
    pixels: int = 384

    @property
    def axes(self) -> tuple[Floats, Floats, Floats]:
        """Right, down and ahead, (3,) each, of length 1."""
        ahead = self.target - self.place
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, self.up)
        right = right / np.linalg.norm(right)
        down = np.cross(ahead, right)
        return right.astype(np.float32), down.astype(np.float32), ahead.astype(np.float32)

    def ways(self, numbers: npt.NDArray[np.int64], looks: int) -> Floats:
        """(n, 3) of length 1: where the looks of these numbers point; looks are numbered pixel by pixel."""
        right, down, ahead = self.axes
        pixel, look = np.divmod(numbers, looks**2)
        y, x = np.divmod(pixel, self.pixels)
        step = np.float32(2 * np.tan(self.field / 2) / (self.pixels * looks))
        off = np.float32(self.pixels * looks / 2 - 0.5)
        x = ((x * looks + look % looks).astype(np.float32) - off) * step
        y = ((y * looks + look // looks).astype(np.float32) - off) * step
        length = np.sqrt(x * x + y * y + 1)
        return (x[:, None] * right + y[:, None] * down + ahead) / length[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What one camera got.

    Attributes:
        light: (N, N, 3) float32, linear RGB before the camera's own faults.
        depth: (N, N) float32, metres from the camera's plane to the first surface that stops light; 0 where none.
        item: (N, N) bool: the item.
        matter: (N, N) bool: what was spilled beside it, its own or another's.
        damage: (N, N) uint8: damage code of what is seen there.
        printed: (N, N) bool: art that only shows damage.
        gloss: (N, N) float32: highlight share of the light, 0 to 1: where depth cameras go blind.
    """

    light: Floats
    depth: Floats
    item: npt.NDArray[np.bool_]
    matter: npt.NDArray[np.bool_]
    damage: Bytes
    printed: npt.NDArray[np.bool_]
    gloss: Floats


class Film:
    """Light and knowledge per look, layer upon layer.

    Attributes:
        looks: Looks per pixel are this squared.
        place: (3,) where all of them start.
        ways: (N * N * looks * looks, 3) where they point, filled as `bands` hands them out.
        clear: How much of what comes next each look still sees.
    """

    def __init__(self, camera: Camera, looks: int) -> None:
        """Nothing seen yet."""
        self._camera, self.looks, self.place = camera, looks, camera.place
        count = camera.pixels**2 * looks**2
        self.ways = np.empty((count, 3), np.float32)
        self._busy = np.ones((camera.pixels, camera.pixels), np.bool_)
        self.clear = np.ones(count, np.float32)
        self._paint = np.zeros((count, 3), np.float32)
        self._gleam = np.zeros((count, 3), np.float32)
        self._colour = np.zeros((count, 3), np.float32)
        self._normal = np.zeros((count, 3), np.float32)
        self._far = np.zeros(count, np.float32)
        self._owner = np.full(count, -1, np.int8)
        self._code = np.zeros(count, np.uint8)
        self._printed = np.zeros(count, np.bool_)

    def bands(self, busy: npt.NDArray[np.bool_], size: int) -> Iterator[npt.NDArray[np.int64]]:
        """The numbers of the looks to take, about `size` at a time: all of a busy pixel's, one of the others'."""
        self._busy = busy
        every = self.looks**2
        taken = np.ones((busy.size, every), np.bool_)
        taken[~busy.ravel(), 1:] = False
        numbers = np.flatnonzero(taken)
        # Cut between pixels, never within one.
        starts = np.flatnonzero(numbers % every == 0)
        ends = starts[
            np.clip(np.searchsorted(starts, np.arange(size, len(numbers), size)), 0, len(starts) - 1)
        ]
        for band in np.split(numbers, ends):
            if len(band):
                self.ways[band] = self._camera.ways(band, self.looks)
                yield band

    def add(self, hits: Hits, diffuse: Floats, gleam: Floats) -> None:
        """One more layer: what it sends back, and what it leaves of what lies behind."""
        ray, clear = hits.ray, self.clear[hits.ray]
        matt = np.where(hits.metal, np.float32(0.15), np.float32(1))
        colour = hits.albedo * (clear * hits.cover * matt)[:, None]
        self._colour[ray] += colour
        self._paint[ray] += colour * diffuse
        # A film's highlight is as bright however clear the film is; a hole has none.
        self._gleam[ray] += gleam * (clear * (hits.cover > 0.02))[:, None]
        self._normal[ray] += hits.normal * (clear * hits.cover)[:, None]
        first = (self._owner[ray] < 0) & (hits.cover > 0.02)
        self._owner[ray[first]] = hits.owner[first]
        coded = (hits.code > 0) & (self._code[ray] == 0) & (hits.cover > 0.02)
        self._code[ray[coded]] = hits.code[coded]
        self._printed[ray] |= hits.printed & (clear > 0.5)
        stop = (self._far[ray] == 0) & (hits.cover > 0.5)
        self._far[ray[stop]] = hits.far[stop] * (self.ways[ray[stop]] @ self._camera.axes[2])
        self.clear[ray] = clear * (1 - hits.cover)

    def developed(self) -> Picture:
        """The looks of each pixel put together."""
        paint, gleam, colour = (self._mean(part) for part in (self._paint, self._gleam, self._colour))
        depth = self._look(self._far)
        lit = paint / np.maximum(colour, 1e-4)
        light = colour * _calmed(lit, self._mean(self._normal), depth) + gleam
        code = self._code
        marked = self._mean((code > 0).astype(np.float32)) >= 0.5
        n = self._camera.pixels
        return Picture(
            light=light,
            depth=depth,
            item=self._mean((self._owner == ITEM).astype(np.float32)) >= 0.5,
            matter=self._mean((self._owner == MATTER).astype(np.float32)) >= 0.5,
            damage=np.where(marked, code.reshape(n, n, -1).max(2), 0).astype(np.uint8),
            printed=self._mean(self._printed.astype(np.float32)) >= 0.5,
            gloss=cv2.GaussianBlur(gleam.sum(-1) / np.maximum(light.sum(-1), 1e-6), (3, 3), 0),
        )

    def _mean(self, values: Floats) -> Floats:
        """(N, N, …): over a busy pixel's looks, the only one elsewhere."""
        n = self._camera.pixels
        grid = values.reshape(n, n, self.looks**2, *values.shape[1:])
        total = grid[:, :, 0].copy()
        busy = self._busy
        total[busy] = grid[busy].sum(1) / np.float32(self.looks**2)
        return total

    def _look(self, values: Floats) -> Floats:
        n = self._camera.pixels
        return np.ascontiguousarray(values.reshape(n, n, -1)[:, :, 0])


def _calmed(lit: Floats, normal: Floats, depth: Floats) -> Floats:
    """The light on each pixel, averaged with neighbours that face the same way at the same distance.

    Source: Dammertz et al., Edge-Avoiding A-Trous Wavelet Transform for fast Global Illumination Filtering, HPG 2010.
    """
    for step in (1, 2):
        total, weight = lit.copy(), np.ones(depth.shape, np.float32)
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            for sign in (-1, 1):
                move = (sign * down * step, sign * right * step)
                near = _alike(normal, depth, move)
                total += _rolled(lit, move) * near[..., None]
                weight += near
        lit = total / weight[..., None]
    return lit


def _alike(normal: Floats, depth: Floats, move: tuple[int, int]) -> Floats:
    facing = np.einsum("ijk,ijk->ij", normal, _rolled(normal, move))
    apart = np.abs(depth - _rolled(depth, move))
    return (np.clip((facing - 0.9) * 10, 0, 1) * (apart < 6e-3) * 0.7).astype(np.float32)


def _rolled(values: Floats, move: tuple[int, int]) -> Floats:
    return np.roll(values, move, axis=(0, 1))
