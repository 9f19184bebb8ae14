from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.identify.app import build
from services.kernel import records as r
from services.kernel.faults import MissingRow
from services.kernel.features import pack, pack_embedding
from services.kernel.verification import Held
from tests.fakes import FakeIndex, FakeService
from tests.samples import ENCODER, NOON, inspection, product, subject, uid


def axis(n: int) -> bytes:
    embedding = np.zeros(256, np.float32)
    embedding[n] = 1
    return pack_embedding(embedding)


class FakeVerifier:
    """Finds the product that it was told to in the capture's pictures, and remembers what it was shown."""

    versions = {"model.product_verification": "1+v"}  # noqa: RUF012 (never changed)

    def __init__(self, shows: str | None = None) -> None:
        self.shows = shows
        self.shown: list[tuple[tuple[bytes, ...], list[str]]] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool:
        return True

    async def verify(self, query: tuple[bytes, ...], held: list[Held]) -> np.ndarray[Any, Any]:
        self.shown.append((query, [one.product_id for one in held]))
        plainly = np.array([3.5, 3.0, 0.0, 1.0, 0.8, 0.8], np.float32)
        return np.stack([plainly * (one.product_id == self.shows) for one in held])


def made(
    found: list[tuple[str, float]] | None = None, verifier: FakeVerifier | None = None
) -> tuple[FakeService, FakeIndex]:
    """A catalogue of P1 to P3; the pictures of Pn lie on axis n."""
    service, index = FakeService("identify"), FakeIndex(found or [])
    fake: Any = service
    build(fake, index, verifier or FakeVerifier())  # type: ignore[arg-type]
    service.blobs.stored = {
        key: pack(np.zeros((1, 256)), [b"a crop"]) for key in ("f", "features/20260301/a.icf")
    }
    for n in (1, 2, 3):
        service.row("catalog.products", f"P{n}", product(f"P{n}"))
        reference = r.Reference(
            reference_id=uid(str(n)), features_key="f", embedding=axis(n), enrolled_at=NOON
        )
        gallery = r.Gallery(product_id=f"P{n}", version=1, encoder=ENCODER, references=(reference,))
        service.row("gallery.references", f"P{n}", gallery, offset=40 + n)
    entry = r.ManifestEntry(product_id="P2", order_line_id="L2", quantity=1)
    service.row("totes.manifests", "T1", r.Manifest(tote_id="T1", entries=(entry,)), offset=7)
    return service, index


async def identified(service: FakeService, shows: int, **given: Any) -> r.Identification:
    await service.give("captures.inspected", inspection(subject(**given), embedding=axis(shows)))
    newest: r.Identification = service.sent_to("captures.identified")[-1]
    return newest


async def test_a_barcode_that_agrees_with_the_picture_names_the_product() -> None:
    service, index = made()
    found = await identified(service, 1, barcode="barcode of P1")
    assert (found.product_id, found.method) == ("P1", r.IdentityMethod.BARCODE)
    assert service.keys_of("captures.identified") == ["P1"]
    assert not index.asked


async def test_a_manifest_overrules_a_wrong_barcode_and_gives_the_order_line() -> None:
    service, _ = made()
    found = await identified(service, 2, barcode="barcode of P1", tote_id="T1")
    assert (found.product_id, found.method, found.order_line_id) == ("P2", r.IdentityMethod.MANIFEST, "L2")
    assert found.versions["row.totes.manifests"] == "0@7"
    assert found.versions["row.gallery.references"] == "0@42"


async def test_each_encoder_meets_the_references_as_it_sees_them() -> None:
    """Another encoder's picture of P1 lies on axis 7; its references, in its own embedding, do too."""
    service, index = made()
    reference = r.Reference(reference_id=uid("1"), features_key="g", embedding=axis(7), enrolled_at=NOON)
    seen = r.Gallery(product_id="P1", version=1, encoder="101+new", references=(reference,))
    service.row("gallery.encodings", "P1|101+new", seen, offset=5)
    picture = inspection(
        subject(barcode="barcode of P1"), embedding=axis(7), versions={"model.gallery_encoder": "101+new"}
    )
    await service.give("captures.inspected", picture)
    (new,) = service.sent_to("captures.identified")
    assert (new.product_id, new.confidence) == ("P1", 1.0)
    assert new.versions["row.gallery.encodings"] == "0@5"
    old = await identified(service, 1, barcode="barcode of P1")
    assert (old.product_id, old.confidence) == ("P1", 1.0)
    assert old.versions["row.gallery.references"] == "0@41"
    assert not index.asked


async def test_a_wrong_barcode_without_a_manifest_is_searched_for_within_one_encoder_version() -> None:
    service, index = made([("P3", 0.9)])
    found = await identified(service, 3, barcode="barcode of P1")
    assert (found.product_id, found.method, found.order_line_id) == ("P3", r.IdentityMethod.SEARCH, None)
    assert index.asked == [ENCODER]


async def test_likeness_that_leaves_doubt_is_settled_by_laying_references_over_the_pictures() -> None:
    verifier = FakeVerifier(shows="P1")
    service, _ = made([("P3", 0.3), ("P1", 0.28)], verifier)
    found = await identified(service, 9)
    assert (found.product_id, found.method) == ("P1", r.IdentityMethod.SEARCH)
    assert verifier.shown == [((b"a crop",), ["P3", "P1"])]
    assert found.versions["model.product_verification"] == "1+v"
    assert found.versions["identity"]


