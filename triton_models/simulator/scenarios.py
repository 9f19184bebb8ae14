"""What is photographed: one item in the booth, ordinary or one of the cases that make damage subtle.

A scenario's name and its truth stay in the data set: they never reach a service.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from triton_models.simulator import art, catalogue, damage, harmless, shapes, spills
from triton_models.simulator.booth import Booth, booth, cameras, depth_image, glaring, laid, photo, tray_mesh
from triton_models.simulator.catalogue import Design
from triton_models.simulator.film import ITEM, MATTER, Camera, Picture
from triton_models.simulator.noise import fractal
from triton_models.simulator.render import ABSENT, Caster, Scene
from triton_models.simulator.things import CODES, Bytes, Floats, Item, Material, Mesh, Random

Severity = Literal["none", "minor", "major"]

SCENARIOS = {
    "ordinary": "the flow of a station: intact items with their wear, and every kind of damage",
    "printed_damage": "intact; its art shows cracks, splashes, holes or rips",
    "crumpled": "intact; a soft thing much crumpled",
    "leaking": "looks whole, but some of its own contents lies beside it: spillage",
    "foreign_matter": "intact; something of another product lies beside it",
    "missing_units": "the pack is unharmed, but holds fewer units than it should",
    "redesign": "intact; the packaging has a new print that the references do not show",
    "glare": "intact; a lamp mirrors itself in its film or varnish",
    "stickered": "intact; price labels, promotion stickers or tape on it",
    "barcode": "ordinary; the barcode is smudged, missing, or another product's",
    "badly_placed": "intact; cut off, blurred, too dark or covered",
}
"""Every scenario that can be drawn alone, and what it is."""

_TRIES = 6
_VISIBLE = 60
"""Pixels of damage that one of the cameras must see, or it is drawn again: hidden damage is nobody's to find."""

