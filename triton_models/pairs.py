"""What the comparison learns from: captures' pictures and references laid over them, with the truth in their frame.

Registering and describing tens of thousands of pairs takes long, so each capture's pairs are kept in a file of their
own; a run that was cut short goes on with the next capture. Pairs hold the frozen trunk's maps, not pixels: all that
training then runs is the small head on top.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from triton_models.kaputt import Query, Reference, Split
from triton_models.painted import changed
from triton_models.serving import REPOSITORY, serving_module
from triton_models.simulator.things import DEFECTS

Picture = NDArray[np.uint8]

MISSING: Final = DEFECTS.index("missing_unit") + 1
"""The damage code of a unit that is not there; every other code is something that should not be."""
CHANNELS: Final = 67
"""Maps that the trunk makes of a picture: `description.CHANNELS`, which cannot be read here without torch."""
_SHOWN: Final = 10
"""Pixels of 256 x 256 within what can be compared, from which a pair shows a damage."""
_DOUBTFUL: Final = 0.35
"""Likeness below which a product's best reference may lie wrong; such a capture's own pairs teach nothing."""
_ALIKE: Final = 0.2
"""Less likeness than the best of a product's references by this, and it may show another side."""
_UNLIKE: Final = 0.35
"""Less by this, and it does."""
_TRIED: Final = 2
"""References of a product that are laid over a capture of it, save where units are missing."""
_FAMILY: Final = 2
"""Numbers of designs this near are of one family: the same layout in other colours and words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """n pairs.

    Attributes:
        query: (n, channels, 32, 32) float16, the trunk's maps of the capture's picture.
        reference: (n, channels, 32, 32) float16, of the reference in the capture's frame.
        valid: (n, 2, 32, 32) float16, share of each cell that can be compared, how many features agree there.
        facts: (n, 6) float32, see `aligning.FACTS`.
        truth: (n, 2, 32, 32) uint8, share in 255ths of each cell that is foreign, that misses something.
        labels: (n, 3) float32: changed, missing, mismatch.
        known: (n,) bool, whether the first two labels and the truth mean anything (not of another print).
        inliers: (n,) int32.
        capture: (n,) int32, the query's place in the split.
        side: (n,) bool, from the second camera.
    """

    query: NDArray[np.float16]
    reference: NDArray[np.float16]
    valid: NDArray[np.float16]
    facts: NDArray[np.float32]
    truth: NDArray[np.uint8]
    labels: NDArray[np.float32]
    known: NDArray[np.bool_]
    inliers: NDArray[np.int32]
    capture: NDArray[np.int32]
    side: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One capture and the references it is paired with.

    Attributes:
        query: The capture.
        own: References of its product.
        others: References of other products, most alike first.
        network: The trunk, ONNX.
        seed: Decides which references are taken, and how light, sharpness and place vary.
        varied: Whether they do: to learn from, not to measure by.
        same_print: False for a capture of a redesigned print.
    """

    query: Query
    own: tuple[Reference, ...]
    others: tuple[Reference, ...]
    network: Path
    seed: int
    varied: bool
    same_print: bool


