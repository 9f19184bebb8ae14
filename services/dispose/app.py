"""sideline.commands ─▶ disposition.decisions. Commands carry the catalogue facts they were made with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.dispose import decide

if TYPE_CHECKING:
    from services.kernel import records as r
    from services.kernel.service import Event, Service


def build(service: Service) -> None:
    """Add the agent that routes what left the belt."""

    async def dispose(command: r.SidelineCommand, _: Event) -> None:
        decided = decide.disposition(command, datetime.now(UTC))
        await service.publish("disposition.decisions", command.item_id, decided)

    service.consume("sideline.commands", dispose)
