"""Labelled captures as a data set in Kaputt's format: pictures copied and synced, tables written last.

A run that is stopped goes on where it was: a picture that is there in full is not copied again, and tables are whole or
not there. Of the mesh's ids a capture's, a product's and a reference's go out; who labelled, whose order it was and
which item it is do not.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kernel import bundle, wire
from services.kernel import records as r
from services.kernel.blobs import Blobs
from services.kernel.faults import DataFault
from services.stack.labelled import GONE, UNCHECKED, Found, Labelled, by_split
from triton_models import kaputt
from triton_models.serving import serving_module
from triton_models.simulator.things import ITEM_MATERIALS

Tick = Callable[[], None]
_AT_ONCE: Final = 8
_ENDINGS: Final = {"image/jpeg": ".jpg", "image/png": ".png"}
_SMALL: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, by split, and what was left out, by reason.

    `unknown_weight`: captures that a person labelled for reasons of their own.
    """

    captures: dict[str, int]
    damaged: dict[str, int]
    products: dict[str, int]
    references: int
    unknown_weight: int
    left_out: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The data set's folder, and how files are put there: whole and synced."""

    folder: Path
    blobs: Blobs

    def there(self, key: str, size: int | None = None) -> bool:
        """Whether a file is there already, of this size."""
        path = self.folder / key
        return path.is_file() and size in {None, path.stat().st_size}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pictures:
    """The copies of one capture's or reference's pictures."""

    image: Path
    crop: Path
    mask: Path
    depth: Path | None
    side: Path | None
    side_mask: Path | None
    camera: str


async def export(found: Found, blobs: Blobs, out: Path, tick: Tick) -> Exported:
    """Write a data set below `out`.

    Args:
        found: what is to be written.
        blobs: the store.
        out: the data set's folder, absolute; an earlier export's tables are replaced.
        tick: called after each capture and each reference.

    Raises:
        DependencyFault: the store does not answer.
        OSError: `out` cannot be written.
    """
    target = _Target(folder=out, blobs=Blobs(out.as_uri()))
    slots, left_out = asyncio.Semaphore(_AT_ONCE), Counter(found.left_out)

    async def copied(event: Awaitable[bytes], folder: str, *, counted: bool) -> _Pictures | None:
        async with slots:
            try:
                return await _copied(blobs, target, wire.decode(r.Capture, await event), folder)
            except DataFault as fault:
                left_out[UNCHECKED if fault.reason == "checksum" else GONE] += counted
                return None
            finally:
                tick()

    pictures = await asyncio.gather(
        *(
            copied(bundle.event_of(blobs.get, one.capture_id), f"captures/{one.capture_id}", counted=True)
            for one in found.captures
        )
    )
    queries = [(one, seen) for one, seen in zip(found.captures, pictures, strict=True) if seen is not None]
    listed = [(product, ref) for product, refs in found.references.items() for ref in refs]
    held = await asyncio.gather(
        *(
            copied(
                blobs.get(f"{ref.features_key.rpartition('/')[0]}/manifest.avro"),
                f"references/{ref.reference_id}",
                counted=False,
            )
            for _, ref in listed
        )
    )
    references = {
        product: tuple(
            _reference(product, seen)
            for (of, _), seen in zip(listed, held, strict=True)
            if of == product and seen is not None
        )
        for product in found.references
    }
    return _write(out, queries, references, left_out)


def _write(
    out: Path,
    queries: Sequence[tuple[Labelled, _Pictures]],
    references: dict[str, tuple[kaputt.Reference, ...]],
    left_out: Counter[str],
) -> Exported:
    seen = {one.capture_id: pictures for one, pictures in queries}
    numbers = {product: n for n, product in enumerate(sorted({one.product_id for one, _ in queries}))}
    splits = by_split([one for one, _ in queries])
    counts: dict[str, dict[str, int]] = {"captures": {}, "damaged": {}, "products": {}}
    of_splits = 0
    for split in ("train", "validation", "test"):
        for kind in ("query", "reference"):
            (out / f"{kind}-{split}.parquet").unlink(missing_ok=True)
        some = splits.get(split, ())
        if not some:
            continue
        products = {one.product_id for one in some}
        kept = [ref for product in sorted(products) for ref in references.get(product, ())]
        rows = [_query(one, seen[one.capture_id], numbers[one.product_id]) for one in some]
        kaputt.write(out, split, rows, kept)
        counts["captures"][split] = len(rows)
        counts["damaged"][split] = sum(row.defect for row in rows)
        counts["products"][split] = len(products)
        of_splits += len(kept)
    return Exported(
        references=of_splits,
        unknown_weight=sum(one.weight is None for one, _ in queries),
        left_out=+left_out,
        **counts,
    )


