"""Damage: what each of the seven defect types does to a product's faces, its shape and the belt around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from triton_models.designs import Colour, Design
from triton_models.faces import BAGS, blob, shade_creases, unit_slots

UV = tuple[float, float]


@dataclass(slots=True, kw_only=True)
class Item:
    """One product while it is drawn. Places on the top face are fractions (u to the right, v to the front).

    dents: (u, v, radius, millimetres the surface goes down; up when negative), for the depth picture.
    crush: top corner (0 back left, 1 back right, 2 front right, 3 front left), how far it gives way, 0 to 1.
    flap: how far the lid stands open (radians), and its share of the top face.
    loose: a piece beside the product: its texture, its place as a fraction of the product's size, its turn.
    spill: a texture on the belt, its centre and its width as fractions of the product's width.
    """

    faces: dict[str, Image.Image]
    dents: list[tuple[float, float, float, float]] = field(default_factory=list)
    crush: tuple[int, float] | None = None
    flap: tuple[float, float] | None = None
    loose: tuple[Image.Image, UV, float] | None = None
    spill: tuple[Image.Image, UV, float] | None = None


def wound(item: Item, design: Design, defect: str, rng: np.random.Generator, *, major: bool) -> None:
    """Damages `item` in place. `defect` is one of `defects_of(design)`."""
    _WOUNDS[defect](item, design, rng, 1.0 if major else 0.45)


def _deformation(item: Item, design: Design, rng: np.random.Generator, size: float) -> None:
    """A corner that gave way, print bent with it, and sharp folds running over the face."""
    top = item.faces["top"]
    corner = int(rng.integers(4))
    item.crush = (corner, float(rng.uniform(0.5, 0.95)) * size)
    top = _bent(top, rng, 0.075 * size)
    top = shade_creases(top, rng, 3 + round(3 * size), 0.5 + 0.4 * size, 0.35 + 0.5 * size)
    item.faces["top"] = top
    item.faces["front"] = shade_creases(item.faces["front"], rng, 1 + round(3 * size), 0.4 + 0.4 * size, 0.3)
    u, v = (0.15, 0.85, 0.85, 0.15)[corner], (0.15, 0.15, 0.85, 0.85)[corner]
    item.dents.append((u, v, 0.25 + 0.15 * size, design.size_mm[2] * 0.5 * size))
    item.dents.append((float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.3, 0.7)), 0.2, 12 * size))


def _bent(image: Image.Image, rng: np.random.Generator, amount: float) -> Image.Image:
    """The face with its print pushed about on a 4 x 4 grid, by up to `amount` of its size; the rim stays."""
    width, height = image.size
    grid = np.stack(np.meshgrid(np.linspace(0, width, 5), np.linspace(0, height, 5)), axis=-1)
    grid[1:-1, 1:-1] += rng.uniform(-1, 1, (3, 3, 2)) * amount * np.array([width, height])
    straight = np.rint(np.linspace(0, width, 5)).astype(int), np.rint(np.linspace(0, height, 5)).astype(int)
    mesh = []
    for row in range(4):
        for column in range(4):
            box = (
                int(straight[0][column]),
                int(straight[1][row]),
                int(straight[0][column + 1]),
                int(straight[1][row + 1]),
            )
            quad = (
                grid[row, column],
                grid[row + 1, column],
                grid[row + 1, column + 1],
                grid[row, column + 1],
            )
            mesh.append((box, tuple(float(value) for point in quad for value in point)))
    return image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _actuation(item: Item, design: Design, rng: np.random.Generator, size: float) -> None:
    """The lid stands open at the back edge; below it the dark inside and some of the contents."""
    top = item.faces["top"].copy()
    width, height = top.size
    share = float(rng.uniform(0.45, 0.7)) if size == 1 else float(rng.uniform(0.16, 0.26))
    draw = ImageDraw.Draw(top)
    edge = share * height
    draw.rectangle((5, 3, width - 6, edge), fill=(28, 24, 22))
    for _ in range(9):
        x, y, r = (
            rng.uniform(14, width - 14),
            rng.uniform(0.35, 0.9) * edge,
            rng.uniform(0.05, 0.12) * edge + 3,
        )
        draw.ellipse(
            (x - r, y - r, x + r, y + r), fill=_toned(design.contents, float(rng.uniform(0.35, 0.7)))
        )
    draw.rectangle((5, 3, width - 6, 0.12 * edge + 3), fill=(14, 12, 12))
    draw.line((3, edge, width - 4, edge + rng.uniform(-2, 3)), fill=(235, 228, 212), width=2)
    item.faces["top"] = top
    item.flap = (float(rng.uniform(1.2, 2.3)), share)
    item.dents.append((0.5, share / 2, share / 2, min(35.0, design.size_mm[2] * 0.7)))
    item.dents.append((0.5, 0.0, 0.12, -60 * share))


def _deconstruction(item: Item, design: Design, rng: np.random.Generator, size: float) -> None:
    """A part has come off along a ragged line and lies beside the product."""
    top = item.faces["top"].copy()
    width, height = top.size
    share = float(rng.uniform(0.3, 0.45)) if size == 1 else float(rng.uniform(0.14, 0.2))
    right = bool(rng.random() < 0.5)
    cut = width * (1 - share) if right else width * share
    teeth = [(cut + rng.uniform(-0.05, 0.05) * width, y) for y in np.linspace(0, height, 9)]
    wall = width if right else 0.0
    region = [*teeth, (wall, height), (wall, 0)]
    mask = Image.new("L", top.size, 0)
    ImageDraw.Draw(mask).polygon(region, fill=255)
    piece = Image.composite(top, Image.new("RGBA", top.size), mask)
    box = mask.getbbox()
    draw = ImageDraw.Draw(top)
    draw.polygon(region, fill=(46, 38, 32))
    for _ in range(5):
        x = float(rng.uniform(min(cut, wall), max(cut, wall)))
        draw.line((x, 2, x + rng.uniform(-14, 14), height - 3), fill=(88, 74, 60), width=3)
    draw.line(teeth, fill=(236, 230, 216), width=4)
    _keep_outline(top, item.faces["top"])
    item.faces["top"] = top
    place = (float(rng.uniform(0.68, 0.8)) * (1 if right else -1), float(rng.uniform(-0.25, 0.25)))
    item.loose = (piece.crop(box), place, float(rng.uniform(-0.7, 0.7)))
    item.dents.append(((1 - share / 2) if right else share / 2, 0.5, share / 2, design.size_mm[2] * 0.7))


def _penetration(item: Item, design: Design, rng: np.random.Generator, size: float) -> None:
    """A torn hole: dark within, a lit inner wall, white torn fibres and tears running from it."""
    for name in ("top", "front") if rng.random() < 0.4 * size else ("top",):
        face = item.faces[name].copy()
        width, height = face.size
        radius = float(rng.uniform(0.13, 0.2)) * min(width, max(height, width * 0.4)) * (size**0.6)
        centre = (float(rng.uniform(0.25, 0.75)) * width, float(rng.uniform(0.25, 0.75)) * height)
        draw = ImageDraw.Draw(face)
        for _ in range(3 + round(3 * size)):
            angle = float(rng.uniform(0, 2 * np.pi))
            end = radius * float(rng.uniform(1.5, 2.3))
            draw.line(
                (*centre, centre[0] + end * np.cos(angle), centre[1] + end * np.sin(angle)),
                fill=(232, 226, 214),
                width=3,
            )
        hole = np.array(blob(rng, centre, radius, 0.45))
        ragged = centre + (hole - centre) * (1.14 + rng.uniform(0, 0.22, (len(hole), 1)))
        draw.polygon([tuple(point) for point in ragged], fill=(236, 231, 222))
        draw.polygon([tuple(point) for point in hole], fill=(70, 58, 50))
        inner = centre + (hole - centre) * 0.86 + np.array([radius * 0.05, radius * 0.1])
        draw.polygon([tuple(point) for point in inner], fill=(13, 11, 12))
        _keep_outline(face, item.faces[name])
        item.faces[name] = face
        if name == "top":
            item.dents.append(
                (centre[0] / width, centre[1] / height, radius / width, min(40.0, design.size_mm[2] * 0.8))
            )


def _superficial(item: Item, _design: Design, rng: np.random.Generator, size: float) -> None:
    """Stains that soaked in, scuffs, and long scratches; the shape is whole."""
    for name in ("top", "front"):
        face = item.faces[name]
        layer = Image.new("RGBA", face.size)
        draw = ImageDraw.Draw(layer)
        width, height = face.size
        tone = _toned((120, 84, 40) if rng.random() < 0.6 else (40, 42, 40), float(rng.uniform(0.6, 1.1)))
        for _ in range(1 + round(3 * size)):
            centre = (float(rng.uniform(0.1, 0.9)) * width, float(rng.uniform(0.1, 0.9)) * height)
            radius = float(rng.uniform(0.12, 0.22)) * width * (size**0.7)
            draw.polygon(blob(rng, centre, radius, 0.4), fill=(*tone, 150), outline=(*_toned(tone, 0.6), 215))
            for _ in range(6):
                x, y = centre + rng.normal(0, radius * 1.1, 2)
                r = float(rng.uniform(1, 4))
                draw.ellipse((x - r, y - r, x + r, y + r), fill=(*tone, 165))
        layer = layer.filter(ImageFilter.BoxBlur(1))
        draw = ImageDraw.Draw(layer)
        for _ in range(round(5 * size)):
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            dx, dy = rng.normal(0, 0.22, 2) * width
            draw.line((x, y, x + dx, y + dy), fill=(238, 236, 230, 215), width=int(rng.integers(1, 3)))
        stained = Image.alpha_composite(face, layer)
        _keep_outline(stained, face)
        item.faces[name] = stained


def _spillage(item: Item, design: Design, rng: np.random.Generator, size: float) -> None:
    """Contents on the belt and down the front: a puddle with a bright rim, or a fan of powder."""
    texture = Image.new("RGBA", (150, 150))
    draw = ImageDraw.Draw(texture)
    liquid = bool(rng.random() < 0.5)
    tone = design.contents
    if liquid:
        outline = blob(rng, (75, 75), 46, 0.4)
        draw.polygon(outline, fill=(*tone, 205), outline=(*_toned(tone, 0.55), 255))
        for _ in range(4):
            x, y = rng.normal(70, 15, 2)
            draw.ellipse((x - 9, y - 2, x + 9, y + 2), fill=(250, 250, 250, 160))
    else:
        draw.polygon(blob(rng, (75, 75), 26, 0.5), fill=(*tone, 225))
    for _ in range(14 if liquid else 260):
        x, y = rng.normal(75, 27, 2)
        r = float(rng.uniform(1.5, 4.5)) if liquid else float(rng.uniform(0.5, 1.8))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(*_toned(tone, float(rng.uniform(0.7, 1.2))), 230))
    place = (
        (float(rng.uniform(-0.45, 0.45)), -0.5)
        if rng.random() < 0.7
        else (float(rng.choice([-0.55, 0.55])), float(rng.uniform(-0.4, 0.3)))
    )
    item.spill = (texture, place, 0.4 + 0.6 * size)
    face = item.faces["front"].copy()
    draw = ImageDraw.Draw(face, "RGBA")
    width, height = face.size
    for _ in range(2 + round(4 * size)):
        x, r = (
            width * float(np.clip(0.5 + place[0] + rng.normal(0, 0.12), 0.04, 0.96)),
            float(rng.uniform(1.5, 4)),
        )
        draw.rounded_rectangle(
            (x - r, height * rng.uniform(0.1, 0.6), x + r, height - 2), radius=r, fill=(*tone, 225)
        )
    item.faces["front"] = face


def _missing_unit(item: Item, design: Design, rng: np.random.Generator, size: float) -> None:
    """One slot of the pack is empty (two when major, of four or more): the moulded tray shows."""
    top = item.faces["top"].copy()
    draw = ImageDraw.Draw(top)
    width, height = top.size
    slots = unit_slots(design)
    gone = 2 if size == 1 and design.unit_count >= 4 else 1
    for index in rng.choice(len(slots), size=gone, replace=False):
        x0, y0, x1, y1 = slots[int(index)]
        box = (x0 * width + 3, y0 * height + 2, x1 * width - 3, y1 * height - 2)
        draw.rounded_rectangle(box, radius=6, fill=(58, 56, 58), outline=(30, 30, 32), width=2)
        draw.rectangle(
            (box[0] + 4, box[1] + 4, box[2] - 4, box[1] + (box[3] - box[1]) * 0.25), fill=(24, 24, 26)
        )
        draw.line((box[0] + 5, box[3] - 4, box[2] - 5, box[3] - 4), fill=(150, 148, 150), width=2)
        item.dents.append(((x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, min(30.0, design.size_mm[2] * 0.7)))
    item.faces["top"] = top


def _keep_outline(face: Image.Image, pattern: Image.Image) -> None:
    face.putalpha(pattern.getchannel("A"))


def _toned(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue


def lid_texture(design: Design, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """The unprinted inside of a lid: board, or the silvery inside of a bag."""
    tone = (196, 200, 206) if design.material in BAGS else (193, 160, 116)
    image = Image.new("RGBA", size, tone)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0] - 1, size[1] - 1), outline=_toned(tone, 0.75), width=2)
    draw.line(
        (0, size[1] * 0.5, size[0], size[1] * float(rng.uniform(0.4, 0.6))), fill=_toned(tone, 0.85), width=2
    )
    return image


_WOUNDS: Final[dict[str, Callable[[Item, Design, np.random.Generator, float], None]]] = {
    "deformation": _deformation,
    "actuation": _actuation,
    "deconstruction": _deconstruction,
    "penetration": _penetration,
    "superficial": _superficial,
    "spillage": _spillage,
    "missing_unit": _missing_unit,
}
