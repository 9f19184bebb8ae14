"""What a parquet file in Kaputt's format must hold, checked column by column. Rows are counted from 0."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import polars as pl

from triton_models.problems import BadData
from triton_models.simulator.things import DEFECTS, ITEM_MATERIALS

MARKS: Final = ("defect", "major_defect")
WEIGHTS: Final = ("sampling_weight",)
NUMBERS: Final = ("design", "units_expected", "units_seen")
_NULLABLE: Final = ("defect_types",)
_NAMED: Final = 3
"""How many missing files a message names."""


def read(path: Path, required: Sequence[str], optional: Sequence[str]) -> pl.DataFrame:
    """Read the columns that are known; others, which the real data set may have, are left out.

    Raises:
        BadData: The file cannot be read, is empty, lacks a column, or a column is of the wrong kind or has gaps.
    """
    try:
        whole = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadData(f"{path} cannot be read as parquet: {error}") from error
    if missing := [column for column in required if column not in whole.columns]:
        raise BadData(f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(whole.columns)}")
    if whole.is_empty():
        raise BadData(f"{path} has no rows")
    frame = whole.select(column for column in (*required, *optional) if column in whole.columns)
    for column, kind in frame.schema.items():
        _check_kind(path, column, kind)
    for column in required:
        if column not in _NULLABLE and frame[column].null_count():
            raise BadData(f"{path} row {_first(frame[column].is_null())}: {column} is null")
    return frame


def check_labels(path: Path, frame: pl.DataFrame) -> None:
    """Check the labels of queries against Kaputt's words and against each other.

    Raises:
        BadData: An unknown material or type of damage, or labels that contradict each other.
    """
    material = frame["item_material"].cast(pl.String)
    if (unknown := ~material.is_in(ITEM_MATERIALS)).any():
        row = _first(unknown)
        raise BadData(
            f"{path} row {row}: item_material is {material[row]!r}, none of {', '.join(ITEM_MATERIALS)}"
        )
    for row, cell in enumerate(frame["defect_types"]):
        if strange := [word for word in types_of(cell) if word not in DEFECTS]:
            raise BadData(f"{path} row {row}: defect_types has {strange[0]!r}, none of {', '.join(DEFECTS)}")
    typed = pl.Series([bool(types_of(cell)) for cell in frame["defect_types"]])
    for contradiction, words in (
        (frame["major_defect"] & ~frame["defect"], "major_defect is true where defect is false"),
        (typed & ~frame["defect"], "defect_types names damage where defect is false"),
    ):
        if contradiction.any():
            raise BadData(f"{path} row {_first(contradiction)}: {words}")


def check_weights(path: Path, frame: pl.DataFrame) -> None:
    """Check that what a row stands for is a number of captures.

    Raises:
        BadData: A weight is not above 0, or no finite number.
    """
    for column in (name for name in WEIGHTS if name in frame.columns):
        weight = frame[column].cast(pl.Float64)
        if (wrong := ~(weight.is_finite() & (weight > 0)).fill_null(value=True)).any():
            row = _first(wrong)
            raise BadData(f"{path} row {row}: {column} is {weight[row]}, not a number above 0")


def check_files(path: Path, root: Path, frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """Check that every file named is there; a folder is listed once, however many rows name files in it.

    Raises:
        BadData: A path that leads out of `root`, or files that are missing (the first few named, and how many).
    """
    listed: dict[str, frozenset[str]] = {}
    gone: list[str] = []
    for column in columns:
        for row, cell in enumerate(frame[column]):
            if cell is None:
                continue
            relative = PurePosixPath(cell)
            if relative.is_absolute() or ".." in relative.parts or not relative.parts:
                raise BadData(f"{path} row {row}: {column} {cell!r} is no path below the data set's folder")
            folder = str(relative.parent)
            if folder not in listed:
                listed[folder] = _names(root / folder)
            if relative.name not in listed[folder]:
                gone.append(f"row {row}: {column} {cell}")
    if gone:
        more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
        raise BadData(f"{path} names {len(gone)} missing files, {'; '.join(gone[:_NAMED])}{more}")


def types_of(cell: str | None) -> tuple[str, ...]:
    """The types in one cell of `defect_types`; null and empty cells hold none."""
    return tuple(word.strip() for word in (cell or "").split(",") if word.strip())


def _check_kind(path: Path, column: str, kind: pl.DataType) -> None:
    if column in MARKS:
        right, wanted = kind == pl.Boolean, "true or false"
    elif column in NUMBERS:
        right, wanted = kind.is_integer() or kind == pl.Null, "whole numbers"
    elif column in WEIGHTS:
        right, wanted = kind.is_numeric() or kind == pl.Null, "numbers"
    elif column in {"capture_id", "item_identifier"}:
        right, wanted = kind == pl.String or kind.is_integer(), "text or whole numbers"
    else:
        right, wanted = kind in {pl.String, pl.Null, pl.Categorical}, "text"
    if not right:
        raise BadData(f"{path}: column {column} must hold {wanted}, its type is {kind}")


def _first(marks: pl.Series) -> int:
    return int(marks.arg_true()[0])


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return frozenset()
