"""Plots of measured runs, as PNG files. No window system and no state shared between calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from triton_models.cuts import Marks, Values
from triton_models.eval_report import Judged, Prior, by, ordinary, reliabilities, scenario_of
from triton_models.metrics import Reliability, auroc, average_precision, curve

Curves = Mapping[str, tuple[Values, Marks]]
"""By method: scores (rows,) and damaged (rows,)."""

_COLOURS: Final = ("#1f5fa8", "#d1495b", "#3a9a6e", "#e08e2b", "#7656a8", "#4b9cb5", "#8a6d54", "#666666")
_INTACT, _DAMAGED = "#7d9cc0", "#d1495b"
_INK, _PALE = "#2b2f36", "#d9dde3"
_DPI = 150


def draw_all(
    folder: Path, judged: Judged, *, threshold: float | None, prior: Prior | None, method: str
) -> tuple[Path, ...]:
    """Draw everything that one run allows.

    Args:
        folder: Where to; made if it is missing.
        judged: All rows of the split; the curves show the ordinary ones.
        threshold: Line in the histograms.
        prior: None draws no reliability.
        method: Its name.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = ordinary(judged)
    drawn: list[Path] = []
    if rows.damaged.any() and not rows.damaged.all():
        curves = {method: (rows.scores, rows.damaged)}
        drawn += [
            precision_recall(folder / "precision_recall.png", curves),
            roc(folder / "roc.png", curves),
        ]
    if points := reliabilities(rows, prior):
        share = float(rows.damaged.mean())
        panels = {
            f"{share:.0%} damaged, as measured": points[0],
            "1 in 1000 damaged, as on a belt": points[1],
        }
        drawn.append(reliability(folder / "reliability.png", panels))
    parts = {name: (some.scores, some.damaged) for name, some in by(judged, scenario_of).items()}
    drawn.append(histograms(folder / "scenarios.png", parts, threshold=threshold))
    return tuple(drawn)


def precision_recall(path: Path, curves: Curves) -> Path:
    """Precision over recall; the dashed line is what chance reaches."""
    with _figure(path, (5.6, 4.6)) as figure:
        axes = _axes(figure.add_subplot(), "Recall", "Precision", "Precision and recall")
        for (name, (scores, damaged)), colour in zip(curves.items(), _cycle(), strict=False):
            found = curve(scores, damaged)
            precision = found.found[1:] / (found.found[1:] + found.false[1:])
            axes.step(
                found.found[1:] / found.found[-1], precision, where="pre", color=colour, linewidth=1.8,
                label=f"{name} (AP {average_precision(scores, damaged):.3f})",
            )  # fmt: skip
            axes.axhline(float(damaged.mean()), color=colour, linewidth=0.8, linestyle="--", alpha=0.5)
        axes.set(xlim=(0, 1.01), ylim=(0, 1.02))
        axes.legend(frameon=False, loc="lower left", fontsize=8)
    return path


def roc(path: Path, curves: Curves) -> Path:
    """Recall over the share of false positives on a log scale: what matters happens below 1 %."""
    with _figure(path, (5.6, 4.6)) as figure:
        axes = _axes(
            figure.add_subplot(),
            "False positives (share of intact)",
            "Recall",
            "Recall at few false positives",
        )
        floor = min(1 / max(2, int((~damaged).sum())) for _, damaged in curves.values())
        for (name, (scores, damaged)), colour in zip(curves.items(), _cycle(), strict=False):
            found = curve(scores, damaged)
            wrong = np.maximum(found.false / found.false[-1], floor / 2)
            label = f"{name} (AUROC {auroc(scores, damaged):.3f})"
            axes.step(
                wrong, found.found / found.found[-1], where="post", color=colour, linewidth=1.8, label=label
            )
        for rate in (0.001, 0.01):
            axes.axvline(rate, color=_INK, linewidth=0.7, linestyle=":")
        axes.set_xscale("log")
        axes.set(xlim=(floor / 2, 1), ylim=(0, 1.02))
        axes.legend(frameon=False, loc="upper left", fontsize=8)
    return path


def reliability(path: Path, panels: Mapping[str, Reliability]) -> Path:
    """What was said against what was so, one panel for each prior; dots grow with the rows behind them.

    A panel's scale ends at its largest value, since at 1 in 1000 all but the last bin lie near zero.
    """
    with _figure(path, (4.6 * len(panels), 4.4)) as figure:
        for place, (name, points) in enumerate(panels.items(), start=1):
            title = f"{name}\nECE {points.error:.2g}"
            axes = _axes(
                figure.add_subplot(1, len(panels), place), "Said (probability)", "Was (share damaged)", title
            )
            end = 1.05 * max(float(points.said.max()), float(points.was.max()), 1e-6)
            axes.plot([0, end], [0, end], color=_INK, linewidth=0.8, linestyle="--")
            axes.plot(points.said, points.was, color=_COLOURS[0], linewidth=1.4)
            axes.scatter(
                points.said, points.was, s=20 + 300 * points.mass, color=_COLOURS[0], alpha=0.8, zorder=3
            )
            axes.set(xlim=(-0.02 * end, end), ylim=(-0.02 * end, end))
    return path


