"""The gateway as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def start(**settings: str) -> "subprocess.Popen[bytes]":
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("INTACT_", "OTEL_"))}
    env = clean | {f"INTACT_{k.upper()}": v for k, v in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "services.station"], cwd=ROOT, env=env, stdout=subprocess.PIPE
    )


def wait_alive(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/live").status_code == 200
        except httpx.TransportError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def test_it_serves_both_ports_is_unready_without_a_broker_and_ends_on_sigterm(tmp_path: Path) -> None:
    port, health = free_ports()
    process = start(
        brokers="127.0.0.1:1",
        store=f"file://{tmp_path}",
        station_port=str(port),
        health_port=str(health),
        station_tokens="s1:secret-1",
        log_level="CRITICAL",
    )
    try:
        wait_alive(health)
        wait_alive(port)
        ready = httpx.get(f"http://127.0.0.1:{health}/ready")
        assert (ready.status_code, ready.json()["checks"]["broker"]) == (503, False)
        assert httpx.post(f"http://127.0.0.1:{port}/v1/captures").status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_without_tokens_or_a_port_it_says_so_in_one_line_and_ends_with_2(tmp_path: Path) -> None:
    for settings, says in (
        ({"station_port": str(free_ports()[0])}, b"INTACT_STATION_TOKENS"),
        ({}, b"INTACT_STATION_PORT"),
    ):
        process = start(store=f"file://{tmp_path}", **settings)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 2
        assert says in out
        assert b"Traceback" not in out
