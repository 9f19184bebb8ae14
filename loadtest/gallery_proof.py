"""The proof that galleries follow redesigns and nothing else: `python -m loadtest.gallery_proof`.

Products, items, what the models make of them and what people find are made up here; the rules that decide are the
service's own, fed with assessments as in the mesh. Nothing here knows their thresholds, and every product draws anew
how well the models see it. Measured are: new designs (how many items until one is in the gallery, and the product's
false alarms before, meanwhile and after); batches that must not get in (equally damaged, short-packed, wrongly
barcoded), also after a redesign; the same beyond what is assumed (a fault in many deliveries, models that see nothing);
and products without references.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import numpy.typing as npt

from services.gallery import decide
from services.gallery.ledger import Decided, gallery_of, looks, opened
from services.gallery.sightings import Limits, sightings
from services.gallery.trials import Looked, of_it
from services.kernel import records as r

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
BETWEEN = timedelta(minutes=7)
ENCODER = "1+proof"
PRODUCT = "P1"
_NAMES = UUID("6f1c2f0a-54a8-5f3e-9d53-8f4c3b7f1f10")

# -- the world: what is true --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item as it is. `fault`: what is wrong with it, the same word for the same damage; None: nothing."""

    number: int
    print: str
    side: int
    lot: str | None
    tote: str
    fault: str | None = None
    other_product: bool = False

    @property
    def intact(self) -> bool:
        """Whether it is what it should be."""
        return self.fault is None and not self.other_product


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What the models see of one product. Probabilities; each product and each batch has its own.

    `lost`: a print is not found again although it is there; `odd`: the comparison finds a change where there is none;
    `missed_print`: another print passes for this one; `seen`: it finds a fault that is there; `crushed`: a fault hides
    the print altogether; `shift`: how the classifier's log-odds are moved by this print; `blind`: it takes this fault
    for nothing; `known`: the wrong product is in the catalogue, and recognised so often.
    """

    lost: float
    odd: float
    missed_print: float
    seen: float
    crushed: float
    shift: dict[str, float]
    blind: bool
    known: float


#: How items lie: the side that comes most, and the others.
SIDES = (0.72, 0.2, 0.08)
#: References that one comparison is held against.
HELD = 3


def eyes(random: Random, *, blind_share: float = 0.35, known_share: float = 0.7) -> Eyes:
    """Draw what the models see of a product."""
    return Eyes(
        lost=random.betavariate(1, 60),
        odd=random.betavariate(2, 600),
        missed_print=random.betavariate(1, 30),
        seen=random.betavariate(8, 2),
        crushed=random.betavariate(1, 9),
        shift={"old": random.gauss(0, 0.5), "new": random.gauss(0.5, 1.5), "foreign": random.gauss(0.5, 1.5)},
        blind=random.random() < blind_share,
        known=random.betavariate(9, 2) if random.random() < known_share else 0.0,
    )


def beside(query: Item, reference: Item, sight: Eyes, random: Random) -> r.Fit:
    """What the comparison says of two items."""
    if query.side != reference.side or query.print != reference.print:
        return r.Fit.SAME if random.random() < sight.missed_print / 2 else r.Fit.OTHER
    if random.random() < sight.lost:
        return r.Fit.OTHER
    if query.fault == reference.fault:
        return r.Fit.CHANGED if random.random() < sight.odd else r.Fit.SAME
    if random.random() < sight.crushed:
        return r.Fit.OTHER
    return r.Fit.CHANGED if random.random() < sight.seen else r.Fit.SAME


def best(query: Item, references: Sequence[Item], sight: Eyes, random: Random) -> tuple[r.Fit, int]:
    """The best of the references that an embedding would pick: mostly those that show the same side."""
    order = sorted(
        range(len(references)),
        key=lambda k: (
            (references[k].side != query.side) - 0.4 * random.random() + 0.8 * (random.random() < 0.1)
        ),
    )[:HELD]
    fits = [(beside(query, references[k], sight, random), k) for k in order]
    rank = [r.Fit.SAME, r.Fit.CHANGED, r.Fit.OTHER]
    return min(fits, key=lambda pair: rank.index(pair[0]))


def embedded(item: Item, random: Random) -> bytes:
    """An embedding that tells prints and sides apart, roughly."""
    words = (f"print {item.print}", f"side {item.side}", f"both {item.print} {item.side}")
    whole = sum((_direction(word) for word in words), _direction(f"noise {random.randrange(100)}"))
    return bytes((whole / np.linalg.norm(whole)).astype("<f2").tobytes())


@lru_cache(maxsize=1000)
def _direction(word: str) -> npt.NDArray[np.float64]:
    one = np.random.default_rng(list(word.encode())).standard_normal(32)
    return one / float(np.linalg.norm(one))


def scored(item: Item, sight: Eyes, random: Random) -> tuple[float, float]:
    """The classifier's probabilities of damage and of missing units."""
    base = -4.0 + sight.shift[item.print]
    looks_damaged = item.fault in {"crushed", "torn"} and not sight.blind
    looks_short = item.fault == "short" and not sight.blind
    return _chance(random.gauss(2.5 if looks_damaged else base, 1.6)), _chance(
        random.gauss(2.0 if looks_short else -4.5, 1.4)
    )


