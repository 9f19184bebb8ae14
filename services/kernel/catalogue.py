"""What a catalogue row says of an item: the facts it is judged by, and whose barcode it should carry."""

from __future__ import annotations

from services.kernel import records as r


def facts_of(product: r.Product) -> r.ProductFacts:
    """The facts that events carry, as they are now."""
    return r.ProductFacts(
        vendor_id=product.vendor_id,
        category=product.category,
        material=product.material,
        unit_count=product.unit_count,
        price_cents=product.price_cents,
        hazardous=product.hazardous,
        contents=product.contents,
    )


def checked_barcode(
    barcode: str | None, scanned: str | None, product_id: str | None, *, compared: bool
) -> r.BarcodeCheck:
    """What the picture, or a person who looked, says of the scanned barcode.

    Args:
        barcode: as it was read, None if none was.
        scanned: the product that it belongs to, None if no product has it.
        product_id: what the item was found to be, None if nobody knows.
        compared: whether the item was held against references of `scanned`, or seen by a person.
    """
    if barcode is None:
        return r.BarcodeCheck.NONE_READ
    if scanned is None:
        return r.BarcodeCheck.UNKNOWN
    if product_id == scanned:
        return r.BarcodeCheck.AGREES if compared else r.BarcodeCheck.UNCHECKED
    if product_id is not None:
        return r.BarcodeCheck.WRONG
    return r.BarcodeCheck.DOUBTED if compared else r.BarcodeCheck.UNCHECKED
