from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from services.compare.app import build
from services.kernel import features
from services.kernel import records as r
from services.kernel.faults import MissingRow
from services.kernel.sight import Difference
from tests.fakes import FakeService
from tests.samples import ENCODER, NOON, contents, matter, product, scores, subject, uid

AXES = np.eye(8, 256, dtype=np.float32)
CROPS = (b"top", b"side")


class FakeComparer:
    """Sees no difference, and remembers what it was shown."""

    versions = {"model.gallery_comparison": "1+c"}  # noqa: RUF012 (never changed)

    def __init__(self) -> None:
        self.shown: list[tuple[tuple[bytes, ...], list[bytes]]] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool:
        return True

    async def compare(self, query: tuple[bytes, ...], references: Sequence[bytes]) -> Difference:
        self.shown.append((query, list(references)))
        return Difference(
            changed=-4.0,
            missing=-5.0,
            mismatch=-6.0,
            inliers=50,
            query=1,
            reference=len(references) - 1,
            heat=np.zeros((2, 16, 16), np.float16),
        )


def identification(**given: Any) -> r.Identification:
    return r.Identification(
        **{
            "subject": subject(),
            "scores": scores(),
            "features_key": "features/query.icf",
            "product_id": "P1",
            "method": r.IdentityMethod.BARCODE,
            "confidence": 0.9,
            "order_line_id": "L1",
            "versions": {"model.gallery_encoder": ENCODER},
            "matter": matter(),
            **given,
        }
    )


def made(encoder: str = ENCODER, references: int = 2) -> tuple[FakeService, FakeComparer]:
    """P1 has so many references, the last of them most like the capture."""
    service, comparer = FakeService("compare"), FakeComparer()
    fake: Any = service
    build(fake, comparer)  # type: ignore[arg-type]
    service.row(
        "catalog.products", "P1", product("P1", vendor_id="V7", price_cents=1234, contents=contents())
    )
    service.blobs.stored["features/query.icf"] = features.pack(AXES[[0, 1]], CROPS)
    held = []
    for n in range(references):
        key = f"references/{n}.icf"
        seen = AXES[0] * (n + 1) + AXES[2]
        seen /= np.linalg.norm(seen)
        service.blobs.stored[key] = features.pack(seen[None], [f"reference {n}".encode()])
        held.append(
            r.Reference(
                reference_id=uid(key),
                features_key=key,
                embedding=features.pack_embedding(seen),
                enrolled_at=NOON,
            )
        )
    gallery = r.Gallery(product_id="P1", version=5, encoder=encoder, references=tuple(held))
    service.row("gallery.references", "P1", gallery)
    return service, comparer


async def compared(service: FakeService, identified: r.Identification) -> r.InspectionResult:
    await service.give("captures.identified", identified)
    newest: r.InspectionResult = service.sent_to("inspection.results")[-1]
    return newest


async def test_the_result_carries_the_comparison_and_the_catalogues_facts_and_goes_by_item() -> None:
    service, comparer = made()
    found = await compared(service, identification())
    assert comparer.shown == [(CROPS, [b"reference 1", b"reference 0"])]
    assert found.comparison is not None
    assert (found.comparison.references, found.comparison.gallery_version) == (2, 5)
    assert found.comparison.foreign < 0.02
    assert found.comparison.reference_id == uid("references/0.icf")
    assert found.product is not None
    assert (found.product.vendor_id, found.product.price_cents) == ("V7", 1234)
    assert found.product.contents == contents()
    assert found.order_line_id == "L1"
    assert found.matter == matter()
    assert found.versions == {"model.gallery_encoder": ENCODER, "model.gallery_comparison": "1+c"}
    assert service.keys_of("inspection.results") == ["item-1"]


async def test_of_many_references_the_three_most_alike_are_sent() -> None:
    service, comparer = made(references=6)
    found = await compared(service, identification())
    assert comparer.shown[0][1] == [b"reference 5", b"reference 4", b"reference 3"]
    assert found.comparison is not None
    assert found.comparison.references == 3
    assert "references/0.icf" not in service.blobs.reads


@pytest.mark.parametrize("given", [{"encoder": "2+other"}, {"references": 0}])
async def test_without_references_of_this_encoder_nothing_is_compared(given: dict[str, Any]) -> None:
    service, comparer = made(**given)
    found = await compared(service, identification())
    assert found.comparison is None
    assert "model.gallery_comparison" not in found.versions
    assert not comparer.shown


async def test_a_capture_is_compared_with_the_references_as_its_own_encoder_sees_them() -> None:
    service, comparer = made()
    kept = service.views["gallery.references"].get("P1")
    assert kept is not None
    other = dataclasses.replace(kept, encoder="101+new", references=kept.references[:1])
    service.row("gallery.encodings", "P1|101+new", other)
    await compared(service, identification(versions={"model.gallery_encoder": "101+new"}))
    await compared(service, identification())
    assert [len(references) for _, references in comparer.shown] == [1, 2]


async def test_nothing_is_compared_with_references_that_nobody_has_confirmed() -> None:
    service, comparer = made()
    unsure = dataclasses.replace(service.views["gallery.references"].get("P1"), confirmed=False)
    service.row("gallery.references", "P1", unsure, offset=1)
    assert (await compared(service, identification())).comparison is None
    assert not comparer.shown


async def test_an_unknown_product_goes_on_without_facts() -> None:
    service, _ = made()
    found = await compared(service, identification(product_id=None, method=r.IdentityMethod.NONE))
    assert (found.product, found.comparison, found.product_id) == (None, None, None)


async def test_a_product_that_the_catalogue_does_not_have_yet_is_waited_for() -> None:
    service, _ = made()
    with pytest.raises(MissingRow, match=r"P2 is not in catalog\.products"):
        await compared(service, identification(product_id="P2"))
    assert not service.sent


async def test_features_of_a_reference_are_read_once() -> None:
    service, _ = made()
    for _ in range(3):
        await compared(service, identification())
    assert service.blobs.reads.count("references/0.icf") == 1
    assert service.blobs.reads.count("features/query.icf") == 3