def _chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-20.0, min(20.0, log_odds))))


def alarm(fit: r.Fit, damaged: float, random: Random) -> bool:
    """Whether the mesh takes an item for damaged: by references where they fit, else by the classifier alone."""
    if fit is r.Fit.SAME:
        return damaged > 0.995 or random.random() < 0.002
    if fit is r.Fit.CHANGED:
        return random.random() < 0.75
    return damaged > 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Annotators who look at what was pulled off the belt: when, and how well."""

    delay: int = 12
    misses: float = 0.03
    misses_short: float = 0.1
    corrects_product: float = 0.6
    wrong: float = 0.01
    sample: float = 0.01


# -- a product's life ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Shop:
    """One product in the mesh: its gallery, and what is pending."""

    sight: Eyes
    random: Random
    units: int = 1
    people: People | None = None
    ledger: r.GalleryLedger = field(default_factory=lambda: opened(PRODUCT, None))
    gallery: r.Gallery | None = None
    shown: list[Item] = field(default_factory=list)
    several: int = 0
    items: dict[UUID, Item] = field(default_factory=dict)
    offset: int = 0
    pending: deque[tuple[int, r.Assessment]] = field(default_factory=deque)
    events: Counter[str] = field(default_factory=Counter)

    def enrol(self, references: Iterable[Item]) -> None:
        """Enrol pristine items."""
        for item in references:
            subject = self._subject(item)
            inspection = r.Inspection(
                subject=subject,
                scores=_scores(0.01, 0.01),
                embedding=embedded(item, self.random),
                features_key="f/x.icf",
                versions={"model.gallery_encoder": ENCODER},
                inspected_at=subject.captured_at,
            )
            decided = decide.enrolled(self.ledger, inspection, "k", subject.captured_at)
            if decided is not None:
                self._take(decided)

    def see(self, item: Item) -> tuple[r.Fit, bool]:
        """An item is photographed; returns how it looked, and whether the mesh took it for damaged."""
        fit, reference_id = r.Fit.UNSEEN, None
        if self.gallery is not None and self.gallery.references and self.gallery.confirmed:
            fit, k = best(item, self.shown, self.sight, self.random)
            reference_id = self.gallery.references[k].reference_id
        damaged, missing = scored(item, self.sight, self.random)
        alarmed = alarm(fit, damaged, self.random)
        looked_at = self.people is not None and (alarmed or self.random.random() < self.people.sample)
        # The mesh has an assessment of every item. Most say nothing of galleries, and making them is most of the work.
        if looked_at or not self.silent(item, fit):
            found = self._assessment(item, fit, reference_id, damaged, missing)
            self._told(found)
            if self.people is not None and looked_at:
                self.pending.append(
                    (item.number + self.people.delay, self._verdict(item, found, self.people))
                )
        while self.pending and self.pending[0][0] <= item.number:
            self._told(self.pending.popleft()[1])
        return fit, alarmed

    def silent(self, item: Item, fit: r.Fit) -> bool:
        """Whether an item's assessment is let go at once; `tests/loadtest/test_gallery_proof.py` holds this to it."""
        return fit is r.Fit.SAME and not item.other_product and self.several < 2

    def shows(self, print_: str) -> bool:
        """Whether a confirmed reference shows this print."""
        return self.confirmed and any(item.print == print_ for item in self.shown)

    @property
    def confirmed(self) -> bool:
        """Whether there are references that items are judged by."""
        return self.gallery is not None and self.gallery.confirmed and bool(self.shown)

    def poisoned(self) -> bool:
        """Whether a reference shows what it must not."""
        return self.confirmed and not all(item.intact for item in self.shown)

    # -- as the mesh tells it -------------------------------------------------------------------------------------

    def _subject(self, item: Item) -> r.Subject:
        capture_id = uuid5(_NAMES, str(item.number))
        self.items[capture_id] = item
        at = BEGIN + BETWEEN * item.number
        return r.Subject(
            capture_id=capture_id,
            item_id=f"i{item.number}",
            tote_id=item.tote,
            lot_id=item.lot,
            station_id="s",
            center_id="c",
            stage=r.Stage.PICK,
            barcode="b",
            captured_at=at,
            deadline_at=at,
        )

    def _assessment(
        self, item: Item, fit: r.Fit, reference_id: UUID | None, damaged: float, missing: float
    ) -> r.Assessment:
        subject = self._subject(item)
        recognised = item.other_product and self.random.random() < self.sight.known
        product_id = "P2" if recognised else PRODUCT
        outcome = r.Outcome(
            stage=subject.stage,
            product_id=product_id,
            captured_at=subject.captured_at,
            damaged=False,
            severity=r.Severity.NONE,
        )
        return r.Assessment(
            assessment_id=subject.capture_id,
            item_id=subject.item_id,
            revision=1,
            cause=r.CauseKind.CAPTURE,
            cause_id=subject.capture_id,
            subject=subject,
            product_id=product_id,
            product=_facts(self.units),
            scanned_product_id=PRODUCT,
            scores=_scores(damaged, missing),
            comparison=None if recognised else _comparison(fit, reference_id),
            probability=damaged,
            damaged=False,
            tolerated=False,
            severity=r.Severity.NONE,
            reason="",
            outcome=outcome,
            versions={"model.gallery_encoder": ENCODER},
            assessed_at=subject.captured_at,
        )

    def _verdict(self, item: Item, found: r.Assessment, people: People) -> r.Assessment:
        misses = people.misses_short if item.fault == "short" else people.misses
        bad = item.fault is not None and self.random.random() >= misses
        bad = bad or (item.fault is None and self.random.random() < people.wrong)
        other = item.other_product and self.random.random() < people.corrects_product
        kinds = ("missing_unit",) if item.fault == "short" else ("deformation",)
        return replace(
            found,
            revision=2,
            cause=r.CauseKind.LABEL,
            product_id="P2" if other else found.product_id,
            verdict=r.Verdict.DAMAGED if bad else r.Verdict.INTACT,
            defect_types=kinds if bad else (),
            previous=found.outcome,
        )

    def _told(self, assessment: r.Assessment) -> None:
        for found in sightings(assessment, lambda p: self.gallery if p == PRODUCT else None, Limits()):
            if found.product_id == PRODUCT:
                self._weigh(found)

    def _weigh(self, sighting: r.Sighting) -> None:
        looked = Looked(sighting=sighting)
        if decide.needs_picture(self.ledger, sighting, self.offset):
            looked = self._looked(sighting)
        decided = decide.weighed(self.ledger, looked, self.offset, sighting.captured_at)
        self.offset += 1
        if decided is not None:
            self._take(decided)

    def _take(self, decided: Decided) -> None:
        told = [*decided.changes, *([decided.ledger.newest] if decided.moved else [])]
        self.events.update(str(c.event) for c in told if c is not None)
        self.ledger = decided.ledger
        if decided.moved:
            self.gallery = gallery_of(self.ledger)
            self.shown = [self.items[x.reference_id] for x in self.gallery.references]
            self.several = len(looks(self.gallery.references))

    def _looked(self, sighting: r.Sighting) -> Looked:
        item = self.items[sighting.capture_id]
        picture = r.Reference(
            reference_id=sighting.capture_id,
            features_key="f/x.icf",
            embedding=embedded(item, self.random),
            enrolled_at=sighting.captured_at,
            item_id=sighting.item_id,
        )
        found = Looked(sighting=sighting, picture=picture)
        for trial in self.ledger.trials:
            nearest = self.random.sample(trial.shown, min(HELD, len(trial.shown)))
            held: dict[UUID, bool] = {}
            for shown in nearest:
                fit = beside(item, self.items[shown.reference_id], self.sight, self.random)
                held[shown.reference_id] = fit is r.Fit.SAME
                if not any(held.values()):
                    break
            if of_it(held) and sum(held.values()) > sum(found.held.values()):
                found = replace(found, alike=trial.trial_id, held=held)
        return found


