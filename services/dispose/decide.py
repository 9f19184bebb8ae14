"""Resell, discount, refurbish, return to vendor, donate, dispose: by rule, with the reason.

Nothing is sold, given away or destroyed on a machine's word alone where a person's look is due: items that the models
alone hold to be damaged are routed, the verdict at the terminal makes the next revision and may re-route them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from services.kernel import records as r

if TYPE_CHECKING:
    from datetime import datetime

_NAMESPACE = UUID("0c6b7c0d-7a1b-5a7d-9f0b-6d3d5a0f4b6e")

#: Never sold or given away once opened, leaking or holed.
CONSUMABLE = frozenset({"grocery", "beauty"})
BREACHES = frozenset({"penetration", "spillage", "actuation"})
#: Breakage before the fulfillment center is the supplier's.
SUPPLIERS_STAGE = frozenset({r.Stage.RECEIVE})
#: Below this it costs more to repair or ship back than the item is worth.
WORTH_REPAIR_CENTS = 5_000
WORTH_RETURN_CENTS = 1_000
WORTH_SELLING_CENTS = 500
DISCOUNT_PERCENT = 30


def disposition(command: r.SidelineCommand, now: datetime) -> r.Disposition:
    """What to do with an item that left the belt, or comes back to it."""
    action, reason = _rule(command)
    price = command.product.price_cents if command.product else None
    discounted = action is r.DispositionAction.DISCOUNT and price is not None
    sold = action in (r.DispositionAction.RESELL, r.DispositionAction.DISCOUNT)
    return r.Disposition(
        disposition_id=uuid5(_NAMESPACE, f"{command.item_id}|{command.revision}"),
        item_id=command.item_id,
        revision=command.revision,
        product_id=command.product_id,
        action=action,
        discount_percent=DISCOUNT_PERCENT if discounted else 0,
        price_cents=(price * (100 - DISCOUNT_PERCENT) // 100 if discounted else price)
        if sold and price
        else None,
        reason=reason,
        decided_at=now,
    )


def _rule(  # noqa: C901, PLR0911 (a table of rules, read from the top)
    command: r.SidelineCommand,
) -> tuple[r.DispositionAction, str]:
    action = r.DispositionAction
    product, types = command.product, set(command.defect_types)
    if command.action is r.SidelineAction.RELEASE:
        return action.RESELL, "Intact by a person's verdict: back to stock as it is."
    if command.action is r.SidelineAction.SAMPLE or not command.damaged:
        return action.INSPECT, "A person should look before anything is done with it."
    if product is None:
        return action.INSPECT, "The product is unknown: a person should identify it first."
    if product.hazardous and types & BREACHES:
        return action.DISPOSE, "Hazardous goods that may leak are disposed of by the safety procedure."
    if product.category in CONSUMABLE and types & BREACHES:
        return (
            action.DISPOSE,
            f"{product.category.capitalize()} with a breached pack is neither sold nor donated.",
        )
    if command.stage in SUPPLIERS_STAGE and product.price_cents >= WORTH_RETURN_CENTS:
        return action.RETURN_TO_VENDOR, "It arrived damaged: back to the supplier."
    if "missing_unit" in types:
        return action.REFURBISH, "Units are missing: complete the set from stock."
    if command.severity is r.Severity.MINOR and product.price_cents >= WORTH_SELLING_CENTS:
        return action.DISCOUNT, f"Minor damage: sold at {DISCOUNT_PERCENT} % off."
    if product.price_cents >= WORTH_REPAIR_CENTS:
        return action.REFURBISH, "Worth repairing or repacking."
    if product.category not in CONSUMABLE and not product.hazardous:
        return action.DONATE, "Worth less than repair costs, and still of use."
    return action.DISPOSE, "Worth less than repair costs, and not fit to give away."
