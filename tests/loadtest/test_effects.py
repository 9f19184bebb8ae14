from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from loadtest.effects import Effects, differences, effects
from services.kernel import records as r
from services.stack.report import Observed
from tests.samples import NOON, assessment, command, uid


def row(topic: str, record: Any, offset: int = 0, partition: int = 0) -> Observed:
    return Observed(topic=topic, partition=partition, offset=offset, at_ms=0, key=b"k", record=record)


def request(status: r.RequestStatus = r.RequestStatus.REQUESTED, **given: Any) -> r.ReplacementRequest:
    plain = r.ReplacementRequest(
        request_id=uid("request"),
        order_line_id="L1",
        order_id="O1",
        item_id="item-1",
        revision=1,
        product_id="P1",
        quantity=1,
        status=status,
        reason="",
        decided_at=NOON,
    )
    return dataclasses.replace(plain, **given)


def robustness(items: int) -> r.VendorRobustness:
    return r.VendorRobustness(
        vendor_id="V1",
        window_start=NOON,
        window_seconds=3600,
        items=items,
        damaged=1,
        damaged_per_million=0.0,
        lower_per_million=0.0,
        upper_per_million=0.0,
        product_id="P1",
        material="glass",
        stage=r.Stage.PICK,
        types=(
            r.VendorType(
                type="spillage",
                damaged=1,
                damaged_per_million=0.0,
                expected_per_million=0.0,
                lower_per_million=0.0,
                upper_per_million=0.0,
            ),
        ),
    )


EVENT = r.DamageEvent(
    event_id=uid("event"),
    item_id="item-1",
    revision=1,
    kind=r.EventKind.DETECTED,
    assessment_id=uid("assessment"),
    capture_id=uid("capture"),
    center_id="FRA1",
    stage=r.Stage.PICK,
    probability=0.9,
    severity=r.Severity.MINOR,
    reason="",
    captured_at=NOON,
)
DECISION = r.SidelineDecision(
    decision_id=uid("decision"),
    item_id="item-1",
    revision=1,
    assessment_id=uid("assessment"),
    center_id="FRA1",
    stage=r.Stage.PICK,
    action=r.SidelineAction.PASS,
    probability=0.1,
    threshold=0.5,
    threshold_version=0,
    reason="",
    deadline_at=NOON,
    decided_at=NOON,
)
DISPOSITION = r.Disposition(
    disposition_id=uid("disposition"),
    item_id="item-1",
    revision=1,
    action=r.DispositionAction.DONATE,
    discount_percent=0,
    reason="",
    decided_at=NOON,
)

RUN = (
    row("damage.assessments", assessment()),
    row("damage.events", EVENT),
    row("sideline.decisions", DECISION),
    row("sideline.commands", command()),
    row("replacement.requests", request()),
    row("disposition.decisions", DISPOSITION),
    row("vendor.robustness", robustness(3)),
)


def changed(index: int, **given: Any) -> Effects:
    """The effects of a run in which one record says something else."""
    run = list(RUN)
    run[index] = dataclasses.replace(run[index], record=dataclasses.replace(run[index].record, **given))
    return effects(run)


def test_every_effect_of_a_run_is_collected() -> None:
    found = effects(RUN)
    assert all(len(getattr(found, name)) == 1 for name in Effects.__slots__ if name != "quarantined")
    assert found.quarantined == 0


def test_equal_runs_do_not_differ() -> None:
    assert differences(effects(RUN), effects(RUN)) == []


def test_repeats_and_the_order_of_reading_make_no_difference() -> None:
    again = [dataclasses.replace(e, offset=e.offset + 1) for e in RUN]
    assert differences(effects(RUN), effects([*reversed(again), *RUN])) == []


def test_times_make_no_difference() -> None:
    assert differences(effects(RUN), changed(4, decided_at=NOON.replace(hour=13), reason="other words")) == []


@pytest.mark.parametrize("missing", range(len(RUN)))
def test_a_lost_effect_is_found_in_either_run(missing: int) -> None:
    less = effects([e for n, e in enumerate(RUN) if n != missing])
    assert len(differences(effects(RUN), less)) == 1
    assert len(differences(less, effects(RUN))) == 1


@pytest.mark.parametrize(
    ("index", "given"),
    [
        (0, {"damaged": True}),
        (0, {"revision": 2}),
        (0, {"product_id": None}),
        (1, {"kind": r.EventKind.CONFIRMED}),
        (2, {"action": r.SidelineAction.LATE}),
        (3, {"action": r.SidelineAction.RELEASE}),
        (3, {"order_line_id": None}),
        (4, {"status": r.RequestStatus.CANCELLED}),
        (5, {"action": r.DispositionAction.DISPOSE}),
        (6, {"items": 4}),
        (6, {"types": ()}),
    ],
)
def test_another_effect_under_the_same_id_is_found(index: int, given: dict[str, Any]) -> None:
    (found,) = differences(effects(RUN), changed(index, **given))
    assert " is (" in found


def test_which_item_of_an_order_line_came_first_makes_no_difference() -> None:
    assert differences(effects(RUN), changed(4, item_id="item-2")) == []


def test_scores_may_differ_by_the_tolerance_and_no_more() -> None:
    assert differences(effects(RUN), changed(0, probability=0.1009)) == []
    (found,) = differences(effects(RUN), changed(0, probability=0.1011))
    assert found.startswith("score of assessment")
    assert differences(effects(RUN), changed(0, probability=0.2), tolerance=0.2) == []


def test_a_score_that_is_no_number_is_found() -> None:
    assert len(differences(effects(RUN), changed(0, probability=float("nan")))) == 1


def test_of_several_rows_of_a_table_the_newest_counts() -> None:
    rows = [row("vendor.robustness", robustness(n), offset=n) for n in (2, 5, 3)]
    assert effects(rows).suppliers["V1|P1|glass|PICK|hour|2026-03-01T12"][0] == 5
    cancelled = row("replacement.requests", request(r.RequestStatus.CANCELLED), offset=1)
    assert effects([cancelled, *RUN]).requests["L1"][-1] is r.RequestStatus.CANCELLED


@pytest.mark.parametrize(
    "other", [{"vendor_id": "V2"}, {"product_id": "P2"}, {"stage": r.Stage.PACK}, {"window": "day"}]
)
def test_each_row_of_suppliers_is_told_apart(other: dict[str, Any]) -> None:
    second = dataclasses.replace(robustness(3), **other)
    assert len(effects([*RUN, row("vendor.robustness", second, offset=1)]).suppliers) == 2


def test_quarantined_events_are_counted_and_compared() -> None:
    bad = row("station.captures.inspect.quarantine", None)
    assert effects([*RUN, bad]).quarantined == 1
    assert differences(effects(RUN), effects([*RUN, bad])) == ["quarantined: 0 and 1"]


def test_internal_records_and_tombstones_are_no_effects() -> None:
    partial = r.VendorPartial(vendor_id="V1", window_start=NOON, partition=0, applied_offset=1)
    assert (
        differences(
            effects(RUN), effects([*RUN, row("vendors.partials", partial), row("orders.lines", None)])
        )
        == []
    )
