from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kernel.records import Policy, Severity, Stage
from services.stack.commands import policy as command
from services.stack.policies import DEFAULT_FILE, Change, changes, load
from services.stack.problems import Problem
from services.stack.world import POLICIES
from tests.stack import sightings as s

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
#: Indented by whoever uses it.
ONE = """
policies:
  - id: one
    judge_at: 0.5
    reason: so
"""


def written(tmp_path: Path, text: str) -> tuple[Policy, ...]:
    file = tmp_path / "p.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(Problem) as caught:
        written(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "")


# -- reading ------------------------------------------------------------------------------------------------------


def test_the_policies_that_ship_have_nothing_wrong() -> None:
    assert len(load(DEFAULT_FILE)) == len(POLICIES) >= 5
    assert {p.version for p in POLICIES} == {1}


def test_a_policy_says_all_that_it_can_say(tmp_path: Path) -> None:
    (found,) = written(
        tmp_path,
        """
policies:
  - id: all
    where: {category: [book, toy], material: paper, stage: [receive, stow], hazardous: no, gift: yes}
    tolerate: {types: [superficial], up_to: major, foreign_up_to: 0.5, harms: packaging}
    never: [spillage]
    judge_at: 0.25
    incomplete_at: 0.75
    miss_cost_cents: {receive: 10, ship: 20}
    discount_percent: {minor: 10, major: 50}
    priority: -3
    reason: because
""",
    )
    assert found == Policy(
        policy_id="all",
        categories=("book", "toy"),
        material="paper",
        stages=(Stage.RECEIVE, Stage.STOW),
        hazardous=False,
        gift=True,
        tolerated_types=("superficial",),
        up_to=Severity.MAJOR,
        foreign_up_to=0.5,
        harms="packaging",
        never_types=("spillage",),
        judge_at=0.25,
        incomplete_at=0.75,
        miss_cost_cents={"RECEIVE": 10, "SHIP": 20},
        discount_percent={"MINOR": 10, "MAJOR": 50},
        priority=-3,
        reason="because",
    )


def test_a_catalogue_may_have_categories_and_materials_of_its_own(tmp_path: Path) -> None:
    text = "categories: [pets]\nmaterials: [jute]\n" + ONE + "    where: {category: pets, material: jute}\n"
    (found,) = written(tmp_path, text)
    assert (found.category, found.material) == ("pets", "jute")


