"""Drawn picture subjects of food, plants and care: each fills a box of the sheet."""

import numpy as np

from triton_models.simulator.art_canvas import (
    Box,
    Canvas,
    Colour,
    catmull,
    ellipse_points,
    lighter,
    mix,
    star_points,
    turned,
)
from triton_models.simulator.art_care import branch, bubbles, drop, flower, sun, swirl, waves, wheat
from triton_models.simulator.art_solids import (
    GREEN,
    Hero,
    Look,
    Place,
    at,
    ball,
    leaf,
    local,
    shadow,
    solid,
    span,
    tapered,
)
from triton_models.simulator.art_textures import beans, grains
from triton_models.simulator.things import Random


def citrus_slice(canvas: Canvas, centre: Place, radius: float, colour: Colour, turn: float) -> None:
    """A round slice: peel, pith, nine segments."""
    canvas.polygon(ellipse_points(centre, (radius, radius)), lighter(colour, 0.05), lighter(colour, -0.25))
    canvas.polygon(ellipse_points(centre, (radius * 0.93, radius * 0.93)), (252, 244, 214))
    for place in range(9):
        angle = turn + place * 2 * np.pi / 9
        wedge = np.array(
            [(0.10, 0.0), (0.5, -0.17), (0.80, -0.24), (0.86, 0.0), (0.80, 0.24), (0.5, 0.17)], np.float32
        )
        outline = catmull([tuple(point) for point in wedge.tolist()], 5)
        points = turned(outline * radius, angle) + np.asarray(centre, np.float32)
        canvas.polygon(points, lighter(colour, 0.45), colour)
        for inner in (0.35, 0.55, 0.7):
            spot = turned(np.array([[inner * radius, 0.06 * radius]]), angle)[0] + np.asarray(centre)
            flat = ellipse_points((float(spot[0]), float(spot[1])), (radius * 0.07, radius * 0.022), angle)
            canvas.polygon(flat, lighter(colour, 0.75), alpha=0.7)


