from __future__ import annotations

from typing import Any

from services.kernel import records as r
from services.kernel.galleries import Galleries
from tests.fakes import FakeService

OLD, NEW = "1+aaaaaaaaaaaa", "101+bbbbbbbbbbbb"


def made() -> tuple[FakeService, Galleries]:
    service = FakeService("identify")
    fake: Any = service
    return service, Galleries(fake)


def gallery(encoder: str, version: int = 1) -> r.Gallery:
    return r.Gallery(product_id="P1", version=version, encoder=encoder)


def test_a_product_without_references_has_none_for_any_encoder() -> None:
    _, galleries = made()
    assert galleries.of("P1", OLD) is None
    assert galleries.of(None, OLD) is None
    assert galleries.row("P1", OLD) == ("row.gallery.references", "none")


def test_each_encoder_finds_the_list_in_its_own_embedding() -> None:
    service, galleries = made()
    service.row("gallery.references", "P1", gallery(OLD), offset=4)
    service.row("gallery.encodings", f"P1|{NEW}", gallery(NEW), offset=9)
    assert galleries.of("P1", OLD) == gallery(OLD)
    assert galleries.of("P1", NEW) == gallery(NEW)
    assert galleries.row("P1", OLD) == ("row.gallery.references", "0@4")
    assert galleries.row("P1", NEW) == ("row.gallery.encodings", "0@9")


def test_the_list_itself_goes_before_an_older_encoding_of_it() -> None:
    service, galleries = made()
    service.row("gallery.encodings", f"P1|{NEW}", gallery(NEW, version=1))
    service.row("gallery.references", "P1", gallery(NEW, version=2))
    found = galleries.of("P1", NEW)
    assert found is not None
    assert found.version == 2


def test_an_encoder_that_nothing_was_embedded_with_finds_nothing() -> None:
    service, galleries = made()
    service.row("gallery.references", "P1", gallery(OLD))
    assert galleries.of("P1", NEW) is None
