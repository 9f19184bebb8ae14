"""The mesh's door to Triton, against the real server and the shipped models; and what the mesh does without it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from services.kernel.faults import DataFault, DependencyFault
from services.kernel.triton import Triton
from services.stack import mesh as services
from services.stack import racks
from services.stack.home import MODEL_REPOSITORY
from services.stack.ports import free_ports
from tests.live.live_mesh import Mesh, eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def pictures(mesh: Mesh) -> tuple[bytes, ...]:
    shots = [racks.Sketch(design=d, seed=n).draw() for n, d in enumerate(mesh.world.designs[:3])]
    return tuple(picture for shot in shots for picture in shot.rgb)


@pytest_asyncio.fixture
async def triton(mesh: Mesh) -> AsyncIterator[Triton]:
    client = Triton(mesh.stack.environment()["INTACT_TRITON"])
    await client.start(patience_s=30)
    yield client
    await client.close()


async def test_each_image_is_answered_with_probabilities_and_unit_vectors(
    triton: Triton, pictures: tuple[bytes, ...]
) -> None:
    sight = await triton.inspect(pictures)
    n = len(pictures)
    assert sight.damage.shape == (n, 9)
    assert sight.embedding.shape == (n, 256)
    assert sight.patches.shape == (n, 49, 64)
    assert [str(a.dtype) for a in (sight.damage, sight.embedding, sight.patches)] == [
        "float32",
        "float32",
        "float16",
    ]
    assert np.all((sight.damage >= 0) & (sight.damage <= 1))
    np.testing.assert_allclose(np.linalg.norm(sight.embedding, axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(sight.patches.astype("f4"), axis=2), 1, atol=5e-3)


async def test_an_image_is_answered_alike_alone_and_among_others(
    triton: Triton, pictures: tuple[bytes, ...]
) -> None:
    together = await triton.inspect(pictures)
    alone = await asyncio.gather(*(triton.inspect([picture]) for picture in pictures))
    np.testing.assert_allclose(together.damage, np.concatenate([s.damage for s in alone]), atol=1e-3)
    np.testing.assert_allclose(together.embedding, np.concatenate([s.embedding for s in alone]), atol=1e-3)


async def test_a_truncated_jpeg_fails_alone(triton: Triton, pictures: tuple[bytes, ...]) -> None:
    cut = pictures[0][: len(pictures[0]) // 2]
    asked = [[picture] for picture in pictures] + [[cut]] + [[picture] for picture in pictures]
    answers = await asyncio.gather(*(triton.inspect(images) for images in asked), return_exceptions=True)
    bad = answers.pop(len(pictures))
    assert isinstance(bad, DataFault)
    assert bad.reason == "bad_image"
    assert "cut off" in str(bad)
    assert not any(isinstance(answer, BaseException) for answer in answers)


async def test_both_models_versions_are_known(triton: Triton) -> None:
    build = json.loads((MODEL_REPOSITORY / "damage_classifier" / "1" / "calibration.json").read_text())[
        "build"
    ]
    assert triton.versions.keys() == {"model.damage_classifier", "model.gallery_encoder"}
    assert triton.versions["model.damage_classifier"] == f"1+{build}"
    number, _, encoder_build = triton.versions["model.gallery_encoder"].partition("+")
    assert number == "1"
    assert encoder_build


async def test_a_wrong_address_is_said_within_the_patience() -> None:
    (port,) = free_ports(1)
    client, began = Triton(f"127.0.0.1:{port}"), time.monotonic()
    with pytest.raises(DependencyFault, match=rf"Triton at 127\.0\.0\.1:{port} is not ready: .*UNAVAILABLE"):
        await client.start(patience_s=1.0)
    assert time.monotonic() - began < 5
    await client.close()


async def test_a_deadline_that_passes_is_the_dependencys_fault(
    mesh: Mesh, triton: Triton, pictures: tuple[bytes, ...]
) -> None:
    hurried = Triton(mesh.stack.environment()["INTACT_TRITON"], timeout_s=0.002)
    hurried._channel, hurried._stub = triton._channel, triton._stub
    with pytest.raises(DependencyFault, match=r"(?i)deadline|timeout"):
        await hurried.inspect(pictures)
    # The given-up request holds up nobody.
    assert (await triton.inspect(pictures[:1])).damage.shape == (1, 9)


def test_a_triton_that_dies_slows_the_mesh_down_and_loses_nothing(mesh: Mesh) -> None:
    planned = racks.plan(mesh.world, 12, seed=9, pool=4)
    inspect = mesh.stack.service("inspect")
    before = mesh.observer.counts()["captures.inspected"]
    mesh.stack.kill("triton")
    try:
        sent = mesh.drive(planned)
        assert all(s.accepted for s in sent), "the gateway does not need Triton"
        eventually(
            "inspect says that it is not ready", lambda: services.get(inspect.health_port, "/ready") == 503
        )
        eventually("inspect waits", lambda: waits(mesh))
        assert mesh.observer.counts()["captures.inspected"] == before
        assert services.get(inspect.health_port, "/live") == 200
    finally:
        # Parts are not restarted by name, as services are: an operator's Triton is restarted by its own platform.
        mesh.stack._start_triton()
    assert mesh.observer.settle(sent, timeout_s=90)
    report = mesh.observer.report(sent)
    assert (report.assessed, report.quarantined, report.lost, report.doubled) == (len(planned), 0, 0, 0)
    eventually("inspect is ready again", lambda: services.get(inspect.health_port, "/ready") == 200)


def waits(mesh: Mesh) -> list[dict[str, Any]]:
    """Lines in which inspect says that events wait, for what, and which."""
    found = [line for line in mesh.lines("inspect") if line["event"] == "event.waits"]
    assert all({"topic", "partition", "offset", "attempt", "error"} <= line.keys() for line in found)
    return found
