"""captures.inspected + manifests, catalogue, galleries ─▶ captures.identified, and totes.lines.

Captures are keyed by tote, so whoever owns a tote's captures owns its row of totes.lines: which item is for which order
line, where the tote holds one product for several. The row is acknowledged before the capture goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.identify import decide
from services.kernel import lines
from services.kernel import records as r
from services.kernel.catalogue import checked_barcode
from services.kernel.faults import MissingRow
from services.kernel.features import checked_embedding
from services.kernel.galleries import Galleries
from services.kernel.index import ReferenceIndex
from services.kernel.model_versions import encoder_of

if TYPE_CHECKING:
    from services.kernel.service import Event, Service
    from services.kernel.views import View


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
    galleries = Galleries(service)
    dealt = _Lines(service)

    async def identify(inspection: r.Inspection, _: Event) -> None:
        subject = inspection.subject
        manifest = manifests.get(subject.tote_id)
        if subject.tote_id is not None and manifest is None:
            msg = f"tote {subject.tote_id} has no manifest; send it to totes.manifests, then retry"
            raise MissingRow("unknown_tote", msg)
        embedding = checked_embedding(inspection.embedding)
        encoder = encoder_of(inspection.versions)

        def with_similarity(product_id: str) -> tuple[str, float | None]:
            return product_id, decide.similarity(embedding, galleries.of(product_id, encoder), encoder)

        scanned = by_barcode.get(subject.barcode) if subject.barcode else None
        prior = with_similarity(scanned) if scanned else None
        identity = decide.from_priors(
            prior,
            [with_similarity(e.product_id) for e in manifest.entries] if manifest else [],
        )
        if identity is None:
            identity = decide.from_search(await index.nearest(embedding, encoder))
        versions = dict(inspection.versions)
        if subject.tote_id is not None:
            versions["row.totes.manifests"] = manifests.version(subject.tote_id)
        if identity.product_id is not None:
            versions["row.catalog.products"] = catalog.version(identity.product_id)
            name, row = galleries.row(identity.product_id, encoder)
            versions[name] = row
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
                order_line_id=await dealt.line(manifest, subject.item_id, identity.product_id),
                versions=versions,
                matter=inspection.matter,
                scanned_product_id=scanned,
                barcode_check=checked_barcode(
                    subject.barcode,
                    scanned,
                    identity.product_id,
                    compared=prior is not None and prior[1] is not None,
                ),
            ),
        )

    service.consume("captures.inspected", identify)


class _Lines:
    """Deals the order lines of totes; what changes is acknowledged before the capture goes on."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._held: View[r.ToteLines] = service.view("totes.lines")

    async def line(self, manifest: r.Manifest | None, item_id: str, product_id: str | None) -> str | None:
        if manifest is None:
            return None
        line, changed = lines.assign(manifest, self._held.get(manifest.tote_id), item_id, product_id)
        if changed is not None:
            await self._service.write(self._held, manifest.tote_id, changed)
        return line
