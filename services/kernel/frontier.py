"""What may be committed: the offset below which every event of a partition is finished.

Faust collects acknowledged offsets in a list and commits up to the first hole in it. With several
events of one partition in flight it can step over one that is not finished (faust-streaming issue 606),
and a crash then loses that event. A frontier cannot: it knows what was handed out, not only what came back.
"""

from __future__ import annotations

from collections import deque


class Frontier:
    """Offsets of one partition that were handed out, in order, and which of them are finished.

    Offsets may have holes (compaction, transaction markers): only what was handed out counts.
    Nothing here is thread-safe; it lives on the event loop.
    """

    __slots__ = ("_done", "_order", "_position")

    def __init__(self, position: int | None = None) -> None:
        self._order: deque[int] = deque()
        self._done: set[int] = set()
        self._position = position

    def __len__(self) -> int:
        """Events handed out and not yet covered by the position."""
        return len(self._order)

    @property
    def position(self) -> int | None:
        """The offset to commit (the next one to read after a restart), None before the first event ends."""
        return self._position

    def handed_out(self, offset: int) -> None:
        """Note that processing of this offset begins; offsets must rise."""
        if self._order and offset <= self._order[-1]:
            msg = f"offset {offset} was handed out after {self._order[-1]}"
            raise ValueError(msg)
        self._order.append(offset)

    def finished(self, offset: int) -> bool:
        """Note that everything caused by this offset is acknowledged; say whether the position moved."""
        self._done.add(offset)
        moved = False
        while self._order and self._order[0] in self._done:
            done = self._order.popleft()
            self._done.discard(done)
            self._position = done + 1
            moved = True
        return moved
