from __future__ import annotations

from dataclasses import replace

from services.kernel import records as r
from services.stack import summary
from services.stack.sample import Truth
from tests.stack import sightings as s


def test_a_supplier_stands_out_only_when_its_interval_clears_the_others() -> None:
    found = summary.suppliers(
        [
            s.supplier("V01", 50, 20),
            s.supplier("V02", 50, 4),
            s.supplier("V03", 3, 1),
            s.supplier("V04", 0, 0),
        ]
    )
    assert [x.vendor_id for x in found] == ["V01", "V03", "V02"]
    assert [x.stands_out for x in found] == [True, False, False]


def test_windows_of_one_supplier_are_added_and_newer_rows_replace_older_ones() -> None:
    rows = [s.supplier("V01", 5, 1), s.supplier("V01", 10, 2), s.supplier("V01", 10, 3, hour=11)]
    only = summary.suppliers(rows)[0]
    assert (only.items, only.damaged, only.stands_out) == (20, 5, False)


def test_products_of_one_supplier_are_added_and_longer_windows_are_not() -> None:
    one = s.supplier("V01", 5, 1)
    other = replace(one, record=replace(one.record, product_id="P2"))
    day = replace(one, record=replace(one.record, window="day"))
    assert summary.suppliers([one, other, day])[0].items == 10


def test_accuracy_counts_hits_misses_and_false_alarms() -> None:
    sent = [s.submitted(n, damaged=n <= 2) for n in range(1, 5)]
    events = [s.judged(n, damaged=n in {1, 3}) for n in range(1, 5)]
    events += [s.seen("sideline.commands", s.command(n)) for n in (1, 3)]
    found = summary.accuracy(sent, events)
    assert found is not None
    assert (found.hits, found.misses, found.false_alarms, found.passed) == (1, 1, 1, 1)
    assert (found.sidelined_damaged, found.sidelined_intact) == (1, 1)
    assert found.hits_by_severity["major"] == (1, 2)
    assert found.products_right == 4


def test_each_scenario_is_held_against_its_truth_the_ordinary_flow_first() -> None:
    kinds = {1: "ordinary", 2: "ordinary", 3: "leaking", 4: "foreign_matter", 5: "foreign_matter"}
    damaged = {1, 3}
    sent = [
        s.submitted(
            n,
            truth=Truth(damaged=n in damaged, severity="major", defect_types=(), scenario=kinds[n]),
        )
        for n in kinds
    ]
    events = [s.judged(n, damaged=n in {1, 5}, foreign_matter=n == 4) for n in kinds]
    found = summary.by_scenario(sent, events)
    assert [row.name for row in found] == ["ordinary", "foreign_matter", "leaking"]
    assert [(row.seen, row.missed, row.false_alarms, row.beside) for row in found] == [
        (1, 0, 0, 0),
        (0, 0, 1, 1),
        (0, 1, 0, 0),
    ]
    assert [(row.damaged, row.intact) for row in found] == [(1, 1), (0, 2), (1, 0)]


def test_pictures_without_truth_have_no_accuracy() -> None:
    assert summary.accuracy([s.submitted(1, truth=None)], [s.judged(1)]) is None


def test_the_newest_revision_counts() -> None:
    events = [
        s.judged(1, damaged=True),
        s.judged(1, damaged=False, revision=2),
        s.judged(1, damaged=True),
    ]
    newest = summary.newest(events)
    assert newest["I1"].revision == 2
    assert summary.damage(newest.values()).total() == 0


def test_cancelled_requests_do_not_stand() -> None:
    cancelled = s.request(1, "OL1", revision=2, status=r.RequestStatus.CANCELLED)
    records = (s.request(1, "OL1"), cancelled, s.request(2, "OL2"))
    events = [s.seen("replacement.requests", x) for x in records]
    assert [x.order_line_id for x in summary.open_requests(events)] == ["OL2"]
