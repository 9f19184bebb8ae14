"""Pictures that look photographed: heaps of beans and grains, cloth, wood, water, kraft paper; all from noise."""

import cv2
import numpy as np

from triton_models.simulator.art_canvas import Canvas, Colour, ellipse_points, lighter, mix, turned
from triton_models.simulator.things import Bytes, Floats, Random

Size = tuple[int, int]


def noise(random: Random, size: Size, cell: float) -> Floats:
    """Smooth noise over (width, height) with bumps of about `cell` pixels: (H, W), about -1 to 1."""
    width, height = size
    coarse = random.normal(0, 0.5, (int(height / cell) + 3, int(width / cell) + 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def clouds(random: Random, size: Size, cell: float) -> Floats:
    """Noise at three scales: (H, W), about -1 to 1."""
    made: Floats = (
        noise(random, size, cell) * 0.6
        + noise(random, size, cell / 3) * 0.3
        + noise(random, size, cell / 9) * 0.15
    )
    return made


def tinted(field: Floats, dark: Colour, light: Colour) -> Bytes:
    """A field (H, W) from 0 to 1 as colours between two: (H, W, 3)."""
    start, end = np.asarray(dark, np.float32), np.asarray(light, np.float32)
    return np.clip(start + (end - start) * field[..., None], 0, 255).astype(np.uint8)


def paper(random: Random, size: Size, colour: Colour, strength: float = 0.05) -> Bytes:
    """Coated paper with a hint of mottling."""
    field = 1 + strength * (
        noise(random, size, 40) * 0.6 + random.normal(0, 0.35, (size[1], size[0])).astype(np.float32)
    )
    return np.clip(np.asarray(colour, np.float32) * field[..., None], 0, 255).astype(np.uint8)


def kraft(random: Random, size: Size, *, flutes: bool) -> Bytes:
    """Brown paper: fibres, specks, and the flutes of the corrugation showing through."""
    width, height = size
    fibres = cv2.blur(random.normal(0, 1, (height, width)).astype(np.float32), (9, 1))
    upright = cv2.blur(random.normal(0, 1, (height, width)).astype(np.float32), (1, 7))
    field = 0.055 * fibres + 0.05 * upright + 0.03 * noise(random, size, 90)
    if flutes:
        period = float(random.uniform(13, 19))
        field += 0.022 * np.sin(np.arange(width, dtype=np.float32) * 2 * np.pi / period)[None, :]
    specks = random.uniform(size=(height, width)).astype(np.float32)
    field -= 0.12 * (specks > 0.997)
    base = mix((186, 148, 106), (168, 126, 84), float(random.uniform()))
    made: Bytes = np.clip(np.asarray(base, np.float32) * (1 + field[..., None]), 0, 255).astype(np.uint8)
    return made


def grains(random: Random, size: Size, colour: Colour, length: float, slim: float) -> Bytes:
    """A heap of ellipsoid grains seen from above, lit from the upper left.

    Args:
        random: Source.
        size: Width and height, pixels.
        colour: Of a grain.
        length: Of a grain, pixels.
        slim: Width over length.

    Returns:
        sRGB, (H, W, 3); its opposite edges meet.
    """
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = lighter(colour, -0.6)
    length = max(length, float(np.sqrt(2.2 * width * height / (550 * slim))))  # no more than 550 grains: time
    count = int(2.2 * width * height / (length * length * slim))
    tones = (
        ((1.16, -0.55), (1.0, 0.0), (0.66, 0.14), (0.28, 0.34))
        if length > 22
        else ((1.2, -0.5), (1.0, 0.0), (0.5, 0.2))
    )
    centres = random.uniform((0, 0), (width, height), (count, 2))
    turns = random.uniform(0, 180, count)
    sizes = random.uniform(0.85, 1.15, count)
    shades = random.normal(0, 0.09, count) + np.linspace(-0.4, 0.05, count)
    for (x, y), turn, scale, shade in zip(centres, turns, sizes, shades, strict=True):
        half = length * scale / 2
        copies = [(u, v) for u in _around(x, width, length) for v in _around(y, height, length)]
        for inner, lift in tones:
            off = (1 - inner) * half * 0.45
            tone = lighter(colour, float(np.clip(shade + lift, -0.85, 0.6)))
            axes = (max(1, round(half * inner * 8)), max(1, round(half * slim * inner * 8)))
            for u, v in copies:
                at = (round((u - off) * 8), round((v - off) * 8))
                cv2.ellipse(picture, at, axes, turn, 0, 360, tone, -1, cv2.LINE_AA, 3)
    return picture


def _around(place: float, size: int, reach: float) -> list[float]:
    """A coordinate, and its copy beyond the far edge if it is near one: the picture can be laid like tiles."""
    if place < reach:
        return [place, place + size]
    return [place, place - size] if place > size - reach else [place]


def beans(random: Random, size: Size, colour: Colour, length: float) -> Bytes:
    """Roasted coffee beans with their clefts."""
    width, height = size
    canvas = Canvas(width, height, lighter(colour, -0.75))
    count = int(min(500, 2.8 * width * height / (length * length * 0.68)))
    shades = np.linspace(-0.45, 0.02, count)
    cleft = (
        np.stack([np.linspace(-0.42, 0.42, 9), 0.05 * np.sin(np.linspace(0, 2 * np.pi, 9))], axis=1) * length
    )
    for shade in shades:
        centre = random.uniform((-length / 2, -length / 2), (width + length / 2, height + length / 2))
        turn = float(random.uniform(0, np.pi))
        x, y = float(centre[0]), float(centre[1])
        tone = lighter(colour, float(shade + random.normal(0, 0.06)))
        at = (round(x * 8), round(y * 8))
        degrees = float(np.degrees(turn))
        for inner, lift in ((1.14, -0.6), (1.0, 0.0), (0.72, 0.10), (0.36, 0.22)):
            off = (1 - inner) * length * 0.22
            place = (round((x - off) * 8), round((y - off) * 8)) if inner < 1 else at
            axes = (round(length / 2 * inner * 8), round(length * 0.34 * inner * 8))
            cv2.ellipse(canvas.pixels, place, axes, degrees, 0, 360, lighter(tone, lift), -1, cv2.LINE_AA, 3)
        if random.uniform() < 0.6:
            line = np.round((turned(cleft, turn) + centre) * 8).astype(np.int32)
            thick = max(1, round(length / 16))
            cv2.polylines(
                canvas.pixels,
                [line],
                isClosed=False,
                color=lighter(tone, -0.6),
                thickness=thick,
                lineType=cv2.LINE_AA,
                shift=3,
            )
    return canvas.pixels


def cloth(random: Random, size: Size, colour: Colour) -> Bytes:
    """Woven cloth in soft folds."""
    width, height = size
    folds = clouds(random, size, min(size) / 2.5)
    x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    weave = np.sin(x * 2.1 + folds * 3) * np.sin(y * 2.1) * 0.05
    slope = cv2.Sobel(folds, cv2.CV_32F, 1, 1, ksize=3) * min(size) / 14
    return tinted(
        np.clip(0.62 + 0.35 * slope + weave + 0.12 * folds, 0, 1),
        lighter(colour, -0.55),
        lighter(colour, 0.55),
    )


def wood(random: Random, size: Size) -> Bytes:
    """A planed board."""
    width, height = size
    warp = noise(random, size, max(size) / 3) * 5 + np.arange(height, dtype=np.float32)[:, None] / height * 16
    rings = 0.5 + 0.5 * np.sin(warp * 2.4)
    fibre = cv2.blur(random.normal(0, 1, (height, width)).astype(np.float32), (25, 1))
    return tinted(np.clip(0.35 + 0.35 * rings + 0.35 * fibre, 0, 1), (104, 66, 38), (206, 158, 108))


def water(random: Random, size: Size, colour: Colour) -> Bytes:
    """Rippled water with glints."""
    field = clouds(random, size, min(size) / 4)
    bands = np.abs(np.sin(field * 5.5))
    glint = np.clip(1 - bands * 3.2, 0, 1) ** 1.5
    base = tinted(np.clip(0.5 + field * 0.5, 0, 1), lighter(colour, -0.35), lighter(colour, 0.35)).astype(
        np.float32
    )
    made: Bytes = np.clip(base + 150 * glint[..., None], 0, 255).astype(np.uint8)
    return made


def powder(random: Random, size: Size, colour: Colour) -> Bytes:
    """A smoothed bed of powder with a drag mark or two."""
    field = clouds(random, size, min(size) / 3)
    slope = cv2.Sobel(field, cv2.CV_32F, 1, 1, ksize=5) * min(size) / 160
    fine = random.normal(0, 0.10, (size[1], size[0])).astype(np.float32)
    return tinted(np.clip(0.6 + slope + fine, 0, 1), lighter(colour, -0.5), lighter(colour, 0.35))


def bokeh(random: Random, size: Size, colour: Colour, light: Colour) -> Bytes:
    """A blurred background with discs of light."""
    width, height = size
    canvas = Canvas(width, height, colour)
    canvas.gradient(canvas.box, lighter(colour, -0.35), lighter(colour, 0.2))
    for _ in range(26):
        centre = (float(random.uniform(0, width)), float(random.uniform(0, height)))
        radius = float(random.uniform(0.03, 0.12)) * min(size)
        outline = ellipse_points(centre, (radius, radius))
        canvas.polygon(
            outline, mix(colour, light, float(random.uniform(0.3, 1))), alpha=float(random.uniform(0.08, 0.3))
        )
    return np.asarray(cv2.GaussianBlur(canvas.pixels, (0, 0), 2.0), np.uint8)
