"""Every kind of package: rightly wound, within its texture, of its size, and the same for the same seed."""

import numpy as np
import numpy.typing as npt
import pytest

from triton_models.simulator.catalogue import Design
from triton_models.simulator.shapes import build
from triton_models.simulator.things import Contents, Item, Mesh, Part

KINDS = {
    "box": ("cardboard", (0.14, 0.20, 0.05)),
    "carton": ("cardboard", (0.24, 0.20, 0.10)),
    "bag": ("plastic_loose_bag", (0.14, 0.22, 0.06)),
    "pouch": ("plastic_loose_bag", (0.13, 0.20, 0.045)),
    "bottle": ("plastic_hard", (0.07, 0.20, 0.07)),
    "jar": ("other", (0.08, 0.11, 0.08)),
    "tube": ("plastic_hard", (0.05, 0.15, 0.035)),
    "book": ("book_paper", (0.14, 0.21, 0.025)),
    "wrapped_book": ("book_plastic_tight_wrap", (0.14, 0.21, 0.025)),
    "mailer": ("plastic_bubble_wrap", (0.18, 0.25, 0.025)),
    "blister": ("plastic_hard", (0.11, 0.18, 0.02)),
    "multipack": ("plastic_tight_wrap", (0.2, 0.17, 0.066)),
}
CASES = [*KINDS, "paper_bag", "flat_bottle", "sleeve"]


def design(case: str, units: int = 3, title: str = "") -> Design:
    kind = {"paper_bag": "bag", "flat_bottle": "bottle", "sleeve": "multipack"}.get(case, case)
    material, size = KINDS[kind]
    if case == "paper_bag":
        material = "paper"
    if case == "sleeve":
        material = "cardboard"
    if case == "flat_bottle":
        size = (0.08, 0.2, 0.05)
    return Design(
        number=4,
        product_id="P-00000004",
        kind=kind,  # type: ignore[arg-type]
        item_material=material,
        size=size,
        brand="Norvia",
        title=title or {"blister": "Razor Blades", "multipack": "Spring Water"}.get(kind, "Ground Coffee"),
        variant="Classic",
        unit_count=units if kind in {"blister", "multipack"} else 1,
        contents=Contents(kind="liquid", colour=(200, 150, 60)),
        palette=((240, 236, 220), (40, 80, 140), (220, 80, 40), (20, 20, 30)),
        style=2,
        barcode="2000000000046",
        printed_damage=None,
    )


