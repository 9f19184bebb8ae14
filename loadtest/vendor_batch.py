"""Supplier counts the other way: one batch over all assessments with polars, and streams of assessments to count.

Nothing here is shared with `services.vendors`; what both must know (how late is too late, where windows begin) is
written down again. `loadtest.vendor_proof` holds the two against each other.

The batch never looks at what an assessment says of its predecessor: a revision counts until the item's next revision,
at the same stage and in time, takes its place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import polars as pl

from services.kernel import records as r

#: window, start, vendor, product, packaging, stage
Key = tuple[str, datetime, str, str, str, str]
#: What is counted (items, damaged, major, arrived, wrong barcodes, type:NAME, first:STAGE, intact:STAGE) to how many;
#: no zeros.
Counts = dict[str, int]

_HOURS = timedelta(hours=72)
_ALL = timedelta(hours=28 * 24)
_TOLERANCE = timedelta(seconds=300)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_TIME = pl.Datetime("ms", "UTC")


# -- the batch ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Batch:
    """Counts of each cell, and the damaged items that stand in it as (item, revision)."""

    counts: dict[Key, Counts] = field(default_factory=lambda: defaultdict(dict))
    standing: dict[Key, set[tuple[str, int]]] = field(default_factory=lambda: defaultdict(set))


def compute(log: Iterable[r.Assessment], now: datetime) -> Batch:
    """Count a log in whatever order it is, with repeats; `now` is when it was read."""
    frame = _judged(_frame(log), now)
    found = Batch()
    for window, width in (("hour", "1h"), ("day", "1d"), ("28d", None)):
        limit = _HOURS if window == "hour" else _ALL
        late = pl.col("assessed") - pl.col("captured")
        superseded = (
            pl.col("next_counts") & (pl.col("next_assessed") - pl.col("captured") <= limit)
        ).fill_null(value=False)
        start = (
            pl.col("captured").dt.truncate(width)
            if width
            else pl.lit(_MONDAY).cast(_TIME)
            + pl.duration(
                days=((pl.col("captured") - pl.lit(_MONDAY).cast(_TIME)).dt.total_days() // 28) * 28
            )
        )
        counted = frame.filter(
            pl.col("good") & (late <= limit) & ~superseded & pl.col("vendor").is_not_null()
        )
        _collect(found, window, counted.with_columns(start=start))
    return found


def _frame(log: Iterable[r.Assessment]) -> pl.DataFrame:
    rows = [
        {
            "item": a.item_id,
            "revision": a.revision,
            "assessed": a.assessed_at,
            "judged": a.outcome.judged_at or a.assessed_at,
            "follows": a.previous is not None,
            "vendor": a.outcome.vendor_id,
            "product": a.outcome.product_id,
            "material": a.outcome.material,
            "stage": str(a.outcome.stage),
            "captured": a.outcome.captured_at,
            "damaged": a.outcome.damaged,
            "severity": str(a.outcome.severity),
            "types": list(a.outcome.defect_types),
            "looks": a.outcome.looks,
            "wrong": a.outcome.wrong_barcode,
            "earlier_damaged": a.outcome.earlier_damaged and str(a.outcome.earlier_damaged),
            "earlier_intact": a.outcome.earlier_intact and str(a.outcome.earlier_intact),
        }
        for a in log
    ]
    times = dict.fromkeys(("assessed", "judged", "captured"), _TIME)
    texts = dict.fromkeys(("vendor", "product", "material", "earlier_damaged", "earlier_intact"), pl.String)
    return pl.DataFrame(
        rows, schema_overrides={**times, **texts, "types": pl.List(pl.String)}, infer_schema_length=None
    )


def _judged(frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    good = (
        (pl.col("assessed") <= pl.lit(now + _TOLERANCE).cast(_TIME))
        & (pl.col("captured") <= pl.col("judged") + _TOLERANCE)
        & (pl.col("assessed") - pl.col("captured") <= _ALL)
    )
    return (
        frame.unique(["item", "revision"], keep="first")
        .sort("item", "revision")
        .with_columns(good=good, material=pl.col("material").fill_null("unknown"))
        .with_columns(
            product=pl.col("product").fill_null("unknown"),
            next_assessed=pl.col("assessed").shift(-1).over("item"),
            next_counts=(
                pl.col("good").shift(-1).over("item")
                & pl.col("follows").shift(-1).over("item")
                & (pl.col("stage").shift(-1).over("item") == pl.col("stage"))
            ),
        )
    )


def _collect(found: Batch, window: str, counted: pl.DataFrame) -> None:
    cell = ["start", "vendor", "product", "material", "stage"]
    damaged = counted.filter(pl.col("damaged"))
    first_look = (pl.col("looks") > 0) | (pl.col("revision") == 1)
    parts = [
        counted.select(*cell, what=pl.lit("items")),
        counted.filter(pl.col("wrong")).select(*cell, what=pl.lit("wrong barcodes")),
        damaged.select(*cell, what=pl.lit("damaged")),
        damaged.filter(pl.col("severity") == "MAJOR").select(*cell, what=pl.lit("major")),
        damaged.filter(pl.col("earlier_intact").is_null() & first_look).select(*cell, what=pl.lit("arrived")),
        damaged.with_columns(kinds=pl.col("types").list.unique())
        .explode("kinds")
        .drop_nulls("kinds")
        .select(*cell, what="type:" + pl.col("kinds")),
        damaged.select(*cell, what="first:" + pl.coalesce("earlier_damaged", "stage")),
        damaged.drop_nulls("earlier_intact").select(*cell, what="intact:" + pl.col("earlier_intact")),
    ]
    sums = pl.concat(parts).group_by(*cell, "what").len()
    for start, vendor, product, material, stage, what, n in sums.iter_rows():
        found.counts[window, start, vendor, product, material, stage][what] = n
    for start, vendor, product, material, stage, item, revision in damaged.select(
        *cell, "item", "revision"
    ).iter_rows():
        found.standing[window, start, vendor, product, material, stage].add((item, revision))


# -- streams of assessments -----------------------------------------------------------------------------------------

START = datetime(2026, 3, 2, tzinfo=UTC)
_STAGES = tuple(r.Stage)
_TYPES = ("deformation", "penetration", "spillage", "superficial")
_SCORES = r.Scores(
    damaged=0.1, major=0.0, deformation=0.0, actuation=0.0, deconstruction=0.0, penetration=0.0, superficial=0.0,
    spillage=0.0, missing_unit=0.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How a stream is drawn. Shares of items or revisions; `days` of event time."""

    items: int = 300
    days: float = 40.0
    products: int = 6
    damaged: float = 0.25
    corrected: float = 0.25
    very_late: float = 0.03
    wrong_clock: float = 0.02
    renamed: float = 0.05


