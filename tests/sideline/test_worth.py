from __future__ import annotations

import pytest

from services.kernel import records as r
from services.sideline import worth

STAGES = list(r.Stage)


def counts(**by_class: int) -> tuple[int, ...]:
    return tuple(by_class.get(f"c{n}", 0) for n in range(worth.CLASSES))


@pytest.mark.parametrize("price", [0, 2_000, 100_000])
def test_damage_costs_more_the_later_it_is_found(price: int) -> None:
    costs = [worth.expected_cost(0.5, stage, price) for stage in STAGES]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


def test_cost_grows_with_probability_and_price_and_an_unknown_price_is_an_ordinary_one() -> None:
    assert worth.expected_cost(0.5, r.Stage.PACK, 1_000) == pytest.approx(0.5 * (500 + 800))
    assert worth.expected_cost(0.25, r.Stage.PACK, 1_000) == pytest.approx(0.25 * (500 + 800))
    known = worth.expected_cost(0.5, r.Stage.PACK, worth.UNKNOWN_PRICE_CENTS)
    assert worth.expected_cost(0.5, r.Stage.PACK, None) == known
    assert worth.expected_cost(0.5, r.Stage.PACK, 1_000, 300) == 150  # a policy knows better


def test_classes_rise_with_cost_and_hold_any() -> None:
    found = [worth.class_of(10.0**n) for n in range(-3, 12)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, worth.CLASSES - 1)
    assert all(worth.class_of(worth.middle_of(n)) == n for n in range(worth.CLASSES))


def test_without_places_nothing_is_admitted_and_with_places_for_all_everything() -> None:
    seen = counts(c10=30, c20=30)
    assert worth.bid_price(seen, (), 0.5, 0) == worth.CLASSES
    assert worth.bid_price(seen, (), 0.5, 1_000) == 0


def test_a_place_costs_as_much_as_fills_the_places_left() -> None:
    seen = counts(c10=60, c20=60)  # in half an hour, so as many will come again
    assert worth.bid_price(seen, (), 0.5, 60) == 11
    assert worth.bid_price(seen, (), 0.5, 20) == 21
    assert worth.bid_price(seen, (), 0.5, 120) == 0


def test_the_price_falls_to_nothing_as_the_hour_ends_and_rises_as_places_go() -> None:
    seen = counts(c5=40, c10=40, c15=40, c20=40)
    by_time = [worth.bid_price(seen, (), t, 30) for t in (0.4, 0.6, 0.8, 0.99)]
    assert by_time == sorted(by_time, reverse=True)
    assert by_time[-1] == 0
    by_places = [worth.bid_price(seen, (), 0.5, n) for n in (200, 100, 50, 10)]
    assert by_places == sorted(by_places)
    assert by_places[0] < by_places[-1]


def test_the_hour_before_is_expected_again_until_this_one_speaks() -> None:
    before = counts(c20=400)
    assert worth.bid_price((), (), 0.0, 100) == 0
    assert worth.bid_price((), before, 0.0, 100) == 21
    assert worth.bid_price(counts(c10=1), before, 0.95, 100) == 0


def test_regret_is_what_the_best_places_in_hindsight_had_avoided_more() -> None:
    seen, taken = counts(c10=10, c20=10), counts(c10=10)
    won, best = worth.regret(seen, taken, 10)
    assert won == pytest.approx(10 * worth.middle_of(10))
    assert best == pytest.approx(10 * worth.middle_of(20))
    assert worth.regret(seen, seen, 20)[0] == worth.regret(seen, seen, 20)[1]
