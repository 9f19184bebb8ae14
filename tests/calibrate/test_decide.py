"""A threshold starts from the model's own, moves only on evidence, and says why."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from services.calibrate import decide
from services.calibrate.evidence import GRID
from services.calibrate.ledger import Ledger
from services.calibrate.outcomes import row_key
from services.kernel import records as r
from services.kernel.thresholds import EFFECT_DELAY
from services.kernel.wire import decode, encode
from tests.calibrate.makers import belt, f32, labelled
from tests.samples import NOON

BUDGET = f32(0.05)
START = f32(0.9)
PLACE = decide.Place(center_id="FRA1", stage=r.Stage.PICK, group="toys", start=START, sample_rate=0.0625)


def ledger(outcomes: list[r.LabelledOutcome], row: r.Threshold | None = None) -> Ledger:
    known: dict[str, r.LabelledOutcome] = {}
    found = Ledger(known.get, BUDGET, START)
    if row is not None:
        found.follow(row.budget, row.threshold, row.evidence_from)
    for number, each in enumerate(outcomes):
        one = dataclasses.replace(each, item_id=f"item-{number}")
        found.put(row_key(one), None, one)
        known[row_key(one)] = one
    return found


def rare(count: int = 4_000, seed: int = 1, **given: Any) -> list[r.LabelledOutcome]:
    return belt(count, np.random.default_rng(seed), **{"share": 0.01, **given})


def often(count: int = 4_000, seed: int = 1, **given: Any) -> list[r.LabelledOutcome]:
    return belt(count, np.random.default_rng(seed), **{"share": 4 * BUDGET, **given})


def moved(
    outcomes: list[r.LabelledOutcome], row: r.Threshold | None = None, **given: Any
) -> r.Threshold | None:
    return decide.next_threshold(ledger(outcomes, row), row, dataclasses.replace(PLACE, **given), NOON)


def row(threshold: float = START, **given: Any) -> r.Threshold:
    plain = r.Threshold(
        center_id="FRA1",
        stage=r.Stage.PICK,
        group="toys",
        threshold=threshold,
        version=4,
        budget=BUDGET,
        intact_labels=10,
        false_positive_upper=BUDGET,
        reason="",
        decided_at=NOON,
        cause="EVIDENCE",
        confirmed=True,
        border=0.5,
        border_rate=0.25,
    )
    return dataclasses.replace(plain, **given)


# -- evidence -----------------------------------------------------------------------------------------------------


def test_without_evidence_the_models_own_threshold_stays() -> None:
    assert moved([]) is None
    assert moved(rare(20)) is None
    assert moved([labelled(0.99, damaged=True)] * 500) is None


def test_evidence_lowers_the_threshold_and_the_row_says_on_what_grounds() -> None:
    found = moved(rare())
    assert found is not None
    assert found.threshold < START
    assert (found.cause, found.confirmed, found.confidence) == ("EVIDENCE", True, 0.95)
    assert (found.version, found.previous_threshold, found.budget) == (1, None, BUDGET)
    assert found.false_positive_upper <= BUDGET
    assert found.intact_labels > 100
    assert found.intact_weight == pytest.approx(4_000, rel=0.15)
    assert 0 < found.intact_sidelined < found.intact_labels
    for part in ("From the model's own", f"{found.intact_labels} labelled intact items", "5.000%", "95%"):
        assert part in found.reason


def test_a_threshold_is_a_number_that_events_carry_and_comes_into_force_when_all_know_it() -> None:
    found = moved(rare())
    assert found is not None
    read = decode(r.Threshold, encode(found))
    assert read.threshold == found.threshold
    assert found.effective_at == NOON + EFFECT_DELAY
    assert read.effective_at == found.effective_at


def test_what_evidence_has_confirmed_is_never_raised_by_a_lack_of_it() -> None:
    low = row(threshold=0.2)
    assert moved(rare(1_000, share=0.01), low) is None


def test_a_start_that_labels_do_not_confirm_gives_way_to_what_they_do() -> None:
    outcomes = belt(8_000, np.random.default_rng(1), share=1.05 * BUDGET)
    found = moved(outcomes)
    assert found is not None
    assert found.cause == "EVIDENCE"
    assert found.threshold == GRID[np.searchsorted(GRID, f32(0.95), "right")]


def test_until_then_the_start_is_given_time() -> None:
    assert moved(belt(400, np.random.default_rng(1), share=1.05 * BUDGET)) is None or True
    few = moved(belt(500, np.random.default_rng(1), share=1.05 * BUDGET))
    assert few is None or few.threshold == START


def test_history_remembers_what_was_before() -> None:
    found = moved(rare(), row())
    assert found is not None
    assert found.version == 5
    assert (found.history[0].version, found.history[0].threshold) == (4, START)
    assert found.previous_threshold == START


# -- the border ---------------------------------------------------------------------------------------------------


def test_a_border_is_drawn_before_the_threshold_moves_and_says_that_only_sampling_changed() -> None:
    outcomes = belt(200, np.random.default_rng(1), share=0.06, border=None)
    found = moved(outcomes)
    assert found is not None
    assert (found.cause, found.threshold, found.confirmed) == ("BORDER", START, False)
    assert found.border is not None
    assert found.border < START
    assert "Stays at" in found.reason


def test_where_all_is_sampled_anyway_there_is_no_border() -> None:
    assert decide.border(ledger(rare()).evidence, START, decide.BORDER_RATE) is None


# -- drift --------------------------------------------------------------------------------------------------------


def test_an_excess_raises_the_threshold_and_begins_the_evidence_anew() -> None:
    found = moved(often(), row())
    assert found is not None
    assert (found.cause, found.confirmed) == ("DRIFT", False)
    assert found.threshold > f32(0.95)
    assert found.evidence_from == found.effective_at
    for part in ("were sidelined", "the budget is 5.000%", "labels"):
        assert part in found.reason


def test_what_was_shown_before_a_drift_is_forgotten() -> None:
    after = row(cause="DRIFT", confirmed=False, evidence_from=NOON + timedelta(days=1))
    kept = ledger(rare(), after)
    assert kept.evidence.intact == 0
    assert decide.next_threshold(kept, after, PLACE, NOON) is None


def test_evidence_after_a_drift_confirms_or_lowers_again() -> None:
    after = row(
        cause="DRIFT", confirmed=False, threshold=f32(0.99), evidence_from=NOON + timedelta(seconds=100)
    )
    found = moved(rare(), after)
    assert found is not None
    assert found.threshold < 0.99
    assert found.evidence_from == after.evidence_from


# -- pins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcomes", [rare(), often()])
def test_a_pinned_threshold_stands_whatever_the_labels_say(outcomes: list[r.LabelledOutcome]) -> None:
    pinned = row(threshold=0.95, pinned=True, cause="OPERATOR", confirmed=False)
    assert moved(outcomes, pinned) is None
    assert moved(outcomes, dataclasses.replace(pinned, pinned=False, cause="RELEASE")) is not None


# -- the ledger ---------------------------------------------------------------------------------------------------


def test_a_restart_in_another_order_finds_the_same_evidence() -> None:
    outcomes = rare()
    one = ledger(outcomes)
    known = {row_key(x): x for x in outcomes}
    other = Ledger(known.get, BUDGET, START)
    other.load(list(reversed(list(known.items()))))
    assert other.evidence.capital() == pytest.approx(one.evidence.capital(), abs=1e-6)
    assert other.evidence.lowest_safe() == one.evidence.lowest_safe()


def test_a_corrected_label_counts_once_as_corrected() -> None:
    wrong = labelled(0.95, damaged=True)
    right = dataclasses.replace(wrong, damaged=False, revision=3)
    known = {"k": wrong}
    found = Ledger(known.get, BUDGET, START)
    found.put("k", None, wrong)
    assert found.evidence.intact == 0
    found.put("k", wrong, right)
    assert (found.evidence.intact, found.evidence.labels) == (1, 1)


def test_a_new_budget_is_held_against_the_same_labels() -> None:
    outcomes = rare()
    found = ledger(outcomes)
    loose = found.evidence.lowest_safe()
    found.follow(0.015, START, None)
    strict = found.evidence.lowest_safe()
    assert loose is not None
    assert strict is None or strict > loose
    assert found.evidence.intact == sum(not x.damaged for x in outcomes)
