"""`policy check|apply|dry-run|list`: what damage may pass, as data."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from confluent_kafka import TopicPartition
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.kernel import wire
from services.kernel.records import Assessment, Policy
from services.stack.joining import join
from services.stack.policies import Change, changes, load
from services.stack.problems import Problem
from services.stack.reading import beginnings, decode, ends, make_consumer, messages, snapshot
from services.stack.rehearsal import Changed, Rehearsal, rehearse
from services.stack.report import Observed
from services.stack.world import Message, publish

_TOPIC: Final = "policies.tolerability"
_PAST: Final = "damage.assessments"
_SPAN: Final = re.compile(r"(\d+)([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
#: A topic that gives nothing for so long, before its end, is not answering.
_SILENCE_S: Final = 30.0

File = Annotated[
    Path, typer.Argument(help="Policies in YAML; services/stack/policies.yaml is the one that ships.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="What damage may pass: check, dry-run, apply, list.")
    group.command(name="check")(check)
    group.command(name="dry-run")(dry_run)
    group.command(name="apply")(apply)
    group.command(name="list")(list_all)
    app.add_typer(group, name="policy")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def check(file: File) -> None:
    """Say what is wrong with a file of policies, by line; needs no running stack."""
    found = load(file)
    _console().print(f"{escape(str(file))}: {len(found)} policies, nothing wrong")


def apply(
    file: File,
    *,
    show_only: Annotated[
        bool, typer.Option("--show", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Make the topic hold just what a file says: what differs gets its next version, what is not in it is taken out.

    Each row counts from when `assess` has read it, two seconds later at most; what was judged before stays as it was.
    """
    wanted = load(file)
    brokers = join().brokers
    planned = changes(wanted, *rows(snapshot(brokers, [_TOPIC])), datetime.now(UTC))
    console = _console()
    for change in planned:
        console.print(f"{escape(change.policy_id)}: {escape(described(change))}")
    if not show_only:
        publish(brokers, outgoing(planned))


def list_all() -> None:
    """List the policies that are in force, the deciding ones first."""
    present, _ = rows(snapshot(join().brokers, [_TOPIC]))
    if not present:
        _console().print("no policy is in force: nothing is tolerated, and damaged is what reaches 0.50")
        return
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("policy", "version", "priority", "where", "tolerates", "never", "judge at", "why"):
        shown.add_column(name, overflow="fold")
    for p in sorted(present.values(), key=lambda p: (-p.priority, p.policy_id)):
        where = [*p.categories, *p.materials, *(s.lower() for s in p.stages)]
        where += [x for x in (p.category, p.material) if x]
        where += [
            word if flag else f"not {word}"
            for word, flag in (("hazardous", p.hazardous), ("gift", p.gift))
            if flag is not None
        ]
        tolerated = (
            f"{', '.join(p.tolerated_types)} up to {p.up_to.lower()}" if p.tolerated_types else "nothing"
        )
        shown.add_row(
            p.policy_id, str(p.version), str(p.priority), ", ".join(where) or "everywhere", tolerated,
            ", ".join(p.never_types) or "–", f"{p.judge_at:.2f}", p.reason,
        )  # fmt: skip
    Console(highlight=False).print(shown)


def dry_run(
    file: File,
    *,
    since: Annotated[
        str, typer.Option("--since", help="How far back: 90m, 24h, 7d, or a date (2026-03-01, UTC).")
    ] = "28d",
    examples: Annotated[int, typer.Option("--examples", min=0, help="Examples of each kind of change.")] = 3,
) -> None:
    """Judge past assessments by a file's policies and say what would have been different; changes nothing."""
    wanted = load(file)
    begin = moment(since, datetime.now(UTC))
    tell(_console(), rehearse(past(join().brokers, begin), wanted), begin, examples)


# -- the topic ----------------------------------------------------------------------------------------------------


def rows(events: Sequence[Observed]) -> tuple[dict[str, Policy], dict[str, int]]:
    """The policies that stand on the topic, and the highest version that each id is known to have had."""
    present: dict[str, Policy] = {}
    last: dict[str, int] = {}
    for event in sorted(events, key=lambda e: (e.partition, e.offset)):
        name = (event.key or b"").decode("utf-8", "replace")
        if event.record is None:
            present.pop(name, None)
        else:
            present[name] = event.record
            last[name] = max(last.get(name, 0), event.record.version)
    return present, last


