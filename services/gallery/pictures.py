"""The pictures behind references: what they look like beside each other, and copies of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.gallery.sightings import Limits
from services.gallery.trials import Looked, of_it
from services.kernel import bundle, features, wire
from services.kernel import records as r
from services.kernel.blobs import Blobs
from services.kernel.sight import Difference

#: Pictures of a look that an item is held against.
HELD = 3


class Comparing(Protocol):
    """What is needed of `services.kernel.triton.Comparer`."""

    async def compare(self, query: Sequence[bytes], references: Sequence[bytes]) -> Difference:
        """Compare a capture's framed pictures with pictures of references."""


class Pictures:
    """Looks at items that are not like their references."""

    def __init__(self, blobs: Blobs, comparer: Comparing, limits: Limits) -> None:
        self._blobs = blobs
        self._comparer = comparer
        self._limits = limits
        # Nobody waits for this: one question at a time leaves Triton to those on whom the belt waits.
        self._turn = asyncio.Semaphore(1)

    async def look(self, sighting: r.Sighting, trials: Sequence[r.Trial]) -> Looked:
        """The item's picture, and the trial that it is of; the most alike by embedding is asked first.

        Raises:
            DataFault: its features are not in the store, or are none.
            DependencyFault: the store or Triton does not answer.
        """
        key = features.key_of(sighting)
        kept = features.unpack(await self._blobs.get(key))
        embedding = features.pooled(kept.embeddings)
        picture = r.Reference(
            reference_id=sighting.capture_id,
            features_key=key,
            embedding=features.pack_embedding(embedding),
            enrolled_at=sighting.captured_at,
            item_id=sighting.item_id,
        )
        best = Looked(sighting=sighting, picture=picture)
        for trial in sorted(trials, key=lambda t: -max(_likeness(embedding, t), default=-1.0)):
            held = await self._held(kept, trial)
            if of_it(held) and sum(held.values()) > sum(best.held.values()):
                best = replace(best, alike=trial.trial_id, held=held)
            if sum(held.values()) == HELD:
                break
        return best

    async def _held(self, query: features.Features, trial: r.Trial) -> dict[UUID, bool]:
        """Pictures of a trial that an item was held against; if not even the most alike is the same, only that one."""
        held: dict[UUID, bool] = {}
        for shown in _nearest(query, trial):
            held[shown.reference_id] = await self._same(query, shown)
            if not any(held.values()):
                break
        return held

    async def _same(self, query: features.Features, shown: r.Reference) -> bool:
        other = features.unpack(await self._blobs.get(shown.features_key))
        crop = other.crops[int((query.embeddings @ other.embeddings.T).max(axis=0).argmax())]
        async with self._turn:
            found = await self._comparer.compare(query.crops, [crop])
        alike = self._limits.fit(changed=found.changed, missing=found.missing, mismatch=found.mismatch)
        return found.inliers > 0 and alike is r.Fit.SAME

    async def enrolled(self, product_id: str, inspection: r.Inspection) -> str:
        """Copy features and images of a capture that is enrolled; returns the key of the features."""
        capture_id = inspection.subject.capture_id
        key = features.kept_key(product_id, capture_id)
        await self._copy(capture_id, inspection.features_key, key)
        return key

    async def promoted(self, copies: Sequence[tuple[r.Reference, r.Reference]]) -> None:
        """Copy the same of looks that are promoted, given as (as shown, as kept)."""
        for shown, kept in copies:
            await self._copy(shown.reference_id, shown.features_key, kept.features_key)

    async def _copy(self, capture_id: UUID, source: str, target: str) -> None:
        """Copy features, images and manifest."""
        capture = wire.decode(r.Capture, await bundle.event_of(self._blobs.get, capture_id))
        base = target.rsplit("/", 1)[0]
        kept = tuple(replace(i, key=f"{base}/{file_name(i)}") for i in capture.images)
        copies = [(target, await self._blobs.get(source))]
        copies.append((f"{base}/manifest.avro", wire.encode(replace(capture, images=kept))))
        copies += [(k.key, await self._blobs.get(i.key)) for i, k in zip(capture.images, kept, strict=True)]
        await self._blobs.put(copies)


def file_name(image: r.Image) -> str:
    """What the copy of a reference's image is called; no two images of a capture have the same name."""
    kind = "jpg" if image.media_type == "image/jpeg" else "png"
    return f"{image.camera}-{image.role.lower()}-{image.sha256[:16]}.{kind}"


def _likeness(embedding: npt.NDArray[np.float32], trial: r.Trial) -> list[float]:
    return [float(embedding @ features.unpack_embedding(s.embedding)) for s in trial.shown]


def _nearest(query: features.Features, trial: r.Trial) -> list[r.Reference]:
    """The pictures of a trial that are most like any of the capture's, at most `HELD`."""
    if not trial.shown:
        return []
    kept = np.stack([features.unpack_embedding(s.embedding) for s in trial.shown])
    order = np.argsort(-(query.embeddings @ kept.T).max(axis=0), kind="stable")
    return [trial.shown[k] for k in order[:HELD]]
