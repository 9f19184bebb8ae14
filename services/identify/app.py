"""captures.inspected + manifests, catalogue, galleries ─▶ captures.identified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.identify import decide
from services.kernel import records as r
from services.kernel.faults import MissingRow
from services.kernel.features import checked_embedding
from services.kernel.index import ReferenceIndex

if TYPE_CHECKING:
    from services.kernel.service import Event, Service


def build(service: Service, index: ReferenceIndex | None = None) -> None:
    """Add the agent that names products."""
    index = index or ReferenceIndex(service.settings.postgres.get_secret_value())
    service.on_start(index.start, index.close)
    service.ready_when("postgres", index.ready)
    by_barcode: dict[str, str] = {}
    barcode_of: dict[str, str] = {}

    def remember(product_id: str, product: r.Product | None) -> None:
        old = barcode_of.pop(product_id, None)
        if old is not None and by_barcode.get(old) == product_id:  # not, if another product has taken it over
            del by_barcode[old]
        if product is not None and product.barcode is not None:
            barcode_of[product_id] = product.barcode
            by_barcode[product.barcode] = product_id

    catalog = service.view("catalog.products", on_change=remember)
    manifests = service.view("totes.manifests")
    galleries = service.view("gallery.references")

    async def identify(inspection: r.Inspection, _: Event) -> None:
        subject = inspection.subject
        manifest = manifests.get(subject.tote_id)
        if subject.tote_id is not None and manifest is None:
            msg = f"tote {subject.tote_id} has no manifest; send it to totes.manifests, then retry"
            raise MissingRow("unknown_tote", msg)
        embedding = checked_embedding(inspection.embedding)
        encoder = inspection.versions.get("model.gallery_encoder", "")

        def with_similarity(product_id: str) -> tuple[str, float | None]:
            return product_id, decide.similarity(embedding, galleries.get(product_id), encoder)

        scanned = by_barcode.get(subject.barcode) if subject.barcode else None
        identity = decide.from_priors(
            with_similarity(scanned) if scanned else None,
            [with_similarity(e.product_id) for e in manifest.entries] if manifest else [],
        )
        if identity is None:
            identity = decide.from_search(await index.nearest(embedding, encoder))
        versions = dict(inspection.versions)
        if subject.tote_id is not None:
            versions["row.totes.manifests"] = manifests.version(subject.tote_id)
        if identity.product_id is not None:
            versions["row.catalog.products"] = catalog.version(identity.product_id)
            versions["row.gallery.references"] = galleries.version(identity.product_id)
        await service.publish(
            "captures.identified",
            identity.product_id or subject.item_id,
            r.Identification(
                subject=subject,
                scores=inspection.scores,
                features_key=inspection.features_key,
                product_id=identity.product_id,
                method=identity.method,
                confidence=identity.confidence,
                candidates=identity.candidates,
                order_line_id=decide.order_line(manifest, identity.product_id),
                versions=versions,
                matter=inspection.matter,
            ),
        )

    service.consume("captures.inspected", identify)
