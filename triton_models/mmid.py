"""Which product of a catalogue a picture shows, or none of them: `enrol` the catalogue once, then `identify`.

Whom to look at closely is picked by a vote of local features, by rare colours and by the likeness of patches together.
Those are registered: printed packaging is flat, and a homography that many features agree on is hard to come by.
Flavours and fat grades of one brand share their layout, and all register; they are told apart by colour where their
references differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from triton_models import mmid_colour as colour
from triton_models import mmid_patches as patch
from triton_models.mmid_catalogue import Catalogue, known_of
from triton_models.mmid_evidence import NAMES as EVIDENCE
from triton_models.mmid_evidence import Look, compare, look_at, scaled
from triton_models.mmid_votes import count_votes
from triton_models.registration import Floats, Indices, Picture

Weighing: TypeAlias = npt.NDArray[np.float64]

CANDIDATES: Final = 5
_CLOSELY: Final = 12  # references that are registered
_MANY: Final = 400  # references at most whose patches are compared: those likest by votes and colours
_OF_PATCHES: Final = 2.0  # what likeness of patches weighs beside votes, in choosing whom to register
_OF_COLOURS: Final = 0.4  # the same of rare colours
_LEAD: Final = 8.0  # difference of scores from which on more says nothing
_PLAINLY: Final = EVIDENCE.index("plain")
_PRIOR: Final = 4.0  # log odds that a barcode that was read is the item's: some stick to the wrong item

NAMES: Final = (*EVIDENCE, "patches", "palette")
"""The evidence, in the order of its weights."""
NONE_NAMES: Final = ("constant", "lead", *NAMES)
"""What `doubts` lists."""
WEIGHTS_FILE: Final = Path(__file__).with_name("mmid_weights.json")
"""Written by `fit_identify`, from made-up products alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a picture shows.

    Attributes:
        candidates: At most five (product id, confidence), likeliest first; with `none`, and with the products that
            are left out here, the confidences add up to 1.
        none: Probability that it is none of the products that came into question.
    """

    candidates: tuple[tuple[str, float], ...]
    none: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What of a picture the whole catalogue is compared with; made once, whoever comes into question.

    Attributes:
        close: What references are registered with.
        likeness: (R,) likeness of patches with each reference; where that was not looked at, the least of the others.
        palette: (R,) likeness of colours with each reference, the rarer the more.
        promise: (R,) how much speaks for registering each reference, see `promising`.
    """

    close: Look
    likeness: Floats
    palette: Floats
    promise: Floats


def identify(
    picture: Picture,
    catalogue: Catalogue,
    *,
    prior: str | None = None,
    among: Collection[str] | None = None,
    encode: patch.Encoder | None = None,
) -> Answer:
    """Name the product in the middle of a picture.

    Args:
        picture: (H, W, 3) uint8, RGB, any size; about 350 pixels are used.
        catalogue: What may be in it.
        prior: Product id that the barcode gives. It must fit the picture better than chance to win.
        among: Product ids of the tote's manifest; None is the whole catalogue.
        encode: Describes patches; None is the gallery's encoder.
    """
    return decide(look(picture, catalogue, encode=encode), catalogue, prior=prior, among=among)


def look(picture: Picture, catalogue: Catalogue, *, encode: patch.Encoder | None = None) -> Sighting:
    """Compare a picture roughly with the whole catalogue."""
    small = scaled(picture)
    close = look_at(small)
    patches = patch.query_patches(small, patch.encoder() if encode is None else encode)
    votes = count_votes(close.local.descriptors, catalogue.votes, len(catalogue.owners))
    palette = _rare_colours(small, catalogue)

    def likeness_of(rows: Indices) -> Floats:
        return patch.likeness(patches, catalogue.patches[rows], catalogue.rarity[rows])

    likeness, promise = promising(votes, palette, likeness_of)
    return Sighting(close=close, likeness=likeness, palette=palette, promise=promise)


def promising(
    votes: Floats, palette: Floats, likeness_of: Callable[[Indices], Floats], *, many: int = _MANY
) -> tuple[Floats, Floats]:
    """How like each reference is, and how much speaks for registering it.

    Args:
        votes: (R,) of local features.
        palette: (R,) likeness of rare colours.
        likeness_of: Likeness of patches, at some cost, of the references whose rows it is given.
        many: Of so many, those that votes and colours speak for, the likeness is asked.

    Returns:
        Likeness (R,), of the others the least of those asked; promise (R,), of the others less than of those asked, in
        the order of votes and colours.
    """
    # A root, so that a few strong votes for a wrong one do not drown the rest.
    voted = np.sqrt(votes)
    rough = _standing(voted) + _standing(palette)
    asked = np.sort(np.argsort(-rough, kind="stable")[:many])
    exact = likeness_of(asked)
    likeness = np.full(len(votes), exact.min(), np.float32)
    likeness[asked] = exact
    fine = _standing(voted[asked]) + _OF_PATCHES * _standing(exact) + _OF_COLOURS * _standing(palette[asked])
    promise = rough - rough.max() + fine.min()
    promise[asked] = fine
    return likeness, promise


