"""From events to labelled captures: which are fit to be learnt from, how many each stands for, and what is left out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.kernel import records as r
from services.stack.report import Observed

#: What is read of the topics.
TOPICS: Final = ("damage.assessments", "review.labels", "calibration.outcomes", "gallery.references")
#: Shares of the products; the rest is the test split.
SPLITS: Final = (("train", 0.7), ("validation", 0.15), ("test", 0.15))

DISPUTED: Final = "people differ about them"
UNIDENTIFIED: Final = "no product is known for them"
FORGOTTEN: Final = "their label is kept, the assessment that it is about is not (28 days)"
GONE: Final = "their pictures are not in the store any more"
UNCHECKED: Final = "their pictures are not those that the station stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One capture and what a person found; `weight`: captures that it stands for, None where nobody knows."""

    assessment: r.Assessment
    weight: float | None

    @property
    def capture_id(self) -> UUID:
        """Of the picture that was judged."""
        return self.assessment.subject.capture_id

    @property
    def product_id(self) -> str:
        """What a person, or the mesh, says that it is."""
        return str(self.assessment.product_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Labelled captures in order of their ids, each product's references, and how many were left out, by reason."""

    captures: tuple[Labelled, ...]
    references: Mapping[str, tuple[r.Reference, ...]]
    left_out: Counter[str]


def found(events: Iterable[Observed], since: datetime | None) -> Found:
    """Return what people have confirmed, labelled at `since` or later.

    Only a person's verdict is truth: what the mesh itself judged is left out, and what people differ about. Of one
    capture the newest verdict counts; an item that was labelled at several stages is there with each.
    """
    assessments: dict[UUID, r.Assessment] = {}
    labels: dict[str, datetime] = {}
    outcomes: dict[str, r.LabelledOutcome] = {}
    galleries: dict[str, r.Gallery] = {}
    for event in sorted(events, key=lambda e: (e.partition, e.offset)):
        record = event.record
        if isinstance(record, r.Assessment) and record.verdict is not None:
            _newer(assessments, record)
        elif isinstance(record, r.Label):
            labels[record.item_id] = max(record.labelled_at, labels.get(record.item_id, record.labelled_at))
        elif isinstance(record, r.LabelledOutcome):
            outcomes[f"{record.item_id}|{record.stage}"] = record
        elif isinstance(record, r.Gallery):
            galleries[record.product_id] = record
    left_out: Counter[str] = Counter()
    known = {a.item_id for a in assessments.values()}
    left_out[FORGOTTEN] = sum(item not in known and _counts(at, since) for item, at in labels.items())
    captures = []
    for assessment in assessments.values():
        if not _counts(assessment.labelled_at, since):
            continue
        if why := _unfit(assessment):
            left_out[why] += 1
        else:
            weight = weight_of(assessment, outcomes)
            captures.append(Labelled(assessment=assessment, weight=weight))
    products = {one.product_id for one in captures}
    return Found(
        captures=tuple(sorted(captures, key=lambda one: str(one.capture_id))),
        references={p: galleries[p].references for p in sorted(products & galleries.keys())},
        left_out=+left_out,
    )


def _newer(known: dict[UUID, r.Assessment], found_now: r.Assessment) -> None:
    capture_id = found_now.subject.capture_id
    if capture_id not in known or known[capture_id].revision < found_now.revision:
        known[capture_id] = found_now


def _counts(labelled_at: datetime | None, since: datetime | None) -> bool:
    return since is None or (labelled_at is not None and labelled_at >= since)


def _unfit(assessment: r.Assessment) -> str | None:
    if assessment.disputed:
        return DISPUTED
    return UNIDENTIFIED if assessment.product_id is None or assessment.product is None else None


def weight_of(assessment: r.Assessment, outcomes: Mapping[str, r.LabelledOutcome]) -> float | None:
    """Return how many captures a labelled one stands for: 1 / the probability with which it was pulled to be labelled.

    None where the mesh did not pull it: a person labelled it for reasons of their own.
    """
    outcome = outcomes.get(f"{assessment.item_id}|{assessment.subject.stage}")
    if outcome is None or outcome.labelling is None or outcome.pulled_revision > assessment.revision:
        return None
    return 1.0 / outcome.labelling.probability


def split_of(product_id: str) -> str:
    """Return a product's split: always the same, wherever and whenever it is asked, so that no product is in two."""
    share = int.from_bytes(hashlib.sha256(f"split|{product_id}".encode()).digest()[:8]) / 2**64
    for name, part in SPLITS:
        if share < part:
            return name
        share -= part
    return SPLITS[-1][0]


def by_split(captures: Sequence[Labelled]) -> dict[str, tuple[Labelled, ...]]:
    """Return the captures of each split; splits without any are left out."""
    parts = {name: tuple(one for one in captures if split_of(one.product_id) == name) for name, _ in SPLITS}
    return {name: some for name, some in parts.items() if some}
