"""inspection.results + policies, vendors, orders, catalogue, review.labels ─▶ damage.assessments and damage.events.

The state, each item's newest assessment, is the topic damage.assessments itself: both inputs and the output are keyed
by item with equal partition counts, so whoever owns an item's inputs owns its state.

As of when: a capture is judged by the reference rows that are there at the moment it is judged, all read in one go, and
says which (`versions`). A row that changes later changes nothing that was judged, and a replay finds the judgement in
the state and makes none. A supplier that is missing is waited for, then the capture is quarantined; a policy that is
missing or deleted is as if it had never been, and so is an order line: then nobody knows of a gift.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.assess import decide, labels
from services.assess.identity import Correction, as_known
from services.assess.memory import Memory, forgotten_label
from services.assess.revisions import made_before
from services.kernel import lines, telemetry, wire
from services.kernel import records as r
from services.kernel.calibration import calibrations
from services.kernel.catalogue import facts_of
from services.kernel.faults import MissingRow
from services.kernel.model_versions import classifier_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.kernel.service import Event, Service
    from services.kernel.views import View


def _now() -> datetime:
    return datetime.now(UTC)


def _unpack(packed: bytes) -> r.Assessment:
    found: r.Assessment = wire.decode(r.Assessment, packed)
    return found


def _as_shown(known: r.Assessment, product: r.Product) -> r.InspectionResult:
    """What the models said of an item's newest picture, as a picture of this product that has no references."""
    return r.InspectionResult(
        subject=known.subject,
        scores=known.scores,
        product_id=product.product_id,
        method=r.IdentityMethod.NONE,
        confidence=0.0,
        product=facts_of(product),
        matter=known.matter,
    )


class _Rows:
    """The reference topics that judgements meet."""

    def __init__(self, service: Service) -> None:
        self._policies: View[r.Policy] = service.view("policies.tolerability")
        self._vendors: View[r.Vendor] = service.view("vendors.profiles")
        self._lines: View[r.OrderLine] = service.view("orders.lines")
        self._catalog: View[r.Product] = service.view("catalog.products")
        self._manifests: View[r.Manifest] = service.view("totes.manifests")
        self._dealt: View[r.ToteLines] = service.view("totes.lines")

    def of(self, result: r.InspectionResult) -> decide.Rows:
        """What a capture meets now.

        Raises:
            MissingRow: its supplier has no row yet.
        """
        versions = {}
        if result.product is not None:
            versions["row.vendors.profiles"] = self._vendor(result.product.vendor_id)
        line_id = result.order_line_id
        if line_id is not None:
            versions["row.orders.lines"] = self._lines.version(line_id)
        return decide.Rows(
            policies=self._policies,
            policy_row=self._policies.version,
            line=self._lines.get(line_id),
            versions=versions,
        )

    def _vendor(self, vendor_id: str) -> str:
        if self._vendors.get(vendor_id) is None:
            msg = f"vendor {vendor_id} is not in vendors.profiles; send it there, then retry"
            raise MissingRow("unknown_vendor", msg)
        return self._vendors.version(vendor_id)

    def correction(self, label: r.Label, known: r.Assessment, scale: decide.Scale) -> Correction | None:
        """The product that a person says it is, with the rows it meets; None if they say nothing of it.

        Its order line is what the tote's manifest wants that product for, as the tote stands now.

        Raises:
            MissingRow: it or its supplier has no row yet.
        """
        if label.product_id is None:
            return None
        product = self._catalog.get(label.product_id)
        if product is None:
            msg = f"product {label.product_id} is not in catalog.products; send it there, then retry"
            raise MissingRow("unknown_product", msg)
        tote_id = known.subject.tote_id
        manifest = self._manifests.get(tote_id)
        line_id, _ = lines.assign(manifest, self._dealt.get(tote_id), known.item_id, product.product_id)
        line = self._lines.get(line_id)
        versions = {
            "row.catalog.products": self._catalog.version(product.product_id),
            "row.vendors.profiles": self._vendor(product.vendor_id),
        }
        if manifest is not None:
            versions["row.totes.manifests"] = self._manifests.version(manifest.tote_id)
        if line_id is not None:
            versions["row.orders.lines"] = self._lines.version(line_id)
        return Correction(
            product=product,
            evidence=scale.evidence(_as_shown(known, product)),
            order_line_id=line_id,
            gift=line is not None and line.gift,
            policies=self._policies,
            policy_row=self._policies.version,
            versions=versions,
        )


def build(service: Service, clock: Callable[[], datetime] = _now) -> None:
    """Add the agents that judge captures and take labels."""
    rows = _Rows(service)
    memory = Memory(wire.encode, _unpack, clock)
    # The view only follows the topic; what it reads is kept by time, in the memory.
    items: View[r.Assessment] = service.view("damage.assessments", limit=1, on_packed=memory.note)
    calibration_of = calibrations(service.view("models.versions"))

    def scale_of(seen: r.InspectionResult | r.Assessment) -> decide.Scale:
        weights = calibration_of(classifier_of(seen.versions))
        return decide.Scale(weights=weights, prior=service.settings.damage_prior)

    barcodes = telemetry.meter().create_counter(
        "intact.assess.barcodes",
        description="Captures by station and by what the picture says of their barcode.",
    )

    async def publish(assessment: r.Assessment) -> None:
        told = decide.event_for(assessment)
        if told is not None:
            await service.publish("damage.events", assessment.item_id, told)
        await service.write(items, assessment.item_id, assessment)

    async def judge(result: r.InspectionResult, _: Event) -> None:
        subject = result.subject
        known = memory.get(subject.item_id)
        if made_before(known, subject.capture_id):
            # Judged before; a crash came before the commit. Its effects are acknowledged, or `known` would not be
            # there. It is not judged again, whatever rows say by now.
            return
        result = as_known(result, known)
        first = 1 if known else memory.first_revision(subject.item_id, subject.capture_id)
        await publish(
            decide.from_result(result, known, rows.of(result), scale_of(result), clock(), first=first)
        )
        barcodes.add(1, {"station": subject.station_id, "check": result.barcode_check})

    async def relabel(label: r.Label, _: Event) -> None:
        known = memory.get(label.item_id)
        if known is None:
            if memory.forgot(label.item_id):
                raise forgotten_label(label.item_id)
            msg = f"item {label.item_id} has no assessment: it was never seen; check the item id"
            raise MissingRow("unknown_item", msg)
        if not made_before(known, label.label_id):
            correction = rows.correction(label, known, scale_of(known))
            await publish(labels.from_label(label, known, clock(), correction))

    service.consume("inspection.results", judge)
    service.consume("review.labels", relabel)