def histograms(path: Path, parts: Curves, *, threshold: float | None) -> Path:
    """Scores of intact and damaged captures, one row for each scenario.

    Args:
        path: The PNG.
        parts: By scenario: scores (rows,) in [0, 1] and damaged (rows,).
        threshold: Drawn as a line.
    """
    with _figure(path, (6.4, 0.9 + 1.05 * len(parts))) as figure:
        edges = np.linspace(0, 1, 41)
        for place, (name, (scores, damaged)) in enumerate(parts.items(), start=1):
            last = place == len(parts)
            axes = _axes(figure.add_subplot(len(parts), 1, place), "Score" if last else "", "", "")
            for marks, colour, label in ((~damaged, _INTACT, "intact"), (damaged, _DAMAGED, "damaged")):
                if marks.any():
                    weights = np.full(int(marks.sum()), 1 / marks.sum())
                    axes.hist(
                        scores[marks], edges.tolist(), weights=weights, color=colour, alpha=0.65,
                        label=f"{label} ({marks.sum()})",
                    )  # fmt: skip
            if threshold is not None:
                axes.axvline(threshold, color=_INK, linewidth=0.9, linestyle=":")
            axes.set_title(name.replace("_", " "), loc="left", fontsize=8, color=_INK, pad=2)
            axes.set(xlim=(0, 1), yticks=[])
            axes.legend(frameon=False, fontsize=7, loc="upper center", ncols=2)
            axes.tick_params(labelbottom=last)
    return path


def bars(
    path: Path,
    values: Mapping[str, Mapping[str, tuple[float, float, float]]],
    *,
    labels: Mapping[str, str] | None = None,
    title: str = "Methods on the same captures",
) -> Path:
    """Methods side by side with their intervals.

    Args:
        path: The PNG.
        values: By method and measure: value, low, high. Measures are those of the first method; one that is missing
            is left out.
        labels: What to write for a measure.
        title: Above the plot.
    """
    measures = list(next(iter(values.values())))
    width = 0.8 / len(values)
    with _figure(path, (1.6 + 1.3 * len(measures), 4.2)) as figure:
        axes = _axes(figure.add_subplot(), "", "", title)
        for place, ((method, found), colour) in enumerate(zip(values.items(), _cycle(), strict=False)):
            kept = [at for at, measure in enumerate(measures) if measure in found]
            middle, low, high = np.array([found[measures[at]] for at in kept], float).reshape(-1, 3).T
            x = np.array(kept) + (place - (len(values) - 1) / 2) * width
            axes.bar(x, middle, width * 0.92, color=colour, label=method)
            spread = np.maximum(np.stack([middle - low, high - middle]), 0)
            axes.errorbar(x, middle, spread, fmt="none", ecolor=_INK, elinewidth=0.9, capsize=2)
        axes.set_xticks(
            range(len(measures)), [(labels or {}).get(name, name) for name in measures], fontsize=8
        )
        axes.set(ylim=(0, 1.02))
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
    return path


def growth(path: Path, panels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Path:
    """Milliseconds of processor time over how much there is, one panel for each thing that grows.

    Args:
        path: The PNG.
        panels: By what grows: "median" and "p95" by number, as text.
    """
    shown = {name: rows for name, rows in panels.items() if rows}
    with _figure(path, (4.2 * len(shown), 3.4)) as figure:
        for place, (name, rows) in enumerate(shown.items(), start=1):
            axes = _axes(figure.add_subplot(1, len(shown), place), name, "ms of CPU", "")
            x = [int(number) for number in rows]
            for key, style in (("median", "-o"), ("p95", "--o")):
                label = {"median": "median", "p95": "95 % below"}[key]
                axes.plot(x, [row[key] for row in rows.values()], style, color=_COLOURS[0], label=label)
            axes.set_xscale("log")
            axes.set_xticks(x, [str(number) for number in x])
            axes.minorticks_off()
            axes.set_ylim(0, 1.1 * max(row["p95"] for row in rows.values()))
            axes.legend(frameon=False, fontsize=8)
    return path


@contextmanager
def _figure(path: Path, size: tuple[float, float]) -> Iterator[Figure]:
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    yield figure
    figure.savefig(path, dpi=_DPI)


def _axes(axes: Axes, x: str, y: str, title: str) -> Axes:
    axes.set_xlabel(x, color=_INK, fontsize=9)
    axes.set_ylabel(y, color=_INK, fontsize=9)
    if title:
        axes.set_title(title, loc="left", color=_INK, fontsize=10, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_INK)
    axes.tick_params(colors=_INK, labelsize=8)
    axes.grid(visible=True, color=_PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def _cycle() -> Sequence[str]:
    """Enough colours for as many methods as a plot can show."""
    return _COLOURS * 4
