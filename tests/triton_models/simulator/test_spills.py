"""What lies beside an item: its own spilled contents carry the code, others' matter and litter none."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from triton_models.simulator import harmless, spills
from triton_models.simulator.things import CODES, Contents, Floats

FOOTPRINT = np.array([[-0.1, -0.07], [0.1, -0.07], [0.1, 0.07], [-0.1, 0.07], [0, 0]], np.float32)
KINDS = {
    "powder": Contents(kind="powder", colour=(80, 52, 32)),
    "granules": Contents(kind="granules", colour=(228, 216, 180), grain=0.005),
    "liquid": Contents(kind="liquid", colour=(60, 140, 90)),
}


def size(pieces: spills.Pieces) -> float:
    points: Floats = np.concatenate([mesh.vertices for mesh, _ in pieces])
    spread = np.percentile(points[:, :2], 90, axis=0) - np.percentile(points[:, :2], 10, axis=0)
    return float(spread.prod())


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_spill_lies_on_the_tray_at_the_item_and_carries_the_code(kind: str) -> None:
    for seed in range(4):
        pieces = spills.spill(KINDS[kind], FOOTPRINT, "minor", np.random.default_rng(seed))
        for mesh, _ in pieces:
            assert set(np.unique(mesh.damage).tolist()) == {CODES["spillage"]}
            assert mesh.vertices[:, 2].min() > -1e-5
        points = np.concatenate([mesh.vertices for mesh, _ in pieces])[:, :2]
        beyond = np.maximum(np.abs(points) - np.array([0.1, 0.07], np.float32), 0)
        assert np.linalg.norm(beyond, axis=1).min() < 0.04


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_major_spill_is_larger(kind: str) -> None:
    sizes = {
        severity: np.mean(
            [size(spills.spill(KINDS[kind], FOOTPRINT, severity, np.random.default_rng(k))) for k in range(4)]
        )
        for severity in ("minor", "major")
    }
    assert sizes["major"] > 2 * sizes["minor"]


def test_nothing_spills_from_what_holds_nothing() -> None:
    nothing = Contents(kind="none", colour=(0, 0, 0))
    assert spills.spill(nothing, FOOTPRINT, "major", np.random.default_rng(0)) == []


def test_the_same_seed_spills_the_same_way() -> None:
    one, other = (
        spills.spill(KINDS["granules"], FOOTPRINT, "major", np.random.default_rng(9)) for _ in range(2)
    )
    assert np.array_equal(one[0][0].vertices, other[0][0].vertices)


def test_what_is_not_the_items_own_carries_no_code_and_another_colour() -> None:
    for seed in range(12):
        own = (80, 52, 32)
        for mesh, material in harmless.foreign(np.random.default_rng(seed), FOOTPRINT, own):
            assert not mesh.damage.any()
            assert material.marks is None
            shade = material.albedo.reshape(-1, 3).mean(axis=0)
            assert np.linalg.norm(shade - np.array(own, np.float32)) > 60
        for mesh, _ in harmless.litter(np.random.default_rng(seed), FOOTPRINT):
            assert not mesh.damage.any()
            assert np.isfinite(mesh.vertices).all()
