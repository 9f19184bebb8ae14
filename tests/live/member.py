"""A small service for the live tests, started as a process: `python member.py SERVICE IN OUT SECONDS_PER_EVENT`.

It answers each Vendor-sized event with one event whose key says which process handled which source event.
"""

from __future__ import annotations

import asyncio
import os
import sys
from random import Random
from typing import Any

from services.kernel.agents import Event
from services.kernel.service import Service, run


def main(name: str, source: str, target: str, seconds: float) -> None:
    random = Random(os.getpid())  # noqa: S311 (spreads load)

    def build(service: Service) -> None:
        async def handle(_: Any, event: Event) -> None:
            # Events end in another order than they began: what made Faust commit past unfinished ones.
            await asyncio.sleep(random.uniform(0.2, 1.8) * seconds)
            where = f"{event.partition}@{event.offset}"
            await service._publish_raw(target, event.raw_key, f"{os.getpid()} {where}".encode(), None)

        service.consume(source, handle)

    run(name, build)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
