"""What the models say about their own calibration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.kernel import model_versions
from services.kernel import records as r
from services.kernel.faults import ConfigurationFault
from services.kernel.odds import Calibration, chance, logit, shifted
from services.kernel.settings import Settings
from services.kernel.views import View

_CLASSIFIER = Path(__file__).parents[2] / "triton_models/repository/damage_classifier/1/calibration.json"
_FUSION = Path(__file__).parent / "fusion.json"


def shipped(fusion: Path = _FUSION, classifier: Path = _CLASSIFIER) -> Calibration:
    """What ships: the fusion's weights, and where they leave it open the classifier's own share and threshold.

    Raises:
        ConfigurationFault: The weights were fitted for another build of the classifier.
    """
    weights: dict[str, Any] = json.loads(fusion.read_text())
    own: dict[str, Any] = json.loads(classifier.read_text())
    if weights["classifier"] not in {None, own["build"]}:
        message = (
            f"{fusion} was fitted for classifier {weights['classifier']}, {own['build']} is in the model repository: "
            "fit it again as triton_models/MODEL.md says, or put the other one back"
        )
        raise ConfigurationFault(message)
    share, threshold = (
        float(own[name] if weights[name] is None else weights[name]) for name in ("share", "threshold")
    )
    return Calibration(
        version=weights["version"],
        classifier=weights["classifier"],
        share=share,
        threshold=threshold,
        scale=weights["scale"],
        offset=weights["offset"],
        gallery=tuple(weights["gallery"]),
        catalogue=tuple(weights["catalogue"]),
        lacking=tuple(weights["lacking"]),
    )


def calibrations(
    promoted: View[r.ModelVersion], own: Calibration | None = None
) -> Callable[[str], Calibration]:
    """How scores of a classifier's version become probabilities; one that was never promoted is the one that ships.

    A fusion that was fitted for the classifier that ships says nothing about another one: that stands alone.
    """
    ships = own or shipped()
    alone = replace(
        ships,
        version="classifier-alone",
        scale=1.0,
        offset=0.0,
        gallery=(0.0,) * len(ships.gallery),
        catalogue=(0.0,) * len(ships.catalogue),
        lacking=None,
    )

    def of(version: str) -> Calibration:
        row = promoted.get(model_versions.row_key(model_versions.CLASSIFIER, version))
        if row is None:
            return ships
        base = ships if ships.classifier is None else alone
        return replace(base, share=row.share or base.share, threshold=row.threshold or base.threshold)

    return of


def starting_thresholds(settings: Settings, promoted: View[r.ModelVersion]) -> Callable[[str], float]:
    """Where thresholds start for each of the classifier's versions, until labels of what it scored exist.

    As the settings say, else by the version's own calibration, at the belt's prior.
    """
    of = calibrations(promoted)

    def start(version: str) -> float:
        if settings.default_threshold is not None:
            return settings.default_threshold
        own = of(version)
        return chance(shifted(logit(own.threshold), own.share, settings.damage_prior))

    return start
