"""The people of a day: an associate who looks at some of the items that were pulled off the belt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

from services.kernel import records as r
from services.stack.day import Day
from services.stack.report import Observed
from services.stack.sample import Truth

_NAMESPACE = UUID("c7b6a2de-35c0-5f0d-9a76-1f3e5b6a9d40")
#: Seconds between an item's leaving the belt and the verdict: two minutes are a day.
LOOKS_S = 2.0


class Associate:
    """Labels as many pulled items of each episode as the script says."""

    def __init__(self, day: Day) -> None:
        self._episode_of = day.episode_of
        self._truth = {item.item_id: item.truth for item in day.planned}
        self._left = Counter({e.name: e.people for e in day.episode_of.values()})
        self._seen = 0
        self._waiting: dict[str, float] = {}
        self._done: set[str] = set()

    def look(self, events: Sequence[Observed], now: float) -> list[r.Label]:
        """The labels that are due; `events` is everything from the start, `now` in seconds."""
        for event in events[self._seen :]:
            if event.topic == "sideline.commands" and event.record is not None:
                self._pulled(event.record, now)
        self._seen = len(events)
        due = [item for item, at in self._waiting.items() if at <= now]
        for item in due:
            del self._waiting[item]
        return [label for item in due if (label := self._label(item)) is not None]

    def _pulled(self, command: r.SidelineCommand, now: float) -> None:
        item, episode = command.item_id, self._episode_of.get(command.item_id)
        if command.action is not r.SidelineAction.SIDELINE or episode is None or item in self._done:
            return
        if self._left[episode.name] > 0:
            self._left[episode.name] -= 1
            self._done.add(item)
            self._waiting[item] = now + LOOKS_S

    def _label(self, item_id: str) -> r.Label | None:
        truth = self._truth[item_id]
        return None if truth is None else label_of(item_id, truth, datetime.now(UTC))


def label_of(item_id: str, truth: Truth, now: datetime) -> r.Label:
    """What an associate who looks closely says of an item."""
    return r.Label(
        label_id=uuid5(_NAMESPACE, item_id),
        item_id=item_id,
        verdict=r.Verdict.DAMAGED if truth.damaged else r.Verdict.INTACT,
        severity=r.Severity[truth.severity.upper()],
        defect_types=truth.defect_types,
        annotator="associate-1",
        labelled_at=now,
    )
