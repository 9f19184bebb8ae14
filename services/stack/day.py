"""A day at a fulfillment center: what happens when, as data, and the captures that play it.

What an episode is, and which item belongs to it, stays in this list and in the racks': items are numbered in the order
in which they come, and nothing else of the script reaches a service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np

from services.kernel.records import Stage
from services.stack import racks
from services.stack.racks import Planned
from services.stack.sample import ORDINARY, Taken, sample, taken_from
from services.stack.world import FRAGILE_VENDOR, Place, World, with_places, with_vendor

PICTURES: Final = Path(__file__).parents[2] / "triton_models" / "day"
#: Fewer captures than this are no day: nothing could be seen of any episode.
LEAST: Final = 160
#: The station whose camera goes dim.
DIM_STATION: Final = "station-2"
#: A picture is dark when its booth has this share of its light or less, as in the simulator's own fault.
DARK: Final = "dark"
_FLOW: Final = frozenset(
    {
        ORDINARY,
        "printed_damage",
        "crumpled",
        "foreign_matter",
        "missing_units",
        "glare",
        "stickered",
        "barcode",
    }
)
_DAMAGED_SHARE: Final = 0.1
_STAGES: Final[dict[Stage, float]] = {
    Stage.RECEIVE: 0.3, Stage.STOW: 0.2, Stage.PICK: 0.15, Stage.SORT: 0.1, Stage.PACK: 0.2, Stage.SHIP: 0.05,
}  # fmt: skip
_OPENS, _CLOSES = 6.0, 22.0
#: Items of a delivery.
_LOT: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One thing that happens.

    `begins`, `ends`: shares of the day. `items`: how many it takes. `people`: so many of those that are pulled off the
    belt are looked at by a person while the day goes on.
    """

    name: str
    title: str
    begins: float
    ends: float
    items: int = 0
    people: int = 0

    @property
    def hours(self) -> str:
        """When, by the clock of the day."""
        return f"{clock(self.begins)} to {clock(self.ends)}"


FLOW: Final = Episode(name="flow", title="Ordinary flow", begins=0.0, ends=1.0)
TORN: Final = Episode(
    name="torn", title="A supplier's new mailers tear", begins=0.1, ends=0.75, items=26, people=2
)
REDESIGN: Final = Episode(
    name="redesign", title="A product in its next print", begins=0.2, ends=0.97, items=20, people=3
)
LEAKING: Final = Episode(name="leaking", title="A pallet leaks", begins=0.42, ends=0.55, items=7, people=1)
DIM: Final = Episode(name="dim", title="A camera goes dim", begins=0.6, ends=0.92, items=9)
EPISODES: Final = (FLOW, TORN, REDESIGN, LEAKING, DIM)


