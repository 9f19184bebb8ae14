"""The printed faces of a product, drawn once per product and kept: what is the same in every shot of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from triton_models.designs import Colour, Design

PX_PER_MM: Final = 0.9
BAGS: Final = ("paper", "plastic_bubble_wrap", "plastic_loose_bag")
_LEFT_ODD: Final = ("0001101", "0011001", "0010011", "0111101", "0100011",
                    "0110001", "0101111", "0111011", "0110111", "0001011")  # fmt: skip
_PARITY: Final = ("OOOOOO", "OOEOEE", "OOEEOE", "OOEEEO", "OEOOEE",
                  "OEEOOE", "OEEEOO", "OEOEOE", "OEOEEO", "OEEOEO")  # fmt: skip


def ean13_modules(code: str) -> str:
    """The 95 modules of an EAN-13 symbol, '1' for a bar. `code` has 13 digits."""

    def right(digit: str) -> str:
        return _LEFT_ODD[int(digit)].translate(str.maketrans("01", "10"))

    left = "".join(
        _LEFT_ODD[int(digit)] if parity == "O" else right(digit)[::-1]
        for digit, parity in zip(code[1:7], _PARITY[int(code[0])], strict=True)
    )
    return f"101{left}01010{''.join(right(digit) for digit in code[7:])}101"


@lru_cache(maxsize=1024)
def faces(design: Design) -> dict[str, Image.Image]:
    """RGBA textures of the faces `top`, `front` and `side`; to be copied before they are drawn on."""
    width, depth, height = (max(16, round(edge * PX_PER_MM)) for edge in design.size_mm)
    return {
        "top": _top(design, (width, depth)),
        "front": _front(design, (width, height)),
        "side": _side(design, (depth, height)),
    }


def unit_slots(design: Design) -> tuple[tuple[float, float, float, float], ...]:
    """Where a pack's units show through its window: boxes (x0, y0, x1, y1), fractions of the top face."""
    columns = design.unit_count if design.unit_count <= 3 else (design.unit_count + 1) // 2
    rows = -(-design.unit_count // columns)
    x0, y0, x1, y1 = 0.08, 0.4, 0.92, 0.92
    step_x, step_y = (x1 - x0) / columns, (y1 - y0) / rows
    return tuple(
        (x0 + column * step_x, y0 + row * step_y, x0 + (column + 1) * step_x, y0 + (row + 1) * step_y)
        for row in range(rows)
        for column in range(columns)
    )[: design.unit_count]


def blob(
    rng: np.random.Generator, centre: tuple[float, float], radius: float, rough: float = 0.3
) -> list[tuple[float, float]]:
    """An irregular closed outline around `centre`, as the points of a polygon."""
    count = 18
    phase = rng.uniform(0, 2 * np.pi, 3)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    wobble = np.sin(np.arange(2, 5)[:, None] * angle + phase[:, None]).T @ (1 / np.array([1.5, 2.5, 3.5]))
    reach = radius * (1 + rough * wobble + rng.uniform(-0.3, 0.3, count) * rough)
    return [(centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)) for r, a in zip(reach, angle, strict=True)]


def shade_creases(
    image: Image.Image, rng: np.random.Generator, count: int, strength: float, length: float
) -> Image.Image:
    """Folds: a bright flank beside a dark one, along `count` lines; `length` in widths of the face."""
    pixels = np.asarray(image, dtype=np.float32).copy()
    rows, columns = pixels.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    light = np.ones((rows, columns), dtype=np.float32)
    for _ in range(count):
        angle, half = float(rng.uniform(0, np.pi)), float(rng.uniform(0.5, 1.0)) * length * columns / 2
        cx, cy = float(rng.uniform(0.15, 0.85)) * columns, float(rng.uniform(0.15, 0.85)) * rows
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        width = float(rng.uniform(2.0, 6.0))
        bend = across / width
        light += strength * bend * np.exp(-0.5 * bend * bend - (along / half) ** 4)
    pixels[..., :3] = np.clip(pixels[..., :3] * light[..., None], 0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _text(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], words: str, ink: Colour) -> None:
    """`words` centred in `box`, as large as they fit."""
    x0, y0, x1, y1 = box
    trial = _font(40).getbbox(words)
    size = int(40 * min((x1 - x0) / (trial[2] - trial[0]), (y1 - y0) / (trial[3] - trial[1]) * 0.9))
    if size >= 5:
        draw.text(((x0 + x1) / 2, (y0 + y1) / 2), words, fill=ink, font=_font(size), anchor="mm")


