"""Which product of a catalogue a picture shows, or none of them: `enrol` the catalogue once, then `identify`.

Whom to look at closely is picked by the likeness of patches and by a vote of local features. Those are registered:
printed packaging is flat, and a homography that many features agree on is hard to come by. Flavours and fat grades of
one brand share their layout, and all register; they are told apart by colour where their references differ.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import cv2
import numpy as np

from triton_models import mmid_colour as colour
from triton_models import mmid_patches as patch
from triton_models.mmid_catalogue import Catalogue, features_of, swatch_of
from triton_models.mmid_votes import count_votes
from triton_models.registration import (
    Features,
    Floats,
    Indices,
    Matrix,
    Picture,
    Registration,
    features,
    match,
    register,
)

CANDIDATES: Final = 5
_LONGEST: Final = 348  # pixels of a query: OpenCV's SIFT doubles it
_LIMIT: Final = 800  # local features of a query
_LIKE: Final = 4  # references that are registered for their likeness of patches
_VOTED: Final = 8  # references that are registered for their votes
_CERTAIN: Final = 15  # inliers at which simulated slants are not tried any more
_FEWEST: Final = 10  # inliers, below which a registration is taken for chance
_PLAIN: Final = 20  # inliers, from which on one says more than the colours of the whole picture
_COMPARED: Final = 6  # registered references whose colours are compared
_CENTRAL: Final = 0.25  # standard deviation of an inlier's weight around the middle, as a share of the side
_MANY: Final = 400  # references at most whose patches are compared: those with most votes
_PRIOR: Final = 4.0  # log odds that a barcode that was read is the item's: some stick to the wrong item

# Weights of the evidence, from a logistic regression over photographs; `evidence` says in which order.
NAMES: Final = ("inliers", "central", "patches", "rather", "palette", "plain")
# The last is set, not learnt: among few products all that are alike lie plainly, among thousands hardly any does.
WEIGHTS: Final = (1.31, 1.01, 58.26, 6.17, 0.87, 4.0)
# Log odds of "none of these": constant, then what `none_of_these` lists.
NONE_WEIGHTS: Final = (8.7, -0.315, -0.108, -13.55, -0.33)


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
        soft: The picture, scaled and blurred.
        local: Its local features.
        likeness: (R,) likeness of patches with each reference.
        votes: (R,) votes of local features for each reference.
        palette: (R,) likeness of colours with each reference, the rarer the more.
    """

    soft: Picture
    local: Features
    likeness: Floats
    votes: Floats
    palette: Floats


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
    factor = _LONGEST / max(picture.shape[:2])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    scaled = picture if factor == 1 else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=way)
    small = np.asarray(scaled, np.uint8)
    local = features(small, limit=_LIMIT)
    patches = patch.query_patches(small, patch.encoder() if encode is None else encode)
    votes = count_votes(local.descriptors, catalogue.votes, len(catalogue.owners))
    mine = colour.central_palette(small)
    usual = catalogue.palettes.mean(0) + 2e-3
    shared = np.sqrt(catalogue.palettes * mine)
    rare = (shared / np.sqrt(usual)).sum(1) - 0.5 * (catalogue.palettes / np.sqrt(usual)).sum(1)
    return Sighting(
        soft=colour.soften(small),
        local=local,
        likeness=_likeness(patches, votes, catalogue),
        votes=votes,
        palette=rare.astype(np.float32),
    )


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
    scores = rows @ np.array(WEIGHTS)
    products = catalogue.owners[allowed]
    best = np.full(len(catalogue.ids), -np.inf)
    np.maximum.at(best, products, scores)
    top = int(scores.argmax())
    ranked = np.sort(best[np.isfinite(best)])[::-1]
    lead = float(ranked[0] - (ranked[1] if len(ranked) > 1 else 0))
    none = none_of_these(sighting, int(allowed[top]), float(rows[top, 0]), lead)
    if prior is not None and prior in catalogue.ids:
        best[catalogue.ids.index(prior)] += _PRIOR
    order = np.argsort(-best, kind="stable")[: int(np.isfinite(best).sum())]
    weights = np.exp(best[order] - best[order[0]])
    confidence = weights / weights.sum() * (1 - none)
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
        (A, 6), in the order of `NAMES`: logarithm of a quarter of the inliers; the same of those near the middle;
        likeness of patches above the fifth-likest; whose colours it has where a rival differs, against the worst
        rival; likeness of rare colours, which counts only where no reference lies plainly in the picture;
        how plainly it lies there, from 0 to 1.
    """
    found = _register(sighting, catalogue, _shortlist(sighting, catalogue, allowed, prior))
    ranked = sorted(found, key=lambda row: -found[row].inliers)
    compared = {row: (found[row].homography, swatch_of(catalogue, row)) for row in ranked[:_COMPARED]}
    rows = np.zeros((len(allowed), len(NAMES)), np.float32)
    likeness = sighting.likeness[allowed]
    rows[:, 2] = likeness - np.sort(likeness)[-CANDIDATES:].mean()
    if max((registration.inliers for registration in found.values()), default=0) < _PLAIN:
        rows[:, 4] = sighting.palette[allowed]
    place = {int(row): number for number, row in enumerate(allowed)}
    for row, registration in found.items():
        rows[place[row], :2] = np.log(registration.inliers / 4), _central(registration, sighting.local)
        rows[place[row], 5] = min((registration.inliers + 1 - _FEWEST) / (_PLAIN + 1 - _FEWEST), 1)
    for row, worst in _worst(sighting.soft, compared).items():
        rows[place[row], 3] = worst
    return rows


def none_of_these(sighting: Sighting, row: int, inliers: float, lead: float) -> float:
    """Probability that the picture shows no product in question.

    Args:
        sighting: Of the picture.
        row: The best reference.
        inliers: The evidence of that name for it.
        lead: By how much its product's score is ahead of the next product's.
    """
    against = (1.0, lead, inliers, float(sighting.likeness[row]), float(sighting.palette[row]))
    odds = sum(weight * value for weight, value in zip(NONE_WEIGHTS, against, strict=True))
    return float(1 / (1 + np.exp(-odds)))


def _allowed(catalogue: Catalogue, among: Collection[str] | None) -> Indices:
    if among is None:
        return np.arange(len(catalogue.owners))
    wanted = {number for number, product in enumerate(catalogue.ids) if product in among}
    return np.flatnonzero(np.isin(catalogue.owners, list(wanted)))


def _likeness(patches: Floats, votes: Floats, catalogue: Catalogue) -> Floats:
    """Likeness (R,) of patches; in a large catalogue of those that got votes, and the rest are as unlike as any."""
    if len(catalogue.owners) <= _MANY:
        return patch.likeness(patches, catalogue.patches, catalogue.rarity)
    voted = np.sort(np.argsort(-votes, kind="stable")[:_MANY])
    exact = patch.likeness(patches, catalogue.patches[voted], catalogue.rarity[voted])
    found = np.full(len(votes), exact.min(), np.float32)
    found[voted] = exact
    return found


def _shortlist(
    sighting: Sighting, catalogue: Catalogue, allowed: Indices, prior: str | None
) -> tuple[int, ...]:
    like = allowed[np.argsort(-sighting.likeness[allowed], kind="stable")[:_LIKE]]
    voted = allowed[np.argsort(-sighting.votes[allowed], kind="stable")[:_VOTED]]
    coded = (
        np.flatnonzero(catalogue.owners == catalogue.ids.index(prior)) if prior in catalogue.ids else like[:0]
    )
    return tuple(dict.fromkeys(int(row) for row in (*like, *voted, *np.intersect1d(coded, allowed))))


def _register(sighting: Sighting, catalogue: Catalogue, rows: Sequence[int]) -> dict[int, Registration]:
    """Registers references; with their simulated slants too where none lies there plainly."""
    query = sighting.local
    found = {row: register(query, features_of(catalogue, row, frontal=True)) for row in rows}
    if max((it.inliers for it in found.values() if it is not None), default=0) < _CERTAIN:
        for row in rows:
            reference = features_of(catalogue, row)
            if reference.views.any():
                found[row] = register(query, reference, matches=match(query, reference))
    return {row: it for row, it in found.items() if it is not None and it.inliers >= _FEWEST}


def _central(registration: Registration, query: Features) -> float:
    """Logarithm of half the inliers, each weighted by how near the picture's middle it is, and 1."""
    points = registration.query_points / np.array(query.size) - 0.5
    near = np.exp(-0.5 * (points**2).sum(1) / _CENTRAL**2).mean()
    return float(np.log1p(registration.inliers * near / 2))


def _worst(soft: Picture, compared: Mapping[int, tuple[Matrix, colour.Swatch]]) -> dict[int, float]:
    """`colour.rather` of each reference, against the rival that it does worst against."""
    worst = dict.fromkeys(compared, 0.0 if len(compared) < 2 else 1.0)
    for one, other in combinations(compared, 2):
        there, back = compared[one], compared[other]
        gap = (colour.rather(soft, there, back) - colour.rather(soft, back, there)) / 2
        worst[one], worst[other] = min(worst[one], gap), min(worst[other], -gap)
    return worst
