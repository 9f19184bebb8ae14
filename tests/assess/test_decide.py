from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from services.assess import decide
from services.assess.app import fusion
from services.kernel import records as r
from tests.samples import NOON, comparison, facts, label, result, scores, subject, uid

ALONE = decide.Fusion(bias=0.0, classifier=1.0, foreign=0.0, missing=0.0)
LATER = NOON + timedelta(seconds=5)
MINOR, MAJOR = r.Severity.MINOR, r.Severity.MAJOR


def policy(policy_id: str = "p", **given: Any) -> r.Policy:
    plain = r.Policy(
        policy_id=policy_id, up_to=r.Severity.NONE, judge_at=0.5, reason=f"reason of {policy_id}"
    )
    return dataclasses.replace(plain, **given)


def judged(
    damaged: float = 0.9, *policies: r.Policy, known: r.Assessment | None = None, **given: Any
) -> r.Assessment:
    """Judge item-1; `given` are the defects' scores and fields of the result."""
    names = {f.name for f in dataclasses.fields(r.Scores)}
    seen = scores(damaged, **{k: v for k, v in given.items() if k in names})
    rest = {k: v for k, v in given.items() if k not in names}
    return decide.from_result(result(**{"scores": seen, **rest}), known, policies, ALONE, LATER)


def again(name: str, **given: Any) -> dict[str, Any]:
    """The item is photographed again."""
    return {"subject": subject(capture_id=uid(name), **given)}


# -- one probability ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.013, 0.5, 1.0])
def test_without_references_the_classifier_stands_alone(p: float) -> None:
    assert fusion().probability(p, None) == p


def test_what_the_gallery_misses_or_finds_foreign_raises_the_probability() -> None:
    weights = fusion()
    calm = weights.probability(0.3, comparison(0.3, 0.3))
    assert weights.probability(0.3, comparison(0.5, 0.3)) > calm
    assert weights.probability(0.3, comparison(0.3, 0.5)) > calm
    assert weights.probability(0.6, comparison(0.3, 0.3)) > calm


def test_fusion_is_the_logistic_regression_that_was_fitted() -> None:
    weights = decide.Fusion(bias=-1.0, classifier=0.5, foreign=2.0, missing=3.0)
    assert weights.probability(0.5, comparison(0.25, 0.5)) == pytest.approx(
        0.7310585786
    )  # logistic(-1 + 0.5 + 1.5)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_certain_classifier_is_no_infinity(p: float) -> None:
    assert 0.0 < fusion().probability(p, comparison(2.0, 2.0)) <= 1.0


# -- policies -----------------------------------------------------------------------------------------------------


def test_the_most_specific_policy_that_fits_decides() -> None:
    anything = policy("a-anything")
    toys = policy("b-toys", category="toys")
    picked_toys = policy("c-picked-toys", category="toys", stages=(r.Stage.PICK,))
    policies = (anything, toys, picked_toys)
    assert decide.applicable(policies, facts(), r.Stage.PICK) is picked_toys
    assert decide.applicable(policies, facts(), r.Stage.SHIP) is toys
    assert decide.applicable(policies, facts(category="grocery"), r.Stage.PICK) is anything
    assert decide.applicable(policies, None, r.Stage.PICK) is anything


def test_a_policy_for_a_material_fits_that_material_only() -> None:
    bags = policy(material="plastic bag")
    assert decide.applicable([bags], facts(material="plastic bag"), r.Stage.PICK) is bags
    assert decide.applicable([bags], facts(material="cardboard"), r.Stage.PICK) is decide.DEFAULT_POLICY


def test_of_equally_specific_policies_the_first_by_name_decides_whatever_the_order_they_came_in() -> None:
    one, other = policy("1", category="toys"), policy("2", material="cardboard")
    assert decide.applicable([one, other], facts(), r.Stage.PICK) is one
    assert decide.applicable([other, one], facts(), r.Stage.PICK) is one


def test_nothing_is_tolerated_where_no_policy_fits() -> None:
    found = judged(0.9, superficial=0.9)
    assert (found.damaged, found.tolerated, found.outcome.damaged) == (True, False, True)
    assert found.versions["policy"] == "default"


SCRATCHES = policy(
    "scratches",
    up_to=MINOR,
    tolerated_types=("superficial", "deformation"),
    reason="scratches do not matter here",
)


def test_tolerated_damage_is_seen_but_counts_for_nothing() -> None:
    found = judged(0.9, SCRATCHES, superficial=0.9)
    assert (found.damaged, found.tolerated, found.severity) == (True, True, MINOR)
    assert not found.outcome.damaged
    assert decide.event_for(found) is None
    assert "tolerated: scratches do not matter here" in found.reason


