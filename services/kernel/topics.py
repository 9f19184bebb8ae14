"""The mesh as data: every topic with its record, key, partitions, retention, producers and consumers.

Tests hold the services, the schemas and the README's table against this.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.kernel import records as r
from services.kernel.faults import ConfigurationFault, DependencyFault

#: One limit for producers, topics, brokers, fetches and quarantine. Events are at most 4 KiB by design; the rest is
#: room for what should not happen, and for quarantined originals up to QUARANTINE_INLINE_BYTES.
MESSAGE_MAX_BYTES = 1_048_576
QUARANTINE_INLINE_BYTES = 65_536

#: Partitions of every keyed topic: joins need equal counts, so there is one number.
PARTITIONS = 4

HOUR = 3_600_000
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic. `retention_ms` None means compacted: the newest value of each key is kept."""

    name: str
    record: type[Any]
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    retention_ms: int | None = 7 * DAY
    partitions: int = PARTITIONS


def _flow(  # noqa: PLR0913 (one row of the table)
    name: str,
    record: type[Any],
    key: str,
    producers: tuple[str, ...],
    consumers: tuple[str, ...],
    views: tuple[str, ...] = (),
    *,
    days: int = 7,
) -> Topic:
    return Topic(
        name=name,
        record=record,
        key=key,
        producers=producers,
        consumers=consumers,
        views=views,
        retention_ms=days * DAY,
    )


def _table(
    name: str, record: type[Any], key: str, producers: tuple[str, ...], views: tuple[str, ...]
) -> Topic:
    return Topic(name=name, record=record, key=key, producers=producers, views=views, retention_ms=None)


#: `consumers` read a topic as a stream, `views` read it as a table from its beginning.
TOPICS: tuple[Topic, ...] = (
    _flow("station.captures", r.Capture, "tote, else item", ("station",), ("inspect",)),
    _flow("captures.inspected", r.Inspection, "tote, else item", ("inspect",), ("identify",)),
    _flow("captures.identified", r.Identification, "product, else item", ("identify",), ("compare",)),
    _flow("inspection.results", r.InspectionResult, "item", ("compare",), ("assess",)),
    _flow(
        "damage.assessments",
        r.Assessment,
        "item",
        ("assess",),
        ("sideline", "vendors", "gallery"),
        ("assess",),
        days=28,
    ),
    _flow("damage.events", r.DamageEvent, "item", ("assess",), (), days=28),
    _flow("sideline.candidates", r.Assessment, "center|stage", ("sideline",), ("sideline",)),
    _table("sideline.budgets", r.SidelineBudget, "center|stage|hour", ("sideline",), ("sideline",)),
    _flow("sideline.decisions", r.SidelineDecision, "item", ("sideline",), ()),
    _flow("sideline.commands", r.SidelineCommand, "item", ("sideline",), ("replace", "dispose", "calibrate")),
    _flow("replace.candidates", r.SidelineCommand, "order line", ("replace",), ("replace",)),
    _table("replacement.requests", r.ReplacementRequest, "order line", ("replace",), ("replace",)),
    _table("disposition.decisions", r.Disposition, "item", ("dispose",), ("dispose",)),
    _flow("vendors.partials", r.VendorPartial, "vendor|product", ("vendors",), ("vendors",)),
    _table("vendors.windows", r.VendorPartial, "vendor|product|window's slot", ("vendors",), ("vendors",)),
    _table(
        "vendor.robustness",
        r.VendorRobustness,
        "vendor|product|packaging|stage|window|start",
        ("vendors",),
        (),
    ),
    _flow("review.labels", r.Label, "item", ("review",), ("assess",), days=365),
    _flow("gallery.enrolments", r.Inspection, "product", ("inspect",), ("gallery",)),
    _flow("gallery.sightings", r.Sighting, "product", ("gallery",), ("gallery",)),
    _flow("gallery.commands", r.GalleryCommand, "product", ("operator",), ("gallery",), days=28),
    _table("gallery.ledgers", r.GalleryLedger, "product", ("gallery",), ("gallery",)),
    _flow("gallery.changes", r.GalleryChange, "product", ("gallery",), (), days=365),
    _table("gallery.references", r.Gallery, "product", ("gallery",), ("gallery", "identify", "compare")),
    _table(
        "gallery.encodings", r.Gallery, "product|encoder", ("operator",), ("gallery", "identify", "compare")
    ),
    _table(
        "calibration.thresholds",
        r.Threshold,
        "center|stage|group",
        ("calibrate", "operator"),
        ("calibrate", "sideline"),
    ),
    _table(
        "models.versions", r.ModelVersion, "model|version", ("operator",), ("assess", "calibrate", "sideline")
    ),
    _table("calibration.outcomes", r.LabelledOutcome, "item|stage", ("calibrate",), ("calibrate",)),
    _table(
        "catalog.products",
        r.Product,
        "product",
        ("operator",),
        ("identify", "compare", "gallery", "assess", "vendors"),
    ),
    _table("vendors.profiles", r.Vendor, "vendor", ("operator",), ("assess",)),
    _table("orders.lines", r.OrderLine, "order line", ("operator",), ("replace", "assess")),
    _table("totes.manifests", r.Manifest, "tote", ("operator",), ("identify", "assess")),
    _table("totes.lines", r.ToteLines, "tote", ("identify",), ("identify", "assess")),
    _table("policies.tolerability", r.Policy, "policy", ("operator",), ("assess", "dispose")),
)

