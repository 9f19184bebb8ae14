from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from services.kernel import records as r
from services.vendors import decide
from tests.samples import NOON, assessment, outcome

HOUR = timedelta(hours=1)
Known = dict[decide.PartialKey, r.VendorPartial]
#: An independent count: one number for each (vendor, hour, product, material, stage, what is counted).
Counts = Counter[tuple[Any, ...]]

INTACT = outcome()
DENTED = outcome(damaged=True, severity=r.Severity.MINOR, defect_types=("deformation",))
HOLED = outcome(damaged=True, severity=r.Severity.MAJOR, defect_types=("penetration", "spillage"))


def seen(item_id: str, is_: r.Outcome, revision: int = 1, was: r.Outcome | None = None) -> r.Assessment:
    return assessment(item_id, revision, outcome=is_, previous=was)


def counted(
    log: Iterable[r.Assessment], known: Known | None = None, start: int = 0, partition: int = 0
) -> Known:
    """Count a log in one batch, its first event at offset `start`."""
    pairs = [(a, n) for n, a in enumerate(log, start)]
    known = dict(known or {})
    return known | decide.apply(known, partition, pairs)


def sums(known: Known) -> dict[str, r.VendorRobustness]:
    """The robustness of each supplier and hour, by a readable key."""
    found: dict[str, list[r.VendorPartial]] = {}
    for partial in known.values():
        found.setdefault(f"{partial.vendor_id} {partial.window_start:%H}", []).append(partial)
    return {key: decide.robustness(partials) for key, partials in found.items()}


def total(known: Known, key: str = "V1 12") -> tuple[int, int]:
    found = sums(known)[key]
    return found.items, found.damaged


# -- a log of the belt, seeded, and its recount -------------------------------------------------------------------


def belt(seed: int, items: int) -> list[r.Assessment]:
    """Items of three suppliers over three hours, some corrected, some unknown, in the order of one partition."""
    random = Random(seed)  # noqa: S311 (seeded, not secret)
    events: list[tuple[float, r.Assessment]] = []
    for n in range(items):
        vendor = random.choice(["V1", "V2", "V3", None])
        plain = random.choice([INTACT, INTACT, INTACT, DENTED, HOLED])
        truth = dataclasses.replace(
            plain,
            vendor_id=vendor,
            product_id=random.choice(["P1", "P2", None]),
            material=random.choice(["cardboard", "glass", None]),
            stage=random.choice([r.Stage.PICK, r.Stage.RECEIVE]),
            captured_at=NOON + timedelta(minutes=random.randrange(180)),
        )
        at, was = random.random(), None
        for revision in range(1, random.choice([1, 1, 1, 2, 3]) + 1):
            events.append((at, seen(f"item-{n}", truth, revision, was)))
            was, at = truth, at + random.random()
            change = random.choice([INTACT, DENTED, HOLED])
            truth = dataclasses.replace(
                truth, damaged=change.damaged, severity=change.severity, defect_types=change.defect_types
            )
            if random.random() < 0.2:  # a person knew the product better
                truth = dataclasses.replace(
                    truth, vendor_id=random.choice(["V1", "V2", "V3"]), product_id="P3"
                )
    return [a for _, a in sorted(events, key=lambda e: e[0])]


def recount(log: Iterable[r.Assessment]) -> Counts:
    """Count the newest revision of each item, from scratch and without any of the code under test."""
    newest: dict[str, r.Assessment] = {}
    for a in log:
        if a.item_id not in newest or newest[a.item_id].revision < a.revision:
            newest[a.item_id] = a
    counts: Counts = Counter()
    for a in newest.values():
        o = a.outcome
        if o.vendor_id is None:
            continue
        cell = (o.vendor_id, o.captured_at.hour, o.product_id or "unknown", o.material or "unknown", o.stage)
        counts[*cell, "items"] += 1
        if o.damaged:
            counts[*cell, "damaged"] += 1
            counts[*cell, "major"] += o.severity is r.Severity.MAJOR
            for kind in o.defect_types:
                counts[*cell, kind] += 1
    return +counts


