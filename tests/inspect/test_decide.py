from __future__ import annotations

import hashlib

import numpy as np
import pytest

from services.inspect import decide
from services.kernel import records as r
from services.kernel.faults import DataFault


def image(camera: str = "top", role: r.ImageRole = r.ImageRole.RGB, data: bytes = b"picture") -> r.Image:
    return r.Image(
        camera=camera,
        role=role,
        width=640,
        height=480,
        media_type="image/jpeg",
        size=len(data),
        key=f"images/{camera}.jpg",
        sha256=hashlib.sha256(data).hexdigest(),
    )


def test_the_models_see_colour_images_in_their_order_each_with_its_own_cameras_depth() -> None:
    images = (
        image("left"),
        image("top", r.ImageRole.DEPTH),
        image("deep", r.ImageRole.DEPTH),
        image("top"),
    )
    seen = [(colour.camera, deep.camera if deep else None) for colour, deep in decide.seen(images)]
    assert seen == [("left", None), ("top", "top")]


def test_matter_is_what_the_surest_image_says_it_is() -> None:
    rows = np.array([[-3, 90, 1, 1, 0], [2, 30, 16, 26, 0.5], [1, 50, 2, 2, 0.25]], np.float32)
    assert decide.pooled_matter(rows) == r.Matter(logit=2, lightness=30, a=16, b=26, share=0.5)


def test_stored_bytes_that_the_event_describes_pass() -> None:
    assert decide.checked(image(data=b"picture"), b"picture") == b"picture"


@pytest.mark.parametrize("stored", [b"", b"pictur", b"picturf", b"picture "])
def test_other_bytes_than_the_event_describes_are_refused(stored: bytes) -> None:
    with pytest.raises(DataFault, match=r"images/top\.jpg is not what the station stored") as caught:
        decide.checked(image(data=b"picture"), stored)
    assert caught.value.reason == "checksum"


def test_a_type_is_told_by_the_image_that_shows_it() -> None:
    damage = np.zeros((3, 9), np.float32)
    damage[2, 5], damage[0, 8] = 0.5, 0.25
    pooled = decide.pooled_scores(damage)
    assert (pooled.penetration, pooled.missing_unit, pooled.spillage) == (0.5, 0.25, 0.0)


def test_damage_on_one_side_is_damage_of_the_item_and_more_so_when_others_agree() -> None:
    def damaged(*chances: float) -> float:
        damage = np.full((len(chances), 9), 0.1, np.float32)
        damage[:, 0] = chances
        return decide.pooled_scores(damage).damaged

    assert [damaged(0.9), damaged(0.9, 0.9)] == pytest.approx([0.9, 0.9])
    assert 0.02 < damaged(0.99, 0.01) < damaged(0.99, 0.5) < 0.99
    assert damaged(0.99, 0.01) > 0.5
    assert damaged(0.99999, *[0.1] * 5) > 0.9
    assert damaged(0.0, 0.0) < 1e-5
    assert damaged(1.0, 1.0) > 1 - 1e-5


def test_the_order_of_scores_is_that_of_the_record() -> None:
    pooled = decide.pooled_scores(np.arange(9, dtype=np.float32)[None] / 16)
    in_order = [
        pooled.damaged,
        pooled.major,
        pooled.deformation,
        pooled.actuation,
        pooled.deconstruction,
        pooled.penetration,
        pooled.superficial,
        pooled.spillage,
        pooled.missing_unit,
    ]
    assert in_order == pytest.approx([n / 16 for n in range(9)], abs=1e-5)
