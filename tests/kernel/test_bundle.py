"""A capture in the store is one object, whose images and event are found again."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.kernel import bundle
from services.kernel.blobs import Blobs
from services.kernel.faults import DataFault

ID = UUID(int=7)


@pytest.mark.parametrize("images", [[], [b"one"], [b"one", b"", b"three"]])
async def test_images_and_event_are_read_back_by_their_keys(images: list[bytes]) -> None:
    blobs = Blobs("memory://")
    await blobs.put_new(bundle.object_key(ID), bundle.packed(images, b"event"))
    keys = bundle.image_keys(ID, [len(i) for i in images])
    assert [await blobs.get(key) for key in keys] == images
    assert await bundle.event_of(blobs.get, ID) == b"event"


async def test_a_capture_that_is_not_there_and_one_that_is_cut_off_are_told_apart() -> None:
    blobs = Blobs("memory://")
    with pytest.raises(DataFault) as missing:
        await bundle.event_of(blobs.get, ID)
    await blobs.put([(bundle.object_key(ID), b"short")])
    with pytest.raises(DataFault) as cut:
        await bundle.event_of(blobs.get, ID)
    assert (missing.value.reason, cut.value.reason) == ("missing_blob", "cut_off")
