"""captures.inspected + manifests, catalogue, galleries ─▶ captures.identified, and totes.lines.

Captures are keyed by tote, so whoever owns a tote's captures owns its row of totes.lines: which item is for which order
line, where the tote holds one product for several. The row is acknowledged before the capture goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.identify import decide
from services.identify.weighing import shipped
from services.kernel import lines
from services.kernel import records as r
from services.kernel.catalogue import checked_barcode
from services.kernel.faults import MissingRow
from services.kernel.features import checked_embedding, unpack
from services.kernel.galleries import Galleries
from services.kernel.index import ReferenceIndex
from services.kernel.model_versions import encoder_of
from services.kernel.verification import Held, Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from services.kernel.blobs import Blobs
    from services.kernel.service import Event, Service
    from services.kernel.views import View


def build(service: Service, index: ReferenceIndex | None = None, verifier: Verifier | None = None) -> None:
    """Add the agent that names products."""
    index = index or ReferenceIndex(service.settings.postgres.get_secret_value())
    verifier = verifier or Verifier(service.settings.triton, timeout_s=service.settings.triton_timeout_s)
    service.on_start(index.start, index.close)
    service.on_start(verifier.start, verifier.close)
    service.ready_when("postgres", index.ready)
    service.ready_when("triton", verifier.ready)
    weighing = shipped()
    barcodes = _Barcodes()
    catalog = service.view("catalog.products", on_change=barcodes.remember)
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

        scanned = barcodes.product_of(subject.barcode)
        coded = with_similarity(scanned) if scanned else None
        expected = [with_similarity(e.product_id) for e in manifest.entries] if manifest else []
        versions = dict(inspection.versions)
        identity = decide.from_priors(coded, expected)
        if identity is None:
            found = await index.nearest(embedding, encoder)
            identity = decide.from_search(found)
            named = ([coded] if coded else []) + expected
            looked_at = [] if decide.settled(found) else decide.shortlist(found, named)
            galleries_of = [galleries.of(product, encoder) for product, _ in looked_at]
            held = decide.held_against(embedding, galleries_of, encoder)
            if held:
                products, rows = await _laid_over(service.blobs, verifier, inspection.features_key, held)
                evidence = decide.strongest(products, rows, weighing)
                identity = decide.from_evidence(looked_at, evidence, {p for p, _ in named}, weighing)
                versions |= verifier.versions | {"identity": weighing.version}
        identity = decide.cautious(identity, galleries.lists.get(identity.product_id))
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
                    compared=coded is not None and coded[1] is not None,
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


async def _laid_over(
    blobs: Blobs, verifier: Verifier, features_key: str, held: Sequence[tuple[str, r.Reference]]
) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Whose pictures were laid over the capture's, and what speaks for each."""
    keys = (features_key, *(reference.features_key for _, reference in held))
    query, *kept = await asyncio.gather(*(blobs.get(key) for key in keys))
    pictures = [
        Held(product_id=product, crop=crop)
        for (product, _), data in zip(held, kept, strict=True)
        for crop in unpack(data).crops
    ]
    return [one.product_id for one in pictures], await verifier.verify(unpack(query).crops, pictures)


class _Barcodes:
    """Which product bears a barcode, as the catalogue says now."""

    def __init__(self) -> None:
        self._product: dict[str, str] = {}
        self._barcode: dict[str, str] = {}

    def remember(self, product_id: str, product: r.Product | None) -> None:
        """Take over a row of the catalogue."""
        old = self._barcode.pop(product_id, None)
        if old is not None and self._product.get(old) == product_id:  # not if another product took it over
            del self._product[old]
        if product is not None and product.barcode is not None:
            self._barcode[product_id] = product.barcode
            self._product[product.barcode] = product_id

    def product_of(self, barcode: str | None) -> str | None:
        """The product, if the catalogue has one."""
        return self._product.get(barcode) if barcode else None
