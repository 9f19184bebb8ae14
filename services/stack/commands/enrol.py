"""`enrol`: pristine reference photos for a product's gallery."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.kernel import wire
from services.kernel.records import Product, Stage, Vendor
from services.stack.commands.submit import catalogued, products, send, station_of
from services.stack.enrolling import wait_until_enrolled
from services.stack.joining import Joined, join
from services.stack.observe import Observer
from services.stack.photos import read_photos
from services.stack.racks import Planned
from services.stack.world import publish

_WAIT_S = 60.0
_OWN_VENDOR = Vendor(vendor_id="own", name="Added by hand")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(enrol)


def enrol(
    images: Annotated[
        list[Path], typer.Argument(help="Photos of pristine units, each a reference of its own.")
    ],
    *,
    product: Annotated[str, typer.Option("--product", help="The product that they show.")],
    create: Annotated[
        bool, typer.Option("--create", help="Add the product to the catalogue where it is not in it yet.")
    ] = False,
) -> None:
    """Enrol pristine photos as references of a product (at most six are kept), and wait until they are."""
    console = Console(highlight=False, soft_wrap=True)
    joined = join()
    photos = [read_photos([path]) for path in images]
    if create and product not in products(joined):
        add(joined, product)
        console.print(f"{product} is in the catalogue now, with the barcode {product}")
    barcode = catalogued(joined, product).barcode
    planned = [
        Planned(
            item_id=f"ref-{product}-{uuid.uuid4().hex[:8]}"[:128],
            tote_id=None,
            station_id=station_of(joined),
            center_id="BER1",
            stage=Stage.RECEIVE,
            barcode=barcode,
            idempotency_key=f"enrol-{uuid.uuid4()}",
            photos=one,
            enrol_product_id=product,
        )
        for one in photos
    ]
    with Observer(joined.brokers, topics=["gallery.references"], new_only=True) as observer:
        wait_until_enrolled(observer, send(joined, planned), timeout_s=_WAIT_S)
        lists = [e.record for e in observer.observed() if e.topic == "gallery.references" and e.record]
        newest = [one for one in lists if one.product_id == product][-1]
    console.print(f"{product} has {len(newest.references)} references now (gallery version {newest.version})")


def add(joined: Joined, product_id: str) -> None:
    """Add a product of a made-up supplier to the catalogue."""
    row = Product(
        product_id=product_id,
        title=product_id,
        barcode=product_id,
        vendor_id=_OWN_VENDOR.vendor_id,
        category="unknown",
        material="other",
        unit_count=1,
        price_cents=1000,
        hazardous=False,
    )
    publish(
        joined.brokers,
        [
            ("vendors.profiles", _OWN_VENDOR.vendor_id.encode(), wire.encode(_OWN_VENDOR), []),
            ("catalog.products", product_id.encode(), wire.encode(row), []),
        ],
    )