_ORDINARY_DAMAGE = (
    ("deformation", 0.28),
    ("penetration", 0.2),
    ("actuation", 0.14),
    ("superficial", 0.16),
    ("deconstruction", 0.1),
    ("spillage", 0.07),
    ("missing_unit", 0.05),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What one camera took.

    Attributes:
        picture: (N, N, 3) sRGB.
        item: (N, N): 255 where the item is.
        damage: (N, N): damage code, 0 where there is none.
        matter: (N, N): 255 where something lies spilled beside the item, its own or not.
    """

    picture: Bytes
    item: Bytes
    damage: Bytes
    matter: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One item's photos and the truth about it.

    Attributes:
        design: The product.
        scenario: Which of SCENARIOS.
        defects: Kaputt's words; none if intact.
        severity: none, minor or major.
        top: From above.
        side: From the side; None for a reference photo.
        depth: (N, N) uint16, millimetres from the camera above, 0 unknown.
        units_seen: Units in the pack.
        fault: What is wrong with the photo itself: cut_off, blurred, dark, covered; None.
    """

    design: Design
    scenario: str
    defects: tuple[str, ...]
    severity: Severity
    top: Shot
    side: Shot | None
    depth: npt.NDArray[np.uint16]
    units_seen: int
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """An item on the tray and what lies around it, before any photo."""

    item: Item
    litter: tuple[tuple[Mesh, Material], ...] = ()
    matter: tuple[tuple[Mesh, Material], ...] = ()
    absent: tuple[Mesh, ...] = ()
    defects: tuple[str, ...] = ()
    severity: Severity = "none"
    units_seen: int = 1
    fault: str | None = None


def capture(
    design: Design,
    scenario: str,
    rng: Random,
    pixels: int = 384,
    *,
    defect: str | None = None,
    light: float = 1.0,
) -> Capture:
    """Photographs one unit of a product.

    Args:
        design: The product.
        scenario: One of SCENARIOS.
        rng: Decides everything else.
        pixels: Width and height of the pictures.
        defect: An item of the ordinary flow that is damaged so, "" for an intact one; drawn unless given.
        light: Of the booth's usual light, this share is left.

    Raises:
        KeyError: There is no such scenario.
    """
    stage = _STAGES[scenario]
    for _ in range(_TRIES):
        if defect is None:
            staged = stage(design, rng)
        else:
            staged = _broken(design, defect, rng) if defect else _intact(design, rng)
        if staged is None:
            continue
        taken = _taken(design, scenario, staged, rng, pixels, light)
        seen = sum(np.count_nonzero(shot.damage) for shot in (taken.top, taken.side) if shot is not None)
        if not staged.defects or seen >= _VISIBLE * (pixels / 512) ** 2:
            return taken
    staged = _intact(design, rng)
    return _taken(design, "ordinary", staged, rng, pixels)


def reference(design: Design, rng: Random, rest: int, pixels: int = 384, *, soiled: bool = False) -> Capture:
    """A reference photo: the product as it should be, lying on the given side; `soiled`: with a damage, as some are."""
    item = shapes.build(design, rng, crumple=float(rng.uniform(0, 0.25)))
    turn = item.rests[min(rest, len(item.rests) - 1)]
    severity: Severity = "none"
    defects: tuple[str, ...] = ()
    if soiled:
        hurt = damage.apply(item, str(rng.choice(["deformation", "superficial"])), "minor", turn[2], rng)
        item, severity, defects = (item, "none", ()) if hurt is None else (hurt, "minor", ("deformation",))
    lying = laid(item, turn, rng, off=0.01)
    staged = Staged(item=lying, defects=defects, severity=severity, units_seen=design.unit_count)
    return _taken(design, "reference", staged, rng, pixels)


def _rest(item: Item, rng: Random) -> Floats:
    weights = np.array([0.62, 0.22, 0.06, 0.05, 0.03, 0.02])[: len(item.rests)]
    return item.rests[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _worn(item: Item, up: Floats, rng: Random) -> Item:
    """What happens to every parcel: rubbed edges, dust, now and then a sticker or tape."""
    if rng.random() < 0.3:
        item = harmless.scuff(item, up, rng)
    if rng.random() < 0.15:
        item = harmless.dust(item, up, rng)
    if rng.random() < 0.1:
        item = harmless.sticker(item, art.sticker(rng), up, rng)
    if rng.random() < 0.07:
        item = harmless.tape(item, up, rng)
    return item


def _crumple(rng: Random) -> float:
    return float(rng.beta(1.2, 3.5))


def _footprint(item: Item) -> Floats:
    points = np.concatenate([part.mesh.vertices for part in item.parts])[:, :2]
    return cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float32)


def _litter(item: Item, rng: Random) -> tuple[tuple[Mesh, Material], ...]:
    return tuple(harmless.litter(rng, _footprint(item))) if rng.random() < 0.2 else ()


def _intact(design: Design, rng: Random) -> Staged:
    item = shapes.build(design, rng, crumple=_crumple(rng))
    rest = _rest(item, rng)
    lying = laid(_worn(item, rest[2], rng), rest, rng)
    return Staged(item=lying, litter=_litter(lying, rng), units_seen=design.unit_count)


def _ordinary(design: Design, rng: Random) -> Staged | None:
    """Half of them intact; the others with a damage that this product can have."""
    if rng.random() < 0.5:
        return _intact(design, rng)
    names, shares = zip(*_ORDINARY_DAMAGE, strict=True)
    for _ in range(_TRIES):
        defect = str(rng.choice(names, p=shares))
        staged = (
            _leaking(design, rng)
            if defect == "spillage"
            else _missing(design, rng)
            if defect == "missing_unit"
            else _broken(design, defect, rng)
        )
        if staged is not None:
            return staged
    return None


def _broken(design: Design, defect: str, rng: Random) -> Staged | None:
    severity: damage.Severity = "minor" if rng.random() < 0.5 else "major"
    item = shapes.build(design, rng, crumple=_crumple(rng))
    rest = _rest(item, rng)
    hurt = damage.apply(item, defect, severity, rest[2], rng)
    if hurt is None:
        return None
    lying = laid(_worn(hurt, rest[2], rng), rest, rng)
    matter: tuple[tuple[Mesh, Material], ...] = ()
    defects: tuple[str, ...] = (defect,)
    if severity == "major" and defect in {"penetration", "deconstruction"} and rng.random() < 0.35:
        spill = spills.spill(design.contents, _footprint(lying), "minor", rng)
        matter, defects = tuple(spill), ((defect, "spillage") if spill else defects)
    return Staged(
        item=lying,
        litter=_litter(lying, rng),
        matter=matter,
        defects=defects,
        severity=severity,
        units_seen=design.unit_count,
    )


def _leaking(design: Design, rng: Random) -> Staged | None:
    if design.contents.kind == "none":
        return None
    severity: damage.Severity = "minor" if rng.random() < 0.6 else "major"
    item = shapes.build(design, rng, crumple=_crumple(rng))
    rest = _rest(item, rng)
    if rng.random() < 0.3:
        item = spills.wet(item, design.contents, rest[2], severity, rng)
    lying = laid(item, rest, rng)
    spill = spills.spill(design.contents, _footprint(lying), severity, rng)
    return Staged(
        item=lying,
        litter=_litter(lying, rng),
        matter=tuple(spill),
        defects=("spillage",),
        severity=severity,
        units_seen=design.unit_count,
    )


def _foreign(design: Design, rng: Random) -> Staged | None:
    staged = _intact(design, rng)
    stray = harmless.foreign(rng, _footprint(staged.item), design.contents.colour)
    return replace(staged, matter=tuple(stray))


def _missing(design: Design, rng: Random) -> Staged | None:
    if design.unit_count < 2:
        return None
    gone = 1 if rng.random() < 0.7 else int(rng.integers(1, design.unit_count))
    seed, crumple = int(rng.integers(2**32)), _crumple(rng) * 0.5
    item = shapes.build(design, np.random.default_rng(seed), crumple=crumple, missing=gone)
    whole = shapes.build(design, np.random.default_rng(seed), crumple=crumple)
    there = {part.name for part in item.parts}
    lost = tuple(part for part in whole.parts if part.role == "unit" and part.name not in there)
    rest = item.rests[0]
    both = laid(replace(item, parts=(*item.parts, *lost)), rest, rng)
    kept = len(item.parts)
    severity: Severity = "major" if 2 * gone >= design.unit_count else "minor"
    return Staged(
        item=replace(both, parts=both.parts[:kept]),
        absent=tuple(part.mesh for part in both.parts[kept:]),
        defects=("missing_unit",),
        severity=severity,
        units_seen=design.unit_count - gone,
    )


def _printed(design: Design, rng: Random) -> Staged | None:
    item = shapes.build(design, rng, crumple=_crumple(rng))
    rest = item.rests[0]
    lying = laid(_worn(item, rest[2], rng), rest, rng)
    return Staged(item=lying, litter=_litter(lying, rng), units_seen=design.unit_count)


def _crumpled(design: Design, rng: Random) -> Staged | None:
    item = shapes.build(design, rng, crumple=float(rng.uniform(0.65, 1)))
    rest = _rest(item, rng)
    return Staged(item=laid(_worn(item, rest[2], rng), rest, rng), units_seen=design.unit_count)


def _redesign(design: Design, rng: Random) -> Staged | None:
    return _intact(catalogue.redesigned(design), rng)


def _glossy(material: Material, rng: Random) -> Material:
    return replace(material, roughness=float(rng.uniform(0.04, 0.14)), specular=0.07)


def _glare(design: Design, rng: Random) -> Staged | None:
    staged = _intact(design, rng)
    shiny = tuple(_glossy(material, rng) for material in staged.item.materials)
    return replace(staged, item=replace(staged.item, materials=shiny))


def _stickered(design: Design, rng: Random) -> Staged | None:
    item = shapes.build(design, rng, crumple=_crumple(rng))
    rest = _rest(item, rng)
    for _ in range(int(rng.integers(1, 4))):
        item = (
            harmless.sticker(item, art.sticker(rng), rest[2], rng)
            if rng.random() < 0.65
            else harmless.tape(item, rest[2], rng)
        )
    return Staged(item=laid(item, rest, rng), units_seen=design.unit_count)


def _badly(design: Design, rng: Random) -> Staged | None:
    fault = str(rng.choice(["cut_off", "blurred", "dark", "covered"]))
    item = shapes.build(design, rng, crumple=_crumple(rng))
    lying = laid(item, _rest(item, rng), rng, tilt=float(rng.uniform(-0.3, 0.3)))
    litter = (_sheet(_footprint(lying), rng),) if fault == "covered" else ()
    return Staged(item=lying, litter=litter, units_seen=design.unit_count, fault=fault)


_STAGES: dict[str, Callable[[Design, Random], Staged | None]] = {
    "ordinary": _ordinary,
    "printed_damage": _printed,
    "crumpled": _crumpled,
    "leaking": _leaking,
    "foreign_matter": _foreign,
    "missing_units": _missing,
    "redesign": _redesign,
    "glare": _glare,
    "stickered": _stickered,
    "barcode": _ordinary,
    "badly_placed": _badly,
}


def suits(design: Design, scenario: str) -> bool:
    """Whether the scenario can happen to this product at all."""
    if scenario == "printed_damage":
        return design.printed_damage is not None
    if scenario == "crumpled":
        return design.kind in {"bag", "pouch", "mailer", "wrapped_book", "multipack"}
    if scenario == "leaking":
        return design.contents.kind != "none"
    if scenario == "missing_units":
        return design.unit_count > 1
    return True


def _sheet(footprint: Floats, rng: Random) -> tuple[Mesh, Material]:
    """A sheet of packing paper that hides a good part of the item."""
    low, high = footprint.min(0), footprint.max(0)
    centre = rng.uniform(low, high)
    half = (high - low).max() * rng.uniform(0.3, 0.45)
    line = np.linspace(-1, 1, 24, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    height = 0.16 + 0.012 * fractal(rng, (len(line), len(line)), 3)
    vertices = np.stack([centre[0] + x * half, centre[1] + y * half, height], axis=-1).reshape(-1, 3)
    corner = (np.arange(23)[:, None] * 24 + np.arange(23)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 25], 1), np.stack([corner, corner + 25, corner + 24], 1)]
    )
    uv = np.stack([x, y], axis=-1).reshape(-1, 2) * 0.5 + 0.5
    mesh = Mesh(
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        uv=uv[faces].astype(np.float32),
        material=np.zeros(len(faces), np.int32),
        smooth=np.ones(len(faces), np.int32),
        damage=np.zeros(len(faces), np.uint8),
    )
    paper = Material(name="paper", albedo=np.array([196, 168, 128], np.uint8), roughness=0.9, specular=0.02)
    return mesh, paper


