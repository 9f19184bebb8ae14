"""The catalogue of products that pictures are compared with: enrolled once, kept in one file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from triton_models import mmid_colour as colour
from triton_models import mmid_patches as patch
from triton_models.mmid_evidence import LIMIT, TILTS, Known, known
from triton_models.mmid_votes import Votes, votes_of
from triton_models.problems import BadData
from triton_models.registration import Features, Floats, Picture

_VOTERS: Final = 300  # of them that take part in the vote


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """References of products, R in all, and what is known of each.

    Attributes:
        ids: Product ids.
        owners: (R,) int32, the product of each reference.
        sizes: (R, 2) int32, width and height.
        starts: (R + 1,) int64, where the local features of each start.
        points: (N, 2) float32; with `descriptors` (N, 128), `angles` (N,), `scales` (N,), `views` (N,) as in
            `registration.Features`, reference after reference.
        descriptors: See points.
        angles: See points.
        scales: See points.
        views: See points.
        votes: The inverted file over the strongest of them.
        patches: (R, 64, 64) float16.
        rarity: (R, 64) float32, what each patch weighs.
        palettes: (R, 400) float32.
        colours: (R, 33, 33, 3) uint8; with `solid` (R, 33, 33) bool as in `mmid_colour.Swatch`.
        solid: See colours.
        greys: (R, 96, 96) uint8, of `mmid_overlay.grey`.
    """

    ids: tuple[str, ...]
    owners: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    points: Floats
    descriptors: Picture
    angles: Floats
    scales: Floats
    views: Picture
    votes: Votes
    patches: npt.NDArray[np.float16]
    rarity: Floats
    palettes: Floats
    colours: Picture
    solid: npt.NDArray[np.bool_]
    greys: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """One reference, before it joins a catalogue."""

    product_id: str
    known: Known
    patches: Floats
    palette: Floats


def enrol(
    product_id: str,
    picture: Picture,
    *,
    encode: patch.Encoder | None = None,
    tilts: tuple[float, ...] = TILTS,
    limit: int = LIMIT,
) -> Enrolled:
    """Describe one reference.

    Args:
        product_id: Whose it is; a product may have several references.
        picture: (H, W, 3) uint8, RGB, the item on white or filling the picture.
        encode: Describes patches; None is the gallery's encoder.
        tilts: Simulated slants, see `registration.features`.
        limit: Most local features.
    """
    solid = colour.foreground(picture)
    return Enrolled(
        product_id=product_id,
        known=known(picture, tilts=tilts, limit=limit),
        patches=patch.reference_patches(picture, solid, patch.encoder() if encode is None else encode),
        palette=colour.palette(picture, solid.astype(np.float32)),
    )


def catalogue_of(enrolled: Iterable[Enrolled]) -> Catalogue:
    """Join references. Raises ValueError if there are none."""
    rows = list(enrolled)
    if not rows:
        raise ValueError("a catalogue needs at least one reference")
    ids = tuple(dict.fromkeys(row.product_id for row in rows))
    number = {product: at for at, product in enumerate(ids)}
    patches = np.stack([row.patches for row in rows])
    rarity = patch.rarity(patches)
    voters = [row.known.local.descriptors[row.known.local.views == 0][:_VOTERS] for row in rows]
    owner = np.repeat(np.arange(len(rows), dtype=np.int32), [len(part) for part in voters])
    return Catalogue(
        ids=ids,
        owners=np.array([number[row.product_id] for row in rows], np.int32),
        sizes=np.array([row.known.local.size for row in rows], np.int32),
        starts=np.cumsum([0, *(len(row.known.local) for row in rows)], dtype=np.int64),
        points=np.concatenate([row.known.local.points for row in rows]),
        descriptors=np.concatenate([row.known.local.descriptors for row in rows]),
        angles=np.concatenate([row.known.local.angles for row in rows]),
        scales=np.concatenate([row.known.local.scales for row in rows]),
        views=np.concatenate([row.known.local.views for row in rows]),
        votes=votes_of(np.concatenate(voters), owner),
        patches=patches.astype(np.float16),
        rarity=rarity,
        palettes=np.stack([row.palette for row in rows]),
        colours=np.stack([row.known.swatch.colours for row in rows]),
        solid=np.stack([row.known.swatch.solid for row in rows]),
        greys=np.stack([row.known.grey for row in rows]),
    )


def known_of(catalogue: Catalogue, row: int) -> Known:
    """One reference."""
    start, end = int(catalogue.starts[row]), int(catalogue.starts[row + 1])
    size = (int(catalogue.sizes[row, 0]), int(catalogue.sizes[row, 1]))
    return Known(
        owner=int(catalogue.owners[row]),
        local=Features(
            points=catalogue.points[start:end],
            descriptors=catalogue.descriptors[start:end],
            angles=catalogue.angles[start:end],
            scales=catalogue.scales[start:end],
            views=catalogue.views[start:end],
            size=size,
        ),
        swatch=colour.Swatch(colours=catalogue.colours[row], solid=catalogue.solid[row], size=size),
        grey=catalogue.greys[row],
    )


def save(catalogue: Catalogue, path: Path) -> None:
    """Write a catalogue as one file of plain arrays."""
    with path.open("wb") as file:
        np.savez(file, **dict(_arrays(catalogue)))


def load(path: Path) -> Catalogue:
    """Read what `save` wrote. Raises BadData if the file is something else."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values: dict[str, Any] = {name: arrays[name] for name in arrays.files}
        votes = Votes(**{field.name: values.pop(f"votes.{field.name}") for field in fields(Votes)})
        ids = tuple(str(product) for product in values.pop("ids"))
        return Catalogue(ids=ids, votes=votes, **values)
    except (BadZipFile, EOFError, KeyError, OSError, TypeError, ValueError) as error:
        raise BadData(f"{path} cannot be read as a catalogue: {error}") from error


def _arrays(catalogue: Catalogue) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for field in fields(Catalogue):
        value = getattr(catalogue, field.name)
        if isinstance(value, Votes):
            yield from ((f"votes.{part.name}", getattr(value, part.name)) for part in fields(Votes))
        else:
            yield field.name, np.array(value)
