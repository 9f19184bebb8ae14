"""How a day looks: its episodes while they go on, and the table at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from services.kernel import records as r
from services.stack.chronicle import Line, is_told_dark
from services.stack.day import EPISODES, Day, Episode, clock
from services.stack.racks import Submitted

_BAR: Final = 16


@dataclass(slots=True)
class _Tally:
    """How far an episode is."""

    planned: int
    sent: int = 0
    judged: int = 0
    damaged: int = 0
    pulled: int = 0
    labelled: int = 0
    told: int = 0


class Episodes:
    """The running figures of a day, fed with answers and events, each once."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._tally = {episode.name: _Tally(planned=len(day.of(episode))) for episode in EPISODES}
        self._announced: set[tuple[str, str]] = set()

    def submitted(self, answer: Submitted) -> None:
        """Note what the station said."""
        if (tally := self._of(answer.item_id)) is not None:
            tally.sent += 1
            tally.told += is_told_dark(answer)

    def observed(self, record: object) -> None:
        """Note one event."""
        tally = self._of(getattr(record, "item_id", None))
        if tally is None:
            return
        match record:
            case r.Assessment(cause=r.CauseKind.CAPTURE):
                tally.judged += 1
                tally.damaged += record.damaged
            case r.Assessment():
                tally.labelled += 1
            case r.SidelineCommand(action=r.SidelineAction.SIDELINE, verdict=None):
                tally.pulled += 1

    def _of(self, item_id: str | None) -> _Tally | None:
        episode = self._day.episode_of.get(item_id) if item_id is not None else None
        return self._tally[episode.name] if episode is not None else None

    def table(self, seconds: float) -> Table:
        """All episodes, so many seconds after the day began."""
        share = min(1.0, seconds / self._day.seconds)
        shown = Table(box=None, header_style="dim", pad_edge=False, title_justify="left", title_style="bold")
        shown.title = f"{clock(share)}  a day in {self._day.seconds / 60:.1f} minutes"
        for name in ("", "episode", "hours", "items"):
            shown.add_column(name)
        for name in ("judged", "damaged", "off the belt", "seen by people", "told too dark"):
            shown.add_column(name, justify="right")
        for episode in EPISODES:
            tally = self._tally[episode.name]
            style = "bold" if self._is_on(episode, share) else "dim" if share < episode.begins else ""
            figures = (tally.judged, tally.damaged, tally.pulled, tally.labelled, tally.told)
            shown.add_row(
                _mark(tally, episode, share),
                Text(episode.title),
                episode.hours,
                ProgressBar(total=max(1, tally.planned), completed=tally.sent, width=_BAR),
                *(str(n) if n else "·" for n in figures),
                style=style,
            )
        return shown

    def news(self, seconds: float) -> Iterator[str]:
        """What has begun or ended since this was last asked, a line each."""
        share = seconds / self._day.seconds
        for episode in EPISODES[1:]:
            for moment, what in ((episode.begins, "begins"), (episode.ends, "is over")):
                if share >= moment and (episode.name, what) not in self._announced:
                    self._announced.add((episode.name, what))
                    yield f"{clock(moment)}  {episode.title}: {what}"

    @staticmethod
    def _is_on(episode: Episode, share: float) -> bool:
        return episode.begins <= share < episode.ends


def _mark(tally: _Tally, episode: Episode, share: float) -> str:
    if share < episode.begins:
        return " "
    return "[green]✓[/]" if tally.sent >= tally.planned else "[yellow]▶[/]"


def tell(console: Console, lines: Iterable[Line]) -> None:
    """Print the table at the end of a day."""
    console.print("\n[bold]The day: what was true, and what the mesh did about it[/]")
    for line in lines:
        mark = "[bold green]✓[/]" if line.good else "[bold red]✗[/]"
        console.print(f"{mark} [bold]{escape(line.title)}[/] [dim]{line.hours}[/]")
        console.print(f"    true   {escape(line.true)}")
        for number, what in enumerate(line.did):
            console.print(f"    {'       ' if number else 'mesh   '}{escape(what)}")
        console.print(f"           [dim]{escape(line.verdict)}[/]")
