"""What one Faust service of the mesh is made of: app, publisher, views, store, health; and how it runs.

A service's `build(service, ...)` adds its agents; `run` is its process. Nothing is global and importing does nothing.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import faust
import structlog
import uvloop
from aiohttp import web
from opentelemetry.metrics import CallbackOptions, Observation

from services.kernel import telemetry, wire
from services.kernel.agents import BatchHandler, Event, Handler, Loop, Patience
from services.kernel.blobs import Blobs
from services.kernel.faults import ConfigurationFault, Fault
from services.kernel.publisher import Publisher
from services.kernel.settings import Settings
from services.kernel.topics import BY_NAME, wait_for
from services.kernel.transport import Consumer, Transport
from services.kernel.views import View, Views

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from faust.types import ConsumerMessage, StreamT

log = structlog.get_logger(__name__)

V = TypeVar("V")

#: What the broker gathers for a service that works in batches, unless half a second passes first.
BATCH_BYTES = 65_536


class _App(faust.App):
    """A Faust app on this mesh's transport.

    `instance`: the replica's stable name, or nothing. `fetch_min_bytes`: the broker waits (half a second at most) until
    it has this much.
    """

    instance: str = ""
    fetch_min_bytes: int = 1

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return Transport(self.conf.broker_producer, self)

    def on_init_dependencies(self) -> Iterable[Any]:
        """Starts without Faust's own monitor: metrics are OpenTelemetry's, and it samples each second and event."""
        started: Iterable[Any] = self.boot_strategy.server()
        return started

    def _create_directories(self) -> None:
        """No Faust tables, so no folder for them beside wherever the process was started."""


class Service:
    """One service: give it handlers, then run it."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self.blobs = Blobs(settings.store)
        self.views = Views(settings.brokers, f"intact-{name}")
        self.app = _App(
            f"intact-{name}",
            broker=[f"kafka://{b}" for b in settings.brokers.split(",")],
            store="memory://",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=False,
            # The transport bounds what is in flight; a smaller buffer would let one topic hold up another.
            stream_buffer_maxsize=1_000_000,
            broker_commit_interval=settings.commit_interval_s,
            # A killed process is replaced at once, and its partitions must not wait long for it.
            broker_session_timeout=10.0,
            broker_heartbeat_interval=3.0,
        )
        self.app.instance = settings.instance
        self.loops: list[Loop] = []
        self._starting: list[Callable[[], Awaitable[None]]] = []
        self._stopping: list[Callable[[], Awaitable[None]]] = []
        self._checks: dict[str, Callable[[], Awaitable[bool]]] = {}
        self._assigned = False
        self.app.on_partitions_assigned.connect(self._on_assigned)  # type: ignore[arg-type]  # calls it by keyword

    # -- what services say about themselves -------------------------------------------------------------------

    def consume(self, topic: str, handler: Handler) -> None:
        """Handle each event of a topic."""
        self._agent(topic, handler=handler)

    def consume_batches(self, topic: str, handler: BatchHandler, *, within_s: float = 0.25) -> None:
        """Handle the events of a topic several at a time; the service's other topics are then read that way too."""
        self.app.fetch_min_bytes = BATCH_BYTES
        self._agent(topic, batch_handler=handler, batch_within_s=within_s)

    def _agent(self, name: str, **options: Any) -> None:
        topic = BY_NAME[name]
        if self.name not in topic.consumers:
            msg = f"{self.name} is no consumer of {name} in services/kernel/topics.py"
            raise ConfigurationFault(msg)
        patience = Patience(dependency=self.settings.dependency_patience_s, row=self.settings.row_patience_s)
        loop = Loop(self.name, topic, self._publish_raw, self.blobs, patience=patience, **options)
        self.loops.append(loop)

        async def agent(stream: StreamT[list[ConsumerMessage]]) -> None:
            # The transport's conductor gives lists of messages, see there.
            async for messages in stream.noack():  # type: ignore[attr-defined]  # missing in faust.types
                for message in messages:
                    if message.generation_id == self.app.consumer_generation_id:
                        loop.submit(_as_event(message), partial(self.consumer.ack, message))

        channel = self.app.topic(
            name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        self.app.agent(channel, name=f"{self.name}.{name}")(agent)

    def view(self, topic: str, **options: Any) -> View[Any]:
        """Follow a topic as a table."""
        entry = BY_NAME[topic]
        if self.name not in entry.views:
            msg = f"{self.name} has no view of {topic} in services/kernel/topics.py"
            raise ConfigurationFault(msg)
        return self.views.add(View(entry, own=entry.producers == (self.name,), **options))

    def on_start(
        self, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Run before the first event (after the views are read), and before the process ends."""
        self._starting.append(start)
        if stop is not None:
            self._stopping.append(stop)

    def ready_when(self, name: str, check: Callable[[], Awaitable[bool]]) -> None:
        """Name a dependency that readiness asks."""
        self._checks[name] = check

    # -- effects ----------------------------------------------------------------------------------------------

    async def publish(self, topic: str, key: str, record: Any) -> tuple[int, int]:
        """Publish a record and wait for the broker; returns (partition, offset)."""
        return await self._publish_packed(topic, key, wire.encode(record))

    async def _publish_packed(self, topic: str, key: str, packed: bytes) -> tuple[int, int]:
        entry = BY_NAME[topic]
        if self.name not in entry.producers:
            msg = f"{self.name} is no producer of {topic} in services/kernel/topics.py"
            raise ConfigurationFault(msg)
        where: tuple[int, int] = await self._publish_raw(topic, key.encode(), packed, telemetry.outgoing())
        return where

    async def write(self, view: View[V], key: str, value: V) -> None:
        """Publish a row of the service's own state and take it over once the broker has it."""
        packed = wire.encode(value)
        view.written(key, value, *await self._publish_packed(view.topic.name, key, packed), packed)

    async def publish_all(self, items: Iterable[tuple[str, str, Any]]) -> list[tuple[int, int]]:
        """Publish several (topic, key, record) at once and wait for all."""
        return list(await asyncio.gather(*(self.publish(*item) for item in items)))

    def _publish_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Any
    ) -> Awaitable[Any]:
        return self.publisher.publish(topic, key, value, headers)

    @property
    def publisher(self) -> Publisher:
        """The process's one producer."""
        publisher: Publisher = self.app.producer.publisher  # type: ignore[attr-defined]
        return publisher

    @property
    def consumer(self) -> Consumer:
        """The process's one group consumer."""
        consumer: Consumer = self.app.consumer  # type: ignore[assignment]
        return consumer

    # -- life -------------------------------------------------------------------------------------------------

    async def _on_assigned(self, app: Any, assigned: Any, **_: Any) -> None:  # noqa: ARG002 (Faust's signal)
        await self.views.caught_up()
        self._assigned = True
        log.info("assigned", partitions=len(assigned))

    async def run(self) -> int:
        """Run until a signal or a crash; returns the exit status."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._observe()
        used = [*(each.topic.name for each in self.loops), *self.views.topics()]
        await asyncio.to_thread(wait_for, self.settings.brokers, used)
        await self.views.start()
        await self.views.caught_up()
        for start in self._starting:
            await start()
        runner = await self._serve_health()
        await self.app.start()
        # What was made so far lives as long as the process: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self._crash())]
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        failed = next((t.exception() for t in done if t.exception() is not None), None)
        if failed is not None:
            log.error("service.crashed", error=repr(failed), exc_info=failed)
        for task in waits:
            task.cancel()
        await self._stop(runner)
        return 0 if failed is None else 1

    async def _stop(self, runner: web.AppRunner | None) -> None:
        self._assigned = False
        for stop in self._stopping:
            await stop()
        await self.app.stop()
        await self.views.close()
        if runner is not None:
            await runner.cleanup()
        telemetry.shut_down()

    async def _crash(self) -> None:
        """Return never; raise what crashed the app."""
        await self.app.wait_until_stopped()
        reason = self.app.crash_reason
        raise reason if reason is not None else ConfigurationFault("the Faust app stopped by itself")

    # -- health -----------------------------------------------------------------------------------------------

    async def _serve_health(self) -> web.AppRunner | None:
        if not self.settings.health_port:
            return None
        pages = web.Application()
        pages.router.add_get("/live", self._live)
        pages.router.add_get("/ready", self._ready)
        runner = web.AppRunner(pages, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.settings.health_port).start()
        return runner

    async def _live(self, _: web.Request) -> web.Response:
        stalled = self.consumer.stalled_for() if self._assigned else 0.0
        alive = stalled < self.settings.commit_stall_s and not self.views.failed
        body = {"alive": alive, "commit_stalled_s": round(stalled, 1), "views_failed": self.views.failed}
        return web.json_response(body, status=200 if alive else 503)

    async def _ready(self, _: web.Request) -> web.Response:
        checks = {name: await check() for name, check in self._checks.items()}
        checks["assigned"] = self._assigned and not self.app.rebalancing
        body = {"ready": all(checks.values()), "checks": checks, "in_flight": self.consumer.in_flight()}
        return web.json_response(body, status=200 if body["ready"] else 503)

    def _observe(self) -> None:
        loop = asyncio.get_running_loop()

        # Called on the exporter's thread. Before the assignment there is no consumer, and asking Faust for it would
        # make one there, on an event loop that nobody runs; while the process stops, this loop answers no more.
        def lag(_: CallbackOptions) -> Iterable[Observation]:
            if not self._assigned:
                return []
            future = asyncio.run_coroutine_threadsafe(self.consumer.lag(), loop)
            return [
                Observation(n, {"topic": tp.topic, "partition": tp.partition})
                for tp, n in future.result(10).items()
            ]

        def in_flight(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(self.consumer.in_flight())] if self._assigned else []

        meter = telemetry.meter()
        meter.create_observable_gauge("intact.lag", [lag], description="Events behind the end.")
        meter.create_observable_gauge("intact.in_flight", [in_flight], description="Unfinished events.")


def _as_event(message: Any) -> Event:
    raw = message.key
    return Event(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=(raw or b"").decode("utf-8", "replace"),
        raw_key=raw,
        value=message.value,
        headers=tuple((k, v or b"") for k, v in message.headers),
    )


def run(name: str, build: Callable[[Service], None]) -> None:
    """The process of one service: settings from the environment, then its agents, until a signal."""
    settings = Settings()
    telemetry.configure(name, settings.log_level)
    try:
        service = Service(name, settings)
        build(service)
        status = uvloop.run(service.run())
    except Fault as fault:
        log.error("service.cannot_run", error=str(fault))  # noqa: TRY400 (one clear sentence for the operator)
        status = 2
    sys.exit(status)


__all__ = ["Event", "Service", "run"]
