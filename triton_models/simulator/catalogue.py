"""The made-up catalogue: what each product is, drawn from its number alone.

A product's design decides its shape, size, print and contents. Splits share no design: `split_of` says which of
train, validation and test a number belongs to. Brand families share a layout and differ in colour and words
(flavours), as real ones do, because that is what identification confuses.
"""

import colorsys
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, cast

import numpy as np

from triton_models.simulator.catalogue_products import BOOK, SLOTS, Line, Slot
from triton_models.simulator.things import Contents, Random

Kind = Literal[
    "box",
    "carton",
    "bag",
    "pouch",
    "bottle",
    "jar",
    "tube",
    "book",
    "mailer",
    "blister",
    "multipack",
    "wrapped_book",
]
Split = Literal["train", "validation", "test"]

DESIGNS = 480
"""Products in the catalogue: 336 train, 48 validation, 96 test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One product.

    Attributes:
        number: Its place in the catalogue; everything else follows from it.
        product_id: "P-" and eight digits.
        kind: Its shape family.
        item_material: Kaputt's word.
        size: Width (x), height (y), depth (z) in metres, lying on its largest side.
        brand: Invented name, shared by the products of a family.
        title: What it is, in English, for the front: "Ground Coffee", "Razor Blades".
        variant: Flavour, size or colour word that tells it from its family.
        unit_count: Units that one package holds (razor blades, bottles in a pack); 1 for most.
        contents: What it could spill.
        palette: Four sRGB colours: ground, main, accent, ink.
        style: Layout family of the print, 0 to 11.
        barcode: EAN-13, thirteen digits with a right check digit.
        printed_damage: None, or what its art shows: "cracks", "splash", "holes", "rips": only printed, never real.
        year: Year of the print; a redesign is the same product with a later year.
    """

    number: int
    product_id: str
    kind: Kind
    item_material: str
    size: tuple[float, float, float]
    brand: str
    title: str
    variant: str
    unit_count: int
    contents: Contents
    palette: tuple[tuple[int, int, int], ...]
    style: int
    barcode: str
    printed_damage: str | None
    year: int = 0


