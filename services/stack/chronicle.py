"""What the mesh did about each episode of a day, with the truth beside it.

Held against the truth are the mesh's own judgements: what people said during the day corrects commands and counts, and
is left out here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.kernel import records as r
from services.stack import day as script
from services.stack import summary
from services.stack.day import Day, Episode
from services.stack.racks import Submitted
from services.stack.report import Observed
from services.stack.world import FRAGILE_VENDOR

#: What is asked of the ordinary flow: damaged items seen, intact ones called damaged.
SEEN, FALSE = 0.7, 0.05
#: Of an episode's damaged items, or of dark pictures, that share is to be noticed.
MOST: Final = 0.8
#: Intact items in a new print that may still be called damaged once its pictures are references.
SETTLED: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One episode of the day's table. `good`: whether the mesh did what it should."""

    name: str
    title: str
    hours: str
    true: str
    did: tuple[str, ...]
    good: bool
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """An episode's items with all that came of them, by item."""

    day: Day
    items: tuple[Submitted, ...]
    others: tuple[Submitted, ...]
    judged: Mapping[str, r.Assessment]
    pulled: frozenset[str]
    disposed: Mapping[str, r.Disposition]
    events: tuple[Observed, ...]

    @property
    def damaged(self) -> list[Submitted]:
        """Those that are damaged in truth."""
        return [s for s in self.items if s.truth is not None and s.truth.damaged]

    @property
    def intact(self) -> list[Submitted]:
        """Those that are not."""
        return [s for s in self.items if s.truth is not None and not s.truth.damaged]

    def called_damaged(self, items: Iterable[Submitted]) -> list[Submitted]:
        """Those of these items that the mesh called damaged."""
        return [s for s in items if s.item_id in self.judged and self.judged[s.item_id].damaged]

    def references(self, items: Iterable[Submitted]) -> int:
        """How many of these stand for what their product should look like, or did for a while."""
        ours = {s.capture_id for s in items}
        lists = (e.record for e in self.events if e.topic == "gallery.references" and e.record is not None)
        return len({ref.reference_id for held in lists for ref in held.references} & ours)

    def off_the_belt(self, items: Iterable[Submitted]) -> int:
        """How many of these were pulled."""
        return sum(s.item_id in self.pulled for s in items)


def tell(day: Day, submitted: Sequence[Submitted], events: Iterable[Observed]) -> list[Line]:
    """One line for each episode, in the order of the script."""
    kept = tuple(events)
    judged = summary.by_the_mesh(kept)
    commands = [e.record for e in kept if e.topic == "sideline.commands" and e.record is not None]
    pulled = frozenset(
        c.item_id for c in commands if c.action is r.SidelineAction.SIDELINE and c.verdict is None
    )
    disposed: dict[str, r.Disposition] = {}
    for event in kept:
        if event.topic == "disposition.decisions" and event.record is not None:
            disposed.setdefault(event.record.item_id, event.record)
    lines = []
    for episode in script.EPISODES:
        case = _Case(
            day=day,
            items=tuple(s for s in submitted if day.episode_of.get(s.item_id) is episode),
            others=tuple(s for s in submitted if day.episode_of.get(s.item_id) is not episode),
            judged=judged,
            pulled=pulled,
            disposed=disposed,
            events=kept,
        )
        lines.append(_LINES[episode.name](episode, case))
    return lines


def _line(episode: Episode, true: str, did: Iterable[str], verdict: tuple[bool, str]) -> Line:
    good, words = verdict
    return Line(
        name=episode.name,
        title=episode.title,
        hours=episode.hours,
        true=true,
        did=tuple(did),
        good=good,
        verdict=words,
    )


def _flow(episode: Episode, case: _Case) -> Line:
    bad, fine = case.damaged, case.intact
    seen, false = len(case.called_damaged(bad)), len(case.called_damaged(fine))
    wrong, found = _barcodes(case)
    return _line(
        episode,
        f"{len(case.items)} items, {len(bad)} damaged; {wrong} with another product's barcode",
        (
            f"{seen} of {len(bad)} damaged seen, {false} false alarms",
            f"{case.off_the_belt(bad)} damaged and {case.off_the_belt(fine)} intact ones off the belt",
            f"{found} of {wrong} wrong barcodes caught",
        ),
        (
            seen >= SEEN * len(bad) and false <= FALSE * len(fine),
            f"asked: {SEEN:.0%} seen, at most {FALSE:.0%} false alarms",
        ),
    )


def _barcodes(case: _Case) -> tuple[int, int]:
    """Items that carry another product's barcode, and those of them that the mesh reported."""
    barcodes = {p.barcode: p.product_id for p in case.day.world.products}
    by_item = {planned.item_id: planned for planned in case.day.planned}
    wrong = [
        s
        for s in case.items
        if (code := by_item[s.item_id].barcode) is not None and barcodes.get(code) != s.product_id
    ]
    odd = {r.BarcodeCheck.WRONG, r.BarcodeCheck.UNKNOWN, r.BarcodeCheck.DOUBTED}
    caught = [s for s in wrong if s.item_id in case.judged and case.judged[s.item_id].barcode_check in odd]
    return len(wrong), len(caught)


