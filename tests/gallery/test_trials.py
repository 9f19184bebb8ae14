"""Looks under trial are bounded, and what stands for one is what its items agree on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.gallery import trials
from services.gallery.trials import Looked, best_shown, joined, of_it, support
from services.kernel import records as r
from tests.gallery.makers import looked, sighting
from tests.samples import NOON


def grown(*members: r.Sighting) -> r.Trial:
    found: tuple[r.Trial, ...] = ()
    for member in members:
        found, _ = joined(found, looked(member, found[-1] if found else None))
    return found[-1]


def test_an_item_is_of_a_look_when_most_of_its_pictures_look_the_same() -> None:
    a, b, c = (looked(sighting(name)).sighting.capture_id for name in "abc")
    assert of_it({a: True, b: True, c: False})
    assert not of_it({a: True, b: False})
    assert not of_it({})


def test_an_item_like_no_other_opens_a_look_and_one_that_fits_the_references_none() -> None:
    found, home = joined((), looked(sighting("i")))
    assert [t.trial_id for t in found] == [home]
    assert joined((), looked(sighting("i", fit=r.Fit.SAME))) == ((), None)
    assert joined((), Looked(sighting=sighting("i"))) == ((), None)


def test_items_and_pictures_of_a_look_are_bounded_and_what_people_said_stays_longest() -> None:
    first = sighting("first", verdict=r.Verdict.INTACT)
    trial = grown(first, *(sighting(f"i{k}", lot_id=f"lot {k % 9}") for k in range(50)))
    assert len(trial.members) == trials.MEMBERS
    assert len(trial.shown) == trials.SHOWN
    assert trial.members[0] == first
    assert set(trial.asked) == {str(p.reference_id) for p in trial.shown}


def test_looks_are_bounded_and_the_longest_unseen_makes_room() -> None:
    found: tuple[r.Trial, ...] = ()
    for k in range(9):
        found, _ = joined(found, looked(sighting(f"i{k}", captured_at=NOON + timedelta(minutes=k))))
    assert len(found) == trials.TRIALS
    assert [t.members[0].item_id for t in found] == ["i5", "i6", "i7", "i8"]


def test_what_another_encoder_saw_is_begun_anew() -> None:
    found, _ = joined((), looked(sighting("i")))
    found, _ = joined(found, looked(sighting("j", encoder="2+new"), found[0]))
    assert [[m.item_id for m in t.members] for t in found] == [["j"]]


def test_what_people_decided_about_makes_room_last() -> None:
    found, _ = joined((), looked(sighting("i")))
    found = (replace(found[0], state=r.TrialState.REFUSED),)
    for k in range(9):
        at = NOON + timedelta(days=100 + k)
        found, _ = joined(found, looked(sighting(f"i{k}", captured_at=at)))
    assert r.TrialState.REFUSED in {t.state for t in found}


def test_a_look_that_nobody_saw_for_long_is_forgotten() -> None:
    found, _ = joined((), looked(sighting("i")))
    late = sighting("late", captured_at=NOON + trials.FADES + timedelta(days=1))
    found, _ = joined(found, looked(late))
    assert [t.members[0].item_id for t in found] == ["late"]


def test_a_picture_that_items_of_other_deliveries_do_not_look_like_does_not_stand_for_the_look() -> None:
    damaged = sighting("damaged", lot_id="bad")
    found, _ = joined((), looked(damaged))
    for k in range(9):
        trial = found[-1]
        one = looked(sighting(f"i{k}", lot_id=f"lot {k % 4}"), trial)
        held = {name: name != damaged.capture_id for name in one.held}
        found, _ = joined(found, replace(one, held=held))
    (trial,) = found
    shown = best_shown(trial, 3)
    assert damaged.capture_id not in {p.reference_id for p in shown}
    assert len({p.item_id for p in shown}) == 3


def test_items_of_one_delivery_do_not_speak_for_each_other() -> None:
    trial = grown(*(sighting(f"i{k}", lot_id="one") for k in range(6)))
    assert {support(trial, p) for p in trial.shown} == {0.5}


def test_pictures_to_promote_are_of_items_found_intact_of_none_found_damaged_and_of_several_deliveries() -> (
    None
):
    members = [sighting(f"i{k}", lot_id=f"lot {k % 3}") for k in range(6)]
    members[5] = replace(members[5], verdict=r.Verdict.INTACT)
    members[0] = replace(members[0], verdict=r.Verdict.DAMAGED)
    shown = [p.item_id for p in best_shown(grown(*members), 3)]
    assert shown[0] == "i5"
    assert "i0" not in shown
    assert {int(str(name)[1:]) % 3 for name in shown} == {0, 1, 2}
