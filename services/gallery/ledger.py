"""A product's ledger: the versions of its gallery, what left it, and the row that follows from the newest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any
from uuid import UUID

from services.gallery.evidence import Weighed
from services.gallery.trials import derived
from services.kernel import records as r
from services.kernel.features import unpack_embedding

#: References per product; Kaputt has up to three, more cost comparison time for little.
MOST = 6
#: Versions that one can go back to, references that are remembered to have left, and testimonies not to count again.
STEPS, GONE, RECENT = 8, 64, 64
#: How enrolled references are named where looks are told apart; the others go by their trial.
ENROLLED = "enrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Who or what decided, why, and when (UTC). `cause`: EVIDENCE, LABEL, ENROLMENT or OPERATOR."""

    cause: str
    reason: str
    at: datetime
    command_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of the list: what it becomes. `key`: what makes the change's id, beside product and event."""

    event: r.GalleryEvent
    references: tuple[r.Reference, ...]
    encoder: str
    key: str
    confirmed: bool = True
    trial_id: UUID | None = None
    weighed: Weighed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What is to be done: the ledger as it is then, what is told beside its newest version, and what is copied first.

    `moved`: the gallery has a new version, which follows from the ledger.
    """

    ledger: r.GalleryLedger
    changes: tuple[r.GalleryChange, ...] = ()
    copies: tuple[tuple[r.Reference, r.Reference], ...] = ()
    moved: bool = False


def opened(product_id: str, gallery: r.Gallery | None) -> r.GalleryLedger:
    """The ledger of a product that has none yet; the gallery of an earlier release is its first step."""
    ledger = r.GalleryLedger(product_id=product_id, applied=-1)
    if gallery is None:
        return ledger
    step = r.GalleryStep(
        version=gallery.version,
        encoder=gallery.encoder,
        references=tuple(ref.reference_id for ref in gallery.references),
        confirmed=gallery.confirmed,
        event=r.GalleryEvent.ENROLLED,
        cause="ENROLMENT",
        reason="the references as they were when this ledger was opened",
        decided_at=max(
            (ref.enrolled_at for ref in gallery.references), default=datetime.fromtimestamp(0, UTC)
        ),
    )
    return replace(ledger, steps=(step,), shelf=gallery.references)


def seen_by(ledger: r.GalleryLedger, gallery: r.Gallery | None) -> r.GalleryLedger:
    """The ledger with its newest references as another encoder sees them; the same where that is not known."""
    if gallery is None or not ledger.steps or gallery.encoder == ledger.steps[0].encoder:
        return ledger
    step, *before = ledger.steps
    known = {ref.reference_id: ref for ref in gallery.references}
    if not known.keys() >= set(step.references):
        return ledger  # what came in since is yet to be seen by it
    shelf = tuple(
        replace(ref, embedding=known[ref.reference_id].embedding)
        if ref.reference_id in step.references
        else ref
        for ref in ledger.shelf
    )
    return replace(ledger, steps=(replace(step, encoder=gallery.encoder), *before), shelf=shelf)


def current(ledger: r.GalleryLedger) -> tuple[r.Reference, ...]:
    """The references as they are now."""
    return of_step(ledger, ledger.steps[0]) if ledger.steps else ()


def of_step(ledger: r.GalleryLedger, step: r.GalleryStep) -> tuple[r.Reference, ...]:
    """The references of one version."""
    shelf = {ref.reference_id: ref for ref in ledger.shelf}
    return tuple(shelf[name] for name in step.references)


def version(ledger: r.GalleryLedger) -> int:
    """The gallery's version, 0 when there is none yet."""
    return ledger.steps[0].version if ledger.steps else 0


def confirmed(ledger: r.GalleryLedger) -> bool:
    """Whether items may be judged by the references."""
    return bool(ledger.steps) and ledger.steps[0].confirmed and bool(ledger.steps[0].references)


def gallery_of(ledger: r.GalleryLedger) -> r.Gallery:
    """The row of gallery.references; there is a step."""
    step = ledger.steps[0]
    return r.Gallery(
        product_id=ledger.product_id,
        version=step.version,
        encoder=step.encoder,
        references=current(ledger),
        confirmed=step.confirmed,
        reason=step.reason,
        decided_at=step.decided_at,
    )