def as_counts(known: Known) -> Counts:
    counts: Counts = Counter()
    for robustness in sums(known).values():
        for c in robustness.cells:
            cell = (robustness.vendor_id, robustness.window_start.hour, c.product_id, c.material, c.stage)
            counts.update(
                {(*cell, "items"): c.items, (*cell, "damaged"): c.damaged, (*cell, "major"): c.major}
                | {(*cell, kind): n for kind, n in c.by_type.items()}
            )
        assert robustness.items == sum(c.items for c in robustness.cells)
        assert robustness.damaged == sum(c.damaged for c in robustness.cells)
    return +counts


LOG = belt(seed=4, items=120)


@pytest.mark.parametrize("seed", range(5))
def test_the_counts_are_those_of_a_plain_recount(seed: int) -> None:
    log = belt(seed, 120)
    assert as_counts(counted(log)) == recount(log)


@pytest.mark.parametrize("seed", range(10))
def test_batches_split_anywhere_give_the_same_counts(seed: int) -> None:
    cuts = sorted(Random(seed).sample(range(len(LOG)), 12))  # noqa: S311
    known: Known = {}
    for start, end in itertools.pairwise([0, *cuts, len(LOG)]):
        known = counted(LOG[start:end], known, start)
    assert known == counted(LOG)


@pytest.mark.parametrize("start", range(0, len(LOG), 7))
def test_replaying_any_suffix_changes_nothing(start: int) -> None:
    known = counted(LOG)
    pairs = [(a, n) for n, a in enumerate(LOG[start:], start)]
    assert decide.apply(known, 0, pairs) == {}


def test_a_replay_of_more_than_is_remembered_changes_nothing_and_what_follows_counts() -> None:
    log = [seen(str(n), DENTED) for n in range(2 * decide.RECENT)]
    known = counted(log)
    assert decide.apply(known, 0, [(a, n) for n, a in enumerate(log)]) == {}
    assert total(counted([*log, seen("new", INTACT)], known)) == (2 * decide.RECENT + 1, 2 * decide.RECENT)


