from __future__ import annotations

import pytest

from services.kernel import records as r
from services.kernel.views import FRESH_S
from services.stack.enrolling import wait_until_enrolled
from services.stack.problems import Problem
from services.stack.report import Observed
from tests.stack import sightings as s


def gallery(*numbers: int) -> Observed:
    kept = tuple(
        r.Reference(reference_id=s.capture(n), features_key="f", embedding=b"", enrolled_at=s.NOW)
        for n in numbers
    )
    return s.seen(
        "gallery.references", r.Gallery(product_id="P1", version=1, encoder="e", references=kept), key=b"P1"
    )


def nobody_waits(seconds: float) -> None:
    pytest.fail(f"waited {seconds} s for services to read what is not there")


def test_references_are_enrolled_once_every_one_has_been_in_a_gallery() -> None:
    """Also one that a later list has no room for."""
    seen = s.fixed(gallery(1), gallery(2, 3), s.held(9))
    waited: list[float] = []
    wait_until_enrolled(seen, [s.submitted(n) for n in (1, 2, 3)], timeout_s=1, sleep=waited.append)
    assert waited == [FRESH_S], "until every service has read it"
    with pytest.raises(Problem, match="did not take all 2 references"):
        wait_until_enrolled(seen, [s.submitted(n) for n in (1, 4)], timeout_s=1, sleep=nobody_waits)


def test_a_list_that_was_written_often_is_no_second_reference() -> None:
    with pytest.raises(Problem, match="did not take all 2 references"):
        wait_until_enrolled(
            s.fixed(gallery(1), gallery(1)), [s.submitted(n) for n in (1, 2)], timeout_s=1, sleep=nobody_waits
        )


def test_one_that_the_station_refused_is_told() -> None:
    with pytest.raises(Problem, match="refused the reference I1: too dark"):
        wait_until_enrolled(
            s.fixed(), [s.submitted(1, status=422, detail="too dark")], timeout_s=1, sleep=nobody_waits
        )


def test_one_in_a_quarantine_is_told_with_its_reason() -> None:
    with pytest.raises(Problem, match=r"quarantine of inspect: another SHA-256"):
        wait_until_enrolled(s.fixed(s.held(1)), [s.submitted(1)], timeout_s=1, sleep=nobody_waits)
