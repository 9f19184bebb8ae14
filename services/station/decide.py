"""What the gateway accepts, and what it makes of it: pure rules."""

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from services.kernel import bundle
from services.kernel.records import Capture, Image, ImageRole, Subject
from services.station.description import CAPTURE_PART, DeclaredImage, Description
from services.station.pictures import JPEG, PNG, Header, NotAPictureError, read_header
from services.station.problems import Kind, Problem

_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_CLOCK_SKEW = timedelta(minutes=10)
_LONGEST_DEADLINE = timedelta(days=1)
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_EXTENSIONS = {"jpg": JPEG, "jpeg": JPEG, "png": PNG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the multipart body."""

    name: str
    media_type: str
    filename: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one capture may be."""

    images: int
    image_bytes: int
    pixels: int
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A capture that may be stored: its event, and its images in the event's order."""

    capture: Capture
    images: tuple[bytes, ...]
    deadline_declared: bool

    def repeats(self, stored: Capture) -> bool:
        """Tell whether this is the stored capture, sent again: equal subject, equal images in any order.

        A deadline that the sender leaves to the gateway may differ: the setting may have changed in between.
        """
        mine = self.capture.subject
        if not self.deadline_declared:
            mine = replace(mine, deadline_at=stored.subject.deadline_at)
        return mine == stored.subject and _content(self.capture) == _content(stored)


def _content(capture: Capture) -> set[tuple[str, ImageRole, str, str]]:
    return {(i.camera, i.role, i.media_type, i.sha256) for i in capture.images}


def checked_idempotency_key(value: str | None) -> str:
    """Return the header's value, or raise a Problem that says what it must be."""
    if value is None or not _IDEMPOTENCY_KEY.fullmatch(value):
        raise Problem(
            Kind.IDEMPOTENCY_KEY,
            "send the header Idempotency-Key: 1 to 128 visible ASCII characters, one key per capture, "
            "the same key when the same capture is sent again",
        )
    return value


def capture_id(station_id: str, idempotency_key: str) -> uuid.UUID:
    """Return the id of a capture: the same for every repeat of a station's key."""
    return uuid.uuid5(_namespace(station_id), idempotency_key)


@lru_cache(maxsize=4096)
def _namespace(station_id: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"intact:station:{station_id}")


def event_key(subject: Subject) -> str:
    """Return the key of the event: the tote, else the item."""
    return subject.tote_id or subject.item_id


def check_station(description: Description, station_id: str) -> None:
    """Raise a Problem unless the description is of the token's station."""
    if description.station_id != station_id:
        raise Problem(
            Kind.OTHER_STATION,
            f"station_id is {description.station_id!r}, but the token was given to another station; use its own token",
        )


def admit(
    description: Description,
    parts: Mapping[str, Part],
    *,
    idempotency_key: str,
    limits: Limits,
    now: datetime,
) -> Admitted:
    """Check everything about a capture and make its event.

    Raises:
        Problem: the first thing that is wrong, in a sentence that says what to do.
    """
    _check_times(description, now)
    _check_declarations(description.images, limits)
    _check_parts(description.images, parts)
    identity = capture_id(description.station_id, idempotency_key)
    images = tuple(parts[d.part].data for d in description.images)
    keys = bundle.image_keys(identity, [len(data) for data in images])
    return Admitted(
        capture=Capture(
            subject=_subject(description, identity, limits),
            received_at=now,
            images=tuple(
                _admit_image(d, parts[d.part], key, limits)
                for d, key in zip(description.images, keys, strict=True)
            ),
        ),
        images=images,
        deadline_declared=description.deadline_at is not None,
    )


def _subject(description: Description, identity: uuid.UUID, limits: Limits) -> Subject:
    return Subject(
        capture_id=identity,
        item_id=description.item_id,
        tote_id=description.tote_id,
        station_id=description.station_id,
        center_id=description.center_id,
        stage=description.stage,
        barcode=description.barcode,
        captured_at=description.captured_at,
        deadline_at=description.deadline_at or description.captured_at + timedelta(seconds=limits.deadline_s),
        enrol_product_id=description.enrol_product_id,
        lot_id=description.lot_id,
    )


def _check_times(description: Description, now: datetime) -> None:
    captured, deadline = description.captured_at, description.deadline_at
    if captured < _EARLIEST:
        _wrong("/captured_at", f"{captured.isoformat()} is before 2020; set the station's clock")
    if captured > now + _CLOCK_SKEW:
        _wrong(
            "/captured_at", f"{captured.isoformat()} is more than 10 minutes ahead; set the station's clock"
        )
    if deadline is not None and not captured <= deadline <= captured + _LONGEST_DEADLINE:
        _wrong("/deadline_at", "must be at or after captured_at, by at most a day")


def _check_declarations(images: list[DeclaredImage], limits: Limits) -> None:
    if len(images) > limits.images:
        raise Problem(
            Kind.TOO_LARGE, f"{len(images)} images are declared; a capture has at most {limits.images}"
        )
    if not any(i.role is ImageRole.RGB for i in images):
        _wrong("/images", "at least one image must have the role RGB")
    if twice := _repeated(i.part for i in images):
        _wrong("/images", f"the part {twice!r} is declared twice; every image is a part of its own")
    if twice := _repeated(f"{i.camera} {i.role}" for i in images):
        _wrong("/images", f"{twice} is declared twice; a camera gives one image per role")


def _repeated(values: Iterable[str]) -> str | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)


