"""Another version of a network goes live while captures flow, and the old one comes back."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from services.inspect import decide
from services.inspect.look import look
from services.kernel import bundle, wire
from services.kernel import records as r
from services.kernel.blobs import Blobs
from services.kernel.calibration import shipped as shipped_calibration
from services.kernel.model_versions import CLASSIFIER, ENCODER, classifier_of, encoder_of
from services.kernel.odds import chance, logit, shifted
from services.kernel.triton import Triton
from services.stack import models, promotion, racks
from services.stack.home import MODEL_REPOSITORY
from services.stack.model_control import connected
from services.stack.models import Version
from services.stack.promotion import Place
from tests.live.live_mesh import Mesh, eventually, shown
from tests.networks import changed

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

CLASSIFIER_FILE = MODEL_REPOSITORY / CLASSIFIER / "1" / f"{CLASSIFIER}.onnx"
#: Of the mesh's world; their pictures come round again after as many.
PRODUCTS = 6
ENCODER_FILE = MODEL_REPOSITORY / ENCODER / "1" / f"{ENCODER}.onnx"


@contextmanager
def place_of(mesh: Mesh) -> Iterator[Place]:
    environment = mesh.stack.environment()
    with connected(environment["INTACT_TRITON"]) as control:
        yield Place(
            home=mesh.stack.home, repository=MODEL_REPOSITORY, environment=environment, control=control
        )


def quiet(*_: object) -> None:
    """Say nothing."""


class Stream(threading.Thread):
    """Sends captures, a few a second, until it is told to end."""

    def __init__(self, mesh: Mesh, planned: Iterable[racks.Planned]) -> None:
        super().__init__(name="stream")
        self.sent: list[racks.Submitted] = []
        self._mesh, self._planned, self._ending = mesh, planned, threading.Event()

    def run(self) -> None:
        for planned in self._planned:
            if self._ending.is_set():
                return
            self.sent += self._mesh.drive([planned])
            time.sleep(0.15)

    def after(self, more: int) -> None:
        """Wait until so many more were sent."""
        goal = len(self.sent) + more
        eventually(f"{goal} captures are sent", lambda: len(self.sent) >= goal or not self.is_alive())

    def ended(self) -> Sequence[racks.Submitted]:
        """End it, and wait until the mesh has ended every capture well."""
        self._ending.set()
        self.join()
        assert [s.detail for s in self.sent if not s.accepted] == []
        assert self._mesh.observer.settle(self.sent, timeout_s=90)
        report = self._mesh.observer.report(self.sent)
        assert (report.assessed, report.quarantined, report.lost, report.doubled) == (len(self.sent), 0, 0, 0)
        return self.sent


async def scores_by(mesh: Mesh, version: Version, ensemble: str, captures: Sequence[UUID]) -> list[r.Scores]:
    """What a version says of captures, asked by itself."""
    environment = mesh.stack.environment()
    blobs, triton = Blobs(environment["INTACT_STORE"]), Triton(environment["INTACT_TRITON"], model=ensemble)
    await triton.start()
    try:
        found = []
        for capture_id in captures:
            capture = wire.decode(r.Capture, await bundle.event_of(blobs.get, capture_id))
            seen = await look(capture, blobs, triton)
            assert classifier_of(seen.sight.versions) == version.name
            found.append(decide.pooled_scores(seen.sight.damage))
        return found
    finally:
        await triton.close()


def assert_each_score_is_its_versions(mesh: Mesh, place: Place, captures: Sequence[UUID]) -> set[str]:
    """Ask each version about the captures that name it; returns the versions that there are."""
    made = {
        i.subject.capture_id: i
        for i in mesh.records("captures.inspected")
        if i.subject.capture_id in captures
    }
    assert made.keys() == set(captures)
    names = {classifier_of(i.versions) for i in made.values()}
    for version in place.versions(CLASSIFIER):
        mine = [c for c in captures if classifier_of(made[c].versions) == version.name]
        if not mine:
            continue
        with promotion._ensemble(place, version) as ensemble:
            wanted = asyncio.run(scores_by(mesh, version, ensemble, mine))
        for capture_id, scores in zip(mine, wanted, strict=True):
            assert made[capture_id].scores.damaged == pytest.approx(scores.damaged, abs=2e-3)
            assert made[capture_id].scores.spillage == pytest.approx(scores.spillage, abs=2e-3)
    return names


def test_another_classifier_goes_live_between_two_captures_and_the_old_one_comes_back(
    mesh: Mesh, tmp_path: Path
) -> None:
    file = changed(CLASSIFIER_FILE, tmp_path / "candidate.onnx", "temperatures", lambda t: 3 * t)
    with place_of(mesh) as place:
        shipped = place.serving(CLASSIFIER)
        staged = models.stage(place.home, MODEL_REPOSITORY, file, 0.75)
        stream = Stream(mesh, racks.plan(mesh.world, 400, seed=31))
        stream.start()
        stream.after(6)
        promotion.go_live(place, staged, quiet, quiet)
        assert place.serving(CLASSIFIER) == staged
        stream.after(12)
        promotion.go_back(place, CLASSIFIER, quiet, quiet)
        stream.after(8)
        sent = stream.ended()
        captures = [s.capture_id for s in sent if s.capture_id is not None]
        assert assert_each_score_is_its_versions(mesh, place, captures) == {shipped.name, staged.name}
        assessed = [a for a in mesh.records("damage.assessments") if a.subject.capture_id in captures]
        order = [classifier_of(a.versions) for a in sorted(assessed, key=lambda a: a.subject.captured_at)]
        assert order[0] == order[-1] == shipped.name
        assert staged.name in order
        staged_ids = {a.assessment_id for a in assessed if classifier_of(a.versions) == staged.name}
        held = {d.threshold for d in mesh.records("sideline.decisions") if d.assessment_id in staged_ids}
        own = chance(shifted(logit(0.75), shipped_calibration().share, 0.35))
        assert [*held] == [pytest.approx(own)], (
            "the new version's own calibration decides about what it scores"
        )
        promotion.let_go(place, CLASSIFIER, quiet)
        assert (CLASSIFIER, staged.number) not in {
            k for k, s in place.control.states().items() if s == "READY"
        }


def turned(values: Any) -> Any:
    """Other axes: a space in which nothing is where it was, and everything as near to each other."""
    return np.ascontiguousarray(values.reshape(-1, 256)[:, ::-1]).ravel()


def _answers(seen: Sequence[r.Identification], encoder: str) -> dict[int, set[str | None]]:
    """What an encoder's captures were taken for, by the product's place in the world that they show."""
    found: dict[int, set[str | None]] = {}
    for one in seen:
        if encoder_of(one.versions) == encoder:
            number = int(one.subject.item_id.rpartition("-")[2])
            found.setdefault(number % PRODUCTS, set()).add(one.product_id)
    return found


def test_another_encoder_never_leaves_identification_blind(mesh: Mesh, tmp_path: Path) -> None:
    file = changed(ENCODER_FILE, tmp_path / "candidate.onnx", "embedding.matrix", turned)
    products = [product.product_id for product in mesh.world.products]
    # No barcode and no tote: the picture alone says what it is, against the whole catalogue.
    planned = (shown(f"encoder-{n}", products[n % PRODUCTS]) for n in itertools.count())
    with place_of(mesh) as place:
        shipped = place.serving(ENCODER)
        staged = models.stage(place.home, MODEL_REPOSITORY, file, None)
        stream = Stream(mesh, planned)
        stream.start()
        stream.after(6)
        promotion.go_live(place, staged, quiet, quiet)
        stream.after(12)
        promotion.go_back(place, ENCODER, quiet, quiet)
        stream.after(6)
        sent = stream.ended()
        captures = {s.capture_id: s for s in sent}
        found = [i for i in mesh.records("captures.identified") if i.subject.capture_id in captures]
        assert len(found) == len(sent)
        seen = sorted(found, key=lambda i: i.subject.captured_at)
        encoders = [encoder_of(i.versions) for i in seen]
        assert encoders[0] == encoders[-1] == shipped.name
        assert staged.name in encoders
        answers = {name: _answers(seen, name) for name in (shipped.name, staged.name)}
        common = answers[shipped.name].keys() & answers[staged.name].keys()
        assert len(common) >= 4
        for shows in common:
            assert answers[shipped.name][shows] == answers[staged.name][shows], shows
        assert any(next(iter(one)) is not None for one in answers[shipped.name].values())
        assert all(
            a.comparison is not None
            for a in mesh.records("inspection.results")
            if a.subject.capture_id in captures and a.product_id
        )
        promotion.let_go(place, ENCODER, quiet)
