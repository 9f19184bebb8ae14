"""The proof that thresholds keep their budget: `python -m loadtest.budget`.

A million items, one in a thousand damaged, go through the rules that `sideline` and `calibrate` go by; the belt, its
truth and what is measured are made here and share nothing with them. Three parts: a steady belt (is the budget held,
and what does that cost in recall against the best fixed threshold in hindsight), one whose scores drift and whose
camera is changed (excess and delay), and hours with more candidates than annotators (regret against hindsight).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.calibrate import decide as calibrate
from services.calibrate import outcomes
from services.calibrate.evidence import labels_needed
from services.calibrate.ledger import Ledger
from services.kernel import records as r
from services.kernel.thresholds import Plan, in_force
from services.sideline import decide as sideline

Floats = npt.NDArray[np.float64]

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
PER_SECOND = 10
PREVALENCE = 1 / 1000
CHUNK = 1000
#: People look at a pulled item 20 minutes later.
LABEL_DELAY = 20 * 60 * PER_SECOND
#: Intact pictures that the model's own calibration rests on, as for the shipped classifier.
VALIDATION = 1440

# -- the belt: log-odds that a classifier gives, as mixtures of normal distributions -----------------------------------

#: (share, mean, deviation). Most intact items look it; some (creased film, odd prints) do not.
INTACT = ((0.97, -4.0, 1.3), (0.03, -0.5, 1.6))
#: Most damage is plain; a quarter (minor, or on the far side) hardly shows.
DAMAGED = ((0.75, 4.5, 2.0), (0.25, -1.0, 1.8))
#: Validation pictures are a little easier than the belt.
EASIER = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How far the log-odds of intact items, and of those that look odd, are shifted from item `begin` on.

    `over`: items over which the shift is reached, evenly.
    """

    name: str
    begin: int
    over: int = 1
    all_by: float = 0.0
    odd_by: float = 0.0


