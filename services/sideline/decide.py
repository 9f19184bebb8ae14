"""Off the belt or not. Values in, values out; the clock is an argument.

Two steps. The first look needs nothing but the assessment and the threshold that was in force when it was made: most
items pass there. What may leave the belt goes to the owner of its center's and stage's budget, who decides once and
remembers it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from services.kernel import records as r
from services.kernel.odds import said
from services.kernel.sampling import sampled
from services.kernel.thresholds import Plan
from services.sideline import worth

_NAMESPACE = UUID("3d0b4a1e-6a7c-5f52-8a37-0f2f3a9f5f20")
HOUR = timedelta(hours=1)
#: Refused and drawn items of an hour that its row remembers. A replay reaches back to the last commit, seconds.
REMEMBERED = 512
DRAWN = "Passed, and drawn at random to be labelled."

COMMANDS = frozenset({r.SidelineAction.SIDELINE, r.SidelineAction.SAMPLE, r.SidelineAction.RELEASE})


def budget_key(assessment: r.Assessment) -> str:
    """Key of the budget counter's stream."""
    return f"{assessment.subject.center_id}|{assessment.subject.stage}"


def hour_of(moment: datetime) -> datetime:
    """The start of the hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def row_key(budget: str, hour: datetime) -> str:
    """Key of an hour's row; `budget` as `budget_key` makes it."""
    return f"{budget}|{hour:%Y-%m-%dT%H}"


def score_of(assessment: r.Assessment) -> float:
    """What a threshold is held against: tolerated damage is no reason to pull an item, however probable it is."""
    return 0.0 if assessment.tolerated else assessment.probability


def wanted(score: float, plan: Plan) -> bool:
    """Whether an item of this score is to leave the belt."""
    return score > 0.0 and score >= plan.threshold


def labelling(
    score: float, plan: Plan, at: datetime, candidate_rate: float, *, admitted: bool
) -> r.Labelling:
    """How probable it was that this item, assessed at `at`, is pulled.

    `candidate_rate`: the least probability of that for any item at or above the threshold at this moment. It depends
    on what came before and not on this item: bets that are scaled by it stay fair.
    """
    return r.Labelling(
        at=at,
        threshold=plan.threshold,
        threshold_version=plan.version,
        score=score,
        probability=1.0 if admitted else plan.rate(score),
        candidate_rate=candidate_rate,
        border=plan.border,
        border_rate=plan.border_rate,
        sample_rate=plan.sample_rate,
        model=plan.model,
    )


def first_look(assessment: r.Assessment, plan: Plan) -> str | None:
    """Why the item passes; None for what the owner of the budget must decide.

    That is everything that may leave the belt: candidates, items drawn for labels, and what people say of an item,
    which must not overtake the command that it corrects. Nothing here depends on a clock, so a replay looks the same
    way.
    """
    if assessment.verdict is not None or assessment.cause is r.CauseKind.LABEL:
        return None
    score = score_of(assessment)
    if wanted(score, plan) or sampled(assessment.item_id, plan.rate(score)):
        return None
    return _why_it_passes(assessment, plan)