def _wrong(pointer: str, detail: str) -> None:
    raise Problem(Kind.METADATA, f"{pointer}: {detail}", errors=[(pointer, detail)])


def _check_parts(images: list[DeclaredImage], parts: Mapping[str, Part]) -> None:
    declared = {i.part for i in images}
    if CAPTURE_PART in declared:
        _wrong("/images", f"no image can be in the part {CAPTURE_PART!r}; give it another name")
    if missing := sorted(declared - parts.keys()):
        raise Problem(Kind.IMAGE, f"the body has no part {missing[0]!r}, which 'images' declares; add it")
    if extra := sorted(parts.keys() - declared - {CAPTURE_PART}):
        raise Problem(
            Kind.IMAGE, f"the part {extra[0][:80]!r} is not declared in 'images'; declare it or leave it out"
        )


def _admit_image(declared: DeclaredImage, part: Part, key: str, limits: Limits) -> Image:
    header = _checked_header(declared, part, limits)
    digest = hashlib.sha256(part.data).hexdigest()
    if declared.sha256 is not None and declared.sha256.lower() != digest:
        _refuse(
            declared,
            f"its SHA-256 is {digest}, not the declared one; it was damaged on its way, send it again",
        )
    return Image(
        camera=declared.camera,
        role=declared.role,
        width=header.width,
        height=header.height,
        media_type=header.media_type,
        size=len(part.data),
        key=key,
        sha256=digest,
    )


def _checked_header(declared: DeclaredImage, part: Part, limits: Limits) -> Header:
    if part.media_type not in {JPEG, PNG}:
        raise Problem(
            Kind.MEDIA_TYPE,
            f"the part {declared.part!r} has Content-Type {part.media_type[:80]!r}; images are {JPEG} or {PNG}",
        )
    try:
        header = read_header(part.data)
    except NotAPictureError as exc:
        raise Problem(Kind.IMAGE, f"the image in part {declared.part!r}: {exc}") from exc
    if header.media_type != part.media_type:
        _refuse(
            declared,
            f"it is {header.media_type} by its content but was sent as {part.media_type}; say what it is",
        )
    named = _EXTENSIONS.get(part.filename.rpartition(".")[2].lower(), header.media_type)
    if named != header.media_type:
        _refuse(
            declared, f"it is {header.media_type} by its content but its file name says {named}; rename it"
        )
    _check_size(declared, header, limits)
    if declared.role is ImageRole.DEPTH and (header.media_type, header.bits, header.channels) != (PNG, 16, 1):
        _refuse(declared, "depth must be a 16-bit grey PNG in millimetres")
    if declared.role is ImageRole.RGB and header.bits > 8:
        _refuse(declared, f"RGB images have 8 bits per channel, not {header.bits}")
    return header


def _check_size(declared: DeclaredImage, header: Header, limits: Limits) -> None:
    is_size = f"{header.width} x {header.height}"
    if header.width * header.height > limits.pixels:
        _refuse(
            declared, f"it has {is_size} pixels; at most {limits.pixels} in all are allowed, send it smaller"
        )
    wanted = (declared.width or header.width, declared.height or header.height)
    if wanted != (header.width, header.height):
        _refuse(declared, f"it has {is_size} pixels, not {wanted[0]} x {wanted[1]} as declared")


def _refuse(declared: DeclaredImage, detail: str) -> None:
    raise Problem(Kind.IMAGE, f"the image in part {declared.part!r}: {detail}")
