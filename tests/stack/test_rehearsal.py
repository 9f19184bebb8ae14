from __future__ import annotations

import dataclasses
import random
from datetime import timedelta
from typing import Any

from rich.console import Console

from services.assess import decide
from services.assess.labels import from_label
from services.kernel import records as r
from services.stack.commands import policy as command
from services.stack.rehearsal import rehearse
from services.stack.world import POLICIES
from tests.samples import ALONE, NOON, comparison, facts, label, order_line, result, scores, subject, uid


def judged(item: str, damaged: float, *, gift: bool = False, **given: Any) -> r.Assessment:
    """An item as the policies that ship judge it."""
    names = {f.name for f in dataclasses.fields(r.Scores)}
    seen = scores(damaged, **{k: v for k, v in given.items() if k in names})
    about = facts(
        **{k: v for k, v in given.items() if k in {"category", "material", "hazardous", "unit_count"}}
    )
    at = subject(item, stage=given.get("stage", r.Stage.PACK))
    made = result(item, subject=at, scores=seen, product=about, comparison=given.get("comparison"))
    rows = decide.Rows(policies=POLICIES, line=order_line(gift=gift))
    return decide.from_result(made, None, rows, ALONE, NOON)


def without(*names: str) -> list[r.Policy]:
    return [p for p in POLICIES if p.policy_id not in names]


BAG = {"category": "toy", "material": "plastic_loose_bag", "deformation": 0.9}


def test_the_policies_in_force_would_have_changed_nothing() -> None:
    draw = random.Random(5)  # noqa: S311 (a seeded day)
    day = [
        judged(
            f"item-{n}",
            draw.random(),
            gift=draw.random() < 0.2,
            major=draw.random(),
            deformation=draw.random(),
            spillage=draw.random() ** 3,
            superficial=draw.random(),
            missing_unit=draw.random() ** 3,
            category=draw.choice(["book", "toy", "grocery", "beauty", "household"]),
            material=draw.choice(["cardboard", "paper", "plastic_loose_bag", "plastic_bubble_wrap"]),
            hazardous=draw.random() < 0.1,
            unit_count=draw.choice([1, 4]),
            stage=draw.choice(list(r.Stage)),
            comparison=draw.choice([None, comparison(foreign=draw.random())]),
        )
        for n in range(500)
    ]
    states = {(a.damaged, a.tolerated, a.incomplete) for a in day}
    assert len(states) >= 4  # intact, damaged, tolerated, incomplete: the day has them all
    found = rehearse(day, POLICIES)
    assert (found.judged, found.changed) == (500, 0)


def test_what_would_have_changed_is_counted_by_kind_and_by_policy() -> None:
    day = [judged("bag", 0.9, **BAG), judged("calm", 0.1, **BAG), judged("doubt", 0.45, **BAG)]
    assert day[0].tolerated
    found = rehearse(day, without("loose-bags"))
    assert dict(found.by_change) == {("tolerated", "damaged"): 1}
    assert dict(found.by_policy) == {"house": 1}
    strict = [dataclasses.replace(p, judge_at=0.4) if p.policy_id == "loose-bags" else p for p in POLICIES]
    assert dict(rehearse(day, strict).by_change) == {("intact", "tolerated"): 1}


def test_the_cost_of_what_would_newly_pass_is_expected_cost() -> None:
    torn = judged("torn", 0.8, category="toy", penetration=0.9, stage=r.Stage.SHIP)
    lax = r.Policy(
        policy_id="lax",
        priority=90,
        tolerated_types=("penetration",),
        up_to=r.Severity.MAJOR,
        judge_at=0.5,
        reason="anything goes",
    )
    found = rehearse([torn], [*POLICIES, lax])
    assert dict(found.by_change) == {("damaged", "tolerated"): 1}
    assert round(found.passing_cents) == 1200  # 0.8 x 15.00 at ship


def test_what_people_had_found_is_held_against_the_change_and_is_not_judged_again() -> None:
    bag, other = judged("bag", 0.9, **BAG), judged("other", 0.9, **BAG)
    verdict = from_label(label("bag", r.Verdict.INTACT), bag, NOON + timedelta(hours=3))
    found = rehearse([bag, other, verdict], without("loose-bags"))
    assert (found.judged, found.changed, found.spared, found.contradicted) == (2, 2, 1, 0)
    strict = rehearse([judged("bag", 0.9, category="toy", superficial=0.9)], POLICIES)
    assert strict.changed == 0


def test_repeats_count_once_and_late_pictures_are_left_out() -> None:
    bag = judged("bag", 0.9, **BAG)
    late = subject("bag", capture_id=uid("late"), captured_at=NOON - timedelta(hours=1))
    noted = decide.from_result(result("bag", subject=late), bag, decide.Rows(policies=POLICIES), ALONE, NOON)
    found = rehearse([bag, bag, noted], without("loose-bags"))
    assert (found.judged, found.changed, found.late) == (1, 1, 1)


def test_a_dry_run_is_told_with_counts_and_examples() -> None:
    found = rehearse([judged("bag", 0.9, **BAG)], without("loose-bags"))
    console = Console(record=True, width=300, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    command.tell(console, found, NOON, 3)
    console.file.close()
    said = console.export_text()
    for part in (
        "1 assessments since 2026-03-01 12:00 UTC: 1 would be judged otherwise (100.00%)",
        "tolerated → damaged: 1",
        "bag (P1, pack, FRA1)",
        "was       Damage probability 0.90 is above the 0.50 of policy 'loose-bags' version 1",
        "would be  Damage probability 0.90 is above the 0.50 of policy 'house' version 1",
    ):
        assert part in said


def test_no_assessment_to_try_on_is_said() -> None:
    console = Console(record=True, width=200, quiet=False)
    command.tell(console, rehearse([], POLICIES), NOON, 3)
    assert "nothing to try the policies on" in console.export_text()
