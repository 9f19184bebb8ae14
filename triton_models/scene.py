"""Cameras over a belt, flat textured patches in space, and the light on them.

World coordinates in millimetres: x to the right, y away from the side camera, z up, the belt at z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

Points = NDArray[np.float64]

SIDE_PX: Final = 320
CAMERA_HEIGHT_MM: Final = 900.0
_FOCAL_PX: Final = 650.0
_POOL: Final = 420  # width of the ready-made belt and noise, from which every shot cuts its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole at `eye` (mm); the rows of `axes` are its right, down and forward directions."""

    eye: Points
    axes: Points

    def project(self, points: Points) -> Points:
        """World points (n, 3) to pixels (n, 2) of the 320 x 320 picture."""
        local = (points - self.eye) @ self.axes.T
        return SIDE_PX / 2 + _FOCAL_PX * local[:, :2] / local[:, 2:]


def look(eye: tuple[float, float, float], at: tuple[float, float, float], roll: float) -> Camera:
    """A camera at `eye` looking at `at`, turned by `roll` radians about its own axis."""
    position = np.array(eye)
    forward = np.array(at) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0] if abs(forward[2]) > 0.9 else [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = np.cos(roll), np.sin(roll)
    return Camera(eye=position, axes=np.stack([cos * right + sin * down, cos * down - sin * right, forward]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A flat texture with its corners in space (4, 3): top left, top right, bottom right, bottom left.

    It is seen from its printed side only, unless `two_sided`. `light` (0 to 1) is how bright it lies.
    """

    texture: Image.Image
    corners: Points
    light: float = 1.0
    two_sided: bool = False


def homography(source: Points, target: Points) -> Points:
    """The 8 numbers by which Pillow finds, for a pixel in `target`, its place in `source`; both (4, 2)."""
    rows = np.zeros((8, 8))
    x, y = target[:, 0], target[:, 1]
    u, v = source[:, 0], source[:, 1]
    rows[:4] = np.stack([x, y, x**0, 0 * x, 0 * x, 0 * x, -u * x, -u * y], axis=1)
    rows[4:] = np.stack([0 * x, 0 * x, 0 * x, x, y, x**0, -v * x, -v * y], axis=1)
    return np.linalg.solve(rows, np.concatenate([u, v]))


def paint(canvas: Image.Image, camera: Camera, patch: Patch) -> None:
    """Draws `patch` onto `canvas` (320 x 320, RGB) as `camera` sees it; what lies outside is cut off."""
    shape = camera.project(patch.corners)
    if not patch.two_sided and _area(shape) <= 0:
        return
    low = np.clip(np.floor(shape.min(axis=0)).astype(int), 0, SIDE_PX)
    high = np.clip(np.ceil(shape.max(axis=0)).astype(int) + 1, 0, SIDE_PX)
    size = int(high[0] - low[0]), int(high[1] - low[1])
    if min(size) < 2:
        return
    columns, rows = patch.texture.size
    source = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], dtype=float)
    coefficients = homography(source, shape - low).tolist()
    seen = patch.texture.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
    colour = seen.convert("RGB")
    if patch.light < 1:
        colour = Image.blend(Image.new("RGB", size), colour, patch.light)
    canvas.paste(colour, (int(low[0]), int(low[1])), seen.getchannel("A"))


def _area(shape: Points) -> float:
    """Twice the area of a four-cornered outline in the picture; negative when it is seen from behind."""
    first, second = shape[2] - shape[0], shape[3] - shape[1]
    return float(first[0] * second[1] - first[1] * second[0])


@lru_cache(maxsize=1)
def _belts() -> tuple[Image.Image, ...]:
    """A few belts: dark rubber with a weave, wear along the direction of travel, and dust."""
    rng = np.random.default_rng(20)
    belts = []
    for grey in (48, 62, 80, 105):
        coarse = _grown(Image.fromarray(rng.integers(0, 255, (12, 12), dtype=np.uint8)), _POOL)
        streaks = np.repeat(rng.normal(0, 4, (_POOL, 1)), _POOL, axis=1)
        weave = 4 * np.sin(np.arange(_POOL) * 1.3)[:, None] * np.sin(np.arange(_POOL) * 1.1)[None, :]
        level = grey + streaks + weave + (np.asarray(coarse, dtype=float) - 127) * 0.09
        level[rng.random(level.shape) < 0.0006] += 90
        flat = Image.fromarray(level.clip(0, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(1))
        belts.append(
            Image.merge("RGB", (flat, flat, flat.point([min(255, round(v * 1.04)) for v in range(256)])))
        )
    return tuple(belts)


@lru_cache(maxsize=1)
def _noises() -> tuple[Image.Image, ...]:
    """Sensor noise about a middle of 128, from faint to strong."""
    rng = np.random.default_rng(21)
    return tuple(
        Image.fromarray((128 + rng.normal(0, sigma, (_POOL, _POOL, 3))).clip(0, 255).astype(np.uint8))
        for sigma in (1.5, 2.5, 3.5, 5.0)
    )


@lru_cache(maxsize=1)
def shadow() -> Image.Image:
    """A soft dark square, to lie under a product."""
    mask = np.zeros((80, 80), dtype=np.uint8)
    mask[12:68, 12:68] = 170
    alpha = Image.fromarray(mask).filter(ImageFilter.GaussianBlur(6))
    image = Image.new("RGBA", (80, 80), (8, 8, 10))
    image.putalpha(alpha)
    return image


def belt(rng: np.random.Generator) -> Image.Image:
    """An empty belt, 320 x 320."""
    return _cut(_belts()[int(rng.integers(4))], rng)


def illuminate(picture: Image.Image, rng: np.random.Generator, *, gloss: float) -> Image.Image:
    """Uneven, coloured light, glare in proportion to `gloss`, sensor noise."""
    tint = 1 + rng.uniform(-0.04, 0.04, 3)
    field = rng.uniform(0.82, 1.15, (3, 3, 1)) * rng.uniform(0.8, 1.1) * tint
    # Multiplying only darkens: the field is scaled to 1 at its largest, and the rest given back after.
    gain = float(field.max())
    picture = ImageChops.multiply(
        picture, _grown(Image.fromarray((field / gain * 255).astype(np.uint8)), SIDE_PX)
    )
    picture = picture.point([min(255, round(value * gain)) for value in range(256)] * 3)
    if spots := int(rng.poisson(gloss)):
        picture = ImageChops.add(picture, _glare(spots, rng))
    return ImageChops.add(picture, _cut(_noises()[int(rng.integers(4))], rng), 1.0, -128)


def _glare(spots: int, rng: np.random.Generator) -> Image.Image:
    y, x = np.ogrid[0:40, 0:40]
    level = np.zeros((40, 40))
    for _ in range(spots):
        cx, cy, angle = rng.uniform(12, 28), rng.uniform(12, 28), rng.uniform(0, np.pi)
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        spot = np.exp(-((along / rng.uniform(2, 6)) ** 2) - (across / rng.uniform(0.7, 2)) ** 2)
        level += spot * rng.uniform(40, 130)
    small = _grown(Image.fromarray(level.clip(0, 255).astype(np.uint8)), SIDE_PX)
    return Image.merge("RGB", (small, small, small))


def _cut(pool: Image.Image, rng: np.random.Generator) -> Image.Image:
    x, y = (int(value) for value in rng.integers(0, _POOL - SIDE_PX, 2))
    return pool.crop((x, y, x + SIDE_PX, y + SIDE_PX))


def _grown(small: Image.Image, side: int) -> Image.Image:
    return small.resize((side, side), Image.Resampling.BILINEAR)
