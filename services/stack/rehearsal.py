"""What other policies would have changed: past assessments judged again, by the rules that judged them.

Each picture's own assessment is taken with the scores, the comparison and the catalogue facts that it carries; only
the policies are others. People's verdicts are not touched: they would stand, and are what the changes are held to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.assess import words
from services.assess.tolerance import Evidence, Judgement, judge
from services.kernel import policies as rules
from services.kernel.records import Assessment, CauseKind, Policy, Verdict

_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One assessment that would have been another. `was` and `would_be`: intact, tolerated, damaged or incomplete."""

    assessment: Assessment
    was: str
    would_be: str
    judged: Judgement
    reason: str


@dataclass(slots=True)
class Rehearsal:
    """The outcome of a dry run.

    `by_change`: (was, would be) → how many; `by_policy`: the policy that would decide the changed ones → how many;
    `passing_cents`: expected cost of what would newly pass (probability x cost of a miss at its stage), in cents;
    `contradicted`: of what would newly pass, items that people found damaged; `spared`: of what would no longer pass
    or newly be damaged, items that people found intact.
    """

    judged: int = 0
    changed: int = 0
    late: int = 0
    by_change: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_policy: Counter[str] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[Changed]] = field(default_factory=dict)
    passing_cents: float = 0.0
    contradicted: int = 0
    spared: int = 0


def rehearse(past: Iterable[Assessment], policies: Iterable[Policy]) -> Rehearsal:
    """Judge past assessments by other policies. They may come in any order, and more than once."""
    found, wanted = Rehearsal(), tuple(policies)
    done: set[UUID] = set()
    verdicts: dict[str, Verdict] = {}
    passing: set[str] = set()
    stopped: set[str] = set()
    for made in past:
        if made.verdict is not None:
            verdicts[made.item_id] = made.verdict
        if made.cause is not CauseKind.CAPTURE or made.assessment_id in done:
            continue
        done.add(made.assessment_id)
        if made.cause_id != made.subject.capture_id:
            # It notes a picture that came late and changed nothing: there is nothing of it to judge.
            found.late += 1
            continue
        found.judged += 1
        changed = again(made, wanted)
        if changed is None:
            continue
        _count(found, changed)
        (passing if _passes(changed.would_be) else stopped).add(made.item_id)
        if _passes(changed.would_be) and changed.judged.miss_cost_cents is not None:
            found.passing_cents += made.probability * changed.judged.miss_cost_cents
    found.contradicted = sum(verdicts.get(item) is Verdict.DAMAGED for item in passing)
    found.spared = sum(verdicts.get(item) is Verdict.INTACT for item in stopped)
    return found


def again(made: Assessment, policies: Iterable[Policy]) -> Changed | None:
    """Judge one assessment anew, None when nothing would have changed."""
    evidence = Evidence(
        scores=made.scores,
        probability=made.probability,
        comparison=made.comparison,
        matter=made.matter,
        contents=made.product.contents if made.product is not None else None,
        foreignness=made.foreignness,
    )
    where = rules.Context(product=made.product, stage=made.subject.stage, gift=made.gift)
    judged = judge(evidence, where, policies)
    was = _state(damaged=made.damaged, tolerated=made.tolerated, incomplete=made.incomplete)
    would_be = _state(damaged=judged.damaged, tolerated=judged.tolerated, incomplete=judged.incomplete)
    if was == would_be:
        return None
    reason = words.why(evidence, judged, made.subject, made.product, gift=made.gift)
    return Changed(assessment=made, was=was, would_be=would_be, judged=judged, reason=reason)


def _state(*, damaged: bool, tolerated: bool, incomplete: bool) -> str:
    if not damaged:
        return "intact"
    if tolerated:
        return "tolerated"
    return "incomplete" if incomplete else "damaged"


def _passes(state: str) -> bool:
    return state in {"intact", "tolerated"}


def _count(found: Rehearsal, changed: Changed) -> None:
    change = changed.was, changed.would_be
    found.changed += 1
    found.by_change[change] += 1
    found.by_policy[changed.judged.policy.policy_id] += 1
    examples = found.examples.setdefault(change, [])
    if len(examples) < _EXAMPLES:
        examples.append(changed)
