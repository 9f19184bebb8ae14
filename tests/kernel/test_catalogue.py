from __future__ import annotations

import pytest

from services.kernel.catalogue import checked_barcode, facts_of
from services.kernel.records import BarcodeCheck
from tests.samples import facts, product


@pytest.mark.parametrize(
    ("barcode", "scanned", "product_id", "compared", "found"),
    [
        (None, None, "P1", False, BarcodeCheck.NONE_READ),
        ("400", None, "P1", False, BarcodeCheck.UNKNOWN),
        ("400", "P1", "P1", True, BarcodeCheck.AGREES),
        ("400", "P1", "P1", False, BarcodeCheck.UNCHECKED),
        ("400", "P1", "P2", True, BarcodeCheck.WRONG),
        ("400", "P1", "P2", False, BarcodeCheck.WRONG),
        ("400", "P1", None, True, BarcodeCheck.DOUBTED),
        ("400", "P1", None, False, BarcodeCheck.UNCHECKED),
    ],
)
def test_what_the_picture_says_of_the_barcode(
    barcode: str | None,
    scanned: str | None,
    product_id: str | None,
    compared: bool,  # noqa: FBT001
    found: BarcodeCheck,
) -> None:
    assert checked_barcode(barcode, scanned, product_id, compared=compared) is found


def test_facts_are_those_of_the_catalogue_row() -> None:
    given = {"vendor_id": "V9", "unit_count": 4, "price_cents": 7, "hazardous": True, "category": "book"}
    assert facts_of(product("P1", **given)) == facts(**given)
