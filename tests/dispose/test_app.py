from __future__ import annotations

from typing import Any

from services.dispose.app import build
from services.kernel import records as r
from tests.fakes import FakeService
from tests.samples import command, facts

A = r.SidelineAction
D = r.DispositionAction


def made() -> FakeService:
    service = FakeService("dispose")
    fake: Any = service
    build(fake)
    return service


async def given(service: FakeService, *commands: r.SidelineCommand) -> list[tuple[int, r.DispositionAction]]:
    """What these commands come to: revision and action, in order."""
    for one in commands:
        await service.give("sideline.commands", one, key=one.item_id)
    return [(d.revision, d.action) for d in service.sent_to("disposition.decisions")]


def release(revision: int) -> r.SidelineCommand:
    return command(action=A.RELEASE, revision=revision, damaged=False, verdict=r.Verdict.INTACT)


async def test_every_item_that_leaves_the_belt_is_routed_under_its_key() -> None:
    service = made()
    await service.give("sideline.commands", command("item-7"), key="item-7")
    assert [(s.topic, s.key, s.record.item_id) for s in service.sent] == [
        ("disposition.decisions", "item-7", "item-7")
    ]


async def test_an_intact_label_on_an_item_that_never_left_the_belt_resells_nothing() -> None:
    assert await given(made(), release(2)) == []


async def test_an_item_that_left_the_belt_and_is_intact_goes_back_to_stock() -> None:
    found = await given(made(), command(action=A.SAMPLE, damaged=False), release(2))
    assert found == [(1, D.INSPECT), (2, D.RESELL)]


async def test_repeats_and_older_revisions_route_nothing_again() -> None:
    service, story = made(), (command(), release(2))
    once = await given(service, *story)
    assert await given(service, *story, command(), release(2)) == once
    assert len(once) == 2


async def test_a_release_that_overtakes_the_command_it_corrects_still_has_the_last_word() -> None:
    found = await given(made(), release(3), command(revision=1))
    assert found[-1] == (3, D.RESELL)


async def test_a_damaged_verdict_after_a_release_routes_it_once_more() -> None:
    found = await given(made(), command(), release(2), command(revision=3, verdict=r.Verdict.DAMAGED))
    assert [revision for revision, _ in found] == [1, 2, 3]
    assert found[-1][1] is not D.RESELL


async def test_what_was_decided_is_known_after_a_restart() -> None:
    first = made()
    await given(first, command())
    (decided,) = first.sent_to("disposition.decisions")
    second = made()
    second.row("disposition.decisions", "item-1", decided)
    assert await given(second, command()) == []
    assert await given(second, release(2)) == [(2, D.RESELL)]


async def test_a_discount_is_that_of_the_policies_as_they_are_when_the_command_comes() -> None:
    service = made()
    rule = r.Policy(
        policy_id="sale",
        version=2,
        up_to=r.Severity.NONE,
        judge_at=0.5,
        reason="so",
        discount_percent={"MINOR": 11},
    )
    minor = {"severity": r.Severity.MINOR, "product": toy()}
    await given(service, command("item-1", **minor))
    service.row("policies.tolerability", "sale", rule)
    await given(service, command("item-2", **minor))
    service.row("policies.tolerability", "sale", None, offset=1)
    await given(service, command("item-3", **minor))
    assert [d.discount_percent for d in service.sent_to("disposition.decisions")] == [30, 11, 30]


def toy() -> r.ProductFacts:
    return facts(category="toy")
