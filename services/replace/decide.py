"""One replacement per order line, never two."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from services.kernel import records as r

if TYPE_CHECKING:
    from datetime import datetime

_NAMESPACE = UUID("b1c1f4c2-6f0e-5d7e-8c57-3b8f3ad2d7aa")


def concerns_an_order(command: r.SidelineCommand) -> bool:
    """Whether a command may start or end a replacement; a sampled item is intact until a person says otherwise."""
    return command.order_line_id is not None and command.action is not r.SidelineAction.SAMPLE


def request(
    command: r.SidelineCommand, line: r.OrderLine, existing: r.ReplacementRequest | None, now: datetime
) -> r.ReplacementRequest | None:
    """The order line's next request record, None when nothing changes."""
    if command.action is r.SidelineAction.SIDELINE:
        return _wanted(command, line, existing, now)
    if (
        existing is not None
        and existing.status is r.RequestStatus.REQUESTED
        and existing.item_id == command.item_id
        and existing.revision < command.revision
    ):
        return dataclasses.replace(
            existing,
            revision=command.revision,
            status=r.RequestStatus.CANCELLED,
            reason=f"Cancelled: {command.reason}",
            decided_at=now,
        )
    return None


def _wanted(
    command: r.SidelineCommand, line: r.OrderLine, existing: r.ReplacementRequest | None, now: datetime
) -> r.ReplacementRequest | None:
    if existing is not None:
        if existing.status is r.RequestStatus.REQUESTED:
            return None
        if existing.item_id == command.item_id and command.revision <= existing.revision:
            return None  # an old command, replayed
    return r.ReplacementRequest(
        request_id=uuid5(_NAMESPACE, line.order_line_id),
        order_line_id=line.order_line_id,
        order_id=line.order_id,
        item_id=command.item_id,
        revision=command.revision,
        product_id=line.product_id,
        quantity=1,
        status=r.RequestStatus.REQUESTED,
        reason=f"Item {command.item_id} of this order was sidelined. {command.reason}",
        decided_at=now,
    )
