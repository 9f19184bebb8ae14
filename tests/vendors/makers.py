"""Changes and windows for the tests of the suppliers' counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from services.kernel import records as r
from services.vendors import decide
from services.vendors.book import Book
from services.vendors.changes import changes
from services.vendors.windows import apply, spread, turns
from tests.samples import NOON, assessment, outcome

NOW = NOON + timedelta(days=365)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

INTACT = outcome()
DENTED = outcome(damaged=True, severity=r.Severity.MINOR, defect_types=("deformation",))
HOLED = outcome(damaged=True, severity=r.Severity.MAJOR, defect_types=("penetration", "spillage"))


def at(of: r.Outcome, later: timedelta, **given: Any) -> r.Outcome:
    """The outcome of a picture taken so much later."""
    return dataclasses.replace(of, captured_at=of.captured_at + later, **given)


def seen(
    item_id: str,
    is_: r.Outcome,
    revision: int = 1,
    was: r.Outcome | None = None,
    *,
    after: timedelta = timedelta(0),
) -> r.Assessment:
    """An item's revision, judged so long after its picture was taken."""
    return assessment(
        item_id, revision, outcome=is_, previous=was, assessed_at=is_.captured_at + after, product_id="P1"
    )


def told(log: Iterable[r.Assessment], start: int = 0, partition: int = 0) -> list[r.VendorPartial]:
    """The changes of a log whose first event is at offset `start`."""
    return [c for n, a in enumerate(log, start) for c in changes(a, partition, n, NOW)]


def fill(book: Book, found: Iterable[r.VendorPartial]) -> None:
    """Add changes to a book."""
    for turn in turns(each for change in found for each in spread(change)):
        for key, changes_ in turn.items():
            book.keep(key, apply(book.windows.get(key), changes_))


def rows(*log: r.Assessment, book: Book | None = None, **since: Any) -> dict[str, r.VendorRobustness]:
    """The rows that a log makes, by key."""
    book = Book() if book is None else book
    changed = told(log, partition=3)  # what the book may hold already is of another partition
    fill(book, changed)
    found = [each for change in changed for each in spread(change)]
    return {decide.row_key(row): row for row in decide.rows(decide.touched(found, book), book, since)}


def row(*log: r.Assessment, window: str = "hour", **given: Any) -> r.VendorRobustness:
    """The only row of a window that a log makes."""
    (found,) = (x for x in rows(*log, **given).values() if x.window == window)
    return found