def _why_it_passes(assessment: r.Assessment, plan: Plan) -> str:
    if assessment.tolerated:
        return "Damage that this context tolerates."
    return f"Probability {said(assessment.probability)} is below the threshold {said(plan.threshold)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What the owner of a budget decides. `changed`: the hour's next row, to be written before anything is told."""

    action: r.SidelineAction
    reason: str
    labelling: r.Labelling | None = None
    changed: r.SidelineBudget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A budget as an item meets it: the rows of this hour and of the one before it, None where there is none."""

    row: r.SidelineBudget | None
    before: r.SidelineBudget | None
    per_hour: int


def admit(assessment: r.Assessment, plan: Plan, hour: Hour, now: datetime) -> Admission:
    """Decide about an item that may leave the belt.

    One id never has two actions: whoever was admitted, drawn or refused stands in the hour's row, which the broker
    has acknowledged before the decision is published, and is decided the same way at a replay, also after the
    deadline. Whoever was too late is too late again. Two replicas never decide about one center's stage at once,
    since its candidates share a key.
    """
    if assessment.verdict is not None:
        return _overruled(assessment, hour.row or _new_row(assessment))
    case = _case(assessment, plan, hour)
    decided = _decided(case) or _repeated(case)
    if decided is not None:
        return decided
    if now > assessment.subject.deadline_at:
        return _late(assessment, plan, now)
    return _in_time(case)


def _in_time(case: _Case) -> Admission:
    if case.wanted and case.number >= case.price:
        taken = worth.counted(case.row.taken, case.number)
        return case.sideline(replace(case.seen, admitted=(*case.row.admitted, case.entry), taken=taken))
    if sampled(case.assessment.item_id, case.plan.rate(score_of(case.assessment))):
        return case.sample(replace(case.seen, sampled=(*case.row.sampled, case.entry)[-REMEMBERED:]))
    if case.wanted:
        return case.refuse(replace(case.seen, refused=(*case.row.refused, case.entry)[-REMEMBERED:]))
    # Sent here by a first look whose threshold or rates are not today's, after an operator changed the settings.
    return passes(_why_it_passes(case.assessment, case.plan))


def _overruled(assessment: r.Assessment, row: r.SidelineBudget) -> Admission:
    """What a person's verdict commands; an item that never left the belt is not put back on it."""
    if assessment.verdict is r.Verdict.INTACT:
        if _may_be_off(assessment, row):
            return Admission(
                action=r.SidelineAction.RELEASE, reason="A person found it intact: back to the belt."
            )
        return passes("A person found it intact, and it never left the belt.")
    reason = f"{assessment.reason} It stays off the belt."
    changed = None
    if not _pulled(row, assessment.item_id):
        changed = replace(row, by_people=(*row.by_people, _entry(assessment))[-REMEMBERED:])
    return Admission(action=r.SidelineAction.SIDELINE, reason=reason, changed=changed)


def _entry(assessment: r.Assessment) -> str:
    return f"{assessment.item_id}@{assessment.revision}"


def _pulled(row: r.SidelineBudget, item_id: str) -> r.SidelineAction | None:
    """How an earlier revision of the item was pulled in this hour, None if it was not."""
    mine = f"{item_id}@"
    if any(entry.startswith(mine) for entry in (*row.admitted, *row.by_people)):
        return r.SidelineAction.SIDELINE
    return r.SidelineAction.SAMPLE if any(entry.startswith(mine) for entry in row.sampled) else None


def _may_be_off(assessment: r.Assessment, row: r.SidelineBudget) -> bool:
    """Whether the item was pulled: at this look, or at an earlier one, or nobody can say (rows remember so many)."""
    if _pulled(row, assessment.item_id) is not None or assessment.outcome.looks != 1:
        return True
    return REMEMBERED in {len(row.sampled), len(row.by_people)}


