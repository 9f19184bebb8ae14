"""Pieces that every layout is put together from: brand mark, title, flavour band, badge, claims, the picture."""

import zlib
from dataclasses import dataclass

import numpy as np

from triton_models.simulator.art_canvas import (
    Box,
    Canvas,
    Colour,
    Type,
    catmull,
    ellipse_points,
    inset,
    lighter,
    luminance,
    mix,
    part,
    readable,
    rounded_points,
    star_points,
)
from triton_models.simulator.art_fonts import Face, fitting_size
from triton_models.simulator.art_solids import Look, middle, span
from triton_models.simulator.art_words import claims
from triton_models.simulator.catalogue import Design
from triton_models.simulator.catalogue_products import line_of
from triton_models.simulator.things import Random

_BRAND_FACES: dict[str, tuple[Face, ...]] = {
    "grocery": ("round", "serif_italic", "brush", "black", "book_black", "italic", "hand"),
    "pet": ("round", "black", "brush", "italic"),
    "cleaning": ("slanted", "italic", "black", "round"),
    "cosmetics": ("light", "serif", "geometric", "book", "italic"),
    "electronics": ("geometric_bold", "geometric", "grotesk_black", "bold"),
    "tools": ("slanted", "narrow", "grotesk_black", "black"),
    "toys": ("round", "brush", "black"),
    "stationery": ("geometric_bold", "narrow", "bold", "serif_bold"),
    "medicine": ("bold", "geometric_bold", "grotesk_black"),
    "kitchen": ("light", "narrow", "geometric", "serif"),
    "home": ("serif", "hand", "geometric", "book_black"),
    "book": ("bold",),
}
_TITLE_FACES: tuple[Face, ...] = (
    "bold",
    "narrow",
    "geometric_bold",
    "grotesk",
    "serif_bold",
    "black",
    "book",
    "regular",
)


