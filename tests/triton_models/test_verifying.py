"""A capture is laid over references of several products, and the right one is found in it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tests.triton_models.test_mmid import pack, photo
from triton_models.registration import Picture
from triton_models.serving import REPOSITORY, serving_module

verifying: Any = serving_module("product_verification", "verifying")
HERE = REPOSITORY / "product_verification" / "1"


def jpeg(picture: Picture) -> bytes:
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 92))[1])


REFERENCES = [jpeg(pack(brand, side=320)) for brand in range(3)]
PRODUCTS = [b"P0", b"P1", b"P2"]


def test_evidence_speaks_for_the_product_that_is_shown() -> None:
    found = verifying.Verifier().evidence([jpeg(photo(pack(1, side=500)))], REFERENCES, PRODUCTS)
    assert found.shape == (3, 6)
    assert found[:, 0].argmax() == 1
    assert found[1, 0] > np.log(20 / 4)


def test_of_several_pictures_of_a_capture_the_best_speaks() -> None:
    blank = jpeg(np.full((320, 320, 3), 128, np.uint8))
    one, both = (
        verifying.Verifier().evidence(queries, REFERENCES, PRODUCTS)
        for queries in ([jpeg(photo(pack(2, side=500)))], [blank, jpeg(photo(pack(2, side=500)))])
    )
    assert np.array_equal(one, both)


def test_a_reference_is_described_once_and_the_oldest_is_forgotten() -> None:
    verifier = verifying.Verifier(cached=2)
    query = [jpeg(photo(pack(0, side=500)))]
    first = verifier.evidence(query, REFERENCES[:2], PRODUCTS[:2])
    kept = [id(one) for one in verifier._kept.values()]
    assert np.array_equal(verifier.evidence(query, REFERENCES[:2], PRODUCTS[:2]), first)
    assert [id(one) for one in verifier._kept.values()] == kept
    verifier.evidence(query, REFERENCES[2:], PRODUCTS[2:])
    assert next(id(one) for one in verifier._kept.values()) == kept[1]


def test_the_server_runs_the_very_code_that_is_measured() -> None:
    for link in (HERE / "triton_models").glob("*.py"):
        assert link.is_symlink()
        assert link.resolve() == REPOSITORY.parent / link.name
