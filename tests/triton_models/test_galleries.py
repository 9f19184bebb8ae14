"""References are the product's own, certainly another's, or none; and the same in every run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.triton_models.small_set import draw
from triton_models.galleries import chosen
from triton_models.kaputt import Split, load
from triton_models.problems import BadData


@pytest.fixture
def split(tmp_path: Path) -> Split:
    draw(tmp_path)
    return load(tmp_path, "test")


def test_each_capture_gets_what_was_asked_for(split: Split) -> None:
    items = [query.item_identifier for query in split.queries]
    own, other = chosen(split, "own"), chosen(split, "other")
    assert [one.item_identifier for (one,) in own] == items
    assert all(one.item_identifier != item for (one,), item in zip(other, items, strict=True))
    assert other == chosen(split, "other")
    assert chosen(split, "none") == [()] * len(items)


def test_of_many_references_the_mesh_keeps_the_first_six(split: Split) -> None:
    many = {item: found * 9 for item, found in split.references_by_item.items()}
    assert {len(found) for found in chosen(replace(split, references_by_item=many), "own")} == {6}


def test_another_products_references_need_another_product(split: Split) -> None:
    only = dict([*split.references_by_item.items()][:1])
    with pytest.raises(BadData, match="two products"):
        chosen(replace(split, references_by_item=only), "other")