@pytest.fixture(scope="module")
def items() -> dict[str, Item]:
    return {case: build(design(case), np.random.default_rng(1), crumple=0.5) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_builds_whole_meshes(items: dict[str, Item], case: str) -> None:
    item = items[case]
    names = [part.name for part in item.parts]
    assert len(set(names)) == len(names)
    assert names[0] == "body"
    assert sum(len(part.mesh.faces) for part in item.parts) <= 26_000
    for part in item.parts:
        mesh = part.mesh
        assert mesh.vertices.dtype == np.float32
        assert np.isfinite(mesh.vertices).all()
        assert mesh.faces.min() >= 0
        assert mesh.faces.max() < len(mesh.vertices)
        assert mesh.uv.shape == (len(mesh.faces), 3, 2)
        assert mesh.uv.min() >= 0
        assert mesh.uv.max() <= 1
        assert mesh.material.min() >= 0
        assert mesh.material.max() < len(item.materials)
        assert len(mesh.smooth) == len(mesh.damage) == len(mesh.faces)


@pytest.mark.parametrize("case", CASES)
def test_keeps_about_its_size(items: dict[str, Item], case: str) -> None:
    points = np.concatenate([part.mesh.vertices for part in items[case].parts])
    size = np.asarray(design(case).size)
    assert (np.ptp(points, axis=0) < size * 1.3 + 0.012).all()
    assert (np.abs(points.max(0) + points.min(0)) < 0.02 + size * 0.15).all()


@pytest.mark.parametrize(
    "case", ["box", "carton", "bag", "paper_bag", "pouch", "bottle", "flat_bottle", "jar", "tube"]
)
def test_body_faces_outward(items: dict[str, Item], case: str) -> None:
    # Rays from far off meet the front of what they meet first: the outermost face along each axis looks outward.
    corners = _corners(items[case].parts)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middle = corners.mean(1)
    for axis in range(3):
        for sign in (1, -1):
            reach = middle[:, axis] * sign
            outer = (reach > reach.max() - 0.0004) & (
                np.abs(cross[:, axis]) > 0.7 * np.linalg.norm(cross, axis=1)
            )
            if outer.any():
                assert (cross[outer, axis] * sign > 0).mean() > 0.9, (axis, sign)


def _corners(parts: tuple[Part, ...]) -> npt.NDArray[np.float64]:
    mesh = Mesh.joined([part.mesh for part in parts])
    return mesh.vertices[mesh.faces].astype(np.float64)


@pytest.mark.parametrize("case", CASES)
def test_rests_are_rotations(items: dict[str, Item], case: str) -> None:
    rests = items[case].rests
    assert 2 <= len(rests) <= 6
    np.testing.assert_array_equal(rests[0], np.eye(3))
    for rest in rests:
        np.testing.assert_allclose(rest @ rest.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(rest) == pytest.approx(1)


@pytest.mark.parametrize("case", ["bag", "carton", "multipack", "bottle"])
def test_same_seed_same_bytes(items: dict[str, Item], case: str) -> None:
    again = build(design(case), np.random.default_rng(1), crumple=0.5)
    other = build(design(case), np.random.default_rng(2), crumple=0.5)
    first = items[case]
    assert _bytes(again) == _bytes(first)
    assert _bytes(other) != _bytes(first)
    assert [part.name for part in other.parts] == [part.name for part in first.parts]


def _bytes(item: Item) -> bytes:
    return b"".join(part.mesh.vertices.tobytes() + part.mesh.uv.tobytes() for part in item.parts)


@pytest.mark.parametrize("case", ["blister", "multipack", "sleeve"])
@pytest.mark.parametrize("missing", [1, 3])
def test_missing_units_leave_their_places(case: str, missing: int) -> None:
    full = build(design(case, 4), np.random.default_rng(3))
    broken = build(design(case, 4), np.random.default_rng(3), missing=missing)
    names = [{part.name for part in item.parts if part.role == "unit"} for item in (full, broken)]
    assert names[0] == {"unit_0", "unit_1", "unit_2", "unit_3"}
    assert names[1] < names[0]
    assert len(names[1]) == 4 - missing


def test_what_shows_no_units_can_miss_none() -> None:
    with pytest.raises(ValueError, match="shows no units"):
        build(design("box"), np.random.default_rng(0), missing=1)
    with pytest.raises(ValueError, match="cannot be missing"):
        build(design("blister", 2), np.random.default_rng(0), missing=3)


@pytest.mark.parametrize("case", ["box", "carton"])
def test_flaps_shut_an_open_body(items: dict[str, Item], case: str) -> None:
    flaps = [part for part in items[case].parts if part.role == "flap"]
    assert 2 <= len(flaps) <= 4
    for part in flaps:
        assert part.hinge is not None
        assert np.linalg.norm(part.hinge.axis) == pytest.approx(1)
        # By a right angle it rises out of the box: the free edge leaves the box's outline.
        away = part.mesh.vertices - part.hinge.point
        axis = part.hinge.axis
        along = away @ axis
        opened = np.cross(axis, away) + axis * along[:, None] + part.hinge.point
        outline = np.asarray(design(case).size) / 2
        assert (np.abs(opened) - outline).max() > 0.01


@pytest.mark.parametrize(
    "title",
    ["AA Batteries", "Ball Pens", "Toothbrushes", "Toy Cars", "Glue Sticks", "Drill Bits", "Something Else"],
)
def test_every_sort_of_unit_fits_its_hood(title: str) -> None:
    item = build(design("blister", 5, title), np.random.default_rng(5))
    top = max(float(part.mesh.vertices[:, 2].max()) for part in item.parts if part.role == "film")
    assert all(part.mesh.vertices[:, 2].max() <= top + 0.001 for part in item.parts if part.role == "unit")
