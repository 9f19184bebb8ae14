"""Draws pictures in processes of their own, politely, so that the stack can start meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Self

from services.stack.racks import Sketch
from triton_models.pictures import Shot

_CHUNK = 8


class Painter:
    """A small pool of drawing processes. A context manager."""

    def __init__(self, processes: int | None = None) -> None:
        self._pool = ProcessPoolExecutor(
            processes or os.cpu_count() or 1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_settle,
            initargs=(os.getpid(),),
        )

    def __enter__(self) -> Self:
        """Nothing is started before the first drawing."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        self.close()

    def close(self) -> None:
        """End the processes; what is not drawn yet stays undrawn."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def draw(self, sketches: Sequence[Sketch]) -> Sequence[Shot]:
        """Draw all of them, in order."""
        return list(self._pool.map(Sketch.draw, sketches, chunksize=_CHUNK))


def _settle(parent: int) -> None:
    """Prepare a drawing process: low priority, deaf to Ctrl-C (its owner ends it), gone when its owner is."""
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
