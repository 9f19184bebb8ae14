from __future__ import annotations

from typing import Any

import pytest

from services.kernel import records as r
from services.kernel.faults import MissingRow
from services.replace.app import build
from tests.fakes import FakeService
from tests.samples import command, order_line

A = r.SidelineAction


def made() -> FakeService:
    service = FakeService("replace")
    fake: Any = service
    build(fake)
    service.row("orders.lines", "L1", order_line())
    return service


async def test_commands_are_gathered_by_order_line() -> None:
    service = made()
    await service.give("sideline.commands", command(), key="item-1")
    assert [(s.topic, s.key) for s in service.sent] == [("replace.candidates", "L1")]


async def test_samples_and_items_without_an_order_go_no_further() -> None:
    service = made()
    await service.give("sideline.commands", command(action=A.SAMPLE))
    await service.give("sideline.commands", command(order_line_id=None))
    assert not service.sent


async def test_there_is_one_request_before_kafka_has_been_read_back() -> None:
    service = made()
    for item in ("item-1", "item-2", "item-1"):
        await service.give("replace.candidates", command(item), key="L1")
    # The second record only notes that another item of the line wants it too; the third command says nothing new.
    first, second = service.sent_to("replacement.requests")
    assert (first.request_id, first.status) == (second.request_id, second.status)


async def test_a_release_cancels_it() -> None:
    service = made()
    await service.give("replace.candidates", command(), key="L1")
    await service.give("replace.candidates", command(action=A.RELEASE, revision=2), key="L1")
    assert [q.status for q in service.sent_to("replacement.requests")] == list(r.RequestStatus)


async def test_an_item_that_turns_out_to_be_another_product_moves_its_request_to_its_own_line() -> None:
    service = made()
    service.row("orders.lines", "L2", order_line("L2", product_id="P2"))
    moved = command(
        revision=2, product_id="P2", order_line_id="L2", former_order_line_ids=("L1",), reason="It is P2."
    )
    for one in (command(), moved, command(), moved):  # the second time after a crash
        await service.give("sideline.commands", one, key="item-1")
        for sent in [s for s in service.sent if s.topic == "replace.candidates"]:
            await service.give("replace.candidates", sent.record, key=sent.key)
    told = [(q.order_line_id, q.status) for q in service.sent_to("replacement.requests")]
    requested, cancelled = r.RequestStatus
    assert told == [("L1", requested), ("L2", requested), ("L1", cancelled)]


async def test_a_release_that_overtakes_the_command_it_takes_back_still_has_the_last_word() -> None:
    service = made()
    for one in (command(action=A.RELEASE, revision=3), command()):
        await service.give("replace.candidates", one, key="L1")
    assert not service.sent
    await service.give("replace.candidates", command("item-2"), key="L1")  # another item is another matter
    await service.give("replace.candidates", command(revision=4), key="L1")
    assert [q.status for q in service.sent_to("replacement.requests")] == [r.RequestStatus.REQUESTED] * 2


async def test_an_unknown_order_line_is_waited_for() -> None:
    service = made()
    with pytest.raises(MissingRow, match=r"L9 is not in orders\.lines") as caught:
        await service.give("replace.candidates", command(order_line_id="L9"), key="L9")
    assert caught.value.reason == "unknown_order"


async def test_an_order_line_that_comes_late_is_joined_when_the_command_is_tried_again() -> None:
    service = made()
    with pytest.raises(MissingRow):
        await service.give("replace.candidates", command(order_line_id="L9"), key="L9")
    service.row("orders.lines", "L9", order_line("L9", product_id="P9"))
    await service.give("replace.candidates", command(order_line_id="L9"), key="L9")
    (found,) = service.sent_to("replacement.requests")
    assert (found.order_line_id, found.product_id) == ("L9", "P9")


async def test_a_request_can_be_cancelled_after_its_order_was_deleted() -> None:
    service = made()
    await service.give("replace.candidates", command(), key="L1")
    service.row("orders.lines", "L1", None, offset=1)
    await service.give("replace.candidates", command(action=A.RELEASE, revision=2), key="L1")
    assert service.sent_to("replacement.requests")[-1].status is r.RequestStatus.CANCELLED


async def test_an_order_line_that_changes_counts_for_the_next_request_only() -> None:
    service = made()
    await service.give("replace.candidates", command(), key="L1")
    service.row("orders.lines", "L1", order_line(product_id="P2", quantity=2), offset=1)
    await service.give("replace.candidates", command("item-2"), key="L1")
    first, second = service.sent_to("replacement.requests")
    assert (first.product_id, second.product_id) == ("P1", "P1")  # asked for once, and not changed under way
    assert (first.quantity, second.quantity) == (1, 2)


async def test_what_was_asked_for_is_known_after_a_restart() -> None:
    first = made()
    await first.give("replace.candidates", command(), key="L1")
    (asked,) = first.sent_to("replacement.requests")
    second = made()
    second.row("replacement.requests", "L1", asked)
    await second.give("replace.candidates", command(), key="L1")
    assert not second.sent
    await second.give("replace.candidates", command(action=A.RELEASE, revision=2), key="L1")
    (cancelled,) = second.sent_to("replacement.requests")
    assert (cancelled.status, cancelled.request_id) == (r.RequestStatus.CANCELLED, asked.request_id)
