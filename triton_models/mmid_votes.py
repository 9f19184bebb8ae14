"""Which references a query's local features vote for: an inverted file over all references' descriptors at once.

Descriptors are shortened to their principal components and sorted into cells around k-means centres, both learnt
from the enrolled references alone. A query's descriptor is compared with the members of its nearest cells only, so
the time grows far slower than the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from triton_models.registration import Floats, Indices, Picture, unit

LENGTH: Final = 64  # principal components of 128 that are kept
_SCALE: Final = 180.0  # of a unit descriptor's components as int8
_PROBES: Final = 3  # cells that a query's descriptor looks into
_LIKE: Final = 0.84  # least cosine of a vote
_HEARD: Final = 10  # votes of one descriptor
_SAMPLE: Final = 60_000  # descriptors that the centres are learnt from


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """The inverted file.

    Attributes:
        axes: (128, 64) float32, principal components.
        centres: (C, 64) float32.
        starts: (C + 1,) where each cell's members start.
        members: (M, 64) int8, shortened descriptors, cell after cell.
        owners: (M,) int32, the reference of each.
    """

    axes: Floats
    centres: Floats
    starts: npt.NDArray[np.int64]
    members: npt.NDArray[np.int8]
    owners: npt.NDArray[np.int32]


def votes_of(descriptors: Picture, owners: npt.NDArray[np.int32], *, rounds: int = 6) -> Votes:
    """Sort references' descriptors (M, 128), each with the row of its reference (M,), into cells."""
    random = np.random.default_rng(0)
    count = len(descriptors)
    drawn = np.sort(random.permutation(count)[:_SAMPLE])
    sample = unit(descriptors[drawn])
    axes = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :LENGTH].astype(np.float32)
    short = sample @ axes
    cells = int(np.clip(count / 100, 1, 8192))
    centres = short[np.sort(random.permutation(len(short))[:cells])]
    for _ in range(rounds if len(short) else 0):
        nearest = _nearest(short, centres)
        order = np.argsort(nearest, kind="stable")
        present, first = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(short[order], first, axis=0)
        centres = centres.copy()
        centres[present] = sums / np.diff(np.append(first, len(short)))[:, None]
    members = np.empty((count, LENGTH), np.int8)
    nearest = np.empty(count, np.intp)
    for start in range(0, count, 20_000):
        part = unit(descriptors[start : start + 20_000]) @ axes
        members[start : start + 20_000] = np.clip(np.rint(part * _SCALE), -127, 127)
        nearest[start : start + 20_000] = _nearest(part, centres)
    order = np.argsort(nearest, kind="stable")
    starts = np.searchsorted(nearest[order], np.arange(len(centres) + 1)).astype(np.int64)
    return Votes(
        axes=axes,
        centres=centres,
        starts=starts,
        members=members[order],
        owners=owners[order].astype(np.int32),
    )


def count_votes(descriptors: Picture, votes: Votes, references: int) -> Floats:
    """How strongly a query's descriptors (N, 128) speak for each of so many references.

    Each votes for the ten members that are likest, as strongly as they are liker than the eleventh: print that many
    products have (letters, corners) says little. (After McCann and Lowe, local naive Bayes nearest neighbours.)

    Returns:
        (references,) float32.
    """
    total = np.zeros(references, np.float32)
    if not len(descriptors) or not len(votes.members):
        return total
    voters, owners, cosines = _alike(unit(descriptors) @ votes.axes, votes)
    order = np.lexsort((-cosines, voters))
    voters, owners, cosines = voters[order], owners[order], cosines[order]
    edges = np.searchsorted(voters, np.arange(len(descriptors) + 1))
    eleventh = edges[:-1] + _HEARD
    usual = np.full(len(descriptors), _LIKE, np.float32)
    crowded = eleventh < edges[1:]
    usual[crowded] = cosines[eleventh[crowded]]
    heard = np.arange(len(voters)) < eleventh[voters]
    np.add.at(total, owners[heard], cosines[heard] - usual[voters[heard]])
    return total


def _alike(short: Floats, votes: Votes) -> tuple[Indices, Indices, Floats]:
    """Rows of the query, rows of references, and cosines of all that are alike."""
    probes = min(_PROBES, len(votes.centres))
    near = short @ votes.centres.T - 0.5 * (votes.centres**2).sum(1)
    cells = _greatest(near, probes)
    order = np.argsort(cells.ravel(), kind="stable")
    visits, rows = cells.ravel()[order], order // probes
    edges = np.append(np.flatnonzero(np.diff(visits, prepend=-1)), len(visits))
    found: list[tuple[Indices, Indices, Floats]] = []
    for start, end in pairwise(edges):
        cell = visits[start]
        low, high = int(votes.starts[cell]), int(votes.starts[cell + 1])
        if low == high:
            continue
        asking = rows[start:end]
        cosines = short[asking] @ votes.members[low:high].astype(np.float32).T * np.float32(1 / _SCALE)
        row, member = np.nonzero(cosines > _LIKE)
        if row.size:
            owner = votes.owners[low:high][member].astype(np.intp)
            found.append((asking[row], owner, cosines[row, member]))
    if not found:
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32)
    voters, owners, likeness = (np.concatenate(part) for part in zip(*found, strict=True))
    return voters, owners, likeness


def _greatest(values: Floats, count: int) -> Indices:
    """Columns (N, count) of the greatest values of each row of (N, C); for few, faster than sorting. Spends values."""
    rows = np.arange(len(values))
    found = np.empty((len(values), count), np.intp)
    for place in range(count):
        found[:, place] = values.argmax(1)
        values[rows, found[:, place]] = -np.inf
    return found


def _nearest(points: Floats, centres: Floats) -> Indices:
    half = 0.5 * (centres**2).sum(1)
    parts = [
        (points[start : start + 5000] @ centres.T - half).argmax(1) for start in range(0, len(points), 5000)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.intp)
