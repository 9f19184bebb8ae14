"""One replacement per order line, never two."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from services.kernel import records as r
from services.kernel.faults import DataFault, MissingRow

_NAMESPACE = UUID("b1c1f4c2-6f0e-5d7e-8c57-3b8f3ad2d7aa")


def concerned(command: r.SidelineCommand) -> tuple[str, ...]:
    """The order lines for which a command may start or end a replacement.

    That is the item's own, and those that it was taken to be for and is not. A sampled item is intact until a person
    says otherwise.
    """
    own = command.order_line_id
    mine = () if own is None or command.action is r.SidelineAction.SAMPLE else (own,)
    return (*mine, *command.former_order_line_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a request needs to know of its order line, from its row or, once that is deleted, from the request."""

    order_line_id: str
    order_id: str
    product_id: str
    quantity: int


def wants(command: r.SidelineCommand, line: Line) -> bool:
    """Whether a command asks for another unit for this line.

    The customer is not sent a damaged or an incomplete one, nor, however whole it is, another product than ordered.
    """
    if command.order_line_id != line.order_line_id:
        return False
    another = command.product_id not in {None, line.product_id}
    return command.action is r.SidelineAction.SIDELINE or another


def line_of(
    order_line_id: str,
    row: r.OrderLine | None,
    existing: r.ReplacementRequest | None,
    command: r.SidelineCommand,
) -> Line | None:
    """The order line as of now; None for a command that asks for nothing and has nothing to take back.

    An order that is deleted while its request is open can still be cancelled, and its request is not asked for anew.

    Raises:
        MissingRow: there is no row, and nothing to cancel; it may be on its way.
        DataFault: the row orders less than one unit.
    """
    if row is not None:
        if row.quantity < 1:
            msg = f"order line {order_line_id} orders {row.quantity} units; correct its row in orders.lines"
            raise DataFault("bad_quantity", msg)
        return Line(
            order_line_id=order_line_id,
            order_id=row.order_id,
            product_id=existing.product_id if existing is not None else row.product_id,
            quantity=row.quantity,
        )
    asks = command.action is r.SidelineAction.SIDELINE and command.order_line_id == order_line_id
    if existing is None and not asks:
        return None
    if existing is None or (asks and existing.status is r.RequestStatus.CANCELLED):
        msg = f"order line {order_line_id} is not in orders.lines; send it there, then retry"
        raise MissingRow("unknown_order", msg)
    return Line(
        order_line_id=order_line_id,
        order_id=existing.order_id,
        product_id=existing.product_id,
        quantity=existing.quantity,
    )


def request(
    command: r.SidelineCommand, line: Line, existing: r.ReplacementRequest | None, now: datetime
) -> r.ReplacementRequest | None:
    """The order line's next request record, None when nothing changes.

    One request serves every sidelined item of the line, for as many units as were sidelined and never more than were
    ordered; it is cancelled when no item wants it any more. An item's newest revision counts, whatever order commands
    arrive in.
    """
    claims = {c.item_id: c for c in existing.claims} if existing else {}
    wanted = wants(command, line)
    known = claims.get(command.item_id)
    if known is None and not wanted:
        return None
    if known is not None and command.revision <= known.revision:
        return None
    claims[command.item_id] = r.Claim(item_id=command.item_id, revision=command.revision, wanted=wanted)
    now_claimed = tuple(claims.values())
    units = min(line.quantity, sum(c.wanted for c in now_claimed))
    if existing is not None and (units > 0) == (existing.status is r.RequestStatus.REQUESTED):
        quantity = units or existing.quantity
        return dataclasses.replace(existing, claims=now_claimed, quantity=quantity, decided_at=now)
    return r.ReplacementRequest(
        request_id=uuid5(_NAMESPACE, line.order_line_id),
        order_line_id=line.order_line_id,
        order_id=line.order_id,
        item_id=command.item_id,
        revision=command.revision,
        product_id=line.product_id,
        quantity=units or 1,
        status=r.RequestStatus.REQUESTED if wanted else r.RequestStatus.CANCELLED,
        claims=now_claimed,
        reason=(
            f"Item {command.item_id} of this order was sidelined. {command.reason}"
            if wanted
            else f"Cancelled: {_why_not(command, line)}"
        ),
        decided_at=now,
    )


def _why_not(command: r.SidelineCommand, line: Line) -> str:
    if command.order_line_id == line.order_line_id:
        return command.reason
    now = f"order line {command.order_line_id}" if command.order_line_id is not None else "no order line"
    return f"item {command.item_id} turned out to be {command.product_id}, and is for {now}."
