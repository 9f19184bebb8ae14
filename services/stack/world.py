"""A made-up business for the demo, the tests and the benchmarks: products, suppliers, orders, totes and policies.

The products are those of the sample, so that what a camera rack sends has rows to meet in every reference topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from services.kernel import wire
from services.kernel.records import (
    Manifest,
    ManifestEntry,
    OrderLine,
    Policy,
    Product,
    Vendor,
)
from services.kernel.topics import MESSAGE_MAX_BYTES
from services.stack.policies import DEFAULT_FILE, load
from services.stack.problems import Problem
from services.stack.sample import sample

CENTERS: Final = ("BER1", "LEJ1")
#: The supplier whose packaging tears: the one that should stand out in vendor.robustness.
FRAGILE_VENDOR: Final = "V04"
VENDORS: Final = tuple(f"V{number:02d}" for number in range(1, 7))
_NAMES: Final = (
    "Alder & Sons", "Birke Trading", "Cobalt Goods", "Dune Paperworks", "Esker Supply", "Fjord Wholesale",
)  # fmt: skip
_MOST_PER_TOTE: Final = 3
_PROMISED: Final = datetime(2030, 1, 1, tzinfo=UTC)

#: The file that ships, as its first version.
POLICIES: Final = tuple(replace(policy, version=1) for policy in load(DEFAULT_FILE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One product in one tote: what an item on the belt can be."""

    tote_id: str
    center_id: str
    product: Product
    order_line_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All reference rows, and where each product lies."""

    seed: int
    products: tuple[Product, ...]
    vendors: tuple[Vendor, ...]
    lines: tuple[OrderLine, ...]
    manifests: tuple[Manifest, ...]
    policies: tuple[Policy, ...]
    places: tuple[Place, ...]


def make_world(*, seed: int = 7, products: int = 24, totes: int = 60) -> World:
    """Make a world; the same arguments make the same one. Each tote holds one to three products, each ordered."""
    known = sample().products
    chosen = np.random.default_rng([seed]).permutation(len(known))[:products]
    # Suppliers are dealt out evenly.
    held = tuple(
        replace(known[int(k)], vendor_id=VENDORS[(place + place // len(VENDORS)) % len(VENDORS)])
        for place, k in enumerate(chosen)
    )
    places = tuple(_places(held, totes, np.random.default_rng([seed, totes])))
    return World(
        seed=seed,
        products=held,
        vendors=tuple(Vendor(vendor_id=v, name=n) for v, n in zip(VENDORS, _NAMES, strict=True)),
        lines=tuple(_line(number, place) for number, place in enumerate(places)),
        manifests=_manifests(places),
        policies=POLICIES,
        places=places,
    )


def _places(products: tuple[Product, ...], totes: int, rng: np.random.Generator) -> Iterator[Place]:
    number = 0
    deck: list[int] = []
    for tote in range(totes):
        count = min(len(products), 1 + int(rng.integers(_MOST_PER_TOTE)))
        chosen: list[int] = []
        while len(chosen) < count:
            # Dealt like cards, so that every product lies in some tote.
            deck = deck or [int(card) for card in rng.permutation(len(products))]
            card = deck.pop()
            if card not in chosen:
                chosen.append(card)
        for card in chosen:
            yield Place(
                tote_id=f"T{tote + 1:04d}",
                center_id=CENTERS[tote % len(CENTERS)],
                product=products[card],
                order_line_id=f"OL{number + 1:05d}",
            )
            number += 1


def _line(number: int, place: Place) -> OrderLine:
    return OrderLine(
        order_line_id=place.order_line_id,
        order_id=f"O{number // 2 + 1:05d}",
        product_id=place.product.product_id,
        quantity=1,
        promised_at=_PROMISED + timedelta(hours=number),
    )


def _manifests(places: tuple[Place, ...]) -> tuple[Manifest, ...]:
    entries: dict[str, list[ManifestEntry]] = {}
    for place in places:
        entry = ManifestEntry(
            product_id=place.product.product_id, order_line_id=place.order_line_id, quantity=1
        )
        entries.setdefault(place.tote_id, []).append(entry)
    return tuple(Manifest(tote_id=tote, entries=tuple(held)) for tote, held in entries.items())


def with_vendor(world: World, product_ids: Sequence[str], vendor_id: str) -> World:
    """The same business, but these products are this supplier's; it gives others of its own for them."""
    theirs = [p for p in world.products if p.product_id in product_ids and p.vendor_id != vendor_id]
    others = [p for p in world.products if p.product_id not in product_ids and p.vendor_id == vendor_id]
    moved = {p.product_id: replace(p, vendor_id=vendor_id) for p in theirs}
    moved |= {o.product_id: replace(o, vendor_id=p.vendor_id) for o, p in zip(others, theirs, strict=False)}
    return replace(
        world,
        products=tuple(moved.get(p.product_id, p) for p in world.products),
        places=tuple(
            replace(place, product=moved.get(place.product.product_id, place.product))
            for place in world.places
        ),
    )


def with_places(world: World, places: tuple[Place, ...]) -> World:
    """The same business with these places, and so these order lines and totes."""
    return replace(
        world,
        places=places,
        lines=tuple(_line(number, place) for number, place in enumerate(places)),
        manifests=_manifests(places),
    )


def rows(world: World) -> Iterator[tuple[str, str, Any]]:
    """Yield every row as (topic, key, record)."""
    yield from (("vendors.profiles", v.vendor_id, v) for v in world.vendors)
    yield from (("policies.tolerability", p.policy_id, p) for p in world.policies)
    yield from (("catalog.products", p.product_id, p) for p in world.products)
    yield from (("orders.lines", line.order_line_id, line) for line in world.lines)
    yield from (("totes.manifests", m.tote_id, m) for m in world.manifests)


def publish_world(world: World, brokers: str) -> int:
    """Send every row to its topic and wait for the broker; returns how many. Sent again, rows replace themselves.

    Raises:
        Problem: the broker did not take them all.
    """
    messages = [(topic, key.encode(), wire.encode(record)) for topic, key, record in rows(world)]
    publish(brokers, [(topic, key, value, []) for topic, key, value in messages])
    return len(messages)


#: Topic, key, value, headers.
Message = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]


def publish(brokers: str, messages: list[Message], *, timeout_s: float = 30.0) -> None:
    """Publish messages as the services do (same partitioner, acknowledged by all) and wait.

    Raises:
        Problem: the broker did not take them all.
    """
    from confluent_kafka import KafkaError, KafkaException, Producer
    from confluent_kafka import Message as KafkaMessage

    refused: list[str] = []

    def note(error: KafkaError | None, message: KafkaMessage) -> None:
        if error is not None:
            refused.append(f"{message.topic()}: {error.str()}")

    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "client.id": "intact-operator",
            "enable.idempotence": True,
            "acks": "all",
            "message.max.bytes": MESSAGE_MAX_BYTES,
            "delivery.timeout.ms": int(timeout_s * 1000),
            # The services' own: equal keys must meet in equal partitions.
            "partitioner": "murmur2_random",
        }
    )
    try:
        for topic, key, value, headers in messages:
            producer.produce(topic, value, key, headers=list(headers), on_delivery=note)
            producer.poll(0)
        left = producer.flush(timeout_s + 5)
    except (KafkaException, BufferError) as exc:
        raise Problem(f"Kafka at {brokers} did not take the events: {exc}") from exc
    if refused or left:
        raise Problem(f"Kafka at {brokers} did not take {len(refused) + left} events: {refused[:1]}")