def _query(one: Labelled, seen: _Pictures, design: int) -> kaputt.Query:
    assessment, product = one.assessment, one.assessment.product
    assert product is not None  # noqa: S101 (`labelled.found` has left out the others)
    damaged = assessment.verdict is r.Verdict.DAMAGED
    return kaputt.Query(
        capture_id=str(one.capture_id),
        item_identifier=one.product_id,
        item_material=product.material if product.material in ITEM_MATERIALS else "other",
        defect=damaged,
        major_defect=damaged and assessment.severity is r.Severity.MAJOR,
        defect_types=assessment.defect_types if damaged else (),
        query_image=seen.image,
        query_crop=seen.crop,
        query_mask=seen.mask,
        depth_image=seen.depth,
        side_image=seen.side,
        side_mask=seen.side_mask,
        design=design,
        units_expected=product.unit_count,
        camera=seen.camera,
        barcode=assessment.subject.barcode,
        sampling_weight=one.weight,
    )


def _reference(product_id: str, seen: _Pictures) -> kaputt.Reference:
    return kaputt.Reference(
        item_identifier=product_id,
        reference_image=seen.image,
        reference_crop=seen.crop,
        reference_mask=seen.mask,
        depth_image=seen.depth,
        side_image=seen.side,
        side_mask=seen.side_mask,
        camera=seen.camera,
    )


# -- pictures -----------------------------------------------------------------------------------------------------


async def _copied(blobs: Blobs, target: _Target, capture: r.Capture, folder: str) -> _Pictures:
    """Copy the pictures of a capture.

    Raises:
        DataFault: a picture is gone, or is not what the station stored, or there is none.
    """
    colour = [i for i in capture.images if i.role is r.ImageRole.RGB]
    if not colour:
        raise DataFault("no_image", "the capture has no colour picture")
    deep = next(
        (i for i in capture.images if i.role is r.ImageRole.DEPTH and i.camera == colour[0].camera), None
    )
    copies = [await _copy(blobs, target, image, folder) for image in colour[:2]]
    image, mask, crop = await _framed(target, copies[0])
    side = await _framed(target, copies[1]) if len(copies) > 1 else None
    return _Pictures(
        image=image,
        crop=crop,
        mask=mask,
        depth=None if deep is None else target.folder / await _copy(blobs, target, deep, folder),
        side=side[0] if side else None,
        side_mask=side[1] if side else None,
        camera=colour[0].camera,
    )


async def _copy(blobs: Blobs, target: _Target, image: r.Image, folder: str) -> str:
    depth = "-depth" if image.role is r.ImageRole.DEPTH else ""
    ending = _ENDINGS.get(image.media_type) or mimetypes.guess_extension(image.media_type) or ".bin"
    key = f"{folder}/{''.join(c if c.isalnum() else '_' for c in image.camera)}{depth}{ending}"
    if not target.there(key, image.size):
        data = await blobs.get(image.key)
        if hashlib.sha256(data).hexdigest() != image.sha256:
            raise DataFault("checksum", f"{image.key} is not what the station stored")
        await target.blobs.put([(key, data)])
    return key


async def _framed(target: _Target, image: str) -> tuple[Path, Path, Path]:
    """The picture, its mask and its crop: where something lies on the tray, found as the mesh itself finds it."""
    stem = image.rpartition(".")[0]
    mask, crop = f"{stem}-mask.png", f"{stem}-crop.png"
    if not (target.there(mask) and target.there(crop)):
        made = await asyncio.to_thread(_mask_and_crop, target.folder / image)
        await target.blobs.put(list(zip((mask, crop), made, strict=True)))
    return target.folder / image, target.folder / mask, target.folder / crop


def _mask_and_crop(image: Path) -> tuple[bytes, bytes]:
    framing: Any = serving_module("decode", "framing")
    read: Any = cv2.imread(str(image), cv2.IMREAD_COLOR)
    if read is None:
        raise DataFault("bad_image", f"{image} cannot be decoded")
    picture = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    found = np.where(framing.foreground(small), 255, 0).astype(np.uint8)
    mask = cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST)
    left, top, right, bottom = framing.box(picture)
    crop = read[max(0, top) : min(bottom, height), max(0, left) : min(right, width)]
    return _png(mask), _png(crop)


def _png(pixels: NDArray[Any]) -> bytes:
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise DataFault("bad_image", "a picture cannot be written as PNG")
    return bytes(data.tobytes())
