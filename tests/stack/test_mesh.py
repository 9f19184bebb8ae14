from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from services.stack import mesh, processes
from services.stack.home import Home
from services.stack.mesh import Service
from services.stack.ports import free_ports
from services.stack.problems import Problem

SERVICE = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.environ["INTACT_MOOD"] == "ready" else 503)
        self.end_headers()
    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", int(os.environ["INTACT_HEALTH_PORT"])), Health).serve_forever()
"""


class Launch(Protocol):
    def __call__(self, name: str, port: int, mood: str = "ready") -> Service: ...


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder with spaces" / "pretended"
    folder.mkdir(parents=True)
    (folder / "good.py").write_text(SERVICE, encoding="utf-8")
    (folder / "broken.py").write_text("raise RuntimeError('no broker named')", encoding="utf-8")
    return folder


@pytest.fixture
def launch(package: Path, home: Home) -> Iterator[Launch]:
    started: list[Service] = []

    def start(name: str, port: int, mood: str = "ready") -> Service:
        service = mesh.start(
            name,
            health_port=port,
            environment={"INTACT_MOOD": mood},
            home=home,
            package=package.name,
            python_path=package.parent,
        )
        started.append(service)
        return service

    yield start
    for service in started:
        mesh.kill(service)


def test_a_service_is_ready_when_it_says_so(launch: Launch) -> None:
    service = launch("good", free_ports(1)[0])
    mesh.wait_ready(service, timeout_s=20)
    assert mesh.get(service.health_port, "/ready") == 200


def test_a_service_that_is_up_but_not_ready_is_waited_for(launch: Launch) -> None:
    service = launch("good", free_ports(1)[0], "waiting for Kafka")
    with pytest.raises(Problem, match="good was not ready within"):
        mesh.wait_ready(service, timeout_s=1)


def test_a_service_that_dies_is_reported_with_its_reason(launch: Launch) -> None:
    with pytest.raises(Problem, match=r"(?s)broken ended while it started.*no broker named"):
        mesh.wait_ready(launch("broken", free_ports(1)[0]), timeout_s=20)


def test_a_killed_service_starts_again_on_its_port(launch: Launch) -> None:
    port = free_ports(1)[0]
    first = launch("good", port)
    mesh.wait_ready(first, timeout_s=20)
    mesh.kill(first)
    assert not processes.alive(first.process)
    assert mesh.get(port, "/ready") is None
    again = launch("good", port)
    mesh.wait_ready(again, timeout_s=20)
    assert again.process.pid != first.process.pid
