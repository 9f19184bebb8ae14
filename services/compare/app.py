"""captures.identified + gallery, catalogue, features ─▶ Triton ─▶ inspection.results (key: item)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from services.compare import decide
from services.kernel import features
from services.kernel import records as r
from services.kernel.catalogue import facts_of
from services.kernel.faults import MissingRow
from services.kernel.galleries import Galleries
from services.kernel.model_versions import encoder_of
from services.kernel.pulse import Pulse
from services.kernel.triton import MOST_REFERENCES, Comparer

if TYPE_CHECKING:
    from services.kernel.blobs import Blobs
    from services.kernel.service import Event, Service

#: Features of this many references are kept in memory (some 25 KiB an image).
CACHED = 512


def build(service: Service, comparer: Comparer | None = None) -> None:
    """Add the agent that compares captures with their gallery."""
    comparer = comparer or Comparer(service.settings.triton, timeout_s=service.settings.triton_timeout_s)
    service.on_start(comparer.start, comparer.close)
    service.ready_when("triton", comparer.ready)
    catalog = service.view("catalog.products")
    galleries = Galleries(service)
    cache = _Features(service.blobs)
    pulse = Pulse(service.settings.gather_compared_s)

    async def compare(identified: r.Identification, _: Event) -> None:
        product_id = identified.product_id
        product = catalog.get(product_id)
        if product_id is not None and product is None:
            msg = f"product {product_id} is not in catalog.products; send it there, then retry"
            raise MissingRow("unknown_product", msg)
        gallery = galleries.of(product_id, encoder_of(identified.versions))
        compared = await _comparison(service.blobs, cache, comparer, identified, gallery)
        await pulse.wait()
        versions = dict(identified.versions) | (comparer.versions if compared is not None else {})
        await service.publish(
            "inspection.results",
            identified.subject.item_id,
            r.InspectionResult(
                subject=identified.subject,
                scores=identified.scores,
                product_id=product_id,
                method=identified.method,
                confidence=identified.confidence,
                candidates=identified.candidates,
                order_line_id=identified.order_line_id,
                comparison=compared,
                product=facts_of(product) if product is not None else None,
                versions=versions,
                matter=identified.matter,
                scanned_product_id=identified.scanned_product_id,
                barcode_check=identified.barcode_check,
            ),
        )

    service.consume("captures.identified", compare)


async def _comparison(
    blobs: Blobs,
    cache: _Features,
    comparer: Comparer,
    identified: r.Identification,
    gallery: r.Gallery | None,
) -> r.Comparison | None:
    encoder = encoder_of(identified.versions)
    if gallery is None or gallery.encoder != encoder or not gallery.references:
        return None
    if not gallery.confirmed:  # first items of a product, of which nobody knows that they are pristine
        return None
    query = features.unpack(await blobs.get(identified.features_key))
    held = decide.most_alike(query.embeddings, gallery.references, MOST_REFERENCES)
    kept = await asyncio.gather(*(cache.get(reference.features_key) for reference in held))
    pictures = [decide.best_crop(query.embeddings, reference) for reference in kept]
    found = await comparer.compare(query.crops, pictures)
    return decide.comparison(found, held, gallery.version)


class _Features:
    """Reference features, the least recently used go first; references never change under their key."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: OrderedDict[str, features.Features] = OrderedDict()

    async def get(self, key: str) -> features.Features:
        kept = self._kept.get(key)
        if kept is None:
            kept = features.unpack(await self._blobs.get(key))
            self._kept[key] = kept
            if len(self._kept) > CACHED:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept
