"""The photo booth: a belt or tray under soft lamps, a camera above with a depth camera beside it, one at the side.

Where the item lies, how it is lit and what the cameras make of the light differ from station to station and from
photo to photo; all of it follows from a seed.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from triton_models.simulator.film import Camera, Picture
from triton_models.simulator.noise import fractal
from triton_models.simulator.surface import Lamp
from triton_models.simulator.things import Bytes, Floats, Item, Material, Mesh, Random

CAMERA_HEIGHT = 0.95
"""Metres from the tray to the top camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booth:
    """One station: what does not change between its photos.

    Attributes:
        tray: The belt's surface.
        lamps: Soft boxes.
        sky: (3,) radiance of the white walls.
        gain: (3,) the camera's white balance.
        exposure: The light that makes white.
        noise: Standard deviation of the sensor's noise, share of white.
        blur: Standard deviation of the lens's blur, pixels.
    """

    tray: Material
    lamps: tuple[Lamp, ...]
    sky: Floats
    gain: Floats
    exposure: float
    noise: float
    blur: float


def booth(rng: Random) -> Booth:
    """A station drawn at random."""
    warm = rng.uniform(-0.06, 0.06)
    bright = rng.uniform(0.85, 1.15)
    return Booth(
        tray=_tray(rng),
        lamps=tuple(_lamp(rng, place, bright) for place in _lamp_places(rng)),
        sky=np.array([1 + warm, 1, 1 - warm], np.float32) * np.float32(rng.uniform(0.4, 0.75)),
        gain=np.array([1 - warm * 0.8, 1, 1 + warm * 0.8], np.float32)
        * rng.uniform(0.98, 1.02, 3).astype(np.float32),
        exposure=float(rng.uniform(0.9, 1.15)),
        noise=float(rng.uniform(0.004, 0.014)),
        blur=float(rng.uniform(0.25, 0.6)),
    )


def _lamp_places(rng: Random) -> list[tuple[float, float, float]]:
    turn = rng.uniform(0, 2 * np.pi)
    count = int(rng.choice([2, 2, 3]))
    out = rng.uniform(0.45, 0.75)
    return [
        (
            float(out * np.cos(turn + k * 2 * np.pi / count + rng.uniform(-0.3, 0.3))),
            float(out * np.sin(turn + k * 2 * np.pi / count + rng.uniform(-0.3, 0.3))),
            float(rng.uniform(0.75, 1.15)),
        )
        for k in range(count)
    ]


def _lamp(rng: Random, place: tuple[float, float, float], bright: float) -> Lamp:
    centre = np.array(place, np.float32)
    ahead = -centre / np.linalg.norm(centre)
    right = np.cross(ahead, [0, 0, 1])
    right = right / np.linalg.norm(right)
    over = np.cross(right, ahead)
    half = rng.uniform(0.08, 0.28, 2)
    # Turned so that right x ahead points at the tray.
    light = bright * rng.uniform(0.7, 1.3) * 1.15 / (4 * half[0] * half[1]) ** 0.85
    return Lamp(
        place=centre,
        right=(right * half[0]).astype(np.float32),
        ahead=(-over * half[1]).astype(np.float32),
        light=np.full(3, light, np.float32),
    )


def glaring(rng: Random) -> Lamp:
    """A small bright lamp beside the top camera: it mirrors itself in whatever lies flat and shines."""
    out, turn = rng.uniform(0.03, 0.14), rng.uniform(0, 2 * np.pi)
    return Lamp(
        place=np.array([out * np.cos(turn), out * np.sin(turn), CAMERA_HEIGHT + 0.06], np.float32),
        right=np.array([rng.uniform(0.02, 0.05), 0, 0], np.float32),
        ahead=np.array([0, -rng.uniform(0.02, 0.05), 0], np.float32),
        light=np.full(3, rng.uniform(25, 60), np.float32),
    )


_TRAYS = (
    (52, 54, 58),
    (96, 99, 102),
    (150, 152, 150),
    (36, 62, 104),
    (40, 88, 70),
    (178, 178, 172),
    (24, 25, 27),
)


def _tray(rng: Random) -> Material:
    """Belt rubber or tray plastic, worn: streaks along the way, specks, a seam now and then."""
    size = 900
    ground = np.array(_TRAYS[int(rng.integers(len(_TRAYS)))], np.float32) * rng.uniform(0.85, 1.15)
    wear = fractal(rng, (size, size), 5) * 0.05
    streaks = cv2.GaussianBlur(rng.standard_normal((size, 1)).astype(np.float32), (1, 9), 2) * 0.06
    picture = ground * (1 + wear + streaks)[..., None]
    picture += rng.normal(0, 2.5, (size, size, 1))
    for _ in range(int(rng.integers(0, 25))):
        x, y = rng.integers(0, size, 2)
        way = rng.normal(0, 60, 2)
        cv2.line(
            picture,
            (int(x), int(y)),
            (int(x + way[0]), int(y + way[1])),
            tuple(float(c) for c in ground * rng.uniform(0.75, 1.3)),
            1,
            cv2.LINE_AA,
        )
    if rng.random() < 0.2:
        y = int(rng.integers(0, size))
        picture[y : y + int(rng.integers(3, 8))] *= 0.6
    return Material(
        name="tray",
        albedo=np.clip(picture, 0, 255).astype(np.uint8),
        roughness=float(rng.uniform(0.4, 0.8)),
        specular=0.03,
        bump=fractal(rng, (size, size), 6) * 0.15 if rng.random() < 0.5 else None,
    )


