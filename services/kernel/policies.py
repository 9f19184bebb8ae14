"""Which policy of policies.tolerability decides: `assess` judges by it, `dispose` sells by it, the stack checks it.

A policy says where it holds (category, material, stage, hazardous or not, gift or not) and what may pass there. Of
those that fit, the highest priority decides, then the most specific, then the first by name: one order, whatever order
the rows came in. What any fitting policy never lets pass is not let pass, whichever decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.kernel import records as r

#: Defect types as the classifier and people name them (Kaputt's names).
TYPES = (
    "deformation", "actuation", "deconstruction", "penetration", "superficial", "spillage", "missing_unit",
)  # fmt: skip
#: Units are missing from a set: not damage to what is there, and never tolerated.
MISSING = "missing_unit"
#: Contents outside.
SPILLAGE = "spillage"

#: What holds where no policy fits.
DEFAULT = r.Policy(
    policy_id="default",
    up_to=r.Severity.NONE,
    judge_at=0.5,
    reason="nothing is tolerated unless a policy says so",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where an item is judged, as far as it is known."""

    product: r.ProductFacts | None
    stage: r.Stage
    gift: bool = False


def categories_of(policy: r.Policy) -> frozenset[str] | None:
    """Categories a policy is for, None for all."""
    return _either(policy.category, policy.categories)


def materials_of(policy: r.Policy) -> frozenset[str] | None:
    """Materials a policy is for, None for all."""
    return _either(policy.material, policy.materials)


def _either(one: str | None, several: Sequence[str]) -> frozenset[str] | None:
    named = frozenset(several) | ({one} if one is not None else set())
    return named or None


def fits(policy: r.Policy, where: Context) -> bool:
    """Whether a policy holds here. Of an unknown product nothing is known, so only policies for all products do."""
    if policy.stages and where.stage not in policy.stages:
        return False
    if policy.gift is not None and policy.gift != where.gift:
        return False
    product = where.product
    if product is None:
        return categories_of(policy) is None and materials_of(policy) is None and policy.hazardous is None
    return (
        _holds(categories_of(policy), product.category)
        and _holds(materials_of(policy), product.material)
        and (policy.hazardous is None or policy.hazardous == product.hazardous)
    )


def _holds(named: frozenset[str] | None, value: str) -> bool:
    return named is None or value in named


def specificity(policy: r.Policy) -> int:
    """In how many ways a policy says where it holds."""
    return (
        (categories_of(policy) is not None)
        + (materials_of(policy) is not None)
        + bool(policy.stages)
        + (policy.hazardous is not None)
        + (policy.gift is not None)
    )


def rank(policy: r.Policy) -> tuple[int, int]:
    """What decides between policies that fit: smaller first."""
    return -policy.priority, -specificity(policy)


def fitting(policies: Iterable[r.Policy], where: Context) -> tuple[r.Policy, ...]:
    """The policies that hold here, the deciding one first; what holds where none does comes last."""
    found = sorted((p for p in policies if fits(p, where)), key=lambda p: (*rank(p), p.policy_id))
    return (*found, DEFAULT)


def forbidding(found: Sequence[r.Policy], types: Iterable[str]) -> tuple[r.Policy, str] | None:
    """The first of the fitting policies that never lets one of these defect types pass, and that type."""
    named = set(types)
    for policy in found:
        for kind in policy.never_types:
            if kind in named:
                return policy, kind
    return None


def miss_cost(found: Sequence[r.Policy], stage: r.Stage) -> int | None:
    """What letting damage pass at this stage costs, in cents, by the first fitting policy that says it."""
    return next((p.miss_cost_cents[stage] for p in found if stage in p.miss_cost_cents), None)


def discount(found: Sequence[r.Policy], severity: r.Severity) -> tuple[int, r.Policy] | None:
    """Percent off for damage of this severity and the policy that says it; None where it is not sold so.

    The first fitting policy that has a rule at all speaks: what it does not name is not sold.
    """
    policy = next((p for p in found if p.discount_percent), None)
    if policy is None or severity not in policy.discount_percent:
        return None
    return policy.discount_percent[severity], policy


def overlap(one: r.Policy, other: r.Policy) -> bool:
    """Whether an item can be where both hold."""
    return (
        _meet(categories_of(one), categories_of(other))
        and _meet(materials_of(one), materials_of(other))
        and _meet(frozenset(one.stages) or None, frozenset(other.stages) or None)
        and (one.hazardous is None or other.hazardous is None or one.hazardous == other.hazardous)
        and (one.gift is None or other.gift is None or one.gift == other.gift)
    )


def _meet(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    return one is None or other is None or bool(one & other)


def named(policy: r.Policy) -> str:
    """A policy's name and version, for sentences."""
    return f"{policy.policy_id!r}" + (f" version {policy.version}" if policy.version else "")


def versions_of(policy: r.Policy) -> Mapping[str, str]:
    """How a result names the policy that decided."""
    return {"policy": policy.policy_id, "policy.version": str(policy.version)}
