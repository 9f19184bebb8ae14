"""A multipart body, taken apart while it arrives, so that what is too large is refused before it is held.

Starlette's own form parsing writes parts to spooled files and looks at sizes afterwards; this uses the same parser's
callbacks directly.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.station.decide import Limits, Part
from services.station.description import CAPTURE_PART
from services.station.problems import Kind, Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # does not exist at run time

_DESCRIPTION_BYTES = 65_536
#: Boundaries and part headers, per part.
_ENVELOPE_BYTES = 8_192


@lru_cache(maxsize=1024)
def _options(value: bytes | None) -> tuple[bytes, dict[bytes, bytes]]:
    """Parse a part's header; a rack names its parts alike in every request. The answer is shared: only read it."""
    return parse_options_header(value)


def most_bytes(limits: Limits) -> int:
    """Return how long a body can be, in bytes, without breaking a limit."""
    return limits.images * limits.image_bytes + _DESCRIPTION_BYTES + (limits.images + 1) * _ENVELOPE_BYTES


def check_length(declared: str | None, limits: Limits) -> None:
    """Refuse by Content-Length before a byte of the body is read."""
    if declared is not None and declared.isdecimal() and int(declared) > most_bytes(limits):
        raise Problem(
            Kind.TOO_LARGE, f"the body has {declared} bytes; at most {most_bytes(limits)} are taken"
        )


async def read_parts(
    next_chunk: Callable[[], Awaitable[bytes | None]], content_type: str | None, limits: Limits
) -> dict[str, Part]:
    """Read a multipart/form-data body; `next_chunk` gives None after its end.

    Raises:
        Problem: another media type (415), not well formed or cut off (400), or over a limit (413).
    """
    form = _Form(limits)
    parser = MultipartParser(
        _boundary(content_type), form.callbacks(), max_header_count=8, max_header_size=1024
    )
    size, most = 0, most_bytes(limits)
    try:
        while (chunk := await next_chunk()) is not None:
            size += len(chunk)
            if size > most:
                raise Problem(Kind.TOO_LARGE, f"the body is longer than the {most} bytes that are taken")
            parser.write(chunk)
    except FormParserError as exc:
        raise Problem(Kind.MALFORMED, f"the body is not well-formed multipart/form-data: {exc}") from exc
    if not form.ended:
        raise Problem(Kind.MALFORMED, "the body is cut off: it has no closing boundary; send it whole")
    if CAPTURE_PART not in form.parts:
        raise Problem(
            Kind.MALFORMED, f"the body has no part {CAPTURE_PART!r}; it holds the description, in JSON"
        )
    return form.parts


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise Problem(
            Kind.MEDIA_TYPE, "send multipart/form-data: a JSON part 'capture' and one file part per image"
        )
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:
        raise Problem(
            Kind.MALFORMED, "the Content-Type must name the boundary, of 1 to 70 characters (RFC 2046)"
        )
    return boundary


@dataclass(slots=True)
class _Form:
    """Collects parts from the parser's callbacks; raises as soon as one breaks a limit."""

    limits: Limits
    parts: dict[str, Part] = field(default_factory=dict)
    ended: bool = False
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _name: bytes = b""
    _value: bytes = b""
    _chunks: list[bytes] = field(default_factory=list)
    _size: int = 0
    _most: int = 0
    _part: tuple[str, str, str] = ("", "", "")

    def callbacks(self) -> "MultipartCallbacks":
        """Return the methods by the parser's names for them."""
        names = ("part_begin", "part_data", "part_end", "header_field", "header_value", "header_end")
        found: dict[str, Callable[..., None]] = {f"on_{n}": getattr(self, f"_{n}") for n in names}
        found |= {"on_headers_finished": self._headers_finished, "on_end": self._end}
        return cast("MultipartCallbacks", found)

    def _part_begin(self) -> None:
        if len(self.parts) > self.limits.images:
            raise Problem(
                Kind.TOO_LARGE, f"the body has more than {self.limits.images} images; leave some out"
            )
        self._headers, self._chunks, self._size = {}, [], 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        kind, options = _options(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode("latin-1")
        if kind != b"form-data" or not name:
            raise Problem(
                Kind.MALFORMED, "a part has no 'Content-Disposition: form-data; name=...'; name each part"
            )
        if name in self.parts:
            raise Problem(
                Kind.MALFORMED, f"the part {name[:80]!r} comes twice; every part has a name of its own"
            )
        media_type, _ = _options(self._headers.get(b"content-type"))
        if name == CAPTURE_PART and media_type != b"application/json":
            raise Problem(
                Kind.MEDIA_TYPE, f"the part {CAPTURE_PART!r} must have Content-Type application/json"
            )
        self._most = _DESCRIPTION_BYTES if name == CAPTURE_PART else self.limits.image_bytes
        self._part = (name, media_type.decode("latin-1"), options.get(b"filename", b"").decode("latin-1"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._size > self._most:
            raise Problem(
                Kind.TOO_LARGE,
                f"the part {self._part[0][:80]!r} is larger than the {self._most} bytes it may have",
            )
        self._chunks.append(data[start:end])

    def _part_end(self) -> None:
        name, media_type, filename = self._part
        data = b"".join(self._chunks)
        self._chunks = []
        self.parts[name] = Part(name=name, media_type=media_type, filename=filename, data=data)

    def _end(self) -> None:
        self.ended = True
