"""`tail`: a topic's events, decoded."""

from __future__ import annotations

import base64
import dataclasses
import difflib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated
from uuid import UUID

import typer

from services.stack.joining import join
from services.stack.problems import Problem
from services.stack.reading import ALL, follow, snapshot
from services.stack.report import Observed

#: Longer bytes (embeddings, heat maps) are only counted.
_SHOWN_BYTES = 64


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tail)


def tail(
    topic: Annotated[str, typer.Argument(help="The topic's name, for example damage.events.")],
    *,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="From offset 0, not only what comes now.")
    ] = False,
    count: Annotated[int | None, typer.Option("--count", min=1, help="Stop after so many events.")] = None,
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="Stop where the topic ends now (with --from-start).")
    ] = False,
) -> None:
    """Print a topic's events as they come, decoded, one JSON object a line: for people, and for jq. Ctrl-C ends it.

    Times are UTC. Bytes are base64, long ones only counted. What cannot be decoded has an "error".
    """
    known(topic)
    brokers = join().brokers
    events: Iterable[Observed] = follow(brokers, topic, from_start=from_start)
    if no_follow:
        events = ordered(snapshot(brokers, [topic])) if from_start else ()
    try:
        for event in islice(events, count):
            sys.stdout.write(line(event) + "\n")
            sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        sys.stderr.close()


def known(topic: str) -> None:
    """Refuse a topic that is not there.

    Raises:
        Problem: it names the nearest ones, or all.
    """
    if topic not in ALL:
        near = difflib.get_close_matches(topic, ALL, 3) or [t for t in ALL if not t.endswith(".quarantine")]
        raise Problem(f"there is no topic {topic}; there are {', '.join(near)}")


def ordered(events: Iterable[Observed]) -> Iterator[Observed]:
    """Put the partitions' events together by time."""
    yield from sorted(events, key=lambda e: (e.at_ms, e.partition, e.offset))


def line(event: Observed) -> str:
    """Return an event as one line of JSON."""
    shown: dict[str, object] = {
        "at": datetime.fromtimestamp(event.at_ms / 1000, UTC),
        "partition": event.partition,
        "offset": event.offset,
        "key": None if event.key is None else event.key.decode("utf-8", "backslashreplace"),
    }
    if event.fault is not None:
        shown["error"] = event.fault
    else:
        shown["value"] = event.record
    return json.dumps(plain(shown), ensure_ascii=False)


def plain(value: object) -> object:
    """Return a record as what JSON can say."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode() if len(value) <= _SHOWN_BYTES else f"<{len(value)} bytes>"
    return value
