"""Triton alone: the inference requests that the mesh has made about some captures, made again without the mesh."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.compare.decide import best_crop, most_alike
from services.kernel import records as r
from services.kernel.features import Features, pack_embedding, pooled
from services.kernel.sight import Photo
from services.kernel.triton import MOST_REFERENCES, Comparer, QualityModel, Triton
from services.stack.racks import Planned, Submitted
from services.stack.report import Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the mesh asked about one capture.

    `product_id`: whose references it was compared with, None: it was not. `measured`: the station had the photos
    themselves looked at.
    """

    photos: tuple[Photo, ...]
    product_id: str | None
    measured: bool


def photos_of(item: Planned) -> tuple[Photo, ...]:
    """A rack's files as the mesh sends them on: each colour image with its camera's depth."""
    deep = {p.camera: p.data for p in item.photos if p.role is r.ImageRole.DEPTH}
    return tuple(
        Photo(image=p.data, depth=deep.get(p.camera, b"")) for p in item.photos if p.role is r.ImageRole.RGB
    )


def asked_of(
    planned: Iterable[Planned], submitted: Iterable[Submitted], events: Iterable[Observed]
) -> list[Asked]:
    """What the mesh asked about these captures, as the station's answers and their assessments say it.

    Raises:
        RuntimeError: one has no assessment.
    """
    compared = {
        e.capture_id: e.record.product_id if e.record.comparison is not None else None
        for e in events
        if e.topic == "damage.assessments" and e.record is not None
    }
    measured = {s.capture_id for s in submitted if s.measured}
    asked = []
    for item in planned:
        if item.capture_id not in compared:
            msg = f"{item.item_id} was not assessed, so what was asked about it is not known"
            raise RuntimeError(msg)
        asked.append(
            Asked(
                photos=photos_of(item),
                product_id=compared[item.capture_id],
                measured=item.capture_id in measured,
            )
        )
    return asked


class Alone:
    """The clients, and the references that the gallery has."""

    def __init__(self, address: str, enrolled: Sequence[Planned]) -> None:
        self._address = address
        self._enrolled = enrolled
        self._galleries: dict[str, list[r.Reference]] = {}
        self._kept: dict[str, Features] = {}

    def rate(self, asked: Sequence[Asked], concurrency: int) -> float:
        """Captures per second, so many at once."""
        return asyncio.run(self._rate(asked, concurrency))

    async def _rate(self, asked: Sequence[Asked], concurrency: int) -> float:
        triton, comparer = Triton(self._address), Comparer(self._address)
        quality = QualityModel(self._address, timeout_s=20.0)
        await triton.start()
        await comparer.start()
        if not self._kept:
            await self._enrol(triton)
        waiting = iter(asked)
        began = time.perf_counter()
        await asyncio.gather(*(self._work(triton, comparer, quality, waiting) for _ in range(concurrency)))
        seconds = time.perf_counter() - began
        await triton.close()
        await comparer.close()
        await quality.close()
        return len(asked) / seconds

    async def _work(
        self, triton: Triton, comparer: Comparer, quality: QualityModel, waiting: Iterator[Asked]
    ) -> None:
        for one in waiting:
            if one.measured:
                await quality.measure([photo.image for photo in one.photos])
            sight = await triton.inspect(one.photos)
            if one.product_id is not None:
                held = most_alike(sight.embedding, self._galleries[one.product_id], MOST_REFERENCES)
                pictures = [best_crop(sight.embedding, self._kept[ref.features_key]) for ref in held]
                await comparer.compare(sight.crops, pictures)

    async def _enrol(self, triton: Triton) -> None:
        for item in self._enrolled:
            sight = await triton.inspect(photos_of(item))
            key = str(item.capture_id)
            self._kept[key] = Features(embeddings=sight.embedding, crops=sight.crops)
            self._galleries.setdefault(str(item.enrol_product_id), []).append(
                r.Reference(
                    reference_id=item.capture_id,
                    features_key=key,
                    embedding=pack_embedding(pooled(sight.embedding)),
                    enrolled_at=datetime.now(UTC),
                )
            )
