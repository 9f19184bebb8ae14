"""The part `capture` of a request: a strict model, from which the OpenAPI document takes its schema."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema

from services.kernel.records import ImageRole, Stage
from services.station.problems import Kind, Problem

#: The name of the part that holds the description; images have other names.
CAPTURE_PART = "capture"

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE | re.ASCII)


def _rfc3339(value: object) -> datetime:
    """Return the UTC time in whole milliseconds, as the events hold it."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be RFC 3339 with offset, such as 2026-03-01T09:30:00.250Z")
    try:
        time = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("is no time that can be held") from exc
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


Time = Annotated[
    datetime,
    PlainValidator(_rfc3339),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation"),
]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
#: Becomes part of a store key.
Camera = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")]
#: Printable ASCII, and GS, which separates the fields of a GS1 code.
Barcode = Annotated[str, Field(pattern=r"^[\x20-\x7e\x1d]{1,128}$")]
Pixels = Annotated[int, Field(ge=1, le=65_535)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class DeclaredImage(_Strict):
    """One image: which part of the body holds it, and what it shows."""

    part: Id = Field(description="name of the file part that holds the image")
    camera: Camera = Field(description="name of the camera in the rack; one image per camera and role")
    role: ImageRole = Field(description="RGB: colour, JPEG or PNG; DEPTH: millimetres, 16-bit grey PNG")
    sha256: Digest | None = Field(
        default=None, description="SHA-256 of the file, hexadecimal; checked when given"
    )
    width: Pixels | None = Field(default=None, description="pixels; checked when given")
    height: Pixels | None = Field(default=None, description="pixels; checked when given")


class Description(_Strict):
    """What was photographed, where and when."""

    station_id: Id
    center_id: Id
    stage: Stage = Field(description="where in the chain the item was photographed")
    item_id: Id
    tote_id: Id | None = None
    lot_id: Id | None = Field(
        default=None, description="supplier's delivery (receive batch) that the item came with, where known"
    )
    barcode: Barcode | None = Field(default=None, description="as scanned; null when nothing was scanned")
    captured_at: Time = Field(
        description="2020 or later, and at most 10 minutes ahead of the gateway's clock"
    )
    deadline_at: Time | None = Field(
        default=None, description="when the item reaches the diverter: within a day of captured_at"
    )
    enrol_product_id: Id | None = Field(
        default=None, description="set: a pristine reference picture of this product, not an inspection"
    )
    images: list[DeclaredImage] = Field(min_length=1)


def read_description(raw: bytes) -> Description:
    """Read the JSON of the part `capture`.

    Raises:
        Problem: no JSON (400), or fields that are missing, unknown or wrong (422), each named.
    """
    try:
        return Description.model_validate_json(raw)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_context=False, include_input=False)
        errors = [(_pointer(e["loc"]), e["msg"].removeprefix("Value error, ")) for e in found[:20]]
        if found[0]["type"] == "json_invalid":
            detail = f"the part {CAPTURE_PART!r} is no JSON: {errors[0][1]}"
            raise Problem(Kind.MALFORMED, detail) from exc
        detail = "; ".join(f"{pointer}: {message}" for pointer, message in errors[:3])
        raise Problem(Kind.METADATA, f"mend and send again: {detail}", errors=errors) from exc


def _pointer(where: Sequence[int | str]) -> str:
    return "".join(f"/{str(step)[:80]}" for step in where) or "/"
