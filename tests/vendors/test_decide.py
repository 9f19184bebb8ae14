from __future__ import annotations

import dataclasses
from datetime import timedelta
from random import Random

import pytest

from services.kernel import records as r
from services.vendors import decide
from services.vendors.book import SHOWN, Book
from services.vendors.estimate import USUAL
from services.vendors.windows import SLOTS
from tests.samples import NOON, uid
from tests.vendors.makers import DAY, DENTED, HOLED, INTACT, at, fill, row, rows, seen, told

MIDNIGHT = NOON.replace(hour=0)


def many(n: int, damaged: int, day: int = 0, name: str = "x", **given: object) -> list[r.Assessment]:
    return [
        seen(f"{name} {day} {k}", at(DENTED if k < damaged else INTACT, day * DAY, **given)) for k in range(n)
    ]


# -- keys ---------------------------------------------------------------------------------------------------------


def test_keys_are_documented_and_stable() -> None:
    assert sorted(rows(seen("a", DENTED))) == [
        "V1|P1|cardboard|PICK|28d|2026-02-16T00",
        "V1|P1|cardboard|PICK|day|2026-03-01T00",
        "V1|P1|cardboard|PICK|hour|2026-03-01T12",
    ]


def test_what_is_not_known_is_called_so() -> None:
    vague = dataclasses.replace(INTACT, product_id=None, material=None)
    assert "V1|unknown|unknown|PICK|hour|2026-03-01T12" in rows(seen("a", vague))


def test_a_bar_in_an_id_does_not_shift_a_key() -> None:
    odd = dataclasses.replace(INTACT, vendor_id="V|1", product_id="100%")
    assert "V%7C1|100%25|cardboard|PICK|hour|2026-03-01T12" in rows(seen("a", odd))


# -- rows ---------------------------------------------------------------------------------------------------------


def test_a_row_has_counts_denominators_rates_and_its_prior() -> None:
    found = row(*many(20, 1))
    assert (found.items, found.damaged, found.window_seconds, found.category) == (20, 1, 3600, "toys")
    assert found.damaged_per_million == pytest.approx(50_000)
    assert found.prior_items == USUAL
    expected = (found.prior_per_million / 1e6 * USUAL + 1) / (USUAL + 20) * 1e6
    assert found.expected_per_million == pytest.approx(expected)
    assert found.lower_per_million < found.expected_per_million < found.upper_per_million < 50_000


def test_types_have_intervals_of_their_own() -> None:
    found = row(seen("a", HOLED), *many(19, 0))
    assert [(t.type, t.damaged) for t in found.types] == [("penetration", 1), ("spillage", 1)]
    for each in found.types:
        assert each.lower_per_million < each.expected_per_million < each.upper_per_million


def test_a_cell_that_was_emptied_by_a_correction_says_so() -> None:
    other = dataclasses.replace(DENTED, product_id="P2")
    found = rows(seen("a", DENTED), seen("a", other, 2, DENTED))["V1|P1|cardboard|PICK|hour|2026-03-01T12"]
    assert (found.items, found.damaged, found.damaged_per_million, found.types) == (0, 0, 0.0, ())


def test_28_days_are_the_sum_of_their_days() -> None:
    book = Book()
    fill(book, told([*many(3, 1), *many(4, 2, day=-13), *many(5, 0, day=15)]))
    found = row(seen("last", INTACT), window="28d", book=book)
    assert (found.items, found.damaged, found.window_start) == (3 + 4 + 1, 3, MIDNIGHT - 13 * DAY)


def test_a_rows_evidence_is_the_newest_of_its_own_cell_and_bounded() -> None:
    glass = dataclasses.replace(DENTED, material="glass")
    log = [seen(f"item-{n}", at(DENTED, timedelta(minutes=n))) for n in range(7)]
    found = rows(seen("other", at(glass, timedelta(minutes=30))), *log)
    shown = found["V1|P1|cardboard|PICK|28d|2026-02-16T00"].evidence
    assert [e.item_id for e in shown] == [f"item-{n}" for n in range(6, 6 - SHOWN, -1)]
    assert (shown[0].assessment_id, shown[0].capture_id) == (
        uid("assessment 1 of item-6"),
        uid("capture of item-6"),
    )