def _scene(staged: Staged, at: Booth) -> Scene:
    meshes, owners = [tray_mesh(0)], [0]
    materials = [at.tray, *staged.item.materials]
    for part in staged.item.parts:
        meshes.append(_numbered(part.mesh, 1))
        owners.append(ITEM)
    for mesh in staged.absent:
        meshes.append(_numbered(mesh, 1))
        owners.append(ABSENT)
    for owner, things in ((LITTER, staged.litter), (MATTER, staged.matter)):
        for mesh, material in things:
            meshes.append(replace(mesh, material=np.full(len(mesh.faces), len(materials), np.int32)))
            materials.append(material)
            owners.append(owner)
    return Scene(
        mesh=Mesh.joined(meshes),
        materials=tuple(materials),
        owner=np.repeat(np.array(owners, np.int32), [len(mesh.faces) for mesh in meshes]),
        lamps=at.lamps,
        sky=at.sky,
    )


LITTER = 4
"""Owner number of dust, scraps and covers, which are nobody's matter."""


def _numbered(mesh: Mesh, start: int) -> Mesh:
    return replace(mesh, material=mesh.material + np.int32(start))


def _taken(
    design: Design, scenario: str, staged: Staged, rng: Random, pixels: int, light: float = 1.0
) -> Capture:
    at = booth(rng)
    at = replace(at, exposure=at.exposure * light)
    if scenario == "glare":
        at = replace(at, lamps=(*at.lamps[:2], glaring(rng)))
    if staged.fault == "dark":
        at = replace(at, exposure=at.exposure * float(rng.uniform(0.05, 0.16)))
    if staged.fault == "blurred":
        at = replace(at, blur=float(rng.uniform(2.5, 5)) * pixels / 512)
    points = np.concatenate([part.mesh.vertices for part in staged.item.parts])
    fill = float(rng.uniform(1.5, 2.1)) if staged.fault == "cut_off" else None
    above, beside = cameras(points, rng, pixels, fill=fill)
    caster = Caster(_scene(staged, at), pixels * 2 / _width(above))
    top = caster.picture(above, rng)
    # Reference photos are taken from above only.
    side = None if scenario == "reference" else caster.picture(beside, rng)
    code = CODES["missing_unit"]
    return Capture(
        design=design,
        scenario=scenario,
        defects=staged.defects,
        severity=staged.severity,
        top=_shot(top, caster.absent(above, code), at, rng),
        side=None if side is None else _shot(side, caster.absent(beside, code), at, rng),
        depth=depth_image(top, rng),
        units_seen=staged.units_seen,
        fault=staged.fault,
    )


def _width(camera: Camera) -> float:
    """Metres that the camera sees across, where it looks."""
    return float(2 * np.linalg.norm(camera.target - camera.place) * np.tan(camera.field / 2))


def _shot(picture: Picture, gone: Bytes, at: Booth, rng: Random) -> Shot:
    return Shot(
        picture=photo(picture, at, rng),
        item=(picture.item * np.uint8(255)).astype(np.uint8),
        damage=np.maximum(picture.damage, gone),
        matter=(picture.matter * np.uint8(255)).astype(np.uint8),
    )