def decide(
    sighting: Sighting,
    catalogue: Catalogue,
    *,
    prior: str | None = None,
    among: Collection[str] | None = None,
) -> Answer:
    """Name the product that a sighting shows; see `identify`."""
    allowed = _allowed(catalogue, among)
    if not allowed.size:
        return Answer(candidates=(), none=1.0)
    rows = evidence(sighting, catalogue, allowed, prior=prior)
    weighing, doubting = weights()
    scores = rows @ weighing
    heads = heads_of(scores, catalogue.owners[allowed])
    best = np.full(len(catalogue.ids), -np.inf)
    best[catalogue.owners[allowed[heads]]] = scores[heads]
    doubt = doubts(rows[heads], weighing) @ doubting
    none = float(1 / (1 + np.exp(-doubt)))
    if prior is not None and prior in catalogue.ids:
        best[catalogue.ids.index(prior)] += _PRIOR
    order = np.argsort(-best, kind="stable")[: int(np.isfinite(best).sum())]
    odds = np.exp(best[order] - best[order[0]])
    confidence = odds / odds.sum() * (1 - none)
    return Answer(
        candidates=tuple(
            (catalogue.ids[product], float(share))
            for product, share in zip(order[:CANDIDATES], confidence, strict=False)
        ),
        none=none,
    )


def evidence(
    sighting: Sighting, catalogue: Catalogue, allowed: Indices, *, prior: str | None = None
) -> Floats:
    """What speaks for each reference that comes into question.

    Args:
        sighting: Of the picture.
        catalogue: What it is compared with.
        allowed: (A,) rows of the references that come into question.
        prior: A product that is looked at closely in any case.

    Returns:
        (A, 8), in the order of `NAMES`: as `mmid_evidence.compare` has it, of those that were registered; likeness of
        patches above the fifth-likest; likeness of rare colours, which counts only where no reference lies plainly in
        the picture.
    """
    picked = _shortlist(sighting, catalogue, allowed, prior)
    found = compare(sighting.close, {row: known_of(catalogue, row) for row in picked})
    rows = np.zeros((len(allowed), len(NAMES)), np.float32)
    likeness = sighting.likeness[allowed]
    rows[:, -2] = likeness - np.sort(likeness)[-CANDIDATES:].mean()
    if max((row[_PLAINLY] for row in found.values()), default=0) < 1:
        rows[:, -1] = sighting.palette[allowed]
    place = {int(row): number for number, row in enumerate(allowed)}
    for row, values in found.items():
        rows[place[row], : len(EVIDENCE)] = values
    return rows


def doubts(rows: Floats, weighing: Weighing) -> Floats:
    """What it is judged by whether it is none of the products in question, (10,) in the order of `NONE_NAMES`.

    Args:
        rows: (P, 8) evidence for each product's best reference.
        weighing: (8,) what each piece weighs.
    """
    scores = rows @ weighing
    top = int(scores.argmax())
    rest = np.delete(scores, top)
    lead = scores[top] - rest.max() if rest.size else _LEAD
    return np.array([1.0, min(lead, _LEAD), *rows[top]], np.float32)


@cache
def weights() -> tuple[Weighing, Weighing]:
    """Of the evidence (8,), and of the doubts (10,)."""
    read = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    evidence_, none = read["evidence"], read["none"]
    return np.array([evidence_[name] for name in NAMES]), np.array([none[name] for name in NONE_NAMES])


def heads_of(scores: Weighing, owners: npt.NDArray[np.int32]) -> Indices:
    """Place of the best of each owner's scores."""
    order = np.lexsort((-scores, owners))
    return order[np.unique(owners[order], return_index=True)[1]]


def _allowed(catalogue: Catalogue, among: Collection[str] | None) -> Indices:
    if among is None:
        return np.arange(len(catalogue.owners))
    wanted = {number for number, product in enumerate(catalogue.ids) if product in among}
    return np.flatnonzero(np.isin(catalogue.owners, list(wanted)))


def _rare_colours(picture: Picture, catalogue: Catalogue) -> Floats:
    """How much of each reference's colours (R,) is in the middle of a picture, the rarer in the catalogue the more."""
    mine = colour.central_palette(picture)
    usual = np.sqrt(catalogue.palettes.mean(0) + 2e-3)
    shared, own = np.sqrt(catalogue.palettes * mine), 0.5 * catalogue.palettes
    return np.asarray(((shared - own) / usual).sum(1), np.float32)


def _standing(values: Floats) -> Floats:
    """How far above their mean values (R,) are, in standard deviations; all 0 if they are the same."""
    spread = float(values.std())
    return np.asarray((values - values.mean()) / spread if spread > 0 else np.zeros_like(values), np.float32)


def _shortlist(
    sighting: Sighting, catalogue: Catalogue, allowed: Indices, prior: str | None
) -> tuple[int, ...]:
    likely = allowed[np.argsort(-sighting.promise[allowed], kind="stable")[:_CLOSELY]]
    coded = (
        np.flatnonzero(catalogue.owners == catalogue.ids.index(prior))
        if prior in catalogue.ids
        else likely[:0]
    )
    return tuple(dict.fromkeys(int(row) for row in (*likely, *np.intersect1d(coded, allowed))))