async def test_what_barcode_manifest_or_likeness_settle_is_not_looked_at_closely() -> None:
    verifier = FakeVerifier()
    service, _ = made([("P3", 0.9)], verifier)
    await identified(service, 1, barcode="barcode of P1")
    await identified(service, 2, tote_id="T1")
    found = await identified(service, 3)
    assert not verifier.shown
    assert "model.product_verification" not in found.versions


async def test_an_unknown_product_goes_on_under_its_item_with_its_candidates() -> None:
    service, _ = made([("P3", 0.1), ("P1", 0.05)])
    found = await identified(service, 9, barcode="a barcode of nobody")
    assert (found.product_id, found.method) == (None, r.IdentityMethod.NONE)
    assert [c.product_id for c in found.candidates] == ["P3", "P1"]
    assert service.keys_of("captures.identified") == ["item-1"]


async def test_a_tote_without_a_manifest_is_waited_for() -> None:
    service, _ = made()
    with pytest.raises(MissingRow, match="T9 has no manifest") as caught:
        await identified(service, 1, tote_id="T9")
    assert caught.value.reason == "unknown_tote"
    assert not service.sent


async def test_a_barcode_follows_the_catalogue() -> None:
    service, _ = made()
    service.row("catalog.products", "P1", product("P1", barcode="new"), offset=1)
    assert (await identified(service, 1, barcode="new")).method is r.IdentityMethod.BARCODE
    assert (await identified(service, 1, barcode="barcode of P1")).method is r.IdentityMethod.NONE
    service.row("catalog.products", "P1", None, offset=2)
    assert (await identified(service, 1, barcode="new")).method is r.IdentityMethod.NONE


async def test_a_barcode_that_moved_to_another_product_stays_with_it() -> None:
    service, _ = made()
    service.row("catalog.products", "P2", product("P2", barcode="barcode of P1"), offset=1)
    service.row("catalog.products", "P1", product("P1", barcode="new"), offset=2)
    assert (await identified(service, 2, barcode="barcode of P1")).product_id == "P2"


# -- the barcode held against the picture -------------------------------------------------------------------------


async def test_a_wrong_barcode_is_reported_with_the_product_that_was_scanned() -> None:
    service, _ = made([("P3", 0.9)])
    for shows, given in ((2, {"tote_id": "T1"}), (3, {})):
        found = await identified(service, shows, barcode="barcode of P1", **given)
        assert (found.barcode_check, found.scanned_product_id) == (r.BarcodeCheck.WRONG, "P1")


async def test_a_right_one_is_reported_as_right_and_one_of_nobody_as_unknown() -> None:
    service, _ = made()
    assert (await identified(service, 1, barcode="barcode of P1")).barcode_check is r.BarcodeCheck.AGREES
    assert (await identified(service, 2, barcode="12", tote_id="T1")).barcode_check is r.BarcodeCheck.UNKNOWN
    assert (await identified(service, 9, barcode="barcode of P1")).barcode_check is r.BarcodeCheck.DOUBTED


async def test_a_barcode_whose_product_has_no_references_is_believed_and_called_unchecked() -> None:
    service, _ = made()
    service.row("catalog.products", "NEW", product("NEW"))
    found = await identified(service, 9, barcode="barcode of NEW")
    assert (found.product_id, found.barcode_check) == ("NEW", r.BarcodeCheck.UNCHECKED)


# -- two order lines of one product -------------------------------------------------------------------------------


def twice(service: FakeService) -> None:
    """A tote that holds P2 for two order lines."""
    entries = tuple(r.ManifestEntry(product_id="P2", order_line_id=line, quantity=1) for line in ("L2", "L5"))
    service.row("totes.manifests", "T2", r.Manifest(tote_id="T2", entries=entries))


async def test_two_items_of_a_product_that_is_ordered_twice_are_for_one_line_each() -> None:
    service, _ = made()
    twice(service)
    lines = [
        (await identified(service, 2, item_id=item, tote_id="T2")).order_line_id for item in ("a", "b", "a")
    ]
    assert lines == ["L2", "L5", "L2"]
    assert service.keys_of("totes.lines") == ["T2", "T2"]  # nothing is written for what is known


async def test_what_was_dealt_is_dealt_the_same_way_after_a_restart_and_is_known_before_it_is_told() -> None:
    first, _ = made()
    twice(first)
    await identified(first, 2, item_id="a", tote_id="T2")
    assert [s.topic for s in first.sent] == ["totes.lines", "captures.identified"]
    again, _ = made()
    twice(again)
    again.row("totes.lines", "T2", first.sent_to("totes.lines")[-1])
    assert (await identified(again, 2, item_id="a", tote_id="T2")).order_line_id == "L2"
    assert (await identified(again, 2, item_id="b", tote_id="T2")).order_line_id == "L5"


async def test_a_tote_whose_products_are_ordered_once_costs_no_row() -> None:
    service, _ = made()
    await identified(service, 2, tote_id="T1")
    assert not service.sent_to("totes.lines")