def _scores(damaged: float, missing: float) -> r.Scores:
    return r.Scores(
        damaged=damaged,
        major=0.0,
        deformation=0.0,
        actuation=0.0,
        deconstruction=0.0,
        penetration=0.0,
        superficial=0.0,
        spillage=0.0,
        missing_unit=missing,
    )


def _facts(units: int) -> r.ProductFacts:
    return r.ProductFacts(
        vendor_id="v", category="c", material="m", unit_count=units, price_cents=1, hazardous=False
    )


def _comparison(fit: r.Fit, reference_id: UUID | None) -> r.Comparison | None:
    if fit is r.Fit.UNSEEN:
        return None
    sure = 2.0
    return r.Comparison(
        foreign=0.0,
        missing=0.0,
        references=HELD,
        gallery_version=1,
        heat=b"",
        changed_logit=sure if fit is r.Fit.CHANGED else -sure,
        missing_logit=-sure,
        mismatch_logit=sure if fit is r.Fit.OTHER else -sure,
        inliers=20,
        image=0,
        reference_id=reference_id,
    )


# -- streams of items ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Stock:
    """Where items come from: deliveries in circulation, a few at a time, and totes of a few items."""

    random: Random
    lots_at_once: int = 10
    known_lots: bool = True
    number: int = 0
    lots: dict[str, list[str]] = field(default_factory=dict)

    def item(self, print_: str, **given: Any) -> Item:  # noqa: ANN401 (fields of Item)
        """The next item of this print."""
        self.number += 1
        side = self.random.choices(range(len(SIDES)), SIDES)[0]
        lot = given.pop("lot", None) or self._lot(print_)
        return Item(
            number=self.number,
            print=print_,
            side=side,
            lot=lot if self.known_lots else None,
            tote=f"t{self.number // 3 if self.random.random() < 0.5 else 10**6 + self.number}",
            **given,
        )

    def _lot(self, print_: str) -> str:
        lots = self.lots.setdefault(print_, [])
        if len(lots) < self.lots_at_once:
            lots += [f"{print_}-{self.number}-{k}" for k in range(self.lots_at_once - len(lots))]
        if self.random.random() < 0.01:  # a delivery is used up, and another one comes
            lots[self.random.randrange(len(lots))] = f"{print_}-{self.number}"
        return self.random.choice(lots)


