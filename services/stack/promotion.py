"""A model's other version goes live, in a server that answers meanwhile.

Both versions are loaded. The new one is tried through an ensemble of its own, by the client that the services use, with
all that it checks; only then does the ensemble that serves ask it. A request that has begun keeps the version that it
began with, since that one stays loaded: going back is one switch.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from services.kernel import records as r
from services.kernel import wire
from services.kernel.blobs import Blobs
from services.kernel.faults import Fault
from services.kernel.index import ReferenceIndex
from services.kernel.model_versions import CLASSIFIER, ENCODER, key_of, row_key
from services.kernel.sight import Photo
from services.kernel.triton import MODEL, Triton
from services.kernel.views import FRESH_S
from services.stack import models
from services.stack.home import Home
from services.stack.model_control import Control
from services.stack.models import Registry, Version
from services.stack.problems import Problem
from services.stack.reencode import Parts, Tick, fill, forget, parts_of
from services.stack.sample import Taken, sample
from services.stack.world import publish

#: Captures of the sample, and rounds over them: every instance has then run, before anyone waits for it.
_TRIED: Final = 4
_WARM_ROUNDS: Final = 3
_PATIENCE_S: Final = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where versions are kept and served. `environment`: of the running stack, whose Triton `control` controls."""

    home: Home
    repository: Path
    environment: Mapping[str, str]
    control: Control

    @property
    def address(self) -> str:
        """Triton's."""
        return self.environment["INTACT_TRITON"]

    @property
    def brokers(self) -> str:
        """Kafka's address."""
        return self.environment["INTACT_BROKERS"]

    @property
    def served(self) -> Path:
        """The folder that the server reads."""
        return self.home.models / "repository"

    @property
    def registry(self) -> Registry:
        """What is staged, and what serves."""
        return models.remembered(self.home)

    def versions(self, model: str) -> tuple[Version, ...]:
        """All versions of a model, the shipped one first."""
        return models.versions(self.home, self.repository)[model]

    def serving(self, model: str) -> Version:
        """The version that serves."""
        return models.serving(self.registry, self.versions(model))


@contextmanager
def candidate(place: Place, version: Version, say: Say) -> Iterator[str]:
    """Load a version beside the one that serves, with an ensemble that asks it, tried and warm; yields its name.

    The ensemble is gone afterwards. The version stays loaded if a switch has gone to it meanwhile.

    Raises:
        Problem: it does not load, or answers wrongly; the server is as it was.
    """
    registry = place.registry
    _hold(place, version, say)
    try:
        with _ensemble(place, version) as name:
            say(f"trying {version.model} {version.name} on the sample")
            asyncio.run(_tried(place, name, version))
            yield name
    finally:
        if place.serving(version.model) != version:
            _write(place, registry, version.model)
            place.control.load(version.model)


def _hold(place: Place, version: Version, say: Say) -> None:
    """Have the server hold a version too, beside the one that serves."""
    registry, serving = place.registry, place.serving(version.model)
    if version in models.loaded(registry, place.versions(version.model)):
        return
    say(f"loading {version.model} {version.name} beside {serving.name}")
    _write(
        place, replace(registry, previous={**registry.previous, version.model: version.number}), version.model
    )
    try:
        place.control.load(version.model)
        place.control.wait_ready(version.model, version.number)
    except Problem:
        _write(place, registry, version.model)
        place.control.load(version.model)
        raise


def _write(place: Place, registry: Registry, model: str) -> None:
    models.write_model(place.home, place.served, registry, place.versions(model))


@contextmanager
def _ensemble(place: Place, version: Version) -> Iterator[str]:
    name = models.add_candidate(place.served, MODEL, version.model, version.number)
    try:
        place.control.load(name)
        yield name
        place.control.unload(name)
    finally:
        shutil.rmtree(place.served / name)


def go_live(place: Place, version: Version, say: Say, tick: Tick) -> None:
    """Try a version and let it serve; an encoder embeds all references first, so that identification is never blind.

    Raises:
        Problem: it does not answer right, or a reference cannot be embedded; what served before serves.
    """
    was = place.serving(version.model)
    if version.model == CLASSIFIER:
        _tell(place.brokers, version)
    with candidate(place, version, say) as ensemble:
        if version.model == ENCODER:
            say(f"embedding references with {version.name}; {was.name} serves meanwhile")
            asyncio.run(_reencode(place, {was: None, version: ensemble}, tick))
        time.sleep(FRESH_S)
        switch(place, version)
    if version.model == ENCODER:  # what was enrolled while the others were embedded
        asyncio.run(_reencode(place, {version: MODEL}, tick))
    say(
        f"{version.model} {version.name} serves; {was.name} stays loaded: ./intact model rollback goes back to it"
    )


