from __future__ import annotations

from collections import Counter

from services.kernel import wire
from services.kernel.topics import BY_NAME
from services.stack.policies import CATEGORIES
from services.stack.world import make_world, rows


def test_the_same_seed_makes_the_same_world() -> None:
    assert make_world(seed=3) == make_world(seed=3)
    assert make_world(seed=3) != make_world(seed=4)


def test_every_row_is_of_its_topic_and_can_be_sent() -> None:
    for topic, key, record in rows(make_world()):
        assert type(record) is BY_NAME[topic].record
        assert key
        assert wire.decode(type(record), wire.encode(record)) == record


def test_rows_refer_to_rows_that_are_there() -> None:
    world = make_world()
    products = {p.product_id for p in world.products}
    lines = {line.order_line_id: line.product_id for line in world.lines}
    assert {p.vendor_id for p in world.products} == {v.vendor_id for v in world.vendors}
    for manifest in world.manifests:
        assert 1 <= len(manifest.entries) <= 3
        for entry in manifest.entries:
            assert lines[str(entry.order_line_id)] == entry.product_id

    assert {p.product.product_id for p in world.places} == products


def test_suppliers_have_equally_many_products() -> None:
    assert set(Counter(p.vendor_id for p in make_world().products).values()) == {4}


def test_a_world_may_be_small() -> None:
    world = make_world(products=2, totes=3)
    assert len(world.products) == 2
    assert len(world.manifests) == 3


def test_the_catalogue_says_what_could_spill_and_its_categories_are_known_to_policies() -> None:
    products = make_world(products=48).products
    assert {p.category for p in products} <= set(CATEGORIES)
    kinds = Counter(p.contents.kind for p in products if p.contents is not None)
    assert kinds.total() == 48
    assert kinds.keys() == {"powder", "granules", "liquid", "none"}
