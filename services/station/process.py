"""The gateway's process: settings from the environment, one uvicorn server on its ports, until a signal."""

import asyncio
import gc
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import structlog
import uvicorn
import uvloop
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.kernel import telemetry
from services.kernel.blobs import Blobs
from services.kernel.faults import ConfigurationFault, Fault
from services.kernel.publisher import Publisher
from services.kernel.settings import Settings
from services.kernel.triton import QualityModel
from services.station.app import TOPIC, Check, build
from services.station.quality import DEADLINE_S, Looker

log = structlog.get_logger(__name__)

_GRACE_S = 20


class _Server(uvicorn.Server):
    """uvicorn, without its signal handling: it would raise the signal again before events are flushed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to this module."""
        yield

    def stop(self) -> None:
        """Take no new connections, finish what is in flight, end."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """Tick once a second, for the date in answers: uvicorn's ten are most of what an idle gateway costs."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)


def run() -> int:
    """Run the gateway; return the exit status."""
    settings = Settings()
    telemetry.configure("station", settings.log_level)
    try:
        uvloop.run(_serve(settings))
    except Fault as fault:
        log.error("service.cannot_run", error=str(fault))  # noqa: TRY400 (one sentence for the operator, no trace)
        return 2
    finally:
        telemetry.shut_down()
    return 0


async def _serve(settings: Settings) -> None:
    sockets = [_bound(port) for port in _ports(settings)]
    publisher = Publisher(settings.brokers, "intact-station")
    model = QualityModel(settings.triton, timeout_s=DEADLINE_S) if settings.quality else None
    app = build(
        settings,
        Blobs(settings.store),
        publisher,
        lambda: datetime.now(UTC),
        {"broker": _broker(settings.brokers)},
        looker=None if model is None else Looker(model),
    )
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    publisher.start()
    gc.freeze()  # what is there now stays: no need to look at it again on every collection
    log.info("station.starts", ports=[s.getsockname()[1] for s in sockets])
    try:
        await server.serve(sockets)
    finally:
        if model is not None:
            await model.close()
        await publisher.close()
    log.info("station.ends")


def _ports(settings: Settings) -> list[int]:
    if not settings.station_port:
        raise ConfigurationFault("INTACT_STATION_PORT is not set: the gateway needs a port to listen on")
    return sorted({settings.station_port, settings.health_port} - {0})


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as exc:
        listener.close()
        raise ConfigurationFault(f"port {port} cannot be used: {exc}; another process may have it") from exc
    listener.settimeout(0)
    return listener


def _broker(brokers: str) -> Check:
    admin = AdminClient(
        {"bootstrap.servers": brokers, "client.id": "intact-station-readiness", "log_level": 0}
    )

    def knows_topic() -> bool:
        try:
            topic = admin.list_topics(TOPIC, timeout=1.5).topics[TOPIC]
        except KafkaException:
            return False
        return topic.error is None and bool(topic.partitions)

    async def check() -> bool:
        return await asyncio.to_thread(knows_topic)

    return check
