from __future__ import annotations

from typing import Any

from services.dispose.app import build
from tests.fakes import FakeService
from tests.samples import command


async def test_every_command_is_answered_under_its_item() -> None:
    service = FakeService("dispose")
    fake: Any = service
    build(fake)
    await service.give("sideline.commands", command("item-7"), key="item-7")
    assert [(s.topic, s.key, s.record.item_id) for s in service.sent] == [
        ("disposition.decisions", "item-7", "item-7")
    ]
