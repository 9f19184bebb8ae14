"""The measured part of the model card: Markdown tables out of the JSON reports of one split.

    python -m triton_models.model_card FUSED.json BARE.json OTHER.json CLASSIFIER.json … [--cost COST.json]

Writes what `intact eval damage`, `eval methods` and `eval cost` reported between two comments of MODEL.md that name the
split. The first report is the one whose details are shown. All other text of the card is people's.
"""

# ruff: noqa: T201 - a command line prints
from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from triton_models.eval_damage import replace_text
from triton_models.problems import BadData

Report = Mapping[str, Any]

CARD: Final = Path(__file__).parent / "MODEL.md"
HEADLINES: Final[dict[str, str]] = {
    "ap_any": "AP any",
    "ap_major": "AP major",
    "auroc": "AUROC",
    "recall_at_50_precision": "R@50%P",
    "recall_at_1_fpr": "R@1%FPR",
    "recall_at_01_fpr": "R@0.1%FPR",
}
_GALLERIES: Final = {
    "own": "own references",
    "other": "another product's references",
    "none": "no references",
}
_CALLED: Final = {"recall": "found", "false_positive_share": "intact called damaged"}


def write_section(card: Path, reports: Sequence[Report], cost: Report | None = None) -> None:
    """Put the reports of one split in the place of the card that is theirs.

    Args:
        card: Markdown with the lines `<!-- measured: SPLIT -->` and `<!-- end: SPLIT -->`.
        reports: Of `eval_damage.evaluate`; at least one.
        cost: Of `eval_cost.evaluate`.

    Raises:
        BadData: The reports are not of the same captures, two are of the same method and gallery, or the card has no
            such place.
    """
    splits = {(report["split"], report["captures"]) for report in reports}
    if len(splits) != 1:
        raise BadData(f"the reports are of different splits: {sorted(splits)}")
    named = {name_of(report): report for report in reports}
    if len(named) < len(reports):
        raise BadData(
            f"two reports are of the same method and references: {', '.join(map(name_of, reports))}"
        )
    split = reports[0]["split"]
    start, end = f"<!-- measured: {split} -->\n", f"<!-- end: {split} -->\n"
    before, begun, rest = card.read_text(encoding="utf-8").partition(start)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        raise BadData(f"{card} has no lines {start.strip()} and {end.strip()} to write between")
    replace_text(card, f"{before}{start}\n{section(named, cost)}\n\n{end}{after}")


def name_of(report: Report) -> str:
    """What a report's run is called in tables."""
    if report["method"] == "classifier":
        return "classifier alone"
    return f"{report['method']}, {_GALLERIES[report['gallery']]}"


def section(reports: Mapping[str, Report], cost: Report | None = None) -> str:
    """The tables of reports by name, the first in detail."""
    main = next(iter(reports.values()))
    parts = [
        _origin(main),
        _headlines(reports),
        f"At the threshold of 1 % false positives among ordinary captures, chosen on {main['threshold_from']}:",
        _scenarios(reports),
        f"In detail, {next(iter(reports))}:",
        _calibration(main),
        _table(
            ("type of damage", "captures", "AP", "AUROC", "AP of its own score"),
            _rows(main["by_defect_type"], "n", "ap", "auroc", "ap_of_type"),
        ),
        _table(
            ("material", "captures", "damaged", "AP", "AUROC"),
            _rows(main["by_material"], "n", "damaged", "ap", "auroc"),
        ),
    ]
    if main["severity"] is not None:
        rows = [[true, *map(str, said.values())] for true, said in main["severity"].items()]
        parts.append(_table(("severity, true", "called none", "minor", "major"), rows))
    if cost is not None:
        parts += [f"CPU on one thread, {cost['captures']} captures, {cost['machine']}:", _cost(cost)]
    return "\n\n".join(parts)


def _origin(report: Report) -> str:
    return (
        f"Split `{report['split']}`: {report['captures']} captures, {report['ordinary_captures']} of them ordinary, "
        f"of which {_number(report['damaged_share'])} are damaged. In brackets: 95 % bootstrap intervals over the "
        f"{report['resampled']} designs or items of the split. ms is processor time, what references cost once shared "
        "among a product's captures."
    )


def _headlines(reports: Mapping[str, Report]) -> str:
    return _table(
        ("run", *HEADLINES.values(), "ms"),
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


def _scenarios(reports: Mapping[str, Report]) -> str:
    """A row for each scenario and what is counted of it, a column for each run."""
    main = next(iter(reports.values()))
    rows = [
        [
            f"{name.replace('_', ' ')}, {word}",
            str(found["n"]),
            *(_share(report["by_scenario"][name], key) for report in reports.values()),
        ]
        for name, found in main["by_scenario"].items()
        for key, word in _CALLED.items()
        if key in found
    ]
    return _table(("scenario", "captures", *reports), rows)


def _cost(cost: Report) -> str:
    groups = {
        "{}": {**cost["stages"], "a capture": cost["whole"]},
        "comparison, {} references": cost["comparison_by_references"],
        "identification among {} products": cost["identification_by_products"],
    }
    return _table(
        ("ms of CPU", "median", "95 % below"),
        [
            [words.format(name), f"{ms['median']:.1f}", f"{ms['p95']:.1f}"]
            for words, found in groups.items()
            for name, ms in found.items()
        ],
    )


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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reports", type=Path, nargs="+", help="JSON reports of one split, the main one first")
    parser.add_argument("--cost", type=Path, help="JSON report of `intact eval cost`")
    parser.add_argument("--card", type=Path, default=CARD, help="the Markdown file")
    given = parser.parse_args()
    reports, cost = [_read(path) for path in given.reports], given.cost and _read(given.cost)
    write_section(given.card, reports, cost)
    print(f"wrote {len(reports)} reports into {given.card}")


def _read(path: Path) -> Report:
    report: Report = json.loads(path.read_text(encoding="utf-8"))
    return report


if __name__ == "__main__":
    main()