BY_NAME: dict[str, Topic] = {t.name: t for t in TOPICS}

#: In the order in which a capture meets them; `station` is HTTP, the others are Faust apps.
SERVICES: tuple[str, ...] = (
    "station", "inspect", "identify", "compare", "assess", "sideline",
    "replace", "dispose", "vendors", "gallery", "calibrate",
)  # fmt: skip


def quarantine_topic(topic: str, service: str) -> str:
    """Where a consumer puts what it cannot process; one per consumer, which says whose trouble it is."""
    return f"{topic}.{service}.quarantine"


def quarantine_topics() -> tuple[Topic, ...]:
    """The quarantine of every consumer."""
    return tuple(
        Topic(
            name=quarantine_topic(t.name, service),
            record=r.Quarantined,
            key="original key",
            producers=(service,),
            retention_ms=28 * DAY,
            partitions=1,
        )
        for t in TOPICS
        for service in t.consumers
    )


def config(topic: Topic) -> dict[str, str]:
    """Broker-side settings of a topic."""
    common = {"max.message.bytes": str(MESSAGE_MAX_BYTES)}
    if topic.retention_ms is None:
        return common | {"cleanup.policy": "compact", "delete.retention.ms": str(DAY)}
    return common | {"cleanup.policy": "delete", "retention.ms": str(topic.retention_ms)}


def create(brokers: str, *, replication: int = 1, timeout_s: float = 30.0) -> None:
    """Create every topic that does not exist yet and check the partition counts of those that do.

    Raises:
        ConfigurationFault: a topic exists with another number of partitions, which would break the joins.
        DependencyFault: the broker did not answer in time.
    """
    # Imported here: rules import this module for names and records, and must not need a Kafka client.
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from confluent_kafka.admin import AdminClient, NewTopic  # noqa: PLC0415

    admin = AdminClient({"bootstrap.servers": brokers})
    wanted = {t.name: t for t in (*TOPICS, *quarantine_topics())}
    try:
        present = admin.list_topics(timeout=timeout_s).topics
        _check_partitions(
            {n: t.partitions for n, t in wanted.items()}, {n: len(t.partitions) for n, t in present.items()}
        )
        missing = [
            NewTopic(t.name, t.partitions, replication, config=config(t))
            for name, t in wanted.items()
            if name not in present
        ]
        if missing:
            for future in admin.create_topics(missing, operation_timeout=timeout_s).values():
                future.result(timeout_s)
    except KafkaException as exc:
        msg = f"Kafka at {brokers} did not create the topics: {exc}"
        raise DependencyFault(msg) from exc


def wait_for(brokers: str, names: Iterable[str], *, patience_s: float = 120.0) -> None:
    """Wait until these topics exist, and check their partition counts.

    Raises:
        ConfigurationFault: a topic has another number of partitions than it should, which would break the joins.
        DependencyFault: the broker does not answer, or topics are missing, for `patience_s` seconds.
    """
    from confluent_kafka import KafkaException  # noqa: PLC0415 (see create)
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    wanted = {name: BY_NAME[name].partitions for name in names}
    # Until the broker is up, connections fail; that is what is being waited for and not worth a log line each.
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0, "reconnect.backoff.max.ms": 500})
    until = time.monotonic() + patience_s
    said = ""
    while time.monotonic() < until:
        try:
            present = {n: len(t.partitions) for n, t in admin.list_topics(timeout=2.0).topics.items()}
        except KafkaException as exc:
            said = str(exc)
            continue
        missing = sorted(wanted.keys() - present.keys())
        if not missing:
            _check_partitions(wanted, present)
            return
        said = f"missing: {', '.join(missing)}"
        time.sleep(0.2)
    msg = (
        f"Kafka at {brokers} has not all topics after {patience_s:.0f} s ({said}); './intact up' creates them"
    )
    raise DependencyFault(msg)


def _check_partitions(wanted: Mapping[str, int], present: Mapping[str, int]) -> None:
    for name, count in wanted.items():
        if name in present and present[name] != count:
            msg = (
                f"topic {name} has {present[name]} partitions, not {count}: joined topics need equal counts; "
                "create it anew or change services/kernel/topics.py"
            )
            raise ConfigurationFault(msg)
