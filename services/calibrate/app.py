"""damage.assessments with a person's verdict ─▶ calibration.outcomes ─▶ calibration.thresholds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.calibrate import decide
from services.kernel import records as r
from services.kernel.calibration import starting_threshold
from services.kernel.sampling import sampled
from services.kernel.thresholds import key_for, threshold_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kernel.service import Event, Service
    from services.kernel.views import View

#: Labelled items kept; older ones say little about today's belt.
OUTCOMES = 200_000


def build(service: Service) -> None:
    """Add the agent that learns thresholds from verdicts."""
    settings = service.settings
    outcomes: View[r.LabelledOutcome] = service.view("calibration.outcomes", limit=OUTCOMES)
    thresholds: View[r.Threshold] = service.view("calibration.thresholds")
    default = starting_threshold(settings)

    async def learn(batch: Sequence[tuple[r.Assessment, Event]]) -> None:
        touched: dict[str, r.LabelledOutcome] = {}
        for assessment, _ in batch:
            if assessment.verdict is None:
                continue
            found = _outcome(assessment)
            if found is None:
                continue
            await service.write(outcomes, found.item_id, found)
            touched[_key(found)] = found
        for key, like in touched.items():
            await _recalibrate(key, like)

    def _outcome(assessment: r.Assessment) -> r.LabelledOutcome | None:
        row = thresholds.get(key_for(assessment))
        drawn = sampled(assessment.item_id, settings.sample_rate)
        return decide.outcome(
            assessment, row.threshold if row else default, settings.sample_rate, sampled=drawn
        )

    async def _recalibrate(key: str, like: r.LabelledOutcome) -> None:
        if settings.pin_thresholds:
            return
        group = [o for o in outcomes if _key(o) == key]
        budget = settings.false_sideline_budget
        found = decide.threshold(group, budget)
        changed = decide.changed(thresholds.get(key), found, like, budget, datetime.now(UTC))
        if changed is not None:
            await service.write(thresholds, key, changed)

    service.consume_batches("damage.assessments", learn, within_s=0.5)


def _key(outcome: r.LabelledOutcome) -> str:
    return threshold_key(outcome.center_id, outcome.stage, outcome.group)
