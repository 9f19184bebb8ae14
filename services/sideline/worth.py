"""What pulling an item is worth, and what the next place at the annotators' table costs.

Annotators take so many items an hour. When more exceed the threshold, the hour's places should go to those whose
damage would cost most if it were missed: probability x cost of a miss at this stage. Whoever decides online cannot
wait for the hour's best, so each place has a *bid price*: the expected cost that, given what arrived so far (and in
the hour before), just as many of the items still to come will reach as places are left. It rises while places go faster
than the hour and falls to nothing as the hour ends. Bid prices are asymptotically optimal for such stationary
arrivals: Talluri and van Ryzin, "An Analysis of Bid-Price Controls for Network Revenue Management", Management
Science 44 (1998); re-solving as capacity is consumed: Jasin and Kumar, Mathematics of Operations Research 37 (2012).

Costs are kept in classes (`class_of`), each 1.41 times the one below: a histogram of a few dozen counts per hour is
all the state there is, and from it the hour's regret can be read afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from services.kernel import records as r

#: Where no policy says it: cost of damage that is missed at this stage, in cents, whatever the item's price. That is
#: work on the item from here on, and once it is packed a parcel for nothing, a return and a disappointed customer:
#: damage costs more the longer it goes undetected.
MISS_COST_CENTS = {
    r.Stage.RECEIVE: 50,
    r.Stage.STOW: 80,
    r.Stage.PICK: 200,
    r.Stage.SORT: 250,
    r.Stage.PACK: 500,
    r.Stage.SHIP: 1500,
}
#: Share of the item's price that is lost as well: before it is picked, the supplier can still be charged for it.
MISS_PRICE_SHARE = {
    r.Stage.RECEIVE: 0.2,
    r.Stage.STOW: 0.5,
    r.Stage.PICK: 0.7,
    r.Stage.SORT: 0.7,
    r.Stage.PACK: 0.8,
    r.Stage.SHIP: 1.0,
}
#: Price, in cents, of an item of which the catalogue says nothing.
UNKNOWN_PRICE_CENTS = 2_000

CLASSES = 48
#: Classes begin at this expected cost, in cents.
LOWEST_CENTS = 1.0
_PER_DOUBLING = 2
#: An hour of history counts as much as this part of an hour that is seen now.
PRIOR_HOURS = 0.25
#: What came so far is taken to have come in at least this part of an hour: a burst is no flow.
SHORTEST_HOURS = 1 / 6


def expected_cost(
    probability: float, stage: r.Stage, price_cents: int | None, miss_cents: int | None = None
) -> float:
    """What letting the item pass costs on average, in cents; `miss_cents`: of a miss, as a policy says."""
    if miss_cents is not None:
        return probability * miss_cents
    price = UNKNOWN_PRICE_CENTS if price_cents is None else price_cents
    return probability * (MISS_COST_CENTS[stage] + MISS_PRICE_SHARE[stage] * price)


def class_of(cost: float) -> int:
    """The class of an expected cost (in cents), from 0."""
    if cost <= LOWEST_CENTS:
        return 0
    return min(CLASSES - 1, int(_PER_DOUBLING * math.log2(cost / LOWEST_CENTS)))


def middle_of(number: int) -> float:
    """A typical expected cost of a class, in cents."""
    return float(LOWEST_CENTS * 2.0 ** ((number + 0.5) / _PER_DOUBLING))


def bid_price(seen: Sequence[int], before: Sequence[int], elapsed: float, places: int) -> int:
    """The lowest class that is worth one of the `places` left; 0 admits everything, CLASSES nothing.

    `seen` and `before`: candidates by class in this hour and in the one before it (empty when there was none);
    `elapsed`: the part of this hour that is over, in [0, 1].
    """
    if places <= 0:
        return CLASSES
    prior = PRIOR_HOURS if any(before) else 0.0
    hours = max(SHORTEST_HOURS, elapsed) + prior
    to_come = (1.0 - min(1.0, elapsed)) / hours
    expected = 0.0
    for number in range(CLASSES - 1, -1, -1):
        here = (_at(seen, number) + prior * _at(before, number)) * to_come
        # A class that only half fits is let in: the price is looked at again with the next item.
        if expected + here / 2 > places:
            return number + 1
        expected += here
    return 0


def counted(counts: Sequence[int], number: int, change: int = 1) -> tuple[int, ...]:
    """The counts with one more (or `change` more) in a class."""
    whole = [*counts, *([0] * (CLASSES - len(counts)))]
    whole[number] += change
    return tuple(whole)


def regret(seen: Sequence[int], taken: Sequence[int], places: int) -> tuple[float, float]:
    """Expected cost that admission avoided, and what it could have avoided in hindsight, both in cents.

    In hindsight the best `places` of all that were seen are taken. Costs are those of the classes' middles.
    """
    won = sum(_at(taken, n) * middle_of(n) for n in range(CLASSES))
    best, left = 0.0, places
    for number in range(CLASSES - 1, -1, -1):
        here = min(left, _at(seen, number))
        best += here * middle_of(number)
        left -= here
    return won, best


def _at(counts: Sequence[int], number: int) -> int:
    return counts[number] if number < len(counts) else 0
