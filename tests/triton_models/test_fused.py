"""What `eval damage` measures is what the mesh decides by: its networks, its evidence, its formula."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from services.assess.fusion import catalogue_terms, either, gallery_terms, lacking
from services.kernel.calibration import shipped
from services.kernel.odds import chance, logit
from tests.samples import comparison, matter
from tests.triton_models import small_set
from triton_models.fused import Fused, fusion_of
from triton_models.kaputt import Split, load
from triton_models.metrics import auroc, average_precision
from triton_models.predictor import Classifier
from triton_models.sightings import COMPARISON, Job, Sighting, sight

SAMPLE = Path(__file__).parents[2] / "triton_models" / "sample"
SHIPPED = shipped()


@pytest.fixture(scope="module")
def sample() -> Split:
    return load(SAMPLE, "test")


@pytest.fixture(scope="module")
def fused() -> Fused:
    return Fused(weights=fusion_of(SHIPPED))


def _by_the_services(damaged: float, seen: Sighting) -> float:
    """What `assess` makes of the classifier's score and of this evidence, at the share of the fit."""
    compared = None
    if not np.isnan(seen.changed):
        compared = comparison(
            changed_logit=seen.changed,
            missing_logit=seen.missing,
            mismatch_logit=seen.mismatch,
            inliers=seen.inliers,
        )
    foreign = None if np.isnan(seen.foreignness) else seen.foreignness
    terms = (
        *gallery_terms(compared),
        *catalogue_terms(matter(logit=seen.matter), foreign),
    )
    weights = (*SHIPPED.gallery, *SHIPPED.catalogue)
    added = sum(weight * term for weight, term in zip(weights, terms, strict=True))
    summed = SHIPPED.scale * logit(damaged) + SHIPPED.offset + added
    return chance(either(summed, lacking(compared, SHIPPED)))


def test_what_ships_tells_damaged_from_intact(sample: Split, fused: Fused) -> None:
    """The sample's ordinary captures, some eighty, of products that no network was trained on."""
    shown = [query for query in sample.queries if query.ordinary]
    damaged = np.array([query.defect for query in shown])
    said = [fused.predict(query, sample.references_by_item[query.item_identifier]) for query in shown]
    scores = np.array([verdict.damage for verdict in said])
    assert 30 < damaged.sum() < 50 < len(shown)
    assert average_precision(scores, damaged) > 0.8
    assert auroc(scores, damaged) > 0.8


@pytest.mark.parametrize("scenario", ["leaking", "missing_units"])
def test_all_evidence_is_fused_as_assess_fuses_it(sample: Split, fused: Fused, scenario: str) -> None:
    query = next(query for query in sample.queries if query.scenario == scenario)
    references = sample.references_by_item[query.item_identifier]
    seen = sight(Job(query=query, references=references, classifier=fused.classifier, comparison=COMPARISON))
    assert seen.inliers > 0, "compared, or this tests nothing"
    alone = Classifier().predict(query, ())
    with_references = fused.predict(query, references)
    assert with_references.damage == pytest.approx(_by_the_services(alone.damage, seen), abs=1e-5)

    bare = dataclasses.replace(seen, changed=np.nan, missing=np.nan, mismatch=np.nan, inliers=0)
    without = fused.predict(query, ())
    assert without.damage == pytest.approx(_by_the_services(alone.damage, bare), abs=1e-5)
    assert abs(logit(without.damage) - logit(with_references.damage)) > 0.05
    assert with_references.severity == alone.severity
    assert with_references.types == pytest.approx(alone.types, abs=1e-5)


def test_of_another_data_set_only_the_classifier_and_the_references_speak(
    fused: Fused, tmp_path: Path
) -> None:
    small_set.draw(tmp_path, count=4)  # neither depth nor a side picture, and no design of ours
    data = load(tmp_path, "test")
    query = data.queries[0]
    alone = Classifier().predict(query, ()).damage
    said = fused.predict(query, data.references_by_item[query.item_identifier])
    assert said.damage == pytest.approx(chance(SHIPPED.scale * logit(alone) + SHIPPED.offset), abs=1e-5)
