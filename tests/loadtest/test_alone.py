from __future__ import annotations

import pytest

from loadtest.alone import asked_of, photos_of
from services.kernel.records import ImageRole
from services.stack import racks
from services.stack.world import make_world
from tests.samples import assessment, comparison
from tests.stack.sightings import seen

PLANNED = racks.plan(make_world(products=6, totes=8), 3, seed=1)


def test_each_colour_image_goes_with_its_own_cameras_depth() -> None:
    files = {(p.camera, p.role): p.data for p in PLANNED[0].photos}
    assert [(photo.image, photo.depth) for photo in photos_of(PLANNED[0])] == [
        (files["top", ImageRole.RGB], files["top", ImageRole.DEPTH]),
        (files["side", ImageRole.RGB], b""),
    ]


def test_what_the_mesh_compared_is_compared_with_the_product_that_it_took_it_for() -> None:
    judged = [
        assessment("a", product_id="P7", comparison=comparison()),
        assessment("b", product_id="P8", comparison=None),
        assessment("c", product_id=None, comparison=None),
    ]
    events = [
        seen("damage.assessments", made, capture_id=item.capture_id)
        for item, made in zip(PLANNED, judged, strict=True)
    ]
    assert [one.product_id for one in asked_of(PLANNED, [], events)] == ["P7", None, None]
    with pytest.raises(RuntimeError, match="was not assessed"):
        asked_of(PLANNED, [], events[:2])


def test_photos_that_the_station_had_measured_are_measured() -> None:
    events = [
        seen("damage.assessments", assessment(name, comparison=None), capture_id=item.capture_id)
        for name, item in zip("abc", PLANNED, strict=True)
    ]
    answers = [answer(item, measured=item is PLANNED[1]) for item in PLANNED]
    assert [one.measured for one in asked_of(PLANNED, answers, events)] == [False, True, False]


def answer(item: racks.Planned, *, measured: bool) -> racks.Submitted:
    return racks.Submitted(
        capture_id=item.capture_id,
        item_id=item.item_id,
        scheduled_at=0.0,
        accepted_at=0.0,
        status=202,
        truth=item.truth,
        product_id=None,
        enrolment=False,
        measured=measured,
    )