def shifts(regimes: Sequence[Regime], items: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The two shifts of the items with these numbers."""
    everything, odd = np.zeros(len(items)), np.zeros(len(items))
    for regime in regimes:
        part = np.clip((items - regime.begin) / regime.over, 0.0, 1.0)
        everything += part * regime.all_by
        odd += part * regime.odd_by
    return everything, odd


def true_share(threshold: float, everything: float = 0.0, odd: float = 0.0) -> float:
    """Share of intact items at or above a threshold, by formula."""
    if threshold >= 1.0:
        return 0.0
    cut = math.log(threshold / (1 - threshold))
    moved = (everything, everything + odd)
    return sum(
        share * 0.5 * math.erfc((cut - mean - by) / (deviation * math.sqrt(2)))
        for (share, mean, deviation), by in zip(INTACT, moved, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Belt:
    """Items in order: score, whether damaged, and where each lies in the sample."""

    score: Floats
    damaged: npt.NDArray[np.bool_]
    place: Floats


def draw(items: int, rng: np.random.Generator, regimes: Sequence[Regime] = ()) -> Belt:
    """Draw a belt."""
    damaged = rng.random(items) < PREVALENCE
    kind = rng.random(items)
    normal = rng.standard_normal(items)
    everything, odd = shifts(regimes, np.arange(items))
    plain, strange = INTACT
    is_odd = kind >= plain[0]
    log_odds = (
        np.where(is_odd, strange[1] + odd + strange[2] * normal, plain[1] + plain[2] * normal) + everything
    )
    hard = kind >= DAMAGED[0][0]
    hurt = np.where(hard, DAMAGED[1][1] + DAMAGED[1][2] * normal, DAMAGED[0][1] + DAMAGED[0][2] * normal)
    score = 1 / (1 + np.exp(-np.where(damaged, hurt, log_odds)))
    return Belt(score=score.astype(np.float32).astype(np.float64), damaged=damaged, place=rng.random(items))


def model_start(budget: float, rng: np.random.Generator) -> float:
    """The model's own threshold: the budget's share of intact validation pictures lies above it."""
    count = max(VALIDATION, math.ceil(3 / budget))
    seen = rng.random(count) >= INTACT[0][0]
    normal = rng.standard_normal(count)
    log_odds = (
        np.where(seen, INTACT[1][1] + INTACT[1][2] * normal, INTACT[0][1] + INTACT[0][2] * normal) - EASIER
    )
    cut = float(np.quantile(log_odds, 1 - budget))
    return float(np.float32(1 / (1 + math.exp(-cut))))


# -- a run -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Run:
    """What came of one belt. `rows`: (item number, row)."""

    items: int
    start: float
    intact: int = 0
    damaged: int = 0
    wrongly: int = 0
    caught: int = 0
    labels: int = 0
    drawn: int = 0
    rows: list[tuple[int, r.Threshold]] = field(default_factory=list)
    #: Intact and wrongly sidelined items, and the threshold in force, of each thousand items.
    by_chunk: list[tuple[int, int, float]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of intact items sidelined."""
        return self.wrongly / max(1, self.intact)

    @property
    def recall(self) -> float:
        """Share of damaged items sidelined."""
        return self.caught / max(1, self.damaged)


def run(belt: Belt, budget: float, start: float, *, sample_rate: float = 0.01) -> Run:
    """Send a belt through the rules, chunk by chunk; every pulled item is labelled, later."""
    items = len(belt.score)
    known: dict[str, r.LabelledOutcome] = {}
    ledger = Ledger(known.get, budget, start)
    place = calibrate.Place(
        center_id="FRA1", stage=r.Stage.PICK, group="toys", start=start, sample_rate=sample_rate
    )
    row: r.Threshold | None = None
    waiting: deque[tuple[int, list[r.LabelledOutcome]]] = deque()
    done = Run(items=items, start=start, damaged=int(belt.damaged.sum()))
    done.intact = items - done.damaged
    for begin in range(0, items, CHUNK):
        at = BEGIN + timedelta(seconds=begin / PER_SECOND)
        learned = False
        while waiting and waiting[0][0] <= begin:
            for found in waiting.popleft()[1]:
                key = outcomes.row_key(found)
                ledger.put(key, None, found)
                known[key] = found
                learned = True
        if learned:
            made = calibrate.next_threshold(ledger, row, place, at)
            if made is not None:
                row = made
                done.rows.append((begin, made))
                ledger.follow(made.budget, made.threshold, made.evidence_from)
        # The row comes into force seconds later, so with the next chunk.
        plan = in_force(row, at, start, sample_rate)
        end = min(items, begin + CHUNK)
        pulled = _decide(belt, begin, end, plan, at, done)
        waiting.append((end + LABEL_DELAY, pulled))
    return done


def _decide(belt: Belt, begin: int, end: int, plan: Plan, at: datetime, done: Run) -> list[r.LabelledOutcome]:
    score, damaged, place = belt.score[begin:end], belt.damaged[begin:end], belt.place[begin:end]
    # Who lies below every threshold and is not drawn at any rate passes, as the rules would say (a test holds that).
    lowest = plan.threshold if plan.border is None else min(plan.threshold, plan.border)
    some = np.flatnonzero((score >= lowest) | (place < plan.sample_rate))
    pulled: list[r.LabelledOutcome] = []
    before = done.wrongly
    for number in some.tolist():
        s, hurt = float(score[number]), bool(damaged[number])
        wanted = sideline.wanted(s, plan)
        if not wanted and place[number] >= plan.rate(s):
            continue
        labelling = sideline.labelling(s, plan, at, 1.0, admitted=wanted)
        done.labels += 1
        done.drawn += not wanted
        done.wrongly += wanted and not hurt
        done.caught += wanted and hurt
        pulled.append(
            r.LabelledOutcome(
                item_id=str(begin + number),
                revision=2,
                center_id="FRA1",
                stage=r.Stage.PICK,
                group="toys",
                probability=s,
                damaged=hurt,
                weight=outcomes.weight(labelling),
                pulled_revision=1,
                labelling=labelling,
            )
        )
    done.by_chunk.append((int((~damaged).sum()), done.wrongly - before, plan.threshold))
    return pulled


def best_fixed(belt: Belt, budget: float) -> float:
    """Recall of the lowest fixed threshold that, in hindsight, keeps the budget on this very belt."""
    intact = np.sort(belt.score[~belt.damaged])[::-1]
    cut = intact[int(budget * len(intact))]
    return float((belt.score[belt.damaged] > cut).mean())


# -- what is reported ----------------------------------------------------------------------------------------------

DRIFT = (Regime(name="drift", begin=400_000, over=100_000, odd_by=1.0),)
CAMERA = Regime(name="another camera", begin=700_000, all_by=0.7)
WITHIN = 0.03
CONFIDENCE = 0.95


def steady(items: int, seeds: int, budget: float) -> dict[str, Any]:
    """Belts that do not change."""
    shares, losses, recalls, labels, unsafe, began = [], [], [], [], 0, []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 1])
        belt = draw(items, rng)
        start = model_start(budget, rng)
        done = run(belt, budget, start)
        shares.append(done.share)
        recalls.append(done.recall)
        losses.append(best_fixed(belt, budget) - done.recall)
        labels.append(done.labels)
        began.append(true_share(start))
        unsafe += any(x.confirmed and true_share(x.threshold) > budget for _, x in done.rows)
    return {
        "budget": budget,
        "items": items,
        "seeds": seeds,
        "held": sum(s <= budget for s in shares),
        "seeds_with_an_unsafe_confirmed_threshold": unsafe,
        "share_mean": float(np.mean(shares)),
        "share_max": float(np.max(shares)),
        "start_share_mean": float(np.mean(began)),
        "start_over_budget": sum(b > budget for b in began),
        "recall_mean": float(np.mean(recalls)),
        "recall_lost_mean": float(np.mean(losses)),
        "recall_lost_max": float(np.max(losses)),
        "within_3_points": sum(x <= WITHIN for x in losses),
        "labels_per_million_items": float(np.mean(labels)) * 1e6 / items,
        "labels_needed": labels_needed(budget),
    }


