"""Blocking calls on a Kafka client, made by the thread that polls it.

A call from a third thread beside a polling one was seen to wait for ever (confluent-kafka 2.16: `commit` and
`get_watermark_offsets` while `poll` runs), so the polling thread makes them between two polls.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from services.kernel.faults import DependencyFault

if TYPE_CHECKING:
    from collections.abc import Callable

#: Where librdkafka's own words go; by itself it writes plain lines to stderr, amid the JSON of everything else.
CLIENT_LOG = logging.getLogger("librdkafka")


class Calls:
    """Calls that wait for the polling thread."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Any], concurrent.futures.Future[Any]]] = deque()
        self._refused: str | None = None

    def make(self) -> None:
        """Make all waiting calls; for the polling thread."""
        while self._waiting:
            act, future = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue  # who asked has given up
            try:
                future.set_result(act())
            except BaseException as exc:  # noqa: BLE001 - belongs to whoever asked
                future.set_exception(exc)

    def refuse(self, why: str) -> None:
        """Answer all calls, those that wait and those to come, with DependencyFault: the thread has ended."""
        self._refused = why
        while self._waiting:
            _, future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                future.set_exception(DependencyFault(why))

    async def ask(self, act: Callable[[], Any]) -> Any:
        """Have a call made; returns or raises what it does.

        Raises:
            DependencyFault: the polling thread has ended.
        """
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._waiting.append((act, future))
        if self._refused is not None:
            self.refuse(self._refused)
        return await asyncio.wrap_future(future)
