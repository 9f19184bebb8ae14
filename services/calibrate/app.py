"""sideline.commands ─▶ calibration.outcomes ─▶ calibration.thresholds.

A command says that an item was pulled and with which probability; a later command about the same item carries the
person's verdict. Both meet in calibration.outcomes, which is all the state there is: what the bets have won follows
from its rows in any order, so a restart finds the same evidence. Nothing is read about items that pass: the drawn ones
stand for them. An operator writes calibration.thresholds too (`./intact threshold`); a row that is pinned stands until
it is released. One process owns all thresholds: a replica would see only its own partitions' labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from services.calibrate import decide, outcomes
from services.calibrate.ledger import Ledger, model_of, time_of
from services.kernel import records as r
from services.kernel.calibration import starting_thresholds

if TYPE_CHECKING:
    from services.kernel.service import Event, Service
    from services.kernel.views import View

log = structlog.get_logger(__name__)

#: Pulled items kept; older ones say little about today's belt.
OUTCOMES = 200_000


def build(service: Service) -> None:
    """Add the agent that learns thresholds from verdicts."""
    service.consume_batches("sideline.commands", Learner(service).learn, within_s=0.5)


class Learner:
    """Keeps the ledgers of all thresholds beside the views that they follow from."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings
        self._known: View[r.LabelledOutcome] = service.view("calibration.outcomes", limit=OUTCOMES)
        self._thresholds: View[r.Threshold] = service.view("calibration.thresholds")
        self._start = starting_thresholds(service.settings, service.view("models.versions"))
        self._ledgers: dict[str, Ledger] | None = None

    async def learn(self, batch: Sequence[tuple[r.SidelineCommand, Event]]) -> None:
        """Keep what a batch of commands says of pulls and labels, then look at each threshold that it is about."""
        if self._ledgers is None:  # the views are read to their ends before the first event
            self._ledgers = self._recovered()
        touched: dict[str, r.LabelledOutcome] = {}
        for command, _ in batch:
            key = outcomes.outcome_key(command)
            old = self._known.get(key)
            new = outcomes.outcome(old, command)
            if new is None:
                continue
            await self._service.write(self._known, key, new)
            # No await from here to the next event: the ledger and the view say the same.
            touched |= self._book(key, old, new)
        for key, like in touched.items():
            await self._look(key, like)

    def _book(
        self, key: str, old: r.LabelledOutcome | None, new: r.LabelledOutcome
    ) -> dict[str, r.LabelledOutcome]:
        """Enter an outcome; returns what it is about, if it teaches anything."""
        was = old if outcomes.complete(old) else None
        now = new if outcomes.complete(new) else None
        if was is not None and now is not None and outcomes.key_of(was) == outcomes.key_of(now):
            self._ledger(now).put(key, was, now)
        else:
            if was is not None:
                self._ledger(was).put(key, was, None)
            if now is not None:
                self._ledger(now).put(key, None, now)
        return {outcomes.key_of(x): x for x in (was, now) if x is not None}

    def _ledger(self, like: r.LabelledOutcome) -> Ledger:
        assert self._ledgers is not None  # noqa: S101 (learn comes first)
        key = outcomes.key_of(like)
        found = self._ledgers.get(key)
        if found is None:
            found = self._ledgers[key] = self._new_ledger(like)
        self._follow(key, found)
        return found

    def _new_ledger(self, like: r.LabelledOutcome) -> Ledger:
        budget, start = self._settings.false_sideline_budget, self._start(model_of(like))
        made = Ledger(self._known.get, budget, start)
        made.follow(budget, start, None, model_of(like))
        return made

    def _follow(self, key: str, ledger: Ledger) -> None:
        row = self._thresholds.get(key)
        if row is not None:
            ledger.follow(row.budget, row.threshold, row.evidence_from, row.model)

    def _recovered(self) -> dict[str, Ledger]:
        rows: defaultdict[str, list[tuple[str, r.LabelledOutcome]]] = defaultdict(list)
        for found in self._known:
            if outcomes.complete(found):
                rows[outcomes.key_of(found)].append((outcomes.row_key(found), found))
        ledgers = {}
        for key, found_rows in rows.items():
            # Before the first row there is one classifier; should its successor be there already, the first counts.
            ledgers[key] = self._new_ledger(min((row for _, row in found_rows), key=time_of))
            self._follow(key, ledgers[key])
            ledgers[key].load(found_rows)
        return ledgers

    async def _look(self, key: str, like: r.LabelledOutcome) -> None:
        if self._settings.pin_thresholds:
            return
        ledger, row = self._ledger(like), self._thresholds.get(key)
        if row is not None and row.pinned and ledger.watch.alarm is not None:
            since = ledger.watch.alarm.since.isoformat()
            log.warning("threshold.pinned_over_budget", key=key, threshold=row.threshold, since=since)
            ledger.rest()
        made = decide.next_threshold(ledger, row, self._place(like), datetime.now(UTC))
        if made is not None:
            log.info("threshold", key=key, version=made.version, cause=made.cause, reason=made.reason)
            await self._service.write(self._thresholds, key, made)

    def _place(self, like: r.LabelledOutcome) -> decide.Place:
        return decide.Place(
            center_id=like.center_id,
            stage=like.stage,
            group=like.group,
            start=self._start(model_of(like)),
            sample_rate=self._settings.sample_rate,
            model=model_of(like),
            at=time_of(like),
        )