def test_a_crash_after_some_partials_were_written_is_made_good_by_the_replay() -> None:
    before = counted(LOG[:60])
    after = decide.apply(before, 0, [(a, n) for n, a in enumerate(LOG[60:], 60)])
    assert len(after) > 3
    half = dict(itertools.islice(after.items(), len(after) // 2))
    assert counted(LOG[60:], before | half, 60) == before | after


def test_repeats_under_new_offsets_count_once() -> None:
    known = counted(LOG[:40])
    assert as_counts(counted([*LOG[20:40], *LOG[30:40]], known, 40)) == recount(LOG[:40])


def test_a_repeat_within_one_batch_counts_once() -> None:
    assert total(counted([seen("a", DENTED), seen("a", DENTED), seen("b", INTACT)])) == (2, 1)


def test_several_partitions_add_up() -> None:
    halves = [[a for a in LOG if hash_of(a) == n] for n in (0, 1)]
    known: Known = {}
    for partition, half in enumerate(halves):
        known = counted(half, known, 5, partition)
    assert as_counts(known) == recount(LOG)
    applied = sums(known)["V1 12"].applied
    assert set(applied) == {"0", "1"}


def hash_of(a: r.Assessment) -> int:
    return int(a.item_id.removeprefix("item-")) % 2


# -- corrections --------------------------------------------------------------------------------------------------


def cells(known: Known, key: str = "V1 12") -> dict[str, tuple[int, int, int]]:
    return {c.product_id: (c.items, c.damaged, c.major) for c in sums(known)[key].cells}


def test_a_correction_takes_back_exactly_one_items_damage() -> None:
    known = counted([seen("a", HOLED), seen("b", HOLED), seen("c", INTACT), seen("a", INTACT, 2, HOLED)])
    assert total(known) == (3, 1)
    (cell,) = sums(known)["V1 12"].cells
    assert (cell.damaged, cell.major, cell.by_type) == (1, 1, {"penetration": 1, "spillage": 1})


def test_a_missed_item_that_a_person_finds_damaged_is_counted_without_being_another_item() -> None:
    assert total(counted([seen("a", INTACT), seen("b", INTACT), seen("a", DENTED, 2, INTACT)])) == (2, 1)


def test_a_correction_can_change_severity_and_type_alone() -> None:
    (cell,) = sums(counted([seen("a", HOLED), seen("a", DENTED, 2, HOLED)]))["V1 12"].cells
    assert (cell.items, cell.damaged, cell.major, cell.by_type) == (1, 1, 0, {"deformation": 1})


def test_an_item_recognised_as_another_product_moves_to_it() -> None:
    other = dataclasses.replace(DENTED, product_id="P2")
    assert cells(counted([seen("a", DENTED), seen("a", other, 2, DENTED)])) == {"P2": (1, 1, 0)}


def test_an_item_of_another_supplier_after_all_moves_to_that_supplier() -> None:
    other = dataclasses.replace(DENTED, vendor_id="V2")
    known = counted([seen("a", DENTED), seen("b", INTACT), seen("a", other, 2, DENTED)])
    assert (total(known, "V1 12"), total(known, "V2 12")) == ((1, 0), (1, 1))


def test_an_item_seen_again_an_hour_later_counts_in_that_hour_only() -> None:
    later = dataclasses.replace(INTACT, captured_at=NOON + HOUR)
    known = counted([seen("a", INTACT), seen("a", later, 2, INTACT)])
    assert (total(known, "V1 12"), total(known, "V1 13")) == ((0, 0), (1, 0))


def test_an_unknown_supplier_counts_for_nobody() -> None:
    nobody = dataclasses.replace(DENTED, vendor_id=None)
    assert counted([seen("a", nobody)]) == {}
    assert total(counted([seen("a", nobody), seen("a", DENTED, 2, nobody)])) == (1, 1)


def test_windows_are_hours_of_event_time() -> None:
    last = dataclasses.replace(INTACT, captured_at=NOON + timedelta(minutes=59, seconds=59))
    following = dataclasses.replace(INTACT, captured_at=NOON + HOUR)
    known = counted([seen("a", following), seen("b", last), seen("c", INTACT)])
    assert (total(known, "V1 12"), total(known, "V1 13")) == ((2, 0), (1, 0))
    assert decide.text_key(("V1", NOON, 3)) == "V1|2026-03-01T12|3"


def test_the_memory_for_repeats_is_bounded() -> None:
    known = counted([seen(str(n), INTACT) for n in range(decide.RECENT + 50)])
    (partial,) = known.values()
    assert len(partial.recent) == decide.RECENT
    assert partial.recent[-1] == f"{decide.RECENT + 49}@1"
    assert partial.applied_offset == decide.RECENT + 49


# -- shares and intervals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # 95 % Wilson score intervals without continuity correction, as in Newcombe (1998), table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_intervals_are_wilsons(successes: int, n: int, low: float, high: float) -> None:
    assert decide.wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_nothing_seen_says_nothing() -> None:
    assert decide.wilson(0, 0) == (0.0, 1.0)


def test_shares_are_per_million_with_their_interval() -> None:
    found = sums(counted([seen("a", DENTED), *(seen(str(n), INTACT) for n in range(19))]))["V1 12"]
    assert (found.items, found.damaged) == (20, 1)
    assert found.damaged_per_million == pytest.approx(50_000)
    assert found.lower_per_million < 50_000 < found.upper_per_million
    assert (found.window_seconds, found.window_start) == (3600, NOON)


def test_a_window_that_was_emptied_by_a_correction_has_no_rate() -> None:
    later = dataclasses.replace(INTACT, captured_at=NOON + HOUR)
    found = sums(counted([seen("a", INTACT), seen("a", later, 2, INTACT)]))["V1 12"]
    assert (found.items, found.damaged_per_million, found.cells) == (0, 0.0, ())


def test_there_is_no_sum_of_nothing() -> None:
    with pytest.raises(ValueError, match="no contributions"):
        decide.robustness([])