def look_of(reference: r.Reference) -> str:
    """The look that a reference shows: the trial that it was promoted with, or enrolled."""
    return str(reference.trial_id) if reference.trial_id is not None else ENROLLED


def looks(references: Iterable[r.Reference]) -> tuple[str, ...]:
    """The looks that references show, in the order of their first ones."""
    return tuple(dict.fromkeys(look_of(ref) for ref in references))


def trimmed(
    references: Sequence[r.Reference], most: int, unmatched: Mapping[str, int]
) -> tuple[r.Reference, ...]:
    """At most so many, with as many looks among them as there is room for.

    Of the look that has most the reference goes that shows least besides another one of them (items lie on one side or
    another), the older of the two. When every look has one, that look goes which items matched longest ago.
    """
    kept = list(references)
    while len(kept) > most:
        counts = Counter(look_of(ref) for ref in kept)
        largest = max(counts.values())
        spare = [ref for ref in kept if counts[look_of(ref)] == largest]
        if largest > 1:
            kept.remove(_most_alike(spare))
        else:
            kept.remove(max(spare, key=lambda ref: unmatched.get(look_of(ref), 0)))
    return tuple(kept)


def _most_alike(references: Sequence[r.Reference]) -> r.Reference:
    """The older one of the two references of one look that are most alike."""
    pairs = [(a, b) for a, b in combinations(references, 2) if look_of(a) == look_of(b)]
    return max(pairs, key=lambda pair: _likeness(*pair))[0]


def _likeness(one: r.Reference, other: r.Reference) -> float:
    return float(unpack_embedding(one.embedding) @ unpack_embedding(other.embedding))


def moved(ledger: r.GalleryLedger, move: Move, ruling: Ruling) -> r.GalleryLedger:
    """The ledger with the next version of the gallery; `newest` tells of it."""
    before, after = current(ledger), move.references
    was, becomes = ({ref.reference_id for ref in refs} for refs in (before, after))
    added = tuple(ref.reference_id for ref in after if ref.reference_id not in was)
    removed = tuple(ref.reference_id for ref in before if ref.reference_id not in becomes)
    change = r.GalleryChange(
        change_id=derived(ledger.product_id, move.event, move.key),
        product_id=ledger.product_id,
        event=move.event,
        cause=ruling.cause,
        version=version(ledger) + 1,
        trial_id=move.trial_id,
        added=added,
        removed=removed,
        reason=ruling.reason,
        command_id=ruling.command_id,
        decided_at=ruling.at,
        **behind(move.weighed),
    )
    step = r.GalleryStep(
        version=change.version,
        encoder=move.encoder,
        references=tuple(ref.reference_id for ref in after),
        confirmed=move.confirmed,
        event=move.event,
        cause=ruling.cause,
        reason=ruling.reason,
        decided_at=ruling.at,
    )
    steps = (step, *ledger.steps)[:STEPS]
    named = {name for each in steps for name in each.references}
    shelf = {ref.reference_id: ref for ref in (*ledger.shelf, *after)}
    # Only where there are several looks is it counted which of them are still around.
    several = present if len(present := looks(after)) > 1 else ()
    return replace(
        ledger,
        steps=steps,
        shelf=tuple(ref for name, ref in shelf.items() if name in named),
        gone=_gone(ledger, added, removed),
        newest=change,
        unmatched={look: ledger.unmatched.get(look, 0) for look in several},
        matched_at={look: ledger.matched_at.get(look, ruling.at) for look in several},
    )


def _gone(ledger: r.GalleryLedger, added: Sequence[UUID], removed: Sequence[UUID]) -> tuple[UUID, ...]:
    kept = [name for name in ledger.gone if name not in added and name not in removed]
    return (*kept, *removed)[-GONE:]


def behind(weighed: Weighed | None) -> dict[str, Any]:
    """The fields of a change that say what it rests on."""
    if weighed is None:
        return {}
    return {
        "items": weighed.items,
        "totes": weighed.totes,
        "lots": math.floor(weighed.lots),
        "odds": weighed.odds,
    }
