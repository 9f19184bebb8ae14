"""The table of topics is complete and consistent in itself."""

from __future__ import annotations

import pytest

from services.kernel import records, topics

#: Who takes part and is no service: the person at the command line, and the annotation terminal to come.
PEOPLE = {"operator", "review"}


@pytest.mark.parametrize("topic", topics.TOPICS, ids=lambda t: t.name)
def test_whoever_produces_consumes_or_views_is_a_service(topic: topics.Topic) -> None:
    assert topic.producers
    assert set(topic.producers) <= {*topics.SERVICES, *PEOPLE}
    assert {*topic.consumers, *topic.views} <= set(topics.SERVICES)


def test_every_service_but_the_gateway_consumes_something() -> None:
    consumers = {service for topic in topics.TOPICS for service in topic.consumers}
    assert consumers == set(topics.SERVICES) - {"station"}


def test_topic_names_are_unique_and_quarantines_exist_for_every_consumer() -> None:
    quarantines = {t.name: t for t in topics.quarantine_topics()}
    wanted = {topics.quarantine_topic(t.name, c): c for t in topics.TOPICS for c in t.consumers}
    assert {name: t.producers for name, t in quarantines.items()} == {n: (c,) for n, c in wanted.items()}
    assert {t.record for t in quarantines.values()} == {records.Quarantined}
    everything = [t.name for t in (*topics.TOPICS, *quarantines.values())]
    assert len(everything) == len(set(everything))


def test_joined_topics_have_equal_partition_counts() -> None:
    assert {t.partitions for t in topics.TOPICS} == {topics.PARTITIONS}


@pytest.mark.parametrize("topic", topics.TOPICS, ids=lambda t: t.name)
def test_broker_settings_bound_size_and_retention(topic: topics.Topic) -> None:
    settings = topics.config(topic)
    assert settings["max.message.bytes"] == str(topics.MESSAGE_MAX_BYTES)
    if topic.retention_ms is None:
        assert settings["cleanup.policy"] == "compact"
        assert "retention.ms" not in settings
    else:
        assert settings["cleanup.policy"] == "delete"
        assert int(settings["retention.ms"]) > 0


def test_nothing_that_is_consumed_event_by_event_is_compacted() -> None:
    assert [t.name for t in topics.TOPICS if t.retention_ms is None and t.consumers] == []