def clock(share: float) -> str:
    """The time of day, from the share of it that has passed."""
    minutes = round((_OPENS + (_CLOSES - _OPENS) * share) * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day as it is to be played. `episode_of`: by item. `seconds`: how long it takes."""

    world: World
    planned: tuple[Planned, ...]
    episode_of: Mapping[str, Episode]
    seconds: float

    def of(self, episode: Episode) -> list[Planned]:
        """The captures of an episode, in the order in which they are sent."""
        return [item for item in self.planned if self.episode_of[item.item_id] is episode]


def play(world: World, captures: int, rate: float, seed: int) -> Day:
    """Plan a day of so many captures at this rate; the same arguments give the same one.

    Raises:
        ValueError: fewer than `LEAST`.
    """
    if captures < LEAST:
        raise ValueError(f"a day takes at least {LEAST} captures, not {captures}")
    pictures = _pictures()
    world = _world(world, pictures)
    cast = {
        TORN.name: _torn(world, pictures["torn"]),
        REDESIGN.name: _redesign(world, pictures["redesign"]),
        LEAKING.name: _leaking(world, pictures["leaking"]),
        DIM.name: _dim(world, (*pictures["dim"], *pictures[DARK])),
    }
    flow = _flow(world, np.random.default_rng([world.seed, seed]))
    planned, episode_of = [], {}
    for number, episode in enumerate(_order(captures)):
        item_id = f"I{seed}-{number:06d}"
        shown = next(flow if episode is FLOW else cast[episode.name])
        planned.append(
            replace(shown, item_id=item_id, idempotency_key=f"rack-{seed}-{number:06d}", at_s=number / rate)
        )
        episode_of[item_id] = episode
    return Day(world=world, planned=tuple(planned), episode_of=episode_of, seconds=captures / rate)


def _order(captures: int) -> list[Episode]:
    """Whose turn it is, capture by capture: each episode's items evenly over its hours, the flow in between."""
    turns: list[Episode] = [FLOW] * captures
    for episode in EPISODES[1:]:
        first, last = episode.begins * captures, episode.ends * captures
        for n in range(episode.items):
            at = int(first + (n + 0.5) * (last - first) / episode.items)
            while turns[at] is not FLOW:
                at = (at + 1) % captures
            turns[at] = episode
    return turns


def _pictures() -> dict[str, tuple[Taken, ...]]:
    """The pictures that were rendered for the day, by what they are for, in the order in which they were made."""
    from triton_models import kaputt

    found: dict[str, list[Taken]] = {}
    for query in kaputt.load(PICTURES, "test", references=False).queries:
        taken = taken_from(query)
        found.setdefault(taken.truth.scenario, []).append(taken)
    return {use: tuple(sorted(shown, key=lambda t: t.name)) for use, shown in found.items()}


def _world(world: World, pictures: Mapping[str, Sequence[Taken]]) -> World:
    """The mailers are all of the supplier with the weak packaging; the new print comes in totes of its own."""
    mailers = sorted({taken.product_id for taken in pictures["torn"]})
    world = with_vendor(world, mailers, FRAGILE_VENDOR)
    new = pictures["redesign"][0].product_id
    product = next(p for p in world.products if p.product_id == new)
    more = [
        Place(tote_id=f"T9{n:03d}", center_id="BER1", product=product, order_line_id=f"OL9{n:04d}")
        for n in range(1, 8)
    ]
    return with_places(world, (*world.places, *more))


def _flow(world: World, rng: np.random.Generator) -> Iterator[Planned]:
    at = racks.places_of(world)
    shown = [taken for taken in sample().of(*at) if taken.truth.scenario in _FLOW]
    kinds = [[t for t in shown if t.truth.damaged is damaged] for damaged in (False, True)]
    while True:
        group = kinds[bool(rng.random() < _DAMAGED_SHARE)]
        taken = group[int(rng.integers(len(group)))]
        places = at[taken.product_id]
        stage = list(_STAGES)[int(rng.choice(len(_STAGES), p=list(_STAGES.values())))]
        yield racks.photographed(taken, places[int(rng.integers(len(places)))], "", stage=stage)


def _torn(world: World, pictures: Sequence[Taken]) -> Iterator[Planned]:
    """Some when they arrive, some when they are picked; a picture is shown again as another item."""
    at = racks.places_of(world)
    for number, taken in enumerate(cycle(pictures)):
        places = at[taken.product_id]
        stage = Stage.RECEIVE if number % 2 else Stage.PICK
        shown = racks.photographed(taken, places[number % len(places)], "", stage=stage)
        yield replace(shown, lot_id=f"LOT-{number // _LOT + 100}")


def _redesign(world: World, pictures: Sequence[Taken]) -> Iterator[Planned]:
    """From one delivery after the other, in totes of its own."""
    places = [place for place in world.places if place.tote_id.startswith("T9")]
    for number, taken in enumerate(pictures):
        shown = racks.photographed(taken, places[number % len(places)], "", stage=Stage.STOW)
        yield replace(shown, lot_id=f"LOT-{number // _LOT + 200}")


def _leaking(world: World, pictures: Sequence[Taken]) -> Iterator[Planned]:
    """A pallet comes in one piece: no tote, and nobody has ordered it yet."""
    at = racks.places_of(world)
    for taken in pictures:
        shown = racks.photographed(taken, at[taken.product_id][0], "", stage=Stage.RECEIVE)
        yield replace(shown, tote_id=None, lot_id="LOT-300")


def _dim(world: World, pictures: Sequence[Taken]) -> Iterator[Planned]:
    at = racks.places_of(world)
    for taken in sorted(pictures, key=lambda t: t.name):
        shown = racks.photographed(taken, at[taken.product_id][0], "", stage=Stage.PACK)
        yield replace(shown, station_id=DIM_STATION)
