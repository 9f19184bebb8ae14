from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from services.gallery.app import build
from services.kernel import bundle, wire
from services.kernel import records as r
from services.kernel.faults import MissingRow
from tests.fakes import FakeIndex, FakeService
from tests.samples import ENCODER, NOON, inspection, product, subject, uid


def made() -> tuple[FakeService, FakeIndex]:
    service, index = FakeService("gallery"), FakeIndex()
    fake: Any = service
    build(fake, index)  # type: ignore[arg-type]
    service.row("catalog.products", "P1", product("P1"))
    return service, index


def stored(service: FakeService, name: str) -> r.Inspection:
    """A reference capture as the station and inspect leave it in the store."""
    seen = subject(name, enrol_product_id="P1")
    picture = f"picture of {name}".encode()
    image = r.Image(
        camera="top",
        role=r.ImageRole.RGB,
        width=1,
        height=1,
        media_type="image/png",
        size=len(picture),
        key=bundle.image_keys(seen.capture_id, [len(picture)])[0],
        sha256="0",
    )
    event = wire.encode(r.Capture(subject=seen, received_at=NOON, images=(image,)))
    service.blobs.stored[bundle.object_key(seen.capture_id)] = bundle.packed([picture], event)
    service.blobs.stored[f"features/{name}"] = f"features of {name}".encode()
    return inspection(seen, features_key=f"features/{name}")


async def test_a_reference_gets_copies_of_its_own_and_enters_the_list_and_the_index() -> None:
    service, index = made()
    await service.give("gallery.enrolments", stored(service, "a"), key="P1")
    (gallery,) = service.sent_to("gallery.references")
    base = f"references/P1/{uid('capture of a')}"
    assert gallery.references[0].features_key == f"{base}/features.icf"
    assert service.blobs.stored[f"{base}/features.icf"] == b"features of a"
    manifest = wire.decode(r.Capture, service.blobs.stored[f"{base}/manifest.avro"])
    assert service.blobs.stored[manifest.images[0].key] == b"picture of a"
    assert manifest.images[0].key == f"{base}/top-rgb-0.png"
    assert index.replaced == [(ENCODER, "P1", [str(uid("capture of a"))])]


async def test_the_list_grows_before_kafka_has_been_read_back() -> None:
    service, index = made()
    for name in ("a", "b"):
        await service.give("gallery.enrolments", stored(service, name), key="P1")
    assert [len(g.references) for g in service.sent_to("gallery.references")] == [1, 2]
    assert len(index.replaced[-1][2]) == 2


async def test_a_repeat_says_nothing_new_but_fills_an_index_that_a_crash_left_behind() -> None:
    service, index = made()
    again = stored(service, "a")
    await service.give("gallery.enrolments", again, key="P1")
    index.replaced.clear()
    await service.give("gallery.enrolments", again, key="P1")
    assert len(service.sent_to("gallery.references")) == 1
    assert len(index.replaced) == 1


async def test_a_capture_of_the_next_encoder_joins_the_references_as_that_encoder_sees_them() -> None:
    service, index = made()
    await service.give("gallery.enrolments", stored(service, "a"), key="P1")
    (listed,) = service.sent_to("gallery.references")
    service.row("gallery.encodings", "P1|101+new", dataclasses.replace(listed, encoder="101+new"))
    later = dataclasses.replace(stored(service, "b"), versions={"model.gallery_encoder": "101+new"})
    await service.give("gallery.enrolments", later, key="P1")
    newest = service.sent_to("gallery.references")[-1]
    assert (newest.encoder, newest.version, len(newest.references)) == ("101+new", 2, 2)
    assert [(encoder, len(names)) for encoder, _, names in index.replaced] == [(ENCODER, 1), ("101+new", 2)]


async def test_a_product_that_the_catalogue_does_not_have_is_waited_for() -> None:
    service, _ = made()
    with pytest.raises(MissingRow, match="P2 is not in"):
        await service.give("gallery.enrolments", stored(service, "a"), key="P2")
    assert not service.sent