def changing(items: int, seeds: int, budget: float) -> dict[str, Any]:
    """Belts that drift and then get another camera; places scale with the number of items."""
    scale = items / 1_000_000
    regimes = [
        dataclasses.replace(x, begin=int(x.begin * scale), over=max(1, int(x.over * scale)))
        for x in (*DRIFT, CAMERA)
    ]
    found: dict[str, list[dict[str, float]]] = {x.name: [] for x in regimes}
    shares = []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 2])
        belt = draw(items, rng, regimes)
        done = run(belt, budget, model_start(budget, rng))
        shares.append(done.share)
        for number, regime in enumerate(regimes):
            end = regimes[number + 1].begin if number + 1 < len(regimes) else items
            found[regime.name].append(_excess(done, regimes, regime.begin, end, budget))
    return {
        "budget": budget,
        "items": items,
        "seeds": seeds,
        "held_over_the_whole_belt": sum(s <= budget for s in shares),
        "share_mean": float(np.mean(shares)),
        **{name: _summed(each) for name, each in found.items()},
    }


def _excess(done: Run, regimes: Sequence[Regime], begin: int, end: int, budget: float) -> dict[str, float]:
    """Between two changes: when the threshold in force began to break the budget, was raised, and kept it again."""
    chunks = range(begin // CHUNK, end // CHUNK)
    moved = [shifts(regimes, np.array([n * CHUNK])) for n in chunks]
    true = [
        true_share(done.by_chunk[n][2], float(all_by[0]), float(odd_by[0]))
        for n, (all_by, odd_by) in zip(chunks, moved, strict=True)
    ]
    over = [n for n, share in zip(chunks, true, strict=True) if share > budget]
    raised = [at for at, row in done.rows if row.cause == "DRIFT" and begin <= at < end]
    return {
        "over": float(bool(over)),
        "noticed": float(bool(over and raised)),
        "delay_items": float(raised[0] - over[0] * CHUNK) if over and raised else math.nan,
        "items_over_budget": float(len(over) * CHUNK),
        "peak": max(true) / budget,
        "excess_items": sum(done.by_chunk[n][1] - budget * done.by_chunk[n][0] for n in over),
    }


def _summed(each: list[dict[str, float]]) -> dict[str, float]:
    delays = [x["delay_items"] for x in each if x["noticed"]]
    return {
        "broke_the_budget": sum(x["over"] for x in each),
        "noticed": sum(x["noticed"] for x in each),
        "delay_items_median": float(np.median(delays)) if delays else math.nan,
        "delay_items_90": float(np.quantile(delays, 0.9)) if delays else math.nan,
        "items_over_budget_mean": float(np.mean([x["items_over_budget"] for x in each])),
        "peak_share_of_budget_mean": float(np.mean([x["peak"] for x in each])),
        "wrongly_sidelined_beyond_budget_mean": float(np.mean([x["excess_items"] for x in each])),
    }


# -- more candidates than annotators ----------------------------------------------------------------------------


def _template() -> r.Assessment:
    subject = r.Subject(
        capture_id=_uuid(0),
        item_id="0",
        station_id="s",
        center_id="FRA1",
        stage=r.Stage.PACK,
        captured_at=BEGIN,
        deadline_at=BEGIN + timedelta(days=365),
    )
    product = r.ProductFacts(
        vendor_id="V", category="toys", material="glass", unit_count=1, price_cents=1, hazardous=False
    )
    scores = r.Scores(**{f.name: 0.0 for f in dataclasses.fields(r.Scores)})
    outcome = r.Outcome(stage=r.Stage.PACK, captured_at=BEGIN, damaged=True, severity=r.Severity.MAJOR)
    return r.Assessment(
        assessment_id=_uuid(0),
        item_id="0",
        revision=1,
        cause=r.CauseKind.CAPTURE,
        cause_id=_uuid(0),
        subject=subject,
        product=product,
        scores=scores,
        probability=1.0,
        damaged=True,
        tolerated=False,
        severity=r.Severity.MAJOR,
        reason="",
        outcome=outcome,
        assessed_at=BEGIN,
    )


def _uuid(number: int) -> UUID:
    return UUID(int=number)


def crowded(hours: int, seeds: int, *, candidates: int = 300, places: int = 120) -> dict[str, Any]:
    """Hours with more candidates than places: expected cost avoided, against hindsight and first come, first served.

    Candidates are calibrated (a quarter of them is damaged), prices lie over two powers of ten, and the flow swells
    and ebbs within the hour and over the day.
    """
    won = best = first = 0.0
    plan = Plan(threshold=0.01)
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 3])
        before: r.SidelineBudget | None = None
        for hour in range(hours):
            row: r.SidelineBudget | None = None
            costs: list[float] = []
            for item, cost in _hour(rng, hour, candidates):
                costs.append(cost)
                made = sideline.admit(
                    item, plan, sideline.Hour(row=row, before=before, per_hour=places), item.assessed_at
                )
                row = made.changed or row
                won += cost if made.action is r.SidelineAction.SIDELINE else 0.0
            best += sum(sorted(costs)[-places:])
            first += sum(costs[:places])
            before = row
    return {
        "hours": hours * seeds,
        "candidates_per_hour": candidates,
        "places_per_hour": places,
        "avoided_of_hindsight": won / best,
        "regret": 1 - won / best,
        "first_come_regret": 1 - first / best,
    }


