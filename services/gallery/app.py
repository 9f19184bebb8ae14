"""damage.assessments ─▶ gallery.sightings ─▶ gallery.ledgers (the state) ─▶ gallery.references and gallery.changes.

Assessments are keyed by item, galleries belong to a product: the first step lets go of every item that matches its
references, nearly all, and sends the others to their product's owner, who also takes captures to enrol
(gallery.enrolments) and people's commands (gallery.commands).

The ledger is the state. It holds how far it has read, so that what comes again changes nothing, and it is written
first: the gallery's row, the vector index and the change that tells of it (gallery.changes) follow from it alone. A
process that dies in between finds, with the next event of that product (the same one, since it was not committed), a
ledger whose version is ahead of the gallery's, and makes good.

References outlive the captures they were made from, so features and images are copied under keys of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import structlog

from services.gallery import decide, rulings
from services.gallery.ledger import Decided, gallery_of, opened, seen_by, version
from services.gallery.pictures import Pictures
from services.gallery.sightings import Limits, sightings
from services.gallery.trials import Looked
from services.kernel import records as r
from services.kernel.faults import MissingRow
from services.kernel.features import checked_embedding, unpack_embedding
from services.kernel.galleries import Galleries
from services.kernel.index import ReferenceIndex
from services.kernel.model_versions import encoder_of
from services.kernel.service import Event, Service
from services.kernel.triton import Comparer
from services.kernel.views import View

log = structlog.get_logger(__name__)

#: How long assessments are gathered: nobody waits, and together they cost less.
GATHER_S = 1.0


def build(
    service: Service,
    index: ReferenceIndex | None = None,
    pictures: Pictures | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Add the agents that find what bears on galleries, and that keep them. `clock`: now, UTC."""
    index = index or ReferenceIndex(service.settings.postgres.get_secret_value())
    service.on_start(index.start, index.close)
    service.ready_when("postgres", index.ready)
    limits = Limits.shipped()
    if pictures is None:
        comparer = Comparer(service.settings.triton, timeout_s=service.settings.triton_timeout_s)
        service.on_start(comparer.start, comparer.close)
        service.ready_when("triton", comparer.ready)
        pictures = Pictures(service.blobs, comparer, limits)
    catalog: View[r.Product] = service.view("catalog.products")
    books = _Books(service, index, pictures)

    async def tell(batch: Sequence[tuple[r.Assessment, Event]]) -> None:
        found = [s for a, _ in batch for s in sightings(a, books.gallery, limits)]
        await service.publish_all(("gallery.sightings", s.product_id, s) for s in found)

    async def weigh(sighting: r.Sighting, event: Event) -> None:
        async with books.of(event.key):
            ledger = await books.opened(event.key, sighting.encoder)
            looked = Looked(sighting=sighting)
            if decide.needs_picture(ledger, sighting, event.offset):
                looked = await pictures.look(sighting, ledger.trials)
            await books.settle(decide.weighed(ledger, looked, event.offset, clock()))

    async def enrol(inspection: r.Inspection, event: Event) -> None:
        product_id = event.key
        if catalog.get(product_id) is None:
            msg = f"product {product_id} is not in catalog.products; send it there, then retry"
            raise MissingRow("unknown_product", msg)
        checked_embedding(inspection.embedding)
        async with books.of(product_id):
            ledger = await books.opened(product_id, encoder_of(inspection.versions))
            key = await pictures.enrolled(product_id, inspection)
            decided = decide.enrolled(ledger, inspection, key, clock())
            await books.settle(decided)
            if decided is None and ledger.steps:
                await books.index(
                    gallery_of(ledger)
                )  # also a database that was emptied is filled by a replay

    async def obey(command: r.GalleryCommand, event: Event) -> None:
        async with books.of(event.key):
            ledger = await books.opened(event.key)
            await books.settle(rulings.commanded(ledger, command, clock()))

    service.consume_batches("damage.assessments", tell, within_s=GATHER_S)
    service.consume("gallery.sightings", weigh)
    service.consume("gallery.enrolments", enrol)
    service.consume("gallery.commands", obey)


class _Books:
    """Each product's ledger, and all that follows from it."""

    def __init__(self, service: Service, index: ReferenceIndex, pictures: Pictures) -> None:
        self._service = service
        self._pictures = pictures
        self._vectors = index
        self._ledgers: View[r.GalleryLedger] = service.view("gallery.ledgers")
        self._galleries = Galleries(service)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, product_id: str) -> AbstractAsyncContextManager[None]:
        """Sightings, enrolments and commands of one product change its ledger one after the other."""
        return self._locks.setdefault(product_id, asyncio.Lock())

    def gallery(self, product_id: str) -> r.Gallery | None:
        """The gallery as others see it."""
        return self._galleries.lists.get(product_id)

    async def opened(self, product_id: str, encoder: str = "") -> r.GalleryLedger:
        """The ledger as this encoder sees the references, after what was left undone by a process that died."""
        gallery = self.gallery(product_id)
        ledger = self._ledgers.get(product_id) or opened(product_id, gallery)
        if version(ledger) > (gallery.version if gallery is not None else 0):
            await self._tell(ledger)
        return seen_by(ledger, self._galleries.of(product_id, encoder))

    async def settle(self, decided: Decided | None) -> None:
        """Write what was decided, and make what follows from it."""
        if decided is None:
            return
        ledger = decided.ledger
        await self._pictures.promoted(decided.copies)
        for change in decided.changes:
            await self._publish(change)
        await self._service.write(self._ledgers, ledger.product_id, ledger)
        if decided.moved:
            await self._tell(ledger)

    async def _tell(self, ledger: r.GalleryLedger) -> None:
        gallery = gallery_of(ledger)
        if ledger.newest is not None:
            await self._publish(ledger.newest)
        await self.index(gallery)
        await self._service.write(self._galleries.lists, ledger.product_id, gallery)

    async def index(self, gallery: r.Gallery) -> None:
        """Make the index hold what the gallery holds."""
        references = [(str(ref.reference_id), unpack_embedding(ref.embedding)) for ref in gallery.references]
        await self._vectors.replace(gallery.encoder, gallery.product_id, references)

    async def _publish(self, change: r.GalleryChange) -> None:
        log.info(
            "gallery",
            product=change.product_id,
            happened=change.event,
            cause=change.cause,
            version=change.version,
            reason=change.reason,
        )
        await self._service.publish("gallery.changes", change.product_id, change)