def stream(seed: int, world: World) -> list[list[tuple[datetime, r.Assessment]]]:
    """Items on their way through the stages, each with all its revisions in order and when each was made."""
    random = Random(seed)
    return [_item(random, world, seed, n) for n in range(world.items)]


def _item(random: Random, world: World, seed: int, n: int) -> list[tuple[datetime, r.Assessment]]:
    known: list[tuple[datetime, r.Assessment]] = []
    at = START + timedelta(days=random.uniform(0, world.days))
    product = random.randrange(world.products)
    damaged = random.random() < world.damaged / 2
    for stage in _STAGES[random.randrange(3) :]:
        for _ in range(1 + (random.random() < 0.1)):  # sometimes photographed twice
            damaged = damaged or random.random() < world.damaged / 6
            known.append(_capture(random, world, f"{seed}-{n}", product, (stage, at, damaged), known))
            at += timedelta(hours=random.expovariate(1 / 3))
            if random.random() < world.corrected:
                known.append(_verdict(random, world, known[-1]))
                at = max(at, known[-1][0] + timedelta(minutes=1))
        if damaged and random.random() < 0.5:
            break
    return known


def _capture(
    random: Random,
    world: World,
    item_id: str,
    product: int,
    look: tuple[r.Stage, datetime, bool],
    known: Sequence[tuple[datetime, r.Assessment]],
) -> tuple[datetime, r.Assessment]:
    stage, at, damaged = look
    captured = at
    if random.random() < world.wrong_clock:
        captured += random.choice([1, -1]) * timedelta(days=random.choice([0.1, 40, 4000]))
    elif random.random() < world.very_late:
        at += timedelta(days=random.choice([2.99, 3.01, 20, 27.9, 28.1]))
    at = max([at, *(t for t, _ in known)]) + timedelta(seconds=1)
    forgotten = bool(known) and random.random() < 0.1
    last = known[-1][1].outcome if known and not forgotten else None
    looks = (0 if forgotten else 1) if last is None else last.looks + 1 if last.looks else 0
    outcome = r.Outcome(
        vendor_id=random.choice([None, *[f"V{product % 3}"] * 20]),
        product_id=f"P{product}" if random.random() < 0.95 else None,
        material=random.choice(["cardboard", "cardboard", "glass", None]),
        stage=stage,
        captured_at=captured.replace(microsecond=captured.microsecond // 1000 * 1000),
        damaged=damaged,
        severity=random.choice([r.Severity.MINOR, r.Severity.MAJOR]) if damaged else r.Severity.NONE,
        defect_types=tuple(random.sample(_TYPES, random.randrange(1, 3))) if damaged else (),
        looks=looks,
        earlier_damaged=(last.earlier_damaged or last.stage) if last is not None and last.damaged else None,
        earlier_intact=None if last is None else last.earlier_intact if last.damaged else last.stage,
        judged_at=_ms(at),
        wrong_barcode=random.random() < 0.05,
    )
    return at, _assessment(item_id, (known[-1][1].revision if known else 0) + 1, outcome, last, at)


def _verdict(
    random: Random, world: World, newest: tuple[datetime, r.Assessment]
) -> tuple[datetime, r.Assessment]:
    at, known = newest
    late = (
        timedelta(days=random.choice([2.5, 3.5, 27.0, 30.0])) if random.random() < world.very_late else None
    )
    at += late or timedelta(hours=random.expovariate(1 / 2))
    damaged = random.random() < 0.5
    outcome = replace(
        known.outcome,
        damaged=damaged,
        severity=r.Severity.MAJOR if damaged else r.Severity.NONE,
        defect_types=("penetration",) if damaged else (),
        judged_at=_ms(at),
    )
    if random.random() < world.renamed:
        product = random.randrange(world.products)
        outcome = replace(
            outcome,
            vendor_id=f"V{product % 3}",
            product_id=f"P{product}",
            wrong_barcode=random.random() < 0.5,
        )
    if random.random() < 0.15:  # a verdict or a picture that changes nothing
        outcome = known.outcome
    return at, _assessment(known.item_id, known.revision + 1, outcome, known.outcome, at)


def _ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _uuid(text: str, version: int) -> UUID:
    return UUID(bytes=(text * 16).encode()[:14] + version.to_bytes(2, "big"))


def _assessment(
    item_id: str, revision: int, outcome: r.Outcome, previous: r.Outcome | None, at: datetime
) -> r.Assessment:
    capture = _uuid(item_id, revision)
    return r.Assessment(
        assessment_id=capture,
        item_id=item_id,
        revision=revision,
        cause=r.CauseKind.CAPTURE,
        cause_id=capture,
        subject=r.Subject(
            capture_id=capture,
            item_id=item_id,
            station_id="S1",
            center_id="FRA1",
            stage=outcome.stage,
            captured_at=outcome.captured_at,
            deadline_at=outcome.captured_at,
        ),
        product_id=outcome.product_id,
        product=_facts(outcome),
        scores=_SCORES,
        probability=0.5,
        damaged=outcome.damaged,
        tolerated=False,
        severity=outcome.severity,
        defect_types=outcome.defect_types,
        reason="Drawn.",
        outcome=outcome,
        previous=previous,
        assessed_at=_ms(at),
    )


def _facts(outcome: r.Outcome) -> r.ProductFacts | None:
    if outcome.product_id is None:
        return None
    category = ["toys", "food"][int(outcome.product_id[1:]) % 2]
    return r.ProductFacts(
        vendor_id=outcome.vendor_id or "V?",
        category=category,
        material=outcome.material or "",
        unit_count=1,
        price_cents=100,
        hazardous=False,
    )


def partitioned(
    items: Iterable[Sequence[tuple[datetime, r.Assessment]]],
    seed: int,
    *,
    partitions: int = 4,
    hours: float = 0.0,
    repeats: float = 0.0,
) -> list[list[r.Assessment]]:
    """The streams as logs, each item on its partition.

    `hours`: how far arrival strays from the order in which assessments were made, so that corrections come before what
    they correct. `repeats`: share that upstream sends again, within the next 100 events.
    """
    random = Random(seed)
    logs: list[list[tuple[datetime, r.Assessment]]] = [[] for _ in range(partitions)]
    for item in items:
        log = random.choice(logs)
        log.extend((at + timedelta(hours=random.uniform(0, hours)), a) for at, a in item)
    made = [[a for _, a in sorted(log, key=lambda pair: pair[0])] for log in logs]
    for log_ in made:
        for at in sorted(random.sample(range(len(log_)), int(repeats * len(log_))), reverse=True):
            log_.insert(min(len(log_), at + random.randrange(1, 100)), log_[at])
    return made
