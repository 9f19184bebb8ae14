"""Stickers that goods collect on their way: shipping labels, price and promotion stickers, handling marks."""

import numpy as np

from triton_models.simulator.art_barcode import carrier_code
from triton_models.simulator.art_canvas import (
    Canvas,
    Colour,
    Type,
    ellipse_points,
    inset,
    lighter,
    part,
    readable,
    rounded_points,
    star_points,
)
from triton_models.simulator.things import Bytes, Random

_STREETS = [
    "Lindenweg",
    "Hafenstr.",
    "Rue du Moulin",
    "Via Verdi",
    "Station Rd",
    "Kastanienallee",
    "Calle Mayor",
    "Oak Lane",
]
_TOWNS = [
    "20457 Hamburg",
    "69003 Lyon",
    "10121 Torino",
    "LS1 4DY Leeds",
    "28012 Madrid",
    "1017 Amsterdam",
    "8001 Zürich",
    "04109 Leipzig",
]
_PEOPLE = [
    "M. Keller",
    "J. Okafor",
    "S. Duarte",
    "L. Bianchi",
    "A. Novak",
    "P. Larsen",
    "T. Yilmaz",
    "C. Moreau",
]
_SHOUTS = ["SALE", "NEW", "-20 %", "-30 %", "-50 %", "2 FOR 1", "OFFER", "BEST PRICE", "BONUS", "LAST ITEMS"]
_MARKS = [
    "FRAGILE",
    "HANDLE WITH CARE",
    "THIS SIDE UP",
    "PRIORITY",
    "QC PASSED",
    "DO NOT STACK",
    "HEAVY",
    "KEEP DRY",
    "INSPECTED",
    "RETURN",
]
_INK: Colour = (22, 22, 24)


def shipping_label(random: Random) -> Bytes:
    """A carrier's label, about 100 by 150 mm at 3 px per mm or lying: sRGB (H, W, 3)."""
    upright = random.uniform() < 0.7
    width, height = (300, 430) if upright else (420, 290)
    canvas = Canvas(width, height, (252, 252, 250))
    box = canvas.box
    accent: Colour = ((20, 20, 22), (214, 30, 36), (250, 186, 0), (0, 84, 160), (70, 20, 110), (0, 120, 84))[
        int(random.integers(6))
    ]
    canvas.rectangle(part(box, 0, 0, 1, 0.13), accent)
    carrier = ("EXPRESS", "PARCEL PLUS", "SWIFTPOST", "EuroCargo", "NEXT DAY", "CITYPAK")[
        int(random.integers(6))
    ]
    canvas.text(
        part(box, 0.05, 0.03, 0.6, 0.10),
        carrier,
        Type(face="slanted", colour=readable((255, 255, 255), accent), align="left"),
    )
    canvas.text(
        part(box, 0.72, 0.03, 0.95, 0.10),
        str(random.choice(["24H", "B2C", "STD", "ECO"])),
        Type(face="black", colour=readable((255, 255, 255), accent), align="right"),
    )
    small = Type(face="regular", colour=_INK, align="left")
    bold = Type(face="bold", colour=_INK, align="left")
    sender, receiver = (str(random.choice(_PEOPLE)) for _ in range(2))
    canvas.text(
        part(box, 0.05, 0.15, 0.6, 0.18), f"From: {sender}, Warehouse {int(random.integers(1, 40))}", small
    )
    canvas.text(part(box, 0.05, 0.20, 0.7, 0.255), receiver, bold)
    canvas.text(
        part(box, 0.05, 0.265, 0.7, 0.31), f"{random.choice(_STREETS)} {int(random.integers(1, 180))}", small
    )
    canvas.text(part(box, 0.05, 0.32, 0.75, 0.375), str(random.choice(_TOWNS)), bold)
    for y in (0.135, 0.40, 0.56):
        canvas.line(np.array([part(box, 0.0, y, 0, 0)[:2], part(box, 1, y, 0, 0)[:2]], np.float32), _INK, 2)
    canvas.text(
        part(box, 0.05, 0.42, 0.55, 0.54),
        f"{chr(65 + int(random.integers(26)))}{int(random.integers(10, 99))}-{int(random.integers(100, 999))}",
        Type(face="grotesk_black", colour=_INK, align="left"),
    )
    _matrix(canvas, (int(box[2] * 0.76), int(box[3] * 0.16), int(min(box[2] * 0.20, box[3] * 0.22))), random)
    canvas.text(
        part(box, 0.62, 0.43, 0.95, 0.53),
        f"{float(random.uniform(0.2, 8)):.2f} kg",
        Type(face="bold", colour=_INK, align="right"),
    )
    bars = carrier_code(
        "".join(str(int(digit)) for digit in random.integers(0, 10, 12)), 2, int(box[3] * 0.34)
    )
    canvas.picture((int((width - bars.shape[1]) / 2), int(box[3] * 0.60)), bars)
    canvas.frame(rounded_points(inset(box, 0.006), 3), (170, 170, 168), 1)
    return canvas.pixels


