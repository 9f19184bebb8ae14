"""The mesh's door to Triton, against the real server and the shipped models; and what the mesh does without it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from services.kernel.faults import DataFault, DependencyFault
from services.kernel.records import ImageRole
from services.kernel.sight import Photo
from services.kernel.triton import Comparer, Triton
from services.kernel.verification import Held, Verifier
from services.stack import mesh as services
from services.stack import racks
from services.stack.home import MODEL_REPOSITORY
from services.stack.ports import free_ports
from services.stack.sample import sample
from tests.live.live_mesh import Mesh, eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def photos(mesh: Mesh) -> tuple[Photo, ...]:
    """Six pictures of three products, every other one with depth."""
    shown = [sample().of(product.product_id)[0] for product in mesh.world.products[:3]]
    deep = {(one.name, p.camera): p.data for one in shown for p in one.photos if p.role is ImageRole.DEPTH}
    return tuple(
        Photo(image=p.data, depth=deep.get((one.name, p.camera), b""))
        for one in shown
        for p in one.photos
        if p.role is ImageRole.RGB
    )


@pytest_asyncio.fixture
async def triton(mesh: Mesh) -> AsyncIterator[Triton]:
    client = Triton(mesh.stack.environment()["INTACT_TRITON"])
    await client.start(patience_s=30)
    yield client
    await client.close()


async def test_each_image_is_answered_with_probabilities_unit_vectors_matter_and_a_picture(
    triton: Triton, photos: tuple[Photo, ...]
) -> None:
    sight = await triton.inspect(photos)
    n = len(photos)
    assert (sight.damage.shape, sight.embedding.shape, sight.matter.shape) == ((n, 9), (n, 256), (n, 5))
    assert np.all((sight.damage >= 0) & (sight.damage <= 1))
    np.testing.assert_allclose(np.linalg.norm(sight.embedding, axis=1), 1, atol=1e-3)
    sizes = [Image.open(io.BytesIO(crop)).size for crop in sight.crops]
    assert sizes == [(320, 320)] * n


async def test_an_image_is_answered_alike_alone_and_among_others(
    triton: Triton, photos: tuple[Photo, ...]
) -> None:
    together = await triton.inspect(photos)
    alone = await asyncio.gather(*(triton.inspect([photo]) for photo in photos))
    for name in ("damage", "embedding", "matter"):
        np.testing.assert_allclose(
            getattr(together, name), np.concatenate([getattr(s, name) for s in alone]), atol=2e-3
        )
    assert together.crops == tuple(s.crops[0] for s in alone)


async def test_depth_is_looked_at(triton: Triton, photos: tuple[Photo, ...]) -> None:
    assert photos[0].depth
    deep = await triton.inspect([photos[0]])
    flat = await triton.inspect([Photo(image=photos[0].image)])
    assert not np.array_equal(deep.damage, flat.damage)


@pytest.mark.parametrize("spoilt", ["image", "depth"])
async def test_a_truncated_image_fails_alone(triton: Triton, photos: tuple[Photo, ...], spoilt: str) -> None:
    whole = getattr(photos[0], spoilt)
    cut = replace(photos[0], **{spoilt: whole[: len(whole) // 2]})
    asked = [[photo] for photo in photos] + [[cut]] + [[photo] for photo in photos]
    answers = await asyncio.gather(*(triton.inspect(images) for images in asked), return_exceptions=True)
    bad = answers.pop(len(photos))
    assert isinstance(bad, DataFault)
    assert bad.reason == "bad_image"
    assert "cut off" in str(bad)
    assert not any(isinstance(answer, BaseException) for answer in answers)


async def test_each_answer_says_which_versions_gave_it(triton: Triton, photos: tuple[Photo, ...]) -> None:
    calibration = MODEL_REPOSITORY / "damage_classifier" / "1" / "calibration.json"
    versions = (await triton.inspect(photos)).versions
    assert versions.keys() == {"model.damage_classifier", "model.gallery_encoder"}
    assert versions["model.damage_classifier"] == f"1+{json.loads(calibration.read_text())['build']}"
    encoder = MODEL_REPOSITORY / "gallery_encoder" / "1" / "gallery_encoder.onnx"
    build = hashlib.sha256(encoder.read_bytes()).hexdigest()[:12]
    assert versions["model.gallery_encoder"] == f"1+{build}"


async def test_a_capture_is_laid_over_itself_and_not_over_an_empty_picture(
    mesh: Mesh, triton: Triton, photos: tuple[Photo, ...]
) -> None:
    crops = (await triton.inspect(photos[:2])).crops
    comparer = Comparer(mesh.stack.environment()["INTACT_TRITON"])
    await comparer.start(patience_s=30)
    try:
        found = await comparer.compare(crops, [crops[0]])
        assert found.inliers > 0
        assert (found.query, found.reference) == (0, 0)
        grey = io.BytesIO()
        Image.new("RGB", (320, 320), (150, 150, 150)).save(grey, "JPEG")
        assert (await comparer.compare([grey.getvalue()], [crops[0]])).inliers == 0
        with pytest.raises(DataFault):
            await comparer.compare([crops[0][:200]], [crops[0]])
        assert comparer.versions["model.gallery_comparison"].partition("+")[2]
    finally:
        await comparer.close()


async def test_a_capture_lies_over_its_own_product_and_not_over_an_empty_picture(
    mesh: Mesh, triton: Triton, photos: tuple[Photo, ...]
) -> None:
    crops = (await triton.inspect(photos[:2])).crops
    grey = io.BytesIO()
    Image.new("RGB", (320, 320), (150, 150, 150)).save(grey, "JPEG")
    verifier = Verifier(mesh.stack.environment()["INTACT_TRITON"])
    await verifier.start(patience_s=30)
    try:
        held = [Held(product_id="own", crop=crops[0]), Held(product_id="empty", crop=grey.getvalue())]
        own, empty = await verifier.verify(crops, held)
        assert own[0] > 0
        assert not empty.any()
        with pytest.raises(DataFault):
            await verifier.verify([crops[0][:200]], held)
        assert verifier.versions["model.product_verification"].partition("+")[2]
    finally:
        await verifier.close()


async def test_a_wrong_address_is_said_within_the_patience() -> None:
    (port,) = free_ports(1)
    client, began = Triton(f"127.0.0.1:{port}"), time.monotonic()
    with pytest.raises(DependencyFault, match=rf"Triton at 127\.0\.0\.1:{port} is not ready: .*UNAVAILABLE"):
        await client.start(patience_s=1.0)
    assert time.monotonic() - began < 5
    await client.close()


async def test_a_deadline_that_passes_is_the_dependencys_fault(
    mesh: Mesh, triton: Triton, photos: tuple[Photo, ...]
) -> None:
    hurried = Triton(mesh.stack.environment()["INTACT_TRITON"], timeout_s=0.002)
    hurried._channel, hurried._stub = triton._channel, triton._stub
    with pytest.raises(DependencyFault, match=r"(?i)deadline|timeout"):
        await hurried.inspect(photos)
    # The given-up request holds up nobody.
    assert (await triton.inspect(photos[:1])).damage.shape == (1, 9)


def test_a_triton_that_dies_slows_the_mesh_down_and_loses_nothing(mesh: Mesh) -> None:
    planned = racks.plan(mesh.world, 12, seed=9)
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
