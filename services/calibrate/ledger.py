"""The labels of one threshold: evidence for it, and the watch over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import numpy as np

from services.calibrate.drift import Watch
from services.calibrate.evidence import Evidence
from services.calibrate.outcomes import complete
from services.kernel import records as r


class Ledger:
    """The labels of one center, stage and group. `find` gives the outcome of a key, where outcomes are kept."""

    #: Keys kept before those whose outcome is gone are dropped.
    LIMIT = 200_000

    def __init__(self, find: Callable[[str], r.LabelledOutcome | None], budget: float, served: float) -> None:
        self._find = find
        self._keys: dict[str, None] = {}
        self.budget = _as_carried(budget)
        self.evidence = Evidence(self.budget)
        self.watch = Watch(self.budget, served)
        self.since: datetime | None = None
        #: The classifier whose scores count; empty until one is known.
        self.model = ""

    def put(self, key: str, old: r.LabelledOutcome | None, new: r.LabelledOutcome | None) -> None:
        """Replace what is known of an item: `old` is taken back."""
        if old is not None and self._counts(old):
            self.evidence.add(old, -1)
        self._keys.pop(key, None)
        if new is None or not complete(new):
            return
        self._keys[key] = None
        if len(self._keys) > self.LIMIT:
            self._keys = {k: None for k in self._keys if self._find(k) is not None or k == key}
        if self._counts(new):
            self.evidence.add(new)
            if old is None or not complete(old):  # a label that is only corrected is no news
                self.watch.add(new)

    def load(self, rows: Iterable[tuple[str, r.LabelledOutcome]]) -> None:
        """Take over what was kept, after a start."""
        for key, found in sorted(rows, key=lambda row: time_of(row[1])):
            self.put(key, None, found)

    def rest(self) -> None:
        """Begin a new watch: the alarm has been told."""
        self.watch = Watch(self.budget, self.watch.served)

    def follow(self, budget: float, served: float, since: datetime | None, model: str = "") -> None:
        """Go by the present row: its budget, its threshold, and only items that its classifier saw from `since` on.

        A lower threshold continues the watch, a higher one begins it anew: what was wrong has been mended.
        """
        budget = _as_carried(budget)
        if (budget, since, model) == (self.budget, self.since, self.model):
            if served > self.watch.served:
                self.watch = Watch(budget, served)
            self.watch.served = served
            return
        self.budget, self.since, self.model = budget, since, model
        self.evidence, self.watch = Evidence(budget), Watch(budget, served)
        for found in sorted(self.counted(), key=time_of):
            self.evidence.add(found)
            self.watch.add(found)

    def counted(self) -> Iterator[r.LabelledOutcome]:
        """The outcomes that count."""
        for key in self._keys:
            found = self._find(key)
            if found is not None and self._counts(found):
                yield found

    def _counts(self, found: r.LabelledOutcome) -> bool:
        if not complete(found) or (self.since is not None and time_of(found) < self.since):
            return False
        return not self.model or model_of(found) in {"", self.model}


def _as_carried(budget: float) -> float:
    """A budget as events carry it, so that a row that is read again is no other budget."""
    return float(np.float32(budget))


def model_of(found: r.LabelledOutcome) -> str:
    """The classifier that an item's score comes from; empty where an older release did not say."""
    return "" if found.labelling is None else found.labelling.model


def time_of(found: r.LabelledOutcome) -> datetime:
    """When the item was assessed (UTC); for pulled items only."""
    if found.labelling is None:
        raise ValueError("an outcome without its labelling has no time")
    return found.labelling.at
