from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from services.kernel import records as r
from services.vendors.windows import (
    EVIDENCE,
    REMEMBERED,
    SLOTS,
    apply,
    newest,
    slot_key,
    spread,
    start_of,
    turns,
)
from tests.samples import NOON, uid
from tests.vendors.makers import DAY, DENTED, HOUR, INTACT, at, seen, told

LOG = [seen(f"item-{n}", DENTED if n % 7 == 0 else INTACT) for n in range(60)]


def counted(found: list[r.VendorPartial], window: r.VendorPartial | None = None) -> r.VendorPartial:
    made = apply(window, found)
    assert made is not None
    return made


def items(window: r.VendorPartial) -> int:
    return sum(c.items for c in window.cells)


def test_windows_begin_on_the_hour_the_day_and_every_fourth_monday() -> None:
    moment = datetime(2026, 3, 1, 12, 59, 59, 999_000, tzinfo=UTC)
    assert start_of("hour", moment) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert start_of("day", moment) == datetime(2026, 3, 1, tzinfo=UTC)
    assert start_of("28d", moment) == datetime(2026, 2, 16, tzinfo=UTC)
    assert start_of("28d", datetime(1970, 1, 5, tzinfo=UTC)) == datetime(1970, 1, 5, tzinfo=UTC)


def test_wrong_barcodes_are_counted_of_intact_items_too_and_taken_back_where_a_person_found_none() -> None:
    wrong = dataclasses.replace(INTACT, wrong_barcode=True)
    log = [seen("a", wrong), seen("b", INTACT), seen("c", dataclasses.replace(DENTED, wrong_barcode=True))]
    assert [(c.items, c.damaged, c.wrong_barcodes) for c in counted(told(log)).cells] == [(3, 1, 2)]
    log.append(seen("a", INTACT, 2, wrong))
    assert [c.wrong_barcodes for c in counted(told(log)).cells] == [1]


def test_windows_are_utc_wherever_the_station_stands() -> None:
    in_india = datetime(2026, 3, 1, 3, 15, tzinfo=timezone(timedelta(hours=5.5)))
    assert start_of("hour", in_india) == datetime(2026, 2, 28, 21, tzinfo=UTC)
    assert start_of("day", in_india) == datetime(2026, 2, 28, tzinfo=UTC)


def test_a_window_holds_its_progress_with_its_counts() -> None:
    window = counted(told(LOG, start=5, partition=2))
    assert (items(window), dict(window.applied)) == (60, {"2": 64})


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_replay_from_anywhere_is_the_same_value(cut: int) -> None:
    window = counted(told(LOG))
    assert apply(window, told(LOG[cut:], start=cut)) is window


def test_batches_split_anywhere_make_the_same_value() -> None:
    window = None
    for start in range(0, 60, 9):
        window = apply(window, told(LOG[start : start + 9], start=start))
    assert window == counted(told(LOG))


def test_a_replay_of_more_than_is_remembered_changes_nothing_and_what_follows_counts() -> None:
    log = [seen(str(n), INTACT) for n in range(2 * REMEMBERED)]
    window = counted(told(log))
    assert len(window.recent) == REMEMBERED
    assert apply(window, told(log)) is window
    assert items(counted(told([seen("new", INTACT)], start=len(log)), window)) == 2 * REMEMBERED + 1


def test_what_was_sent_in_another_order_within_what_is_remembered_counts_once() -> None:
    changes = told(LOG)
    Random(3).shuffle(changes)  # noqa: S311
    window = None
    for change in [*changes, *changes]:
        window = apply(window, [change])
    assert window is not None
    assert items(window) == 60


def test_upstreams_repeat_counts_once_also_when_both_are_read_again() -> None:
    log = [seen("a", DENTED), *(seen(str(n), INTACT) for n in range(200)), seen("a", DENTED)]
    log += [seen(f"more {n}", INTACT) for n in range(100)]
    window = counted(told(log))
    assert items(window) == 301
    assert apply(window, told(log)) is window


def test_partitions_have_their_own_progress() -> None:
    window = counted(told(LOG[:30], start=900, partition=0))
    window = counted(told(LOG[30:], start=0, partition=1), window)
    assert (items(window), dict(window.applied)) == (60, {"0": 929, "1": 29})


# -- slots --------------------------------------------------------------------------------------------------------


def test_an_hours_change_is_its_days_too() -> None:
    (change,) = told(LOG[:1])
    assert [(c.window, c.window_start) for c in spread(change)] == [
        ("hour", NOON),
        ("day", NOON.replace(hour=0)),
    ]


@pytest.mark.parametrize(("window", "length"), [("hour", HOUR), ("day", DAY)])
def test_slots_are_used_again_so_that_a_product_has_only_so_many(window: str, length: timedelta) -> None:
    keys = Counter(
        slot_key(each)
        for n in range(3 * SLOTS[window])
        for change in told([seen("a", at(INTACT, n * length))])
        for each in spread(change)
        if each.window == window
    )
    assert len(keys) == SLOTS[window]
    assert set(keys.values()) == {3}


def test_a_newer_window_takes_the_slot_and_the_older_one_never_comes_back() -> None:
    later = told([seen("b", at(INTACT, SLOTS["hour"] * HOUR))], start=1)
    window = counted(later, counted(told([seen("a", INTACT)])))
    assert (items(window), window.window_start) == (1, NOON + SLOTS["hour"] * HOUR)
    assert apply(window, told([seen("a", INTACT)])) is window


def test_a_batch_that_holds_two_windows_of_a_slot_takes_them_in_turn_older_first() -> None:
    both = told([seen("b", at(INTACT, SLOTS["hour"] * HOUR)), seen("a", INTACT)])
    first, second = turns(both)
    (key,) = first.keys() | second.keys()
    assert [turn[key][0].window_start for turn in (first, second)] == [NOON, NOON + SLOTS["hour"] * HOUR]


def test_keys_with_bars_in_ids_stay_apart() -> None:
    (change,) = told(LOG[:1])
    one = dataclasses.replace(change, vendor_id="a|b", product_id="c")
    other = dataclasses.replace(change, vendor_id="a", product_id="b|c")
    assert slot_key(one) != slot_key(other)
    assert slot_key(one).startswith("a%7Cb|c|hour ")


# -- evidence -----------------------------------------------------------------------------------------------------


def evidence(n: int, revision: int = 1, count: int = 1) -> r.VendorEvidence:
    return r.VendorEvidence(
        item_id=f"item-{n:03}",
        revision=revision,
        assessment_id=uid(f"{n}"),
        capture_id=uid(f"capture {n}"),
        captured_at=NOON + timedelta(minutes=n),
        material="cardboard",
        stage=r.Stage.PICK,
        count=count,
    )


def test_evidence_is_the_newest_and_bounded() -> None:
    found = newest(evidence(n) for n in range(50))
    assert [e.item_id for e in found] == [f"item-{n:03}" for n in range(49, 49 - EVIDENCE, -1)]


def test_what_was_taken_back_is_no_evidence_in_whichever_order() -> None:
    assert newest([evidence(1), evidence(1, count=-1)]) == ()
    waiting = newest([evidence(1, count=-1)])
    assert newest([*waiting, evidence(1), evidence(2)]) == (evidence(2),)
