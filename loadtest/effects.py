"""What a run of the mesh has brought about, in a form that two runs can be compared by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.kernel import records as r
from services.stack.report import Observed

#: Scores come from batches of other sizes in each run; float32 sums then differ in the last digits.
SCORE_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Effects by id. Times are left out; scores are kept apart, to be compared within a tolerance."""

    assessments: dict[str, tuple[Any, ...]]
    scores: dict[str, float]
    events: dict[str, tuple[Any, ...]]
    decisions: dict[str, tuple[Any, ...]]
    commands: dict[str, tuple[Any, ...]]
    requests: dict[str, tuple[Any, ...]]
    dispositions: dict[str, tuple[Any, ...]]
    suppliers: dict[str, tuple[Any, ...]]
    quarantined: int


def effects(observed: Iterable[Observed]) -> Effects:
    """Collect the effects of a run; of several rows of a table the newest counts."""
    found = Effects(
        assessments={}, scores={}, events={}, decisions={}, commands={}, requests={}, dispositions={}, suppliers={},
        quarantined=0,
    )  # fmt: skip
    quarantined = 0
    for event in sorted(observed, key=lambda e: (e.topic, e.partition, e.offset)):
        quarantined += event.topic.endswith(".quarantine")
        _collect(found, event.record)
    return dataclasses.replace(found, quarantined=quarantined)


def _collect(found: Effects, x: object) -> None:
    match x:
        case r.Assessment():
            key = str(x.assessment_id)
            found.assessments[key] = (
                x.item_id,
                x.revision,
                x.product_id,
                x.order_line_id,
                x.damaged,
                x.tolerated,
                x.severity,
            )
            found.scores[key] = x.probability
        case r.DamageEvent():
            found.events[str(x.event_id)] = (x.item_id, x.revision, x.kind)
        case r.SidelineDecision():
            found.decisions[str(x.decision_id)] = (x.item_id, x.revision, x.action)
        case r.SidelineCommand():
            found.commands[str(x.command_id)] = (x.item_id, x.revision, x.action, x.order_line_id)
        case r.ReplacementRequest():
            # Which of several damaged items of one order line comes first depends on their race; that there is one
            # request for that line does not.
            found.requests[x.order_line_id] = (str(x.request_id), x.product_id, x.quantity, x.status)
        case r.Disposition():
            found.dispositions[str(x.disposition_id)] = (x.item_id, x.revision, x.action, x.price_cents)
        case r.VendorRobustness():
            row = (
                f"{x.vendor_id}|{x.product_id}|{x.material}|{x.stage}|{x.window}|{x.window_start:%Y-%m-%dT%H}"
            )
            types = tuple(sorted((t.type, t.damaged) for t in x.types))
            found.suppliers[row] = (x.items, x.damaged, x.major, x.arrived, x.wrong_barcodes, types)
        case _:
            pass


def differences(one: Effects, other: Effects, *, tolerance: float = SCORE_TOLERANCE) -> list[str]:
    """What differs between two runs, one sentence each; empty when they are equal."""
    found: list[str] = []
    for name in Effects.__slots__:
        a, b = getattr(one, name), getattr(other, name)
        if name == "scores":
            far = [k for k in a.keys() & b.keys() if not abs(a[k] - b[k]) <= tolerance]  # also a NaN
            found += [f"score of assessment {k}: {a[k]:.6f} and {b[k]:.6f}" for k in sorted(far)]
        elif isinstance(a, dict):
            found += [
                f"{name}: {k} is {a.get(k)} and {b.get(k)}"
                for k in sorted(a.keys() | b.keys())
                if a.get(k) != b.get(k)
            ]
        elif a != b:
            found.append(f"{name}: {a} and {b}")
    return found
