"""A picture is told from others of a catalogue, its flavours from each other, and strangers from all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from triton_models import mmid
from triton_models.mmid import Answer, identify
from triton_models.mmid_catalogue import Catalogue, catalogue_of, enrol, load, save
from triton_models.mmid_votes import count_votes
from triton_models.problems import BadData
from triton_models.registration import Floats, Indices, Picture, features

INKS = {"red": (200, 30, 30), "green": (20, 150, 50), "blue": (30, 50, 200)}


def encode(pixels: Picture) -> Floats:
    """Stands for the encoder: colours of 8 x 8 patches, in a fixed mixture of 64."""
    means = np.stack([cv2.resize(one, (8, 8), interpolation=cv2.INTER_AREA) for one in pixels])
    mixture = np.random.default_rng(0).normal(size=(3, 64))
    patches = (means.reshape(len(pixels), 64, 3).astype(np.float32) / 255 - 0.4) @ mixture
    return np.asarray(patches / np.maximum(np.linalg.norm(patches, axis=2, keepdims=True), 1e-6), np.float32)


def pack(brand: int, ink: str = "blue", side: int = 198) -> Picture:
    """A carton's front on white: the layout is the brand's, one band and one spot are the flavour's."""
    random = np.random.default_rng(brand)
    front = np.full((360, 240, 3), 235, np.uint8)
    for _ in range(30):
        at = (int(random.integers(0, 220)), int(random.integers(20, 230)))
        gray = int(random.integers(0, 140))
        word = "".join(chr(65 + int(letter)) for letter in random.integers(0, 26, 4))
        cv2.putText(front, word, at, cv2.FONT_HERSHEY_DUPLEX, 0.7, (gray, gray, gray), 2, cv2.LINE_AA)
    cv2.rectangle(front, (0, 250), (240, 330), INKS[ink], -1)
    cv2.circle(front, (120, 290), 25, (240, 240, 240), -1, cv2.LINE_AA)
    cv2.rectangle(front, (0, 0), (239, 359), (120, 120, 120), 3)
    whole = np.full((400, 400, 3), 255, np.uint8)
    whole[20:380, 80:320] = front
    return np.asarray(cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def photo(
    picture: Picture, *, turn: float = 12, light: tuple[float, float, float] = (0.9, 0.8, 0.65)
) -> Picture:
    """The front, turned, smaller, in warm light, on a busy ground."""
    front = picture[
        int(len(picture) * 0.05) : int(len(picture) * 0.95), int(len(picture) * 0.2) : int(len(picture) * 0.8)
    ]
    ground = np.random.default_rng(9).integers(60, 160, (12, 12, 3)).astype(np.uint8)
    view = np.asarray(cv2.resize(ground, (348, 348), interpolation=cv2.INTER_CUBIC), np.uint8)
    height, width = front.shape[:2]
    move = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 280 / height)
    move[:, 2] += (174 - width / 2, 174 - height / 2)
    cv2.warpAffine(front, move, (348, 348), dst=view, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT)
    return np.clip(view * np.array(light), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    products = {f"brand-{brand}": pack(brand) for brand in range(4)}
    products |= {f"brand-7-{ink}": pack(7, ink) for ink in INKS}
    return catalogue_of(
        enrol(product, picture, encode=encode, tilts=()) for product, picture in products.items()
    )


def asked(picture: Picture, catalogue: Catalogue, **more: object) -> Answer:
    return identify(picture, catalogue, encode=encode, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("brand", range(4))
def test_a_product_is_named_from_a_photo_of_it(catalogue: Catalogue, brand: int) -> None:
    answer = asked(photo(pack(brand, side=500)), catalogue)
    assert answer.candidates[0][0] == f"brand-{brand}"
    assert answer.none < 0.5


@pytest.mark.parametrize("ink", sorted(INKS))
def test_flavours_of_one_layout_are_told_apart_by_colour_in_warm_light(
    catalogue: Catalogue, ink: str
) -> None:
    answer = asked(photo(pack(7, ink, side=500), turn=-9), catalogue)
    assert answer.candidates[0][0] == f"brand-7-{ink}"


def test_there_are_five_candidates_and_their_confidences_leave_room_for_none(catalogue: Catalogue) -> None:
    answer = asked(photo(pack(2, side=500)), catalogue)
    shares = [share for _, share in answer.candidates]
    assert len(answer.candidates) == 5
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) + answer.none <= 1 + 1e-6


def test_a_product_that_is_not_in_the_catalogue_is_rather_none_of_it(catalogue: Catalogue) -> None:
    stranger = asked(photo(pack(50, "red", side=500)), catalogue)
    known = asked(photo(pack(1, side=500)), catalogue)
    assert stranger.none > known.none


def test_only_what_the_manifest_names_comes_into_question(catalogue: Catalogue) -> None:
    picture = photo(pack(3, side=500))
    answer = asked(picture, catalogue, among=("brand-0", "brand-1"))
    assert {product for product, _ in answer.candidates} == {"brand-0", "brand-1"}
    assert answer.none > asked(picture, catalogue).none
    assert asked(picture, catalogue, among=()) == Answer(candidates=(), none=1.0)


def test_a_barcode_tips_the_scales_but_does_not_outweigh_the_picture(catalogue: Catalogue) -> None:
    picture = photo(pack(7, "red", side=500))
    plain = dict(asked(picture, catalogue).candidates)
    tipped = dict(asked(picture, catalogue, prior="brand-7-green").candidates)
    assert tipped["brand-7-green"] > plain["brand-7-green"]
    assert asked(picture, catalogue, prior="brand-0").candidates[0][0] == "brand-7-red"


def test_a_barcode_of_an_unknown_product_changes_nothing(catalogue: Catalogue) -> None:
    picture = photo(pack(0, side=500))
    assert asked(picture, catalogue, prior="never-heard-of") == asked(picture, catalogue)


def test_a_picture_without_texture_gets_an_answer_without_conviction(catalogue: Catalogue) -> None:
    blank = asked(np.full((200, 300, 3), 128, np.uint8), catalogue)
    assert blank.none > asked(photo(pack(0, side=500)), catalogue).none


def test_a_product_may_have_several_references() -> None:
    pictures = [("one", pack(0)), ("one", pack(1)), ("two", pack(2))]
    catalogue = catalogue_of(
        enrol(product, picture, encode=encode, tilts=()) for product, picture in pictures
    )
    for brand in (0, 1):
        assert asked(photo(pack(brand, side=500)), catalogue).candidates[0][0] == "one"


def test_a_catalogue_comes_back_from_its_file_as_it_was(catalogue: Catalogue, tmp_path: Path) -> None:
    save(catalogue, tmp_path / "catalogue.npz")
    again = load(tmp_path / "catalogue.npz")
    picture = photo(pack(2, side=500))
    assert again.ids == catalogue.ids
    assert asked(picture, again) == asked(picture, catalogue)


def test_a_file_that_is_no_catalogue_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.npz"
    for content in (b"", b"nonsense"):
        path.write_bytes(content)
        with pytest.raises(BadData, match=r"catalogue\.npz cannot be read as a catalogue"):
            load(path)


def test_a_catalogue_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        catalogue_of([])


def test_in_a_large_catalogue_patches_are_compared_of_the_promising_only() -> None:
    votes = np.array([9, 4, 0, 1, 0], np.float32)
    palette = np.array([0, 0, 5, 1, 0.5], np.float32)
    asked: list[int] = []

    def likeness_of(rows: Indices) -> Floats:
        asked.extend(rows)
        return np.array([0.2, 0.6, 0.9, 0.4, 0.7], np.float32)[rows]

    likeness, promise = mmid.promising(votes, palette, likeness_of, many=3)
    assert asked == [0, 1, 2], "the most votes, or the likest colours"
    assert likeness == pytest.approx([0.2, 0.6, 0.9, 0.2, 0.2])
    assert list(np.argsort(-promise)) == [2, 1, 0, 3, 4], "of a tote's products all may be among the others"
    everyone, whole = mmid.promising(votes, palette, likeness_of)
    assert everyone == pytest.approx([0.2, 0.6, 0.9, 0.4, 0.7])
    assert whole[4] > whole[3], "likeness that was asked counts more than colour"


def test_of_one_reference_nothing_is_said_by_comparing_it_with_others() -> None:
    one = np.ones(1, np.float32)
    likeness, promise = mmid.promising(one, one, lambda rows: one[rows])
    assert (likeness, promise) == (one, 0)


def test_local_features_vote_for_their_own_reference(catalogue: Catalogue) -> None:
    votes = count_votes(features(pack(3), longest=396).descriptors, catalogue.votes, len(catalogue.owners))
    assert int(votes.argmax()) == 3
