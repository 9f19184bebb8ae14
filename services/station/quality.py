"""What is wrong with the photos of a capture, in words for the associate who can still photograph again.

It is advice beside an acceptance, never a condition of it: a capture is durable before this is asked, and whatever
becomes of the asking, within a deadline, the answer is 202.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from services.kernel import telemetry
from services.kernel.faults import DataFault, DependencyFault
from services.kernel.triton import Quality

log = structlog.get_logger(__name__)

#: In the order of Triton's answer.
PROBLEMS = ("cut_off", "blurred", "dark", "covered", "empty")
EDGES = ("left", "top", "right", "bottom")
#: From here on a score counts, and so does an edge that the item reaches over this share.
_COUNTS = 0.5
_REACHES = 0.07
#: How long an answer may wait for Triton, and how long Triton is left alone after it did not answer, in seconds.
DEADLINE_S = 0.4
_PAUSE_S = 1.0
#: More than Triton takes in one request, or than it reads in time, is not sent.
_MOST_IMAGES, _MOST_BYTES = 16, 32 * 2**20

_ADVICE = {
    "blurred": "The {camera} picture is blurred: wait until the item lies still, wipe the lens, and photograph again.",
    "dark": "The {camera} picture is too dark: switch on the station's lamps and photograph again.",
    "covered": "Something covers the item in the {camera} picture: take it away and photograph again.",
    "empty": "The {camera} picture shows an empty tray: put the item on it and photograph again.",
}


class Model(Protocol):
    """What is needed of `services.kernel.triton.QualityModel`."""

    async def measure(self, images: Sequence[bytes]) -> Quality:
        """Measure photos; DataFault, DependencyFault: as they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the answer says: a finding for each camera whose picture is bad, or None and the reason."""

    quality: list[dict[str, Any]] | None
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the fields of the answer."""
        return {"quality": self.quality} | ({"quality_reason": self.reason} if self.reason else {})


OFF = Told(quality=None, reason="photos are not measured here (INTACT_QUALITY)")


def findings(cameras: Sequence[str], quality: Quality) -> list[dict[str, Any]]:
    """Return what is to be said about each camera whose picture is bad."""
    found = []
    for camera, scores, edges in zip(cameras, quality.problems.tolist(), quality.edges.tolist(), strict=True):
        problems = [name for name, score in zip(PROBLEMS, scores, strict=True) if score >= _COUNTS]
        if problems:
            said = " ".join(_sentence(problem, camera, edges) for problem in problems)
            found.append({"camera": camera, "problems": problems, "advice": said})
    return found


def _sentence(problem: str, camera: str, edges: Sequence[float]) -> str:
    if problem != "cut_off":
        return _ADVICE[problem].format(camera=camera)
    reached = [name for name, share in zip(EDGES, edges, strict=True) if share >= _REACHES]
    where = f"the {' and the '.join(reached)} edge" if 1 <= len(reached) <= 2 else "several edges"
    return (
        f"The item is cut off at {where} of the {camera} picture: move it to the middle and photograph again."
    )


class Looker:
    """Asks the model within the deadline. One that does not answer is left alone for a moment, not asked each time."""

    def __init__(
        self,
        model: Model,
        *,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._deadline_s = deadline_s
        self._clock = clock
        self._away: str | None = None
        self._again_at = 0.0
        meter = telemetry.meter()
        self._count = meter.create_counter(
            "intact.station.quality", description="Captures whose photos were looked at, by outcome."
        )

    async def look(self, cameras: Sequence[str], images: Sequence[bytes]) -> Told:
        """Say what is wrong with the photos of one capture; raises nothing."""
        if (spared := self._spared(images)) is not None:
            return spared
        try:
            async with asyncio.timeout(self._deadline_s):
                quality = await self._model.measure(images)
            found = findings(cameras, quality)
        except TimeoutError:
            return self._gone("slow", f"Triton did not answer within {self._deadline_s:g} s")
        except DependencyFault as fault:
            return self._gone("away", "Triton does not answer", str(fault))
        except DataFault as fault:
            return self._told("unreadable", Told(quality=None, reason=str(fault)))
        except Exception:  # the capture is accepted: no bug in what is said about it may take that back
            log.exception("quality.bug")
            return self._told("bug", Told(quality=None, reason="a fault of the gateway, which is logged"))
        if self._away is not None:
            self._away = None
            log.info("quality.back")
        return self._told("bad" if found else "good", Told(quality=found))

    def _spared(self, images: Sequence[bytes]) -> Told | None:
        if self._away is not None and self._clock() < self._again_at:
            return self._told("skipped", Told(quality=None, reason=self._away))
        if len(images) > _MOST_IMAGES or sum(map(len, images)) > _MOST_BYTES:
            reason = "the photos are too many or too large to be measured in time"
            return self._told("too_large", Told(quality=None, reason=reason))
        return None

    def _gone(self, outcome: str, reason: str, detail: str = "") -> Told:
        """Remember that nobody answers; `detail` (addresses and such) is for the log, not for racks."""
        if self._away is None:
            log.warning("quality.away", reason=reason, detail=detail)
        self._away = reason
        self._again_at = self._clock() + _PAUSE_S
        return self._told(outcome, Told(quality=None, reason=reason))

    def _told(self, outcome: str, told: Told) -> Told:
        self._count.add(1, {"outcome": outcome})
        return told
