"""How much it takes to believe in a new design, and that no fault of few deliveries is ever enough."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from services.gallery import evidence
from services.gallery.evidence import weigh
from services.kernel import records as r
from tests.gallery.makers import sighting


def cluster(count: int = 12, lots: int = 6, **given: Any) -> list[r.Sighting]:
    return [sighting(f"i{k}", **{"lot_id": f"lot {k % lots}", **given}) for k in range(count)]


def labelled(members: list[r.Sighting], count: int, verdict: r.Verdict, *types: str) -> list[r.Sighting]:
    said = [replace(m, verdict=verdict, verdict_types=types) for m in members[:count]]
    return said + members[count:]


def test_many_intact_items_of_several_deliveries_with_another_print_are_a_new_design() -> None:
    found = weigh(cluster())
    assert found.enough
    assert not found.hopeless
    assert (found.items, found.totes, found.lots) == (12, 12, 6)


@pytest.mark.parametrize(
    ("given", "rival"),
    [
        ({"lots": 3}, "other"),
        ({"fit": r.Fit.CHANGED}, "damaged"),
        ({"damaged": 0.9}, "damaged"),
        ({"missing_unit": 0.9}, "short"),
        ({"rival": "P2"}, "other"),
        ({"lot_id": None}, "other"),
    ],
    ids=[
        "three deliveries", "the old print is there", "damaged to the classifier", "units missing",
        "another product is more like it", "deliveries unknown",
    ],
)  # fmt: skip
def test_each_doubt_alone_is_enough_to_wait(given: dict[str, Any], rival: str) -> None:
    found = weigh(cluster(**given))
    assert not found.enough
    assert found.worst[0] == rival
    assert not weigh(
        cluster(count=30, **{"lots": 4, **given} if "lots" in given else {"lots": 10, **given})
    ).enough


def test_few_items_or_totes_wait_however_good_the_odds() -> None:
    assert not weigh(cluster(count=7, lots=7), unlike={f"lot {k}" for k in range(7)}).enough
    assert not weigh(cluster(tote_id="the same")).enough


def test_a_product_of_one_unit_cannot_lack_one() -> None:
    assert weigh(cluster(unit_count=1)).odds["short"] > weigh(cluster(unit_count=2)).odds["short"]


def test_an_item_alone_in_its_delivery_counts_half_unless_others_unlike_the_references_came_with_it() -> None:
    members = cluster(count=6, lots=5)
    assert evidence.deliveries(members) == 3.0
    assert evidence.deliveries(members, {"lot 4"}) == 3.5


def test_people_decide_where_the_old_print_is_there() -> None:
    members = cluster(lots=5, fit=r.Fit.CHANGED)
    assert not weigh(members).enough
    assert weigh(labelled(members, 3, r.Verdict.INTACT)).enough


def test_people_who_find_damage_outweigh_everything() -> None:
    found = weigh(labelled(cluster(), 5, r.Verdict.DAMAGED, "deformation"))
    assert found.hopeless
    assert (found.worst[0], found.against) == ("damaged", 5)
    assert weigh(labelled(cluster(), 5, r.Verdict.DAMAGED, "missing_unit")).worst[0] == "short"


def test_people_who_say_that_it_is_another_product_outweigh_everything() -> None:
    members = labelled(cluster(rival="P2"), 5, r.Verdict.INTACT)
    assert weigh(members).hopeless
    assert weigh(members).worst[0] == "other"


def test_more_verdicts_of_the_same_people_say_no_more() -> None:
    three, nine = (weigh(labelled(cluster(), n, r.Verdict.INTACT)).odds for n in (3, 9))
    assert three == nine


def test_fewer_items_do_for_another_side_of_a_design_that_came_with_the_same_deliveries() -> None:
    members = cluster(count=6, lots=6)
    seen = {f"lot {k}" for k in range(6)}
    assert not weigh(members, (), seen).enough
    assert weigh(members, seen, seen).enough


def test_without_people_no_fault_of_four_deliveries_is_ever_enough_whatever_the_models_see() -> None:
    """The claim of the module, over everything that a testimony can say."""
    random = Random(5)  # noqa: S311 (seeded)
    for _ in range(600):
        lots = random.randint(1, 4)
        units = random.choice((2, 6))
        members = [
            sighting(
                f"i{k}",
                lot_id=random.choice((None, *(f"lot {n}" for n in range(lots - 1)), f"lot {lots - 1}"))
                if lots < 4
                else f"lot {random.randrange(4)}",
                unit_count=units,
                fit=random.choice(list(r.Fit)),
                damaged=random.random(),
                missing_unit=random.random(),
                rival=random.choice((None, None, None, "P2")),
            )
            for k in range(random.randint(1, 40))
        ]
        every = {m.lot_id for m in members if m.lot_id is not None}
        assert not weigh(members, every, every).enough
    best = weigh(cluster(count=40, lots=4), *2 * [{f"lot {k}" for k in range(4)}])
    assert best.worst[1] < evidence.ENOUGH
    assert all(odds < evidence.ENOUGH for odds in best.odds.values())


def test_people_who_find_items_intact_say_nothing_of_the_product() -> None:
    members = cluster(count=40, lots=4)
    every = {f"lot {k}" for k in range(4)}
    assert not weigh(labelled(members, 40, r.Verdict.INTACT), every, every).enough
