"""How a demo looks: a live table while it runs (plain lines where stdout is no terminal), a summary at its end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from services.kernel import records as r
from services.stack import dayshow, summary
from services.stack.chronicle import Line
from services.stack.day import Day
from services.stack.dayshow import Episodes
from services.stack.racks import Submitted
from services.stack.report import WAY, Observed, Report, percentile, stage_times
from services.stack.world import World

_PLAIN_EVERY_S: Final = 5.0


class Board:
    """Running figures of a demo, fed with what is submitted and what is observed."""

    def __init__(self, console: Console, planned: int, day: Day | None = None) -> None:
        self._console = console
        self._episodes = Episodes(day) if day is not None else None
        self._planned = planned
        self._began = time.monotonic()
        self._said = self._began
        self._seen = 0
        self._scheduled: dict[UUID, float] = {}
        self._judged: dict[UUID, int] = {}
        self._held: set[UUID] = set()
        self._refused = 0
        self._counts: Counter[str] = Counter()
        self._live = (
            Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""
        if self._live is not None:
            self._live.stop()

    def submitted(self, answer: Submitted) -> None:
        """Note what the station said."""
        if answer.accepted:
            self._scheduled[answer.capture_id] = answer.scheduled_at
        else:
            self._refused += 1
        if self._episodes is not None:
            self._episodes.submitted(answer)

    def observed(self, events: Sequence[Observed]) -> None:
        """Note what is in the topics; `events` is everything from the start."""
        for event in events[self._seen :]:
            self._note(event)
        self._seen = len(events)
        self._show()

    def _note(self, event: Observed) -> None:
        if self._episodes is not None and event.topic in {"damage.assessments", "sideline.commands"}:
            self._episodes.observed(event.record)
        if event.topic.endswith(".quarantine"):
            self._counts["quarantine"] += 1
            if event.capture_id is not None:
                self._held.add(event.capture_id)
        elif event.record is None:
            return
        elif event.topic == "damage.assessments" and event.record.cause is r.CauseKind.CAPTURE:
            self._judged.setdefault(event.record.cause_id, event.at_ms)
        elif event.topic == "sideline.commands":
            self._counts[str(event.record.action)] += 1
        else:
            self._counts[event.topic] += 1

    def _show(self) -> None:
        passed = time.monotonic() - self._began
        if self._live is not None:
            figures = self._table()
            self._live.update(
                figures if self._episodes is None else Group(self._episodes.table(passed), "", figures)
            )
            return
        if self._episodes is not None:
            for line in self._episodes.news(passed):
                self._console.print(f"[bold]{escape(line)}[/]")
        if time.monotonic() - self._said >= _PLAIN_EVERY_S:
            self._said = time.monotonic()
            self._console.print("  ".join(f"{name} {value}" for name, value in self._figures()))

    def _figures(self) -> list[tuple[str, str]]:
        both = self._scheduled.keys() & self._judged.keys()
        latencies = sorted(self._judged[c] - self._scheduled[c] * 1000 for c in both)
        under_way = len(self._scheduled.keys() - self._judged.keys() - self._held)
        return [
            ("time", f"{time.monotonic() - self._began:.0f} s"),
            ("captures in", f"{len(self._scheduled) + self._refused}/{self._planned}"),
            ("accepted", str(len(self._scheduled))),
            ("assessed", str(len(both))),
            ("damage events", str(self._counts["damage.events"])),
            ("sidelined", str(self._counts["SIDELINE"])),
            ("sampled", str(self._counts["SAMPLE"])),
            ("quarantined", str(self._counts["quarantine"])),
            ("p50/p99 ms", f"{_ms(percentile(latencies, 50))}/{_ms(percentile(latencies, 99))}"),
            ("lag", str(under_way)),
        ]

    def _table(self) -> Table:
        shown = Table(box=None, header_style="bold", pad_edge=False)
        figures = self._figures()
        for name, _ in figures:
            shown.add_column(name, justify="right")
        shown.add_row(*(value for _, value in figures))
        return shown


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """All that the summary tells of. Memory in bytes; `day`: what became of each episode, empty if there was no day."""

    world: World
    submitted: Sequence[Submitted]
    events: Sequence[Observed]
    report: Report
    ready_s: float
    memory: int
    kept: bool
    day: Sequence[Line] = ()


def tell(console: Console, done: Finished) -> None:
    """Print the summary."""
    for section in (_outcome, _damage, _belt, _suppliers, _stages, _truth, _day, _machine, _further):
        section(console, done)


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def _outcome(console: Console, done: Finished) -> None:
    found = done.report
    _heading(console, "What came of it")
    colour = "green" if found.clean else "bold red"
    console.print(
        f"{found.captures} captures accepted, {found.assessed} assessed, {found.quarantined} quarantined, "
        f"[{colour}]{found.lost} lost, {found.doubled} doubled[/] (counted by a consumer of its own)"
    )
    if found.refused:
        reasons = Counter(f"{s.status}: {s.detail}" for s in done.submitted if not s.accepted)
        console.print(
            f"{found.refused} refused by the station, most for {escape(reasons.most_common(1)[0][0])}"
        )
    if found.quarantine_events:
        console.print(f"quarantine: {_counted(found.quarantine_reasons)}")
    for line in (*found.lost_captures, *found.doubled_effects):
        console.print(f"  [red]{escape(line)}[/]")
    console.print(
        f"{found.seconds:.1f} s, {found.captures_per_second:.1f} captures/s; from the scheduled send to the "
        f"assessment p50 {_ms(found.p50_ms)} ms, p95 {_ms(found.p95_ms)} ms, p99 {_ms(found.p99_ms)} ms; to the "
        f"sideline decision p50 {_ms(found.decision_p50_ms)} ms, p99 {_ms(found.decision_p99_ms)} ms"
    )


def _damage(console: Console, done: Finished) -> None:
    judged = summary.newest(done.events)
    counted = summary.damage(judged.values())
    tolerated = sum(a.tolerated for a in judged.values())
    _heading(console, f"Damaged items ({counted.total()}, and {tolerated} whose damage a policy tolerates)")
    shown = _grid(("type", "minor", "major"))
    for kind in sorted({k for k, _ in counted}, key=lambda k: -counted[k, "minor"] - counted[k, "major"]):
        shown.add_row(kind.replace("_", " "), str(counted[kind, "minor"]), str(counted[kind, "major"]))
    console.print(shown)
    titles = {p.product_id: p.title for p in done.world.products}
    for a in summary.examples(judged.values()):
        product = titles.get(a.product_id or "", a.product_id or "unknown product")
        console.print(f"  {a.item_id} [dim]({escape(product)})[/]: {escape(a.reason)}")


def _belt(console: Console, done: Finished) -> None:
    _heading(console, "Off the belt")
    decisions = summary.by_action(done.events, "sideline.decisions")
    console.print(f"sideline decisions: {_counted(decisions)}")
    if done.report.late:
        console.print(
            f"too late for the belt: {done.report.late}, {done.report.late_caught} caught at a later stage"
        )
    requests = summary.open_requests(done.events)
    console.print(f"replacements asked for: {len(requests)} (at most one per order line)")
    console.print(f"dispositions: {_counted(summary.by_action(done.events, 'disposition.decisions'))}")


def _suppliers(console: Console, done: Finished) -> None:
    names = {v.vendor_id: v.name for v in done.world.vendors}
    _heading(console, "Suppliers (share of damaged items, 95 % interval)")
    shown = _grid(("supplier", "items", "damaged", "share", "interval", ""))
    for s in summary.suppliers(done.events):
        shown.add_row(
            f"{s.vendor_id} {names.get(s.vendor_id, '')}",
            str(s.items),
            str(s.damaged),
            f"{s.share:.0%}",
            f"{s.low:.0%} – {s.high:.0%}",
            "[bold yellow]stands out[/]" if s.stands_out else "",
        )
    console.print(shown)


def _stages(console: Console, done: Finished) -> None:
    _heading(console, "How long each stage took (between Kafka timestamps)")
    shown = _grid(("to", "p50 ms", "p99 ms"))
    for topic, (half, most) in stage_times(done.events).items():
        shown.add_row(f"{WAY[WAY.index(topic) - 1]} → {topic}", _ms(half), _ms(most))
    console.print(shown)


def _truth(console: Console, done: Finished) -> None:
    found = summary.accuracy(done.submitted, done.events)
    if found is None:
        return
    _heading(console, "Against the pictures' truth (simulated captures; the services never see it)")
    damaged, intact = found.hits + found.misses, found.false_alarms + found.passed
    minor, major = found.hits_by_severity["minor"], found.hits_by_severity["major"]
    console.print(
        f"damage: {found.hits} of {damaged} found (minor {minor[0]} of {minor[1]}, major {major[0]} of {major[1]}), "
        f"{found.misses} missed, {found.false_alarms} false alarms among {intact} intact items"
    )
    console.print(
        f"belt: {found.sidelined_damaged} of {damaged} damaged items sidelined, "
        f"{found.sidelined_intact} of {intact} intact ones wrongly"
    )
    shown = _grid(
        ("scenario", "damaged", "seen", "missed", "intact", "false alarms", "told to be the tote's")
    )
    for row in summary.by_scenario(done.submitted, done.events):
        figures = (row.damaged, row.seen, row.missed, row.intact, row.false_alarms, row.beside)
        shown.add_row(row.name.replace("_", " "), *map(str, figures))
    console.print(shown)
    console.print(
        f"product: {found.products_right} named rightly, {found.products_wrong} wrongly, "
        f"{found.products_unknown} left to a person"
    )


def _day(console: Console, done: Finished) -> None:
    if done.day:
        dayshow.tell(console, done.day)


def _machine(console: Console, done: Finished) -> None:
    _heading(console, "On this machine")
    console.print(f"ready after {done.ready_s:.1f} s; {done.memory / 2**20:,.0f} MiB of memory in all")


def _further(console: Console, done: Finished) -> None:
    _heading(console, "Where to look further")
    if not done.kept:
        console.print("./intact demo --keep leaves everything running, so that these work:")
    for command, what in (
        ("./intact status", "processes, memory, health"),
        ("./intact tail damage.events --from-start", "what other systems would subscribe to"),
        ("./intact tail vendor.robustness --from-start", "suppliers by hour"),
        ("./intact submit PHOTO.jpg --product P-10000000", "a photo of your own, and why it is judged so"),
        (
            "./intact label ITEM --verdict intact",
            "a person's verdict, which corrects everything that followed",
        ),
        ("./intact quarantine list", "what could not be processed, and why"),
    ):
        console.print(f"  {command:<46} [dim]{what}[/]")


def _grid(columns: Iterable[str]) -> Table:
    shown = Table(box=None, header_style="dim", pad_edge=False)
    for number, name in enumerate(columns):
        shown.add_column(name, justify="right" if number else "left")
    return shown


def _counted(counts: object) -> str:
    pairs = sorted(counts.items(), key=lambda kv: -kv[1]) if isinstance(counts, dict) else []
    return ", ".join(f"{n} {str(name).lower().replace('_', ' ')}" for name, n in pairs) or "none"