# -- what is wrong with one policy ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("where: {category: boks}", "p.yaml:6: policy one: unknown category 'boks'; did you mean 'book'?"),
        ("where: {material: gold}", "unknown material 'gold'"),
        ("where: {stage: packing}", "unknown stage 'packing'; did you mean 'pack'?"),
        ("where: {stage: []}", "stage is an empty list; leave it out to mean all"),
        ("where: {stage: [pack, pack]}", "stage pack is given twice"),
        ("where: {hazardous: maybe}", "hazardous is maybe, and must be yes or no"),
        ("where: {colour: red}", "where has no key 'colour'"),
        ("where: paper", "where must be a mapping"),
        ("never: [wet]", "unknown type of damage 'wet'"),
        ("incomplete_at: 1.5", "incomplete_at is 1.5, and must be a number from 0.001 to 1"),
        ("incomplete_at: .nan", "incomplete_at is .nan, and must be a number"),
        ("incomplete_at: high", "incomplete_at is high, and must be a number"),
        ("priority: 1.5", "priority is 1.5, and must be a whole number"),
        ("miss_cost_cents: {ship: -1}", "miss_cost_cents of ship is -1, and must be a number from 0"),
        (
            "miss_cost_cents: {pick: 9, pack: 8}",
            "8 cents at pack and 9 at pick: the longer damage goes undetected",
        ),
        ("miss_cost_cents: {pak: 8}", "miss_cost_cents has no key 'pak'; did you mean 'pack'?"),
        (
            "discount_percent: {minor: 100}",
            "discount_percent of minor is 100, and must be a number from 1 to 99",
        ),
        ("discount_percent: {minor: 40, major: 30}", "worse is not dearer"),
        ("tolerate: {types: [superficial]}", "tolerate needs 'up_to'"),
        ("tolerate: {types: [superficial], up_to: none}", "unknown severity 'none'"),
        ("tolerate: {types: [superficial], up_to: minor, foreign_up_to: 3}", "foreign_up_to is 3"),
        ("tolerate: {types: [missing_unit], up_to: minor}", "missing_unit cannot be tolerated"),
        ("tolerate: {types: [spillage], up_to: minor, harms: packaging}", "spillage reaches the product"),
        (
            "tolerate: {types: [superficial], up_to: minor}\n    never: [superficial]",
            "is tolerated, and never let pass",
        ),
        ("juge_at: 1", "a policy has no key 'juge_at'; did you mean 'judge_at'?"),
        ("judge_at: 0.6", "p.yaml:6: policy one: judge_at is given twice in a policy"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_entry(tmp_path: Path, entry: str, says: str) -> None:
    said = complaint(tmp_path, ONE + f"    {entry}\n")
    assert says in said
    assert said.startswith("p.yaml:")
    assert "policy one: " in said


@pytest.mark.parametrize("value", ["0", "-0.1", "1.01", "[0.5]"])
def test_a_threshold_that_is_no_probability_is_refused(tmp_path: Path, value: str) -> None:
    assert "p.yaml:4: policy one: judge_at is" in complaint(tmp_path, ONE.replace("0.5", value))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "p.yaml:1: the file is empty"),
        ("policies: []", "at least one entry"),
        ("policies:\n  - id: [x", "p.yaml:2: this is no YAML"),
        ("a: 1", "the file has no key 'a'"),
        ("- id: x", "the file must be a mapping"),
        ("policies:\n  - id: x", "policy x: a policy needs 'judge_at'"),
        ("policies:\n  - judge_at: 0.5\n    reason: so", "p.yaml:2: a policy needs 'id'"),
        ("categories: pets\n" + ONE, "categories must be a list of names"),
    ],
)
def test_a_file_that_is_no_set_of_policies_is_refused(tmp_path: Path, text: str, says: str) -> None:
    assert says in complaint(tmp_path, text)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = complaint(tmp_path, ONE.replace("0.5", "7") + "    never: [wet]\n  - id: two\n    judge_at: 0.5\n")
    assert [line.split(": ")[0] for line in said.splitlines()] == ["p.yaml:4", "p.yaml:6", "p.yaml:7"]


def test_a_file_that_is_not_there_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        load(tmp_path / "none.yaml")


# -- contradictions -------------------------------------------------------------------------------------------------


def two(one: str, other: str) -> str:
    entries = "".join(
        f"  - id: {name}\n    judge_at: 0.5\n    reason: so\n    {rest}\n"
        for name, rest in (("one", one), ("two", other))
    )
    return f"policies:\n{entries}"


SCUFFS = "tolerate: {types: [superficial], up_to: minor}"


def test_two_policies_that_fit_equally_and_say_different_things_contradict_each_other(tmp_path: Path) -> None:
    said = complaint(
        tmp_path,
        two(f"where: {{category: book}}\n    {SCUFFS}", "where: {material: paper}"),
    )
    assert (
        "p.yaml:7: policy two: and policy one (line 2) both fit a book item in paper, equally exactly" in said
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"where: {{category: book}}\n    {SCUFFS}", "where: {material: paper}\n    priority: 1"),
        (f"where: {{category: book}}\n    {SCUFFS}", "where: {category: toy}"),
        (f"where: {{category: book, stage: pack}}\n    {SCUFFS}", "where: {material: paper}"),
        (f"where: {{category: book, stage: pack}}\n    {SCUFFS}", "where: {material: paper, stage: ship}"),
        (f"where: {{gift: yes}}\n    {SCUFFS}", "where: {gift: no}"),
        ("where: {category: book}", "where: {material: paper}"),
    ],
    ids=["priority", "other category", "more exact", "other stage", "gift or not", "the same said"],
)
def test_policies_that_cannot_both_decide_or_say_the_same_do_not_contradict(
    tmp_path: Path, one: str, other: str
) -> None:
    assert len(written(tmp_path, two(one, other))) == 2


