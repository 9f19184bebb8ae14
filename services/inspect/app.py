"""station.captures ─▶ Triton ─▶ captures.inspected, or gallery.enrolments for a pristine reference."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.inspect import decide
from services.kernel import features
from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.pulse import Pulse
from services.kernel.sight import Photo
from services.kernel.triton import Triton

if TYPE_CHECKING:
    from services.kernel.service import Event, Service


def build(service: Service, triton: Triton | None = None) -> None:
    """Add the agent that looks at captures."""
    triton = triton or Triton(service.settings.triton, timeout_s=service.settings.triton_timeout_s)
    service.on_start(triton.start, triton.close)
    service.ready_when("triton", triton.ready)
    pulse = Pulse(service.settings.gather_s)

    async def inspect(capture: r.Capture, event: Event) -> None:
        seen = decide.seen(capture.images)
        if not seen:
            msg = "the capture has no RGB image"
            raise DataFault("no_image", msg)
        sight = await triton.inspect(await asyncio.gather(*(photo(*pair) for pair in seen)))
        await pulse.wait()
        subject = capture.subject
        key = f"features/{subject.captured_at:%Y%m%d}/{subject.capture_id}.icf"
        await service.blobs.put([(key, features.pack(sight.embedding, sight.crops))])
        inspection = r.Inspection(
            subject=subject,
            scores=decide.pooled_scores(sight.damage),
            embedding=features.pack_embedding(decide.pooled_embedding(sight.embedding)),
            features_key=key,
            versions=triton.versions,
            inspected_at=datetime.now(UTC),
            matter=decide.pooled_matter(sight.matter),
        )
        if subject.enrol_product_id is not None:
            await service.publish("gallery.enrolments", subject.enrol_product_id, inspection)
        else:
            await service.publish("captures.inspected", event.key, inspection)

    async def photo(colour: r.Image, deep: r.Image | None) -> Photo:
        image = decide.checked(colour, await service.blobs.get(colour.key))
        depth = b"" if deep is None else decide.checked(deep, await service.blobs.get(deep.key))
        return Photo(image=image, depth=depth)

    service.consume("station.captures", inspect)
