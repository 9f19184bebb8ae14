"""What this context tolerates: scores and policies in, a judgement out. Also used for dry runs of other policies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.assess.fusion import CLEAR, NOTHING, is_there
from services.kernel import policies as rules
from services.kernel import records as r
from services.kernel.policies import MISSING, SPILLAGE, TYPES, Context

#: A defect type is named when its own probability reaches this.
NAMED_AT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the models say of one capture.

    `probability`: of damage, fused and calibrated, in [0, 1]. `matter`: what lies beside the item. `contents`: what
    the item holds, None where the catalogue does not say it. `foreignness`: how far apart the two's colours are.
    """

    scores: r.Scores
    probability: float
    comparison: r.Comparison | None = None
    matter: r.Matter | None = None
    contents: r.Contents | None = None
    foreignness: float | None = None

    @property
    def own_matter(self) -> bool:
        """Whether the item's own contents lie beside it: it leaks, however whole it looks."""
        return is_there(self.matter) and self.foreignness is not None and self.foreignness <= CLEAR

    @property
    def units_missing(self) -> float:
        """Chance that units are missing, by the classifier or by a reference of this very print, whichever is surer."""
        c = self.comparison
        if c is None or c.missing_logit is None or c.mismatch_logit is None or c.mismatch_logit > 0.0:
            return self.scores.missing_unit
        return max(self.scores.missing_unit, c.missing)

    @property
    def foreign_matter(self) -> bool:
        """Whether something lies beside it that it does not hold: another item's, and the tote's problem."""
        if not is_there(self.matter) or self.contents is None:
            return False
        return self.contents.kind == NOTHING or (self.foreignness is not None and self.foreignness > CLEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is held to be true, and by which policy.

    `hindrance`: why damage that the deciding policy lets pass does not, empty otherwise. `miss_cost_cents`: what
    letting damage pass here costs, None where no policy says it.
    """

    damaged: bool
    tolerated: bool
    incomplete: bool
    severity: r.Severity
    types: tuple[str, ...]
    policy: r.Policy
    hindrance: str = ""
    miss_cost_cents: int | None = None


def judge(evidence: Evidence, where: Context, policies: Iterable[r.Policy]) -> Judgement:
    """Judge one capture by the policies that fit."""
    found = rules.fitting(policies, where)
    policy = found[0]
    cost = rules.miss_cost(found, where.stage)
    if evidence.probability < policy.judge_at:
        return Judgement(
            damaged=False,
            tolerated=False,
            incomplete=False,
            severity=r.Severity.NONE,
            types=(),
            policy=policy,
            miss_cost_cents=cost,
        )
    incomplete = is_incomplete(evidence, where.product, policy)
    types = defect_types(evidence, where.product, incomplete=incomplete)
    severity = severity_of(evidence.scores)
    would_pass = not incomplete and tolerates(policy, types, severity)
    hindrance = _hindrance(evidence, found, types) if would_pass else ""
    return Judgement(
        damaged=True,
        tolerated=would_pass and not hindrance,
        incomplete=incomplete,
        severity=severity,
        types=types,
        policy=policy,
        hindrance=hindrance,
        miss_cost_cents=cost,
    )


def tolerates(policy: r.Policy, types: tuple[str, ...], severity: r.Severity) -> bool:
    """Whether every defect named may pass at this severity."""
    ranks = list(r.Severity)
    return ranks.index(severity) <= ranks.index(policy.up_to) and set(types) <= set(policy.tolerated_types)


def _hindrance(evidence: Evidence, found: tuple[r.Policy, ...], types: tuple[str, ...]) -> str:
    forbidden = rules.forbidding(found, types)
    if forbidden is not None:
        policy, kind = forbidden
        return f"policy {rules.named(policy)} never lets {kind.replace('_', ' ')} pass: {policy.reason}"
    limit = found[0].foreign_up_to
    if limit is None:
        return ""
    if evidence.comparison is None:
        return "without references foreign matter cannot be ruled out"
    if evidence.comparison.inliers == 0:
        return "no reference could be laid over it, so foreign matter cannot be ruled out"
    foreign = evidence.comparison.foreign
    if foreign > limit:
        return f"foreign {foreign:.2f} is above {limit:.2f}, so foreign matter cannot be ruled out"
    return ""


def is_incomplete(evidence: Evidence, product: r.ProductFacts | None, policy: r.Policy) -> bool:
    """Whether units are missing: only a set, by the catalogue's unit count, can lack some."""
    at = NAMED_AT if policy.incomplete_at is None else policy.incomplete_at
    return product is not None and product.unit_count > 1 and evidence.units_missing >= at


def defect_types(
    evidence: Evidence, product: r.ProductFacts | None, *, incomplete: bool = False
) -> tuple[str, ...]:
    """Defect types that are probable, most probable first; at least the most probable one.

    Whether units are missing is decided by `is_incomplete` as soon as the catalogue's unit count is known, and whether
    it is spillage by whose the matter is that lies there, as soon as that can be said.
    """
    scores = evidence.scores
    ruled_out = {MISSING} if product is not None and not incomplete else set()
    if evidence.foreign_matter:
        ruled_out.add(SPILLAGE)
    ranked = sorted((t for t in TYPES if t not in ruled_out), key=lambda t: -getattr(scores, t))
    certain = ({MISSING} if incomplete else set()) | ({SPILLAGE} if evidence.own_matter else set())
    named = tuple(t for t in ranked if getattr(scores, t) >= NAMED_AT or t in certain)
    return named or (ranked[0],)


def severity_of(scores: r.Scores) -> r.Severity:
    """Minor or major, of something damaged."""
    return r.Severity.MAJOR if scores.major >= NAMED_AT else r.Severity.MINOR
