from collections import Counter
from dataclasses import replace
from typing import get_args

import pytest

from triton_models.simulator.catalogue import DESIGNS, FAMILY, Kind, design, redesigned, split_of
from triton_models.simulator.things import ITEM_MATERIALS

ALL = [design(number) for number in range(DESIGNS)]
FITTING = {
    "box": {"cardboard", "paper"},
    "carton": {"cardboard", "paper"},
    "bag": {"plastic_loose_bag", "paper"},
    "pouch": {"plastic_loose_bag", "paper"},
    "bottle": {"plastic_hard", "other"},
    "jar": {"plastic_hard", "other"},
    "tube": {"plastic_hard"},
    "book": {"book_paper", "book_other"},
    "wrapped_book": {"book_plastic_tight_wrap"},
    "mailer": {"plastic_bubble_wrap", "paper"},
    "blister": {"plastic_hard", "other"},
    "multipack": {"plastic_tight_wrap", "cardboard"},
}


def test_a_number_always_gives_the_same_design() -> None:
    assert [design(number) for number in range(0, DESIGNS, 7)] == ALL[::7]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_split_holds_every_kind_and_every_material(split: str) -> None:
    held = [each for each in ALL if split_of(each.number) == split]
    assert {each.kind for each in held} == set(get_args(Kind))
    assert {each.item_material for each in held} == set(ITEM_MATERIALS)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_about_an_eighth_of_every_split_shows_printed_damage_of_all_four_sorts(split: str) -> None:
    held = [each.printed_damage for each in ALL if split_of(each.number) == split]
    shown = [damage for damage in held if damage is not None]
    assert 0.08 < len(shown) / len(held) < 0.17
    assert set(shown) == {"cracks", "splash", "holes", "rips"}


def test_the_splits_are_as_large_as_promised() -> None:
    assert Counter(split_of(each.number) for each in ALL) == {"train": 336, "validation": 48, "test": 96}


def test_materials_fit_the_kinds() -> None:
    assert all(each.item_material in FITTING[each.kind] for each in ALL)


def test_a_family_shares_brand_kind_and_size_and_its_members_differ_in_variant() -> None:
    for start in range(0, DESIGNS, FAMILY):
        members = ALL[start : start + FAMILY]
        assert len({(each.brand, each.kind, each.size, each.style, each.title) for each in members}) == 1
        assert len({each.variant for each in members}) == FAMILY


def test_sizes_are_those_of_goods_that_lie_on_their_largest_side() -> None:
    for each in ALL:
        width, height, depth = each.size
        assert 0.06 <= max(width, height) <= 0.32
        assert 0.01 <= depth <= min(width, height)


def test_barcodes_and_product_ids_are_unique_and_the_check_digits_right() -> None:
    assert len({each.barcode for each in ALL}) == len({each.product_id for each in ALL}) == DESIGNS
    for each in ALL:
        digits = [int(digit) for digit in each.barcode]
        assert len(digits) == 13
        assert sum(digits[::2]) % 10 == -3 * sum(digits[1::2]) % 10


def test_only_blisters_and_multipacks_hold_several_units() -> None:
    for each in ALL:
        several = each.kind in {"blister", "multipack"}
        assert (2 <= each.unit_count <= 6) if several else each.unit_count == 1


def test_a_redesign_keeps_the_product_and_changes_the_print() -> None:
    for each in ALL[::11]:
        later = redesigned(each)
        assert (later.style, later.palette) != (each.style, each.palette)
        assert replace(later, style=each.style, palette=each.palette, year=each.year) == each
        assert later.year == each.year + 1


def test_coffee_spills_brown_powder_and_shampoo_a_liquid() -> None:
    spilled = {each.title: each.contents for each in ALL}
    assert spilled["Ground Coffee"].kind == "powder"
    assert spilled["Ground Coffee"].colour[0] < 100
    assert {each.contents.kind for each in ALL if each.kind in {"bottle", "tube"}} == {"liquid"}
