"""Makes work that comes one by one go on in bursts.

Between two inferences the caches of a small machine hold nothing of a service: waking it for one event costs several
times what the same event costs right after another one, and so it is for everything downstream. Where the mesh is as
fast as Triton, results come one by one; let them wait for each other once, and they meet each further service together.
"""

from __future__ import annotations

import asyncio


class Pulse:
    """Lets pass whoever waits, all together, at most every `every_s` seconds; at once after such a pause."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last = float("-inf")
        self._next: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait for the next beat."""
        if self._every_s <= 0:
            return
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            loop.call_at(max(loop.time(), self._last + self._every_s), self._beat)
        await asyncio.shield(self._next)

    def _beat(self) -> None:
        beat, self._next = self._next, None
        if beat is not None:
            self._last = beat.get_loop().time()
            beat.set_result(None)
