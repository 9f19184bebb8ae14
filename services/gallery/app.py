"""gallery.enrolments + catalogue ─▶ gallery.references and the vector index.

References outlive the captures they were made from, so features and images are copied under keys of their own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.gallery import decide
from services.kernel import bundle, wire
from services.kernel import records as r
from services.kernel.faults import MissingRow
from services.kernel.features import checked_embedding, unpack_embedding
from services.kernel.galleries import Galleries
from services.kernel.index import ReferenceIndex
from services.kernel.model_versions import encoder_of

if TYPE_CHECKING:
    from services.kernel.service import Event, Service
    from services.kernel.views import View


def build(service: Service, index: ReferenceIndex | None = None) -> None:
    """Add the agent that enrols references."""
    index = index or ReferenceIndex(service.settings.postgres.get_secret_value())
    service.on_start(index.start, index.close)
    service.ready_when("postgres", index.ready)
    catalog: View[r.Product] = service.view("catalog.products")
    galleries = Galleries(service)

    async def enrol(inspection: r.Inspection, event: Event) -> None:
        product_id = event.key
        if catalog.get(product_id) is None:
            msg = f"product {product_id} is not in catalog.products; send it there, then retry"
            raise MissingRow("unknown_product", msg)
        checked_embedding(inspection.embedding)
        listed = galleries.lists.get(product_id)
        known = galleries.of(product_id, encoder_of(inspection.versions))
        before = decide.Before(known=known, version=listed.version if listed else 0)
        gallery = decide.enrolled(
            before, inspection, await _copied(product_id, inspection), datetime.now(UTC)
        )
        if gallery is not None:
            await service.write(galleries.lists, product_id, gallery)
        # Also when the list did not change: a crash may have come between the topic and the index.
        current = galleries.lists.get(product_id)
        if current is not None:
            await index.replace(
                current.encoder,
                product_id,
                [(str(ref.reference_id), unpack_embedding(ref.embedding)) for ref in current.references],
            )

    async def _copied(product_id: str, inspection: r.Inspection) -> str:
        """Copy features, images and manifest; returns the key of the features."""
        blobs, subject = service.blobs, inspection.subject
        base = f"references/{product_id}/{subject.capture_id}"
        capture = wire.decode(r.Capture, await bundle.event_of(blobs.get, subject.capture_id))
        kept = tuple(replace(i, key=f"{base}/{decide.file_name(i)}") for i in capture.images)
        copies = [(f"{base}/features.icf", await blobs.get(inspection.features_key))]
        copies.append((f"{base}/manifest.avro", wire.encode(replace(capture, images=kept))))
        copies += [(copy.key, await blobs.get(i.key)) for i, copy in zip(capture.images, kept, strict=True)]
        await blobs.put(copies)
        return copies[0][0]

    service.consume("gallery.enrolments", enrol)
