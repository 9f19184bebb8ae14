from __future__ import annotations

import io

import pytest
from rich.console import Console

from services.kernel import records as r
from services.stack.report import report
from services.stack.show import Board, Finished, tell
from services.stack.world import make_world
from tests.stack import sightings as s


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120, highlight=False)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_board_counts_what_it_is_told_once(console: Console) -> None:
    board = Board(console, 3)
    for number in (1, 2):
        board.submitted(s.submitted(number))
    board.submitted(s.submitted(3, status=422))
    events = [s.judged(1, at=s.SENT + 1.5), s.seen("sideline.commands", s.command(1))]
    board.observed(events)
    board.observed(events)
    figures = dict(board._figures())
    assert figures["captures in"] == "3/3"
    assert (figures["accepted"], figures["assessed"], figures["sidelined"]) == ("2", "1", "1")
    assert (figures["lag"], figures["p50/p99 ms"]) == ("1", "500/500")


def test_the_summary_says_what_was_lost_and_why_items_are_damaged(console: Console) -> None:
    sent = [s.submitted(1, damaged=True), s.submitted(2), s.submitted(3, status=409, detail="used [before]")]
    events = [s.judged(1, damaged=True, reason="a hole [sic]"), s.supplier("V04", 2, 1)]
    world = make_world(products=6, totes=6)
    done = Finished(
        world=world,
        submitted=sent,
        events=events,
        report=report(sent, events),
        ready_s=20.0,
        memory=2**30,
        kept=False,
    )
    tell(console, done)
    text = said(console)
    for part in (
        "1 lost, 0 doubled",
        str(s.capture(2)),
        "409: used [before]",
        "a hole [sic]",
        "penetration",
        "Dune Paperworks",
        "1 of 1 found",
        "1,024 MiB",
        "--keep leaves everything running",
    ):
        assert part in text
    assert r.SidelineAction.SIDELINE.value not in text
