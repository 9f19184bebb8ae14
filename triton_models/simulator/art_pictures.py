"""The picture on a face: its subject, its scene, and the damage that the art shows."""

import numpy as np

from triton_models.simulator.art_canvas import (
    Box,
    inset,
    lighter,
    mix,
    rounded_points,
)
from triton_models.simulator.art_damage import print_damage
from triton_models.simulator.art_motifs import FOOD
from triton_models.simulator.art_pieces import Sheet, own_random
from triton_models.simulator.art_solids import glow, middle, span
from triton_models.simulator.art_textures import beans, bokeh, cloth, grains, powder, water, wood
from triton_models.simulator.art_things import GOODS, phone_screen
from triton_models.simulator.catalogue_products import line_of
from triton_models.simulator.things import Bytes

_HEROES = {**FOOD, **GOODS}


def hero(sheet: Sheet, box: Box) -> None:
    """The product's picture, with printed damage behind or on it if this design's art shows any."""
    damage = sheet.design.printed_damage
    draw = _HEROES[line_of(sheet.design.title).motif]
    if damage == "splash":
        damaged(sheet, box)
    draw(sheet.canvas, inset(box, 0.12 if damage == "splash" else 0.02), sheet.look, sheet.random)
    if damage is not None and damage != "splash":
        damaged(sheet, box)


def damaged(sheet: Sheet, box: Box) -> None:
    """The damage that this design's art shows, at its own draw."""
    design = sheet.design
    if design.printed_damage is None:
        return
    random = own_random(design, 3)
    colours = {
        "splash": design.contents.colour if design.contents.kind == "liquid" else sheet.accent,
        "cracks": (226, 236, 244),
        "holes": mix(sheet.main, (60, 40, 20), 0.6),
        "rips": sheet.accent,
    }
    wide = (
        (0.0, box[1], sheet.canvas.box[2], box[3])
        if design.printed_damage == "rips"
        else inset(box, -0.28 if design.printed_damage == "splash" else -0.06)
    )
    if design.printed_damage == "cracks":
        wide = _pane(sheet, box)
    print_damage(sheet.canvas, wide, design.printed_damage, colours[design.printed_damage], random)


def _pane(sheet: Sheet, box: Box) -> Box:
    """The glass that is shown broken: the screen in the picture, or a pane before it."""
    if line_of(sheet.design.title).motif == "phone" and sheet.design.kind != "blister":
        return phone_screen(inset(box, 0.02))
    pane = inset(box, 0.02)
    glass = rounded_points(pane, span(box) * 0.02)
    sheet.canvas.polygon(glass, (222, 236, 244), (96, 128, 148), 0.5)
    sheet.canvas.frame(glass, (238, 246, 250), max(1.0, span(box) / 110))
    return inset(pane, 0.008)


def scene(sheet: Sheet, size: tuple[int, int]) -> Bytes:
    """A picture without edges that suits the product: what it is made of, or a blurred room."""
    motif, random = line_of(sheet.design.title).motif, sheet.random
    colour = sheet.design.contents.colour
    if motif == "beans":
        return beans(random, size, (104, 66, 40), min(size) / 6)
    if motif in {"rice", "seeds"}:
        half = (size[0] // 2 + 1, size[1] // 2 + 1)
        tile = grains(random, half, colour, min(size) / 26, 0.36 if motif == "rice" else 0.7)
        return np.ascontiguousarray(np.tile(tile, (2, 2, 1))[: size[1], : size[0]])
    if motif in {"wheat", "cheese", "cookie", "bowl"}:
        return wood(random, size)
    if motif in {"waves", "drop", "bubbles", "mountains", "fish"}:
        return water(random, size, mix(sheet.accent, (30, 120, 180), 0.5))
    if motif == "fabric" or sheet.design.contents.kind == "powder":
        return cloth(random, size, sheet.accent) if motif == "fabric" else powder(random, size, colour)
    return bokeh(random, size, lighter(sheet.main, -0.3), lighter(sheet.accent, 0.5))


def halo(sheet: Sheet, box: Box, strength: float = 0.5) -> None:
    """Light behind a picture."""
    glow(
        sheet.canvas,
        middle(box),
        ((box[2] - box[0]) * 0.7, (box[3] - box[1]) * 0.7),
        (255, 255, 255),
        strength,
    )
