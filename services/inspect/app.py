"""station.captures ─▶ Triton ─▶ captures.inspected, or gallery.enrolments for a pristine reference."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.inspect import decide
from services.inspect.look import look
from services.kernel import features
from services.kernel import records as r
from services.kernel.pulse import Pulse
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
        seen = await look(capture, service.blobs, triton)
        await pulse.wait()
        subject = capture.subject
        key = features.key_of(subject)
        await service.blobs.put([(key, seen.features)])
        inspection = r.Inspection(
            subject=subject,
            scores=decide.pooled_scores(seen.sight.damage),
            embedding=seen.embedding,
            features_key=key,
            versions=seen.sight.versions,
            inspected_at=datetime.now(UTC),
            matter=decide.pooled_matter(seen.sight.matter),
        )
        if subject.enrol_product_id is not None:
            await service.publish("gallery.enrolments", subject.enrol_product_id, inspection)
        else:
            await service.publish("captures.inspected", event.key, inspection)

    service.consume("station.captures", inspect)
