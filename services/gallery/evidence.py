"""What speaks for a look under trial being the intact product, against each of three rivals.

Items that look alike, and not like the references, are a new design, or they are all damaged in the same way, or all
short of units, or all another product under this one's barcode. For each rival the odds (design : rival) begin against
the design and grow by what is unlikely under that rival. What items may share by a common cause counts once, however
many items there are: a classifier that is blind to a damage is blind to it on each. Only two things count again:
another delivery of the supplier, which must have gone wrong in the same way by itself, and another person who held an
item in hand (that speaks of damage and missing units, not of the product). So a fault that is confined to four
deliveries is never promoted without people, and another product not even by their verdicts, whatever the models see.

Decimal logarithms throughout. The probabilities are assumptions, stated here and varied in `loadtest.gallery_proof`;
none is fitted to a business.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.kernel import records as r

#: Odds at which a rival is out, and at which the design is: 1000 to 1 either way.
ENOUGH = 3.0
HOPELESS = -3.0
#: Before any evidence a cluster of items that look alike is ten times as likely to be this rival as to be a new design.
PRIOR = -1.0
#: A product of one unit cannot lack one: only a wrong catalogue could make it so.
PRIOR_SINGLE = 1.0

#: The next delivery shows it too: nearly sure of a design that is being introduced (half while old stock is mixed in),
#: 6 % of a fault, since deliveries are packed and shipped apart.
LOT = math.log10(0.5 / 0.06)
#: The old print is not found again: so 80 % of new designs, and 15 % of damaged or short items, which still bear it.
OLD_PRINT_GONE = math.log10(0.8 / 0.15)
#: The old print is found again, changed in one place.
OLD_PRINT_THERE = math.log10(0.1 / 0.9)
#: The same of another product, whose print is another.
OLD_PRINT_THERE_OTHER = math.log10(0.1 / 0.05)
#: The classifier finds it intact: 80 % of new designs, 30 % of one kind of damage (it may be blind to that kind).
LOOKS_INTACT = math.log10(0.8 / 0.3)
LOOKS_DAMAGED = math.log10(0.2 / 0.7)
#: No product of the catalogue looks more like it: 95 % of designs, 10 % of wrong barcodes, which mostly belong to
#: something that is sold here too.
NO_RIVAL = math.log10(0.95 / 0.1)
RIVAL = math.log10(0.05 / 0.9)
#: A person finds an item intact: they miss 5 % of damage and 20 % of missing units. Of the product it says nothing:
#: they are shown what the mesh takes it for.
INTACT = {"damaged": math.log10(0.98 / 0.05), "short": math.log10(0.98 / 0.2), "other": 0.0}
#: Verdicts that count for a look, at most: people who learned the same overlook the same.
PEOPLE = 3
#: So many must have been found intact where a model sees something wrong, or where the old print is still there.
LOOKED_AT = 3
#: A person finds an item damaged, short of units, or another product.
FOUND = math.log10(0.02 / 0.95)

#: From here on a classifier's score says so, and from this share of the items on, a look does.
SAYS = 0.5
MOSTLY, HARDLY = 0.5, 0.25
#: An item that is alone in its delivery counts as half of one: it may be in the look by mistake. (Not when another look
#: unlike the references was seen in that delivery too.)
ALONE = 0.5
#: What the evidence must rest on besides the odds. Items lie on one side or another, and a design is promoted by the
#: side that comes most: of a further look fewer items will do when most are of deliveries in which that was seen.
ITEMS, ITEMS_VOUCHED, TOTES = 8, 5, 3
VOUCHED = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What a look's items say.

    `odds` by rival: damaged, short, other; `lots`: deliveries that count; `intact`, `against`: what people found;
    `doubted`: a model takes many of them for damaged, short or another product.
    """

    odds: dict[str, float]
    items: int
    totes: int
    lots: float
    intact: int
    against: int
    old_print_there: bool
    doubted: bool
    vouched: bool

    @property
    def worst(self) -> tuple[str, float]:
        """The rival that stands best against the design, and its odds."""
        return min(self.odds.items(), key=lambda pair: pair[1])

    @property
    def enough(self) -> bool:
        """Whether the look may be promoted without asking anybody (more): no number of deliveries outvotes a doubt."""
        return (
            self.worst[1] >= ENOUGH
            and self.items >= self.items_needed
            and self.totes >= TOTES
            and (self.intact >= LOOKED_AT or not (self.doubted or self.old_print_there))
        )

    @property
    def items_needed(self) -> int:
        """Items without which it is not."""
        return ITEMS_VOUCHED if self.vouched else ITEMS

    @property
    def hopeless(self) -> bool:
        """Whether a rival is all but sure."""
        return self.worst[1] <= HOPELESS


