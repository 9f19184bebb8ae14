"""An item's revisions: ids that follow from causes, numbers that rise, times that never go back."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from uuid import UUID, uuid5

from services.kernel import records as r

NAMESPACE = UUID("7a0c8f0e-4f53-5b1a-9d0e-2f6a5b8f3c11")
#: Causes that an assessment remembers: a replay of one of them makes no new revision.
HISTORY = 16
REASON_CHARACTERS = 2000


def assessment_id(item_id: str, cause_id: UUID) -> UUID:
    """The same item and cause give the same id, however often they are processed."""
    return uuid5(NAMESPACE, f"{item_id}|{cause_id}")


def made_before(known: r.Assessment | None, cause_id: UUID) -> bool:
    """Whether a cause has made a revision already: a replay."""
    return known is not None and any(c.cause_id == cause_id for c in known.history)


def next_revision(
    known: r.Assessment, cause: r.CauseKind, cause_id: UUID, now: datetime, **changes: object
) -> r.Assessment:
    """The item's next revision: what is known, with these changes."""
    revision = known.revision + 1
    return dataclasses.replace(
        known,
        assessment_id=assessment_id(known.item_id, cause_id),
        revision=revision,
        cause=cause,
        cause_id=cause_id,
        previous=known.outcome,
        history=history_of(known, revision, cause_id),
        assessed_at=not_before(now, known),
        **changes,  # type: ignore[arg-type]
    )


def not_before(now: datetime, known: r.Assessment | None) -> datetime:
    """Revisions never go back in time, also when this machine's clock is set back."""
    return now if known is None else max(now, known.assessed_at)


def history_of(known: r.Assessment | None, revision: int, cause_id: UUID) -> tuple[r.Cause, ...]:
    """The last causes, the new one included, oldest first."""
    past = known.history if known else ()
    return (*past, r.Cause(revision=revision, cause_id=cause_id))[-HISTORY:]
