"""Resell, discount, refurbish, return to vendor, donate, dispose: by rule, with the reason.

Nothing that cannot be undone happens on a machine's word alone: what the models alone hold to be damaged is routed
(`confirmed` is false), and the verdict at the terminal makes the next revision, which may route it elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from services.kernel import policies as rules
from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.policies import MISSING, Context

_NAMESPACE = UUID("0c6b7c0d-7a1b-5a7d-9f0b-6d3d5a0f4b6e")

#: Eaten or put on the skin: never sold or given away once opened, leaking or holed.
CONSUMABLE = frozenset({"grocery", "beauty"})
#: What the rules below are made for. A category that nobody thought of may be food: a person looks.
CATEGORIES = CONSUMABLE | {"book", "toy", "electronics", "household"}
#: The contents are no longer shut off from the world, or come out.
BREACHES = frozenset({"penetration", "spillage", "actuation", "deconstruction"})
#: Breakage before the fulfillment center is the supplier's.
SUPPLIERS_STAGE = frozenset({r.Stage.RECEIVE})
#: Below this it costs more to repair or ship back than the item is worth.
WORTH_REPAIR_CENTS = 5_000
WORTH_RETURN_CENTS = 1_000
WORTH_SELLING_CENTS = 500
#: Percent off by severity, where no policy has a rule. What is not named is not sold damaged.
DISCOUNT_PERCENT = {r.Severity.MINOR: 30}

_SOLD = frozenset({r.DispositionAction.RESELL, r.DispositionAction.DISCOUNT})
_OFF_THE_BELT = frozenset({r.SidelineAction.SIDELINE, r.SidelineAction.SAMPLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What to do, in detail where the action does not say it all, and why. `percent`: off, by `policy`."""

    action: r.DispositionAction
    reason: str
    task: str = ""
    percent: int = 0
    policy: r.Policy | None = None


def leaves_the_belt(command: r.SidelineCommand) -> bool:
    """Whether the command pulls the item."""
    return command.action in _OFF_THE_BELT


def concerns(command: r.SidelineCommand, known: r.Disposition | None) -> bool:
    """Whether a command says anything new about an item that is off the belt.

    An older revision, or the same again, says nothing. Neither does the release of an item that never left the belt:
    it is where it belongs, and nothing is to be sold, routed or put back.
    """
    if known is not None:
        return command.revision > known.revision
    return leaves_the_belt(command)


def disposition(
    command: r.SidelineCommand,
    known: r.Disposition | None,
    policies: Iterable[r.Policy],
    now: datetime,
) -> r.Disposition:
    """What to do with an item that left the belt, or comes back to it.

    Raises:
        DataFault: its price is negative.
    """
    price = command.product.price_cents if command.product else None
    if price is not None and price < 0:
        msg = f"product {command.product_id} costs {price} cents; correct its row in catalog.products"
        raise DataFault("bad_price", msg)
    route = _relabelled(command, _route(command, policies))
    sold = route.action in _SOLD
    changed = known is not None and known.action is not route.action
    return r.Disposition(
        disposition_id=uuid5(_NAMESPACE, f"{command.item_id}|{command.revision}"),
        item_id=command.item_id,
        revision=command.revision,
        product_id=command.product_id,
        action=route.action,
        discount_percent=route.percent,
        price_cents=price * (100 - route.percent) // 100 if sold and price else None,
        reason=route.reason + _correcting(known, route),
        decided_at=now,
        task=route.task,
        confirmed=command.verdict is not None,
        previous_action=known.action if known is not None and changed else None,
        policy_id=route.policy.policy_id if route.policy else None,
        policy_version=route.policy.version if route.policy else None,
    )


def _relabelled(command: r.SidelineCommand, route: Route) -> Route:
    """Nothing goes back to stock under another product's barcode."""
    if command.barcode_check is not r.BarcodeCheck.WRONG or route.action not in _SOLD:
        return route
    reason = f"{route.reason} It carries another product's barcode: relabel it as {command.product_id} first."
    return replace(route, reason=reason, task="relabel")


def _correcting(known: r.Disposition | None, route: Route) -> str:
    if known is None or known.action is route.action:
        return ""
    return f" Before, in revision {known.revision}, it was to {known.action.lower().replace('_', ' ')}."


