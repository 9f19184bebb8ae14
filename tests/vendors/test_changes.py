from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from services.kernel import records as r
from services.kernel.faults import DataFault
from services.vendors.changes import AHEAD, HOUR_LATE, LATE, changes
from tests.samples import NOON
from tests.vendors.makers import DAY, DENTED, HOLED, HOUR, INTACT, NOW, at, row, rows, seen, told

Items = tuple[int, int]


def total(*log: r.Assessment, window: str = "hour") -> dict[str, Items]:
    """Items and damaged items by key without window and start."""
    found = {k: x for k, x in rows(*log).items() if x.window == window}
    return {k.rsplit("|", 2)[0]: (x.items, x.damaged) for k, x in found.items()}


PICK = "V1|P1|cardboard|PICK"


def test_an_assessment_changes_its_suppliers_product_in_its_hour() -> None:
    (change,) = told([seen("a", DENTED)], start=7, partition=3)
    assert (change.vendor_id, change.product_id, change.window, change.window_start) == (
        "V1",
        "P1",
        "hour",
        NOON,
    )
    assert (change.partition, change.applied_offset, change.delta, change.category) == (3, 7, True, "toys")


def test_a_correction_takes_back_exactly_one_items_damage() -> None:
    found = row(seen("a", HOLED), seen("b", HOLED), seen("c", INTACT), seen("a", INTACT, 2, HOLED))
    assert (found.items, found.damaged, found.major) == (3, 1, 1)
    assert {t.type: t.damaged for t in found.types} == {"penetration": 1, "spillage": 1}


def test_a_correction_may_come_before_what_it_corrects() -> None:
    assert total(seen("a", INTACT, 2, HOLED), seen("a", HOLED)) == {PICK: (1, 0)}


def test_a_missed_item_that_a_person_finds_damaged_is_counted_without_being_another_item() -> None:
    assert total(seen("a", INTACT), seen("b", INTACT), seen("a", DENTED, 2, INTACT)) == {PICK: (2, 1)}


def test_a_correction_can_change_severity_and_type_alone() -> None:
    found = row(seen("a", HOLED), seen("a", DENTED, 2, HOLED))
    assert (found.items, found.damaged, found.major) == (1, 1, 0)
    assert [t.type for t in found.types] == ["deformation"]


def test_an_item_recognised_as_another_suppliers_product_moves_there() -> None:
    other = dataclasses.replace(DENTED, vendor_id="V2", product_id="P2")
    found = total(seen("a", DENTED), seen("b", INTACT), seen("a", other, 2, DENTED))
    assert found == {PICK: (1, 0), "V2|P2|cardboard|PICK": (1, 1)}


def test_an_item_photographed_again_at_its_stage_an_hour_later_counts_in_that_hour_only() -> None:
    found = rows(seen("a", INTACT), seen("a", at(INTACT, HOUR), 2, INTACT))
    hours = {x.window_start.hour: x.items for x in found.values() if x.window == "hour"}
    assert hours == {12: 0, 13: 1}
    assert {x.items for x in found.values() if x.window != "hour"} == {1}


def test_an_item_counts_at_each_stage_that_it_was_looked_at() -> None:
    packed = at(INTACT, HOUR, stage=r.Stage.PACK)
    found = total(seen("a", INTACT), seen("a", packed, 2, INTACT), window="day")
    assert found == {PICK: (1, 0), "V1|P1|cardboard|PACK": (1, 0)}


def test_an_unknown_supplier_counts_for_nobody() -> None:
    nobody = dataclasses.replace(DENTED, vendor_id=None)
    assert told([seen("a", nobody)]) == []
    assert total(seen("a", nobody), seen("a", DENTED, 2, nobody)) == {PICK: (1, 1)}


def test_a_revision_that_changes_nothing_makes_no_event() -> None:
    assert told([seen("a", INTACT, 2, INTACT)]) == []


# -- where damage was first seen ----------------------------------------------------------------------------------


