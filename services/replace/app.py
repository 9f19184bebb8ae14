"""sideline.commands, re-keyed to the order line, + orders.lines ─▶ replacement.requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.kernel import records as r
from services.replace import decide

if TYPE_CHECKING:
    from services.kernel.service import Event, Service
    from services.kernel.views import View


def build(service: Service) -> None:
    """Add the agents that re-key commands and that keep one request per order line."""
    lines: View[r.OrderLine] = service.view("orders.lines")
    requests: View[r.ReplacementRequest] = service.view("replacement.requests")

    async def rekey(command: r.SidelineCommand, _: Event) -> None:
        for line_id in decide.concerned(command):
            await service.publish("replace.candidates", line_id, command)

    async def replace(command: r.SidelineCommand, event: Event) -> None:
        existing = requests.get(event.key)
        line = decide.line_of(event.key, lines.get(event.key), existing, command)
        if line is None:
            return
        request = decide.request(command, line, existing, datetime.now(UTC))
        if request is not None:
            await service.write(requests, event.key, request)

    service.consume("sideline.commands", rekey)
    service.consume("replace.candidates", replace)
