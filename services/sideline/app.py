"""damage.assessments + thresholds ─▶ sideline.decisions (every item) and sideline.commands (what leaves the belt).

Only what may leave the belt (candidates, items drawn for labels, people's verdicts: one or two in a hundred) takes the
second step: re-keyed to center|stage it meets the one owner of that budget, whose memory is the topic
sideline.budgets. In flight: candidates of one center's stage are decided one after the other, in the order of their
topic. The row that remembers a decision is acknowledged first, then the command, then the decision; a process that
dies in between repeats from the row, with the same ids and the same action, whatever the clock says by then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from services.kernel import records as r
from services.kernel.calibration import starting_thresholds
from services.kernel.thresholds import Plan, key_for, plan_for
from services.sideline import decide, worth

if TYPE_CHECKING:
    from services.kernel.service import Event, Service
    from services.kernel.views import View

log = structlog.get_logger(__name__)


def build(service: Service) -> None:
    """Add the agents that decide and that hold the budget."""
    settings = service.settings
    thresholds: View[r.Threshold] = service.view("calibration.thresholds")
    budgets: View[r.SidelineBudget] = service.view("sideline.budgets", limit=100_000)
    start_of = starting_thresholds(settings, service.view("models.versions"))

    def plan_of(assessment: r.Assessment) -> Plan:
        row = thresholds.get(key_for(assessment))
        return plan_for(row, assessment, start_of, settings.sample_rate)

    async def publish(assessment: r.Assessment, made: decide.Admission, plan: Plan, now: datetime) -> None:
        decided = decide.decision(assessment, made, plan, now)
        command = decide.command(assessment, decided)
        if command is not None:
            await service.publish("sideline.commands", assessment.item_id, command)
        await service.publish("sideline.decisions", assessment.item_id, decided)

    async def look(assessment: r.Assessment, _: Event) -> None:
        plan = plan_of(assessment)
        passes = decide.first_look(assessment, plan)
        if passes is None:
            await service.publish("sideline.candidates", decide.budget_key(assessment), assessment)
        else:
            await publish(assessment, decide.passes(passes), plan, datetime.now(UTC))

    async def admit(assessment: r.Assessment, event: Event) -> None:
        now, plan = datetime.now(UTC), plan_of(assessment)
        start = decide.hour_of(assessment.subject.captured_at)
        key = decide.row_key(event.key, start)
        hour = decide.Hour(
            row=budgets.get(key),
            before=budgets.get(decide.row_key(event.key, start - decide.HOUR)),
            per_hour=settings.sideline_per_hour,
        )
        made = decide.admit(assessment, plan, hour, now)
        if made.changed is not None:
            if hour.row is None and hour.before is not None:
                _tell(hour.before, hour.per_hour)
            await service.write(budgets, key, made.changed)
        await publish(assessment, made, plan, now)

    service.consume("damage.assessments", look)
    service.consume("sideline.candidates", admit)


def _tell(row: r.SidelineBudget, places: int) -> None:
    """Say how well an hour's places were used, when the first item of the next hour comes."""
    won, best = worth.regret(row.seen, row.taken, places)
    log.info(
        "sideline.hour",
        center=row.center_id,
        stage=row.stage,
        hour=row.hour_start.isoformat(),
        candidates=sum(row.seen),
        admitted=len(row.admitted),
        drawn=len(row.sampled),
        avoided_cents=round(won),
        avoidable_cents=round(best),
    )