def looked(of: r.Outcome, **given: object) -> r.Outcome:
    return dataclasses.replace(of, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("revision", "is_", "first", "arrived", "intact_at"),
    [
        (1, DENTED, "PICK", 1, {}),
        (2, looked(DENTED, looks=1), "PICK", 1, {}),
        (2, DENTED, "PICK", 0, {}),
        (2, looked(DENTED, looks=2, earlier_intact=r.Stage.STOW), "PICK", 0, {"STOW": 1}),
        (2, looked(DENTED, looks=2, earlier_damaged=r.Stage.RECEIVE), "RECEIVE", 1, {}),
        (
            3,
            looked(DENTED, earlier_damaged=r.Stage.STOW, earlier_intact=r.Stage.RECEIVE),
            "STOW",
            0,
            {"RECEIVE": 1},
        ),
    ],
    ids=[
        "first look",
        "a person's verdict on it",
        "forgotten",
        "broke with us",
        "came broken",
        "broke earlier",
    ],
)
def test_where_damage_was_first_seen(
    revision: int, is_: r.Outcome, first: str, arrived: int, intact_at: dict[str, int]
) -> None:
    found = row(seen("a", is_, revision))
    assert (found.first_seen, found.arrived, found.intact_at) == ({first: 1}, arrived, intact_at)


def test_where_damage_was_first_seen_is_taken_back_with_it() -> None:
    broke = looked(DENTED, looks=2, earlier_intact=r.Stage.STOW)
    found = row(seen("a", broke, 2), seen("a", looked(broke, damaged=False, defect_types=()), 3, broke))
    assert (found.items, found.damaged, found.first_seen, found.intact_at) == (1, 0, {}, {})


# -- late events and wrong clocks ---------------------------------------------------------------------------------


def test_within_three_days_an_event_changes_its_hour() -> None:
    assert total(seen("a", DENTED, after=HOUR_LATE)) == {PICK: (1, 1)}


def test_after_three_days_an_hour_is_final_but_its_day_is_not() -> None:
    log = seen("a", DENTED), seen("a", INTACT, 2, DENTED, after=HOUR_LATE + timedelta(seconds=1))
    assert total(*log) == {PICK: (1, 1)}
    assert total(*log, window="day") == {PICK: (1, 0)}
    assert total(*log, window="28d") == {PICK: (1, 0)}


def test_after_28_days_an_event_is_put_aside_with_its_reason() -> None:
    changes(seen("a", DENTED, after=LATE), 0, 0, NOW)
    with pytest.raises(DataFault, match=r"29 days.*set the clock of station-1") as caught:
        changes(seen("a", DENTED, after=29 * DAY), 0, 0, NOW)
    assert caught.value.reason == "too_late"


def test_a_visit_that_is_long_over_is_not_taken_back() -> None:
    again = at(INTACT, 30 * DAY)
    found = rows(seen("a", DENTED), seen("a", again, 2, DENTED))
    assert sorted((x.window_start.day, x.items, x.damaged) for x in found.values() if x.window == "day") == [
        (1, 1, 1),
        (31, 1, 0),
    ]


@pytest.mark.parametrize("ahead", [AHEAD + timedelta(seconds=1), 4000 * DAY])
def test_a_stations_clock_that_is_ahead_opens_no_window(ahead: timedelta) -> None:
    with pytest.raises(DataFault, match="set the clock of station-1") as caught:
        changes(seen("a", DENTED, after=-ahead), 0, 0, NOW)
    assert caught.value.reason == "clock_ahead"


def test_a_clock_that_runs_backwards_opens_no_window() -> None:
    with pytest.raises(DataFault, match="4000 days"):
        changes(seen("a", DENTED, after=4000 * DAY), 0, 0, NOON + 4000 * DAY)


def test_a_clock_of_the_mesh_that_is_ahead_opens_no_window() -> None:
    changes(seen("a", DENTED), 0, 0, NOON - AHEAD)
    with pytest.raises(DataFault, match="set the clock of assess") as caught:
        changes(seen("a", DENTED), 0, 0, NOON - AHEAD - timedelta(seconds=1))
    assert caught.value.reason == "clock_ahead"


def test_what_was_put_aside_because_of_its_clock_is_not_taken_back_later() -> None:
    ahead = looked(DENTED, judged_at=NOON - DAY)
    verdict = looked(INTACT, judged_at=NOON + HOUR)
    assert total(seen("a", verdict, 2, ahead, after=HOUR)) == {PICK: (1, 0)}