@pytest.mark.parametrize("seen", [{"superficial": 0.9, "spillage": 0.8}, {"superficial": 0.9, "major": 0.9}])
def test_worse_damage_or_one_defect_more_is_not_tolerated(seen: dict[str, float]) -> None:
    assert not judged(0.9, SCRATCHES, **dict[str, Any](seen)).tolerated


def test_the_policy_says_from_where_on_damage_is_judged() -> None:
    strict = policy("strict", judge_at=0.2)
    assert judged(0.3, strict).damaged
    assert not judged(0.3, policy("calm", judge_at=0.31)).damaged
    assert judged(0.5, comparison=None).damaged  # the bound itself is damaged


# -- what is judged -----------------------------------------------------------------------------------------------


def test_probable_defects_are_named_most_probable_first() -> None:
    assert judged(0.9, spillage=0.6, penetration=0.8, deformation=0.4).defect_types == (
        "penetration",
        "spillage",
    )


def test_a_damaged_item_has_at_least_its_most_probable_defect() -> None:
    assert judged(0.9, deformation=0.2).defect_types == ("deformation",)


def test_an_intact_item_has_no_defects_and_no_severity() -> None:
    found = judged(0.1, penetration=0.9, major=0.9)
    assert (found.damaged, found.severity, found.defect_types) == (False, r.Severity.NONE, ())
    assert (found.outcome.damaged, found.outcome.defect_types) == (False, ())


@pytest.mark.parametrize(("major", "severity"), [(0.49, MINOR), (0.5, MAJOR)])
def test_severity_follows_the_models_word_on_it(major: float, severity: r.Severity) -> None:
    assert judged(0.9, major=major).severity is severity


def test_a_damaged_item_says_why() -> None:
    reason = judged(0.9, policy("house"), penetration=0.8, missing_unit=0.7).reason
    for part in ("0.90", "above the 0.50", "'house'", "2 references", "foreign 0.20", "missing 0.10"):
        assert part in reason
    assert "damaged, minor (penetration, missing unit)" in reason


def test_an_intact_item_of_an_unknown_product_says_why_and_asks_for_a_person() -> None:
    reason = judged(0.1, product_id=None, product=None, comparison=None).reason
    assert "0.10 is below the 0.50" in reason
    assert "no references to compare with" in reason
    assert "the product is unknown, so a person should look" in reason
    assert "damaged," not in reason


def test_a_judgement_carries_what_it_was_made_with() -> None:
    found = judged(0.9, policy("house"), versions={"model.damage_classifier": "3+x"})
    assert found.versions == {"model.damage_classifier": "3+x", "policy": "house"}
    assert found.comparison == comparison()
    assert found.assessed_at == LATER
    assert (found.outcome.vendor_id, found.outcome.material) == ("V1", "cardboard")


# -- revisions ----------------------------------------------------------------------------------------------------


def test_the_first_capture_makes_the_first_revision() -> None:
    found = judged(0.9)
    assert (found.revision, found.previous) == (1, None)
    assert found.history == (r.Cause(revision=1, cause_id=found.subject.capture_id),)


def test_another_capture_makes_the_next_revision_that_takes_the_first_one_back() -> None:
    first = judged(0.9)
    second = judged(0.1, known=first, **again("second"))
    assert (second.revision, second.previous) == (2, first.outcome)
    assert second.assessment_id != first.assessment_id


def test_a_replayed_cause_is_known_and_keeps_its_revision_and_id() -> None:
    first = judged(0.9)
    second = judged(0.1, known=first, **again("second"))
    assert decide.revision_for(second, first.cause_id) == (1, True)
    assert decide.revision_for(second, second.cause_id) == (2, True)
    assert decide.revision_for(second, uid("third")) == (3, False)
    assert decide.revision_for(None, first.cause_id) == (1, False)
    assert judged(0.9).assessment_id == first.assessment_id


def test_history_is_bounded_and_keeps_the_newest_causes() -> None:
    found = judged(0.1)
    for n in range(40):
        found = judged(0.1, known=found, **again(str(n)))
    assert found.revision == 41
    assert [c.revision for c in found.history] == list(range(42 - decide.HISTORY, 42))


# -- labels -------------------------------------------------------------------------------------------------------


