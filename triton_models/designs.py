"""Made-up products: what is printed on them, how large they are, what they hold.

Nothing here is a real brand or a real article number: EAN codes start with 2, the range that GS1
leaves to a shop's own use.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Final

import numpy as np

Colour = tuple[int, int, int]

MATERIALS: Final = (
    "book_other",
    "book_paper",
    "book_plastic_tight_wrap",
    "cardboard",
    "other",
    "paper",
    "plastic_bubble_wrap",
    "plastic_hard",
    "plastic_loose_bag",
    "plastic_tight_wrap",
)
DEFECTS: Final = (
    "deformation",
    "actuation",
    "deconstruction",
    "penetration",
    "superficial",
    "spillage",
    "missing_unit",
)
VENDORS: Final = ("V01", "V02", "V03", "V04", "V05", "V06")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What products of one category have in common. Prices in cents, sizes in millimetres."""

    nouns: tuple[str, ...]
    materials: tuple[str, ...]
    width: tuple[int, int]
    depth: tuple[int, int]
    height: tuple[int, int]
    price: tuple[int, int]
    packs: tuple[int, ...]
    hazardous: float


KINDS: Final[dict[str, Kind]] = {
    "grocery": Kind(
        nouns=("Oats", "Coffee", "Rusks", "Lentils", "Tea", "Crackers", "Rice", "Cocoa"),
        materials=("cardboard", "paper", "plastic_loose_bag", "plastic_tight_wrap"),
        width=(160, 260),
        depth=(150, 230),
        height=(30, 90),
        price=(149, 1499),
        packs=(1, 1, 4, 6),
        hazardous=0.0,
    ),
    "book": Kind(
        nouns=("Atlas", "Novel", "Cookbook", "Diary", "Almanac", "Stories"),
        materials=("book_other", "book_paper", "book_plastic_tight_wrap"),
        width=(160, 220),
        depth=(200, 270),
        height=(16, 45),
        price=(799, 4999),
        packs=(1, 1, 1, 1),
        hazardous=0.0,
    ),
    "toy": Kind(
        nouns=("Blocks", "Puzzle", "Racer", "Robots", "Marbles", "Kite"),
        materials=("cardboard", "plastic_hard", "plastic_tight_wrap", "other"),
        width=(170, 280),
        depth=(150, 240),
        height=(40, 100),
        price=(599, 5999),
        packs=(1, 1, 3, 4),
        hazardous=0.03,
    ),
    "beauty": Kind(
        nouns=("Cream", "Shampoo", "Soap", "Lotion", "Balm", "Razors"),
        materials=("plastic_hard", "plastic_tight_wrap", "cardboard", "plastic_bubble_wrap"),
        width=(140, 220),
        depth=(140, 210),
        height=(30, 70),
        price=(299, 3999),
        packs=(1, 2, 3, 4),
        hazardous=0.15,
    ),
    "electronics": Kind(
        nouns=("Charger", "Lamp", "Headset", "Router", "Mouse", "Batteries"),
        materials=("cardboard", "plastic_hard", "plastic_bubble_wrap", "other"),
        width=(150, 260),
        depth=(140, 220),
        height=(35, 95),
        price=(999, 19999),
        packs=(1, 1, 2, 4),
        hazardous=0.35,
    ),
    "household": Kind(
        nouns=("Cleaner", "Sponges", "Candles", "Bulbs", "Detergent", "Foil"),
        materials=("cardboard", "plastic_tight_wrap", "plastic_loose_bag", "paper"),
        width=(160, 280),
        depth=(150, 240),
        height=(35, 100),
        price=(199, 2999),
        packs=(1, 1, 3, 6),
        hazardous=0.25,
    ),
}
_SYLLABLES: Final = ("ka", "lo", "mi", "ren", "vo", "sta", "bel", "tu", "or", "na", "fi", "zel", "du", "pra")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One product as it is sold, and the parameters that draw it the same way each time.

    `size_mm` is width (left to right), depth (front to back) and height above the belt.
    """

    product_id: str
    title: str
    brand: str
    vendor_id: str
    category: str
    material: str
    barcode: str
    price_cents: int
    unit_count: int
    hazardous: bool
    size_mm: tuple[int, int, int]
    base: Colour
    accent: Colour
    ink: Colour
    contents: Colour
    layout: int
    art_seed: int


def defects_of(design: Design) -> tuple[str, ...]:
    """The defect types this product can have: a unit can only be missing from a pack of several."""
    return DEFECTS if design.unit_count > 1 else DEFECTS[:-1]


def check_digit(twelve: str) -> int:
    """The thirteenth digit of an EAN-13 code, from its first twelve."""
    return -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(twelve)) % 10


def catalog(n: int, seed: int) -> tuple[Design, ...]:
    """`n` different products. A longer catalogue with the same seed begins with the shorter one."""
    return tuple(_design(index, seed) for index in range(n))


def _design(index: int, seed: int) -> Design:
    rng = np.random.default_rng([seed, index, 1])
    category = list(KINDS)[index % len(KINDS)]
    kind = KINDS[category]
    # The index is part of the number, so no two products of a catalogue share one.
    twelve = f"2{seed % 1000:03d}{index % 100000:05d}{int(rng.integers(1000)):03d}"
    brand = "".join(rng.choice(_SYLLABLES, size=int(rng.integers(2, 4)), replace=False)).capitalize()
    units = int(rng.choice(kind.packs))
    noun = str(rng.choice(kind.nouns))
    material = str(rng.choice(kind.materials))
    hue = float(rng.random())
    dark = bool(rng.random() < 0.25)
    base = _colour(
        hue, float(rng.uniform(0.15, 0.9)), float(rng.uniform(0.2, 0.35) if dark else rng.uniform(0.6, 0.97))
    )
    if material == "cardboard" and rng.random() < 0.4:
        base = _colour(0.085, float(rng.uniform(0.35, 0.5)), float(rng.uniform(0.62, 0.75)))
    accent = _colour(
        hue + float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.5, 0.95)), float(rng.uniform(0.35, 0.95))
    )
    return Design(
        product_id=f"P{index + 1:04d}",
        title=f"{brand} {noun}" + (f" {units}-pack" if units > 1 else ""),
        brand=brand,
        vendor_id=VENDORS[int(rng.integers(len(VENDORS)))],
        category=category,
        material=material,
        barcode=f"{twelve}{check_digit(twelve)}",
        price_cents=int(rng.integers(kind.price[0], kind.price[1] + 1)),
        unit_count=units,
        hazardous=bool(rng.random() < kind.hazardous),
        size_mm=(_between(rng, kind.width), _between(rng, kind.depth), _height(rng, kind, material)),
        base=base,
        accent=accent,
        ink=(245, 245, 240) if sum(base) < 330 else (25, 25, 35),
        contents=_colour(float(rng.random()), float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.25, 0.9))),
        layout=int(rng.integers(5)),
        art_seed=int(rng.integers(2**31)),
    )


def _height(rng: np.random.Generator, kind: Kind, material: str) -> int:
    soft = material in ("paper", "plastic_bubble_wrap", "plastic_loose_bag")
    return _between(rng, (22, 42) if soft else kind.height)


def _between(rng: np.random.Generator, bounds: tuple[int, int]) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1))


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
