"""Fixtures of the gateway's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.station.rack import Rack


@pytest.fixture
async def rack() -> AsyncIterator[Rack]:
    made = Rack()
    async with made.client:
        yield made
