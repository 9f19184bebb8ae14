from __future__ import annotations

import json
from dataclasses import replace
from uuid import uuid4

from services.kernel import records as r
from services.stack.report import percentile, report, stage_times
from tests.stack import sightings as s


def test_a_whole_run_is_clean_and_its_latency_counts_from_the_scheduled_send() -> None:
    events = [
        s.judged(1, at=s.SENT + 1 + 0.2),
        s.judged(2, at=s.SENT + 2 + 0.4),
        s.seen("sideline.decisions", s.decision(1), at=s.SENT + 1.5),
        s.seen("sideline.decisions", s.decision(2), at=s.SENT + 2.6),
        s.supplier("V01", 2, 0),
    ]
    found = report([s.submitted(1), s.submitted(2)], events)
    assert found.clean
    assert (found.captures, found.assessed, found.quarantined, found.suppliers) == (2, 2, 0, 1)
    assert (found.p50_ms, found.p99_ms) == (200.0, 400.0)
    assert (found.decision_p50_ms, found.decisions) == (500.0, 2)
    assert found.seconds == 1.4


def test_a_capture_without_assessment_or_quarantine_is_lost() -> None:
    found = report([s.submitted(1), s.submitted(2)], [s.judged(1)])
    assert (found.lost, found.lost_captures) == (1, (str(s.capture(2)),))
    assert not found.clean


def test_a_capture_in_quarantine_is_not_lost() -> None:
    found = report([s.submitted(1)], [s.held(1)])
    assert (found.lost, found.quarantined, found.quarantine_events) == (0, 1, 1)
    assert found.quarantine_reasons == {"checksum": 1}


def test_a_capture_that_was_retried_from_quarantine_counts_as_assessed() -> None:
    found = report([s.submitted(1)], [s.held(1), s.judged(1)])
    assert (found.assessed, found.quarantined, found.lost) == (1, 0, 0)


def test_refused_captures_and_enrolments_are_not_missed() -> None:
    refused = s.submitted(1, status=422, accepted_at=None)
    found = report([refused, s.submitted(2, enrolment=True)], [])
    assert (found.captures, found.refused, found.lost) == (0, 1, 0)


def test_a_second_assessment_of_one_revision_is_doubled() -> None:
    twin = s.assessment(1, assessment_id=uuid4(), cause_id=uuid4())
    found = report([s.submitted(1)], [s.judged(1), s.seen("damage.assessments", twin)])
    assert found.doubled == 1


def test_one_capture_that_makes_two_revisions_is_doubled() -> None:
    again = s.assessment(1, revision=2, assessment_id=s.assessment(1).assessment_id)
    found = report([s.submitted(1)], [s.judged(1), s.seen("damage.assessments", again)])
    assert found.doubled == 1
    assert "revision 2" in found.doubled_effects[0]


def test_a_label_makes_a_revision_of_its_own() -> None:
    label = s.assessment(1, revision=2, cause=r.CauseKind.LABEL, cause_id=uuid4())
    found = report([s.submitted(1)], [s.judged(1), s.seen("damage.assessments", label)])
    assert (found.doubled, found.assessed) == (0, 1)


def test_the_same_id_again_is_redelivered_and_not_doubled() -> None:
    event = s.seen("sideline.commands", s.command(1))
    found = report([s.submitted(1)], [s.judged(1), event, replace(event, offset=event.offset + 1)])
    assert (found.doubled, found.redelivered, found.conflicting, found.sideline_commands) == (0, 1, 0, 1)


def test_the_same_id_that_says_something_else_is_conflicting() -> None:
    late = s.decision(1, action=r.SidelineAction.LATE)
    events = [
        s.judged(1),
        s.seen("sideline.decisions", s.decision(1)),
        s.seen("sideline.decisions", late),
    ]
    assert report([s.submitted(1)], events).conflicting == 1


def test_late_decisions_are_counted_and_so_is_what_a_later_stage_caught_of_them() -> None:
    late, side = r.SidelineAction.LATE, r.SidelineAction.SIDELINE
    decisions = [
        s.decision(1, action=late),
        s.decision(2, action=late),
        s.decision(2, revision=2, action=side),
    ]
    found = report([], [s.seen("sideline.decisions", one) for one in (*decisions, decisions[0])])
    assert (found.late, found.late_caught) == (2, 1)


def test_a_second_command_for_one_revision_is_doubled() -> None:
    other = s.command(1, command_id=uuid4(), action=r.SidelineAction.SAMPLE)
    events = [s.judged(1), s.seen("sideline.commands", s.command(1)), s.seen("sideline.commands", other)]
    assert report([s.submitted(1)], events).doubled == 1


def test_a_second_open_request_of_an_order_line_is_doubled() -> None:
    events = [s.seen("replacement.requests", s.request(n, "OL1")) for n in (1, 2)]
    assert report([], events).doubled == 1


def test_a_request_after_a_cancelled_one_is_not_doubled() -> None:
    cancelled = s.request(1, "OL1", revision=2, status=r.RequestStatus.CANCELLED)
    records = (s.request(1, "OL1"), cancelled, s.request(2, "OL1"))
    found = report([], [s.seen("replacement.requests", record) for record in records])
    assert (found.doubled, found.replacement_requests) == (0, 1)


def test_a_command_that_nothing_followed_is_unanswered() -> None:
    event = s.seen("sideline.commands", s.command(1, order_line_id="OL1"))
    assert report([], [event]).unanswered == 2  # neither disposition nor replacement
    assert report([], [event, s.seen("replacement.requests", s.request(1, "OL1"))]).unanswered == 1


def test_what_cannot_be_decoded_is_counted_and_breaks_nothing() -> None:
    broken = s.seen("damage.assessments", None, fault="no Avro")
    found = report([s.submitted(1)], [broken, s.judged(1)])
    assert (found.undecodable, found.assessed) == (1, 1)


def test_an_assessment_that_nobody_sent_is_unexpected() -> None:
    assert report([s.submitted(1)], [s.judged(1), s.judged(2)]).unexpected == 1


def test_the_report_is_plain_json() -> None:
    found = json.loads(json.dumps(report([s.submitted(1)], [s.judged(1)]).as_dict()))
    promised = (
        "captures assessed quarantined lost doubled damage_events sideline_commands replacement_requests"
    )
    assert {*promised.split(), "suppliers", "seconds", "p50_ms", "p95_ms", "p99_ms"} <= found.keys()


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 50) is None
    assert percentile([1.0], 99) == 1.0
    assert percentile([float(n) for n in range(1, 101)], 95) == 95.0


def test_stage_times_are_between_the_timestamps_of_one_capture() -> None:
    events = [
        s.seen("station.captures", object(), at=s.SENT, capture_id=s.capture(1)),
        s.seen("captures.inspected", object(), at=s.SENT + 0.05, capture_id=s.capture(1)),
        s.seen("captures.inspected", object(), at=s.SENT + 9, capture_id=s.capture(2)),
        s.judged(1, at=s.SENT + 0.1),
        s.seen("sideline.decisions", s.decision(1), at=s.SENT + 0.13),
    ]
    times = stage_times(events)
    assert times["captures.inspected"] == (50.0, 50.0)
    assert times["captures.identified"] == (None, None)
    assert times["sideline.decisions"] == (30.0, 30.0)
