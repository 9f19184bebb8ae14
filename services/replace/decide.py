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
    """The order line's next request record, None when nothing changes.

    One request serves every sidelined item of the line; it is cancelled when no item wants it any more. An item's
    newest revision counts, whatever order commands arrive in.
    """
    claims = {c.item_id: c for c in existing.claims} if existing else {}
    wanted = command.action is r.SidelineAction.SIDELINE
    known = claims.get(command.item_id)
    if known is None and not wanted:
        return None
    if known is not None and command.revision <= known.revision:
        return None
    claims[command.item_id] = r.Claim(item_id=command.item_id, revision=command.revision, wanted=wanted)
    now_claimed = tuple(claims.values())
    if existing is not None and any(c.wanted for c in now_claimed) == (
        existing.status is r.RequestStatus.REQUESTED
    ):
        return dataclasses.replace(existing, claims=now_claimed, decided_at=now)
    return r.ReplacementRequest(
        request_id=uuid5(_NAMESPACE, line.order_line_id),
        order_line_id=line.order_line_id,
        order_id=line.order_id,
        item_id=command.item_id,
        revision=command.revision,
        product_id=line.product_id,
        quantity=1,
        status=r.RequestStatus.REQUESTED if wanted else r.RequestStatus.CANCELLED,
        claims=now_claimed,
        reason=(
            f"Item {command.item_id} of this order was sidelined. {command.reason}"
            if wanted
            else f"Cancelled: {command.reason}"
        ),
        decided_at=now,
    )
