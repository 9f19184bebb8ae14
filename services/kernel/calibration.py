"""What the shipped classifier says about its own calibration."""

from __future__ import annotations

import json
from pathlib import Path

from services.kernel.settings import Settings

_FILE = Path(__file__).parents[2] / "triton_models/repository/damage_classifier/1/calibration.json"


def model_threshold() -> float:
    """The probability at or above which 1 % of the intact validation captures lie.

    Where thresholds start until labels of the belt itself exist.
    """
    return float(json.loads(_FILE.read_text())["threshold"])


def starting_threshold(settings: Settings) -> float:
    """Where thresholds start: as the settings say, else the model's own."""
    return settings.default_threshold if settings.default_threshold is not None else model_threshold()
