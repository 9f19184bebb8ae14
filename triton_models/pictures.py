"""Captures of a photo booth, DRAWN: a stand-in for photographs until a renderer replaces it.

A few flat, textured patches stand for a packaged product on a belt, seen by two RGB cameras (`top`, `side`)
and a depth camera. Everything follows from the design and a seed: two shots of one design differ in pose,
light, belt and noise only, unless a defect is asked for. It is far easier than real damage: it serves to run,
test and time the mesh with real networks, not to say how well they would see in a warehouse.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from triton_models.designs import DEFECTS, MATERIALS, VENDORS, Design, catalog, check_digit, defects_of
from triton_models.faces import BAGS, faces
from triton_models.scene import (
    CAMERA_HEIGHT_MM,
    SIDE_PX,
    Camera,
    Patch,
    Points,
    belt,
    homography,
    illuminate,
    look,
    paint,
    shadow,
)
from triton_models.wounds import Item, lid_texture, wound

__all__ = [
    "CAMERAS", "DEFECTS", "DEPTH_PX", "MATERIALS", "SEVERITIES", "SIDE_PX", "VENDORS",
    "Design", "Shot", "Truth", "catalog", "check_digit", "contact_sheet", "defects_of", "shoot",
]  # fmt: skip

CAMERAS: Final = ("top", "side")
SEVERITIES: Final = ("none", "minor", "major")
DEPTH_PX: Final = 160
_QUALITY: Final = 88
_SOFT: Final = (*BAGS, "plastic_tight_wrap", "book_plastic_tight_wrap", "plastic_hard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is really the matter. `severity` is none, minor or major; `defect_types` uses Kaputt's names."""

    damaged: bool
    severity: str
    defect_types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One capture: a JPEG (320 x 320) per camera of `CAMERAS`, 16-bit PNG depth (160 x 160, mm), the truth."""

    rgb: tuple[bytes, ...]
    depth: bytes
    truth: Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pose:
    turn: float
    offset: tuple[float, float]
    scale: float


def shoot(design: Design, *, seed: int, defect: str | None = None, severity: str = "major") -> Shot:
    """A capture of `design`; intact unless `defect` names a type of `defects_of(design)`.

    Raises ValueError for a defect this design cannot have, or a severity other than minor and major.
    The pose and the light of one seed are the same with and without a defect.
    """
    if severity not in SEVERITIES[1:]:
        raise ValueError(f"severity is {severity!r}, must be minor or major")
    if defect is not None and defect not in defects_of(design):
        raise ValueError(
            f"{design.product_id} cannot have the defect {defect!r}; it can have {defects_of(design)}"
        )
    item = Item(faces=dict(faces(design)))
    harm = np.random.default_rng([design.art_seed, seed, 2])
    if defect is not None:
        wound(item, design, defect, harm, major=severity == "major")
    rng = np.random.default_rng([design.art_seed, seed, 1])
    pose = _Pose(
        turn=float(rng.normal(0, 0.22)),
        offset=(float(rng.uniform(-25, 25)), float(rng.uniform(-25, 25))),
        scale=float(rng.uniform(0.93, 1.06)),
    )
    patches = _patches(item, design, pose, harm)
    sheen = 0.9 if design.material in _SOFT else 0.25
    rgb = tuple(_jpeg(_photograph(camera, patches, rng, sheen)) for camera in _cameras(rng))
    truth = Truth(
        damaged=defect is not None,
        severity="none" if defect is None else severity,
        defect_types=() if defect is None else (defect,),
    )
    return Shot(rgb=rgb, depth=_depth(item, design, pose, rng), truth=truth)


def contact_sheet(designs: tuple[Design, ...], *, seed: int = 0) -> bytes:
    """A PNG with two rows per design, one a camera: intact, then each defect, minor and major in turn."""
    cell = 160
    columns = 1 + len(DEFECTS)
    sheet = Image.new("RGB", (columns * cell, len(designs) * 2 * cell), (255, 255, 255))
    for row, design in enumerate(designs):
        for column, defect in enumerate((None, *defects_of(design))):
            severity = ("minor", "major")[(row + column) % 2]
            shot = shoot(design, seed=seed + column, defect=defect, severity=severity)
            for camera, picture in enumerate(shot.rgb):
                small = Image.open(io.BytesIO(picture)).resize((cell, cell), Image.Resampling.BOX)
                sheet.paste(small, (column * cell, (2 * row + camera) * cell))
    return _png(sheet, level=6)


def _cameras(rng: np.random.Generator) -> tuple[Camera, Camera]:
    """Both cameras, each a little off its place."""
    x, y, z = rng.normal(0, 1, 3)
    top = look((30 * x, 30 * y - 20, CAMERA_HEIGHT_MM + 12 * z), (0, 0, 0), float(rng.normal(0, 0.03)))
    x, y, z = rng.normal(0, 1, 3)
    side = look((35 * x, -640 + 25 * y, 560 + 25 * z), (0, -10, 30), float(rng.normal(0, 0.03)))
    return top, side


def _corners(item: Item, design: Design, pose: _Pose) -> Points:
    """The box's corners (8, 3): four of the top face as a texture's corners run, then those below them."""
    width, depth, height = (edge * pose.scale for edge in design.size_mm)
    x, y = width / 2, depth / 2
    flat = np.array([(-x, y), (x, y), (x, -y), (-x, -y)])
    lean = 0.9 if design.material in BAGS else 1.0
    points = np.concatenate(
        [np.column_stack([flat * lean, np.full(4, height)]), np.column_stack([flat, np.zeros(4)])]
    )
    if item.crush is not None:
        corner, give = item.crush
        points[corner, :2] *= 1 - 0.3 * give
        points[corner, 2] *= 1 - 0.75 * give
    return _placed(points, pose)


def _placed(points: Points, pose: _Pose) -> Points:
    cos, sin = np.cos(pose.turn), np.sin(pose.turn)
    turned = points.copy()
    turned[:, 0] = cos * points[:, 0] - sin * points[:, 1] + pose.offset[0]
    turned[:, 1] = sin * points[:, 0] + cos * points[:, 1] + pose.offset[1]
    return turned


def _patches(item: Item, design: Design, pose: _Pose, rng: np.random.Generator) -> list[Patch]:
    """All patches, those at the back first. Patches of the box itself show one side only."""
    points = _corners(item, design, pose)
    width, depth, _ = design.size_mm
    ground = [Patch(texture=shadow(), corners=_on_belt((0.03, -0.05), (1.45, 1.45), design, pose, 0.0))]
    if item.spill is not None:
        texture, place, extent = item.spill
        ground.append(
            Patch(
                texture=texture, corners=_on_belt(place, (extent, extent * width / depth), design, pose, 0.0)
            )
        )
    if item.loose is not None:
        texture, place, turn = item.loose
        share = texture.size[0] / item.faces["top"].size[0]
        lying = _on_belt(place, (share, 1.0), design, pose, turn)
        ground.append(Patch(texture=shadow(), corners=lying + np.array([6.0, -6.0, 0.0])))
        ground.append(Patch(texture=texture, corners=lying + np.array([0.0, 0.0, 4.0]), light=0.9))
    box = [
        Patch(texture=item.faces["side"], corners=points[[0, 3, 7, 4]], light=0.62),
        Patch(texture=item.faces["side"], corners=points[[2, 1, 5, 6]], light=0.7),
        Patch(texture=item.faces["front"], corners=points[[3, 2, 6, 7]], light=0.8),
        Patch(texture=item.faces["top"], corners=points[[0, 1, 2, 3]]),
    ]
    return [*ground, *box, *_lid(item, design, points, rng)]


def _on_belt(
    place: tuple[float, float], extent: tuple[float, float], design: Design, pose: _Pose, turn: float
) -> Points:
    """The corners of a patch on the belt; place and extent as fractions of the product's width and depth."""
    width, depth, _ = design.size_mm
    x, y = extent[0] * width / 2, extent[1] * depth / 2
    corners = np.array([(-x, y, 0.0), (x, y, 0.0), (x, -y, 0.0), (-x, -y, 0.0)])
    cos, sin = np.cos(turn), np.sin(turn)
    corners[:, :2] = corners[:, :2] @ np.array([[cos, sin], [-sin, cos]])
    return _placed(corners + np.array([place[0] * width, place[1] * depth, 0.0]), pose)


