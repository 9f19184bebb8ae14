"""A view holds the newest row of each key, and one bad row cannot stop it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import structlog
from confluent_kafka import KafkaException

from services.kernel import records, topics, wire
from services.kernel.views import View, Views

VENDORS = topics.BY_NAME["vendors.profiles"]


def vendor(name: str) -> records.Vendor:
    return records.Vendor(vendor_id="v", name=name)


@dataclass
class Message:
    """As much of a Kafka message as a view reads."""

    raw_key: bytes | None
    raw: bytes | None
    at: int = 0

    def key(self) -> bytes | None:
        return self.raw_key

    def value(self) -> bytes | None:
        return self.raw

    def partition(self) -> int:
        return 2

    def offset(self) -> int:
        return self.at

    def topic(self) -> str:
        return VENDORS.name

    def error(self) -> None:
        return None


def test_the_newer_offset_wins_and_says_where_it_was_read() -> None:
    view: View[records.Vendor] = View(VENDORS)
    view.apply("v", vendor("new"), 1, 20)
    view.apply("v", vendor("old"), 1, 19)
    view.apply("v", vendor("again"), 1, 20)
    row = view.get("v")
    assert row is not None
    assert row.name == "new"
    assert view.version("v") == "1@20"
    view.apply("v", vendor("newest"), 1, 21)
    assert [r.name for r in view] == ["newest"]
    assert view.version("v") == "1@21"


def test_a_key_without_row_is_none() -> None:
    view: View[records.Vendor] = View(VENDORS)
    assert view.get("v") is None
    assert view.get(None) is None
    assert view.version("v") == "none"


def test_a_tombstone_removes_the_row() -> None:
    view: View[records.Vendor] = View(VENDORS)
    view.take(Message(b"v", wire.encode(vendor("a")), 1))
    assert len(view) == 1
    view.take(Message(b"v", None, 2))
    assert view.get("v") is None
    assert len(view) == 0


def test_bad_rows_are_logged_with_where_they_are_and_left_out() -> None:
    view: View[records.Vendor] = View(VENDORS)
    with structlog.testing.capture_logs() as logs:
        view.take(Message(b"\xff", wire.encode(vendor("a")), 4))
        view.take(Message(b"v", b"garbage", 5))
        view.take(Message(b"v", wire.encode(vendor("a"))[:-1], 6))
    assert len(view) == 0
    assert [(e["event"], e["topic"], e["partition"], e["offset"]) for e in logs] == [
        ("view.bad_row", "vendors.profiles", 2, n) for n in (4, 5, 6)
    ]


def test_over_the_limit_the_longest_unchanged_rows_go() -> None:
    view: View[records.Vendor] = View(VENDORS, limit=3)
    for n, key in enumerate("abcab"):
        view.apply(key, vendor(key), 0, n)
    view.apply("d", vendor("d"), 0, 9)
    assert [row.name for row in view] == ["a", "b", "d"]


def test_a_change_is_told_once_and_an_older_row_is_not() -> None:
    told: list[tuple[str, str | None]] = []
    view: View[records.Vendor] = View(VENDORS, on_change=lambda k, v: told.append((k, v.name if v else None)))
    view.apply("v", vendor("a"), 0, 5)
    view.apply("v", vendor("b"), 0, 4)
    view.apply("v", None, 0, 6)
    assert told == [("v", "a"), ("v", None)]


def test_a_change_is_told_with_the_row_as_it_is_on_the_topic() -> None:
    told: list[tuple[str, bool, bytes | None]] = []
    view: View[records.Vendor] = View(
        VENDORS, on_packed=lambda k, v, packed: told.append((k, v is None, packed))
    )
    packed = wire.encode(vendor("a"))
    view.take(Message(b"v", packed, 1))
    view.written("v", vendor("b"), 2, 2, wire.encode(vendor("b")))
    view.take(Message(b"v", None, 3))
    assert told == [("v", False, packed), ("v", False, wire.encode(vendor("b"))), ("v", True, None)]


def test_a_topic_is_viewed_once() -> None:
    views = Views("127.0.0.1:9", "test")
    views.add(View(VENDORS))
    with pytest.raises(ValueError, match="viewed already"):
        views.add(View(VENDORS))


def test_a_bug_in_a_view_is_reported_instead_of_waited_for() -> None:
    def bug(*_: object) -> None:
        msg = "bug"
        raise RuntimeError(msg)

    views = Views("127.0.0.1:9", "test")
    views.add(View(VENDORS, on_change=bug))
    views._take([Message(b"v", wire.encode(vendor("a")))])
    assert views.failed


async def test_after_a_start_that_failed_views_ask_at_their_slow_pace_again() -> None:
    views = Views("127.0.0.1:9", "test")
    views.add(View(VENDORS))
    await views.start()
    try:
        views._failure = KafkaException("gone")
        with pytest.raises(KafkaException, match="gone"):
            await views._read_to({("vendors.profiles", 0): 1})
        assert not views._hurried
    finally:
        await views.close()