def tray_mesh(number: int, half: float = 4.0) -> Mesh:
    """The tray's surface, z = 0; its picture once over 1.2 m, mirrored beyond."""
    line = np.array([-half, -0.6, 0.6, half], np.float32)
    x, y = np.meshgrid(line, line)
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(16)], axis=1).astype(np.float32)
    cells = np.array([[r * 4 + c for c in range(3)] for r in range(3)], np.int32).ravel()
    faces = np.concatenate(
        [np.stack([cells, cells + 1, cells + 5], 1), np.stack([cells, cells + 5, cells + 4], 1)]
    ).astype(np.int32)
    uv = np.abs((vertices[:, :2] / 1.2 + 0.5 + 2) % 2 - 0)
    uv = np.where(uv > 1, 2 - uv, uv).astype(np.float32)
    count = len(faces)
    return Mesh(
        vertices=vertices,
        faces=faces,
        uv=uv[faces],
        material=np.full(count, number, np.int32),
        smooth=np.zeros(count, np.int32),
        damage=np.zeros(count, np.uint8),
    )


def laid(item: Item, rest: Floats, rng: Random, *, off: float = 0.02, tilt: float = 0.0) -> Item:
    """The item turned into `rest`, then about z, let down until it touches the tray, near the middle.

    Args:
        item: In its own coordinates.
        rest: (3, 3) rotation.
        rng: Draws the turn and the place.
        off: Metres off the middle, at most, along x and y.
        tilt: Radians by which it leans, for things badly placed.
    """
    turn = rng.choice([0, 0.5, 1, 1.5]) * np.pi + rng.normal(0, 0.35)
    cos, sin = np.cos(turn), np.sin(turn)
    about = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32) @ _leaned(tilt) @ rest
    points = np.concatenate([part.mesh.vertices for part in item.parts]) @ about.T
    low, high = points.min(0), points.max(0)
    middle = (low + high) / 2
    shift = np.array(
        [-middle[0] + rng.uniform(-off, off), -middle[1] + rng.uniform(-off, off), 2e-4 - low[2]], np.float32
    )
    return replace(
        item, parts=tuple(replace(part, mesh=part.mesh.moved(about, shift)) for part in item.parts)
    )


def _leaned(angle: float) -> Floats:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]], np.float32)


def cameras(
    points: Floats, rng: Random, pixels: int = 384, *, fill: float | None = None
) -> tuple[Camera, Camera]:
    """The camera above and the one at the side, both zoomed to what lies there.

    Args:
        points: (N, 3) of the item, world metres.
        rng: Draws small errors of mounting.
        pixels: Width and height of the pictures.
        fill: Share of the frame that the item's longest side takes; None draws one.
    """
    low, high = points.min(0), points.max(0)
    span = float(np.linalg.norm((high - low)[:2])) * 0.5 + 0.015
    middle = np.array([0, 0, (low[2] + high[2]) / 2], np.float32)
    share = fill if fill is not None else float(rng.uniform(0.82, 1.0))
    top = np.array([rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05), CAMERA_HEIGHT], np.float32)
    around = rng.choice([0.25, 0.75, 1.25, 1.75]) * np.pi + rng.uniform(-0.25, 0.25)
    lift = rng.uniform(0.6, 0.85)
    side = (
        np.array([np.cos(around) * np.cos(lift), np.sin(around) * np.cos(lift), np.sin(lift)], np.float32)
        * 0.85
    )
    tall = float(high[2] - low[2])

    def looking(place: Floats, up: list[float], size: float) -> Camera:
        far = float(np.linalg.norm(place - middle))
        return Camera(
            place=place,
            target=middle + rng.normal(0, 0.004, 3).astype(np.float32),
            up=np.array(up, np.float32),
            field=float(2 * np.arctan(size / share / far)),
            pixels=pixels,
        )

    return looking(top, [0, 1, 0], span), looking(side, [0, 0, 1], max(span * 0.95, tall * 0.75))


def photo(picture: Picture, at: Booth, rng: Random) -> Bytes:
    """(N, N, 3) sRGB: lens, sensor and the camera's own processing."""
    light = cv2.GaussianBlur(picture.light, (0, 0), at.blur) * at.gain * at.exposure
    size = light.shape[0]
    line = (np.arange(size, dtype=np.float32) / size - 0.5) ** 2
    light = light * (1 - 0.25 * (line[:, None] + line[None, :]))[..., None]
    light = light + rng.standard_normal(light.shape, np.float32) * (
        at.noise * np.sqrt(np.clip(light, 0.02, None))
    )
    # A shoulder like a camera's: straight up to 0.7, then bending towards white.
    bent = np.where(light < 0.7, light, 0.7 + 0.3 * np.tanh((light - 0.7) / 0.3))
    return (np.clip(bent, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def depth_image(picture: Picture, rng: Random) -> npt.NDArray[np.uint16]:
    """(N, N) millimetres, 0 where the depth camera sees nothing: on highlights, at steps, outside."""
    mm = picture.depth * 1000
    mm = (
        mm
        + rng.standard_normal(mm.shape, np.float32) * 0.6
        + cv2.resize(
            rng.standard_normal((16, 16)).astype(np.float32), mm.shape[::-1], interpolation=cv2.INTER_CUBIC
        )
        * np.float32(0.5)
    )
    step = cv2.dilate(picture.depth, np.ones((3, 3))) - cv2.erode(picture.depth, np.ones((3, 3)))
    blind = (picture.depth <= 0) | (picture.gloss > 0.75) | ((step > 0.02) & (rng.random(mm.shape) < 0.5))
    return np.where(blind, 0, np.clip(mm, 1, 65535)).astype(np.uint16)
