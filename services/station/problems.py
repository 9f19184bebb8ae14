"""Every refusal of the gateway as a value: RFC 9457 problem details that say what is wrong and what to do."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

PROBLEM_JSON = "application/problem+json"


class Kind(Enum):
    """What can be answered instead of an acceptance: code, HTTP status and title."""

    MALFORMED = ("malformed", 400, "The request cannot be read")
    IDEMPOTENCY_KEY = ("idempotency-key", 400, "The Idempotency-Key header is missing or not allowed")
    UNAUTHORIZED = ("unauthorized", 401, "The station token is missing or unknown")
    OTHER_STATION = ("other-station", 403, "The token belongs to another station")
    NOT_FOUND = ("not-found", 404, "There is nothing at this path")
    METHOD = ("method", 405, "The path does not take this method")
    SLOW = ("slow", 408, "The body did not arrive in time")
    CONFLICT = ("conflict", 409, "The Idempotency-Key was used for another capture")
    TOO_LARGE = ("too-large", 413, "The capture is larger than allowed")
    MEDIA_TYPE = ("media-type", 415, "The media type is not taken")
    METADATA = ("metadata", 422, "The capture's description is wrong")
    IMAGE = ("image", 422, "An image cannot be taken")
    BUG = ("internal", 500, "The gateway failed")
    BUSY = ("busy", 503, "The gateway is full")
    DEPENDENCY = ("dependency", 503, "The store or the broker does not answer")

    def __init__(self, code: str, status: int, title: str) -> None:
        self.code = code
        self.status = status
        self.title = title


class Problem(Exception):
    """A request that is not accepted, and why.

    `errors` names single fields as (JSON pointer, what is wrong); `headers` go out with the answer.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the RFC 9457 object."""
        body: dict[str, Any] = {
            "type": f"urn:intact:problem:{self.kind.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in self.errors]
        return body


def come_again(kind: Kind, detail: str, after_s: int) -> Problem:
    """Return a problem that passes: nothing was accepted, and the same request may be sent again."""
    return Problem(
        kind,
        f"{detail}; nothing was accepted, send the same request again with the same Idempotency-Key",
        headers={"Retry-After": str(after_s)},
    )
