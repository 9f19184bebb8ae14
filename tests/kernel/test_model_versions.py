from __future__ import annotations

import numpy as np
import pytest

from services.kernel import model_versions
from services.kernel.faults import DependencyFault

BUILD = 0x00AB_CDEF_0123


def rows(*pairs: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.array(pairs, np.int64).reshape(-1, 2)


def test_a_version_is_its_number_and_all_digits_of_its_build() -> None:
    assert model_versions.read(rows((101, BUILD), (101, BUILD))) == "101+00abcdef0123"
    assert model_versions.number_of("101+00abcdef0123") == 101


@pytest.mark.parametrize(
    "wrong",
    [
        rows(),
        rows((0, BUILD)),
        rows((1, -1)),
        rows((1, 16**12)),
        rows((1, BUILD), (2, BUILD)),
        rows((1, 1), (1, 2)),
    ],
)
def test_rows_of_several_versions_or_of_none_are_no_version(
    wrong: np.ndarray[tuple[int, int], np.dtype[np.int64]],
) -> None:
    with pytest.raises(DependencyFault, match="version of a network"):
        model_versions.read(wrong)


def test_an_event_carries_each_networks_version_under_its_own_key() -> None:
    found = model_versions.read_all(
        [("damage_classifier", rows((1, 10))), ("gallery_encoder", rows((102, 11)))]
    )
    assert found == {
        "model.damage_classifier": "1+00000000000a",
        "model.gallery_encoder": "102+00000000000b",
    }
    assert model_versions.classifier_of(found) == "1+00000000000a"
    assert model_versions.encoder_of(found) == "102+00000000000b"


def test_an_older_releases_event_says_nothing() -> None:
    assert model_versions.classifier_of({}) == model_versions.encoder_of({}) == ""
