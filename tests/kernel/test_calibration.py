from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.kernel import records as r
from services.kernel.calibration import calibrations, shipped, starting_thresholds
from services.kernel.faults import ConfigurationFault
from services.kernel.odds import chance, logit, shifted
from services.kernel.settings import Settings
from services.kernel.topics import BY_NAME
from services.kernel.views import View
from tests.samples import NOON

CLASSIFIER = {"build": "abc", "share": 0.5, "threshold": 0.75}
WEIGHTS = {
    "version": "3",
    "scale": 1.0,
    "offset": 0.0,
    "gallery": [1, 2],
    "catalogue": [3],
    "lacking": [4, 5],
}


def files(folder: Path, **given: object) -> tuple[Path, Path]:
    fusion, classifier = folder / "fusion.json", folder / "calibration.json"
    classifier.write_text(json.dumps(CLASSIFIER))
    fusion.write_text(json.dumps(WEIGHTS | {"classifier": None, "share": None, "threshold": None} | given))
    return fusion, classifier


def test_what_the_fusion_leaves_open_the_classifier_says(tmp_path: Path) -> None:
    found = shipped(*files(tmp_path))
    assert (found.share, found.threshold) == (0.5, 0.75)
    assert (found.gallery, found.catalogue, found.lacking) == ((1, 2), (3,), (4, 5))
    fitted = shipped(*files(tmp_path, classifier="abc", share=0.6, threshold=0.8))
    assert (fitted.share, fitted.threshold) == (0.6, 0.8)


def test_weights_for_another_classifier_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationFault, match="for classifier xyz, abc is in the model repository: fit it"
    ):
        shipped(*files(tmp_path, classifier="xyz"))


@pytest.mark.parametrize("p", [0.001, 0.3, 0.999])
def test_log_odds_and_chances_are_each_others_inverse(p: float) -> None:
    assert chance(logit(p)) == pytest.approx(p)
    assert shifted(logit(p), 0.2, 0.2) == pytest.approx(logit(p))


def promoted(**rows: r.ModelVersion) -> View[r.ModelVersion]:
    """What people have promoted, by version."""
    view: View[r.ModelVersion] = View(BY_NAME["models.versions"])
    for offset, (name, row) in enumerate(rows.items()):
        view.apply(f"damage_classifier|{name}", row, 0, offset)
    return view


def candidate(share: float | None = 0.25, threshold: float = 0.8125) -> r.ModelVersion:
    return r.ModelVersion(
        model="damage_classifier", version="next", threshold=threshold, share=share, promoted_at=NOON
    )


def test_a_belt_with_rare_damage_starts_at_the_same_evidence() -> None:
    own = shipped()
    common, rare = (
        starting_thresholds(Settings(damage_prior=prior), promoted())("any") for prior in (own.share, 0.001)
    )
    assert common == pytest.approx(own.threshold)
    assert rare < common
    assert logit(rare) - logit(common) == pytest.approx(logit(0.001) - logit(own.share))


def test_an_operator_may_name_the_start() -> None:
    assert starting_thresholds(Settings(default_threshold=0.3), promoted())("any") == 0.3


def test_a_promoted_version_starts_from_its_own_calibration_at_the_belts_prior() -> None:
    start = starting_thresholds(Settings(damage_prior=0.25), promoted(next=candidate()))
    assert start("next") == pytest.approx(0.8125)
    assert start("1+shipped") == pytest.approx(
        chance(shifted(logit(shipped().threshold), shipped().share, 0.25))
    )


def test_a_promoted_versions_scores_are_probabilities_at_its_own_share() -> None:
    of = calibrations(promoted(next=candidate()))
    assert (of("next").share, of("next").scale) == (0.25, 1.0)
    assert of("1+shipped") == shipped()
    assert calibrations(promoted(next=candidate(share=None)))("next").share == shipped().share


def test_a_fusion_that_was_fitted_for_what_ships_leaves_another_classifier_alone(tmp_path: Path) -> None:
    own = shipped(*files(tmp_path, classifier="abc", scale=0.7, offset=0.3))
    alone = calibrations(promoted(next=candidate()), own)("next")
    assert (alone.version, alone.scale, alone.offset) == ("classifier-alone", 1.0, 0.0)
    assert set(alone.gallery) == set(alone.catalogue) == {0.0}
    assert alone.lacking is None
    assert (alone.share, alone.threshold) == (0.25, 0.8125)
    assert calibrations(promoted(), own)("1+abc") == own
