"""Plain values for the tests of calibrate."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import numpy as np

from services.kernel import records as r
from tests.samples import NOON, command


def f32(value: float) -> float:
    """A number as events carry it."""
    return float(np.float32(value))


def odds(score: float, **given: Any) -> r.Labelling:
    """Of an item held against 0.9 whose border is 0.6; probability as the rules give it."""
    plain = r.Labelling(
        at=NOON,
        threshold=f32(0.9),
        threshold_version=0,
        score=f32(score),
        probability=1.0,
        candidate_rate=1.0,
        border=f32(0.6),
        border_rate=0.25,
        sample_rate=0.0625,
    )
    made = dataclasses.replace(plain, **given)
    if "probability" in given:
        return made
    border = made.border if made.border is not None else 2.0
    rate = made.border_rate if made.score >= border else made.sample_rate
    return dataclasses.replace(
        made, probability=made.candidate_rate if made.score >= made.threshold else rate
    )


def labelled(
    score: float, *, damaged: bool = False, item_id: str = "item", **given: Any
) -> r.LabelledOutcome:
    """A pulled item that a person has looked at."""
    labelling = odds(score, **given)
    return r.LabelledOutcome(
        item_id=item_id,
        revision=2,
        center_id="FRA1",
        stage=r.Stage.PICK,
        group="toys",
        probability=labelling.score,
        damaged=damaged,
        weight=f32(1 / labelling.probability),
        pulled_revision=1,
        labelling=labelling,
    )


def pulled(item_id: str = "item", score: float = 0.95, revision: int = 1, **given: Any) -> r.SidelineCommand:
    """The command that pulls an item."""
    action = r.SidelineAction.SIDELINE if score >= 0.9 else r.SidelineAction.SAMPLE
    return command(item_id, action, revision, labelling=odds(score, **given))


def judged(
    item_id: str = "item", verdict: r.Verdict = r.Verdict.INTACT, revision: int = 2, **given: Any
) -> r.SidelineCommand:
    """The command that follows from a person's verdict."""
    action = r.SidelineAction.RELEASE if verdict is r.Verdict.INTACT else r.SidelineAction.SIDELINE
    return command(item_id, action, revision, verdict=verdict, **given)


def belt(
    count: int, rng: np.random.Generator, *, share: float, at: float = 0.95, low: float = 0.1, **given: Any
) -> list[r.LabelledOutcome]:
    """The labels that a belt of `count` intact items gives: this share of them scores `at`, the others `low`."""
    high = rng.random(count) < share
    found = []
    for number in range(count):
        score = at if high[number] else low
        labelling = odds(score, at=NOON + timedelta(seconds=number / 10), **given)
        if rng.random() < labelling.probability:
            found.append(
                dataclasses.replace(
                    labelled(score, item_id=f"item-{number}"),
                    labelling=labelling,
                    weight=f32(1 / labelling.probability),
                )
            )
    return found
