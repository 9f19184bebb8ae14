"""The proof in small, and that it would notice: `python -m loadtest.gallery_proof` is the whole one."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from loadtest import gallery_proof as proof
from services.kernel import records as r


def test_redesigns_are_absorbed_and_the_false_alarms_are_gone() -> None:
    found = proof.redesigns(6, None)
    assert found["absorbed"] == 6
    assert found["within_20"] >= 5
    assert found["after"] < 0.01 < 2 * found["meanwhile"]
    assert (found["old_kept"], found["poisoned"]) == (6, 0)


@pytest.mark.parametrize("people", [None, proof.People()], ids=["nobody looks", "people look"])
def test_no_batch_gets_in(people: proof.People | None) -> None:
    found = proof.batches(5, people)
    assert {kind: row["in"] for kind, row in found.items()} == dict.fromkeys(proof.KINDS, 0)
    assert sum(row["unseen_by_the_classifier"] for row in found.values()) > 0


def test_the_proof_would_notice_a_batch_that_gets_in() -> None:
    """Beyond what is assumed, a fault that no model sees in six deliveries and more does get in, and is counted."""
    found = proof.batches(4, None, lots=8, worst=True)
    assert found["barcode"]["in"] == 4


def test_a_fault_of_four_deliveries_that_no_model_sees_does_not() -> None:
    found = proof.batches(4, None, lots=4, worst=True)
    assert sum(row["in"] for row in found.values()) == 0


def test_a_product_without_references_works_from_its_first_items() -> None:
    found = [proof.cold(seed, None) for seed in range(4)]
    assert all(f["first"] is not None and f["first"] <= 10 for f in found)
    assert all(f["confirmed"] is not None and f["first"] < f["confirmed"] <= 40 for f in found)


def test_the_shortcut_over_silent_items_changes_nothing() -> None:
    """Nothing is made of an assessment that the run skips: the service's own first step lets each of them go."""
    random = Random(9)  # noqa: S311 (seeded)
    shop, store = proof.begun(random, proof.eyes(random), None)
    silent = 0
    for k in range(400):
        item = store.item("new" if k > 200 and k % 2 else "old", other_product=k % 7 == 0)
        fit, _ = shop.see(item)
        if shop.silent(item, fit):
            silent += 1
            before, offset = shop.ledger, shop.offset
            shop._told(shop._assessment(item, fit, shop.gallery.references[0].reference_id, 0.1, 0.1))  # type: ignore[union-attr]
            assert (shop.ledger, shop.offset) == (before, offset)
    assert silent > 50


def test_a_missed_target_is_said() -> None:
    row = {"redesigns": 10, "within_20": 3, "after": 0.02}
    batches = {kind: {"in": 1} for kind in proof.KINDS}
    report = {"redesigns": {"nobody": row, "people": row}, "batches": {"nobody": batches, "people": batches}}
    assert len(proof.targets_missed(report)) == 6


def test_the_world_is_what_it_says_it_is() -> None:
    random = Random(3)  # noqa: S311 (seeded)
    sight = proof.eyes(random, blind_share=0.0)
    old = proof.Item(number=1, print="old", side=0, lot="a", tote="t")
    crushed = proof.Item(number=2, print="old", side=0, lot="a", tote="t", fault="crushed")
    fits = Counter(proof.beside(crushed, old, sight, random) for _ in range(2_000))
    assert fits[r.Fit.CHANGED] / 2_000 == pytest.approx(
        (1 - sight.lost) * (1 - sight.crushed) * sight.seen, abs=0.05
    )
    assert sum(proof.scored(crushed, sight, random)[0] > 0.5 for _ in range(500)) > 400
    assert sum(proof.scored(old, sight, random)[0] > 0.5 for _ in range(500)) < 100
