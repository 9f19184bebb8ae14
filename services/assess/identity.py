"""Which product an item is, and for which order line.

A person's word stands against whatever later pictures seem to show: damage comes and goes between two looks, a product
does not. What was seen of another product's references and asked for another order line is taken back with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.assess.checks import check_facts
from services.assess.tolerance import Evidence
from services.kernel import records as r
from services.kernel.catalogue import checked_barcode, facts_of

#: Order lines that an item is remembered to have been for: each is told that it is not any more.
LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What an item really is, as a person said, with the rows that say so at that moment.

    `evidence`: what the models say of the newest picture if it shows that product, without references. `order_line_id`:
    what the tote's manifest wants this product for; None if it wants none: then the line that the item was taken for
    still waits for its own product.
    `versions`: of the rows used (partition@offset).
    """

    product: r.Product
    evidence: Evidence
    order_line_id: str | None = None
    gift: bool = False
    policies: Iterable[r.Policy] = ()
    policy_row: Callable[[str], str] = lambda _: "none"
    versions: Mapping[str, str] = field(default_factory=dict)


def as_known(result: r.InspectionResult, known: r.Assessment | None) -> r.InspectionResult:
    """A capture's result with what is known of the item already.

    Its product is the one that a person said it is. Its order line stays where this capture does not know one, as in
    a picture that was taken outside a tote.
    """
    if known is None:
        return result
    if known.identified_by is not None and result.product_id != known.product_id:
        result = dataclasses.replace(
            result,
            product_id=known.product_id,
            product=known.product,
            order_line_id=known.order_line_id,
            comparison=None,
        )
    if known.identified_by is not None:
        result = dataclasses.replace(result, barcode_check=_checked_by_a_person(result, known.product_id))
    same = result.product_id in {None, known.product_id}
    if result.order_line_id is None and same:
        result = dataclasses.replace(result, order_line_id=known.order_line_id)
    return result


def former_lines(known: r.Assessment | None, line: str | None) -> tuple[str, ...]:
    """The order lines that the item was taken to be for before, now that it is for `line`."""
    if known is None:
        return ()
    return _without((*known.former_order_line_ids, known.order_line_id), line)


def _without(lines: Iterable[str | None], line: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in lines if each is not None and each != line))[-LINES:]


def corrected(known: r.Assessment, label: r.Label, correction: Correction) -> dict[str, Any]:
    """What a person's word on the product changes in an assessment.

    Raises:
        DataFault: a fact of the catalogue is impossible.
    """
    product = correction.product
    facts = facts_of(product)
    check_facts(product.product_id, facts)
    check = _checked_by_a_person(known, product.product_id)
    said: dict[str, Any] = {
        "identified_by": label.annotator,
        "identified_at": label.labelled_at,
        "barcode_check": check,
        "outcome": dataclasses.replace(known.outcome, wrong_barcode=check is r.BarcodeCheck.WRONG),
    }
    if product.product_id == known.product_id:
        return said
    line = correction.order_line_id or known.order_line_id
    return said | {
        "product_id": product.product_id,
        "product": facts,
        "expected_units": product.unit_count,
        "order_line_id": line,
        "former_order_line_ids": former_lines(known, line),
        "gift": correction.gift if correction.order_line_id is not None else known.gift,
        "comparison": None,  # it was made against another product's references
        "versions": {**known.versions, **correction.versions},
        "outcome": dataclasses.replace(
            said["outcome"],
            vendor_id=product.vendor_id,
            product_id=product.product_id,
            material=product.material,
        ),
    }


def _checked_by_a_person(about: r.InspectionResult | r.Assessment, product_id: str | None) -> r.BarcodeCheck:
    scanned, barcode = about.scanned_product_id, about.subject.barcode
    return checked_barcode(barcode, scanned, product_id, compared=True)
