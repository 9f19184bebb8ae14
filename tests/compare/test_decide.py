from __future__ import annotations

import numpy as np
import pytest

from services.compare import decide
from services.kernel import records as r
from services.kernel.features import Features, pack_embedding
from services.kernel.sight import Difference
from tests.samples import NOON, uid

AXES = np.eye(4, 256, dtype=np.float32)


def reference(name: str, *weights: float) -> r.Reference:
    embedding = np.array(weights, np.float32) @ AXES[: len(weights)]
    return r.Reference(
        reference_id=uid(name),
        features_key=name,
        embedding=pack_embedding(embedding / np.linalg.norm(embedding)),
        enrolled_at=NOON,
    )


def difference(**given: object) -> Difference:
    plain: dict[str, object] = {
        "changed": 0.0,
        "missing": -30.0,
        "mismatch": -2.0,
        "inliers": 25,
        "query": 1,
        "reference": 0,
        "heat": np.zeros((2, 16, 16), np.float16),
    }
    return Difference(**(plain | given))  # type: ignore[arg-type]


FRONT, BACK, SIDE = reference("front", 1), reference("back", 0, 1), reference("side", 1, 1)


def test_the_references_that_look_most_like_any_image_are_held_against_it() -> None:
    upside_down = AXES[[1]]
    assert decide.most_alike(upside_down, [FRONT, SIDE, BACK], 2) == [BACK, SIDE]
    both = AXES[[0, 1]]
    assert {r.features_key for r in decide.most_alike(both, [FRONT, SIDE, BACK], 2)} == {"front", "back"}


def test_equally_alike_ones_come_in_the_order_of_enrolment() -> None:
    twin = reference("twin", 1)
    assert decide.most_alike(AXES[[0]], [FRONT, twin], 3) == [FRONT, twin]


def test_of_a_reference_with_several_pictures_the_one_like_the_capture_is_taken() -> None:
    kept = Features(embeddings=AXES[[2, 1]], crops=(b"top", b"side"))
    assert decide.best_crop(AXES[[1]], kept) == b"side"
    assert decide.best_crop(AXES[[2, 3]], kept) == b"top"


def test_an_event_says_with_which_reference_and_where() -> None:
    said = decide.comparison(difference(), [BACK, FRONT], 7)
    assert said.foreign == 0.5
    assert said.missing == pytest.approx(0, abs=1e-9)
    assert (said.references, said.gallery_version, said.image) == (2, 7, 1)
    assert said.reference_id == BACK.reference_id
    assert said.heat == bytes([128]) * 512


def test_an_event_says_that_nothing_could_be_laid_over_anything() -> None:
    said = decide.comparison(difference(inliers=0, changed=9.0), [BACK], 7)
    assert (said.foreign, said.missing, said.inliers, said.heat) == (0, 0, 0, b"")
    assert (said.changed_logit, said.reference_id, said.image) == (None, None, None)