def begun(random: Random, sight: Eyes, people: People | None, **stock: Any) -> tuple[Shop, Stock]:  # noqa: ANN401
    """A product whose old design is in its gallery, from all sides."""
    shop = Shop(sight=sight, random=random, people=people, units=random.choice((1, 1, 3, 6)))
    store = Stock(random=random, **stock)
    shop.enrol(replace(store.item("old"), side=side) for side in (0, 0, 0, 1, 1, 2))
    return shop, store


# -- what is measured ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Alarms:
    """False alarms on intact items."""

    items: int = 0
    false: int = 0

    def count(self, alarmed: bool) -> None:  # noqa: FBT001 (what happened)
        """Count one intact item."""
        self.items += 1
        self.false += alarmed

    @property
    def share(self) -> float:
        """Share of intact items."""
        return self.false / self.items if self.items else 0.0


def redesign(seed: int, people: People | None, *, most: int = 400, **stock: Any) -> dict[str, Any]:  # noqa: ANN401
    """A design is replaced: half of the items are still of the old one for a while, then fewer and fewer."""
    random = Random(f"redesign {seed}")
    shop, store = begun(random, eyes(random), people, **stock)
    before, meanwhile, after = Alarms(), Alarms(), Alarms()
    for _ in range(500):
        before.count(shop.see(store.item("old"))[1])
    new = 0
    while not shop.shows("new") and new < most:
        print_ = "new" if random.random() < 0.5 else "old"
        new += print_ == "new"
        alarmed = shop.see(store.item(print_))[1]
        if print_ == "new":
            meanwhile.count(alarmed)
    absorbed = shop.shows("new")
    for k in range(500):
        print_ = "new" if random.random() < min(1.0, 0.5 + k / 500) else "old"
        after.count(shop.see(store.item(print_))[1])
    return {
        "absorbed": absorbed,
        "items": new,
        "before": before.share,
        "meanwhile": meanwhile.share,
        "after": after.share,
        "old_kept": shop.shows("old"),
        "poisoned": shop.poisoned(),
    }


