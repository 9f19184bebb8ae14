from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from services.assess.decide import Scale
from services.assess.fusion import (
    Seen,
    catalogue_terms,
    foreignness,
    gallery_terms,
    is_there,
    probability,
)
from services.kernel import records as r
from services.kernel.calibration import shipped
from services.kernel.odds import Calibration, logit, shifted
from tests.samples import ALONE, comparison, contents, facts, matter, result, scores
from triton_models import evidence as measured
from triton_models import fusion as fitted

WEIGHTS = Calibration(
    version="7",
    share=0.4,
    threshold=0.9,
    scale=0.8,
    offset=-0.3,
    gallery=(0.9, 0.7),
    catalogue=(1.5,),
    lacking=(1.1, -3.0),
)


def seen(damaged: float = 0.7, **given: object) -> Seen:
    return dataclasses.replace(Seen(scores=scores(damaged)), **given)


@pytest.mark.parametrize("p", [0.013, 0.5, 0.98])
def test_without_references_and_contents_the_classifier_stands_alone(p: float) -> None:
    assert probability(seen(p), ALONE.weights, 0.5) == pytest.approx(p)
    plain = dataclasses.replace(WEIGHTS, scale=1.0, offset=0.0)
    assert probability(seen(p, matter=matter()), plain, plain.share) == pytest.approx(p)


@pytest.mark.parametrize(
    ("compared", "held"),
    [
        (None, contents()),
        (comparison(), None),
        (comparison(changed_logit=4.0, missing_logit=2.5), contents(red=240)),
        (comparison(), contents(red=150)),
        (comparison(mismatch_logit=2.0), contents(kind="liquid")),
        (comparison(changed_logit=30.0, missing_logit=-30.0), None),
    ],
)
def test_it_is_the_form_that_was_fitted(compared: r.Comparison | None, held: r.Contents | None) -> None:
    here = seen(0.7, comparison=compared, matter=matter(), contents=held)
    apart = foreignness(here.matter, held)

    def one(value: float | None) -> fitted.Values:
        return np.array([math.nan if value is None else value])

    whole = fitted.Evidence(
        classifier=one(logit(0.7)),
        changed=one(compared.changed_logit if compared else None),
        missing=one(compared.missing_logit if compared else None),
        mismatch=one(compared.mismatch_logit if compared else None),
        matter=one(matter().logit),
        foreignness=one(apart),
    )
    by_fit = fitted.Fusion(
        scale=WEIGHTS.scale,
        offset=WEIGHTS.offset,
        gallery=WEIGHTS.gallery,
        catalogue=WEIGHTS.catalogue,
        lacking=(1.1, -3.0),
    ).logits(whole)[0]
    assert probability(here, WEIGHTS, WEIGHTS.share) == pytest.approx(1 / (1 + math.exp(-by_fit)), abs=1e-6)


@pytest.mark.parametrize(
    "held", [contents(), contents(red=255, green=255, blue=255), contents(red=0, blue=200)]
)
def test_the_colour_distance_is_the_one_that_was_measured_with(held: r.Contents) -> None:
    lies = matter()
    found = measured.Matter(
        logit=lies.logit, colour=np.array([lies.lightness, lies.a, lies.b], np.float32), share=lies.share
    )
    by_measure = measured.foreignness(found, (held.red, held.green, held.blue))
    assert foreignness(lies, held) == pytest.approx(by_measure, abs=0.1)


def test_of_an_item_that_holds_nothing_or_nobody_knows_what_no_distance_is_told() -> None:
    assert foreignness(matter(), contents(kind="none")) is None
    assert foreignness(matter(), None) is None
    assert foreignness(None, contents()) is None


def test_a_comparison_in_which_nothing_could_be_laid_over_anything_adds_nothing() -> None:
    empty = comparison(changed_logit=None, missing_logit=None, mismatch_logit=None, inliers=0)
    assert gallery_terms(empty) == gallery_terms(None) == (0.0, 0.0)


def test_a_reference_of_another_print_has_next_to_no_say() -> None:
    loud = comparison(changed_logit=6.0, mismatch_logit=-6.0)
    other = dataclasses.replace(loud, mismatch_logit=6.0)
    assert gallery_terms(loud)[0] > 5
    assert abs(gallery_terms(other)[0]) < 0.01


def test_that_no_unit_is_missing_says_nothing_about_other_damage() -> None:
    whole, lacking = (gallery_terms(comparison(missing_logit=logit))[1] for logit in (-6.0, 3.0))
    assert whole == 0
    assert lacking > 3


def test_a_broken_set_is_not_argued_away_by_an_unharmed_print() -> None:
    broken = comparison(changed_logit=-8.0, missing_logit=7.0, mismatch_logit=-5.0)
    assert probability(seen(0.1, comparison=broken), WEIGHTS, 0.4) > 0.9
    other = dataclasses.replace(broken, mismatch_logit=4.0)
    assert probability(seen(0.1, comparison=other), WEIGHTS, 0.4) < 0.3


def test_its_own_matter_speaks_for_damage_and_another_items_says_nothing() -> None:
    own = probability(seen(matter=matter(), contents=contents()), WEIGHTS, 0.4)
    foreign = probability(seen(matter=matter(), contents=contents(red=60, green=130, blue=60)), WEIGHTS, 0.4)
    assert own > probability(seen(), WEIGHTS, 0.4) + 0.1
    assert foreign == pytest.approx(probability(seen(), WEIGHTS, 0.4), abs=0.01)


def test_what_hardly_lies_there_is_not_there() -> None:
    assert is_there(matter(0.1))
    assert not is_there(matter(-0.1))
    assert not is_there(None)
    assert catalogue_terms(matter(-0.1), 0.0) == (0.0,)


def test_the_rarer_damage_is_the_less_probable_it_is_by_the_difference_of_log_odds() -> None:
    common = probability(seen(0.9), WEIGHTS, 0.4)
    rare = probability(seen(0.9), WEIGHTS, 0.001)
    assert logit(rare) == pytest.approx(shifted(logit(common), 0.4, 0.001))
    assert rare < 0.02


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_certain_classifier_is_no_infinity(p: float) -> None:
    assert 0.0 < probability(seen(p, comparison=comparison()), WEIGHTS, 0.001) <= 1.0


def test_what_ships_is_versioned_and_belongs_to_the_classifier_that_is_served() -> None:
    found = shipped()
    assert found.version
    assert 0 < found.share < 1
    assert 0 < found.threshold < 1
    assert (len(found.gallery), len(found.catalogue)) == (2, 1)


def test_evidence_says_whose_the_matter_is() -> None:
    scale = Scale(weights=WEIGHTS, prior=0.4)
    coffee = facts(contents=contents())
    own = scale.evidence(result(product=coffee, matter=matter()))
    assert (own.own_matter, own.foreign_matter) == (True, False)
    green = scale.evidence(result(product=coffee, matter=matter(a=-40.0)))
    assert (green.own_matter, green.foreign_matter) == (False, True)
    nothing = scale.evidence(result(product=facts(contents=contents(kind="none")), matter=matter()))
    assert (nothing.own_matter, nothing.foreign_matter) == (False, True)
    unknown = scale.evidence(result(product=facts(), matter=matter()))
    assert (unknown.own_matter, unknown.foreign_matter) == (False, False)
