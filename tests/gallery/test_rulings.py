"""What people ask of a gallery, and that every change can be taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.gallery import rulings
from services.gallery.ledger import current, looks, opened, version
from services.kernel import records as r
from services.kernel.faults import DataFault
from tests.gallery.makers import Life, enrolled, sighting
from tests.samples import NOON, uid

A = r.GalleryAction


def command(action: A, target: str | None = None, name: str = "1") -> r.GalleryCommand:
    return r.GalleryCommand(
        command_id=uid(f"command {name} {action} {target}"),
        product_id="P1",
        action=action,
        target=target,
        reason="because",
        operator="someone",
        asked_at=NOON,
    )


def asked(life: Life, action: A, target: str | None = None, name: str = "1") -> r.GalleryChange:
    made = rulings.commanded(life.ledger, command(action, target, name), NOON)
    assert made is not None
    life.take(made)
    return life.told[-1]


def proposed(**given: Any) -> Life:
    life = Life(enrolled("a", "b"))
    for k in range(6):
        life.see(sighting(f"new-{k}", **{"lot_id": None, **given}))
    assert life.events == ["PROPOSED"]
    return life


def names(life: Life) -> list[Any]:
    return [ref.reference_id for ref in current(life.ledger)]


def test_a_person_promotes_what_evidence_could_not() -> None:
    life = proposed()
    change = asked(life, A.PROMOTE)
    assert (change.event, change.cause, change.version) == (r.GalleryEvent.PROMOTED, "OPERATOR", 3)
    assert change.reason == "someone: because"
    assert change.command_id == command(A.PROMOTE).command_id
    assert len(looks(current(life.ledger))) == 2


def test_a_look_is_named_by_how_its_id_begins() -> None:
    life = proposed()
    asked(life, A.PROMOTE, str(life.ledger.trials[0].trial_id)[:8])
    assert life.events[-1] == "PROMOTED"


def test_a_refused_look_is_not_proposed_again_but_a_person_may_still_promote_it() -> None:
    life = proposed()
    assert asked(life, A.REFUSE).event is r.GalleryEvent.REFUSED
    life.see_design(40, 10)
    assert life.events == ["PROPOSED", "REFUSED"]
    asked(life, A.PROMOTE, str(life.ledger.trials[0].trial_id))
    assert life.events[-1] == "PROMOTED"


def test_undo_brings_the_version_before_back_as_the_next_one() -> None:
    life = proposed()
    before = names(life)
    asked(life, A.PROMOTE)
    change = asked(life, A.UNDO)
    assert names(life) == before
    assert (change.event, change.cause, change.version) == (r.GalleryEvent.UNDONE, "OPERATOR", 4)
    assert life.ledger.trials[0].state is r.TrialState.REFUSED
    life.see_design(40, 10)
    assert life.events[-1] == "UNDONE"


def test_a_second_undo_takes_the_first_one_back() -> None:
    life = proposed()
    asked(life, A.PROMOTE)
    promoted = names(life)
    asked(life, A.UNDO)
    asked(life, A.UNDO, name="2")
    assert names(life) == promoted


def test_undo_goes_back_to_any_version_that_is_remembered() -> None:
    life = proposed()
    asked(life, A.PROMOTE)
    asked(life, A.UNDO, "1")
    assert names(life) == [uid("capture of a")]
    with pytest.raises(DataFault, match="version 9 is not remembered; there are: 3, 2, 1"):
        rulings.commanded(life.ledger, command(A.UNDO, "9"), NOON)


def test_undo_of_the_first_version_leaves_no_references() -> None:
    life = Life(enrolled("a"))
    asked(life, A.UNDO)
    assert names(life) == []
    with pytest.raises(DataFault, match="nothing to undo"):
        rulings.commanded(opened("P1", None), command(A.UNDO), NOON)


def test_what_left_by_undo_does_not_come_back_by_a_replay() -> None:
    life = Life(enrolled("a", "b"))
    asked(life, A.UNDO)
    assert uid("capture of b") in life.ledger.gone


def test_a_command_that_comes_again_changes_nothing() -> None:
    life = proposed()
    asked(life, A.PROMOTE)
    assert rulings.commanded(life.ledger, command(A.PROMOTE), NOON) is None
    assert version(life.ledger) == 3


def test_a_reference_or_a_look_is_retired() -> None:
    life = proposed()
    asked(life, A.PROMOTE)
    asked(life, A.RETIRE, str(uid("capture of a")))
    assert uid("capture of a") not in names(life)
    change = asked(life, A.RETIRE, "enrolled")
    assert change.event is r.GalleryEvent.RETIRED
    assert len(looks(current(life.ledger))) == 1


@pytest.mark.parametrize(
    ("action", "target", "says"),
    [
        (A.RETIRE, "enrolled", "all that the gallery has"),
        (A.RETIRE, "zzz", "names 3 of product P1"),
        (A.PROMOTE, "zzz", "names 0 of product P1"),
        (A.REFUSE, "zzz", "names 0 of product P1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(action: A, target: str, says: str) -> None:
    life = proposed()
    with pytest.raises(DataFault, match=says):
        rulings.commanded(life.ledger, command(action, target), NOON)


def test_a_look_of_another_encoder_cannot_be_promoted() -> None:
    life = proposed()
    step = replace(life.ledger.steps[0], encoder="2+new")
    life.ledger = replace(life.ledger, steps=(step, *life.ledger.steps[1:]))
    with pytest.raises(DataFault, match="wait until newer items show it"):
        rulings.commanded(life.ledger, command(A.PROMOTE), NOON)


def test_what_is_promoted_is_not_refused_but_undone() -> None:
    life = proposed()
    asked(life, A.PROMOTE)
    with pytest.raises(DataFault, match="undo that, or retire the look"):
        rulings.commanded(life.ledger, command(A.REFUSE, str(life.ledger.trials[0].trial_id)), NOON)