def _barcode(image: Image.Image, x: float, y: float, width: float, height: float, code: str) -> None:
    """The symbol with its quiet zone; bars thinner than a pixel come out grey, as a camera sees them."""
    bars = (
        np.array([module == "0" for module in f"000{ean13_modules(code)}000"], dtype=np.uint8)[None, :] * 235
        + 15
    )
    size = max(8, round(width)), max(6, round(height))
    symbol = Image.new("RGBA", size, (250, 250, 250))
    strip = Image.fromarray(bars).resize((size[0], max(2, size[1] - 9)), Image.Resampling.BOX)
    symbol.paste(strip.convert("RGBA"), (0, 2))
    _text(ImageDraw.Draw(symbol), (3, size[1] - 7, size[0] - 3, size[1]), code, (15, 15, 15))
    image.paste(symbol, (round(x), round(y)))


def _top(design: Design, size: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng([design.art_seed, 11])
    width, height = size
    image = Image.new("RGBA", size, design.base)
    draw = ImageDraw.Draw(image)
    _panels(draw, design, rng, size)
    band = (0.06 * width, 0.07 * height, 0.94 * width, 0.25 * height)
    _text(draw, band, design.brand, design.ink)
    _text(draw, (0.15 * width, 0.27 * height, 0.85 * width, 0.36 * height), design.title, design.ink)
    if design.unit_count > 1:
        _window(draw, design, size)
    else:
        _emblem(draw, design, rng, size)
    _barcode(image, 0.66 * width, 0.8 * height, 0.3 * width, 0.16 * height, design.barcode)
    return _finish(image, design, rng)


def _panels(
    draw: ImageDraw.ImageDraw, design: Design, rng: np.random.Generator, size: tuple[int, int]
) -> None:
    width, height = size
    match design.layout:
        case 0:
            draw.rectangle((0, 0.38 * height, width, 0.5 * height), fill=design.accent)
        case 1:
            draw.polygon(
                [(0, height), (0, 0.55 * height), (width, 0.35 * height), (width, height)], fill=design.accent
            )
        case 2:
            draw.rectangle((0, 0, 0.22 * width, height), fill=design.accent)
        case 3:
            for stripe in range(7):
                left = width * stripe / 7
                draw.rectangle((left, 0.38 * height, left + width / 14, height), fill=design.accent)
        case _:
            radius = 0.45 * min(size)
            middle = (0.5 * width, 0.68 * height)
            draw.ellipse(
                (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius),
                fill=design.accent,
            )
    for _ in range(int(rng.integers(2, 7))):
        x, y, r = rng.uniform(0, width), rng.uniform(0.4 * height, height), rng.uniform(3, 9)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=design.contents)


def _emblem(
    draw: ImageDraw.ImageDraw, design: Design, rng: np.random.Generator, size: tuple[int, int]
) -> None:
    """Printed art; some of it dark and jagged, so that a dark jagged patch alone is no damage."""
    width, height = size
    centre, radius = (0.4 * width, 0.64 * height), 0.2 * min(size)
    if rng.random() < 0.3:
        draw.polygon(blob(rng, centre, radius, 0.5), fill=(20, 18, 22))
    else:
        draw.regular_polygon(
            (*centre, radius), int(rng.integers(3, 9)), int(rng.integers(90)), fill=design.contents
        )
    middle = radius * 0.4
    draw.ellipse(
        (centre[0] - middle, centre[1] - middle, centre[0] + middle, centre[1] + middle), fill=design.base
    )


def draw_unit(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], design: Design) -> None:
    """One unit of a pack in `box` (pixels): a round-cornered body with a cap and a lit flank."""
    x0, y0, x1, y1 = box
    inset_x, inset_y = (x1 - x0) * 0.1, (y1 - y0) * 0.08
    body = (x0 + inset_x, y0 + inset_y, x1 - inset_x, y1 - inset_y)
    draw.rounded_rectangle(
        body, radius=min(x1 - x0, y1 - y0) * 0.22, fill=design.contents, outline=(40, 40, 40)
    )
    draw.rectangle((body[0] + 2, (y0 + y1) / 2 - 3, body[2] - 2, (y0 + y1) / 2 + 4), fill=design.accent)
    flank = body[0] + (body[2] - body[0]) * 0.22
    draw.line((flank, body[1] + 5, flank, body[3] - 5), fill=(240, 240, 240), width=2)


