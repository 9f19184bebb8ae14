from functools import lru_cache

import numpy as np
import pytest
import zxingcpp

from triton_models.simulator.art import Print, Side, face, pixels_of, shipping_label, sticker
from triton_models.simulator.catalogue import Design, design, redesigned

CODED = (0, 18, 33, 48, 60, 87, 102, 135, 150, 171, 210, 240)
SHOWING = next(number for number in range(480) if design(number).printed_damage == "cracks")


@lru_cache
def printed(number: int, side: Side) -> Print:
    return face(design(number), side, *design(number).size[:2])


def test_the_same_design_is_printed_with_the_same_pixels() -> None:
    again = face(design(3), "front", *design(3).size[:2])
    assert np.array_equal(again.albedo, printed(3, "front").albedo)


@pytest.mark.parametrize("number", CODED)
def test_a_reader_decodes_the_barcode_on_the_back(number: int) -> None:
    codes = zxingcpp.read_barcodes(printed(number, "back").albedo)
    assert design(number).barcode in [code.text for code in codes]


def test_a_shipping_label_is_read_as_no_products_code() -> None:
    codes = zxingcpp.read_barcodes(shipping_label(np.random.default_rng(0)))
    assert [str(code.format) for code in codes if "EAN" in str(code.format)] == []
    assert codes


@pytest.mark.parametrize("side", ["front", "back", "side", "top", "spine", "label", "card"])
def test_every_side_has_the_size_asked_for(side: Side) -> None:
    for width, height in ((0.2, 0.1), (0.03, 0.22), (0.06, 0.012)):
        picture = face(design(21), side, width, height)
        columns, rows = pixels_of(width, height)
        assert picture.albedo.shape == (rows, columns, 3)
        assert picture.albedo.dtype == np.uint8


def test_resolution_follows_the_longer_side() -> None:
    assert pixels_of(0.2, 0.1) == (700, 350)
    assert max(pixels_of(0.32, 0.3)) <= 900


def test_printed_damage_is_marked_on_the_front_and_nowhere_else() -> None:
    mask = printed(SHOWING, "front").printed
    assert mask is not None
    assert mask.shape == printed(SHOWING, "front").albedo.shape[:2]
    assert 0.003 < (mask == 255).mean() < 0.6
    assert printed(SHOWING, "back").printed is None


def test_art_without_damage_has_no_mask() -> None:
    whole = next(number for number in range(480) if design(number).printed_damage is None)
    assert printed(whole, "front").printed is None


def test_every_design_that_shows_damage_has_a_mask() -> None:
    showing = [each for each in map(design, range(480)) if each.printed_damage is not None]
    for each in showing[::7]:
        assert face(each, "front", 0.05, 0.07).printed is not None


def test_members_of_a_family_differ_and_a_redesign_differs_more() -> None:
    def apart(one: Design, other: Design) -> float:
        pictures = [face(each, "front", 0.06, 0.09).albedo.astype(float) for each in (one, other)]
        return float(np.abs(pictures[0] - pictures[1]).mean())

    assert apart(design(30), design(31)) > 1
    assert apart(design(30), redesigned(design(30))) > 5


def test_stickers_and_labels_follow_their_draw() -> None:
    for make in (sticker, shipping_label):
        first, again, other = (make(np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
        assert first.dtype == np.uint8
