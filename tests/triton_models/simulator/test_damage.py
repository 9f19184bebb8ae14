"""What breaks: every defect changes an item and says where; what is only wear says nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")

from triton_models.simulator import damage, harmless
from triton_models.simulator.damage_dents import brittle
from triton_models.simulator.damage_tools import finer, frame_at
from triton_models.simulator.things import CODES, Contents, Hinge, Item, Material, Mesh, Part

UP = np.array([0, 0, 1], np.float32)


def sheet(points: Any, number: int, smooth: int = 0) -> Mesh:
    height, width = points.shape[:2]
    index = np.arange(height * width).reshape(height, width)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    quads = [np.stack([corner.ravel() for corner in three], 1) for three in ((a, b, c), (a, c, d))]
    faces = np.concatenate(quads).astype(np.int32)
    u, v = np.meshgrid(np.linspace(0, 1, width), np.linspace(1, 0, height))
    return Mesh(
        vertices=points.reshape(-1, 3).astype(np.float32),
        faces=faces,
        uv=np.stack([u, v], -1).reshape(-1, 2)[faces].astype(np.float32),
        material=np.full(len(faces), number, np.int32),
        smooth=np.full(len(faces), smooth, np.int32),
        damage=np.zeros(len(faces), np.uint8),
    )


def plane(start: Any, across: Any, along: Any, number: int, count: int = 8) -> Mesh:
    s, t = np.meshgrid(np.linspace(0, 1, count), np.linspace(0, 1, count))
    return sheet(
        np.float32(start) + s[..., None] * np.float32(across) + t[..., None] * np.float32(along), number
    )


def print_of(seed: int) -> Any:
    blocks = np.random.default_rng(seed).integers(30, 225, (10, 14, 3)).astype(np.uint8)
    return blocks.repeat(30, 0).repeat(30, 1)


def item(parts: list[Part], count: int, soft: float, **skin: Any) -> Item:
    inside = np.array([170, 160, 145], np.uint8)
    materials = tuple(Material(name="print", albedo=print_of(n), inside=inside, **skin) for n in range(count))
    contents = Contents(kind="powder", colour=(90, 60, 40))
    return Item(
        parts=tuple(parts),
        materials=materials,
        contents=contents,
        rests=(np.eye(3, dtype=np.float32),),
        soft=soft,
    )


def box() -> Item:
    x, y, z = 0.2, 0.14, 0.06
    sides = [
        plane((-x / 2, -y / 2, z), (x, 0, 0), (0, y, 0), 0),
        plane((-x / 2, -y / 2, 0), (x, 0, 0), (0, 0, z), 1),
        plane((x / 2, y / 2, 0), (-x, 0, 0), (0, 0, z), 1),
        plane((-x / 2, y / 2, 0), (0, -y, 0), (0, 0, z), 1),
        plane((-x / 2, y / 2, 0), (x, 0, 0), (0, -y, 0), 0),
    ]
    hinge = Hinge(point=np.array([x / 2, 0, z], np.float32), axis=np.array([0, -1, 0], np.float32), limit=2.6)
    flap = Part(
        name="flap", role="flap", mesh=plane((x / 2, -y / 2, 0), (0, y, 0), (0, 0, z), 1), hinge=hinge
    )
    return item([Part(name="body", role="shell", mesh=Mesh.joined(sides)), flap], 2, 0.1, roughness=0.35)


def bag() -> Item:
    u, v = np.meshgrid(np.linspace(-1, 1, 24), np.linspace(-1, 1, 24))
    high = 0.025 * np.sqrt(np.clip(1 - u**2, 0, 1) * np.clip(1 - v**2, 0, 1))
    top = sheet(np.stack([0.08 * u, 0.12 * v, high], -1), 0, 1)
    low = sheet(np.stack([-0.08 * u, 0.12 * v, -high], -1), 1, 1)
    return item([Part(name="body", role="shell", mesh=Mesh.joined([top, low]))], 2, 0.85, roughness=0.2)


def round_thing(radius: float, start: float, end: float, number: int) -> Mesh:
    angle, x = np.meshgrid(np.linspace(0, 2 * np.pi, 40), np.linspace(start, end, 16))
    return sheet(np.stack([x, radius * np.sin(angle), radius * np.cos(angle)], -1)[:, ::-1], number, 1)


def bottle(soft: float = 0.25) -> Item:
    cap = Part(name="cap", role="cap", mesh=round_thing(0.014, 0.09, 0.11, 1), loose=True)
    return item(
        [Part(name="body", role="shell", mesh=round_thing(0.03, -0.09, 0.09, 0)), cap], 2, soft, roughness=0.1
    )


ITEMS: dict[str, Callable[[], Item]] = {"box": box, "bag": bag, "bottle": bottle}
SENSELESS = {("bag", "deformation", "minor")}
CASES = [(kind, defect) for kind in ITEMS for defect in damage.BREAKERS]


def marked(thing: Item) -> set[int]:
    codes: set[int] = set()
    for part in thing.parts:
        codes |= set(np.unique(part.mesh.damage).tolist())
    for material in thing.materials:
        if material.marks is not None:
            codes |= set(np.unique(material.marks).tolist())
    return codes - {0}


def extent(thing: Item) -> float:
    """Square metres that carry a code, texels by the share of the texture that they take."""
    total = 0.0
    for part in thing.parts:
        corners = part.mesh.vertices[part.mesh.faces]
        area = (
            np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        )
        total += float(area[part.mesh.damage > 0].sum())
        for number, material in enumerate(thing.materials):
            if material.marks is not None:
                total += float(area[part.mesh.material == number].sum()) * float((material.marks > 0).mean())
    return total


def same(one: Item, other: Item) -> bool:
    def arrays(thing: Item) -> list[Any]:
        meshes = [getattr(part.mesh, name) for part in thing.parts for name in Mesh.__slots__]
        maps = [getattr(m, name) for m in thing.materials for name in ("albedo", "alpha", "bump", "marks")]
        return meshes + [m for m in maps if m is not None]

    first, second = arrays(one), arrays(other)
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("kind", "defect"), CASES)
def test_a_defect_marks_the_item_with_its_code_and_leaves_the_input_alone(kind: str, defect: str) -> None:
    thing = ITEMS[kind]()
    severity: damage.Severity = "major"
    hurt = damage.apply(thing, defect, severity, UP, np.random.default_rng(3))
    assert hurt is not None
    assert marked(hurt) == {CODES[defect]}
    assert same(thing, ITEMS[kind]())
    for part in hurt.parts:
        assert np.isfinite(part.mesh.vertices).all()
        assert part.mesh.material.max() < len(hurt.materials)
        assert part.mesh.faces.max() < len(part.mesh.vertices)


@pytest.mark.parametrize(
    ("kind", "defect"), [("box", "penetration"), ("box", "deformation"), ("bag", "superficial")]
)
def test_major_is_more_than_minor_on_average(kind: str, defect: str) -> None:
    def mean(severity: damage.Severity) -> float:
        done = [damage.apply(ITEMS[kind](), defect, severity, UP, np.random.default_rng(k)) for k in range(3)]
        return float(np.mean([extent(thing) for thing in done if thing is not None]))

    assert mean("major") > 1.5 * mean("minor")


def test_the_same_seed_breaks_the_same_way() -> None:
    for defect in damage.BREAKERS:
        one, other = (damage.apply(box(), defect, "minor", UP, np.random.default_rng(5)) for _ in range(2))
        assert one is not None
        assert other is not None
        assert same(one, other)


def test_a_dent_in_a_soft_bag_is_no_damage() -> None:
    assert damage.apply(bag(), "deformation", "minor", UP, np.random.default_rng(0)) is None


def test_a_stiff_box_without_flaps_does_not_open() -> None:
    thing = box()
    shut = item([thing.parts[0]], 2, 0.1, roughness=0.35)
    assert damage.apply(shut, "actuation", "major", UP, np.random.default_rng(0)) is None


def test_a_dent_goes_in_and_a_hole_is_one() -> None:
    dented = damage.apply(box(), "deformation", "major", UP, np.random.default_rng(1))
    assert dented is not None
    before, after = box(), dented
    heights = [
        float(np.concatenate([p.mesh.vertices for p in t.parts]).mean(axis=0)[2]) for t in (before, after)
    ]
    assert max(float(p.mesh.damage.max()) for p in after.parts) == CODES["deformation"]
    assert heights[0] != heights[1]
    holed = damage.apply(box(), "penetration", "major", UP, np.random.default_rng(1))
    assert holed is not None
    assert any(m.alpha is not None and (m.alpha == 0).any() for m in holed.materials)


def test_glass_cracks_instead_of_bending() -> None:
    glass = bottle(soft=0.0)
    assert brittle(glass)
    cracked = damage.apply(glass, "deformation", "minor", UP, np.random.default_rng(2))
    assert cracked is not None
    assert np.array_equal(cracked.parts[0].mesh.vertices, glass.parts[0].mesh.vertices)
    assert CODES["deformation"] in marked(cracked)


def test_a_part_that_came_off_lies_on_the_tray_clear_of_the_rest() -> None:
    thing = bottle()
    floor = float(np.concatenate([part.mesh.vertices for part in thing.parts])[:, 2].min())
    apart = damage.apply(thing, "deconstruction", "minor", UP, np.random.default_rng(4))
    assert apart is not None
    body = apart.parts[0].mesh.vertices
    cap = next(part for part in apart.parts if part.role == "cap").mesh.vertices
    assert float(cap[:, 2].min()) == pytest.approx(floor, abs=1e-4)
    gap = np.linalg.norm(cap[None, :, :2] - body[:, None, :2], axis=2).min()
    assert 0.001 < gap < 0.12


def test_finer_triangles_keep_the_surface() -> None:
    mesh = box().parts[0].mesh
    fine = finer(mesh, frame_at(np.array([0, 0, 0.06]), UP, 0.0), 0.03, 0.003)

    def area(which: Mesh) -> float:
        corners = which.vertices[which.faces]
        return float(
            np.linalg.norm(
                np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
            ).sum()
        )

    assert len(fine.faces) > 2 * len(mesh.faces)
    assert area(fine) == pytest.approx(area(mesh), rel=1e-4)


@pytest.mark.parametrize("kind", list(ITEMS))
def test_wear_carries_no_code(kind: str) -> None:
    rng = np.random.default_rng(6)
    label = np.full((60, 90, 3), 245, np.uint8)
    for done in (
        harmless.sticker(ITEMS[kind](), label, UP, rng),
        harmless.tape(ITEMS[kind](), UP, rng),
        harmless.scuff(ITEMS[kind](), UP, rng),
        harmless.dust(ITEMS[kind](), UP, rng),
    ):
        assert marked(done) == set()
        assert not same(done, ITEMS[kind]())