def weigh(
    members: Sequence[r.Sighting], promoted: Collection[str] = (), unlike: Collection[str] = ()
) -> Weighed:
    """What these items, which look alike, say together.

    `promoted`: deliveries in which a promoted look was seen; `unlike`: in which another look unlike the references was.
    """
    vouched = sum(m.lot_id in promoted for m in members) >= VOUCHED * len(members)
    lots = deliveries(members, unlike)
    more = LOT * max(0.0, lots - 1)
    units = max(m.unit_count for m in members)
    intact = sum(m.verdict is r.Verdict.INTACT and m.rival is None for m in members)
    odds = {
        "damaged": PRIOR + _looks([m.damaged for m in members]),
        "short": (PRIOR if units > 1 else PRIOR_SINGLE) + _looks([m.missing_unit for m in members]),
        "other": PRIOR + _rivals(members),
    }
    against = _found(members)
    for name, found in against.items():
        odds[name] += _print(members, name) + more + INTACT[name] * min(intact, PEOPLE) + FOUND * found
    return Weighed(
        odds=odds,
        items=len(members),
        totes=len({m.tote_id for m in members if m.tote_id is not None}),
        lots=lots,
        intact=intact,
        against=sum(against.values()),
        old_print_there=_print(members, "damaged") == OLD_PRINT_THERE,
        doubted=any(4 * n > len(members) for n in _doubts(members)),
        vouched=vouched,
    )


def deliveries(members: Sequence[r.Sighting], unlike: Collection[str] = ()) -> float:
    """Deliveries that vouch for a look; what is not known is one delivery together."""
    counts = Counter(m.lot_id for m in members if m.lot_id is not None)
    return max(1.0, sum(1.0 if n > 1 or lot in unlike else ALONE for lot, n in counts.items()))


def _doubts(members: Sequence[r.Sighting]) -> tuple[int, int, int]:
    return (
        sum(m.damaged >= SAYS for m in members),
        sum(m.missing_unit >= SAYS for m in members),
        sum(m.rival is not None for m in members),
    )


def _looks(scores: Sequence[float]) -> float:
    share = sum(s >= SAYS for s in scores) / len(scores)
    return LOOKS_INTACT if share <= HARDLY else LOOKS_DAMAGED if share >= MOSTLY else 0.0


def _rivals(members: Sequence[r.Sighting]) -> float:
    share = sum(m.rival is not None for m in members) / len(members)
    return NO_RIVAL if share <= HARDLY / 2 else RIVAL if share >= HARDLY else 0.0


def _print(members: Sequence[r.Sighting], rival: str) -> float:
    """What the old print says: gone, or there and changed; nothing where there were no references."""
    seen = [m.fit for m in members if m.fit is not r.Fit.UNSEEN]
    if 2 * len(seen) < len(members):
        return 0.0
    gone = sum(fit is r.Fit.OTHER for fit in seen) / len(seen)
    if rival == "other":
        return OLD_PRINT_THERE_OTHER if gone < MOSTLY else 0.0
    return OLD_PRINT_GONE if gone >= 1 - HARDLY else OLD_PRINT_THERE if gone < MOSTLY else 0.0


def _found(members: Sequence[r.Sighting]) -> dict[str, int]:
    """How many items people found to be each of the rivals."""
    damaged = [m.verdict_types for m in members if m.verdict is r.Verdict.DAMAGED]
    short = sum("missing_unit" in types for types in damaged)
    only_short = sum(types == ("missing_unit",) for types in damaged)
    other = sum(m.verdict is not None and m.rival is not None for m in members)
    return {"damaged": len(damaged) - only_short, "short": short, "other": other}
