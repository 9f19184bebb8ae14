"""Free loopback ports, below the range from which the kernel takes ports for outgoing connections.

A port from that range could be taken by some client while its service is being restarted.
"""

from __future__ import annotations

import random
import socket
from itertools import islice

from services.stack.problems import Problem

_LOWEST, _HIGHEST = 20_000, 31_999


def is_free(port: int) -> bool:
    """Tell whether nothing listens on this loopback port."""
    with socket.socket() as candidate:
        # As servers do: connections of an ended one that linger in TIME_WAIT do not count.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different free loopback ports.

    Raises:
        Problem: there are not that many.
    """
    candidates = random.sample(range(_LOWEST, _HIGHEST + 1), _HIGHEST + 1 - _LOWEST)
    found = tuple(islice(filter(is_free, candidates), count))
    if len(found) < count:
        msg = f"only {len(found)} of {count} loopback ports between {_LOWEST} and {_HIGHEST} are free"
        raise Problem(msg)
    return found


def answers(port: int) -> bool:
    """Tell whether something accepts connections on this loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
