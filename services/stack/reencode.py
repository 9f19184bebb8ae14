"""The references of all products, embedded by another version of the encoder before that version serves.

Which references a product has is what `gallery.references` says. Their embeddings by every encoder that may serve stand
in `gallery.encodings` and in that encoder's own index, and are made from the references' own pictures, by the models
that will serve, through the very code that looks at captures. A run that is stopped goes on where it was: what is
embedded is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from services.inspect.look import look
from services.kernel import records as r
from services.kernel import wire
from services.kernel.blobs import Blobs
from services.kernel.faults import DataFault, Fault
from services.kernel.features import unpack_embedding
from services.kernel.galleries import ENCODINGS, LISTS, encoding_key
from services.kernel.index import ReferenceIndex
from services.kernel.model_versions import encoder_of
from services.kernel.triton import Triton
from services.stack.problems import Problem
from services.stack.reading import snapshot
from services.stack.world import Message, publish

#: Pictures in flight: the mesh goes on meanwhile, and comes first.
_AT_ONCE: Final = 2
#: Products whose rows are written together.
_TOGETHER: Final = 16
_NAMED: Final = 3

#: The newest rows of gallery.references and of gallery.encodings, by key.
Rows = tuple[dict[str, r.Gallery], dict[str, r.Gallery]]
Tick = Callable[[int, int], None]
"""Told how many references are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One product: its list, and which of its references the encoder has embedded already."""

    listed: r.Gallery
    held: r.Gallery | None
    encoder: str

    @property
    def embedded(self) -> Mapping[str, r.Reference]:
        """By id."""
        kept = self.listed if self.listed.encoder == self.encoder else self.held
        return {str(ref.reference_id): ref for ref in kept.references} if kept is not None else {}

    @property
    def missing(self) -> tuple[r.Reference, ...]:
        """The references that are to be embedded."""
        known = self.embedded
        return tuple(ref for ref in self.listed.references if str(ref.reference_id) not in known)

    def row(self, made: Mapping[str, r.Reference]) -> r.Gallery:
        """The list in this encoder's embedding."""
        found = {**self.embedded, **made}
        references = tuple(found[str(ref.reference_id)] for ref in self.listed.references)
        return replace(self.listed, encoder=self.encoder, references=references)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What re-embedding needs: rows read and written, the store, the vector index."""

    read: Callable[[], Rows]
    write: Callable[[list[Message]], None]
    blobs: Blobs
    index: ReferenceIndex


def parts_of(brokers: str, blobs: Blobs, index: ReferenceIndex) -> Parts:
    """What a running stack has of it."""
    return Parts(read=partial(_rows, brokers), write=partial(publish, brokers), blobs=blobs, index=index)


def work(lists: Iterable[r.Gallery], encodings: Mapping[str, r.Gallery], encoder: str) -> list[Work]:
    """Return each product's work."""
    return [
        Work(listed=listed, held=encodings.get(encoding_key(listed.product_id, encoder)), encoder=encoder)
        for listed in lists
        if listed.references
    ]


async def fill(parts: Parts, encoder: str, triton: Triton | None, tick: Tick) -> int:
    """See to it that every reference stands in this encoder's embedding, in the topic and in the index.

    Args:
        parts: where things are.
        encoder: the version.
        triton: asks that version; None: only what is embedded already is kept.
        tick: is told of progress.

    Returns:
        How many references were embedded.

    Raises:
        Problem: references cannot be embedded; they are named. All others are, and stay so.
    """
    lists, encodings = await asyncio.to_thread(parts.read)
    todo = work(lists.values(), encodings, encoder)
    total, done = sum(len(one.missing) for one in todo), 0
    failed: list[str] = []
    for start in range(0, len(todo), _TOGETHER):
        rows = []
        for one in todo[start : start + _TOGETHER]:
            made, wrong = ({}, []) if triton is None else await _embedded(parts.blobs, one, triton)
            done, failed = done + len(made), failed + wrong
            if len(made) == len(one.missing):
                rows.append(one.row(made))
            tick(done, total)
        await _keep(parts, rows, encodings)
    if failed:
        raise Problem(_cannot(failed, encoder))
    return done


async def forget(parts: Parts, encoder: str) -> None:
    """Forget what an encoder embedded, except where a product's list itself is in its embedding."""
    _, encodings = await asyncio.to_thread(parts.read)
    await parts.index.drop(encoder)
    messages: list[Message] = [
        (ENCODINGS, key.encode(), None, []) for key, row in encodings.items() if row.encoder == encoder
    ]
    await asyncio.to_thread(parts.write, messages)


async def _embedded(blobs: Blobs, one: Work, triton: Triton) -> tuple[dict[str, r.Reference], list[str]]:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def embed(reference: r.Reference) -> r.Reference | str:
        async with slots:
            try:
                return await _embed(blobs, one, reference, triton)
            except Fault as fault:
                return f"{reference.reference_id} of {one.listed.product_id}: {fault}"

    found = await asyncio.gather(*map(embed, one.missing))
    made = {str(x.reference_id): x for x in found if isinstance(x, r.Reference)}
    return made, [x for x in found if isinstance(x, str)]


async def _embed(blobs: Blobs, one: Work, reference: r.Reference, triton: Triton) -> r.Reference:
    """Look at a reference's own pictures; they outlive the capture that it was made from.

    Raises:
        DataFault: they are not there, or another version than the one wanted looked at them.
    """
    base, _, name = reference.features_key.rpartition("/")
    capture: r.Capture = wire.decode(r.Capture, await blobs.get(f"{base}/manifest.avro"))
    seen = await look(capture, blobs, triton)
    if (said := encoder_of(seen.sight.versions)) != one.encoder:
        raise DataFault("other_encoder", f"encoder {said} looked at it, {one.encoder} was asked")
    key = f"{base}/{one.encoder.replace('+', '-')}.{name.rpartition('.')[2]}"
    await blobs.put([(key, seen.features)])
    return replace(reference, features_key=key, embedding=seen.embedding)


async def _keep(parts: Parts, rows: Iterable[r.Gallery], encodings: Mapping[str, r.Gallery]) -> None:
    messages: list[Message] = []
    for row in rows:
        vectors = [(str(ref.reference_id), unpack_embedding(ref.embedding)) for ref in row.references]
        await parts.index.replace(row.encoder, row.product_id, vectors)
        key = encoding_key(row.product_id, row.encoder)
        if encodings.get(key) != row:
            messages.append((ENCODINGS, key.encode(), wire.encode(row), []))
    if messages:
        await asyncio.to_thread(parts.write, messages)


def _rows(brokers: str) -> Rows:
    """The newest rows of both topics, by key."""
    found: dict[str, dict[str, r.Gallery]] = {LISTS: {}, ENCODINGS: {}}
    for event in sorted(snapshot(brokers, [LISTS, ENCODINGS]), key=lambda e: (e.partition, e.offset)):
        key = (event.key or b"").decode("utf-8", "backslashreplace")
        if isinstance(event.record, r.Gallery):
            found[event.topic][key] = event.record
        elif event.fault is None:
            found[event.topic].pop(key, None)
    return found[LISTS], found[ENCODINGS]


def _cannot(failed: list[str], encoder: str) -> str:
    more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return (
        f"{len(failed)} references cannot be embedded by {encoder}: {'; '.join(failed[:_NAMED])}{more}. "
        "Enrol these products anew (./intact enrol), then promote again"
    )
