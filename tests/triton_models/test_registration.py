"""Local features find a flat, printed thing, and where it lies."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from triton_models.registration import (
    UNIT,
    Features,
    Picture,
    features,
    match,
    project,
    register,
    register_all,
)

Matrix = npt.NDArray[np.float64]


def printed(seed: int, size: tuple[int, int] = (240, 320)) -> Picture:
    """A pack's front: shapes and words on a ground."""
    random = np.random.default_rng(seed)
    height, width = size
    picture = np.full((height, width, 3), random.integers(150, 255, 3), np.uint8)
    for _ in range(25):
        centre = (int(random.integers(0, width)), int(random.integers(0, height)))
        colour = tuple(int(value) for value in random.integers(0, 255, 3))
        cv2.circle(picture, centre, int(random.integers(4, 25)), colour, -1, cv2.LINE_AA)
        word = "".join(chr(65 + int(letter)) for letter in random.integers(0, 26, 5))
        cv2.putText(picture, word, centre, cv2.FONT_HERSHEY_DUPLEX, 0.6, colour[::-1], 1, cv2.LINE_AA)
    return picture


def placed(
    picture: Picture, corners: list[tuple[float, float]], ground: Picture | None = None
) -> tuple[Picture, Matrix]:
    """The picture seen with its corners at these places of a 480 x 480 view, and the homography that puts it there."""
    height, width = picture.shape[:2]
    own = np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float32)
    homography = cv2.getPerspectiveTransform(own, np.array(corners, np.float32))
    view = np.full((480, 480, 3), 90, np.uint8) if ground is None else ground.copy()
    cv2.warpPerspective(picture, homography, (480, 480), dst=view, borderMode=cv2.BORDER_TRANSPARENT)
    return view, np.asarray(homography, np.float64)


ASLANT = [(80.0, 120.0), (400.0, 70.0), (430.0, 330.0), (60.0, 300.0)]


def farthest(found: Matrix, true: Matrix, size: tuple[int, int] = (320, 240)) -> float:
    """Greatest distance, in the view, between where a point is and where it was put."""
    grid = np.stack(np.meshgrid(*(np.linspace(0, side - 1, 5) for side in size)), -1).reshape(-1, 2)
    return float(np.linalg.norm(project(found, grid) - project(true, grid), axis=1).max())


def test_a_picture_put_aslant_is_found_where_it_was_put() -> None:
    view, true = placed(printed(1), ASLANT)
    found = register(features(view), features(printed(1)))
    assert found is not None
    assert found.inliers > 50
    assert farthest(found.homography, true) < 2
    assert found.error < 2
    assert found.visible == pytest.approx(1)
    assert len(found.query_points) == len(found.reference_points) >= found.inliers


def test_another_picture_is_not_found() -> None:
    view, _ = placed(printed(1), ASLANT)
    found = register(features(view), features(printed(2)))
    assert found is None or found.inliers < 12


def test_half_of_a_picture_is_found_and_half_is_said_to_be_visible() -> None:
    view, true = placed(printed(3), [(200, 100), (800, 100), (800, 400), (200, 400)])
    found = register(features(view), features(printed(3)))
    assert found is not None
    assert found.visible == pytest.approx(280 / 600, abs=0.1)
    assert farthest(found.homography, true) < 6


def test_simulated_slants_find_what_is_seen_at_a_steep_angle() -> None:
    view, _ = placed(printed(4), [(200, 60), (290, 120), (290, 360), (200, 420)])
    plain = register(features(view), features(printed(4)))
    slanted = register(features(view), features(printed(4), tilts=(1.6, 2.4)))
    assert slanted is not None
    assert slanted.inliers > 1.2 * (0 if plain is None else plain.inliers)


def test_two_of_the_same_are_two_planes() -> None:
    picture = printed(5)
    view, left = placed(picture, [(10, 40), (230, 40), (230, 205), (10, 205)])
    view, right = placed(picture, [(240, 260), (470, 300), (460, 460), (235, 430)], view)
    found = register_all(features(view), features(picture))
    assert len(found) == 2
    near = [[farthest(plane.homography, true) for true in (left, right)] for plane in found]
    assert sorted(int(np.argmin(row)) for row in near) == [0, 1]
    assert max(min(row) for row in near) < 4


def test_a_mask_leaves_out_what_it_hides() -> None:
    mask = np.zeros((240, 320), np.bool_)
    mask[:, :160] = True
    found = features(printed(6), mask)
    assert len(found) > 50
    assert found.points[:, 0].max() < 161


def test_points_are_in_pixels_of_the_picture_however_it_is_scaled() -> None:
    small = printed(7)
    once, thrice = features(small), features(small, longest=960)
    pairs = match(once, thrice)
    gaps = once.points[pairs.query] - thrice.points[pairs.reference]
    assert len(pairs.query) > 100
    assert np.abs(np.median(gaps, axis=0)).max() < 0.2


def test_descriptors_are_of_one_length_and_no_more_than_asked_for() -> None:
    found = features(printed(8), limit=200, tilts=(2.0,))
    lengths = np.linalg.norm(found.descriptors.astype(np.float32), axis=1)
    assert np.abs(lengths / UNIT - 1).max() < 0.02
    assert np.bincount(found.views).tolist() == pytest.approx([200, 120, 120], abs=25)
    assert found.size == (320, 240)


def test_a_picture_without_texture_has_no_features_and_matches_nothing() -> None:
    blank = features(np.full((100, 100, 3), 128, np.uint8))
    assert len(blank) == 0
    assert register(blank, features(printed(9))) is None
    assert register(features(printed(9)), blank) is None
    assert register_all(blank, blank) == ()


def test_the_same_pictures_give_the_same_answer() -> None:
    view, _ = placed(printed(1), ASLANT)
    one, other = (register(features(view), features(printed(1))) for _ in range(2))
    assert one is not None
    assert other is not None
    assert np.array_equal(one.homography, other.homography)


def test_features_know_how_many_they_are() -> None:
    found: Features = features(printed(1), limit=50)
    assert len(found) == len(found.points) == len(found.angles) == len(found.scales) == 50