KINDS = ("damaged", "short", "barcode")


def deliveries_at_fault(random: Random) -> int:
    """Deliveries that a fault spreads over: mostly one, a wrong setting may last for some."""
    return random.choices((1, 2, 3, 4), (0.7, 0.18, 0.08, 0.04))[0]


def poison(
    kind: str, seed: int, people: People | None, *, lots: int | None = None, worst: bool = False
) -> dict[str, Any]:
    """A batch that must not get in: some 60 items of it among 90 of the usual ones, then 300 usual ones."""
    random = Random(f"poison {kind} {seed}")
    sight = eyes(random)
    if worst:  # no model sees the fault, the wrong product is nowhere known, and the damage hides the print
        sight = replace(sight, blind=True, known=0.0, crushed=max(sight.crushed, 0.5))
    shop, store = begun(random, sight, people)
    shop.units = 3 if kind == "short" else shop.units
    at_fault = [f"bad-{k}" for k in range(lots or deliveries_at_fault(random))]
    ever = False
    for k in range(450):
        bad = k < 150 and random.random() < 0.4
        shop.see(_bad(kind, store, "old", random.choice(at_fault)) if bad else store.item("old"))
        ever = ever or shop.poisoned()
    return {"in": ever, "lots": len(at_fault), "blind": sight.blind, "proposed": shop.events["PROPOSED"] > 0}


def after_redesign(kind: str, seed: int, people: People | None) -> dict[str, Any]:
    """The same in deliveries of a design that has just been promoted, with its other sides still to come."""
    random = Random(f"after {kind} {seed}")
    shop, store = begun(random, eyes(random), people)
    shop.units = 3 if kind == "short" else shop.units
    for _ in range(60):
        shop.see(store.item("new" if random.random() < 0.5 else "old"))
    at_fault = random.sample(store.lots["new"], deliveries_at_fault(random))
    ever = False
    for _ in range(300):
        bad = random.random() < 0.2
        shop.see(_bad(kind, store, "new", random.choice(at_fault)) if bad else store.item("new"))
        ever = ever or shop.poisoned()
    return {"in": ever, "lots": len(at_fault), "blind": shop.sight.blind, "proposed": False}