def _window(draw: ImageDraw.ImageDraw, design: Design, size: tuple[int, int]) -> None:
    width, height = size
    draw.rectangle(
        (0.06 * width, 0.38 * height, 0.94 * width, 0.94 * height),
        fill=tuple(c // 3 + 120 for c in design.base),
    )
    for x0, y0, x1, y1 in unit_slots(design):
        draw_unit(draw, (x0 * width, y0 * height, x1 * width, y1 * height), design)


def _front(design: Design, size: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng([design.art_seed, 12])
    width, height = size
    if design.category == "book":
        return _pages(size, rng)
    image = Image.new("RGBA", size, design.base)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0.72 * height, width, height), fill=design.accent)
    _text(draw, (0.05 * width, 0.1 * height, 0.55 * width, 0.65 * height), design.brand, design.ink)
    if height > 28:
        _barcode(image, 0.66 * width, 0.12 * height, 0.3 * width, 0.72 * height, design.barcode)
    return _finish(image, design, rng)


def _side(design: Design, size: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng([design.art_seed, 13])
    width, height = size
    if design.category == "book":
        return _pages(size, rng)
    image = Image.new("RGBA", size, design.accent)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, 0.4 * height), fill=design.base)
    _text(draw, (0.1 * width, 0.1 * height, 0.9 * width, 0.4 * height), design.title, design.ink)
    return _finish(image, design, rng)


def _pages(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    rows = rng.normal(225, 10, (size[1], 1, 1)).clip(180, 250)
    pixels = np.broadcast_to(rows * np.array([1.0, 0.98, 0.92]), (size[1], size[0], 3)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels)).convert("RGBA")


def _finish(image: Image.Image, design: Design, rng: np.random.Generator) -> Image.Image:
    """What the material adds: tape, bubbles, folds of film, a rim; and edges that fade over one pixel."""
    draw = ImageDraw.Draw(image, "RGBA")
    width, height = image.size
    match design.material:
        case "cardboard":
            draw.rectangle((0.46 * width, 0, 0.54 * width, height), fill=(225, 205, 160, 70))
        case "plastic_bubble_wrap":
            for x in range(4, width, 11):
                for y in range(4, height, 11):
                    draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=(255, 255, 255, 45))
                    draw.ellipse((x - 3, y - 3, x, y), fill=(255, 255, 255, 60))
        case "plastic_hard":
            draw.rounded_rectangle(
                (2, 2, width - 3, height - 3), radius=9, outline=(255, 255, 255, 150), width=3
            )
        case "plastic_loose_bag" | "paper":
            image = shade_creases(image, rng, 7, 0.28 if design.material == "paper" else 0.45, 0.8)
        case "plastic_tight_wrap" | "book_plastic_tight_wrap":
            for _ in range(3):
                start = float(rng.uniform(0, width))
                draw.line((start, 0, start + rng.uniform(-30, 30), height), fill=(255, 255, 255, 70), width=3)
        case _:
            pass
    return _edges(image, rng, wavy=design.material in ("plastic_loose_bag", "plastic_bubble_wrap"))


def _edges(image: Image.Image, rng: np.random.Generator, *, wavy: bool) -> Image.Image:
    width, height = image.size
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    if wavy and min(width, height) > 60:
        xs, ys = np.linspace(4, width - 5, 16), np.linspace(4, height - 5, 16)
        wave = rng.uniform(-3, 3, 60)
        outline = [(x, 4 + wave[i]) for i, x in enumerate(xs)] + [
            (width - 5 + wave[i + 15], y) for i, y in enumerate(ys)
        ]
        outline += [(x, height - 5 + wave[i + 30]) for i, x in enumerate(xs[::-1])]
        outline += [(4 + wave[i + 44], y) for i, y in enumerate(ys[::-1])]
        draw.polygon(outline, fill=255)
    else:
        draw.rectangle((1, 1, width - 2, height - 2), fill=255)
    image.putalpha(mask)
    return image
