from __future__ import annotations

from typing import Any

import pytest

from services.kernel import records as r
from services.kernel.faults import DataFault, MissingRow
from services.replace import decide
from tests.samples import NOON, command, order_line

A = r.SidelineAction
LINE = order_line()


def step(
    one: r.SidelineCommand, existing: r.ReplacementRequest | None, row: r.OrderLine | None = LINE
) -> r.ReplacementRequest | None:
    line = decide.line_of("L1", row, existing, one)
    return decide.request(one, line, existing, NOON) if line is not None else None


def after(
    *commands: r.SidelineCommand, existing: r.ReplacementRequest | None = None
) -> list[r.ReplacementRequest]:
    """What these commands ask for and take back, one after the other; notes of who else wants it aside."""
    made = []
    for one in commands:
        request = step(one, existing)
        if request is None:
            continue
        if existing is None or request.status is not existing.status:
            made.append(request)
        existing = request
    return made


@pytest.mark.parametrize(
    ("action", "concerned"), [(A.SIDELINE, True), (A.RELEASE, True), (A.SAMPLE, False)]
)  # fmt: skip
def test_a_sample_is_replaced_only_when_a_person_has_found_it_damaged(
    action: r.SidelineAction,
    concerned: bool,  # noqa: FBT001
) -> None:
    assert decide.concerned(command(action=action)) == (("L1",) if concerned else ())


def test_an_item_without_an_order_needs_no_replacement() -> None:
    assert not decide.concerned(command(order_line_id=None))


def test_a_sidelined_item_is_replaced_by_one_unit_of_the_ordered_product() -> None:
    (request,) = after(command(product_id="what it looked like"))
    assert (request.order_line_id, request.order_id, request.product_id) == ("L1", "O1", "P1")
    assert (request.quantity, request.status, request.item_id) == (1, r.RequestStatus.REQUESTED, "item-1")
    assert "It has a dent." in request.reason


def test_a_repeated_command_asks_for_nothing_more() -> None:
    assert len(after(command(), command(), command())) == 1


def test_another_item_of_the_same_line_asks_for_nothing_more() -> None:
    assert len(after(command("item-1"), command("item-2"))) == 1


def test_damage_that_a_person_confirms_asks_for_nothing_more() -> None:
    assert len(after(command(), command(revision=2))) == 1


def test_a_request_is_cancelled_when_the_item_is_released_by_a_later_revision() -> None:
    requested, cancelled = after(command(), command(action=A.RELEASE, revision=2, reason="Intact."))
    assert (cancelled.status, cancelled.revision) == (r.RequestStatus.CANCELLED, 2)
    assert cancelled.request_id == requested.request_id
    assert cancelled.reason == "Cancelled: Intact."


def test_a_release_that_is_older_than_the_request_cancels_nothing() -> None:
    assert len(after(command(revision=3), command(action=A.RELEASE, revision=2))) == 1


def test_the_release_of_another_item_cancels_nothing() -> None:
    assert len(after(command("item-1"), command("item-2", A.RELEASE, revision=2))) == 1


def test_a_release_without_a_request_does_nothing() -> None:
    assert not after(command(action=A.RELEASE, revision=2))


def test_commands_that_come_again_after_the_cancellation_change_nothing() -> None:
    story = (command(), command(action=A.RELEASE, revision=2))
    assert len(after(*story, *story, *story)) == 2


def test_a_command_that_is_no_newer_than_the_cancellation_asks_for_nothing() -> None:
    assert len(after(command(), command(action=A.RELEASE, revision=2), command(revision=2))) == 2


def test_an_item_that_is_found_damaged_after_all_is_replaced_after_all() -> None:
    made = after(command(), command(action=A.RELEASE, revision=2), command(revision=3))
    assert [m.status for m in made] == [
        r.RequestStatus.REQUESTED,
        r.RequestStatus.CANCELLED,
        r.RequestStatus.REQUESTED,
    ]
    assert len({m.request_id for m in made}) == 1


def test_another_item_of_a_cancelled_line_is_replaced() -> None:
    made = after(command("item-1"), command("item-1", A.RELEASE, revision=2), command("item-2"))
    assert (made[-1].status, made[-1].item_id) == (r.RequestStatus.REQUESTED, "item-2")


def test_a_request_stays_open_while_any_item_of_the_line_wants_it() -> None:
    both = [command("item-1"), command("item-2")]
    released = [command(item, action=A.RELEASE, revision=2) for item in ("item-1", "item-2")]
    assert len(after(*both, released[0])) == 1
    requested, cancelled = after(*both, *released)
    assert (requested.status, cancelled.status) == (r.RequestStatus.REQUESTED, r.RequestStatus.CANCELLED)
    assert requested.request_id == cancelled.request_id


def test_commands_replayed_after_a_crash_change_nothing() -> None:
    story = [command("item-1"), command("item-2"), command("item-1", action=A.RELEASE, revision=2)]
    once = after(*story)
    assert after(*story, *story) == once


