"""Why a gallery is as it is, in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.gallery.evidence import ENOUGH, LOOKED_AT, TOTES, Weighed
from services.kernel import records as r

_RIVALS = {
    "damaged": "that they are all damaged alike",
    "short": "that all lack units",
    "other": "that they are another product",
}


def enrolled(encoder: str, *, anew: bool) -> str:
    """A capture was enrolled."""
    return f"enrolled; a new list, since the encoder is {encoder} now" if anew else "enrolled as pristine"


def _seen(found: Weighed) -> str:
    people = f", {found.intact} of them found intact by people" if found.intact else ""
    return f"{found.items} items from {found.totes} totes and {found.lots:g} deliveries{people}"


def _odds(found: Weighed) -> str:
    return "; ".join(f"against {what}: {_to_one(found.odds[name])}" for name, what in _RIVALS.items())


def _to_one(odds: float) -> str:
    return f"{10**odds:,.0f} to 1" if odds >= 0 else f"1 to {10**-odds:,.0f}"


def promoted(found: Weighed) -> str:
    """Evidence is enough."""
    return f"{_seen(found)} look like each other and not like the references. Odds {_odds(found)}"


def proposed(found: Weighed) -> str:
    """People should look."""
    there = (
        " The old print is still there, changed in one place: a new detail of the design, or the same damage."
        if found.old_print_there
        else ""
    )
    return f"{_seen(found)} look like each other and not like the references.{there} {missing(found)}"


def first(found: Weighed) -> str:
    """The first items of a product that had no references."""
    return (
        f"the first references, of {_seen(found)} that look alike; nobody has confirmed them, and no item is judged "
        f"by them. {missing(found)}"
    )


def waiting(found: Weighed) -> str:
    """What a look under trial waits for."""
    return f"{_seen(found)}. {missing(found)}"


def missing(found: Weighed) -> str:
    """What keeps evidence from being enough."""
    lacks = []
    if found.items < found.items_needed:
        lacks.append(f"{found.items_needed - found.items} more items")
    if found.totes < TOTES:
        lacks.append(f"{TOTES - found.totes} more totes")
    standing = [
        f"{what} ({_to_one(found.odds[name])})" for name, what in _RIVALS.items() if found.odds[name] < ENOUGH
    ]
    if standing:
        lacks.append(f"evidence (other deliveries, or people's verdicts) against {' and '.join(standing)}")
    if (found.doubted or found.old_print_there) and found.intact < LOOKED_AT:
        lacks.append(f"{LOOKED_AT - found.intact} more items that people find intact")
    return f"To promote it without a person it takes {', '.join(lacks)}." if lacks else "Nothing is missing."


def refused(found: Weighed) -> str:
    """A rival is all but sure."""
    name, odds = found.worst
    people = f"; people found {found.against} of them so" if found.against else ""
    return f"{_seen(found)}: it is {_to_one(-odds)} {_RIVALS[name]}{people}"


def taken_back(found: Weighed) -> str:
    """People speak against what was promoted."""
    name, odds = found.worst
    return f"people found {found.against} items of it otherwise: it is {_to_one(-odds)} {_RIVALS[name]}"


def reference_damaged(sighting: r.Sighting) -> str:
    """A person found a reference's item bad."""
    what = f"to be {sighting.rival}" if sighting.rival is not None else "damaged"
    return f"a person found its item {sighting.item_id} {what}"


def unmatched(look: str, items: int, since: timedelta) -> str:
    """Stock of a look has run out."""
    return f"no item matched {look} in {items} items and {since.days} days"


def which(ledger: r.GalleryLedger, target: str | None, found: Sequence[str]) -> str:
    """A command names nothing, or several things."""
    named = f"{target!r} names" if target is not None else "it does not say which, and there are"
    return f"{named} {len(found)} of product {ledger.product_id}" + (f": {', '.join(found)}" if found else "")
