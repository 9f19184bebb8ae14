from __future__ import annotations

import socket
from pathlib import Path

import pytest

from services.stack import ports
from services.stack.problems import Problem


def listening() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0))
    server.listen()
    return server


def test_ports_are_different_and_free() -> None:
    found = ports.free_ports(30)
    assert len(set(found)) == 30
    assert all(ports.is_free(port) for port in found)


def test_ports_are_outside_the_range_for_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    assert max(ports.free_ports(30)) < lowest


def test_a_port_that_somebody_listens_on_is_not_free_and_answers() -> None:
    with listening() as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.answers(port)
    assert not ports.answers(port)


def test_asking_for_more_than_there_are_says_so() -> None:
    with pytest.raises(Problem, match="are free"):
        ports.free_ports(1_000_000)
