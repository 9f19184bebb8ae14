"""What tests share. A live test asks for a fixture below, which starts the real part or skips with its reason."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKafka:
    """A broker of the tests' own, with every topic of the mesh."""

    brokers: str
    pid: int

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let the broker hang (SIGSTOP) for the time of the block."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@pytest.fixture(scope="session")
def live_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKafka]:
    """Start one Kafka for the whole session."""
    if importlib.util.find_spec("services.stack") is None:
        pytest.skip("services.stack, which starts the real parts, is not there")
    from services.kernel import topics  # noqa: PLC0415 (only live tests need what these import)
    from services.stack import kafka, processes  # noqa: PLC0415
    from services.stack.home import home_at  # noqa: PLC0415
    from services.stack.ports import free_ports  # noqa: PLC0415

    home = home_at(tmp_path_factory.mktemp("kafka"))
    home.make()
    port, controller_port = free_ports(2)
    broker = kafka.start(home, port=port, controller_port=controller_port, progress=lambda _: None)
    try:
        kafka.wait_ready(broker, port, lambda: False)
        topics.create(f"127.0.0.1:{port}")
        yield LiveKafka(brokers=f"127.0.0.1:{port}", pid=broker.pid)
    finally:
        processes.kill(broker)


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout."""
    return Path(__file__).parents[1]


class FakeTime:
    """A clock that only moves when someone sleeps, and remembers how long."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()
