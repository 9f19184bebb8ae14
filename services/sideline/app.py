"""damage.assessments + thresholds ─▶ sideline.decisions (every item) and sideline.commands (what leaves the belt).

Only candidates, the few items over their threshold, take the second step: re-keyed to center|stage they meet the one
owner of that budget, whose count is the topic sideline.budgets.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.kernel import records as r
from services.kernel.calibration import starting_threshold
from services.kernel.thresholds import key_for
from services.sideline import decide

if TYPE_CHECKING:
    from services.kernel.service import Event, Service
    from services.kernel.views import View


def build(service: Service) -> None:
    """Add the agents that decide and that hold the budget."""
    settings = service.settings
    thresholds: View[r.Threshold] = service.view("calibration.thresholds")
    budgets: View[r.SidelineBudget] = service.view("sideline.budgets", limit=100_000)
    default = starting_threshold(settings)

    def threshold_of(assessment: r.Assessment) -> tuple[float, int]:
        row = thresholds.get(key_for(assessment))
        return (row.threshold, row.version) if row else (default, 0)

    async def publish(assessment: r.Assessment, action: r.SidelineAction, reason: str, now: datetime) -> None:
        decided = decide.decision(assessment, action, reason, *threshold_of(assessment), now)
        command = decide.command(assessment, decided)
        if command is not None:
            await service.publish("sideline.commands", assessment.item_id, command)
        await service.publish("sideline.decisions", assessment.item_id, decided)

    async def look(assessment: r.Assessment, _: Event) -> None:
        now = datetime.now(UTC)
        action, reason = decide.first_look(assessment, threshold_of(assessment)[0], settings.sample_rate, now)
        if action is None:
            await service.publish("sideline.candidates", decide.budget_key(assessment), assessment)
        else:
            await publish(assessment, action, reason, now)

    async def admit(assessment: r.Assessment, event: Event) -> None:
        now = datetime.now(UTC)
        key = f"{event.key}|{decide.hour_of(assessment.subject.captured_at):%Y-%m-%dT%H}"
        action, reason, changed = decide.admit(assessment, budgets.get(key), settings.sideline_per_hour, now)
        if changed is not None:
            await service.write(budgets, key, changed)
        await publish(assessment, action, reason, now)

    service.consume("damage.assessments", look)
    service.consume("sideline.candidates", admit)