def _hour(rng: np.random.Generator, hour: int, candidates: int) -> Iterator[tuple[r.Assessment, float]]:
    count = int(rng.poisson(candidates * (1 + 0.3 * math.sin(hour / 24 * 2 * math.pi))))
    # Arrivals gather around the middle of some hours, around the ends of others.
    bend = 2.0 if hour % 2 else 0.8
    moments = np.sort(rng.beta(bend, bend, count))
    chance = rng.beta(0.5, 1.5, count).clip(0.02, 1.0)
    price = np.exp(rng.normal(7.5, 1.0, count)).astype(int) + 100
    begin = BEGIN + timedelta(hours=hour)
    blank = _template()
    for number in range(count):
        at = begin + timedelta(hours=float(min(moments[number], 0.999999)))
        item = dataclasses.replace(
            blank,
            item_id=f"{hour}-{number}",
            subject=dataclasses.replace(blank.subject, captured_at=at),
            product=dataclasses.replace(blank.product, price_cents=int(price[number])),  # type: ignore[type-var]
            probability=float(chance[number]),
            assessed_at=at,
        )
        # At packing: five in the currency, and four fifths of the price.
        yield item, float(chance[number]) * (500 + 0.8 * int(price[number]))


# -- the command ------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Run the proof and print what came of it; 1 if a target was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.budget", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--items", type=int, default=1_000_000, help="items of each belt")
    parser.add_argument("--seeds", type=int, default=100, help="belts of each kind")
    parser.add_argument(
        "--budget", type=float, action="append", help="share of intact items; 0.01 and 0.001 unless given"
    )
    parser.add_argument("--report", help="write all figures here, as JSON")
    given = parser.parse_args(arguments)
    began = time.process_time()
    found: dict[str, Any] = {"steady": [], "changing": []}
    for budget in given.budget or [0.01, 0.001]:
        found["steady"].append(steady(given.items, given.seeds, budget))
        _show("a steady belt", found["steady"][-1])
        found["changing"].append(changing(given.items, given.seeds, budget))
        _show("a belt that drifts, then another camera", found["changing"][-1])
    found["crowded"] = crowded(24, max(1, given.seeds // 10))
    _show("more candidates than places", found["crowded"])
    found["cpu_s"] = time.process_time() - began
    missed = targets_missed(found)
    print(f"{found['cpu_s']:.0f} s of CPU; " + ("; ".join(missed) if missed else "all targets are met"))
    if given.report:
        Path(given.report).write_text(json.dumps(found | {"missed": missed}, indent=1), encoding="utf-8")
    return 1 if missed else 0


def targets_missed(found: dict[str, Any]) -> list[str]:
    """What the issue asks for and these figures do not show."""
    missed = []
    for x in found["steady"]:
        if x["held"] < CONFIDENCE * x["seeds"]:
            missed.append(f"budget {x['budget']:.1%} held in {x['held']} of {x['seeds']} belts only")
        if x["recall_lost_mean"] > WITHIN:
            missed.append(f"budget {x['budget']:.1%}: {x['recall_lost_mean']:.1%} of recall lost")
    return missed


def _show(title: str, figures: dict[str, Any], indent: str = "") -> None:
    print(f"{indent}{title}")
    for name, value in figures.items():
        if isinstance(value, dict):
            _show(name, value, indent + "  ")
        else:
            shown = f"{value:.5g}" if isinstance(value, float) else str(value)
            print(f"{indent}  {name.replace('_', ' ')}: {shown}")


if __name__ == "__main__":
    sys.exit(main())
