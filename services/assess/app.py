"""inspection.results + policies, vendors, review.labels ─▶ damage.assessments and damage.events.

The state, each item's newest assessment, is the topic damage.assessments itself: both inputs and the output are keyed
by item with equal partition counts, so whoever owns an item's inputs owns its state.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from services.assess import decide
from services.kernel import records as r
from services.kernel.faults import MissingRow

if TYPE_CHECKING:
    from services.kernel.service import Event, Service
    from services.kernel.views import View

#: Items whose newest assessment is kept in memory (about 2 KiB each); a label for an older one is quarantined.
ITEMS = 200_000


def fusion() -> decide.Fusion:
    """The shipped fusion weights."""
    return decide.Fusion(**json.loads((Path(__file__).parent / "fusion.json").read_text())["weights"])


def build(service: Service) -> None:
    """Add the agents that judge captures and take labels."""
    policies: View[r.Policy] = service.view("policies.tolerability")
    vendors: View[r.Vendor] = service.view("vendors.profiles")
    items: View[r.Assessment] = service.view("damage.assessments", limit=ITEMS)
    weights = fusion()

    async def publish(assessment: r.Assessment) -> None:
        told = decide.event_for(assessment)
        if told is not None:
            await service.publish("damage.events", assessment.item_id, told)
        await service.write(items, assessment.item_id, assessment)

    async def judge(result: r.InspectionResult, _: Event) -> None:
        vendor_id = result.product.vendor_id if result.product else None
        if vendor_id is not None and vendors.get(vendor_id) is None:
            msg = f"vendor {vendor_id} is not in vendors.profiles; send it there, then retry"
            raise MissingRow("unknown_vendor", msg)
        known = items.get(result.subject.item_id)
        if known is not None and decide.revision_for(known, result.subject.capture_id)[1]:
            # Judged before; a crash came before the commit. Its effects are acknowledged, or `known` would not be
            # there.
            return
        await publish(decide.from_result(result, known, policies, weights, datetime.now(UTC)))

    async def relabel(label: r.Label, _: Event) -> None:
        known = items.get(label.item_id)
        if known is None:
            msg = f"item {label.item_id} has no assessment (never seen, or older than {ITEMS} items); check the item id"
            raise MissingRow("unknown_item", msg)
        if not decide.revision_for(known, label.label_id)[1]:
            await publish(decide.from_label(label, known, datetime.now(UTC)))

    service.consume("inspection.results", judge)
    service.consume("review.labels", relabel)
