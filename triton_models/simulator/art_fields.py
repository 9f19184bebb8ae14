"""Where things go on a front: halves for words and picture, the stack of words, the quantity, a badge."""

from triton_models.simulator.art_canvas import (
    Box,
    Colour,
    Type,
    ellipse_points,
    lighter,
    part,
    readable,
)
from triton_models.simulator.art_pieces import (
    Sheet,
    badge,
    brand,
    title,
    variant,
)
from triton_models.simulator.art_solids import span
from triton_models.simulator.art_words import quantity


def halves(sheet: Sheet, share: float = 0.5) -> tuple[Box, Box]:
    """Where words and picture go: above and below on an upright sheet, side by side on a lying one."""
    box = sheet.canvas.box
    if box[2] > 1.15 * box[3]:
        return part(box, 0.05, 0.08, 0.56, 0.92), part(box, 0.56, 0.06, 0.97, 0.94)
    return part(box, 0.07, 0.05, 0.93, share), part(box, 0.10, share, 0.90, 0.93)


def stack(sheet: Sheet, box: Box, ground: Colour, *, plain: bool = False, upper: bool = False) -> None:
    """Brand, title and flavour under one another."""
    brand(sheet, part(box, 0, 0, 1, 0.40), ground)
    title(sheet, part(box, 0.04, 0.46, 0.96, 0.76), readable(sheet.ink, ground), upper=upper)
    variant(sheet, part(box, 0.18, 0.82, 0.82, 0.98), plain=plain)


def amount(sheet: Sheet, colour: Colour) -> None:
    """Grams, millilitres or pieces at the foot."""
    design = sheet.design
    width, height, depth = design.size
    words = quantity(design.title, width * height * depth, sheet.random)
    box = sheet.canvas.box
    if words == "pack":
        centre, radius = (box[2] * 0.86, box[3] * 0.90), span(box) * 0.10
        centre = (box[2] - radius * 1.3, box[3] - radius * 1.3)
        fill = readable((214, 30, 40), sheet.ground) if sheet.accent == sheet.ground else sheet.accent
        sheet.canvas.polygon(
            ellipse_points(centre, (radius, radius)), lighter(fill, 0.1), lighter(fill, -0.2)
        )
        style = Type(face="black", colour=readable((255, 255, 255), fill))
        r = radius * 0.62
        sheet.canvas.text(
            (centre[0] - r, centre[1] - r, centre[0] + r, centre[1] + r), f"{design.unit_count}x", style
        )
        return
    style = Type(face="bold", colour=colour, align="right", most=int(4.2 * sheet.canvas.unit))
    sheet.canvas.text(part(box, 0.5, 0.935, 0.95, 0.98), words, style)


def maybe_badge(sheet: Sheet, x: float, y: float, share: float = 0.14) -> None:
    """A badge on most families' fronts, at shares of the sheet's width and height."""
    taken = sheet.design.unit_count > 1 and x > 0.5 and y > 0.75  # the count's own corner
    if sheet.random.uniform() < 0.65 and not taken:
        box = sheet.canvas.box
        badge(sheet, (box[2] * x, box[3] * y), span(box) * share)