def _bad(kind: str, store: Stock, print_: str, lot: str) -> Item:
    if kind == "barcode":
        return store.item("foreign", lot=lot, other_product=True)
    return store.item(print_, lot=lot, fault="crushed" if kind == "damaged" else "short")


def cold(seed: int, people: People | None, *, bad: str | None = None) -> dict[str, Any]:
    """A product without references: its first items are intact, or `bad` and of one delivery."""
    random = Random(f"cold {seed} {bad}")
    shop = Shop(sight=eyes(random), random=random, people=people, units=3)
    store = Stock(random=random)
    first = sure = None
    poisoned = False
    for k in range(300):
        item = _bad(bad, store, "old", "bad-0") if bad is not None and k < 60 else store.item("old")
        shop.see(item)
        if first is None and shop.shown:
            first = k + 1
        if sure is None and shop.confirmed:
            sure = k + 1
        poisoned = poisoned or shop.poisoned()
    return {"first": first, "confirmed": sure, "poisoned": poisoned}


# -- the report ---------------------------------------------------------------------------------------------------


Each = Callable[[Callable[[int], dict[str, Any]], Iterable[int]], Iterable[dict[str, Any]]]
Batch = Callable[..., dict[str, Any]]


def redesigns(seeds: int, people: People | None, each: Each = map, **stock: Any) -> dict[str, Any]:  # noqa: ANN401
    """Many redesigns, summed up. `each`: applies a function to every seed; `stock`: of Stock."""
    found = list(each(partial(redesign, people=people, **stock), range(seeds)))
    taken = [f for f in found if f["absorbed"]]
    items = sorted(f["items"] if f["absorbed"] else math.inf for f in found)
    return {
        "redesigns": seeds,
        "absorbed": len(taken),
        "within_20": sum(n <= 20 for n in items),
        "items_median": statistics.median(items),
        "items_most": items[-1],
        "before": statistics.mean(f["before"] for f in found),
        "meanwhile": statistics.mean(f["meanwhile"] for f in found),
        "after": statistics.mean(f["after"] for f in taken) if taken else None,
        "after_under_1": sum(f["after"] < 0.01 for f in taken),
        "old_kept": sum(f["old_kept"] for f in taken),
        "poisoned": sum(f["poisoned"] for f in found),
    }


def batches(
    seeds: int,
    people: People | None,
    batch: Batch = poison,
    each: Each = map,
    **how: Any,  # noqa: ANN401 (of batch)
) -> dict[str, dict[str, int]]:
    """Many batches of each kind, summed up."""
    made = {}
    for kind in KINDS:
        found = list(each(partial(batch, kind, people=people, **how), range(seeds)))
        made[kind] = {
            "batches": seeds,
            "in": sum(f["in"] for f in found),
            "unseen_by_the_classifier": sum(f["blind"] for f in found),
            "of_several_deliveries": sum(f["lots"] > 1 for f in found),
            "shown_to_people": sum(f["proposed"] for f in found),
        }
    return made


def colds(seeds: int, people: People | None, each: Each = map) -> dict[str, dict[str, Any]]:
    """Many products without references, whose first 60 items are intact, or bad and of one delivery."""
    made = {}
    for bad in (None, *KINDS):
        found = list(each(partial(cold, people=people, bad=bad), range(seeds)))
        made[bad or "intact"] = {
            "products": seeds,
            "first_references_median": statistics.median(f["first"] or math.inf for f in found),
            "confirmed_median": statistics.median(f["confirmed"] or math.inf for f in found),
            "poisoned": sum(f["poisoned"] for f in found),
        }
    return made


