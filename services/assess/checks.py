"""What is refused before it is judged, each with a reason that says what to mend."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.policies import TYPES

SCORES = ("damaged", "major", *TYPES)
COMPARED = ("foreign", "missing", "changed_logit", "missing_logit", "mismatch_logit")
MATTER = ("logit", "lightness", "a", "b", "share")
#: Clocks of stations and terminals may be ahead by this much; the station itself refuses 10 minutes.
AHEAD = timedelta(minutes=15)


def check_result(result: r.InspectionResult, now: datetime) -> None:
    """Refuse a result that no model, catalogue or clock can have meant.

    Raises:
        DataFault: it says what is wrong.
    """
    for name in SCORES:
        score = getattr(result.scores, name)
        if not 0.0 <= score <= 1.0:
            msg = f"the score {name} is {score}, not a probability in [0, 1]"
            raise DataFault("bad_scores", msg)
    _check_numbers("the comparison", result.comparison, COMPARED)
    _check_numbers("the matter beside it", result.matter, MATTER)
    if result.product is not None:
        check_facts(str(result.product_id), result.product)
    check_clock(f"capture {result.subject.capture_id} was taken", result.subject.captured_at, now)


def _check_numbers(what: str, record: object, fields: tuple[str, ...]) -> None:
    for name in fields:
        value = getattr(record, name, None)
        if value is not None and not math.isfinite(value):
            msg = f"{what} says {name} {value}, which is no number"
            raise DataFault("bad_scores", msg)


def check_facts(product_id: str, product: r.ProductFacts) -> None:
    """Refuse what no product can be.

    Raises:
        DataFault: it says what, and where to mend it.
    """
    where = f"product {product_id}; correct its row in catalog.products, then photograph the item again"
    if product.price_cents < 0:
        msg = f"a price of {product.price_cents} cents is impossible: {where}"
        raise DataFault("bad_price", msg)
    if product.unit_count < 1:
        msg = f"a set of {product.unit_count} units is impossible: {where}"
        raise DataFault("bad_unit_count", msg)


def check_clock(what: str, moment: datetime, now: datetime) -> None:
    """Refuse a time that has not come yet: it would win against everything that happens until then.

    Raises:
        DataFault: it is further ahead than clocks differ.
    """
    if moment > now + AHEAD:
        ahead = (moment - now).total_seconds() / 60
        msg = f"{what} at {moment:%Y-%m-%d %H:%M:%S}, {ahead:.0f} min ahead: set that clock"
        raise DataFault("clock_ahead", msg)


def check_label(label: r.Label, now: datetime) -> None:
    """Refuse a label that says nothing, or nothing clear.

    Raises:
        DataFault: it says what is wrong with it.
    """
    if unknown := [t for t in label.defect_types if t not in TYPES]:
        msg = f"{unknown[0]!r} is no type of damage; there are {', '.join(TYPES)}"
        raise DataFault("unknown_type", msg)
    if label.identity_only and label.product_id is None:
        msg = "the label says which product it is, and names none: give it a product, or a verdict"
        raise DataFault("empty_label", msg)
    if label.verdict is r.Verdict.INTACT and (label.severity is not r.Severity.NONE or label.defect_types):
        kinds = f" and {', '.join(label.defect_types)}" if label.defect_types else ""
        msg = f"the label says INTACT and also severity {label.severity}{kinds}: label it again, one or the other"
        raise DataFault("contradictory_label", msg)
    check_clock(f"label {label.label_id} was given", label.labelled_at, now)
