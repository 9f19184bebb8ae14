from __future__ import annotations

import pytest

from services.kernel import wire
from services.stack.observe import Observer
from services.stack.reading import snapshot
from services.stack.world import make_world, publish, publish_world
from tests.conftest import LiveKafka
from tests.stack import sightings as s

pytestmark = pytest.mark.live


def test_an_observer_sees_what_was_there_before_it_and_what_cannot_be_decoded(live_kafka: LiveKafka) -> None:
    good = wire.encode(s.assessment(901))
    publish(
        live_kafka.brokers,
        [("damage.assessments", b"I901", good, []), ("damage.assessments", b"I901", b"no Avro", [])],
    )
    with Observer(live_kafka.brokers) as observer, Observer(live_kafka.brokers, new_only=True) as late:
        assert observer.wait(lambda o: o.counts()["damage.assessments"] >= 2, timeout_s=60)
        mine = [e for e in observer.observed() if e.key == b"I901"]
        assert [e.capture_id for e in mine] == [s.capture(901), None]
        assert mine[1].fault is not None
        assert observer.report([s.submitted(901)]).assessed == 1
        publish(live_kafka.brokers, [("damage.assessments", b"I902", wire.encode(s.assessment(902)), [])])
        assert late.wait(lambda o: bool(o.counts()), timeout_s=60)
        assert [e.key for e in late.observed()] == [b"I902"]


def test_a_world_reads_back_as_it_was_published(live_kafka: LiveKafka) -> None:
    world = make_world(products=6, totes=5)
    count = publish_world(world, live_kafka.brokers)
    topics = [
        "catalog.products",
        "vendors.profiles",
        "orders.lines",
        "totes.manifests",
        "policies.tolerability",
    ]
    found = snapshot(live_kafka.brokers, topics)
    assert len(found) >= count
    assert {p.product_id for p in world.products} <= {
        e.record.product_id for e in found if e.topic == "catalog.products"
    }


def test_an_empty_topic_is_read_at_once(live_kafka: LiveKafka) -> None:
    assert snapshot(live_kafka.brokers, ["damage.events"]) == []