def brand_seed(design: Design) -> int:
    """What a brand family shares in every draw."""
    return zlib.crc32(design.brand.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A face being laid out.

    Attributes:
        canvas: What is drawn on.
        design: Whose face it is.
        look: Colours for its picture.
        random: Shared by the family and print year, so that its members differ in words and colours alone.
        brand_face: Typeface of the brand.
        title_face: Typeface of the title.
    """

    canvas: Canvas
    design: Design
    look: Look
    random: Random
    brand_face: Face
    title_face: Face

    @property
    def ground(self) -> Colour:
        """Colour of the paper."""
        return self.design.palette[0]

    @property
    def main(self) -> Colour:
        """The brand's colour."""
        return self.design.palette[1]

    @property
    def accent(self) -> Colour:
        """The flavour's colour."""
        return self.design.palette[2]

    @property
    def ink(self) -> Colour:
        """Colour of text on the ground."""
        return self.design.palette[3]


def sheet_for(design: Design, canvas: Canvas, side: int) -> Sheet:
    """Starts the layout of one side (its number tells its draws from the other sides')."""
    seed = brand_seed(design)
    faces = _BRAND_FACES[line_of(design.title).category]
    ground, main, accent, _ = design.palette
    return Sheet(
        canvas=canvas,
        design=design,
        look=Look(main=main, accent=accent, ground=ground),
        random=np.random.default_rng([seed, design.style, design.year, side]),
        brand_face=faces[seed % len(faces)],
        title_face=_TITLE_FACES[(seed // 7 + design.style + design.year) % len(_TITLE_FACES)],
    )


def own_random(design: Design, salt: int) -> Random:
    """Draws of this design alone."""
    return np.random.default_rng([design.number, design.year, salt])


def brand(sheet: Sheet, box: Box, ground: Colour) -> None:
    """The brand's mark: the same idea on all of its packages.

    Args:
        sheet: The face.
        box: Where.
        ground: Colour that lies there, which the words must stand out from.
    """
    canvas, words, seed = sheet.canvas, sheet.design.brand, brand_seed(sheet.design)
    colour = readable(sheet.main, ground)
    plate = (
        sheet.main if abs(luminance(sheet.main) - luminance(ground)) > 0.18 else readable(sheet.main, ground)
    )
    over = readable((255, 255, 255), plate)
    words = words.upper() if seed // 11 % 3 == 0 else words
    idea = seed // 5 % 8
    wide = _centred(box, 3.4)
    if idea == 0:
        canvas.polygon(ellipse_points(middle(wide), ((wide[2] - wide[0]) / 2, (wide[3] - wide[1]) / 2)), over)
        oval = ellipse_points(middle(wide), ((wide[2] - wide[0]) / 2.1, (wide[3] - wide[1]) / 2.3))
        canvas.polygon(oval, lighter(plate, 0.15), lighter(plate, -0.2))
        canvas.text(part(wide, 0.16, 0.24, 0.84, 0.76), words, Type(face=sheet.brand_face, colour=over))
    elif idea == 1:
        canvas.polygon(rounded_points(wide, 0.18 * span(wide)), plate, lighter(plate, -0.15))
        canvas.text(part(wide, 0.08, 0.2, 0.92, 0.8), words, Type(face=sheet.brand_face, colour=over))
    elif idea == 2:
        ribbon = np.array(
            [
                part(wide, x, y, 0, 0)[:2]
                for x, y in ((0, 0.1), (1, 0.1), (0.94, 0.5), (1, 0.9), (0, 0.9), (0.06, 0.5))
            ]
        )
        canvas.polygon(ribbon.astype(np.float32), plate, lighter(plate, -0.2))
        canvas.text(part(wide, 0.12, 0.24, 0.88, 0.76), words, Type(face=sheet.brand_face, colour=over))
    elif idea == 3:
        taken = canvas.text(
            part(box, 0.02, 0.02, 0.98, 0.8), words, Type(face=sheet.brand_face, colour=colour)
        )
        y, height = taken[3], taken[3] - taken[1]
        swoosh = [
            (taken[0], y + height * 0.30),
            ((taken[0] + taken[2]) / 2, y + height * 0.12),
            (taken[2], y + height * 0.22),
            ((taken[0] + taken[2]) / 2, y + height * 0.24),
        ]
        canvas.polygon(catmull(swoosh), sheet.accent)
    elif idea == 4:
        mark = (wide[0], wide[1], wide[0] + (wide[3] - wide[1]), wide[3])
        _glyph(canvas, inset(mark, 0.08), plate, sheet.accent, seed)
        style = Type(face=sheet.brand_face, colour=colour, align="left")
        canvas.text(
            (mark[2] + span(mark) * 0.1, wide[1] + span(mark) * 0.16, wide[2], wide[3] - span(mark) * 0.16),
            words,
            style,
        )
    elif idea == 5:
        mark = part(box, 0.3, 0.0, 0.7, 0.42)
        _glyph(canvas, mark, plate, sheet.accent, seed)
        canvas.text(part(box, 0.02, 0.47, 0.98, 1.0), words, Type(face=sheet.brand_face, colour=colour))
    elif idea == 6:
        dark = luminance(ground) < 0.6
        edge = lighter(sheet.main, -0.7) if dark else sheet.main
        fill = (255, 255, 255) if dark else readable(lighter(sheet.accent, 0.2), edge)
        style = Type(face=sheet.brand_face, colour=fill, outline=(edge, 0.05))
        canvas.text(part(box, 0.06, 0.1, 0.94, 0.9), words, style)
    else:
        canvas.text(part(box, 0.02, 0.06, 0.98, 0.94), words, Type(face=sheet.brand_face, colour=colour))


def _centred(box: Box, ratio: float) -> Box:
    """The middle of a box, no wider than `ratio` times its height and no higher than half its width."""
    x, y = middle(box)
    width = min(box[2] - box[0], ratio * (box[3] - box[1]))
    height = min(box[3] - box[1], width / 2)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _glyph(canvas: Canvas, box: Box, colour: Colour, accent: Colour, seed: int) -> None:
    """A small abstract mark."""
    centre, radius = middle(box), span(box) / 2
    kind = seed // 3 % 5
    if kind == 0:
        canvas.polygon(ellipse_points(centre, (radius, radius)), colour, lighter(colour, -0.2))
        canvas.polygon(
            ellipse_points(
                (centre[0] + radius * 0.35, centre[1] - radius * 0.2), (radius * 0.6, radius * 0.6)
            ),
            accent,
        )
    elif kind == 1:
        canvas.polygon(star_points(centre, (radius, radius * 0.5), 3 + seed % 6, -np.pi / 2), colour, accent)
    elif kind == 2:
        for turn in range(3):
            angle = turn * 2 * np.pi / 3 - np.pi / 2
            petal = (centre[0] + radius * 0.45 * np.cos(angle), centre[1] + radius * 0.45 * np.sin(angle))
            canvas.polygon(
                ellipse_points(petal, (radius * 0.55, radius * 0.3), angle), mix(colour, accent, turn / 2)
            )
    elif kind == 3:
        canvas.polygon(
            rounded_points(
                (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius), radius * 0.4
            ),
            colour,
            accent,
        )
        canvas.polygon(star_points(centre, (radius * 0.7, radius * 0.2), 4, 0.78), (255, 255, 255))
    else:
        for level in range(3):
            y = centre[1] - radius + level * radius * 0.7
            canvas.polygon(
                rounded_points(
                    (centre[0] - radius + level * radius * 0.3, y, centre[0] + radius, y + radius * 0.45),
                    radius * 0.2,
                ),
                mix(colour, accent, level / 2),
            )


def title(sheet: Sheet, box: Box, colour: Colour, align: str = "centre", *, upper: bool = False) -> None:
    """The product's name over one line or two, whichever sets it larger."""
    words = sheet.design.title.upper() if upper else sheet.design.title
    style = Type(face=sheet.title_face, colour=colour, align="left" if align == "left" else "centre")
    parts = words.split()
    if len(parts) > 1 and (box[2] - box[0]) < 5.5 * (box[3] - box[1]):
        cut = min(range(1, len(parts)), key=lambda place: abs(len(" ".join(parts[:place])) - len(words) / 2))
        canvas_box = part(box, 0, 0, 1, 0.46), part(box, 0, 0.54, 1, 1)
        for line, line_box in zip((" ".join(parts[:cut]), " ".join(parts[cut:])), canvas_box, strict=True):
            sheet.canvas.text(line_box, line, style)
        return
    sheet.canvas.text(box, words, style)


def variant(sheet: Sheet, box: Box, *, plain: bool = False) -> None:
    """The flavour's band in the flavour's colour: pill, bar, brush or bare words."""
    canvas, words = sheet.canvas, sheet.design.variant
    shape = int(sheet.random.integers(4))
    fill = sheet.accent
    if plain:
        ground = canvas.pixels[
            min(int(middle(box)[1]), canvas.pixels.shape[0] - 1),
            min(int(middle(box)[0]), canvas.pixels.shape[1] - 1),
        ]
        over = readable(fill, (int(ground[0]), int(ground[1]), int(ground[2])))
        canvas.text(box, words, Type(face="italic" if shape == 0 else "bold", colour=over))
        return
    if shape == 0:
        canvas.polygon(rounded_points(box, span(box) / 2), fill, lighter(fill, -0.15))
    elif shape == 1:
        canvas.rectangle(box, fill, lighter(fill, -0.1))
    elif shape == 2:
        skew = span(box) * 0.35
        corners = [(box[0] + skew, box[1]), (box[2], box[1]), (box[2] - skew, box[3]), (box[0], box[3])]
        canvas.polygon(np.array(corners, np.float32), fill, lighter(fill, -0.2))
    else:
        canvas.polygon(rounded_points(box, span(box) * 0.2), fill)
        canvas.frame(
            rounded_points(inset(box, 0.08), span(box) * 0.15),
            readable((255, 255, 255), fill),
            max(1, span(box) / 24),
        )
    canvas.text(
        part(box, 0.1, 0.2, 0.9, 0.8), words, Type(face="bold", colour=readable((255, 255, 255), fill))
    )


def badge(sheet: Sheet, centre: tuple[float, float], radius: float) -> None:
    """A round, starred or scalloped badge with a claim in two lines."""
    canvas, random = sheet.canvas, sheet.random
    words = claims(sheet.design.title, random, 1)[0]
    fill = ((214, 36, 40), (250, 200, 30), (36, 120, 66), (24, 70, 140), sheet.accent)[
        int(random.integers(5))
    ]
    shape = int(random.integers(3))
    if shape == 0:
        canvas.polygon(ellipse_points(centre, (radius, radius)), fill, lighter(fill, -0.15))
        canvas.frame(
            ellipse_points(centre, (radius * 0.88, radius * 0.88)),
            readable((255, 255, 255), fill),
            max(1, radius / 26),
        )
    elif shape == 1:
        canvas.polygon(star_points(centre, (radius * 1.08, radius * 0.88), 18), fill, lighter(fill, -0.15))
    else:
        canvas.polygon(star_points(centre, (radius * 1.04, radius * 0.96), 30), fill)
    over = readable((255, 255, 255), fill)
    parts = words.split()
    cut = max(1, len(parts) // 2)
    x, y = centre
    lines = [" ".join(parts[:cut]), " ".join(parts[cut:])] if len(parts) > 1 else [words]
    step = radius * 1.0 / len(lines)
    for place, line in enumerate(lines):
        top = y - radius * 0.5 + step * place
        canvas.text(
            (x - radius * 0.74, top + step * 0.1, x + radius * 0.74, top + step * 0.9),
            line,
            Type(face="black", colour=over, most=int(radius * 0.5)),
        )


def bullets(sheet: Sheet, box: Box, colour: Colour, count: int = 3) -> None:
    """Claims under one another, each with a tick in a disc."""
    words = claims(sheet.design.title, sheet.random, count)
    step = (box[3] - box[1]) / count
    room = box[2] - box[0] - step * 0.28 * 2.8
    size = min(int(step * 0.5), *(fitting_size("regular", line, room, step * 0.68) for line in words))
    for place, line in enumerate(words):
        y, radius = box[1] + step * (place + 0.5), step * 0.28
        sheet.canvas.ellipse((box[0] + radius, y), (radius, radius), sheet.accent)
        tick = np.array([(0.55, 0.0), (0.9, 0.4), (1.5, -0.45)], np.float32) * radius + np.array(
            [box[0], y], np.float32
        )
        sheet.canvas.line(tick, readable((255, 255, 255), sheet.accent), max(1.0, radius * 0.25))
        style = Type(face="regular", colour=colour, align="left", most=max(5, size))
        sheet.canvas.text((box[0] + radius * 2.8, y - step * 0.34, box[2], y + step * 0.34), line, style)
