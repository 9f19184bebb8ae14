"""Plain records for tests: each maker gives a sensible one, and takes whatever the test is about."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from services.assess.decide import Scale
from services.kernel import records as r
from services.kernel.odds import Calibration

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ENCODER = "1+abc"
#: The classifier's own probability, on a belt where half of the items are damaged.
ALONE = Scale(
    weights=Calibration(
        version="alone",
        share=0.5,
        threshold=0.5,
        scale=1.0,
        offset=0.0,
        gallery=(0.0,) * 2,
        catalogue=(0.0,),
    ),
    prior=0.5,
)
_NAMESPACE = UUID("11111111-2222-5333-8444-555555555555")


def uid(name: str) -> UUID:
    """The same name gives the same id."""
    return uuid5(_NAMESPACE, name)


def subject(item_id: str = "item-1", **given: Any) -> r.Subject:
    plain = r.Subject(
        capture_id=uid(f"capture of {item_id}"),
        item_id=item_id,
        station_id="station-1",
        center_id="FRA1",
        stage=r.Stage.PICK,
        captured_at=NOON,
        deadline_at=NOON + timedelta(seconds=30),
    )
    return dataclasses.replace(plain, **given)


def scores(damaged: float = 0.1, **given: float) -> r.Scores:
    names = [f.name for f in dataclasses.fields(r.Scores)]
    return r.Scores(**{**dict.fromkeys(names, 0.01), "damaged": damaged, **given})


def facts(**given: Any) -> r.ProductFacts:
    plain = r.ProductFacts(
        vendor_id="V1",
        category="toys",
        material="cardboard",
        unit_count=1,
        price_cents=2_000,
        hazardous=False,
    )
    return dataclasses.replace(plain, **given)


def product(product_id: str = "P1", **given: Any) -> r.Product:
    plain = r.Product(
        product_id=product_id,
        title=f"Product {product_id}",
        barcode=f"barcode of {product_id}",
        vendor_id="V1",
        category="toys",
        material="cardboard",
        unit_count=1,
        price_cents=2_000,
        hazardous=False,
    )
    return dataclasses.replace(plain, **given)


def inspection(subject_: r.Subject | None = None, **given: Any) -> r.Inspection:
    plain = r.Inspection(
        subject=subject_ or subject(),
        scores=scores(),
        embedding=b"\0" * 512,
        features_key="features/20260301/a.icf",
        versions={"model.gallery_encoder": ENCODER, "model.damage_classifier": "1+def"},
        inspected_at=NOON,
    )
    return dataclasses.replace(plain, **given)


def comparison(foreign: float = 0.2, missing: float = 0.1, **given: Any) -> r.Comparison:
    plain = r.Comparison(
        foreign=foreign,
        missing=missing,
        references=2,
        gallery_version=3,
        heat=b"",
        changed_logit=-1.0,
        missing_logit=-2.0,
        mismatch_logit=-3.0,
        inliers=40,
        image=0,
        reference_id=uid("reference"),
    )
    return dataclasses.replace(plain, **given)


def matter(logit: float = 3.0, **given: Any) -> r.Matter:
    """Something brown."""
    return dataclasses.replace(r.Matter(logit=logit, lightness=34.0, a=16.0, b=26.0, share=0.015625), **given)


def contents(**given: Any) -> r.Contents:
    """Coffee, as brown as `matter`."""
    return dataclasses.replace(r.Contents(kind="powder", red=110, green=70, blue=40), **given)


def result(item_id: str = "item-1", **given: Any) -> r.InspectionResult:
    plain = r.InspectionResult(
        subject=subject(item_id),
        scores=scores(),
        product_id="P1",
        method=r.IdentityMethod.BARCODE,
        confidence=0.9,
        order_line_id="L1",
        comparison=comparison(),
        product=facts(),
        versions={"model.gallery_encoder": ENCODER},
    )
    return dataclasses.replace(plain, **given)


def label(
    item_id: str = "item-1", verdict: r.Verdict = r.Verdict.DAMAGED, name: str = "1", **given: Any
) -> r.Label:
    plain = r.Label(
        label_id=uid(f"label {name} of {item_id}"),
        item_id=item_id,
        verdict=verdict,
        severity=r.Severity.MAJOR if verdict is r.Verdict.DAMAGED else r.Severity.NONE,
        defect_types=("penetration",) if verdict is r.Verdict.DAMAGED else (),
        annotator="someone",
        labelled_at=NOON + timedelta(hours=2),
    )
    return dataclasses.replace(plain, **given)


def outcome(**given: Any) -> r.Outcome:
    plain = r.Outcome(
        vendor_id="V1",
        product_id="P1",
        material="cardboard",
        stage=r.Stage.PICK,
        captured_at=NOON,
        damaged=False,
        severity=r.Severity.NONE,
    )
    return dataclasses.replace(plain, **given)


def assessment(item_id: str = "item-1", revision: int = 1, **given: Any) -> r.Assessment:
    """An intact item, judged from a capture."""
    plain = r.Assessment(
        assessment_id=uid(f"assessment {revision} of {item_id}"),
        item_id=item_id,
        revision=revision,
        cause=r.CauseKind.CAPTURE,
        cause_id=uid(f"capture of {item_id}"),
        subject=subject(item_id),
        product_id="P1",
        product=facts(),
        order_line_id="L1",
        scores=scores(),
        probability=0.1,
        damaged=False,
        tolerated=False,
        severity=r.Severity.NONE,
        reason="Why it was judged so.",
        outcome=outcome(),
        assessed_at=NOON,
    )
    return dataclasses.replace(plain, **given)


def labelled(item_id: str = "item-1", verdict: r.Verdict = r.Verdict.INTACT, **given: Any) -> r.Assessment:
    """The second revision of an item, from a person's verdict."""
    damaged = verdict is r.Verdict.DAMAGED
    return assessment(
        item_id,
        **{
            "revision": 2,
            "cause": r.CauseKind.LABEL,
            "cause_id": uid(f"label of {item_id}"),
            "verdict": verdict,
            "damaged": damaged,
            "severity": r.Severity.MAJOR if damaged else r.Severity.NONE,
            **given,
        },
    )


def command(
    item_id: str = "item-1",
    action: r.SidelineAction = r.SidelineAction.SIDELINE,
    revision: int = 1,
    **given: Any,
) -> r.SidelineCommand:
    plain = r.SidelineCommand(
        command_id=uid(f"{action} {revision} of {item_id}"),
        item_id=item_id,
        revision=revision,
        action=action,
        assessment_id=uid(f"assessment {revision} of {item_id}"),
        center_id="FRA1",
        stage=r.Stage.PICK,
        product_id="P1",
        product=facts(),
        order_line_id="L1",
        damaged=True,
        severity=r.Severity.MAJOR,
        defect_types=("deformation",),
        reason="It has a dent.",
        deadline_at=NOON + timedelta(seconds=30),
        decided_at=NOON,
    )
    return dataclasses.replace(plain, **given)


def order_line(order_line_id: str = "L1", **given: Any) -> r.OrderLine:
    plain = r.OrderLine(
        order_line_id=order_line_id,
        order_id="O1",
        product_id="P1",
        quantity=1,
        promised_at=NOON + timedelta(days=1),
    )
    return dataclasses.replace(plain, **given)
