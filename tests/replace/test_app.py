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


async def test_an_unknown_order_line_is_waited_for() -> None:
    service = made()
    with pytest.raises(MissingRow, match=r"L9 is not in orders\.lines") as caught:
        await service.give("replace.candidates", command(order_line_id="L9"), key="L9")
    assert caught.value.reason == "unknown_order"