def code_of() -> str:
    """A hash of the code that the pairs depend on."""
    here, served = Path(__file__).parent, REPOSITORY / "gallery_comparison" / "1"
    files = (
        *(here / name for name in ("pairs.py", "painted.py", "description.py")),
        *(served / name for name in ("aligning.py", "registration.py")),
        REPOSITORY / "decode" / "1" / "framing.py",
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def jobs(split: Split, network: Path, *, seed: int, varied: bool) -> list[Job]:
    """One for each capture, in order, see `Job`; to learn from also one for each reference whose own truth is known."""
    by_item = split.references_by_item
    items = sorted(by_item)
    designs = {query.item_identifier: query.design for query in split.queries}
    queries = [*split.queries, *(_as_captures(split, designs) if varied else ())]
    found = []
    for query in queries:
        rng = np.random.default_rng([seed, *query.capture_id.encode()])
        alike = [
            item for item in items if item != query.item_identifier and _near(designs.get(item), query.design)
        ]
        rest = [item for item in items if item != query.item_identifier and item not in alike]
        chosen = [*rng.permutation(alike), *rng.permutation(rest)[:1]]
        others = [by_item[item][int(rng.integers(len(by_item[item])))] for item in chosen]
        own = by_item.get(query.item_identifier, ())
        found.append(
            Job(
                query=query,
                own=tuple(one for one in own if one.reference_image != query.query_image),
                others=tuple(others),
                network=network,
                seed=int(rng.integers(2**31)),
                varied=varied,
                same_print=query.scenario != "redesign",
            )
        )
    return found


def _as_captures(split: Split, designs: Mapping[str, int | None]) -> Iterator[Query]:
    """Every other reference of a product never sent, as if it were a capture, where a mask says what is damaged."""
    sent = {query.item_identifier for query in split.queries}
    for item, references in sorted(split.references_by_item.items()):
        for reference in () if item in sent else references[::2]:
            image = reference.reference_image
            mask = image.with_name(image.stem + "-damage.png")
            if mask.exists():
                yield Query(
                    capture_id=f"reference {image.stem}",
                    item_identifier=item,
                    item_material="other",
                    defect=True,
                    major_defect=False,
                    defect_types=(),
                    query_image=image,
                    query_crop=reference.reference_crop,
                    query_mask=reference.reference_mask,
                    damage_mask=mask,
                    design=designs.get(item),
                )


def _near(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= _FAMILY


def make(wanted: Sequence[Job], folder: Path, *, workers: int, tick: Callable[[], None]) -> None:
    """Pairs of all captures that `folder` does not hold yet; `tick` is called after each capture."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = [(job, _file(folder, job.query)) for job in wanted]
    # Captures of one product one after the other: what is known of its references is still there.
    todo = sorted(
        ((job, path) for job, path in todo if not path.exists()), key=lambda one: one[0].query.item_identifier
    )
    for _ in range(len(wanted) - len(todo)):
        tick()
    if not todo:
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_alone) as pool:
        for _ in pool.map(_kept, *zip(*todo, strict=True), chunksize=8):
            tick()


def load(wanted: Sequence[Job], folder: Path) -> Pairs:
    """The pairs of these captures that are there, one after the other."""
    parts: list[dict[str, NDArray[Any]]] = []
    for place, job in enumerate(wanted):
        path = _file(folder, job.query)
        if path.exists():
            with np.load(path) as stored:
                part = dict(stored)
            part["capture"] = np.full(len(part["labels"]), place, np.int32)
            parts.append(part)
    if not parts:
        raise FileNotFoundError(f"{folder} holds no pairs of these captures")
    return Pairs(
        **{field.name: np.concatenate([part[field.name] for part in parts]) for field in fields(Pairs)}
    )


def _file(folder: Path, query: Query) -> Path:
    name = hashlib.sha256(query.capture_id.encode()).hexdigest()[:24]
    return folder / f"{name}.npz"


def _alone() -> None:
    cv2.setNumThreads(1)


def _kept(job: Job, path: Path) -> None:
    rows = [*pairs_of(job)]
    blank = _blank()
    arrays = {
        name: np.stack([row[name] for row in rows]) if rows else np.zeros((0, *value.shape), value.dtype)
        for name, value in blank.items()
    }
    part = path.with_suffix(".part.npz")
    store: Any = np.savez
    store(part, **arrays)
    part.replace(path)


def _blank() -> dict[str, NDArray[Any]]:
    maps = np.zeros((CHANNELS, 32, 32), np.float16)
    return {
        "query": maps,
        "reference": maps,
        "valid": np.zeros((2, 32, 32), np.float16),
        "facts": np.zeros(6, np.float32),
        "truth": np.zeros((2, 32, 32), np.uint8),
        "labels": np.zeros(3, np.float32),
        "known": np.zeros((), np.bool_),
        "inliers": np.zeros((), np.int32),
        "side": np.zeros((), np.bool_),
    }


def pairs_of(job: Job) -> Iterator[dict[str, NDArray[Any]]]:
    """Rows for `Pairs`, without the capture's place."""
    query = job.query
    pictures: list[tuple[Path, Path | None]] = [(query.query_image, query.damage_mask)]
    if query.side_image is not None:
        beside = query.side_image.with_name(query.side_image.stem + "-damage.png")
        pictures.append((query.side_image, beside if beside.exists() else None))
    for number, (image, mask) in enumerate(pictures):
        rng = np.random.default_rng([job.seed, number])
        look, square = framed(image)
        codes = _codes(query, mask, square)
        for laid in _laid(look, job, rng):
            for again in range(_times(laid, job)):
                row = _row(laid, codes, job, rng, painted=again > 0 and not query.defect)
                yield {**row, "side": np.asarray(number > 0)}


def _times(laid: _Laid, job: Job) -> int:
    """Laying takes long, varying does not. Broken sets are rare: each is looked at more than once."""
    if not job.varied or not laid.same:
        return 1
    return 4 if "missing_unit" in job.query.defect_types else 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """A capture's look, a reference's, how the one lies in the other, and whether they show the same print."""

    look: Any
    other: Any
    alignment: Any
    same: bool


def _laid(look: Any, job: Job, rng: np.random.Generator) -> Iterator[_Laid]:  # noqa: ANN401 - code loaded by path
    """A few of those that can be laid over the capture."""
    # Most products lie on one of two sides, so that two references mostly hold one that fits.
    tried = len(job.own) if "missing_unit" in job.query.defect_types else _TRIED
    taken = [job.own[k] for k in rng.permutation(len(job.own))[:tried]]
    found = [_over(look, reference, same=job.same_print) for reference in taken]
    own = sorted((one for one in found if one is not None), key=lambda one: -float(one.alignment.likeness))
    if own and own[0].alignment.likeness >= _DOUBTFUL:
        best = own[0].alignment.likeness
        alike = [one for one in own if one.alignment.likeness > best - _ALIKE]
        most = 2 if job.query.defect else 1
        yield from (alike[k] for k in rng.permutation(len(alike))[:most])
        # Its other side, of which a word or the barcode agrees, is another print.
        yield from [replace(one, same=False) for one in own if one.alignment.likeness < best - _UNLIKE][:1]
    # Every other time another product: first of the same family, at times any.
    others = job.others[int(rng.random() < 0.25) :][: int(rng.integers(2))]
    for reference in others:
        strange = _over(look, reference, same=False)
        if strange is not None:
            yield strange


def _over(look: Any, reference: Reference, *, same: bool) -> _Laid | None:  # noqa: ANN401 - code loaded by path
    aligning: Any = serving_module("gallery_comparison", "aligning")
    other = _reference(reference.reference_image)
    alignment = aligning.align(look, other)
    return None if alignment is None else _Laid(look=look, other=other, alignment=alignment, same=same)


def framed(image: Path) -> tuple[Any, tuple[int, int, int, int]]:
    """What is kept of a picture once it is framed, and the square of it that was taken."""
    framing: Any = serving_module("decode", "framing")
    aligning: Any = serving_module("gallery_comparison", "aligning")
    picture = cv2.cvtColor(cv2.imread(str(image), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    square = framing.box(picture)
    return aligning.looked(framing.cropped(picture, square, aligning.LOOKED)), square


@lru_cache(maxsize=96)
def _reference(image: Path) -> Any:  # noqa: ANN401 - code that is loaded by path
    return framed(image)[0]


def _codes(query: Query, mask: Path | None, square: tuple[int, int, int, int]) -> Picture | None:
    """(256, 256) damage codes of what is looked at; None where the truth is not known."""
    if mask is None:
        return None if query.defect else np.zeros((256, 256), np.uint8)
    codes = np.asarray(cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE), np.uint8)
    left, top, right, bottom = square
    steps = (np.arange(256) + 0.5) / 256
    columns = (left + steps * (right - left)).astype(int)
    rows = (top + steps * (bottom - top)).astype(int)
    inside = ((rows >= 0) & (rows < codes.shape[0]))[:, None] & ((columns >= 0) & (columns < codes.shape[1]))
    picked = codes[np.clip(rows, 0, codes.shape[0] - 1)][:, np.clip(columns, 0, codes.shape[1] - 1)]
    return np.where(inside, picked, 0).astype(np.uint8)


def _row(
    laid: _Laid, codes: Picture | None, job: Job, rng: np.random.Generator, *, painted: bool
) -> dict[str, NDArray[Any]]:
    aligning: Any = serving_module("gallery_comparison", "aligning")
    alignment = _shaken(laid.alignment, rng) if job.varied else laid.alignment
    found = aligning.pair(laid.look, laid.other, alignment)
    pictures, valid = (found.query, found.reference), found.valid
    shown = np.zeros((256, 256), np.uint8) if codes is None else codes
    if painted:
        pictures, shown = changed((found.query, found.reference), valid[0], rng, MISSING)
    if job.varied:
        turn, flip = int(rng.integers(4)), bool(rng.random() < 0.5)
        one, other = (_lit(_turned(part, turn, flip=flip), rng) for part in pictures)
        pictures = (one, _coarse(other, rng))
        valid = np.stack([_turned(part, turn, flip=flip) for part in valid])
        shown = _turned(shown, turn, flip=flip)
    truth = _cells(shown)
    there = cv2.dilate(valid[0], np.ones((3, 3), np.uint8)) > 0.3
    amounts = (truth * there).sum(axis=(1, 2)) * 64
    query, reference = described(job.network, pictures)
    return {
        "query": query,
        "reference": reference,
        "valid": np.asarray(valid, np.float16),
        "facts": found.facts,
        "truth": np.rint(truth * 255).astype(np.uint8),
        "labels": np.array([*(amounts >= _SHOWN), not laid.same], np.float32),
        "known": np.asarray(laid.same and codes is not None),
        "inliers": np.asarray(alignment.inliers, np.int32),
    }


def _cells(codes: Picture) -> NDArray[np.float32]:
    """(2, 32, 32): shares of each cell that are foreign, and that miss something."""
    layers = np.stack([(codes > 0) & (codes != MISSING), codes == MISSING]).astype(np.float32)
    return np.asarray(layers.reshape(2, 32, 8, 32, 8).mean(axis=(2, 4)), np.float32)


def described(network: Path, pictures: Sequence[Picture]) -> NDArray[np.float16]:
    """(n, channels, 32, 32): the trunk's maps."""
    (maps,) = _session(network).run(None, {"PIXELS": np.stack(pictures)})
    return np.asarray(maps, np.float16)


@cache
def _session(network: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _shaken(alignment: Any, rng: np.random.Generator) -> Any:  # noqa: ANN401 - code that is loaded by path
    """Laid a little worse than it was: the served registration is not always this good."""
    if rng.random() < 0.5:
        return alignment
    corners = np.array([(0, 0), (320, 0), (320, 320), (0, 320)], np.float32)
    moved = corners + rng.normal(0, rng.uniform(0, 2.5), (4, 2)).astype(np.float32)
    off = cv2.getPerspectiveTransform(corners, moved)
    return replace(alignment, homography=off @ alignment.homography)


def _turned(part: NDArray[Any], turn: int, *, flip: bool) -> NDArray[Any]:
    turned: NDArray[Any] = np.rot90(part, turn)
    return np.ascontiguousarray(turned[:, ::-1] if flip else turned)


def _lit(picture: Picture, rng: np.random.Generator) -> Picture:
    """Other contrast and tint, noise; lamps and cameras of a query and of a reference are never the same."""
    gain = np.exp(rng.normal(0, 0.06) + rng.normal(0, 0.03, 3)).astype(np.float32)
    light = (picture.astype(np.float32) - 110) * np.float32(np.exp(rng.normal(0, 0.1))) + 110
    light = light * gain + np.float32(rng.normal(0, 5))
    if rng.random() < 0.5:
        # Uneven light across the picture.
        line = np.linspace(-1, 1, 256, dtype=np.float32)
        slope = rng.normal(0, 0.08, 2).astype(np.float32)
        light *= (1 + slope[0] * line[:, None] + slope[1] * line[None])[..., None]
    if rng.random() < 0.3:
        light += rng.normal(0, rng.uniform(1, 6), picture.shape).astype(np.float32)
    return np.asarray(np.clip(light, 0, 255), np.uint8)


def _coarse(picture: Picture, rng: np.random.Generator) -> Picture:
    """Now and then as a small catalogue picture or a much compressed one looks."""
    if rng.random() < 0.35:
        side = int(rng.integers(90, 230))
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        picture = np.asarray(cv2.resize(small, (256, 256), interpolation=cv2.INTER_CUBIC), np.uint8)
    if rng.random() < 0.25:
        data: Any = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 85))])[1]
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return picture
