"""station.captures ─▶ Triton ─▶ captures.inspected, or gallery.enrolments for a pristine reference."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.inspect import decide
from services.kernel import features
from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.triton import Triton

if TYPE_CHECKING:
    from services.kernel.service import Event, Service


def build(service: Service, triton: Triton | None = None) -> None:
    """Add the agent that looks at captures."""
    triton = triton or Triton(service.settings.triton, timeout_s=service.settings.triton_timeout_s)
    service.on_start(triton.start, triton.close)
    service.ready_when("triton", triton.ready)

    async def inspect(capture: r.Capture, event: Event) -> None:
        images = decide.seen(capture.images)
        if not images:
            msg = "the capture has no RGB image"
            raise DataFault("no_image", msg)
        stored = await asyncio.gather(*(service.blobs.get(i.key) for i in images))
        sight = await triton.inspect(
            [decide.checked(i, data) for i, data in zip(images, stored, strict=True)]
        )
        subject = capture.subject
        key = f"features/{subject.captured_at:%Y%m%d}/{subject.capture_id}.ipf"
        await service.blobs.put([(key, features.pack(sight.patches))])
        inspection = r.Inspection(
            subject=subject,
            scores=decide.pooled_scores(sight.damage),
            embedding=features.pack_embedding(decide.pooled_embedding(sight.embedding)),
            features_key=key,
            versions=triton.versions,
            inspected_at=datetime.now(UTC),
        )
        if subject.enrol_product_id is not None:
            await service.publish("gallery.enrolments", subject.enrol_product_id, inspection)
        else:
            await service.publish("captures.inspected", event.key, inspection)

    service.consume("station.captures", inspect)
