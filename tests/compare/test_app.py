from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.compare.app import build
from services.kernel import features
from services.kernel import records as r
from services.kernel.faults import MissingRow
from tests.fakes import FakeService
from tests.samples import ENCODER, NOON, product, scores, subject, uid

RANDOM = np.random.default_rng(3)
SEEN = RANDOM.normal(size=(2, 49, 64))
PATCHES = (SEEN / np.linalg.norm(SEEN, axis=-1, keepdims=True)).astype(np.float16)


def identification(**given: Any) -> r.Identification:
    return r.Identification(
        **{
            "subject": subject(),
            "scores": scores(),
            "features_key": "features/query.ipf",
            "product_id": "P1",
            "method": r.IdentityMethod.BARCODE,
            "confidence": 0.9,
            "order_line_id": "L1",
            "versions": {"model.gallery_encoder": ENCODER},
            **given,
        }
    )


def made(encoder: str = ENCODER, shapes: tuple[int, ...] = (2, 2)) -> FakeService:
    """P1 has one reference for each entry of `shapes`, its number of images."""
    service = FakeService("compare")
    fake: Any = service
    build(fake)
    service.row("catalog.products", "P1", product("P1", vendor_id="V7", price_cents=1234))
    service.blobs.stored["features/query.ipf"] = features.pack(PATCHES)
    references = []
    for n, images in enumerate(shapes):
        key = f"references/{n}.ipf"
        service.blobs.stored[key] = features.pack(PATCHES[:images])
        references.append(
            r.Reference(reference_id=uid(key), features_key=key, embedding=b"", enrolled_at=NOON)
        )
    gallery = r.Gallery(product_id="P1", version=5, encoder=encoder, references=tuple(references))
    service.row("gallery.references", "P1", gallery)
    return service


async def compared(service: FakeService, identified: r.Identification) -> r.InspectionResult:
    await service.give("captures.identified", identified)
    newest: r.InspectionResult = service.sent_to("inspection.results")[-1]
    return newest


async def test_the_result_carries_the_comparison_and_the_catalogues_facts_and_goes_by_item() -> None:
    service = made()
    found = await compared(service, identification())
    assert found.comparison is not None
    assert (found.comparison.references, found.comparison.gallery_version) == (2, 5)
    assert found.comparison.foreign < 0.01
    assert len(found.comparison.heat) == 2 * 49
    assert found.product is not None
    assert (found.product.vendor_id, found.product.price_cents) == ("V7", 1234)
    assert found.order_line_id == "L1"
    assert service.keys_of("inspection.results") == ["item-1"]


async def test_only_references_that_were_compared_are_counted() -> None:
    found = await compared(made(shapes=(2, 1)), identification())
    assert found.comparison is not None
    assert found.comparison.references == 1


@pytest.mark.parametrize("service", [made(encoder="2+other"), made(shapes=()), made(shapes=(1,))])
async def test_without_references_that_fit_there_is_no_comparison(service: FakeService) -> None:
    assert (await compared(service, identification())).comparison is None


async def test_an_unknown_product_goes_on_without_facts() -> None:
    found = await compared(made(), identification(product_id=None, method=r.IdentityMethod.NONE))
    assert (found.product, found.comparison, found.product_id) == (None, None, None)


async def test_a_product_that_the_catalogue_does_not_have_yet_is_waited_for() -> None:
    service = made()
    with pytest.raises(MissingRow, match=r"P2 is not in catalog\.products"):
        await compared(service, identification(product_id="P2"))
    assert not service.sent


async def test_features_of_a_reference_are_read_once() -> None:
    service = made()
    for _ in range(3):
        await compared(service, identification())
    assert service.blobs.reads.count("references/0.ipf") == 1
    assert service.blobs.reads.count("features/query.ipf") == 3