def _matrix(canvas: Canvas, place: tuple[int, int, int], random: Random) -> None:
    """A square code's look: left and lower sides solid, the rest chance."""
    x, y, side = place
    cells = 18
    bits = random.integers(0, 2, (cells, cells)).astype(np.uint8)
    bits[:, 0] = bits[-1, :] = 1
    bits[0, :], bits[:, -1] = np.arange(cells) % 2 == 0, np.arange(cells) % 2 == 1
    step = max(2, side // cells)
    picture = np.where(np.kron(bits, np.ones((step, step), np.uint8)) == 1, 20, 252).astype(np.uint8)
    canvas.picture((x, y), np.repeat(picture[..., None], 3, axis=2))


def sticker(random: Random) -> Bytes:
    """One harmless sticker: price, promotion, handling, round mark or barcode; sRGB (H, W, 3), 110 to 300 px."""
    sort = int(random.integers(5))
    return (_price, _promotion, _mark, _round, _number)[sort](random)


def _price(random: Random) -> Bytes:
    fill: Colour = ((252, 250, 244), (250, 226, 60), (248, 150, 40))[int(random.integers(3))]
    canvas = Canvas(200, 120, fill)
    canvas.text(
        part(canvas.box, 0.06, 0.08, 0.94, 0.24),
        str(random.choice(["Price", "Our price", "Offer", "Reduced"])),
        Type(face="regular", colour=_INK, align="left"),
    )
    canvas.text(
        part(canvas.box, 0.1, 0.3, 0.9, 0.78),
        f"€ {float(random.integers(99, 4999)) / 100:.2f}",
        Type(face="black", colour=_INK),
    )
    canvas.text(
        part(canvas.box, 0.06, 0.84, 0.94, 0.95),
        f"{int(random.integers(10**7, 10**8))}",
        Type(face="grotesk", colour=_INK, align="left"),
    )
    return canvas.pixels


def _promotion(random: Random) -> Bytes:
    fill: Colour = ((220, 24, 32), (250, 208, 20), (240, 90, 20), (20, 120, 60), (200, 20, 110))[
        int(random.integers(5))
    ]
    canvas = Canvas(240, 130, fill)
    over = readable((255, 255, 255), fill)
    canvas.polygon(star_points((200.0, 24.0), (60, 34), 14), lighter(fill, 0.3))
    canvas.frame(rounded_points(inset(canvas.box, 0.05), 8), over, 3)
    canvas.text(
        part(canvas.box, 0.1, 0.2, 0.9, 0.8),
        str(random.choice(_SHOUTS)),
        Type(face="slanted", colour=over, shadow=lighter(fill, -0.5)),
    )
    return canvas.pixels


def _mark(random: Random) -> Bytes:
    red = random.uniform() < 0.6
    fill: Colour = (206, 22, 28) if red else (252, 252, 250)
    canvas = Canvas(300, 110, fill)
    over: Colour = (255, 255, 255) if red else (206, 22, 28)
    canvas.frame(rounded_points(inset(canvas.box, 0.07), 6), over, 3)
    canvas.text(
        part(canvas.box, 0.08, 0.26, 0.92, 0.74),
        str(random.choice(_MARKS)),
        Type(face="grotesk_black", colour=over),
    )
    return canvas.pixels


def _round(random: Random) -> Bytes:
    """A ring on a square."""
    fill: Colour = ((20, 110, 60), (20, 70, 150), (230, 180, 20), (190, 30, 90))[int(random.integers(4))]
    canvas = Canvas(160, 160, fill)
    canvas.frame(ellipse_points((80.0, 80.0), (68, 68)), readable((255, 255, 255), fill), 3)
    words = str(random.choice(["OK", "QC", "BIO", "A+", "PASS", "ECO", "1", "7", "M", "XL"]))
    canvas.text((34, 44, 126, 116), words, Type(face="black", colour=readable((255, 255, 255), fill)))
    return canvas.pixels


def _number(random: Random) -> Bytes:
    bars = carrier_code("".join(str(int(digit)) for digit in random.integers(0, 10, 12)), 2, 96)
    canvas = Canvas(240, 130, (252, 252, 250))
    canvas.picture(((240 - bars.shape[1]) // 2, 28), bars)
    canvas.text(
        (10, 6, 230, 24),
        f"LPN {int(random.integers(10**8, 10**9))}",
        Type(face="grotesk_black", colour=_INK, align="left"),
    )
    return canvas.pixels
