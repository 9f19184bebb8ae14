"""From labelled outcomes and a budget to a threshold.

Labels exist for what was sidelined and for a random sample of what passed, so each stands for 1 / (its probability of
being labelled) items. The bound is Wilson's upper limit with Kish's effective sample size for the weights: simple, and
honest about few labels. It is taken anew at each look; a bound that allows for looking often is future work.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from services.kernel import records as r
from services.kernel.thresholds import product_group

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_Z_ONE_SIDED = 1.644854  # 95 %
#: A change smaller than this is not worth an event.
SMALLEST_STEP = 0.005


def outcome(
    assessment: r.Assessment, threshold: float, sample_rate: float, *, sampled: bool
) -> r.LabelledOutcome | None:
    """What a labelled assessment teaches, None if it carries no verdict or was labelled for no known reason.

    An item at or above the threshold was labelled for certain; one below it only if it was drawn at random. Others
    (somebody chose to look) say nothing about the belt.
    """
    if assessment.verdict is None:
        return None
    if assessment.probability >= threshold:
        weight = 1.0
    elif sampled and sample_rate > 0:
        weight = 1.0 / sample_rate
    else:
        return None
    return r.LabelledOutcome(
        item_id=assessment.item_id,
        revision=assessment.revision,
        center_id=assessment.subject.center_id,
        stage=assessment.subject.stage,
        group=product_group(assessment.product),
        probability=assessment.probability,
        damaged=assessment.verdict is r.Verdict.DAMAGED,
        weight=weight,
    )


def threshold(outcomes: Sequence[r.LabelledOutcome], budget: float) -> tuple[float, float, int] | None:
    """The lowest threshold whose share of intact items at or above it stays within budget with 95 % confidence.

    Returns (threshold, upper bound of that share, intact labels used), or None while there are too few labels for any
    threshold to be safe.
    """
    intact = sorted((o for o in outcomes if not o.damaged), key=lambda o: -o.probability)
    total = sum(o.weight for o in intact)
    if not intact or total <= 0:
        return None
    effective = total**2 / sum(o.weight**2 for o in intact)
    best: tuple[float, float, int] | None = None
    above = 0.0
    # From the highest score down: a threshold just above the next intact item keeps that item on the belt.
    for item in intact:
        upper = upper_bound(above / total, effective)
        if upper > budget:
            break
        if item.probability < 1.0:  # no threshold up to 1 keeps a certainty on the belt
            best = (_just_above(item.probability), upper, len(intact))
        above += item.weight
    return best


def _just_above(probability: float) -> float:
    """The next number as events carry numbers (float32): a smaller step would be rounded back onto the item."""
    return float(np.nextafter(np.float32(probability), np.float32(1.0)))


def upper_bound(share: float, n: float) -> float:
    """One-sided 95 % upper limit of a share seen among n effective items (Wilson 1927)."""
    z2 = _Z_ONE_SIDED**2
    middle = share + z2 / (2 * n)
    half = _Z_ONE_SIDED * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (middle + half) / (1 + z2 / n)


def changed(
    current: r.Threshold | None,
    found: tuple[float, float, int] | None,
    like: r.LabelledOutcome,
    budget: float,
    now: datetime,
) -> r.Threshold | None:
    """The next threshold record, None when nothing (or nothing worth telling) changed."""
    if found is None:
        return None
    value, upper, labels = found
    if current is not None and abs(current.threshold - value) < SMALLEST_STEP:
        return None
    before = f"{current.threshold:.3f}" if current else "the model's own"
    return r.Threshold(
        center_id=like.center_id,
        stage=like.stage,
        group=like.group,
        threshold=value,
        version=current.version + 1 if current else 1,
        budget=budget,
        intact_labels=labels,
        false_positive_upper=upper,
        reason=(
            f"From {before} to {value:.3f}: of {labels} labelled intact items at most {upper:.2%} "
            f"would be sidelined (95 %), the budget is {budget:.2%}."
        ),
        decided_at=now,
    )
