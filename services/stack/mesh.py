"""Starts the services as processes of their own, all at once, and can kill and start each of them again."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.stack import processes
from services.stack.home import PROJECT, Home
from services.stack.ports import answers
from services.stack.processes import Running

_START_S = 90.0
_GRACE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service as it runs: its process and its loopback port of /live and /ready."""

    process: Running
    health_port: int

    @property
    def name(self) -> str:
        """Its name in the mesh."""
        return self.process.name


def start(
    name: str,
    *,
    health_port: int,
    environment: Mapping[str, str],
    home: Home,
    package: str = "services",
    python_path: Path = PROJECT,
) -> Service:
    """Start `python -m <package>.<name>` with the INTACT_* settings in `environment`."""
    env = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(home.run),
        "PYTHONPATH": str(python_path),
        "PYTHONUNBUFFERED": "1",
        # Few threads share few cores: fewer malloc arenas and no thread pool inside numpy save 30 MiB a process.
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **_passed_on(),
        **environment,
        "INTACT_HEALTH_PORT": str(health_port),
    }
    argv = (sys.executable, "-m", f"{package}.{name}")
    process = processes.start(name, argv, env=env, log=home.log(name), folder=home.run)
    return Service(process=process, health_port=health_port)


def _passed_on() -> dict[str, str]:
    """Return what a person may set for all services from outside: telemetry's standard variables."""
    return {key: value for key, value in os.environ.items() if key.startswith("OTEL_")}


def get(port: int, path: str, timeout_s: float = 2.0) -> int | None:
    """Return the HTTP status that a loopback port gives for `path`; None when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def is_ready(service: Service) -> bool:
    """Tell whether the service says that it and what it depends on are ready."""
    return answers(service.health_port) and get(service.health_port, "/ready") == http.client.OK


def wait_ready(
    service: Service, *, timeout_s: float = _START_S, cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Wait until the service is ready.

    Raises:
        Problem: it ended or took too long; the message holds the end of its log.
    """
    processes.wait_until(lambda: is_ready(service), service.process, timeout_s=timeout_s, cancelled=cancelled)


def stop(service: Service) -> None:
    """Ask the service to end, and wait for it."""
    processes.stop(service.process, grace_s=_GRACE_S)


def kill(service: Service) -> None:
    """End the service at once, as a crash would."""
    processes.kill(service.process)
