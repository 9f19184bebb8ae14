"""A person's own pictures, from files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from services.kernel.records import ImageRole, Product, Stage
from services.stack.posting import Photo
from services.stack.problems import Problem
from services.stack.racks import STATION, Planned
from services.station.pictures import NotAPictureError, read_header

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png"})
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_TIDY: Final = re.compile(r"[^A-Za-z0-9._:-]+")
_REFERENCE: Final = ("ref", "reference")
#: Supplier of products that come from a folder of pictures.
FOLDER_VENDOR: Final = "V01"


def read_photo(path: Path, camera: str, role: ImageRole = ImageRole.RGB) -> Photo:
    """Read an image file; its content decides what it is, not its name.

    Raises:
        Problem: it is not there, or is no JPEG or PNG (depth: no PNG).
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise Problem(f"{path} cannot be read: {exc.strerror}") from exc
    try:
        header = read_header(data)
    except NotAPictureError as exc:
        raise Problem(f"{path} is no picture that the station takes (JPEG or PNG): {exc}") from exc
    if role is ImageRole.DEPTH and (header.media_type, header.bits, header.channels) != ("image/png", 16, 1):
        raise Problem(f"{path} is no depth image: that is a 16-bit grey PNG in millimetres")
    return Photo(
        camera=camera,
        role=role,
        media_type=header.media_type,
        data=data,
        width=header.width,
        height=header.height,
    )


def read_photos(paths: Sequence[Path], depth: Path | None = None) -> tuple[Photo, ...]:
    """Read the images of one capture, a camera each: top, side, camera-3, …; the depth image is of `top`."""
    names = ("top", "side")
    rgb = (
        read_photo(path, names[n] if n < len(names) else f"camera-{n + 1}") for n, path in enumerate(paths)
    )
    return (*rgb, *((read_photo(depth, "top", ImageRole.DEPTH),) if depth else ()))


def folder_products(folder: Path) -> tuple[Product, ...]:
    """Return a catalogue row for each subfolder: its name is the product, and stands for its barcode too.

    Raises:
        Problem: the folder is not there, or a name is no product id.
    """
    return tuple(
        Product(
            product_id=name,
            title=name,
            barcode=name,
            vendor_id=FOLDER_VENDOR,
            category="unknown",
            material="other",
            unit_count=1,
            price_cents=1000,
            hazardous=False,
        )
        for name in sorted({p.parent.name for p in _files(folder) if p.parent != folder})
    )


def folder_plan(folder: Path, seed: int) -> tuple[list[Planned], list[Planned]]:
    """Plan what a folder holds, as (references to enrol, captures to judge).

    `<folder>/<product>/*.jpg` are captures of that product, those named `ref…` its pristine references;
    `<folder>/*.jpg` are captures of nobody knows what.

    Raises:
        Problem: there is nothing to judge, or a file is no picture.
    """
    files = list(_files(folder))
    references = [p for p in files if p.parent != folder and _is_reference(p)]
    captures = [p for p in files if p not in references]
    if not captures:
        raise Problem(f"{folder} holds no .jpg or .png to judge; see --help for what is expected")
    return (
        [_planned(folder, p, seed, n, enrol=True) for n, p in enumerate(references)],
        [_planned(folder, p, seed, n, enrol=False) for n, p in enumerate(captures)],
    )


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise Problem(f"{folder} is no folder")
    for path in sorted((*folder.glob("*"), *folder.glob("*/*"))):
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            if path.parent != folder and not _ID.fullmatch(path.parent.name):
                raise Problem(
                    f"{path.parent}: a product's folder is named with letters, digits and . _ : - only"
                )
            yield path


def _is_reference(path: Path) -> bool:
    return path.stem.lower().startswith(_REFERENCE)


def _planned(folder: Path, path: Path, seed: int, number: int, *, enrol: bool) -> Planned:
    product = None if path.parent == folder else path.parent.name
    tidy = _TIDY.sub("-", path.stem)[:60]
    return Planned(
        item_id=f"{'ref' if enrol else 'img'}-{number:05d}-{tidy}",
        tote_id=None,
        station_id=STATION,
        center_id="BER1",
        stage=Stage.PACK,
        barcode=product,
        idempotency_key=f"{'ref' if enrol else 'img'}-{seed}-{number:05d}",
        photos=(read_photo(path, "top"),),
        enrol_product_id=product if enrol else None,
    )
