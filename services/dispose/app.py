"""sideline.commands + policies ─▶ disposition.decisions. Commands carry the catalogue facts they were made with.

The state, what is done with each item, is the topic disposition.decisions: by it the release of an item that never left
the belt is told from one that is to be put back, and an older revision that comes late changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.dispose import decide

if TYPE_CHECKING:
    from services.kernel import records as r
    from services.kernel.service import Event, Service
    from services.kernel.views import View

#: Items off the belt that are remembered (0.6 KiB each): at 30 captures/s and 1 % sidelined, those of eight days.
ITEMS = 200_000
#: Releases that came before any command to pull the item (another stage's, still under way).
EARLY = 10_000


def build(service: Service) -> None:
    """Add the agent that routes what left the belt."""
    policies: View[r.Policy] = service.view("policies.tolerability")
    decisions: View[r.Disposition] = service.view("disposition.decisions", limit=ITEMS)
    early: OrderedDict[str, r.SidelineCommand] = OrderedDict()

    async def publish(command: r.SidelineCommand, known: r.Disposition | None) -> None:
        decided = decide.disposition(command, known, policies, datetime.now(UTC))
        await service.write(decisions, command.item_id, decided)

    async def dispose(command: r.SidelineCommand, _: Event) -> None:
        known = decisions.get(command.item_id)
        if decide.concerns(command, known):
            await publish(command, known)
            release = early.pop(command.item_id, None)
            if release is not None and release.revision > command.revision:
                await publish(release, decisions.get(command.item_id))
        elif known is None:
            early[command.item_id] = command
            if len(early) > EARLY:
                early.popitem(last=False)

    service.consume("sideline.commands", dispose)
