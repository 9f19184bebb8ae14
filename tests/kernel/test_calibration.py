from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.kernel.calibration import shipped, starting_threshold
from services.kernel.odds import chance, logit, shifted
from services.kernel.settings import Settings

CLASSIFIER = {"build": "abc", "share": 0.5, "threshold": 0.75}
WEIGHTS = {"version": "3", "scale": 1.0, "offset": 0.0, "gallery": [1, 2, 3, 4], "catalogue": [5, 6, 7, 8]}


def files(folder: Path, **given: object) -> tuple[Path, Path]:
    fusion, classifier = folder / "fusion.json", folder / "calibration.json"
    classifier.write_text(json.dumps(CLASSIFIER))
    fusion.write_text(json.dumps(WEIGHTS | {"classifier": None, "share": None, "threshold": None} | given))
    return fusion, classifier


def test_what_the_fusion_leaves_open_the_classifier_says(tmp_path: Path) -> None:
    found = shipped(*files(tmp_path))
    assert (found.share, found.threshold, found.gallery) == (0.5, 0.75, (1, 2, 3, 4))
    fitted = shipped(*files(tmp_path, classifier="abc", share=0.6, threshold=0.8))
    assert (fitted.share, fitted.threshold) == (0.6, 0.8)


def test_weights_for_another_classifier_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was fitted for classifier xyz, abc is served: fit it again"):
        shipped(*files(tmp_path, classifier="xyz"))


@pytest.mark.parametrize("p", [0.001, 0.3, 0.999])
def test_log_odds_and_chances_are_each_others_inverse(p: float) -> None:
    assert chance(logit(p)) == pytest.approx(p)
    assert shifted(logit(p), 0.2, 0.2) == pytest.approx(logit(p))


def test_a_belt_with_rare_damage_starts_at_the_same_evidence() -> None:
    own = shipped()
    common, rare = (starting_threshold(Settings(damage_prior=prior)) for prior in (own.share, 0.001))
    assert common == pytest.approx(own.threshold)
    assert rare < common
    assert logit(rare) - logit(common) == pytest.approx(logit(0.001) - logit(own.share))


def test_an_operator_may_name_the_start() -> None:
    assert starting_threshold(Settings(default_threshold=0.3)) == 0.3
