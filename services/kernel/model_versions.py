"""Which version of each network gave an answer: said by the network that ran, never by a guess beforehand.

A new version may go live between two requests, and two versions answer while it does. So every network writes its own
version into each row of its answer: the number of the folder that it was loaded from, and the first 48 bits of the
SHA-256 of the file. What a score is recorded with is then what computed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from services.kernel.faults import DependencyFault

if TYPE_CHECKING:
    import numpy.typing as npt

CLASSIFIER, ENCODER = "damage_classifier", "gallery_encoder"
#: The ensemble's output that says the version of each network: (rows, 2) int64.
OUTPUTS: Mapping[str, str] = {CLASSIFIER: "CLASSIFIER_VERSION", ENCODER: "ENCODER_VERSION"}
#: What a network calls it itself.
OWN_OUTPUT = "VERSION"
#: Hexadecimal digits of a build: 48 bits of a SHA-256.
BUILD_DIGITS = 12


def key_of(model: str) -> str:
    """Under which key of `versions` events carry the version of a network."""
    return f"model.{model}"


def name_of(number: int, build: str) -> str:
    """A version as events carry it: ``number+build``."""
    return f"{number}+{build}"


def row_key(model: str, version: str) -> str:
    """Key of models.versions."""
    return f"{model}|{version}"


def number_of(version: str) -> int:
    """The folder's number of such a version."""
    return int(version.partition("+")[0])


def classifier_of(versions: Mapping[str, str]) -> str:
    """The classifier that an event's scores come from; empty where an older release did not say."""
    return versions.get(key_of(CLASSIFIER), "")


def encoder_of(versions: Mapping[str, str]) -> str:
    """The encoder that an event's embedding comes from; empty where an older release did not say."""
    return versions.get(key_of(ENCODER), "")


def read(rows: npt.NDArray[np.int64]) -> str:
    """One network's version from its (rows, 2) tensor.

    Raises:
        DependencyFault: the rows differ, or hold no version.
    """
    if not len(rows) or (rows != rows[0]).any() or rows[0, 0] < 1 or not 0 <= rows[0, 1] < 16**BUILD_DIGITS:
        msg = f"Triton says that the version of a network is {rows.tolist()}: one of them was expected"
        raise DependencyFault(msg)
    return name_of(int(rows[0, 0]), f"{int(rows[0, 1]):0{BUILD_DIGITS}x}")


def read_all(tensors: Iterable[tuple[str, npt.NDArray[np.int64]]]) -> dict[str, str]:
    """The versions of an event, from (network, tensor) pairs."""
    return {key_of(model): read(rows) for model, rows in tensors}