def test_a_corrected_item_is_no_evidence_any_more() -> None:
    found = row(seen("a", DENTED), seen("b", DENTED), seen("a", INTACT, 2, DENTED))
    assert [e.item_id for e in found.evidence] == ["b"]


def test_a_verdict_that_confirms_changes_the_evidence_alone() -> None:
    found = row(seen("a", DENTED), seen("a", DENTED, 2, DENTED))
    assert (found.items, found.damaged, [e.revision for e in found.evidence]) == (1, 1, [2])
    later = told([seen("b", DENTED, 2, DENTED)])
    book = Book()
    fill(book, told([seen("b", DENTED)]))
    fill(book, later)
    assert decide.touched(later, book) != []


def test_a_categorys_experience_reaches_its_other_products() -> None:
    book = Book()
    rough = dataclasses.replace(INTACT, product_id="P1")
    fill(book, told([seen(f"i{n}", rough) for n in range(2000)] + many(500, 500)))
    before = row(seen("a", INTACT), book=Book()).prior_per_million
    assert row(seen("a", INTACT), book=book).prior_per_million > 50 * before


def test_the_sums_of_a_book_do_not_depend_on_the_way_there() -> None:
    log = [*many(40, 6), *many(30, 3, day=2), *many(30, 9, day=5, stage=r.Stage.PACK)]
    log += [seen(f"x 0 {k}", INTACT, 2, DENTED) for k in range(3)]
    changes = told(log)
    one, other = Book(), Book()
    fill(one, changes)
    fill(other, changes)
    for key, window in list(one.windows.items()):
        other.keep(key, None)
        other.keep(key, window)
    Random(2).shuffle(changes)  # noqa: S311
    third = Book()
    fill(third, changes)
    for stage in (r.Stage.PICK, r.Stage.PACK):
        assert one.prior("V1|P1", stage) == other.prior("V1|P1", stage) == third.prior("V1|P1", stage)


def test_memory_is_bounded_for_each_product() -> None:
    book = Book()
    for n in range(0, 300 * 24, 5):
        fill(book, told([seen(f"i{n}", at(INTACT, timedelta(hours=n)))], start=n))
    hours, days = (sum(w.window == kind for w in book.windows.values()) for kind in ("hour", "day"))
    assert hours <= SLOTS["hour"]
    assert days <= SLOTS["day"]
    assert len(book._periods) <= SLOTS["day"] // 28 + 2


# -- a redesign ---------------------------------------------------------------------------------------------------


def redesigned(before: tuple[int, int], after: tuple[int, int]) -> r.VendorChange | None:
    book = Book()
    fill(book, told([*many(*before, day=-5), *many(*after, day=1, material="paper")]))
    return row(seen("last", at(INTACT, DAY)), window="28d", book=book, P1=NOON).change


def test_a_redesign_that_tears_is_probably_worse_whatever_its_material() -> None:
    found = redesigned((400, 1), (400, 20))
    assert found is not None
    assert (found.since, found.before_items, found.before_damaged) == (MIDNIGHT, 400, 1)
    assert (found.after_items, found.after_damaged) == (401, 20)
    assert found.probability_worse > 0.99
    assert found.after_per_million > found.before_per_million


def test_a_redesign_that_holds_better_is_probably_not_worse() -> None:
    found = redesigned((400, 20), (400, 1))
    assert found is not None
    assert found.probability_worse < 0.01


def test_a_few_items_of_a_redesign_prove_little() -> None:
    found = redesigned((400, 1), (3, 0))
    assert found is not None
    assert 0.2 < found.probability_worse < 0.8


@pytest.mark.parametrize("since", [NOON + 60 * DAY, NOON - 90 * DAY], ids=["to come", "long ago"])
def test_only_a_redesign_of_which_both_sides_are_kept_is_compared(since: object) -> None:
    assert row(seen("a", INTACT), window="28d", P1=since).change is None


def test_only_rows_of_28_days_compare() -> None:
    assert row(seen("a", INTACT), window="day", P1=NOON).change is None


# -- Wilson, for the demo's summary -------------------------------------------------------------------------------


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
