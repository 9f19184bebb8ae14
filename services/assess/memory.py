"""What `assess` remembers of items, bounded by time.

The state of an item is its newest assessment, on damage.assessments. A process cannot hold 28 days of it, and need
not: labels come for what was pulled or drawn, and for those within a shift or two. So

* items for which anything speaks (damaged, tolerated, a person's word, a probability of 5 % or more, an unknown
  product, a wrong barcode, or among the 5 % from which samples are drawn) are kept for `LIKELY` (72 hours),
* all others, which nobody pulls, for `UNLIKELY` (2 hours),
* and *that* an item was judged for `SEEN` (28 days, the topic's retention), and which pictures were for `REPLAYED`
  (7 days, as long as they can come again), in 29 bits each.

At 30 items/s, 6 % of them likely, that is 0.7 million assessments at 0.96 KiB (measured), and 0.3 GiB of bits after 28
days. Beyond, nothing is guessed: a label for a forgotten item is refused with the reason, and so is a picture that has
been judged already; a new picture of it makes a revision above all that it can have had, so that everything downstream
still replaces by (item, revision). Refused is quarantined, not lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.kernel import records as r
from services.kernel.faults import DataFault
from services.kernel.sampling import place

LIKELY = timedelta(hours=72)
UNLIKELY = timedelta(hours=2)
SEEN = timedelta(days=28)
REPLAYED = timedelta(days=7)
#: At or above this probability somebody may want to look at an item.
LOOKED_AT = 0.05
#: Samples are drawn from the items below this place (see `services.kernel.sampling`), whatever the rate of the day.
DRAWN_BELOW = 0.05

#: Somebody should look at an item whose barcode is one of these.
_ODD = frozenset({r.BarcodeCheck.WRONG, r.BarcodeCheck.DOUBTED})

_HOUR = 3600
_START = datetime(2020, 1, 1, tzinfo=UTC)
#: Revisions that an item can make within one period of `UNLIKELY`.
_PER_PERIOD = 1000


def is_likely(assessment: r.Assessment) -> bool:
    """Whether a person may be asked about the item."""
    return (
        assessment.damaged
        or assessment.verdict is not None
        or assessment.identified_by is not None
        or assessment.product_id is None
        or assessment.barcode_check in _ODD
        or assessment.probability >= LOOKED_AT
        or place(assessment.item_id) < DRAWN_BELOW
    )


@dataclass(slots=True)
class _Hours:
    """Packed rows by the hour they were made in; whole hours are forgotten at once."""

    kept: timedelta
    hours: dict[int, dict[str, bytes]] = field(default_factory=dict)

    def find(self, item_id: str) -> bytes | None:
        for rows in self.hours.values():
            packed = rows.get(item_id)
            if packed is not None:
                return packed
        return None

    def drop(self, item_id: str) -> None:
        for rows in self.hours.values():
            if rows.pop(item_id, None) is not None:
                return

    def put(self, item_id: str, hour: int, packed: bytes) -> None:
        self.hours.setdefault(hour, {})[item_id] = packed

    def forget(self, newest: int) -> None:
        oldest = newest - int(self.kept.total_seconds()) // _HOUR
        for hour in [h for h in self.hours if h < oldest]:
            del self.hours[hour]

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.hours.values())


@dataclass(slots=True)
class _Segment:
    bits: bytearray
    count: int = 0
    newest: int = 0


class Seen:
    """Which names were seen: a chain of Bloom filters (Bloom 1970), each dropped when all of it is older than `kept`.

    With 29 bits and 16 hashes a name is taken for another once in a million per segment.
    """

    BITS = 2**25
    CAPACITY = BITS // 29
    _HASHES = 16

    def __init__(self, kept: timedelta) -> None:
        self._kept = kept
        self._segments: list[_Segment] = []

    def _places(self, name: str) -> list[int]:
        digest = hashlib.blake2b(name.encode(), digest_size=4 * self._HASHES).digest()
        return [int.from_bytes(digest[i : i + 4], "big") % self.BITS for i in range(0, 4 * self._HASHES, 4)]

    def add(self, name: str, hour: int) -> None:
        """Note a name that was seen in this hour since the epoch."""
        places = self._places(name)
        last = self._segments[-1] if self._segments else None
        if last is None or last.count >= self.CAPACITY:
            oldest = hour - int(self._kept.total_seconds()) // _HOUR
            self._segments = [s for s in self._segments if s.newest >= oldest]
            last = _Segment(bits=bytearray(self.BITS // 8))
            self._segments.append(last)
        if _holds(last.bits, places):
            last.newest = max(last.newest, hour)
            return
        for at in places:
            last.bits[at >> 3] |= 1 << (at & 7)
        last.count += 1
        last.newest = max(last.newest, hour)

    def __contains__(self, name: str) -> bool:
        places = self._places(name)
        return any(_holds(s.bits, places) for s in self._segments)


def _holds(bits: bytearray, places: list[int]) -> bool:
    return all(bits[at >> 3] >> (at & 7) & 1 for at in places)


class Memory:
    """The newest assessment of each item, for as long as somebody may ask for it.

    `pack` and `unpack` make bytes of an assessment and back: a third of what the value takes. `clock`: now, UTC.
    """

    def __init__(
        self,
        pack: Callable[[r.Assessment], bytes],
        unpack: Callable[[bytes], r.Assessment],
        clock: Callable[[], datetime],
    ) -> None:
        self._pack = pack
        self._unpack = unpack
        self._clock = clock
        self._likely = _Hours(LIKELY)
        self._unlikely = _Hours(UNLIKELY)
        self._seen = Seen(SEEN)
        self._judged = Seen(REPLAYED)
        self._newest = 0

    def __len__(self) -> int:
        return len(self._likely) + len(self._unlikely)

    def get(self, item_id: str) -> r.Assessment | None:
        """The item's newest assessment, None when there is none or it is forgotten."""
        packed = self._unlikely.find(item_id) or self._likely.find(item_id)
        return None if packed is None else self._unpack(packed)

    def note(self, item_id: str, assessment: r.Assessment | None, packed: bytes | None = None) -> None:
        """Take over a row of damage.assessments, or that it is deleted; an older revision changes nothing.

        `packed`: the row as `pack` would make it, where that is known.
        """
        known = self.get(item_id)
        if assessment is not None and known is not None and assessment.revision < known.revision:
            return
        if known is not None:
            self._unlikely.drop(item_id)
            self._likely.drop(item_id)
        if assessment is None:
            return
        # A row from a clock that is ahead must not make everything else look old.
        hour = int(min(assessment.assessed_at, self._clock()).timestamp()) // _HOUR
        tier = self._likely if is_likely(assessment) else self._unlikely
        tier.put(item_id, hour, self._pack(assessment) if packed is None else packed)
        self._seen.add(item_id, hour)
        if assessment.cause is r.CauseKind.CAPTURE:
            self._judged.add(str(assessment.cause_id), hour)
        if hour > self._newest:
            self._newest = hour
            self._likely.forget(hour)
            self._unlikely.forget(hour)

    def forgot(self, item_id: str) -> bool:
        """Whether the item was judged, and by now is forgotten."""
        return item_id in self._seen and self.get(item_id) is None

    def first_revision(self, item_id: str, capture_id: UUID) -> int:
        """The revision that a picture of an item makes of which nothing is remembered.

        1, or for a forgotten item one above all that it can have had: periods of `UNLIKELY` since 2020 times 1000.

        Raises:
            DataFault: the item is forgotten, and this picture of it was judged already.
        """
        if item_id not in self._seen:
            return 1
        if str(capture_id) in self._judged:
            msg = (
                f"capture {capture_id} comes again: it was judged before, and item {item_id} is no longer remembered "
                f"(for {_hours(UNLIKELY)} h where nothing spoke for damage); its assessment stands"
            )
            raise DataFault("forgotten_item", msg)
        return int((self._clock() - _START) / UNLIKELY) * _PER_PERIOD + 1


def forgotten_label(item_id: str) -> DataFault:
    """Why a label for a forgotten item is refused."""
    msg = (
        f"item {item_id} was judged too long ago for a verdict (assess remembers {_hours(LIKELY)} h, and "
        f"{_hours(UNLIKELY)} h where nothing spoke for damage); photograph it again, then label it"
    )
    return DataFault("forgotten_item", msg)


def _hours(span: timedelta) -> int:
    return int(span.total_seconds()) // _HOUR
