"""What the station says about photos themselves, with the real Triton beside it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from PIL import Image, ImageEnhance

from services.kernel.triton import Quality, QualityModel
from services.stack import posting
from services.station.quality import PROBLEMS
from tests.live.live_mesh import Mesh, eventually, shown

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


def darkened(picture: bytes) -> bytes:
    out = io.BytesIO()
    ImageEnhance.Brightness(Image.open(io.BytesIO(picture))).enhance(0.25).save(out, "JPEG", quality=90)
    return out.getvalue()


def good(mesh: Mesh) -> bytes:
    return shown("good", mesh.world.products[0].product_id).photos[0].data


def test_a_dark_and_a_good_picture_are_told_apart_by_the_served_model(mesh: Mesh) -> None:
    async def measured(pictures: Sequence[bytes]) -> Quality:
        # Patient: a mesh that has just started is busy with its references.
        model = QualityModel(mesh.stack.environment()["INTACT_TRITON"], timeout_s=30)
        try:
            return await model.measure(pictures)
        finally:
            await model.close()

    picture = good(mesh)
    scores = asyncio.run(measured([picture, darkened(picture)])).problems
    said = [{name for name, score in zip(PROBLEMS, row, strict=True) if score >= 0.5} for row in scores]
    assert said == [set(), {"dark"}]


def test_the_station_tells_the_rack_of_a_dark_picture(mesh: Mesh) -> None:
    planned = [shown(f"lit-{n}", product.product_id) for n, product in enumerate(mesh.world.products[:2])]

    def dark(photo: posting.Photo) -> posting.Photo:
        return replace(photo, data=darkened(photo.data)) if photo.media_type == "image/jpeg" else photo

    bad = replace(planned[1], photos=tuple(dark(photo) for photo in planned[1].photos))

    # A machine that is busy with other tests may miss the deadline: a repeat is the same capture and is asked anew.
    def advice() -> tuple[str, ...]:
        return mesh.drive([bad])[0].advice

    first = mesh.drive([planned[0]])[0]
    told = eventually("the station says that the picture is dark", advice, timeout_s=30)
    assert first.accepted
    assert first.advice == ()
    assert all("is too dark" in sentence for sentence in told)
    assert mesh.observer.settle(mesh.submitted[-2:], timeout_s=60)
