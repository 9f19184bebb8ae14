"""One mesh for all tests that need the whole of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.kernel import topics
from services.stack import racks
from services.stack.enrolling import wait_until_enrolled
from services.stack.home import home_at
from services.stack.joining import join
from services.stack.local import Stack
from services.stack.observe import Observer, fetch_from
from services.stack.world import make_world, publish_world
from tests.live.collector import Collector
from tests.live.live_mesh import REFERENCES, Mesh

#: Found out by asking for the fixture, so a test cannot forget to say it.
_FIXTURE = "mesh"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what needs the mesh last: it stays up until the end, and other tests want the machine for themselves."""
    items.sort(key=lambda item: _FIXTURE in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Start every part and service, publish a small world and enrol references of all its products."""
    world = make_world(seed=11, products=6, totes=40)
    home = home_at(tmp_path_factory.mktemp("mesh"))
    with Collector() as collector:
        settings = {
            # More than the two seconds by which a row may come late, so that a world just published is there.
            "INTACT_ROW_PATIENCE_S": "2.5",
            "INTACT_SAMPLE_RATE": "0.05",
            # About the share of the plan that the tests of the chain send.
            "INTACT_DAMAGE_PRIOR": "0.35",
            "INTACT_TRITON_TIMEOUT_S": "5",
            "INTACT_STATION_MAX_IMAGE_BYTES": str(2**20),
            # A machine that is busy with other tests must not make decisions late.
            "INTACT_DEADLINE_S": "3600",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "300",
            "OTEL_METRIC_EXPORT_INTERVAL": "3000",
        }
        with Stack(home, fresh=True, settings=settings) as stack:
            joined = join(stack)
            publish_world(world, joined.brokers)
            watched = Observer(
                joined.brokers,
                topics=[t.name for t in topics.TOPICS],
                fetch=fetch_from(joined.store),
            )
            with watched as observer:
                started = Mesh(
                    stack=stack, joined=joined, world=world, observer=observer, collector=collector
                )
                _enrol(started)
                yield started


def _enrol(mesh: Mesh) -> None:
    wait_until_enrolled(mesh.observer, mesh.drive(racks.enrolments(mesh.world, REFERENCES)), timeout_s=60)