def outgoing(planned: Sequence[Change]) -> list[Message]:
    """The rows to publish; a policy that goes is a tombstone."""
    return [
        (_TOPIC, c.policy_id.encode(), wire.encode(c.new) if c.new is not None else None, [])
        for c in planned
        if not c.nothing
    ]


def described(change: Change) -> str:
    """A change in words."""
    old, new = change.old, change.new
    if new is None:
        return f"taken out (was version {old.version if old else 0})"
    if old is None:
        return f"new, version {new.version}"
    if change.nothing:
        return f"unchanged, version {new.version}"
    differs = [
        f"{f.name} {getattr(old, f.name)!r} → {getattr(new, f.name)!r}"
        for f in fields(Policy)
        if f.name not in {"version", "applied_at"} and getattr(old, f.name) != getattr(new, f.name)
    ]
    return f"version {old.version} → {new.version}: {'; '.join(differs) or 'gets a version'}"


def moment(since: str, now: datetime) -> datetime:
    """A span back from now, or a date, as a moment in UTC.

    Raises:
        Problem: it is neither, or lies ahead.
    """
    span = _SPAN.fullmatch(since)
    if span is not None:
        return now - int(span[1]) * _UNITS[span[2]]
    try:
        found = datetime.fromisoformat(since)
    except ValueError as exc:
        raise Problem(f"--since {since} is neither a span (90m, 24h, 7d) nor a date (2026-03-01)") from exc
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    if found > now:
        raise Problem(f"--since {since} lies ahead")
    return found


def past(brokers: str, since: datetime) -> Iterator[Assessment]:
    """Yield assessments made since a moment, from the topic, without holding them.

    Raises:
        Problem: the broker does not answer.
    """
    consumer = make_consumer(brokers)
    try:
        until = {p.partition: p.offset for p in ends(consumer, [_PAST])}
        asked = [
            TopicPartition(p.topic, p.partition, int(since.timestamp() * 1000)) for p in beginnings([_PAST])
        ]
        # Where a partition has nothing so young, the answer is its end.
        places = [
            p for p in consumer.offsets_for_times(asked, timeout=15.0) if 0 <= p.offset < until[p.partition]
        ]
        if not places:
            return
        consumer.assign(places)
        heard = time.monotonic()
        while any(p.offset < until[p.partition] for p in consumer.position(places)):
            batch = messages(consumer)
            if batch:
                heard = time.monotonic()
            elif time.monotonic() - heard > _SILENCE_S:
                raise Problem(f"{_PAST} gave nothing for {_SILENCE_S:.0f} s before its end")
            for raw in batch:
                made = decode(raw).record
                if isinstance(made, Assessment) and made.assessed_at >= since:
                    yield made
    finally:
        consumer.close()


# -- the telling --------------------------------------------------------------------------------------------------


def tell(console: Console, found: Rehearsal, since: datetime, examples: int) -> None:
    """Print a dry run."""
    span = f"since {since:%Y-%m-%d %H:%M} UTC"
    if not found.judged:
        console.print(f"no assessment {span}: nothing to try the policies on")
        return
    share = found.changed / found.judged
    console.print(
        f"{found.judged:,} assessments {span}: {found.changed:,} would be judged otherwise ({share:.2%})"
    )
    for (was, would_be), n in found.by_change.most_common():
        console.print(f"\n[bold]{was} → {would_be}[/]: {n:,}")
        for one in found.examples[was, would_be][:examples]:
            _example(console, one)
    if not found.changed:
        return
    console.print()
    by_policy = ", ".join(f"{name} {n:,}" for name, n in found.by_policy.most_common())
    console.print(f"by the policy that would decide: {escape(by_policy)}")
    console.print(f"expected cost of what would newly pass: {found.passing_cents / 100:,.2f}")
    console.print(
        f"people had found damaged, of what would newly pass: {found.contradicted:,}; "
        f"intact, of what would newly be stopped: {found.spared:,}"
    )


def _example(console: Console, one: Changed) -> None:
    made = one.assessment
    where = f"{made.subject.stage.lower()}, {made.subject.center_id}"
    what = f"{escape(made.item_id)} ({escape(made.product_id or 'unknown product')}, {where})"
    console.print(f"  {what}, capture {made.subject.capture_id}")
    console.print(f"    was       {escape(made.reason)}")
    console.print(f"    would be  {escape(one.reason)}")
