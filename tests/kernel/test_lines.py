from __future__ import annotations

from itertools import permutations

from services.kernel import records as r
from services.kernel.lines import assign


def entry(product_id: str, line: str | None, quantity: int = 1) -> r.ManifestEntry:
    return r.ManifestEntry(product_id=product_id, order_line_id=line, quantity=quantity)


def tote(*entries: r.ManifestEntry) -> r.Manifest:
    return r.Manifest(tote_id="T1", entries=entries)


TWICE = tote(entry("P1", "L1"), entry("P2", "L2"), entry("P1", "L3", 2))


def dealt(manifest: r.Manifest, *seen: tuple[str, str | None]) -> list[str | None]:
    """The lines of (item, product) pairs that come one after the other."""
    held: r.ToteLines | None = None
    lines = []
    for item_id, product_id in seen:
        line, changed = assign(manifest, held, item_id, product_id)
        held = changed or held
        lines.append(line)
    return lines


def test_the_order_line_is_the_one_the_manifest_wants_this_product_for() -> None:
    manifest = tote(entry("P1", "L1"), entry("P2", "L2"), entry("P3", None))
    assert [assign(manifest, None, "i", p) for p in ("P1", "P2", "P3", "P4", None)] == [
        ("L1", None),
        ("L2", None),
        (None, None),
        (None, None),
        (None, None),
    ]
    assert assign(None, None, "i", "P1") == (None, None)


def test_each_line_of_a_product_gets_as_many_items_as_it_ordered() -> None:
    assert dealt(TWICE, ("a", "P1"), ("b", "P1"), ("x", "P2"), ("c", "P1")) == ["L1", "L3", "L2", "L3"]


def test_an_item_keeps_its_line_however_often_it_is_seen() -> None:
    assert dealt(TWICE, ("a", "P1"), ("b", "P1"), ("b", "P1"), ("a", "P1"), ("c", "P1")) == [
        "L1",
        "L3",
        "L3",
        "L1",
        "L3",
    ]


def test_every_line_is_filled_whatever_the_order_in_which_items_come() -> None:
    for order in permutations("abc"):
        assert sorted(map(str, dealt(TWICE, *((item, "P1") for item in order)))) == ["L1", "L3", "L3"]


def test_an_item_beyond_what_was_ordered_shares_the_first_line() -> None:
    assert dealt(TWICE, *((item, "P1") for item in "abcd"))[-1] == "L1"


def test_an_item_that_turns_out_to_be_another_product_gives_its_line_back() -> None:
    assert dealt(TWICE, ("a", "P1"), ("a", "P2"), ("b", "P1")) == ["L1", "L2", "L1"]


def test_a_picture_in_which_nobody_knows_the_product_costs_no_line() -> None:
    assert dealt(TWICE, ("a", "P1"), ("a", None), ("b", "P1"), ("a", "P1")) == ["L1", None, "L3", "L1"]


def test_a_tote_that_is_used_again_deals_its_new_lines() -> None:
    _, before = assign(TWICE, None, "a", "P1")
    again = tote(entry("P1", "L8"), entry("P1", "L9"))
    line, held = assign(again, before, "z", "P1")
    assert line == "L8"
    assert held is not None
    assert held.held == (r.HeldLine(item_id="z", order_line_id="L8"),)


def test_nothing_is_remembered_of_totes_whose_products_are_each_for_one_line() -> None:
    assert assign(tote(entry("P1", "L1", 3), entry("P1", None)), None, "a", "P1") == ("L1", None)
