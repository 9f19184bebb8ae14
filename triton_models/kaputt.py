"""Data sets in Kaputt's format: one parquet file of queries and one of references for each split.

Everything is checked before anything is worked on, so that no run of hours dies of its last row. Rows are counted from
0. The columns beyond Kaputt's own are this project's; each may be missing and each value may be null, so that the real
data set loads unchanged.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from triton_models.kaputt_checks import (
    MARKS,
    NUMBERS,
    WEIGHTS,
    check_files,
    check_labels,
    check_weights,
    read,
    types_of,
)
from triton_models.problems import BadData

_QUERY: Final = (
    "capture_id", "item_identifier", "item_material", "defect", "major_defect", "defect_types",
    "query_image", "query_crop", "query_mask",
)  # fmt: skip
_REFERENCE: Final = ("item_identifier", "reference_image", "reference_crop", "reference_mask")
_FILES: Final = (
    "query_image", "query_crop", "query_mask", "reference_image", "reference_crop", "reference_mask",
    "depth_image", "damage_mask", "side_image", "side_mask",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One capture to judge. All paths are absolute once loaded.

    Attributes:
        capture_id: Unique within the split.
        item_identifier: The product; its references carry the same.
        item_material: One of Kaputt's ten words.
        defect: Whether the item is damaged at all.
        major_defect: Whether it is badly damaged; only of a damaged item.
        defect_types: Empty for an intact item; may be empty for a damaged one, whose labels are not complete.
        query_image: The whole picture.
        query_crop: The item, cut out of it.
        query_mask: Where the item is (not the damage).
        depth_image: 16-bit PNG, millimetres from the camera.
        damage_mask: PNG, where the damage is.
        scenario: What makes the capture special; null or "ordinary" for most.
        side_image: The second camera's picture.
        side_mask: Where the item is in it.
        design: Number of the product's design; resampling takes whole designs.
        units_expected: Units that a whole package holds.
        units_seen: Units that it holds now.
        camera: Which camera took `query_image`.
        barcode: What the barcode should read.
        contents: What could leak out of the item.
        sampling_weight: How many captures this one stands for: 1 / its probability of being labelled. None: 1.
    """

    capture_id: str
    item_identifier: str
    item_material: str
    defect: bool
    major_defect: bool
    defect_types: tuple[str, ...]
    query_image: Path
    query_crop: Path
    query_mask: Path
    depth_image: Path | None = None
    damage_mask: Path | None = None
    scenario: str | None = None
    side_image: Path | None = None
    side_mask: Path | None = None
    design: int | None = None
    units_expected: int | None = None
    units_seen: int | None = None
    camera: str | None = None
    barcode: str | None = None
    contents: str | None = None
    sampling_weight: float | None = None

    @property
    def weight(self) -> float:
        """How many captures it stands for."""
        return 1.0 if self.sampling_weight is None else self.sampling_weight

    @property
    def ordinary(self) -> bool:
        """Whether it counts into the headline figures."""
        return self.scenario in {None, "ordinary"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One catalogue picture of a product. Not proven intact: sources say 1 to 20 % are damaged themselves."""

    item_identifier: str
    reference_image: Path
    reference_crop: Path
    reference_mask: Path
    depth_image: Path | None = None
    side_image: Path | None = None
    side_mask: Path | None = None
    design: int | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One split; a product without references is missing from `references_by_item`."""

    queries: tuple[Query, ...]
    references_by_item: Mapping[str, tuple[Reference, ...]]


Record = Query | Reference
_R = TypeVar("_R", Query, Reference)


def load(root: Path, split: str, *, references: bool = True) -> Split:
    """Read and check one split.

    Args:
        root: The data set's folder; the parquet files lie in it or in `datasets/` below it, image paths are relative
            to it.
        split: "train", "validation" or "test".
        references: False needs no file of references, for methods that use none.

    Raises:
        BadData: The first thing wrong, with file and row.
    """
    root = root.absolute()
    path = _file(root, "query", split)
    queries = _records(root, path, Query, _QUERY)
    _check_unique(path, queries)
    by_item: dict[str, list[Reference]] = defaultdict(list)
    if references:
        for reference in _records(root, _file(root, "reference", split), Reference, _REFERENCE):
            by_item[reference.item_identifier].append(reference)
    return Split(
        queries=tuple(queries), references_by_item={item: tuple(found) for item, found in by_item.items()}
    )


def write(
    root: Path,
    split: str,
    queries: Sequence[Query],
    references: Sequence[Reference],
    *,
    append: bool = False,
) -> None:
    """Write one split's two parquet files, each in one step: a reader sees the old file or the new one.

    Args:
        root: The data set's folder. Paths in the records are below it or relative to it.
        split: Name of the split.
        queries: All captures of the split, or one shard of them.
        references: The same of the references.
        append: Keep the rows that are already there.

    Raises:
        BadData: A capture id twice, or a path outside of `root`.
    """
    root = root.absolute()
    root.mkdir(parents=True, exist_ok=True)
    for kind, record, records in (("query", Query, queries), ("reference", Reference, references)):
        path = root / f"{kind}-{split}.parquet"
        rows = [_row(root, path.name, entry) for entry in records]
        frame = pl.DataFrame(rows, schema=_schema(record))
        if append and path.exists():
            frame = pl.concat([pl.read_parquet(path), frame])
        if kind == "query" and frame["capture_id"].is_duplicated().any():
            twice = frame.filter(pl.col("capture_id").is_duplicated())["capture_id"][0]
            raise BadData(f"{path.name}: capture_id {twice!r} would be written twice")
        part = path.with_name(path.name + ".part")
        frame.write_parquet(part)
        part.replace(path)


def _row(root: Path, name: str, record: Record) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    for column, value in values.items():
        if isinstance(value, Path):
            if value.is_absolute() and not value.is_relative_to(root):
                raise BadData(f"{name}: {column} {value} lies outside of {root}")
            values[column] = (value.relative_to(root) if value.is_absolute() else value).as_posix()
        elif isinstance(value, tuple):
            values[column] = ",".join(value)
    return values


def _schema(record: type[Record]) -> dict[str, pl.DataType]:
    def kind(column: str) -> pl.DataType:
        if column in MARKS:
            return pl.Boolean()
        if column in WEIGHTS:
            return pl.Float64()
        return pl.Int64() if column in NUMBERS else pl.String()

    return {field.name: kind(field.name) for field in fields(record)}


def _file(root: Path, kind: str, split: str) -> Path:
    name = f"{kind}-{split}.parquet"
    for path in (root / name, root / "datasets" / name):
        if path.is_file():
            return path
    raise BadData(f"{name} is missing: looked in {root} and {root / 'datasets'}")


def _records(root: Path, path: Path, record: type[_R], required: Sequence[str]) -> list[_R]:
    frame = read(path, required, [field.name for field in fields(record) if field.name not in required])
    if record is Query:
        check_labels(path, frame)
        check_weights(path, frame)
    check_files(path, root, frame, [column for column in frame.columns if column in _FILES])
    return [record(**_values(root, row)) for row in frame.iter_rows(named=True)]


def _values(root: Path, row: dict[str, Any]) -> dict[str, Any]:
    values = {column: root / cell if column in _FILES and cell else cell for column, cell in row.items()}
    for column in ("capture_id", "item_identifier"):
        if column in values:
            values[column] = str(values[column])
    if "defect_types" in values:
        values["defect_types"] = types_of(values["defect_types"])
    return values


def _check_unique(path: Path, queries: Iterable[Query]) -> None:
    ((twice, times),) = Counter(query.capture_id for query in queries).most_common(1)
    if times > 1:
        rows = [row for row, query in enumerate(queries) if query.capture_id == twice]
        raise BadData(f"{path} rows {rows[0]} and {rows[1]}: capture_id {twice!r} stands in {times} rows")
