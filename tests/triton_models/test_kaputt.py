"""The loader takes what is in Kaputt's format, and says with file and row what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests.triton_models import small_set
from triton_models.kaputt import load, write
from triton_models.problems import BadData

OURS = (
    "depth_image", "damage_mask", "scenario", "side_image", "side_mask", "design", "units_expected", "units_seen",
    "camera", "barcode", "contents", "sampling_weight",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    small_set.draw(tmp_path)
    return tmp_path


def edit(
    root: Path, change: Callable[[pl.DataFrame], pl.DataFrame], name: str = "query-test.parquet"
) -> None:
    frame = change(pl.read_parquet(root / name))
    frame.write_parquet(root / name)


def with_cell(column: str, row: int, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        cells = frame[column].to_list()
        cells[row] = value
        return frame.with_columns(pl.Series(column, cells))

    return change


def test_what_was_written_is_what_is_loaded(root: Path) -> None:
    data = load(root, "test")
    assert len(data.queries) == 16
    assert {item: len(some) for item, some in data.references_by_item.items()} == {
        f"item-{number}": 1 for number in range(4)
    }
    first = data.queries[0]
    assert first.defect_types == ("penetration",)
    assert first.query_crop == root / "test" / "0.png"
    references = [one for some in data.references_by_item.values() for one in some]
    write(root, "test", data.queries, references)
    assert load(root, "test") == data


def test_the_real_data_sets_columns_suffice_and_its_files_may_lie_in_datasets(root: Path) -> None:
    edit(root, lambda frame: frame.drop(OURS).with_columns(pl.lit(1).alias("a_column_of_theirs")))
    edit(root, with_cell("defect_types", 1, ""))
    (root / "datasets").mkdir()
    for kind in ("query", "reference"):
        (root / f"{kind}-test.parquet").rename(root / "datasets" / f"{kind}-test.parquet")
    query = load(root, "test").queries[1]
    assert query.defect_types == ()
    assert query.design is None
    assert query.ordinary


def test_several_types_may_stand_with_spaces_between(root: Path) -> None:
    edit(root, with_cell("defect_types", 0, "penetration, spillage"))
    assert load(root, "test").queries[0].defect_types == ("penetration", "spillage")


def test_shards_are_appended_and_a_capture_id_twice_is_refused(root: Path) -> None:
    queries = load(root, "test").queries
    more = [replace(query, capture_id=f"more-{query.capture_id}") for query in queries]
    write(root, "test", more, [], append=True)
    assert len(load(root, "test").queries) == 32
    with pytest.raises(BadData, match="capture_id 'test-003' would be written twice"):
        write(root, "test", [queries[3]], [], append=True)
    assert len(load(root, "test").queries) == 32


def test_a_path_outside_of_the_data_set_is_not_written(root: Path) -> None:
    query = replace(load(root, "test").queries[0], query_crop=root.parent / "elsewhere.png")
    with pytest.raises(BadData, match=r"query_crop .* lies outside"):
        write(root, "test", [query], [])


def test_references_are_asked_for_only_where_they_are_used(root: Path) -> None:
    (root / "reference-test.parquet").unlink()
    assert load(root, "test", references=False).references_by_item == {}
    with pytest.raises(BadData, match=r"reference-test\.parquet is missing: looked in"):
        load(root, "test")


@pytest.mark.parametrize(
    ("column", "row", "value", "sentence"),
    [
        (
            "item_material",
            2,
            "wood",
            r"query-test\.parquet row 2: item_material is 'wood', none of book_other",
        ),
        ("item_material", 2, None, "row 2: item_material is null"),
        ("defect_types", 3, "spillage,dent", "row 3: defect_types has 'dent', none of deformation"),
        ("defect_types", 1, "spillage", "row 1: defect_types names damage where defect is false"),
        ("major_defect", 4, True, "row 4: major_defect is true where defect is false"),
        ("capture_id", 5, "test-001", "rows 1 and 5: capture_id 'test-001' stands in 2 rows"),
        ("query_crop", 6, "test/none.png", "names 1 missing files, row 6: query_crop test/none.png"),
        ("depth_image", 6, "gone/d.png", "names 1 missing files, row 6: depth_image gone/d.png"),
        ("query_mask", 7, "../mask.png", "row 7: query_mask '../mask.png' is no path below"),
        ("query_mask", 7, "/mask.png", "row 7: query_mask '/mask.png' is no path below"),
    ],
)
def test_a_wrong_cell_is_named_with_its_row(
    root: Path, column: str, row: int, value: object, sentence: str
) -> None:
    edit(root, with_cell(column, row, value))
    with pytest.raises(BadData, match=sentence):
        load(root, "test")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda frame: frame.drop("defect", "query_mask"), "lacks the columns defect, query_mask"),
        (lambda frame: frame.head(0), "has no rows"),
        (lambda frame: frame.with_columns(pl.col("defect").cast(pl.Int8)), "defect must hold true or false"),
        (
            lambda frame: frame.with_columns(pl.col("design").cast(pl.String)),
            "design must hold whole numbers",
        ),
        (lambda frame: frame.with_columns(pl.lit(1.5).alias("query_crop")), "query_crop must hold text"),
    ],
)
def test_a_wrong_file_is_named_with_its_column(
    root: Path, change: Callable[[pl.DataFrame], pl.DataFrame], sentence: str
) -> None:
    edit(root, change)
    with pytest.raises(BadData, match=rf"query-test\.parquet.*{sentence}"):
        load(root, "test")


def test_many_missing_files_are_counted_and_the_first_named(root: Path) -> None:
    for number in range(5):
        (root / "test" / f"{number}-mask.png").unlink()
    with pytest.raises(BadData, match=r"5 missing files, row 0: .*row 2: .* and 2 more$"):
        load(root, "test")


def test_a_file_that_is_no_parquet_is_named(root: Path) -> None:
    (root / "query-test.parquet").write_text("capture_id\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"query-test\.parquet cannot be read as parquet"):
        load(root, "test")


def test_a_weight_that_is_not_told_is_one(root: Path) -> None:
    edit(root, with_cell("sampling_weight", 0, 4.0))
    queries = load(root, "test").queries
    assert [queries[0].weight, queries[1].weight] == [4.0, 1.0]
    edit(root, lambda frame: frame.drop("sampling_weight"))
    assert {query.weight for query in load(root, "test").queries} == {1.0}


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_number_of_captures_is_refused_with_its_row(root: Path, weight: float) -> None:
    edit(root, with_cell("sampling_weight", 3, weight))
    with pytest.raises(BadData, match=r"row 3: sampling_weight is .*, not a number above 0"):
        load(root, "test")


def test_weights_that_are_words_are_refused(root: Path) -> None:
    edit(root, lambda frame: frame.with_columns(pl.lit("many").alias("sampling_weight")))
    with pytest.raises(BadData, match="column sampling_weight must hold numbers"):
        load(root, "test")
