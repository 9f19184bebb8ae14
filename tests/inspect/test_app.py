from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from services.inspect.app import build
from services.kernel import features
from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.sight import Photo, Sight
from tests.fakes import FakeService
from tests.samples import NOON, subject


class FakeTriton:
    """Sees damage in proportion to the first byte of an image."""

    def __init__(self) -> None:
        self.versions = {"model.damage_classifier": "1+a", "model.gallery_encoder": "1+b"}
        self.seen: list[list[Photo]] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool:
        return True

    async def inspect(self, photos: list[Photo]) -> Sight:
        self.seen.append(photos)
        n = len(photos)
        damage = np.array([[photo.image[0] / 256] * 9 for photo in photos], np.float32)
        embedding = np.zeros((n, 256), np.float32)
        embedding[:, 0] = 1
        matter = np.array([[photo.image[0] / 64 - 2, 30, 1, 2, 0.01] for photo in photos], np.float32)
        crops = tuple(b"crop of " + photo.image for photo in photos)
        versions = dict(self.versions)
        return Sight(damage=damage, embedding=embedding, matter=matter, crops=crops, versions=versions)


def stored(service: FakeService, camera: str, data: bytes, role: r.ImageRole = r.ImageRole.RGB) -> r.Image:
    key = f"images/{camera}-{role}"
    service.blobs.stored[key] = data
    sha256 = hashlib.sha256(data).hexdigest()
    return r.Image(
        camera=camera,
        role=role,
        width=1,
        height=1,
        media_type="image/png",
        size=len(data),
        key=key,
        sha256=sha256,
    )


def made() -> tuple[FakeService, FakeTriton]:
    service, triton = FakeService("inspect"), FakeTriton()
    fake: Any = service
    build(fake, triton)  # type: ignore[arg-type]
    return service, triton


async def test_a_capture_is_seen_once_and_told_under_the_key_it_came_with() -> None:
    service, triton = made()
    images = (stored(service, "top", b"\x40"), stored(service, "side", b"\x80"))
    depth = stored(service, "side", b"deep", r.ImageRole.DEPTH)
    capture = r.Capture(subject=subject(), received_at=NOON, images=(*images, depth))
    await service.give("station.captures", capture, key="tote-1")
    assert triton.seen == [[Photo(image=b"\x40"), Photo(image=b"\x80", depth=b"deep")]]
    (inspection,) = service.sent_to("captures.inspected")
    assert service.keys_of("captures.inspected") == ["tote-1"]
    assert (inspection.scores.penetration, inspection.scores.damaged) == (0.5, pytest.approx(0.375, abs=0.01))
    assert inspection.matter == r.Matter(logit=0.0, lightness=30, a=1, b=2, share=pytest.approx(0.01))
    assert inspection.versions == triton.versions
    assert inspection.features_key == f"features/20260301/{capture.subject.capture_id}.icf"
    kept = features.unpack(service.blobs.stored[inspection.features_key])
    assert kept.crops == (b"crop of \x40", b"crop of \x80")


async def test_a_depth_image_that_changed_in_the_store_is_refused_too() -> None:
    service, triton = made()
    image, depth = stored(service, "top", b"\x10"), stored(service, "top", b"deep", r.ImageRole.DEPTH)
    service.blobs.stored[depth.key] = b"deeP"
    with pytest.raises(DataFault, match="not what the station stored"):
        await service.give(
            "station.captures", r.Capture(subject=subject(), received_at=NOON, images=(image, depth))
        )
    assert not triton.seen


async def test_scores_carry_the_version_that_gave_them_also_when_another_goes_live_between_two_captures() -> (
    None
):
    service, triton = made()
    image = stored(service, "top", b"\x40")
    for version in ("1+a", "101+b", "1+a"):
        triton.versions["model.damage_classifier"] = version
        capture = r.Capture(subject=subject(version), received_at=NOON, images=(image,))
        await service.give("station.captures", capture, key="tote-1")
    found = [i.versions["model.damage_classifier"] for i in service.sent_to("captures.inspected")]
    assert found == ["1+a", "101+b", "1+a"]


async def test_a_reference_to_enrol_goes_to_the_gallery_and_not_down_the_chain() -> None:
    service, _ = made()
    image = stored(service, "top", b"\x10")
    capture = r.Capture(subject=subject(enrol_product_id="P7"), received_at=NOON, images=(image,))
    await service.give("station.captures", capture, key="item-1")
    assert [(s.topic, s.key) for s in service.sent] == [("gallery.enrolments", "P7")]


async def test_a_capture_without_colour_images_is_refused_before_triton_is_asked() -> None:
    service, triton = made()
    depth = stored(service, "deep", b"\x10", r.ImageRole.DEPTH)
    with pytest.raises(DataFault, match="no RGB image"):
        await service.give(
            "station.captures", r.Capture(subject=subject(), received_at=NOON, images=(depth,))
        )
    assert not triton.seen
    assert not service.sent


async def test_an_image_that_changed_in_the_store_is_refused() -> None:
    service, triton = made()
    image = stored(service, "top", b"\x10")
    service.blobs.stored[image.key] = b"\x11"
    with pytest.raises(DataFault, match="not what the station stored"):
        await service.give(
            "station.captures", r.Capture(subject=subject(), received_at=NOON, images=(image,))
        )
    assert not triton.seen
