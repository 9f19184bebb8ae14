"""The table at the end of a day: each episode's line follows from what was sent and what is in the topics."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from uuid import uuid4

import pytest
from rich.console import Console

from services.kernel import records as r
from services.stack import chronicle, dayshow
from services.stack import day as script
from services.stack.chronicle import Line
from services.stack.day import DARK, DIM, EPISODES, FLOW, LEAKING, REDESIGN, TORN, Day, Episode
from services.stack.racks import Planned, Submitted
from services.stack.report import Observed
from services.stack.world import FRAGILE_VENDOR, make_world
from tests.stack import sightings as s


@pytest.fixture(scope="module")
def day() -> Day:
    return script.play(make_world(products=48, totes=110), 200, 3.0, 7)


def sent(day: Day, advised: Callable[[Planned], bool] = lambda _: False) -> list[Submitted]:
    """All that the racks sent; the associate is told that these pictures are too dark."""
    sentence = "The top picture is too dark: switch on the station's lamps and photograph again."
    return [
        Submitted(
            capture_id=item.capture_id,
            item_id=item.item_id,
            scheduled_at=s.SENT + item.at_s,
            accepted_at=s.SENT + item.at_s,
            status=202,
            truth=item.truth,
            product_id=item.product_id,
            advice=(sentence,) if advised(item) else (),
        )
        for item in day.planned
    ]


def judged(day: Day, damaged: Callable[[Planned], bool]) -> list[Observed]:
    found = []
    for item in day.planned:
        bad = damaged(item)
        made = s.assessment(1, item_id=item.item_id, damaged=bad, cause_id=item.capture_id)
        found.append(s.seen("damage.assessments", made))
    return found


def truly(item: Planned) -> bool:
    return item.truth is not None and item.truth.damaged


def line(episode: Episode, lines: Iterable[Line]) -> Line:
    return next(each for each in lines if each.name == episode.name)


def test_there_is_one_line_for_each_episode_in_the_order_of_the_script(day: Day) -> None:
    assert [each.name for each in chronicle.tell(day, sent(day), [])] == [e.name for e in EPISODES]


def test_the_ordinary_flow_is_well_where_damage_is_seen_without_false_alarms(day: Day) -> None:
    good = line(FLOW, chronicle.tell(day, sent(day), judged(day, truly)))
    assert good.good
    assert ", 0 false alarms" in good.did[0]
    blind = line(FLOW, chronicle.tell(day, sent(day), judged(day, lambda _: False)))
    alarmed = line(FLOW, chronicle.tell(day, sent(day), judged(day, lambda _: True)))
    assert (blind.good, alarmed.good) == (False, False)


def test_what_people_say_is_not_the_meshs_merit(day: Day) -> None:
    events = judged(day, lambda _: False)
    corrected = [
        s.seen(
            "damage.assessments",
            dataclasses.replace(
                event.record, revision=2, cause=r.CauseKind.LABEL, cause_id=uuid4(), damaged=True
            ),
        )
        for event in events
    ]
    assert not line(FLOW, chronicle.tell(day, sent(day), [*events, *corrected])).good


def suppliers(share: int, of: str = FRAGILE_VENDOR) -> list[Observed]:
    return [s.supplier(f"V0{n}", 60, share if f"V0{n}" == of else 4) for n in range(1, 7)]


def test_the_torn_mailers_are_found_when_their_supplier_stands_out(day: Day) -> None:
    events = judged(day, truly)
    found = line(TORN, chronicle.tell(day, sent(day), [*events, *suppliers(24)]))
    assert found.good
    assert "V04 at 40% (29% to 53%) damaged items: stands out" in found.did
    for otherwise in (suppliers(5), suppliers(24, "V02"), []):
        found = line(TORN, chronicle.tell(day, sent(day), [*events, *otherwise]))
        assert not found.good
    assert "V02 stands out too" in line(TORN, chronicle.tell(day, sent(day), suppliers(24, "V02"))).did


def promoted(day: Day, after: int) -> Observed:
    """A list of references with a picture of the new print, once so many of its items had come."""
    items = day.of(REDESIGN)
    reference = r.Reference(
        reference_id=items[after - 1].capture_id, features_key="f", embedding=b"", enrolled_at=s.NOW
    )
    gallery = r.Gallery(product_id=str(items[0].product_id), version=2, encoder="1", references=(reference,))
    return s.seen("gallery.references", gallery, at=s.SENT + items[after].at_s - 0.001)


def told(day: Day, event: str, after: int) -> Observed:
    """The gallery says this of the product in its next print, once so many of its items had come."""
    items = day.of(REDESIGN)
    change = SimpleNamespace(event=event, product_id=items[0].product_id)
    return s.seen("gallery.changes", change, at=s.SENT + items[after].at_s - 0.001)


def test_when_the_gallery_noticed_a_look_of_its_own_is_told(day: Day) -> None:
    events = [told(day, "PROPOSED", 5), told(day, "PROPOSED", 9), told(day, "REFUSED", 2)]
    found = line(REDESIGN, chronicle.tell(day, sent(day), [*events, promoted(day, 10)]))
    assert "noticed as a look of its own after 5 items" in found.did


@pytest.mark.parametrize("episode", [TORN, LEAKING])
def test_damage_that_became_a_reference_is_a_failure_whatever_else_went_well(
    day: Day, episode: Episode
) -> None:
    bad = next(item for item in day.of(episode) if truly(item))
    reference = r.Reference(reference_id=bad.capture_id, features_key="f", embedding=b"", enrolled_at=s.NOW)
    poisoned = r.Gallery(product_id=str(bad.product_id), version=2, encoder="1", references=(reference,))
    events = [*judged(day, truly), *suppliers(24)]
    well = line(episode, chronicle.tell(day, sent(day), events))
    ill = line(episode, chronicle.tell(day, sent(day), [*events, s.seen("gallery.references", poisoned)]))
    assert (well.good, ill.good) == (True, False)
    assert "none of them became a reference" in well.did
    assert "1 of them became a reference" in ill.did


def test_a_new_print_is_absorbed_when_its_pictures_are_references_and_it_is_quiet_since(day: Day) -> None:
    ids = {item.item_id: n for n, item in enumerate(day.of(REDESIGN))}
    alarms = judged(day, lambda item: ids.get(item.item_id, 99) < 9)
    found = line(REDESIGN, chronicle.tell(day, sent(day), [*alarms, promoted(day, 10)]))
    assert found.good
    assert found.did == (
        "9 of 10 called damaged while its print was not known",
        "taken up as references after 10 items",
        "0 of 10 called damaged since",
    )
    assert not line(REDESIGN, chronicle.tell(day, sent(day), alarms)).good
    still = judged(day, lambda item: item.item_id in ids)
    assert not line(REDESIGN, chronicle.tell(day, sent(day), [*still, promoted(day, 10)])).good


def routed(day: Day, action: r.DispositionAction, task: str) -> list[Observed]:
    return [
        s.seen(
            "disposition.decisions",
            r.Disposition(
                disposition_id=uuid4(), item_id=item.item_id, revision=1, action=action, discount_percent=0,
                reason="so", decided_at=s.NOW, task=task,
            ),
        )
        for item in day.of(LEAKING)
    ]  # fmt: skip


def test_a_leaking_pallet_is_seen_and_nothing_of_it_is_sold(day: Day) -> None:
    events = judged(day, truly)
    safe = routed(day, r.DispositionAction.DISPOSE, "safety_procedure")
    found = line(LEAKING, chronicle.tell(day, sent(day), [*events, *safe]))
    assert found.good
    assert "7 dispose (safety procedure)" in found.did
    sold = routed(day, r.DispositionAction.DISCOUNT, "")
    assert not line(LEAKING, chronicle.tell(day, sent(day), [*events, *sold])).good
    assert not line(LEAKING, chronicle.tell(day, sent(day), judged(day, lambda _: False))).good


def is_dark(item: Planned) -> bool:
    return item.truth is not None and item.truth.scenario == DARK


def test_a_dim_camera_is_caught_when_the_associate_is_told_of_it_and_of_nothing_else(day: Day) -> None:
    found = line(DIM, chronicle.tell(day, sent(day, is_dark), []))
    assert found.good
    assert found.did[0] == "associate told of 6 while the item was still there"
    assert not line(DIM, chronicle.tell(day, sent(day), [])).good
    assert not line(DIM, chronicle.tell(day, sent(day, lambda _: True), [])).good


# -- how it looks -------------------------------------------------------------------------------------------------


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=140, highlight=False)


def test_the_table_shows_truth_and_deed_side_by_side(day: Day, console: Console) -> None:
    dayshow.tell(console, chronicle.tell(day, sent(day, is_dark), judged(day, truly)))
    text = said(console)
    for part in (
        "✓ A camera goes dim 15:36 to 20:43",
        "true   station-2 loses its light: 6 of 9 pictures too dark",
        "mesh   associate told of 6",
        "✗ A product in its next print",
        "its pictures are not among the references yet",
    ):
        assert part in text, part


def follow(day: Day, answers: Sequence[Submitted], events: Sequence[Observed]) -> dayshow.Episodes:
    running = dayshow.Episodes(day)
    for answer in answers:
        running.submitted(answer)
    for event in events:
        running.observed(event.record)
    return running


def test_the_running_table_shows_what_is_on_and_how_far_it_is(day: Day, console: Console) -> None:
    running = follow(day, sent(day, is_dark), judged(day, truly))
    console.print(running.table(day.seconds / 2))
    text = said(console)
    assert "14:00  a day in 1.1 minutes" in text
    row = next(each for each in text.splitlines() if "leaks" in each)
    assert row.split()[-5:] == ["7", "7", "·", "·", "·"]
    assert next(each for each in text.splitlines() if "dim" in each).split()[-1] == "6"


def test_beginnings_and_ends_are_announced_once_where_there_is_no_live_table(day: Day) -> None:
    running = dayshow.Episodes(day)
    assert list(running.news(0.0)) == []
    assert list(running.news(day.seconds * 0.11)) == ["07:36  A supplier's new mailers tear: begins"]
    assert list(running.news(day.seconds * 0.11)) == []
    assert len(list(running.news(day.seconds))) == 7
