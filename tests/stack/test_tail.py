from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.kernel.records import Reference, Severity, Verdict
from services.stack.commands import label
from services.stack.commands.tail import known, line, ordered, plain
from services.stack.problems import Problem
from tests.stack import sightings as s


def test_an_event_is_one_line_of_json() -> None:
    shown = line(s.judged(1, damaged=True))
    assert "\n" not in shown
    value = json.loads(shown)["value"]
    assert (value["item_id"], value["severity"], value["subject"]["stage"]) == ("I1", "MAJOR", "PACK")


def test_what_cannot_be_decoded_is_said() -> None:
    event = s.seen("damage.events", None, fault="this is no Avro", key=b"\xff")
    assert json.loads(line(event))["error"] == "this is no Avro"
    assert json.loads(line(event))["key"] == "\\xff"


def test_a_tombstone_has_no_value() -> None:
    assert json.loads(line(s.seen("catalog.products", None)))["value"] is None


def test_long_bytes_are_counted_and_short_ones_shown() -> None:
    moment = datetime(2026, 5, 4, tzinfo=UTC)
    shown = plain(
        Reference(reference_id=UUID(int=1), features_key="k", embedding=bytes(512), enrolled_at=moment)
    )
    assert isinstance(shown, dict)
    assert shown["embedding"] == "<512 bytes>"
    assert shown["enrolled_at"] == "2026-05-04T00:00:00.000+00:00"
    assert plain(b"ab") == "YWI="


def test_partitions_are_put_together_by_time() -> None:
    late, early = s.judged(1, at=s.SENT + 1), s.judged(2, at=s.SENT)
    assert list(ordered([late, early])) == [early, late]


def test_a_wrong_topic_names_the_nearest() -> None:
    known("damage.events")
    with pytest.raises(Problem, match=r"there are damage\.events"):
        known("damage.event")


def test_a_label_must_fit_together() -> None:
    label.check(Verdict.DAMAGED, None, ["spillage"])
    with pytest.raises(Problem, match="no type of damage"):
        label.check(Verdict.DAMAGED, None, ["wet"])
    with pytest.raises(Problem, match="intact item"):
        label.check(Verdict.INTACT, Severity.MINOR, [])
    with pytest.raises(Problem, match="MINOR or MAJOR"):
        label.check(Verdict.DAMAGED, Severity.NONE, [])


def test_a_label_may_say_only_which_product_it_is_but_not_nothing() -> None:
    label.check(None, None, [], "P2")
    label.check(Verdict.INTACT, None, [], "P2")
    with pytest.raises(Problem, match="say what was found"):
        label.check(None, None, [])
    with pytest.raises(Problem, match="needs --verdict damaged"):
        label.check(None, Severity.MINOR, [], "P2")