# -- how many, and orders that go -----------------------------------------------------------------------------------


def newest(
    *commands: r.SidelineCommand, ordered: int, row: r.OrderLine | None = None
) -> r.ReplacementRequest:
    existing = None
    for one in commands:
        existing = step(one, existing, row or order_line(quantity=ordered)) or existing
    assert existing is not None
    return existing


def test_one_request_is_for_as_many_units_as_were_sidelined_and_never_more_than_ordered() -> None:
    pulled = [command(f"item-{n}") for n in range(1, 6)]
    assert [newest(*pulled[:n], ordered=3).quantity for n in range(1, 6)] == [1, 2, 3, 3, 3]
    back = command("item-2", A.RELEASE, revision=2)
    found = newest(*pulled[:2], back, ordered=3)
    assert (found.quantity, found.status) == (1, r.RequestStatus.REQUESTED)


def test_an_order_that_is_deleted_can_still_be_cancelled_but_not_asked_for() -> None:
    (existing,) = after(command())
    release = command(action=A.RELEASE, revision=2)
    cancelled = step(release, existing, None)
    assert cancelled is not None
    assert (cancelled.status, cancelled.order_id) == (r.RequestStatus.CANCELLED, "O1")
    with pytest.raises(MissingRow, match=r"L1 is not in orders\.lines"):
        step(command(revision=3), cancelled, None)
    with pytest.raises(MissingRow):
        step(command(), None, None)


def test_of_a_deleted_order_an_open_request_takes_note_of_others_and_a_cancelled_one_waits_for_nothing() -> (
    None
):
    (existing,) = after(command("item-1"))
    noted = step(command("item-2"), existing, None)
    assert noted is not None
    assert [c.item_id for c in noted.claims if c.wanted] == ["item-1", "item-2"]
    cancelled = step(command(action=A.RELEASE, revision=2), existing, None)
    assert cancelled is not None
    again = step(command(action=A.RELEASE, revision=3), cancelled, None)
    assert again is not None
    assert again.status is r.RequestStatus.CANCELLED


@pytest.mark.parametrize("quantity", [0, -2])
def test_an_order_of_nothing_is_refused(quantity: int) -> None:
    with pytest.raises(
        DataFault, match=f"orders {quantity} units; correct its row in orders.lines"
    ) as caught:
        step(command(), None, order_line(quantity=quantity))
    assert caught.value.reason == "bad_quantity"


def test_an_incomplete_set_is_replaced_like_a_damaged_item() -> None:
    (request,) = after(command(defect_types=("missing_unit",), severity=r.Severity.MINOR))
    assert request.status is r.RequestStatus.REQUESTED


# -- what turns out to be another product -------------------------------------------------------------------------


def moved(revision: int = 2, **given: Any) -> r.SidelineCommand:
    """The item was taken to be for L1, and is P2 for L2."""
    return command(
        **{
            "revision": revision,
            "product_id": "P2",
            "order_line_id": "L2",
            "former_order_line_ids": ("L1",),
            **given,
        }
    )


def test_an_item_that_is_for_another_line_concerns_both_lines() -> None:
    assert decide.concerned(moved()) == ("L2", "L1")
    assert decide.concerned(moved(action=A.SAMPLE)) == ("L1",)
    assert decide.concerned(moved(order_line_id=None)) == ("L1",)


def test_the_line_that_it_was_taken_for_asks_for_nothing_any_more_and_its_own_does() -> None:
    requested, cancelled = after(command(), moved())
    assert (requested.status, cancelled.status) == tuple(r.RequestStatus)
    assert cancelled.reason == "Cancelled: item item-1 turned out to be P2, and is for order line L2."
    line = decide.line_of("L2", order_line("L2", product_id="P2"), None, moved())
    assert line is not None
    mine = decide.request(moved(), line, None, NOON)
    assert mine is not None
    assert (mine.product_id, mine.status) == ("P2", r.RequestStatus.REQUESTED)


def test_a_line_that_never_asked_for_it_hears_nothing_even_if_its_order_is_gone() -> None:
    for row in (LINE, None):
        assert step(moved(), None, row) is None


def test_the_release_of_an_item_whose_order_is_gone_waits_for_nothing() -> None:
    assert step(command(action=A.RELEASE, revision=2), None, None) is None


def test_an_order_still_waits_where_what_came_for_it_is_whole_and_not_what_was_ordered() -> None:
    whole = command(action=A.RELEASE, revision=2, product_id="P9")
    assert len(after(command(), whole)) == 1  # asked for once, and not taken back
    assert newest(command(), whole, ordered=1).status is r.RequestStatus.REQUESTED


def test_moving_back_and_forth_ends_where_the_newest_revision_says_whatever_is_replayed() -> None:
    back = command(revision=3, former_order_line_ids=("L2",))
    story = (command(), moved(), back)
    assert [m.status for m in after(*story, *story)] == [
        r.RequestStatus.REQUESTED,
        r.RequestStatus.CANCELLED,
        r.RequestStatus.REQUESTED,
    ]
