"""What captures and items make of a gallery."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.gallery import decide
from services.gallery.ledger import MOST, confirmed, current, gallery_of, looks, opened, seen_by, version
from services.gallery.trials import Looked
from services.kernel import records as r
from services.kernel.faults import DataFault
from tests.gallery.makers import Life, enrolled, looked, pristine, sighting
from tests.samples import ENCODER, NOON, uid


def keys(ledger: r.GalleryLedger) -> list[str]:
    return [ref.features_key.rsplit("/", 1)[1] for ref in current(ledger)]


# -- captures for the gallery ---------------------------------------------------------------------------------


def test_the_first_reference_makes_a_gallery_of_its_encoder() -> None:
    gallery = gallery_of(enrolled("a"))
    assert (gallery.product_id, gallery.version, gallery.encoder, gallery.confirmed) == (
        "P1",
        1,
        ENCODER,
        True,
    )
    assert gallery.reason == "enrolled as pristine"


def test_each_further_reference_makes_the_next_version_of_the_whole_list_and_is_told() -> None:
    ledger = enrolled("a", "b", "c")
    assert (version(ledger), keys(ledger)) == (3, ["a", "b", "c"])
    assert ledger.newest is not None
    assert (ledger.newest.event, ledger.newest.cause) == (r.GalleryEvent.ENROLLED, "ENROLMENT")
    assert (ledger.newest.added, ledger.newest.removed) == ((uid("capture of c"),), ())


def test_a_capture_that_is_in_the_list_changes_nothing() -> None:
    assert decide.enrolled(enrolled("a", "b"), pristine("a"), "elsewhere", NOON) is None


def test_references_beyond_the_most_make_room_and_a_replay_does_not_bring_them_back() -> None:
    names = "abcdefgh"
    ledger = enrolled(*names)
    assert len(keys(ledger)) == MOST
    assert keys(ledger)[-1] == "h"
    for name in set(names) - set(keys(ledger)):
        assert decide.enrolled(ledger, pristine(name), "elsewhere", NOON) is None


def test_of_those_that_make_room_it_is_the_older_of_the_two_most_alike() -> None:
    ledger = enrolled(*"abcdef")
    twin = replace(pristine("g"), embedding=pristine("d").embedding)
    made = decide.enrolled(ledger, twin, "references/P1/g", NOON)
    assert made is not None
    assert keys(made.ledger) == ["a", "b", "c", "e", "f", "g"]


def test_a_new_encoder_begins_a_new_list() -> None:
    ledger = enrolled("c", ledger=enrolled("a", "b"), encoder="2+new")
    assert (version(ledger), gallery_of(ledger).encoder, keys(ledger)) == (3, "2+new", ["c"])
    assert keys(enrolled("a", ledger=enrolled("a"), encoder="2+new")) == ["a"]


def test_a_replay_from_before_the_new_encoder_does_not_bring_the_old_one_back() -> None:
    ledger = enrolled("c", ledger=enrolled("a", "b"), encoder="2+new")
    before = pristine("a", inspected_at=NOON - timedelta(days=1))
    with pytest.raises(DataFault, match="enrol it again"):
        decide.enrolled(ledger, before, "elsewhere", NOON)


def test_a_gallery_of_an_earlier_release_is_the_ledgers_first_step() -> None:
    old = replace(gallery_of(enrolled("a", "b")), version=7)
    ledger = enrolled("c", ledger=opened("P1", old))
    assert (version(ledger), keys(ledger)) == (8, ["a", "b", "c"])
    assert [step.version for step in ledger.steps] == [8, 7]


# -- a new design ---------------------------------------------------------------------------------------------


def test_a_new_design_of_several_deliveries_is_proposed_then_promoted_beside_the_old_one() -> None:
    life = Life(enrolled("a", "b", "c", "d", "e", "f"))
    life.see_design(15, 6)
    assert life.events == ["PROPOSED", "PROMOTED"]
    present = current(life.ledger)
    assert len(present) == MOST
    assert looks(present) == ("enrolled", str(life.told[-1].trial_id))
    new = [ref for ref in present if ref.trial_id is not None]
    assert len(new) == 3
    assert all(ref.features_key == f"references/P1/{ref.reference_id}/features.icf" for ref in new)


def test_a_promotion_says_what_it_rests_on() -> None:
    life = Life(enrolled("a"))
    life.see_design(15, 6)
    change = life.told[-1]
    assert (change.cause, change.version, change.items >= 8, change.lots >= 4) == ("EVIDENCE", 2, True, True)
    assert set(change.odds) == {"damaged", "short", "other"}
    assert min(change.odds.values()) >= 3
    assert "look like each other and not like the references" in change.reason


def test_of_one_delivery_no_number_of_items_is_enough() -> None:
    life = Life(enrolled("a"))
    life.see_design(60, 1)
    assert life.events == []
    assert version(life.ledger) == 1


def test_of_unknown_deliveries_people_are_asked() -> None:
    life = Life(enrolled("a"))
    for k in range(60):
        life.see(sighting(f"new-{k}", lot_id=None))
    assert life.events == ["PROPOSED"]
    assert "To promote it without a person it takes" in life.told[0].reason


def test_items_that_keep_the_old_print_are_left_to_people() -> None:
    life = Life(enrolled("a"))
    life.see_design(40, 10, fit=r.Fit.CHANGED)
    assert life.events == ["PROPOSED"]
    assert "The old print is still there" in life.told[0].reason


def test_items_that_look_damaged_are_not_even_proposed() -> None:
    life = Life(enrolled("a"))
    life.see_design(40, 10, damaged=0.9)
    assert life.events == []


def test_items_that_are_another_product_are_refused() -> None:
    life = Life(enrolled("a"))
    life.see_design(8, 1, rival="P2")
    assert life.events == []
    for k in range(5):
        life.see(sighting(f"new-{k}", lot_id="lot-0", rival="P2", verdict=r.Verdict.INTACT, revision=2))
    assert life.events == ["REFUSED"]
    life.see_design(40, 10)
    assert life.events == ["REFUSED"]


def test_one_item_that_people_label_counts_once_however_often_it_is_seen() -> None:
    life = Life(enrolled("a"))
    for revision in range(1, 40):
        life.see(sighting("the same", revision=revision, lot_id=f"lot-{revision}", tote_id=f"t{revision}"))
    (trial,) = life.ledger.trials
    assert [m.revision for m in trial.members] == [39]
    assert life.events == []


def test_an_earlier_revision_that_comes_late_changes_nothing() -> None:
    life = Life(enrolled("a"))
    life.see(sighting("i", revision=3, verdict=r.Verdict.DAMAGED))
    life.see(sighting("i", revision=2))
    assert life.ledger.trials[0].members[0].verdict is r.Verdict.DAMAGED


def test_a_testimony_that_was_counted_changes_nothing() -> None:
    life = Life(enrolled("a"))
    life.see(sighting("i"))
    assert decide.weighed(life.ledger, looked(sighting("j")), 0, NOON) is None
    assert decide.weighed(life.ledger, looked(sighting("i")), 17, NOON) is None


def test_a_verdict_on_an_item_that_matches_and_is_no_reference_changes_nothing() -> None:
    seen = sighting("i", fit=r.Fit.SAME, verdict=r.Verdict.DAMAGED)
    assert decide.weighed(enrolled("a"), Looked(sighting=seen), 0, NOON) is None


def test_an_item_of_an_encoder_that_is_yet_to_see_the_references_says_nothing() -> None:
    assert decide.weighed(enrolled("a"), looked(sighting("i", encoder="2+new")), 0, NOON) is None


def test_the_references_are_weighed_with_as_the_items_encoder_sees_them() -> None:
    ledger = enrolled("a", "b")
    seen = gallery_of(ledger)
    other = tuple(replace(ref, embedding=bytes(512)) for ref in seen.references)
    found = seen_by(ledger, replace(seen, encoder="2+new", references=other))
    assert gallery_of(found).encoder == "2+new"
    assert {ref.embedding for ref in current(found)} == {bytes(512)}
    assert seen_by(ledger, replace(seen, encoder="2+new", references=other[:1])) == ledger
    assert seen_by(ledger, None) == ledger


def test_the_picture_is_looked_at_only_when_it_may_be_a_new_look() -> None:
    ledger = enrolled("a")
    assert decide.needs_picture(ledger, sighting("i"), 0)
    assert not decide.needs_picture(ledger, sighting("i", fit=r.Fit.SAME), 0)
    assert not decide.needs_picture(ledger, sighting("i", fit=r.Fit.UNSEEN), 0)
    assert not decide.needs_picture(ledger, sighting("i"), -1)
    life = Life(ledger)
    life.see(sighting("i"))
    assert not decide.needs_picture(life.ledger, sighting("i", revision=2), 5)


def test_people_who_find_promoted_items_damaged_take_the_promotion_back() -> None:
    life = Life(enrolled("a", "b"))
    life.see_design(15, 6)
    before = life.ledger.steps[1].references
    shown = {ref.item_id for ref in current(life.ledger)}
    others = [m for m in life.ledger.trials[0].members if m.item_id not in shown]
    for member in others[:4]:
        life.see(replace(member, revision=2, verdict=r.Verdict.DAMAGED))
    assert life.events[-1] == "UNDONE"
    assert life.told[-1].cause == "LABEL"
    assert life.ledger.steps[0].references == before
    assert life.ledger.trials[0].state is r.TrialState.REFUSED


def test_a_reference_goes_when_a_person_finds_its_item_damaged() -> None:
    life = Life(enrolled("a", "b"))
    life.see_design(15, 6)
    reference = current(life.ledger)[-1]
    member = next(m for m in life.ledger.trials[0].members if m.item_id == reference.item_id)
    life.see(replace(member, revision=2, verdict=r.Verdict.DAMAGED))
    assert life.events[-1] == "RETIRED"
    assert reference not in current(life.ledger)
    assert str(member.item_id) in life.told[-1].reason


# -- both designs, and the old one's end ------------------------------------------------------------------------


def promoted() -> Life:
    life = Life(enrolled("a", "b"))
    life.see_design(15, 6)
    assert life.events[-1] == "PROMOTED"
    return life


def matched(life: Life, reference: r.Reference, count: int, days: float) -> None:
    for k in range(count):
        at = NOON + timedelta(days=days)
        seen = sighting(
            f"{days}-{k}", fit=r.Fit.SAME, reference_id=reference.reference_id, captured_at=at, lot_id="lot-0"
        )
        made = decide.weighed(life.ledger, Looked(sighting=seen), 10_000 + life.offset, at)
        life.offset += 1
        assert made is not None
        life.take(made)


def test_the_old_design_is_retired_when_no_item_has_matched_it_for_long() -> None:
    life = promoted()
    old, new = current(life.ledger)[0], current(life.ledger)[-1]
    matched(life, old, 1, 10)
    matched(life, new, decide.RETIRED_ITEMS - 1, 39)
    assert life.events[-1] == "PROMOTED"
    matched(life, new, 1, 39.5)
    assert life.events[-1] == "RETIRED"
    assert life.told[-1].reason == "no item matched enrolled in 300 items and 29 days"
    assert looks(current(life.ledger)) == (str(new.trial_id),)
    assert life.ledger.unmatched == {}


def test_the_old_design_stays_while_its_stock_is_around() -> None:
    life = promoted()
    old, new = current(life.ledger)[0], current(life.ledger)[-1]
    for day in range(10, 200, 20):
        matched(life, new, 200, day)
        matched(life, old, 1, day)
    assert life.events[-1] == "PROMOTED"


def test_many_items_in_a_short_time_retire_nothing() -> None:
    life = promoted()
    matched(life, current(life.ledger)[-1], 2 * decide.RETIRED_ITEMS, 3)
    assert life.events[-1] == "PROMOTED"


# -- products without references -----------------------------------------------------------------------------


def test_the_first_items_of_a_product_are_its_references_but_nobody_is_judged_by_them() -> None:
    life = Life(opened("P1", None))
    life.see_design(3, 3, fit=r.Fit.UNSEEN)
    gallery = gallery_of(life.ledger)
    assert life.events == ["PROPOSED"]
    assert (len(gallery.references), gallery.confirmed) == (3, False)
    assert "nobody has confirmed them, and no item is judged by them" in gallery.reason


def test_they_are_confirmed_by_evidence() -> None:
    life = Life(opened("P1", None))
    life.see_design(20, 8, fit=r.Fit.UNSEEN)
    assert life.events == ["PROPOSED", "PROMOTED"]
    assert confirmed(life.ledger)


def test_they_are_not_when_all_come_from_one_delivery() -> None:
    life = Life(opened("P1", None))
    for k in range(60):
        life.see(sighting(f"i{k}", fit=r.Fit.UNSEEN, lot_id="one"))
    assert not confirmed(life.ledger)


def test_they_make_room_for_what_somebody_enrols() -> None:
    life = Life(opened("P1", None))
    life.see_design(3, 3, fit=r.Fit.UNSEEN)
    ledger = enrolled("a", ledger=life.ledger)
    assert keys(ledger) == ["a"]
    assert confirmed(ledger)


def test_a_full_look_costs_no_more_comparisons_unless_another_delivery_speaks() -> None:
    life = Life(enrolled("a"))
    life.see_design(40, 1)
    assert not decide.needs_picture(life.ledger, sighting("one more", lot_id="lot-0"), 100)
    assert decide.needs_picture(life.ledger, sighting("one more", lot_id="another"), 100)