def test_tolerating_what_another_policy_never_lets_pass_is_a_contradiction(tmp_path: Path) -> None:
    said = complaint(tmp_path, two(f"where: {{category: book}}\n    {SCUFFS}", "never: [superficial]"))
    assert (
        "policy one: tolerates superficial, which policy two (line 7) never lets pass, for a book item"
        in said
    )


def test_what_decides_before_it_may_forbid_what_another_tolerates(tmp_path: Path) -> None:
    assert written(tmp_path, two(SCUFFS, "where: {category: book}\n    never: [superficial]"))


def test_a_name_is_used_once(tmp_path: Path) -> None:
    text = two("never: [spillage]", "where: {category: book}").replace("id: two", "id: one")
    assert "policy one: the policy of line 2 has the same id" in complaint(tmp_path, text)


def test_a_policy_that_can_never_decide_is_said(tmp_path: Path) -> None:
    assert "one never decides" in complaint(tmp_path, two("priority: 1", "priority: 2"))


# -- versions -------------------------------------------------------------------------------------------------------


def policy(name: str, **given: object) -> Policy:
    plain = Policy(policy_id=name, up_to=Severity.NONE, judge_at=0.5, reason="so")
    return dataclasses.replace(plain, **given)  # type: ignore[arg-type]


def test_what_differs_gets_the_next_version_and_what_is_not_named_is_taken_out() -> None:
    present = {
        "same": policy("same", version=3),
        "other": policy("other", version=2),
        "gone": policy("gone", version=1),
    }
    wanted = [policy("same"), policy("other", judge_at=0.25), policy("new")]
    found = {c.policy_id: c for c in changes(wanted, present, {}, NOW)}
    assert found["same"].nothing
    assert found["other"].new == policy("other", judge_at=0.25, version=3, applied_at=NOW)
    assert found["new"].new == policy("new", version=1, applied_at=NOW)
    assert found["gone"].new is None
    sent = command.outgoing(list(found.values()))
    assert [(key, value is None) for _, key, value, _ in sent] == [
        (b"other", False),
        (b"new", False),
        (b"gone", True),
    ]


def test_a_policy_that_comes_back_uses_no_version_twice() -> None:
    events = [
        s.seen("policies.tolerability", policy("back", version=4), key=b"back"),
        s.seen("policies.tolerability", None, key=b"back"),
        s.seen("policies.tolerability", policy("there", version=2), key=b"there"),
    ]
    present, last = command.rows(events)
    assert list(present) == ["there"]
    found = {c.policy_id: c for c in changes([policy("back"), policy("there")], present, last, NOW)}
    assert found["back"].new is not None
    assert found["back"].new.version == 5
    assert found["there"].nothing


def test_a_row_from_before_versions_gets_one() -> None:
    (found,) = changes([policy("old")], {"old": policy("old")}, {}, NOW)
    assert found.new is not None
    assert found.new.version == 1


def test_a_change_is_described() -> None:
    old = policy("p", version=1)
    assert "new, version 1" in command.described(Change(policy_id="p", old=None, new=old))
    assert "taken out (was version 1)" in command.described(Change(policy_id="p", old=old, new=None))
    changed = Change(policy_id="p", old=old, new=policy("p", version=2, judge_at=0.25))
    assert command.described(changed) == "version 1 → 2: judge_at 0.5 → 0.25"


# -- since ----------------------------------------------------------------------------------------------------------


def test_a_span_or_a_date_says_how_far_back() -> None:
    assert command.moment("90m", NOW) == NOW - timedelta(minutes=90)
    assert command.moment("7d", NOW) == NOW - timedelta(days=7)
    assert command.moment("2026-03-01", NOW) == datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(Problem, match="neither a span"):
        command.moment("yesterday", NOW)
    with pytest.raises(Problem, match="lies ahead"):
        command.moment("2027-01-01", NOW)