def _torn(episode: Episode, case: _Case) -> Line:
    bad = case.damaged
    names = {v.vendor_id: v.name for v in case.day.world.vendors}
    shares = summary.suppliers(case.events)
    found = next((s for s in shares if s.vendor_id == FRAGILE_VENDOR), None)
    others = [s.vendor_id for s in shares if s.stands_out and s.vendor_id != FRAGILE_VENDOR]
    stands = found is not None and found.stands_out
    share = f"{found.share:.0%} ({found.low:.0%} to {found.high:.0%})" if found is not None else "not counted"
    return _line(
        episode,
        f"{len(bad)} of {len(case.items)} mailers of {names.get(FRAGILE_VENDOR, FRAGILE_VENDOR)} are torn or open",
        (
            f"{len(case.called_damaged(bad))} seen, {case.off_the_belt(bad)} off the belt",
            f"{FRAGILE_VENDOR} at {share} damaged items: {'stands out' if stands else 'does not stand out'}",
            *([f"{', '.join(others)} stands out too"] if others else ()),
            _never_a_reference(case, bad),
        ),
        (
            stands and len(case.called_damaged(bad)) >= MOST * len(bad) and not case.references(bad),
            f"asked: the supplier stands out, {MOST:.0%} seen",
        ),
    )


def _never_a_reference(case: _Case, bad: Sequence[Submitted]) -> str:
    count = case.references(bad)
    return f"{count or 'none'} of them became a reference"


def _redesign(episode: Episode, case: _Case) -> Line:
    """How the next print was taken up: by the list of references, and by what was called damaged before and after."""
    items = sorted(case.items, key=lambda s: s.scheduled_at)
    came_at = _promoted_at(case, items)
    before = [s for s in items if came_at is None or s.scheduled_at * 1000 < came_at]
    after = items[len(before) :]
    false_before, false_after = len(case.called_damaged(before)), len(case.called_damaged(after))
    did = [f"{false_before} of {len(before)} called damaged while its print was not known"]
    if (proposed := _told_of(case, "PROPOSED", items)) is not None:
        did.append(f"noticed as a look of its own after {proposed} items")
    if came_at is None:
        did.append("its pictures are not among the references yet")
    else:
        did.append(f"taken up as references after {len(before)} items")
        did.append(f"{false_after} of {len(after)} called damaged since")
    return _line(
        episode,
        f"{len(items)} intact items in a new print, same barcode",
        did,
        (
            came_at is not None and false_after <= SETTLED * len(after),
            "asked: absorbed within 20 items, quiet since",
        ),
    )


def _told_of(case: _Case, event: str, items: Sequence[Submitted]) -> int | None:
    """How many of the items had come when the gallery first told so of their product."""
    products = {s.product_id for s in items}
    moments = [
        e.at_ms
        for e in case.events
        if e.topic == "gallery.changes"
        and e.record is not None
        and e.record.event == event
        and e.record.product_id in products
    ]
    return sum(s.scheduled_at * 1000 < min(moments) for s in items) if moments else None


def _promoted_at(case: _Case, items: Sequence[Submitted]) -> int | None:
    """When the first picture of the new print became a reference, in ms since the epoch."""
    ours = {s.capture_id for s in items}
    rows = (e for e in case.events if e.topic == "gallery.references" and e.record is not None)
    return min(
        (e.at_ms for e in rows if any(ref.reference_id in ours for ref in e.record.references)), default=None
    )


def _leaking(episode: Episode, case: _Case) -> Line:
    bad = case.damaged
    seen = case.called_damaged(bad)
    done = Counter(
        _plain(case.disposed[s.item_id].action, case.disposed[s.item_id].task)
        for s in bad
        if s.item_id in case.disposed
    )
    sold = [
        s
        for s in bad
        if s.item_id in case.disposed
        and case.disposed[s.item_id].action in {r.DispositionAction.RESELL, r.DispositionAction.DISCOUNT}
    ]
    spills = sum("spillage" in case.judged[s.item_id].defect_types for s in seen)
    return _line(
        episode,
        f"{len(bad)} bottles of one pallet of a dangerous liquid leak",
        (
            f"{len(seen)} seen ({spills} as spillage), {case.off_the_belt(bad)} off the belt",
            ", ".join(f"{n} {what}" for what, n in done.most_common()) or "nothing disposed of",
            _never_a_reference(case, bad),
        ),
        (
            len(seen) >= MOST * len(bad) and not sold and not case.references(bad),
            f"asked: {MOST:.0%} seen, none sold",
        ),
    )


def _dim(episode: Episode, case: _Case) -> Line:
    dark = [s for s in case.items if s.truth is not None and s.truth.scenario == script.DARK]
    told = sum(is_told_dark(s) for s in dark)
    elsewhere = sum(is_told_dark(s) for s in case.others)
    false = len(case.called_damaged(case.intact))
    return _line(
        episode,
        f"{script.DIM_STATION} loses its light: {len(dark)} of {len(case.items)} pictures too dark",
        (
            f"associate told of {told} while the item was still there",
            f"{elsewhere} of {len(case.others)} told so elsewhere",
            f"{false} of these intact items called damaged",
        ),
        (
            told >= MOST * len(dark) and elsewhere <= FALSE * len(case.others),
            f"asked: {MOST:.0%} of the dark told, few others",
        ),
    )


def is_told_dark(answer: Submitted) -> bool:
    """Whether the station told the associate so when it took the capture."""
    return any("too dark" in sentence for sentence in answer.advice)


def _plain(action: Any, task: str) -> str:  # noqa: ANN401 (an enumeration's word)
    said = str(action).lower().replace("_", " ")
    return f"{said} ({task.replace('_', ' ')})" if task else said


_LINES: Final[dict[str, Callable[[Episode, _Case], Line]]] = {
    script.FLOW.name: _flow,
    script.TORN.name: _torn,
    script.REDESIGN.name: _redesign,
    script.LEAKING.name: _leaking,
    script.DIM.name: _dim,
}
