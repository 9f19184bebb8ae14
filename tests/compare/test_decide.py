from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from services.compare import decide

IMAGES, PATCHES, DIMS = 2, 49, 64
Patches = npt.NDArray[np.float16]


def unit(x: npt.NDArray[np.float64]) -> Patches:
    scaled: Patches = (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float16)
    return scaled


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def pristine(random: np.random.Generator) -> Patches:
    return unit(random.normal(size=(IMAGES, PATCHES, DIMS)))


def noisy(patches: Patches, random: np.random.Generator) -> Patches:
    """The same thing, photographed again."""
    return unit(patches.astype(np.float64) + random.normal(size=patches.shape) * 0.02)


def with_a_hole(patches: Patches, random: np.random.Generator, at: int = 10) -> Patches:
    """Some patches of the first image show something else."""
    changed = patches.copy()
    changed[0, at : at + decide.WORST] = unit(random.normal(size=(decide.WORST, DIMS)))
    return changed


def compared(query: Patches, *references: Patches) -> decide.Difference:
    found = decide.difference(query, references)
    assert found is not None
    return found


def test_the_same_item_differs_by_nothing(pristine: Patches, random: np.random.Generator) -> None:
    found = compared(noisy(pristine, random), pristine)
    assert found.foreign < 0.05
    assert found.missing < 0.05


def test_what_should_not_be_there_is_foreign_where_it_is(
    pristine: Patches, random: np.random.Generator
) -> None:
    extended = np.concatenate([pristine, unit(random.normal(size=(IMAGES, decide.WORST, DIMS)))], axis=1)
    query = np.concatenate([pristine, pristine[:, : decide.WORST]], axis=1)
    query[1, -decide.WORST :] = extended[1, -decide.WORST :]
    reference = np.concatenate([pristine, pristine[:, : decide.WORST]], axis=1)
    found = compared(query, reference)
    assert found.foreign > 0.4
    assert found.missing < 0.01  # everything that the reference shows is still there
    assert found.heat.shape == (IMAGES, PATCHES + decide.WORST)
    assert np.flatnonzero(found.heat[1] > 100).tolist() == [49, 50, 51]
    assert found.heat[0].max() < 5


def test_what_should_be_there_and_is_not_is_missing(pristine: Patches) -> None:
    query = pristine.copy()
    query[0, : decide.WORST] = pristine[0, 20]  # three patches show more of what is seen elsewhere
    found = compared(query, pristine)
    assert found.missing > 0.4
    assert found.foreign < 0.01


def test_a_camera_is_compared_with_its_own_view_only(pristine: Patches) -> None:
    assert compared(pristine[::-1].copy(), pristine).foreign > 0.4


def test_a_damaged_reference_does_not_hide_other_damage(
    pristine: Patches, random: np.random.Generator
) -> None:
    damaged_reference = with_a_hole(pristine, random, at=30)
    found = compared(with_a_hole(pristine, random), damaged_reference, pristine)
    assert found.foreign > 0.4
    assert found.missing > 0.4


def test_a_damaged_reference_does_not_accuse_an_intact_item(
    pristine: Patches, random: np.random.Generator
) -> None:
    found = compared(noisy(pristine, random), with_a_hole(pristine, random), pristine)
    assert found.foreign < 0.05
    assert found.missing < 0.05


def test_references_of_another_shape_are_left_out_and_not_counted(pristine: Patches) -> None:
    assert compared(pristine, pristine[:1], pristine, pristine[:, :25]).references == 1
    assert decide.difference(pristine, [pristine[:1]]) is None
    assert decide.difference(pristine, []) is None


def test_heat_stays_within_a_byte() -> None:
    query = np.zeros((1, PATCHES, 2), np.float16)
    query[..., 0] = 1
    found = compared(query, -query)  # a distance of 2
    assert found.foreign == pytest.approx(2.0)
    assert set(found.heat.ravel()) == {255}