def _repeated(case: _Case) -> Admission | None:
    """A revision that is no new look (a person named the product, a picture came late): a pulled item stays pulled.

    The command is repeated, since what follows from it depends on the product and its order line.
    """
    about = case.assessment
    if about.cause_id == about.subject.capture_id:
        return None
    action = _pulled(case.row, about.item_id)
    if action is None:
        return None
    reason = about.reason if action is r.SidelineAction.SIDELINE else DRAWN
    return Admission(action=action, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """An item before the owner of its budget. `number`: its class of cost; `price`: the lowest class admitted now."""

    assessment: r.Assessment
    plan: Plan
    entry: str
    wanted: bool
    number: int
    price: int
    left: int
    row: r.SidelineBudget

    @property
    def seen(self) -> r.SidelineBudget:
        """The row that has seen this item, if it is a candidate."""
        if not self.wanted:
            return self.row
        return replace(self.row, seen=worth.counted(self.row.seen, self.number))

    def sideline(self, changed: r.SidelineBudget | None) -> Admission:
        return Admission(
            action=r.SidelineAction.SIDELINE,
            reason=self.assessment.reason,
            labelling=self._labelling(admitted=True),
            changed=changed,
        )

    def sample(self, changed: r.SidelineBudget | None) -> Admission:
        return Admission(
            action=r.SidelineAction.SAMPLE,
            reason=DRAWN,
            labelling=self._labelling(admitted=False),
            changed=changed,
        )

    def refuse(self, changed: r.SidelineBudget | None) -> Admission:
        if self.left <= 0:
            reason = "The items of this hour are used up."
        else:
            price, own = worth.middle_of(self.price) / 100, worth.middle_of(self.number) / 100
            reason = (
                f"{self.left} places are left in this hour, kept for items whose damage would cost more to miss "
                f"(about {price:.2f} on average; this one {own:.2f})."
            )
        return Admission(action=r.SidelineAction.OVER_BUDGET, reason=reason, changed=changed)

    def _labelling(self, *, admitted: bool) -> r.Labelling:
        # With a price on places some candidates are refused, and then labelled only if they are drawn.
        rate = 1.0 if self.price == 0 else self.plan.rate(self.plan.threshold)
        at = self.assessment.assessed_at
        return labelling(score_of(self.assessment), self.plan, at, rate, admitted=admitted)


def _decided(case: _Case) -> Admission | None:
    """What the hour's row remembers of this item."""
    if case.entry in case.row.admitted:
        return case.sideline(None)
    if case.entry in case.row.sampled:
        return case.sample(None)
    return case.refuse(None) if case.entry in case.row.refused else None


def _new_row(assessment: r.Assessment) -> r.SidelineBudget:
    subject = assessment.subject
    return r.SidelineBudget(
        center_id=subject.center_id, stage=subject.stage, hour_start=hour_of(subject.captured_at)
    )


def _case(assessment: r.Assessment, plan: Plan, hour: Hour) -> _Case:
    subject = assessment.subject
    start = hour_of(subject.captured_at)
    row = hour.row or _new_row(assessment)
    product = assessment.product
    price_cents = product.price_cents if product is not None else None
    score = score_of(assessment)
    cost = worth.expected_cost(score, subject.stage, price_cents, assessment.miss_cost_cents)
    entry = _entry(assessment)
    number = worth.class_of(cost)
    # An admitted item that comes again meets the hour that it met the first time.
    again = entry in row.admitted
    left = hour.per_hour - (row.admitted.index(entry) if again else len(row.admitted))
    seen = worth.counted(row.seen, number, -1) if again else row.seen
    before = hour.before.seen if hour.before else ()
    price = worth.bid_price(seen, before, (subject.captured_at - start) / HOUR, left)
    return _Case(
        assessment=assessment,
        plan=plan,
        entry=entry,
        wanted=wanted(score, plan),
        number=number,
        price=price,
        left=left,
        row=row,
    )


def _late(assessment: r.Assessment, plan: Plan, now: datetime) -> Admission:
    if not wanted(score_of(assessment), plan):
        return passes(_why_it_passes(assessment, plan))
    late = (now - assessment.subject.deadline_at).total_seconds()
    return Admission(
        action=r.SidelineAction.LATE,
        reason=f"Decided {late:.1f} s after the deadline: to be caught at the next stage.",
    )


def passes(reason: str) -> Admission:
    """The decision of a first look."""
    return Admission(action=r.SidelineAction.PASS, reason=reason)


def decision(assessment: r.Assessment, admission: Admission, plan: Plan, now: datetime) -> r.SidelineDecision:
    """The record of a decision."""
    subject = assessment.subject
    return r.SidelineDecision(
        decision_id=uuid5(_NAMESPACE, f"decision|{assessment.assessment_id}"),
        item_id=assessment.item_id,
        revision=assessment.revision,
        assessment_id=assessment.assessment_id,
        center_id=subject.center_id,
        stage=subject.stage,
        action=admission.action,
        probability=assessment.probability,
        threshold=plan.threshold,
        threshold_version=plan.version,
        reason=admission.reason,
        deadline_at=subject.deadline_at,
        decided_at=now,
        labelling=admission.labelling,
    )


def command(assessment: r.Assessment, decided: r.SidelineDecision) -> r.SidelineCommand | None:
    """The command that a decision gives, if any."""
    if decided.action not in COMMANDS:
        return None
    return r.SidelineCommand(
        command_id=uuid5(_NAMESPACE, f"command|{assessment.item_id}|{assessment.revision}|{decided.action}"),
        item_id=assessment.item_id,
        revision=assessment.revision,
        action=decided.action,
        assessment_id=assessment.assessment_id,
        center_id=decided.center_id,
        stage=decided.stage,
        product_id=assessment.product_id,
        product=assessment.product,
        order_line_id=assessment.order_line_id,
        damaged=assessment.damaged,
        severity=assessment.severity,
        defect_types=assessment.defect_types,
        verdict=assessment.verdict,
        reason=decided.reason,
        deadline_at=decided.deadline_at,
        decided_at=decided.decided_at,
        labelling=decided.labelling,
        former_order_line_ids=assessment.former_order_line_ids,
        barcode_check=assessment.barcode_check,
    )
