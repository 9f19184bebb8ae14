"""Events as an observer would see them, for the tests of what is made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any, cast
from uuid import UUID, uuid5

from services.kernel import records as r
from services.stack.observe import Observer
from services.stack.racks import Submitted
from services.stack.report import Observed
from services.stack.sample import Truth

SPACE = UUID(int=7)
NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
SENT = NOW.timestamp()
_OFFSETS = count()


def capture(number: int) -> UUID:
    return uuid5(SPACE, f"capture {number}")


def submitted(number: int, *, damaged: bool = False, **changes: Any) -> Submitted:
    values: dict[str, Any] = {
        "capture_id": capture(number),
        "item_id": f"I{number}",
        "scheduled_at": SENT + number,
        "accepted_at": SENT + number + 0.01,
        "status": 202,
        "truth": Truth(
            damaged=damaged,
            severity="major" if damaged else "none",
            defect_types=("penetration",) if damaged else (),
        ),
        "product_id": "P1",
    }
    return Submitted(**(values | changes))


def seen(topic: str, record: Any, *, at: float = SENT, **changes: Any) -> Observed:
    values = {
        "topic": topic,
        "partition": 0,
        "offset": next(_OFFSETS),
        "at_ms": round(at * 1000),
        "key": b"k",
        "record": record,
    }
    return Observed(**(values | changes))


def subject(number: int) -> r.Subject:
    return r.Subject(
        capture_id=capture(number),
        item_id=f"I{number}",
        station_id="station-1",
        center_id="BER1",
        stage=r.Stage.PACK,
        captured_at=NOW,
        deadline_at=NOW,
    )


def assessment(number: int, *, damaged: bool = False, revision: int = 1, **changes: Any) -> r.Assessment:
    severity = r.Severity.MAJOR if damaged else r.Severity.NONE
    types = ("penetration",) if damaged else ()
    scores = r.Scores(
        **dict.fromkeys(
            (
                "damaged",
                "major",
                "deformation",
                "actuation",
                "deconstruction",
                "penetration",
                "superficial",
                "spillage",
                "missing_unit",
            ),
            0.5,
        )
    )
    values: dict[str, Any] = {
        "assessment_id": uuid5(SPACE, f"assessment {number} {revision}"),
        "item_id": f"I{number}",
        "revision": revision,
        "cause": r.CauseKind.CAPTURE,
        "cause_id": capture(number),
        "subject": subject(number),
        "product_id": "P1",
        "scores": scores,
        "probability": 0.9 if damaged else 0.1,
        "damaged": damaged,
        "tolerated": False,
        "severity": severity,
        "defect_types": types,
        "reason": "so it is",
        "outcome": r.Outcome(
            stage=r.Stage.PACK, captured_at=NOW, damaged=damaged, severity=severity, defect_types=types
        ),
        "assessed_at": NOW,
    }
    return r.Assessment(**(values | changes))


def judged(number: int, *, at: float = SENT, **changes: Any) -> Observed:
    made = assessment(number, **changes)
    return seen("damage.assessments", made, at=at, capture_id=made.subject.capture_id)


def decision(number: int, *, revision: int = 1, **changes: Any) -> r.SidelineDecision:
    values: dict[str, Any] = {
        "decision_id": uuid5(SPACE, f"decision {number} {revision}"),
        "item_id": f"I{number}",
        "revision": revision,
        "assessment_id": uuid5(SPACE, f"assessment {number} {revision}"),
        "center_id": "BER1",
        "stage": r.Stage.PACK,
        "action": r.SidelineAction.PASS,
        "probability": 0.1,
        "threshold": 0.9,
        "threshold_version": 0,
        "reason": "so it is",
        "deadline_at": NOW,
        "decided_at": NOW,
    }
    return r.SidelineDecision(**(values | changes))


def command(number: int, **changes: Any) -> r.SidelineCommand:
    values: dict[str, Any] = {
        "command_id": uuid5(SPACE, f"command {number}"),
        "item_id": f"I{number}",
        "revision": 1,
        "action": r.SidelineAction.SIDELINE,
        "assessment_id": uuid5(SPACE, f"assessment {number} 1"),
        "center_id": "BER1",
        "stage": r.Stage.PACK,
        "damaged": True,
        "severity": r.Severity.MAJOR,
        "reason": "so it is",
        "deadline_at": NOW,
        "decided_at": NOW,
    }
    return r.SidelineCommand(**(values | changes))


def request(number: int, line: str, **changes: Any) -> r.ReplacementRequest:
    values: dict[str, Any] = {
        "request_id": uuid5(SPACE, line),
        "order_line_id": line,
        "order_id": "O1",
        "item_id": f"I{number}",
        "revision": 1,
        "product_id": "P1",
        "quantity": 1,
        "status": r.RequestStatus.REQUESTED,
        "reason": "so it is",
        "decided_at": NOW,
    }
    return r.ReplacementRequest(**(values | changes))


def held(number: int, topic: str = "station.captures", service: str = "inspect", **changes: Any) -> Observed:
    record = r.Quarantined(
        service=service,
        topic=topic,
        partition=0,
        offset=number,
        key=b"k",
        value=b"v",
        reason="checksum",
        message="another SHA-256",
        quarantined_at=NOW,
    )
    return seen(f"{topic}.{service}.quarantine", record, capture_id=capture(number), **changes)


def supplier(vendor: str, items: int, damaged: int, hour: int = 10) -> Observed:
    return seen(
        "vendor.robustness",
        r.VendorRobustness(
            vendor_id=vendor,
            window_start=NOW.replace(hour=hour),
            window_seconds=3600,
            items=items,
            damaged=damaged,
            damaged_per_million=0.0,
            lower_per_million=0.0,
            upper_per_million=0.0,
        ),
    )


class Fixed:
    """An observer that has seen what it was given."""

    def __init__(self, events: list[Observed]) -> None:
        self._events = events

    def observed(self) -> list[Observed]:
        return self._events

    def wait(self, done: object, **_: object) -> bool:
        assert callable(done)
        return bool(done(self))


def fixed(*events: Observed) -> Observer:
    return cast("Observer", Fixed(list(events)))
