"""From scores and reference rows to a judgement with its reason. Values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from services.assess import words
from services.assess.checks import check_result
from services.assess.fusion import Seen, foreignness, probability
from services.assess.identity import former_lines
from services.assess.revisions import (
    NAMESPACE,
    REASON_CHARACTERS,
    assessment_id,
    history_of,
    next_revision,
    not_before,
)
from services.assess.tolerance import Evidence, Judgement, judge
from services.kernel import records as r
from services.kernel.looks import Before, before_next
from services.kernel.odds import Calibration
from services.kernel.policies import Context, versions_of

#: Clocks of two stations may differ by this much: within it the order of the stages says which picture is newer.
SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The reference rows that a capture meets, as they are at the moment it is judged.

    `policy_row`: the version (partition@offset) of a policy's row; `versions`: of the other rows.
    """

    policies: Iterable[r.Policy] = ()
    policy_row: Callable[[str], str] = lambda _: "none"
    line: r.OrderLine | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


# -- from a picture -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How scores become a probability: the fusion's weights, and the share of items that are damaged on this belt."""

    weights: Calibration
    prior: float

    def evidence(self, result: r.InspectionResult) -> Evidence:
        """What the models say of a capture."""
        contents = result.product.contents if result.product is not None else None
        seen = Seen(
            scores=result.scores, comparison=result.comparison, matter=result.matter, contents=contents
        )
        return Evidence(
            scores=result.scores,
            probability=probability(seen, self.weights, self.prior),
            comparison=result.comparison,
            matter=result.matter,
            contents=contents,
            foreignness=foreignness(result.matter, contents),
        )


def from_result(
    result: r.InspectionResult,
    known: r.Assessment | None,
    rows: Rows,
    scale: Scale,
    now: datetime,
    *,
    first: int = 1,
) -> r.Assessment:
    """Judge a capture: an item's first revision (numbered `first`), or its next one when it is photographed again.

    Raises:
        DataFault: a score is no probability (compared with a threshold, not-a-number would pass for intact), a fact
            of the catalogue is impossible, or the station's clock is far ahead.
    """
    check_result(result, now)
    if known is not None and _is_older(result.subject, known):
        return _unchanged(known, result.subject.capture_id, now)
    evidence = scale.evidence(result)
    gift = rows.line is not None and rows.line.gift
    where = Context(product=result.product, stage=result.subject.stage, gift=gift)
    judged = judge(evidence, where, rows.policies)
    cause, at = result.subject.capture_id, not_before(now, known)
    revision = first if known is None else known.revision + 1
    return r.Assessment(
        assessment_id=assessment_id(result.subject.item_id, cause),
        item_id=result.subject.item_id,
        revision=revision,
        cause=r.CauseKind.CAPTURE,
        cause_id=cause,
        subject=result.subject,
        product_id=result.product_id,
        product=result.product,
        order_line_id=result.order_line_id,
        scores=result.scores,
        comparison=result.comparison,
        candidates=result.candidates,
        probability=evidence.probability,
        damaged=judged.damaged,
        tolerated=judged.tolerated,
        severity=judged.severity,
        defect_types=judged.types,
        reason=(
            words.why(evidence, judged, result.subject, result.product, gift=gift) + words.barcode(result)
        )[:REASON_CHARACTERS],
        outcome=_outcome(
            result, judged, before_next(known.outcome if known else None, forgotten=first > 1), at
        ),
        previous=known.outcome if known else None,
        history=history_of(known, revision, cause),
        versions={
            **result.versions,
            **rows.versions,
            **versions_of(judged.policy),
            "row.policies.tolerability": rows.policy_row(judged.policy.policy_id),
            "fusion": scale.weights.version,
            "damage_prior": f"{scale.prior:g}",
        },
        assessed_at=at,
        gift=gift,
        incomplete=judged.incomplete,
        expected_units=result.product.unit_count if result.product else None,
        miss_cost_cents=judged.miss_cost_cents,
        matter=evidence.matter,
        foreign_matter=evidence.foreign_matter,
        foreignness=evidence.foreignness,
        scanned_product_id=result.scanned_product_id,
        barcode_check=result.barcode_check,
        identified_by=known.identified_by if known else None,
        identified_at=known.identified_at if known else None,
        former_order_line_ids=former_lines(known, result.order_line_id),
    )


def _outcome(result: r.InspectionResult, judged: Judgement, before: Before, at: datetime) -> r.Outcome:
    product = result.product
    return r.Outcome(
        vendor_id=product.vendor_id if product else None,
        product_id=result.product_id,
        material=product.material if product else None,
        stage=result.subject.stage,
        captured_at=result.subject.captured_at,
        damaged=judged.damaged and not judged.tolerated,
        severity=judged.severity,
        defect_types=judged.types,
        looks=before.looks,
        earlier_damaged=before.earlier_damaged,
        earlier_intact=before.earlier_intact,
        judged_at=at,
        wrong_barcode=result.barcode_check is r.BarcodeCheck.WRONG,
    )


def _is_older(subject: r.Subject, known: r.Assessment) -> bool:
    """Whether what is known comes from a newer picture, or from a person who judged after this picture was taken."""
    if known.verdict is not None and subject.captured_at < (known.labelled_at or known.assessed_at):
        return True
    behind = known.subject.captured_at - subject.captured_at
    if timedelta() < behind <= SKEW:
        # Two stations whose clocks differ: items go forward along the chain.
        stages = list(r.Stage)
        return stages.index(subject.stage) <= stages.index(known.subject.stage)
    return behind > timedelta()


def _unchanged(known: r.Assessment, cause_id: UUID, now: datetime) -> r.Assessment:
    """A revision that notes a late picture and holds to what is known."""
    return next_revision(
        known,
        r.CauseKind.CAPTURE,
        cause_id,
        now,
        reason=f"A picture taken earlier came late and changes nothing. {known.reason}"[:REASON_CHARACTERS],
    )


# -- what the outside is told -------------------------------------------------------------------------------------


def event_for(assessment: r.Assessment) -> r.DamageEvent | None:
    """What the outside world is told: damage, its confirmation, or that it was none after all."""
    was = assessment.previous is not None and assessment.previous.damaged
    if assessment.outcome.damaged:
        kind = r.EventKind.CONFIRMED if assessment.verdict is not None else r.EventKind.DETECTED
    elif was:
        kind = r.EventKind.RETRACTED
    else:
        return None
    subject = assessment.subject
    return r.DamageEvent(
        event_id=uuid5(NAMESPACE, f"event|{assessment.item_id}|{assessment.revision}|{kind}"),
        item_id=assessment.item_id,
        revision=assessment.revision,
        kind=kind,
        assessment_id=assessment.assessment_id,
        capture_id=subject.capture_id,
        center_id=subject.center_id,
        stage=subject.stage,
        product_id=assessment.product_id,
        vendor_id=assessment.outcome.vendor_id,
        probability=assessment.probability,
        severity=assessment.severity,
        defect_types=assessment.defect_types,
        reason=assessment.reason,
        captured_at=subject.captured_at,
        incomplete=assessment.incomplete,
        disputed=assessment.disputed,
    )