def measure(seeds: int, each: Each = map) -> dict[str, Any]:
    """Everything. `seeds`: redesigns, and batches of each kind; some of what is beside them is done less often."""
    report: dict[str, Any] = {"redesigns": {}, "batches": {}, "after_redesign": {}, "cold": {}}
    for name, people in (("nobody", None), ("people", People())):
        report["redesigns"][name] = redesigns(seeds, people, each)
        report["batches"][name] = batches(seeds, people, poison, each)
        report["after_redesign"][name] = batches(seeds // 2, people, after_redesign, each)
        report["cold"][name] = colds(seeds // 5, people, each)
    report["redesigns"]["five deliveries"] = redesigns(seeds // 2, None, each, lots_at_once=5)
    report["redesigns"]["one delivery"] = redesigns(seeds // 2, People(), each, lots_at_once=1)
    report["redesigns"]["deliveries unknown"] = redesigns(seeds // 2, People(), each, known_lots=False)
    many = range(1, 9)
    report["beyond"] = {
        how: {
            lots: {
                k: row["in"]
                for k, row in batches(seeds // 10, None, poison, each, lots=lots, worst=worst).items()
            }
            for lots in many
        }
        for how, worst in (("as seen", False), ("nothing seen", True))
    }
    return report


def targets_missed(report: dict[str, Any]) -> list[str]:
    """What was promised and is not so."""
    missed = []
    for name in ("nobody", "people"):
        row = report["redesigns"][name]
        if row["within_20"] < 0.9 * row["redesigns"]:
            missed.append(f"{name}: {row['within_20']} of {row['redesigns']} redesigns within 20 items")
        if row["after"] is None or row["after"] >= 0.01:
            missed.append(f"{name}: false alarms of {row['after']} after a redesign")
        inside = {kind: found["in"] for kind, found in report["batches"][name].items() if found["in"]}
        if inside:
            missed.append(f"{name}: batches got in: {inside}")
    return missed


def table(report: dict[str, Any]) -> str:
    """The report as lines for people."""
    lines = [
        "redesigns           n  within 20  items: median, most  false alarms: before  meanwhile  after  under 1 %"
    ]
    for name, x in report["redesigns"].items():
        after = f"{x['after']:.2%}" if x["after"] is not None else "-"
        lines.append(
            f"  {name:18}{x['redesigns']:3}  {x['within_20']:9}  {x['items_median']:13}, {x['items_most']:4}"
            f"  {x['before']:20.2%}  {x['meanwhile']:9.2%}  {after:>5}  {x['after_under_1']:3} of {x['absorbed']}"
        )
    for title in ("batches", "after_redesign"):
        lines.append(f"{title:20}n   in  classifier sees nothing  several deliveries  shown to people")
        for name, kinds in report[title].items():
            for kind, x in kinds.items():
                a, b, c, d, e = x.values()
                lines.append(f"  {name + ', ' + kind:18}{a:3}  {b:3}  {c:23}  {d:18}  {e:15}")
    lines.append("without references  n  first references after  confirmed after  poisoned")
    for name, kinds in report["cold"].items():
        for kind, x in kinds.items():
            a, b, c, d = x.values()
            lines.append(f"  {name + ', ' + kind:18}{a:3}  {b:22}  {c:15}  {d:8}")
    lines.append("beyond what is assumed: batches that got in without people, by deliveries at fault")
    for how, by_lots in report["beyond"].items():
        for kind in KINDS:
            row = "  ".join(f"{lots}: {found[kind]:2}" for lots, found in by_lots.items())
            lines.append(f"  {how}, {kind:9} {row}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run it and print the tables; returns 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.gallery_proof")
    parser.add_argument(
        "--seeds", type=int, default=100, help="redesigns, and batches of each of three kinds"
    )
    parser.add_argument("--processes", type=int, default=2, help="how many work at it")
    parser.add_argument("--report", type=Path, help="write everything as JSON here")
    asked = parser.parse_args(arguments)
    with ProcessPoolExecutor(asked.processes) as pool:
        report = measure(asked.seeds, partial(pool.map, chunksize=5))
    print(table(report))
    if asked.report is not None:
        asked.report.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    missed = targets_missed(report)
    for line in missed:
        print(f"MISSED  {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