def go_back(place: Place, model: str, say: Say, tick: Tick) -> Version:
    """Let the version serve that served before.

    Raises:
        Problem: there is none.
    """
    former = models.before(place.registry, place.versions(model))
    if former is None:
        raise Problem(f"no version of {model} served before; ./intact model list")
    if model == ENCODER:  # references that were enrolled since are embedded first
        go_live(place, former, say, tick)
    else:
        switch(place, former)
        say(f"{model} {former.name} serves")
    return former


def let_go(place: Place, model: str, say: Say) -> None:
    """Let go of the version that served before: its memory, and what an encoder had embedded. No way back is left.

    Raises:
        Problem: there is none.
    """
    registry, of_model = place.registry, place.versions(model)
    former = models.before(registry, of_model)
    if former is None:
        raise Problem(f"no version of {model} served before; ./intact model list")
    left = {name: number for name, number in registry.previous.items() if name != model}
    models.remember(place.home, replace(registry, previous=left))
    _write(place, place.registry, model)
    place.control.load(model)
    if model == ENCODER:
        asyncio.run(_forget(place, former))
    say(
        f"{model} {former.name} is not loaded any more; ./intact model promote {former.number} would load it again"
    )


async def _forget(place: Place, version: Version) -> None:
    async with _parts(place) as parts:
        await forget(parts, version.name)


async def _reencode(place: Place, versions: Mapping[Version, str | None], tick: Tick) -> None:
    """Fill the references of each version, asking its ensemble; None: what it has embedded already is kept."""
    async with _parts(place) as parts:
        for version, ensemble in versions.items():
            if ensemble is None:
                await fill(parts, version.name, None, tick)
                continue
            client = Triton(place.address, model=ensemble)
            try:
                await client.start(patience_s=_PATIENCE_S)
                await fill(parts, version.name, client, tick)
            finally:
                await client.close()


@asynccontextmanager
async def _parts(place: Place) -> AsyncIterator[Parts]:
    index = ReferenceIndex(place.environment["INTACT_POSTGRES"], connections=1)
    try:
        await index.start()
        yield parts_of(place.brokers, Blobs(place.environment["INTACT_STORE"]), index)
    except Fault as fault:
        raise Problem(f"the references are as they were: {fault}") from fault
    finally:
        await index.close()


def switch(place: Place, version: Version) -> None:
    """Let the ensembles ask this version, which must be loaded; the one that serves now stays loaded.

    Raises:
        Problem: an ensemble does not load; what served before serves.
    """
    registry, was = place.registry, place.serving(version.model)
    for ensemble in models.point(place.served, version.model, version.number):
        try:
            place.control.load(ensemble)
        except Problem:
            models.point(place.served, version.model, was.number)
            place.control.load(ensemble)
            raise
    models.remember(
        place.home,
        replace(
            registry,
            serving={**registry.serving, version.model: version.number},
            previous={**registry.previous, version.model: was.number},
        ),
    )


def _tell(brokers: str, version: Version) -> None:
    """Let the services know a version's own calibration, before its first score."""
    row = r.ModelVersion(
        model=version.model,
        version=version.name,
        threshold=version.threshold,
        share=version.share,
        promoted_at=datetime.now(UTC),
    )
    key = row_key(version.model, version.name)
    publish(brokers, [("models.versions", key.encode(), wire.encode(row), [])])


async def _tried(place: Place, ensemble: str, version: Version) -> None:
    """Ask an ensemble about the sample's captures, several times.

    Raises:
        Problem: it does not answer as the mesh needs it, or says that another version answered.
    """
    shown = [_shown(taken) for taken in sample().taken[:_TRIED]]
    client = Triton(place.address, model=ensemble)
    try:
        await client.start(patience_s=_PATIENCE_S)
        for photos in shown * _WARM_ROUNDS:
            sight = await client.inspect(photos)
            if (said := sight.versions[key_of(version.model)]) != version.name:
                raise Problem(
                    f"{version.model} {said} answers where {version.name} was asked: stage it again"
                )
    except Fault as fault:
        raise Problem(f"{version.model} {version.name} does not serve: {fault}") from fault
    finally:
        await client.close()


def _shown(taken: Taken) -> list[Photo]:
    """A capture's colour photos, each with its camera's depth, as the networks are asked."""
    deep = {photo.camera: photo.data for photo in taken.photos if photo.role is r.ImageRole.DEPTH}
    return [
        Photo(image=photo.data, depth=deep.get(photo.camera, b""))
        for photo in taken.photos
        if photo.role is r.ImageRole.RGB
    ]