def _lid(item: Item, design: Design, points: Points, rng: np.random.Generator) -> list[Patch]:
    """The open lid: hinged at the back edge of the top face, its inside turned to the cameras."""
    if item.flap is None:
        return []
    angle, share = item.flap
    left, right = points[0], points[1]
    inward = (points[3] - points[0]) * share
    length = float(np.linalg.norm(inward))
    tip = inward * np.cos(angle) + np.array([0.0, 0.0, length * np.sin(angle)])
    size = (item.faces["top"].size[0], max(12, round(item.faces["top"].size[1] * share)))
    texture = lid_texture(design, size, rng)
    return [
        Patch(
            texture=texture,
            corners=np.stack([left + tip, right + tip, right, left]),
            light=0.92,
            two_sided=True,
        )
    ]


def _photograph(camera: Camera, patches: list[Patch], rng: np.random.Generator, gloss: float) -> Image.Image:
    canvas = belt(rng)
    for patch in patches:
        paint(canvas, camera, patch)
    return illuminate(canvas, rng, gloss=gloss)


def _depth(item: Item, design: Design, pose: _Pose, rng: np.random.Generator) -> bytes:
    """Distances along the axis of a camera straight above; 0 where it saw nothing, as such cameras do."""
    camera = look((0, 0, CAMERA_HEIGHT_MM), (0, 0, 0), 0.0)
    points = _corners(item, design, pose)
    height = float(points[:4, 2].max())
    outline = camera.project(points[:4]) * (DEPTH_PX / SIDE_PX)
    picture = Image.new("F", (DEPTH_PX, DEPTH_PX), CAMERA_HEIGHT_MM)
    draw = ImageDraw.Draw(picture)
    draw.polygon([tuple(point) for point in outline], fill=CAMERA_HEIGHT_MM - height)
    unit = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=float)
    to_picture = np.append(homography(outline, unit), 1.0).reshape(3, 3)
    extent = float(np.linalg.norm(outline[1] - outline[0]))
    for u, v, radius, down in item.dents:
        middle = to_picture @ np.array([u, v, 1.0])
        x, y, r = middle[0] / middle[2], middle[1] / middle[2], radius * extent
        draw.ellipse((x - r, y - r, x + r, y + r), fill=CAMERA_HEIGHT_MM - height + down)
    noise = rng.standard_normal((DEPTH_PX, DEPTH_PX), dtype=np.float32) * np.float32(1.2)
    millimetres = np.asarray(picture, dtype=np.float32) + noise
    millimetres[rng.integers(0, DEPTH_PX, 60), rng.integers(0, DEPTH_PX, 60)] = 0
    return _png(Image.fromarray(np.rint(millimetres).astype(np.uint16)), level=1)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _png(image: Image.Image, *, level: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()