def test_a_persons_verdict_overrules_the_model() -> None:
    known = judged(0.99, penetration=0.9, major=0.9)
    found = decide.from_label(label(verdict=r.Verdict.INTACT), known, LATER)
    assert (found.damaged, found.severity, found.defect_types) == (False, r.Severity.NONE, ())
    assert (found.outcome.damaged, found.previous) == (False, known.outcome)
    assert (found.revision, found.cause, found.verdict) == (2, r.CauseKind.LABEL, r.Verdict.INTACT)
    assert found.probability == known.probability  # what the model said stays on record
    assert found.reason == "A person found it intact."


def test_a_persons_verdict_overrules_what_is_tolerated() -> None:
    known = judged(0.9, SCRATCHES, superficial=0.9)
    found = decide.from_label(label(severity=MINOR, defect_types=("superficial",)), known, LATER)
    assert (found.damaged, found.tolerated, found.outcome.damaged) == (True, False, True)


def test_a_damaged_item_that_a_person_gave_no_severity_is_taken_to_be_badly_damaged() -> None:
    found = decide.from_label(label(severity=r.Severity.NONE), judged(0.1), LATER)
    assert found.severity is MAJOR
    assert found.outcome.severity is MAJOR


def test_a_second_opinion_replaces_the_first() -> None:
    first = decide.from_label(label(verdict=r.Verdict.INTACT, name="1"), judged(0.9), LATER)
    second = decide.from_label(label(verdict=r.Verdict.DAMAGED, name="2"), first, LATER)
    assert (second.revision, second.damaged, second.previous) == (3, True, first.outcome)
    assert decide.revision_for(second, first.cause_id) == (2, True)


# -- what the outside is told -------------------------------------------------------------------------------------


def kind_of(found: r.Assessment) -> r.EventKind | None:
    event = decide.event_for(found)
    return event.kind if event is not None else None


def test_damage_that_the_mesh_sees_is_detected() -> None:
    assert kind_of(judged(0.9)) is r.EventKind.DETECTED


def test_damage_that_a_person_sees_is_confirmed_even_if_the_mesh_missed_it() -> None:
    assert kind_of(decide.from_label(label(), judged(0.9), LATER)) is r.EventKind.CONFIRMED
    assert kind_of(decide.from_label(label(), judged(0.1), LATER)) is r.EventKind.CONFIRMED


def test_damage_that_was_told_and_is_none_is_retracted() -> None:
    assert (
        kind_of(decide.from_label(label(verdict=r.Verdict.INTACT), judged(0.9), LATER))
        is r.EventKind.RETRACTED
    )


def test_nothing_is_told_of_an_item_that_is_and_was_intact() -> None:
    assert kind_of(judged(0.1)) is None
    assert kind_of(decide.from_label(label(verdict=r.Verdict.INTACT), judged(0.1), LATER)) is None


def test_tolerated_damage_was_never_told_so_it_is_not_retracted() -> None:
    known = judged(0.9, SCRATCHES, superficial=0.9)
    assert kind_of(decide.from_label(label(verdict=r.Verdict.INTACT), known, LATER)) is None


def test_an_event_repeats_the_assessment_and_has_one_id_per_revision() -> None:
    first = judged(0.9, penetration=0.9)
    event, confirmed = decide.event_for(first), decide.event_for(decide.from_label(label(), first, LATER))
    assert event is not None
    assert confirmed is not None
    assert (event.assessment_id, event.capture_id) == (first.assessment_id, first.subject.capture_id)
    assert (event.vendor_id, event.defect_types, event.reason) == ("V1", ("penetration",), first.reason)
    assert decide.event_for(judged(0.9, penetration=0.9)) == event
    assert confirmed.event_id != event.event_id


def test_a_picture_taken_before_the_newest_one_changes_nothing_when_it_comes_late() -> None:
    newer = judged(0.1)
    early = subject(capture_id=uid("earlier"), captured_at=NOON - timedelta(minutes=5))
    late = judged(0.99, known=newer, subject=early)
    assert (late.revision, late.cause_id) == (2, uid("earlier"))
    assert (late.damaged, late.subject) == (newer.damaged, newer.subject)
    assert "came late" in late.reason


def test_a_verdict_stands_against_a_picture_taken_before_it() -> None:
    verdict = decide.from_label(label(), judged(0.1), NOON + timedelta(hours=1))
    before = subject(capture_id=uid("before"), captured_at=NOON + timedelta(minutes=1))
    after = subject(capture_id=uid("after"), captured_at=NOON + timedelta(hours=2))
    assert judged(0.99, known=verdict, subject=before).verdict is verdict.verdict
    assert judged(0.99, known=verdict, subject=after).verdict is None