def _route(command: r.SidelineCommand, policies: Iterable[r.Policy]) -> Route:
    action = r.DispositionAction
    product = command.product
    if command.action is r.SidelineAction.RELEASE:
        return Route(action=action.RESELL, reason="Intact by a person's verdict: back to stock as it is.")
    if command.action is r.SidelineAction.SAMPLE or not command.damaged:
        reason = "A person should look before anything is done with it."
        return Route(action=action.INSPECT, reason=reason, task="look")
    if product is None:
        reason = "The product is unknown: a person should identify it first."
        return Route(action=action.INSPECT, reason=reason, task="identify")
    types = set(command.defect_types)
    return _unsafe(product, types) or _incomplete(command, product, types) or _damaged(command, policies)


def _unsafe(product: r.ProductFacts, types: set[str]) -> Route | None:
    """What must not go anywhere else, whatever it is worth and whoever broke it."""
    action = r.DispositionAction
    if product.hazardous and types & BREACHES:
        reason = (
            "Hazardous goods that may leak are disposed of by the safety procedure, and not put in a parcel."
        )
        return Route(action=action.DISPOSE, reason=reason, task="safety_procedure")
    if product.category in CONSUMABLE and types & BREACHES:
        reason = f"{product.category.capitalize()} with a breached pack is neither sold nor donated."
        return Route(action=action.DISPOSE, reason=reason, task="food_waste")
    if product.category not in CATEGORIES:
        reason = (
            f"No rule knows the category {product.category!r}: it may be food or worse, so a person decides."
        )
        return Route(action=action.INSPECT, reason=reason, task="look")
    return None


def _incomplete(command: r.SidelineCommand, product: r.ProductFacts, types: set[str]) -> Route | None:
    """A set that lacks units and is otherwise whole: not damage, so it has ways of its own."""
    if types != {MISSING}:
        return None
    action, of = r.DispositionAction, f" of {product.unit_count} units" if product.unit_count > 1 else ""
    if command.stage in SUPPLIERS_STAGE:
        reason = f"The set{of} arrived incomplete: short-packed, back to the supplier with a claim."
        return Route(action=action.RETURN_TO_VENDOR, reason=reason, task="claim_missing_units")
    reason = f"Units are missing from the set{of}: complete it from stock, then sell it as new."
    return Route(action=action.REFURBISH, reason=reason, task="complete_set")


def _damaged(command: r.SidelineCommand, policies: Iterable[r.Policy]) -> Route:
    action, product = r.DispositionAction, command.product
    assert product is not None  # noqa: S101 (an unknown product took another way)
    price, missing = product.price_cents, MISSING in command.defect_types
    if command.stage in SUPPLIERS_STAGE and price >= WORTH_RETURN_CENTS:
        return Route(action=action.RETURN_TO_VENDOR, reason="It arrived damaged: back to the supplier.")
    off = _discount(command, policies)
    # An incomplete set is not what its title says, whatever it costs.
    if off is not None and price >= WORTH_SELLING_CENTS and not missing:
        return off
    if price >= WORTH_REPAIR_CENTS:
        task = "repair_and_complete_set" if missing else "repair"
        return Route(action=action.REFURBISH, reason="Worth repairing or repacking.", task=task)
    if product.category in CONSUMABLE or product.hazardous:
        reason = "Worth less than repair costs, and not fit to give away."
        task = "safety_procedure" if product.hazardous else "food_waste"
        return Route(action=action.DISPOSE, reason=reason, task=task)
    return Route(action=action.DONATE, reason="Worth less than repair costs, and still of use.")


def _discount(command: r.SidelineCommand, policies: Iterable[r.Policy]) -> Route | None:
    """The sale at a lower price, None where damage of this severity is not sold."""
    where = Context(product=command.product, stage=command.stage)
    found = rules.fitting(policies, where)
    if any(p.discount_percent for p in found):
        by_policy = rules.discount(found, command.severity)
        if by_policy is None:
            return None
        percent, policy = by_policy
        by = f", by policy {rules.named(policy)}"
    elif command.severity in DISCOUNT_PERCENT:
        percent, policy, by = DISCOUNT_PERCENT[command.severity], None, ""
    else:
        return None
    reason = f"{command.severity.capitalize()} damage: sold at {percent} % off{by}."
    return Route(action=r.DispositionAction.DISCOUNT, reason=reason, percent=percent, policy=policy)
