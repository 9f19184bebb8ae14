"""sideline.commands, re-keyed to the order line, + orders.lines ─▶ replacement.requests.

Commands of one item from two stages may overtake each other: a release that finds nothing to cancel is remembered for a
while, so that the older command which comes after it asks for nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.kernel import records as r
from services.replace import decide

if TYPE_CHECKING:
    from services.kernel.service import Event, Service
    from services.kernel.views import View


#: Releases that came before any command that they could take back.
EARLY = 10_000


def build(service: Service) -> None:
    """Add the agents that re-key commands and that keep one request per order line."""
    lines: View[r.OrderLine] = service.view("orders.lines")
    requests: View[r.ReplacementRequest] = service.view("replacement.requests")

    early: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def rekey(command: r.SidelineCommand, _: Event) -> None:
        for line_id in decide.concerned(command):
            await service.publish("replace.candidates", line_id, command)

    async def replace(command: r.SidelineCommand, event: Event) -> None:
        place = event.key, command.item_id
        if command.revision < early.get(place, 0):
            return
        existing = requests.get(event.key)
        line = decide.line_of(event.key, lines.get(event.key), existing, command)
        made = decide.request(command, line, existing, datetime.now(UTC)) if line is not None else None
        if made is not None:
            await service.write(requests, event.key, made)
        elif command.action is r.SidelineAction.RELEASE:
            early[place] = command.revision
            if len(early) > EARLY:
                early.popitem(last=False)

    service.consume("sideline.commands", rekey)
    service.consume("replace.candidates", replace)