def citrus(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A whole fruit with slices in front."""
    colour = mix((246, 150, 26), look.accent, 0.25 if look.accent[0] > look.accent[2] else 0.0)
    side = span(box)
    shadow(canvas, at(box, 0.5, 0.88), (0.48 * side, 0.09 * side))
    ball(canvas, at(box, 0.38, 0.42), 0.33 * side, colour, 0.35)
    for turn in (-0.7, -0.1):
        leaf(canvas, at(box, 0.40, 0.14), 0.3 * side, turn)
    citrus_slice(canvas, at(box, 0.66, 0.62), 0.28 * side, colour, float(random.uniform(0, 6)))
    citrus_slice(canvas, at(box, 0.25, 0.74), 0.18 * side, lighter(colour, 0.1), float(random.uniform(0, 6)))


def fruit(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Two or three glossy fruits with stalks and leaves."""
    side = span(box)
    shadow(canvas, at(box, 0.5, 0.86), (0.5 * side, 0.09 * side))
    ripe = ((206, 42, 36), (236, 150, 40), (140, 176, 48))[int(random.integers(3))]
    bluish = look.accent[2] > max(look.accent[0], look.accent[1]) - 20
    for x, y, size in ((0.70, 0.48, 0.24), (0.26, 0.56, 0.25), (0.5, 0.60, 0.28)):
        colour = lighter(ripe if bluish else look.accent, float(random.uniform(-0.15, 0.15)))
        cx, cy = at(box, x, y)
        radius = size * side
        outline = catmull(
            [
                (cx, cy - radius * 0.82), (cx + radius * 0.55, cy - radius * 0.98), (cx + radius, cy - radius * 0.2),
                (cx + radius * 0.62, cy + radius * 0.88), (cx, cy + radius * 0.92),
                (cx - radius * 0.62, cy + radius * 0.88),
                (cx - radius, cy - radius * 0.2), (cx - radius * 0.55, cy - radius * 0.98),
            ]
        )  # fmt: skip
        solid(canvas, outline, colour, 0.7)
        stalk = tapered(
            [
                (cx, cy - radius * 0.8),
                (cx + radius * 0.05, cy - radius * 1.1),
                (cx + radius * 0.2, cy - radius * 1.3),
            ],
            [radius * 0.07, radius * 0.1],
        )
        canvas.polygon(stalk, (92, 62, 34))
        leaf(canvas, (cx + radius * 0.05, cy - radius), radius * 0.9, -0.5)


def berries(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A loose heap of round berries and two leaves."""
    side = span(box)
    shadow(canvas, at(box, 0.5, 0.84), (0.5 * side, 0.1 * side))
    for turn in (-2.5, -0.6, -1.5):
        leaf(canvas, at(box, 0.5, 0.36), 0.42 * side, turn)
    for _ in range(16):
        x, y = float(random.uniform(0.14, 0.86)), float(random.uniform(0.36, 0.78))
        colour = lighter(mix(look.accent, (150, 20, 46), 0.5), float(random.uniform(-0.25, 0.15)))
        centre, radius = at(box, x, y), float(random.uniform(0.09, 0.13)) * side
        ball(canvas, centre, radius, colour, 0.8)
        crown = star_points(
            (centre[0] + radius * 0.25, centre[1] + radius * 0.2), (radius * 0.3, radius * 0.12), 5
        )
        canvas.polygon(crown, lighter(colour, -0.5), alpha=0.7)


def tomato(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Vine tomatoes and basil."""
    side = span(box)
    colour = mix((206, 34, 24), look.main, 0.08)
    shadow(canvas, at(box, 0.5, 0.86), (0.5 * side, 0.1 * side))
    for x, y, size in ((0.3, 0.5, 0.24), (0.72, 0.46, 0.22), (0.52, 0.62, 0.27)):
        centre, radius = at(box, x, y), size * side
        solid(
            canvas,
            ellipse_points(centre, (radius, radius * 0.88)),
            lighter(colour, float(random.uniform(-0.1, 0.08))),
            0.8,
        )
        crown = star_points((centre[0], centre[1] - radius * 0.62), (radius * 0.5, radius * 0.14), 6, 0.3)
        canvas.polygon(crown, lighter(GREEN, 0.1), lighter(GREEN, -0.4))
    for turn in (-0.3, 0.5, -2.7):
        leaf(canvas, at(box, 0.5, 0.84), 0.26 * side, turn, (58, 128, 46))


def olive(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """An olive branch."""
    side = span(box)
    colour = mix((128, 138, 42), look.accent, 0.15)
    stem = tapered(
        [at(box, 0.05, 0.25), at(box, 0.4, 0.38), at(box, 0.95, 0.30)], [side * 0.02, side * 0.012]
    )
    canvas.polygon(stem, (104, 84, 52))
    for share in np.linspace(0.08, 0.92, 8):
        for direction in (-1, 1):
            turn = direction * float(random.uniform(0.6, 1.1))
            leaf(canvas, at(box, float(share), 0.33), 0.25 * side, turn, (112, 128, 78))
    for x, y in ((0.28, 0.62), (0.48, 0.70), (0.66, 0.60), (0.42, 0.54)):
        solid(canvas, ellipse_points(at(box, x, y), (0.085 * side, 0.115 * side), 0.3), colour, 0.9)


def bowl_of(canvas: Canvas, box: Box, look: Look, random: Random, heap: str = "flakes") -> None:
    """A bowl from the side, heaped with flakes, crisps, rice or seeds."""
    side = span(box)
    colours: dict[str, Colour] = {
        "flakes": (224, 160, 62),
        "crisps": (236, 190, 84),
        "rice": (240, 234, 214),
        "seeds": (150, 96, 58),
    }
    colour = colours[heap]
    shadow(canvas, at(box, 0.5, 0.93), (0.46 * side, 0.07 * side), 0.55)
    length = side * {"flakes": 0.12, "crisps": 0.20, "rice": 0.05, "seeds": 0.04}[heap]
    slim = {"flakes": 0.7, "crisps": 0.78, "rice": 0.34, "seeds": 0.8}[heap]
    size = (max(8, int(0.94 * side)), max(8, int(0.42 * side)))
    picture = grains(random, size, colour, length, slim)
    left, top = at(box, 0.03, 0.26)
    heap_outline = local(
        box,
        [
            (0.04, 0.52),
            (0.14, 0.40),
            (0.3, 0.32),
            (0.5, 0.28),
            (0.7, 0.32),
            (0.86, 0.40),
            (0.96, 0.52),
            (0.9, 0.66),
            (0.1, 0.66),
        ],
    )
    canvas.picture((int(left), int(top)), picture, heap_outline)
    rim = ellipse_points(at(box, 0.5, 0.54), (0.49 * side, 0.06 * side))[:33]
    body = local(
        box,
        [
            (0.01, 0.54),
            (0.08, 0.72),
            (0.2, 0.86),
            (0.34, 0.92),
            (0.66, 0.92),
            (0.8, 0.86),
            (0.92, 0.72),
            (0.99, 0.54),
        ],
    )
    bowl = lighter(look.main, 0.1) if heap != "rice" else (60, 74, 96)
    solid(canvas, np.concatenate([body, rim]).astype(np.float32), bowl, 0.35)


def flakes(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A bowl of flakes."""
    bowl_of(canvas, box, look, random, "flakes")


def crisps(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Loose crisps, curved and speckled."""
    del look
    side = span(box)
    for _ in range(9):
        x, y = float(random.uniform(0.15, 0.85)), float(random.uniform(0.2, 0.8))
        turn, size = float(random.uniform(0, 3)), float(random.uniform(0.17, 0.24)) * side
        centre = at(box, x, y)
        shadow(canvas, (centre[0] + size * 0.1, centre[1] + size * 0.25), (size * 1.1, size * 0.9), 0.35)
        solid(canvas, ellipse_points(centre, (size, size * 0.74), turn), (232, 184, 76), 0.15)
        canvas.polygon(
            ellipse_points(centre, (size * 0.72, size * 0.34), turn + 0.2), (250, 220, 130), alpha=0.6
        )
        for _ in range(14):
            spot = (
                centre[0] + float(random.normal(0, size * 0.4)),
                centre[1] + float(random.normal(0, size * 0.3)),
            )
            canvas.ellipse(spot, (side * 0.006, side * 0.006), (176, 108, 40))


def rice(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A bowl of rice."""
    bowl_of(canvas, box, look, random, "rice")


def seeds(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A bowl of seeds."""
    bowl_of(canvas, box, look, random, "seeds")


def cup(canvas: Canvas, box: Box, look: Look, random: Random, *, loose: bool = False) -> None:
    """A cup with steam, perhaps on a scatter of beans."""
    side = span(box)
    if loose:
        picture = beans(random, (int(side), max(8, int(side * 0.3))), (96, 60, 36), side * 0.12)
        left, top = at(box, 0.0, 0.72)
        canvas.picture(
            (int(left), int(top)), picture, ellipse_points(at(box, 0.5, 0.87), (0.5 * side, 0.13 * side))
        )
    shadow(canvas, at(box, 0.48, 0.86), (0.42 * side, 0.07 * side), 0.6)
    handle = tapered(
        [at(box, 0.72, 0.50), at(box, 0.93, 0.5), at(box, 0.88, 0.70), at(box, 0.68, 0.74)],
        [side * 0.055] * 2,
    )
    shade = lighter(look.main, 0.15) if loose else (238, 238, 240)
    solid(canvas, handle, lighter(shade, -0.15), 0.3)
    body = local(
        box,
        [
            (0.14, 0.42),
            (0.18, 0.66),
            (0.27, 0.82),
            (0.36, 0.86),
            (0.60, 0.86),
            (0.69, 0.82),
            (0.78, 0.66),
            (0.82, 0.42),
        ],
    )
    solid(canvas, body, shade, 0.5)
    canvas.polygon(
        ellipse_points(at(box, 0.48, 0.42), (0.34 * side, 0.085 * side)),
        lighter(shade, 0.3),
        lighter(shade, -0.2),
    )
    canvas.polygon(
        ellipse_points(at(box, 0.48, 0.43), (0.30 * side, 0.066 * side)), (96, 58, 30), (44, 24, 14)
    )
    for x in (0.38, 0.5, 0.6):
        sway = float(random.uniform(0.03, 0.06))
        wisp = tapered(
            [at(box, x, 0.38), at(box, x - sway, 0.26), at(box, x + sway, 0.14), at(box, x, 0.03)],
            [side * 0.01, side * 0.04, side * 0.006],
        )
        canvas.polygon(wisp, (255, 255, 255), alpha=0.28)


def coffee(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A cup among beans."""
    cup(canvas, box, look, random, loose=True)


def cookie(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """Stacked biscuits with chips."""
    del look
    side = span(box)
    shadow(canvas, at(box, 0.5, 0.86), (0.5 * side, 0.1 * side))
    for x, y, size in ((0.66, 0.36, 0.26), (0.3, 0.46, 0.27), (0.56, 0.64, 0.30)):
        centre, radius = at(box, x, y), size * side
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        wobble = radius * (1 + random.normal(0, 0.018, 40))
        outline = np.stack([centre[0] + wobble * np.cos(angles), centre[1] + wobble * np.sin(angles)], axis=1)
        shadow(
            canvas, (centre[0] + radius * 0.08, centre[1] + radius * 0.16), (radius * 1.15, radius * 1.1), 0.5
        )
        solid(canvas, outline.astype(np.float32), (186, 124, 64), 0.08)
        for _ in range(11):
            reach = radius * 0.8 * np.sqrt(random.uniform())
            angle = random.uniform(0, 2 * np.pi)
            spot = (float(centre[0] + reach * np.cos(angle)), float(centre[1] + reach * np.sin(angle)))
            ball(canvas, spot, radius * float(random.uniform(0.07, 0.13)), (62, 34, 22), 0.4)


def cheese(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A wedge with eyes."""
    colour = mix((246, 202, 72), look.accent, 0.08)
    side = span(box)
    shadow(canvas, at(box, 0.5, 0.84), (0.5 * side, 0.09 * side))
    canvas.polygon(
        local(box, [(0.04, 0.52), (0.62, 0.22), (0.97, 0.44)]), lighter(colour, 0.4), lighter(colour, 0.1)
    )
    canvas.polygon(
        local(box, [(0.04, 0.52), (0.97, 0.44), (0.97, 0.74), (0.04, 0.82)]), colour, lighter(colour, -0.18)
    )
    for x, y, size in (
        (0.2, 0.66, 0.05),
        (0.38, 0.58, 0.035),
        (0.5, 0.72, 0.06),
        (0.7, 0.56, 0.045),
        (0.84, 0.68, 0.05),
    ):
        jitter = float(random.uniform(0.8, 1.15)) * size * side
        centre = at(box, x, y)
        canvas.polygon(
            ellipse_points(centre, (jitter, jitter * 0.9)), lighter(colour, -0.45), lighter(colour, -0.15)
        )
        canvas.polygon(
            ellipse_points(
                (centre[0] + jitter * 0.15, centre[1] + jitter * 0.18), (jitter * 0.78, jitter * 0.68)
            ),
            lighter(colour, -0.25),
        )


def fish(canvas: Canvas, box: Box, look: Look, random: Random) -> None:
    """A fish with scales, lemon beside it."""
    side = span(box)
    colour = mix((96, 128, 158), look.accent, 0.15)
    citrus_slice(canvas, at(box, 0.72, 0.76), 0.16 * side, (240, 206, 40), float(random.uniform(0, 3)))
    body = catmull(
        [
            at(box, 0.03, 0.5),
            at(box, 0.25, 0.34),
            at(box, 0.55, 0.32),
            at(box, 0.8, 0.46),
            at(box, 0.8, 0.52),
            at(box, 0.55, 0.64),
            at(box, 0.25, 0.64),
        ]
    )
    canvas.polygon(
        local(box, [(0.76, 0.48), (0.98, 0.28), (0.93, 0.5), (0.98, 0.70)]),
        lighter(colour, -0.1),
        lighter(colour, -0.4),
    )
    canvas.polygon(
        local(box, [(0.35, 0.36), (0.48, 0.20), (0.6, 0.36)]), lighter(colour, -0.15), lighter(colour, -0.35)
    )
    solid(canvas, body, colour, 0.6)
    for row in range(4):
        for place in range(9):
            centre = at(box, 0.30 + 0.05 * place, 0.41 + 0.05 * row)
            canvas.line(
                ellipse_points(centre, (side * 0.025, side * 0.025))[48:] * 1.0,
                lighter(colour, 0.5),
                side * 0.005,
                0.7,
            )
    canvas.ellipse(at(box, 0.14, 0.46), (side * 0.026, side * 0.026), (250, 250, 250))
    canvas.ellipse(at(box, 0.14, 0.46), (side * 0.014, side * 0.014), (10, 10, 10))


FOOD: dict[str, Hero] = {
    "citrus": citrus, "fruit": fruit, "berries": berries, "tomato": tomato, "olive": olive, "leaf": branch,
    "flower": flower, "wheat": wheat, "bowl": flakes, "crisps": crisps, "rice": rice, "seeds": seeds, "cup": cup,
    "beans": coffee, "cookie": cookie, "cheese": cheese, "fish": fish, "swirl": swirl, "waves": waves,
    "bubbles": bubbles, "drop": drop, "sun": sun,
}  # fmt: skip
