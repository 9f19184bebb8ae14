"""What `gallery` shows and asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.gallery.ledger import gallery_of
from services.kernel import records as r
from services.kernel import wire
from services.stack.commands.gallery import Book, answer, books, summary, told
from services.stack.problems import Problem
from services.stack.report import Observed
from tests.gallery.makers import Life, enrolled, sighting
from tests.samples import NOON, uid


def observed(record: Any, topic: str, offset: int = 0) -> Observed:
    return Observed(
        topic=topic,
        partition=0,
        offset=offset,
        at_ms=0,
        key=b"P1",
        record=record,
        fault=None,
        capture_id=None,
    )


def book(life: Life) -> Book:
    rows = [observed(gallery_of(life.ledger), "gallery.references"), observed(life.ledger, "gallery.ledgers")]
    rows += [observed(c, "gallery.changes", k) for k, c in enumerate(life.told)]
    return books(rows)["P1"]


def proposed() -> Life:
    life = Life(enrolled("a", "b"))
    for k in range(6):
        life.see(sighting(f"new-{k}", lot_id=None))
    return life


def test_a_gallery_that_nothing_is_to_be_said_of_is_listed_only_with_all() -> None:
    quiet = book(Life(enrolled("a")))
    assert summary("P1", quiet, everything=False) is None
    assert summary("P1", quiet, everything=True) == "P1  version 1, 1 references"


def test_what_waits_for_people_is_listed() -> None:
    assert summary("P1", book(proposed()), everything=False) == "P1  version 2, 2 references, 1 proposed"


def test_everything_about_a_gallery_is_shown_with_its_reasons() -> None:
    life = proposed()
    lines = "\n".join(told("P1", book(life)))
    assert "P1 version 2; enrolled as pristine" in lines
    assert f"look {str(life.ledger.trials[0].trial_id)[:8]}  proposed" in lines
    assert "To promote it without a person" in lines
    assert "new-5" in lines
    assert "proposed (evidence)  version 2" in lines


def test_first_references_say_that_nobody_has_confirmed_them() -> None:
    life = proposed()
    unsure = replace(gallery_of(life.ledger), confirmed=False)
    found = Book(gallery=unsure, ledger=life.ledger)
    assert "not confirmed: no item is judged by it" in next(told("P1", found))
    assert "not confirmed" in str(summary("P1", found, everything=False))


def test_a_change_that_was_sent_twice_is_shown_once() -> None:
    change = proposed().told[0]
    found = books([observed(change, "gallery.changes", 0), observed(change, "gallery.changes", 1)])
    assert len(found["P1"].changes) == 1


def test_a_command_is_answered_by_its_change_or_by_the_reason_why_not() -> None:
    change = replace(proposed().told[0], command_id=uid("command"))
    assert answer([observed(change, "gallery.changes")], uid("command")) == change
    assert answer([observed(change, "gallery.changes")], uid("another")) is None
    command = r.GalleryCommand(
        command_id=uid("command"),
        product_id="P1",
        action=r.GalleryAction.UNDO,
        reason="",
        operator="",
        asked_at=NOON + timedelta(0),
    )
    held = r.Quarantined(
        service="gallery",
        topic="gallery.commands",
        partition=0,
        offset=0,
        key=b"P1",
        value=wire.encode(command),
        reason="no_version",
        message="there is nothing to undo",
        quarantined_at=NOON,
    )
    with pytest.raises(Problem, match="nothing to undo"):
        answer([observed(held, "gallery.commands.gallery.quarantine")], uid("command"))
