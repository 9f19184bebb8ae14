"""A Markdown model card out of measured reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from triton_models.eval_damage import replace_text

Report = Mapping[str, Any]

HEADLINES: Final[dict[str, str]] = {
    "ap_any": "AP any",
    "ap_major": "AP major",
    "auroc": "AUROC",
    "recall_at_50_precision": "R@50%P",
    "recall_at_1_fpr": "R@1%FPR",
    "recall_at_01_fpr": "R@0.1%FPR",
}


def write_card(path: Path, reports: Mapping[str, Report], *, title: str, notes: str = "") -> None:
    """Write a model card.

    Args:
        path: The Markdown file.
        reports: Of `evaluate`, by the name of the run; the first is the model's own, whose details are shown.
        title: Of the card.
        notes: Markdown that stands before the tables: what it is, what it was trained on, what it is not for.

    Raises:
        ValueError: There is no report.
    """
    if not reports:
        raise ValueError("a model card needs at least one report")
    name, main = next(iter(reports.items()))
    parts = [
        f"# {title}",
        notes.strip(),
        "## Measured",
        _origin(main),
        _headlines(reports),
        f"## {name}: calibration and threshold",
        _calibration(main),
        f"## {name}: by type of damage",
        _table(
            ("type", "captures", "AP", "AUROC", "AP of its own score"),
            _rows(main["by_defect_type"], "n", "ap", "auroc", "ap_of_type"),
        ),
        f"## {name}: by material",
        _table(
            ("material", "captures", "damaged", "AP", "AUROC"),
            _rows(main["by_material"], "n", "damaged", "ap", "auroc"),
        ),
        f"## {name}: by scenario",
        "At the threshold above. Only ordinary captures count into the headline figures.",
        _scenarios(main),
    ]
    replace_text(path, "\n\n".join(part for part in parts if part) + "\n")


def _origin(report: Report) -> str:
    return (
        f"Split `{report['split']}`: {report['captures']} captures, {report['ordinary_captures']} of them ordinary, "
        f"of which {_number(report['damaged_share'])} are damaged. In brackets: 95 % bootstrap intervals over the "
        f"{report['resampled']} designs or items of the split."
    )


def _headlines(reports: Mapping[str, Report]) -> str:
    return _table(
        ("run", *HEADLINES.values(), "ms per capture"),
        [
            [
                name,
                *(_with(report[key], report[f"{key}_interval"]) for key in HEADLINES),
                f"{report['ms_per_capture']:.1f}",
            ]
            for name, report in reports.items()
        ],
    )


def _calibration(report: Report) -> str:
    lines = []
    if report["ece"] is None:
        lines.append("- The scores are not probabilities: no calibration is measured.")
    else:
        lines += [
            f"- Expected calibration error at the split's own damaged share: {_number(report['ece'])}",
            f"- The same shifted and weighted to 1 in 1000: {report['ece_at_1_in_1000']:.2g}",
        ]
    if report["threshold"] is not None:
        found = report["at_threshold"]
        lines.append(
            f"- Threshold {report['threshold']:.4g}, at most 1 % of ordinary intact captures above it, chosen on "
            f"{report['threshold_from']}. Here it finds {_share(found, 'recall')} of the damaged and calls "
            f"{_share(found, 'false_positive_share')} of the intact damaged."
        )
    return "\n".join(lines)


def _scenarios(report: Report) -> str:
    return _table(
        ("scenario", "captures", "damaged", "mean score", "recall", "false positives"),
        [
            [name, str(found["n"]), _number(found["damaged_share"]), _number(found["mean_score"]),
             _share(found, "recall"), _share(found, "false_positive_share")]
            for name, found in report["by_scenario"].items()
        ],
    )  # fmt: skip


def _rows(groups: Mapping[str, Mapping[str, Any]], *keys: str) -> list[list[str]]:
    return [[name, *(_number(found.get(key)) for key in keys)] for name, found in groups.items()]


def _share(found: Mapping[str, Any], key: str) -> str:
    return _with(found[key], found[f"{key}_interval"]) if key in found else "–"


def _with(value: float | None, interval: Sequence[float | None]) -> str:
    return f"{_number(value)} [{_number(interval[0])}, {_number(interval[1])}]"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