def split_of(number: int) -> Split:
    """Of every ten brand families seven are trained on, one is for choosing, two for the test."""
    family = number // FAMILY
    place = int(np.random.default_rng([7, family // 10]).permutation(10)[family % 10])
    return "train" if place < 7 else "validation" if place < 8 else "test"


FAMILY = 3
"""Products of one brand family: neighbours in number, of one shape, told apart by variant and colour."""

_ROUND = len(SLOTS)
_PRINTED = {
    "cracks": (0, 2, 13, 6),
    "splash": (7, 3, 9, 8, 14),
    "holes": (1, 5),
    "rips": (10, 4, 12, 11),
}
"""Slots that take turns at printed damage: one of each sort in every round of sixteen families; none in two sorts."""

_STYLES = {
    "grocery": (0, 1, 3, 5, 6, 8, 9, 11),
    "pet": (0, 1, 3, 9, 11),
    "cleaning": (4, 11, 1, 9, 3),
    "cosmetics": (2, 1, 8, 11, 6),
    "electronics": (7, 2, 4, 10),
    "tools": (4, 7, 0, 10),
    "toys": (9, 3, 5, 8),
    "stationery": (8, 2, 4, 0),
    "medicine": (10, 2, 11),
    "kitchen": (2, 5, 7, 6),
    "home": (6, 8, 2, 5),
    "book": tuple(range(12)),
}
_ROOTS = (
    "Al", "Bel", "Cor", "Dal", "El", "Fen", "Gal", "Hal", "Il", "Jor", "Kel", "Lum", "Mar", "Nor", "Or",
    "Pel", "Quin", "Ros", "Sol", "Tam", "Ul", "Vel", "Wes", "Xan", "Yor", "Zel", "Bran", "Crest", "Drum",
    "Frost", "Glen", "Hart", "Kast", "Lind", "Mont", "Nim", "Pran", "Stel", "Thorn", "Wald",
)  # fmt: skip
_ENDS = (
    "ano", "ara", "beck", "dale", "dora", "ella", "enza", "era", "field", "ford", "gard", "ica", "idor",
    "ina", "is", "ix", "land", "lin", "mere", "mont", "nia", "o", "ona", "or", "ovi", "roy", "son", "tek",
    "ton", "us", "via", "worth",
)  # fmt: skip
_FIRST = (
    "Ada", "Anton", "Carla", "Daniel", "Edith", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Klara", "Leon",
    "Mira", "Nora", "Oskar", "Paula", "Ruth", "Tom", "Vera",
)  # fmt: skip
_ADJECTIVES = (
    "Silent", "Hidden", "Last", "Golden", "Winter", "Broken", "Distant", "Secret", "Northern", "Burning",
    "Quiet", "Crimson", "Paper", "Open",
)  # fmt: skip
_NOUNS = (
    "Harbour", "Garden", "River", "House", "Island", "Letter", "Forest", "Orchard", "Machine", "Mirror",
    "Summer", "Bridge", "Crown", "Tide", "Atlas",
)  # fmt: skip
_SHELVES = (
    "The {adjective} {noun}",
    "{noun} of Glass",
    "A {adjective} {noun}",
    "Cooking by the {noun}",
    "Introduction to Statistics",
    "The Little {noun}",
    "Walks Along the {noun}",
    "Organic Chemistry",
    "The {noun} Year",
    "Modern {noun} Design",
)
_VOLUMES = ("Book One", "Book Two", "Book Three")
_HUES = {
    "lemon": 52, "citrus": 48, "yellow": 50, "honey": 40, "vanilla": 46, "orange": 28, "smoked": 18, "paprika": 14,
    "chilli": 6, "hot": 4, "red": 2, "strawberry": 350, "cherry": 346, "rose": 340, "berry": 318, "raspberry": 336,
    "lavender": 268, "blueberry": 240, "blue": 214, "sea": 200, "fresh": 192, "sparkling": 186, "mint": 158,
    "peppermint": 150, "aloe": 128, "lime": 86, "apple": 96, "pine": 146, "organic": 104, "herbal": 120, "olive": 74,
    "basil": 112, "chocolate": 20, "cocoa": 22, "dark": 16, "salmon": 12, "beef": 0, "chicken": 42, "sensitive": 204,
}  # fmt: skip
"""Hue in degrees that buyers expect of a flavour word; the others draw theirs."""

_BRAND_HUES = (0, 4, 10, 20, 32, 42, 98, 122, 142, 164, 182, 196, 205, 212, 218, 226, 238, 276, 332, 350)
_FLAVOUR_HUES = (2, 22, 36, 46, 92, 128, 170, 198, 214, 232, 272, 336)
"""Hues in degrees that packages use; olive, bright violet and magenta are rare on shelves."""

_RANGES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "box": ((0.075, 0.20), (0.10, 0.28), (0.028, 0.075)),
    "carton": ((0.14, 0.26), (0.16, 0.32), (0.06, 0.13)),
    "bag": ((0.10, 0.19), (0.17, 0.29), (0.045, 0.075)),
    "pouch": ((0.10, 0.17), (0.14, 0.25), (0.03, 0.06)),
    "bottle": ((0.055, 0.085), (0.15, 0.27), (0.045, 0.08)),
    "jar": ((0.065, 0.095), (0.075, 0.14), (0.065, 0.095)),
    "tube": ((0.045, 0.065), (0.12, 0.19), (0.03, 0.042)),
    "book": ((0.11, 0.21), (0.17, 0.28), (0.012, 0.04)),
    "wrapped_book": ((0.12, 0.21), (0.18, 0.28), (0.012, 0.035)),
    "mailer": ((0.15, 0.24), (0.20, 0.31), (0.014, 0.035)),
    "blister": ((0.09, 0.15), (0.14, 0.23), (0.014, 0.028)),
    "multipack": ((0.13, 0.24), (0.11, 0.22), (0.055, 0.085)),
}
"""Least and most width, height and depth by kind, metres."""


def design(number: int) -> Design:
    """The product at one place of the catalogue.

    Args:
        number: 0 or more; places past `DESIGNS` are products too.

    Returns:
        The same design for the same number, always.
    """
    family, member = divmod(number, FAMILY)
    place = _place(family)
    turn, slot_number = divmod(place, _ROUND)
    slot = SLOTS[slot_number]
    shared = np.random.default_rng([11, family])
    printed = _printed(turn, slot_number)
    line = _line(slot, turn, printed, shared)
    brand = _author(shared) if line is BOOK else _brand(family)
    title = _book_title(shared) if line is BOOK else line.title
    order = shared.permutation(len(line.variants))
    variant = _VOLUMES[member] if line is BOOK else line.variants[int(order[member])]
    size = _size(slot.kind, shared)
    units = int(shared.integers(line.units[0], line.units[1] + 1))
    style = int(shared.choice(_STYLES[line.category]))
    scheme = int(shared.integers(6))
    hue = float(shared.choice(_BRAND_HUES)) + float(shared.uniform(-6, 6))
    shows = _shows(slot_number, turn, member)
    return Design(
        number=number,
        product_id=f"P-{10_000_000 + number * 48_271 % 90_000_000:08d}",
        kind=cast("Kind", slot.kind),
        item_material=slot.materials[turn % len(slot.materials)],
        size=size,
        brand=brand,
        title=title,
        variant=variant,
        unit_count=units,
        contents=_contents(line, variant),
        palette=_palette(hue, scheme, _flavour(variant, hue, member), line.category),
        style=style,
        barcode=_barcode(number, book=line is BOOK),
        printed_damage=printed if shows else None,
    )


def aisle(design: Design) -> str:
    """Where a shop would put it: grocery, cosmetics, tools and so on."""
    return _line_named(design).category


def redesigned(design: Design) -> Design:
    """The same product in its next print: brand, barcode, size and contents stay; layout and colours move on.

    Args:
        design: As sold until now.

    Returns:
        The design a year later.
    """
    random = np.random.default_rng([13, design.number, design.year])
    line = _line_named(design)
    others = [style for style in _STYLES[line.category] if style != design.style]
    red, green, blue = (channel / 255 for channel in design.palette[1])
    hue = (colorsys.rgb_to_hsv(red, green, blue)[0] * 360 + float(random.uniform(-22, 22))) % 360
    flavour = colorsys.rgb_to_hsv(*(channel / 255 for channel in design.palette[2]))[0] * 360
    return replace(
        design,
        palette=_palette(
            hue, int(random.integers(6)), (flavour + float(random.uniform(-12, 12))) % 360, line.category
        ),
        style=int(random.choice(others)),
        year=design.year + 1,
    )


def _line_named(design: Design) -> Line:
    slots = (line for slot in SLOTS for line in (*slot.lines, *slot.printed) if line.title == design.title)
    return next(slots, BOOK)


def _place(family: int) -> int:
    """Its rank within its own split, so that each split walks through all slots."""
    tens, rest = divmod(family, 10)
    place = int(np.random.default_rng([7, tens]).permutation(10)[rest])
    if place < 7:
        return tens * 7 + place
    return tens if place < 8 else tens * 2 + place - 8


def _printed(turn: int, slot: int) -> str | None:
    """What the art of a family may show: sorts take turns over their slots."""
    for damage, slots in _PRINTED.items():
        if slots[turn % len(slots)] == slot:
            return damage
    return None


def _shows(slot: int, turn: int, member: int) -> bool:
    """One or two of the three members bear the damaged art, so that the family's others show what intact art is."""
    bearing = 1 + (slot + turn) % 2
    return (member + slot) % FAMILY < bearing


def _line(slot: Slot, turn: int, printed: str | None, random: Random) -> Line:
    if not slot.lines:
        return BOOK
    if printed is not None:
        return slot.printed[int(random.integers(len(slot.printed)))]
    return slot.lines[(turn * 3 + int(random.integers(len(slot.lines)))) % len(slot.lines)]


@lru_cache(maxsize=1)
def _brand_order() -> tuple[int, ...]:
    return tuple(int(place) for place in np.random.default_rng(17).permutation(len(_ROOTS) * len(_ENDS)))


def _brand(family: int) -> str:
    """Each family its own brand: no two of the first 1280 families share one."""
    place = _brand_order()[family % (len(_ROOTS) * len(_ENDS))]
    return _ROOTS[place // len(_ENDS)] + _ENDS[place % len(_ENDS)]


def _author(random: Random) -> str:
    root, end = _ROOTS[int(random.integers(len(_ROOTS)))], _ENDS[int(random.integers(len(_ENDS)))]
    return f"{random.choice(_FIRST)} {root}{end}"


def _book_title(random: Random) -> str:
    shelf = str(random.choice(_SHELVES))
    return shelf.format(adjective=random.choice(_ADJECTIVES), noun=random.choice(_NOUNS))


def _size(kind: str, random: Random) -> tuple[float, float, float]:
    """Metres, to the millimetre, with the depth never above the width: it lies on its largest side."""
    position = float(random.uniform())
    parts = [
        low + (high - low) * (0.7 * position + 0.3 * float(random.uniform())) for low, high in _RANGES[kind]
    ]
    if kind == "box" and random.uniform() < 0.3:
        parts[0], parts[1] = parts[1], parts[0]
    if kind == "jar":
        parts[2] = parts[0]
    width, height, depth = (round(part, 3) for part in parts)
    return width, height, min(depth, width, height)


def _contents(line: Line, variant: str) -> Contents:
    """A flavoured liquid takes the flavour's colour where the word has one."""
    hue = _HUES.get(variant.split(maxsplit=1)[0].lower())
    if line.contents.kind != "liquid" or hue is None or line.category not in {"cosmetics", "cleaning"}:
        return line.contents
    red, green, blue = colorsys.hsv_to_rgb(hue / 360, 0.45, 0.9)
    return replace(line.contents, colour=(int(red * 255), int(green * 255), int(blue * 255)))


def _flavour(variant: str, hue: float, member: int) -> float:
    known = _HUES.get(variant.split(maxsplit=1)[0].lower())
    if known is not None:
        return float(known)
    apart = [other for other in _FLAVOUR_HUES if 40 < abs(other - hue) < 320]
    return float(apart[(int(hue) * 5 + 3 * member) % len(apart)])


def _palette(hue: float, scheme: int, flavour: float, category: str) -> tuple[tuple[int, int, int], ...]:
    """Ground, main, accent and ink: the brand's hue is the main, the flavour's the accent."""
    golden = 1.0 - min(1.0, abs(hue % 360 - 46) / 24)  # yellows turn olive unless they are light
    main = _rgb(hue, 0.82, (0.58 if category in {"tools", "electronics"} else 0.66) + 0.28 * golden)
    accent = _rgb(flavour, 0.80, 0.86 + 0.1 * (1.0 - min(1.0, abs(flavour % 360 - 46) / 24)))
    grounds = (
        (_rgb(hue, 0.02, 0.98), _rgb(hue, 0.55, 0.18)),  # white
        (_rgb(44, 0.10, 0.96), _rgb(24, 0.60, 0.22)),  # cream
        (_rgb(hue, 0.72, 0.52), (250, 249, 246)),  # brand colour all over
        (_rgb(flavour, 0.22, 0.97), _rgb(flavour, 0.80, 0.26)),  # a tint of the flavour
        (_rgb(hue, 0.45, 0.14), (246, 246, 244)),  # near black
        (_rgb(flavour, 0.62, 0.78), (252, 251, 248)),  # the flavour all over
    )
    ground, ink = grounds[scheme if not (category == "medicine" and scheme in {2, 4}) else 0]
    return ground, main, accent, ink


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _barcode(number: int, *, book: bool) -> str:
    """EAN-13 in ranges that no shop's goods use: 2 for in-store numbers, 979-9 for books."""
    digits = f"9799{number * 7_919 % 10**8:08d}" if book else f"2{number * 48_271_003 % 10**11:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)
