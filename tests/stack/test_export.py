"""Labelled captures as files that the trainer takes."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest

from services.kernel import bundle, wire
from services.kernel import records as r
from services.stack.commands.dataset import moment_of, nothing, told
from services.stack.export import Exported, export
from services.stack.labelled import GONE, UNCHECKED, Found, Labelled
from services.stack.problems import Problem
from tests.fakes import FakeBlobs
from tests.samples import NOON, facts, labelled, subject, uid
from triton_models import kaputt

#: Of three splits, by the hash of their names.
IN_TRAIN, IN_VALIDATION, IN_TEST = "P2", "P1", "P7"


def picture(shade: int, *, deep: bool = False) -> bytes:
    """A tray with something on it, as PNG."""
    image = np.full((96, 120, 1 if deep else 3), 90, np.uint16 if deep else np.uint8)
    image[20:70, 30:90] = shade
    done, data = cv2.imencode(".png", image)
    assert done
    return bytes(data.tobytes())


class Store(FakeBlobs):
    """A store with captures and references in it."""

    def image(self, key: str, camera: str, data: bytes, role: r.ImageRole = r.ImageRole.RGB) -> r.Image:
        self.stored[key] = data
        return r.Image(
            camera=camera,
            role=role,
            width=120,
            height=96,
            media_type="image/png",
            size=len(data),
            key=key,
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def capture(self, name: str, *, deep: bool = True, side: bool = True) -> None:
        images = [self.image(f"images/{name}/top.png", "top", picture(200))]
        if side:
            images.append(self.image(f"images/{name}/side.png", "side", picture(220)))
        if deep:
            images.append(
                self.image(f"images/{name}/deep.png", "top", picture(700, deep=True), r.ImageRole.DEPTH)
            )
        manifest = r.Capture(subject=subject(name), received_at=NOON, images=tuple(images))
        self.stored[bundle.object_key(manifest.subject.capture_id)] = bundle.packed((), wire.encode(manifest))

    def reference(self, product_id: str, name: str) -> r.Reference:
        base = f"references/{product_id}/{uid(name)}"
        image = self.image(f"{base}/{name}.png", "top", picture(180))
        self.stored[f"{base}/manifest.avro"] = wire.encode(
            r.Capture(subject=subject(name), received_at=NOON, images=(image,))
        )
        return r.Reference(
            reference_id=uid(name), features_key=f"{base}/features.ipf", embedding=b"", enrolled_at=NOON
        )


def one(name: str, product_id: str = IN_TRAIN, weight: float | None = 4.0, **given: Any) -> Labelled:
    verdict = given.pop("verdict", r.Verdict.INTACT)
    made = labelled(
        name, verdict, product_id=product_id, **{"subject": subject(name, barcode="4006381333931"), **given}
    )
    return Labelled(assessment=made, weight=weight)


def of(*captures: Labelled, references: dict[str, tuple[r.Reference, ...]] | None = None) -> Found:
    return Found(captures=captures, references=references or {}, left_out=Counter())


async def written(store: Store, found: Found, out: Path) -> Exported:
    blobs: Any = store
    ticks: list[None] = []
    done = await export(found, blobs, out, lambda: ticks.append(None))
    assert len(ticks) == len(found.captures) + sum(map(len, found.references.values()))
    return done


def rows(root: Path) -> tuple[kaputt.Query, ...]:
    return kaputt.load(root, "train", references=False).queries


def written_at(root: Path) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for p in root.rglob("*.png")}


def tables(root: Path) -> bytes:
    return b"".join(p.read_bytes() for p in root.glob("*.parquet"))


def names(root: Path) -> str:
    return " ".join(p.name for p in root.rglob("*"))


async def test_a_labelled_capture_becomes_a_row_that_the_loader_takes_with_all_its_pictures(
    tmp_path: Path,
) -> None:
    store = Store()
    store.capture("a")
    item = one(
        "a",
        verdict=r.Verdict.DAMAGED,
        severity=r.Severity.MAJOR,
        defect_types=("penetration", "spillage"),
        product=facts(material="paper", unit_count=3),
    )
    await written(store, of(item, references={IN_TRAIN: (store.reference(IN_TRAIN, "ref"),)}), tmp_path)
    data = kaputt.load(tmp_path, "train")
    (query,) = data.queries
    assert (query.capture_id, query.item_identifier) == (str(item.capture_id), IN_TRAIN)
    assert (query.defect, query.major_defect, query.defect_types) == (True, True, ("penetration", "spillage"))
    assert (query.item_material, query.units_expected, query.camera) == ("paper", 3, "top")
    assert query.sampling_weight == query.weight == 4.0
    assert query.query_image.read_bytes() == picture(200)
    assert query.side_image is not None
    assert query.side_image.read_bytes() == picture(220)
    assert query.depth_image is not None
    assert query.depth_image.read_bytes() == picture(700, deep=True)
    (reference,) = data.references_by_item[IN_TRAIN]
    assert reference.reference_image.read_bytes() == picture(180)


async def test_mask_and_crop_hold_what_lies_on_the_tray(tmp_path: Path) -> None:
    store = Store()
    store.capture("a")
    await written(store, of(one("a")), tmp_path)
    (query,) = rows(tmp_path)
    mask: Any = cv2.imread(str(query.query_mask), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (96, 120)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[45, 60] == 255
    assert mask[5, 5] == 0
    crop: Any = cv2.imread(str(query.query_crop))
    assert 50 <= crop.shape[0] < 96
    assert 60 <= crop.shape[1] < 120


async def test_a_capture_of_one_camera_without_depth_has_neither(tmp_path: Path) -> None:
    store = Store()
    store.capture("a", deep=False, side=False)
    await written(store, of(one("a")), tmp_path)
    (query,) = rows(tmp_path)
    assert (query.side_image, query.side_mask, query.depth_image) == (None, None, None)


async def test_minor_damage_is_not_major_and_an_intact_item_has_no_types(tmp_path: Path) -> None:
    store = Store()
    for name in ("a", "b"):
        store.capture(name)
    minor = one("a", verdict=r.Verdict.DAMAGED, severity=r.Severity.MINOR, defect_types=("deformation",))
    intact = one("b", defect_types=("deformation",))
    await written(store, of(minor, intact), tmp_path)
    first, second = rows(tmp_path)
    assert (first.defect, first.major_defect) == (True, False)
    assert (second.defect, second.defect_types) == (False, ())


async def test_products_are_dealt_to_splits_and_empty_splits_have_no_table(tmp_path: Path) -> None:
    store = Store()
    for name in ("a", "b", "c"):
        store.capture(name)
    done = await written(store, of(one("a"), one("b", IN_TEST), one("c", IN_TEST)), tmp_path)
    assert done.captures == {"train": 1, "test": 2}
    assert not (tmp_path / "query-validation.parquet").exists()
    assert {q.item_identifier for q in kaputt.load(tmp_path, "test", references=False).queries} == {IN_TEST}


async def test_an_unknown_weight_is_null_and_counts_once(tmp_path: Path) -> None:
    store = Store()
    store.capture("a")
    done = await written(store, of(one("a", weight=None)), tmp_path)
    assert done.unknown_weight == 1
    (query,) = rows(tmp_path)
    assert (query.sampling_weight, query.weight) == (None, 1.0)


async def test_a_capture_whose_pictures_are_gone_is_counted_and_the_others_are_written(
    tmp_path: Path,
) -> None:
    store = Store()
    for name in ("a", "b", "c", "d"):
        store.capture(name)
    del store.stored["images/a/top.png"]
    del store.stored[bundle.object_key(subject("b").capture_id)]
    store.stored["images/c/top.png"] = b"another picture"
    done = await written(store, of(*map(one, "abcd")), tmp_path)
    assert done.captures == {"train": 1}
    assert done.left_out == Counter({GONE: 2, UNCHECKED: 1})


async def test_a_second_run_copies_nothing_again_and_writes_the_same_tables(tmp_path: Path) -> None:
    store = Store()
    for name in ("a", "b"):
        store.capture(name)
    await written(store, of(one("a"), one("b")), tmp_path)
    first = written_at(tmp_path)
    table = pl.read_parquet(tmp_path / "query-train.parquet")
    for key in [k for k in store.stored if k.startswith("images/")]:
        del store.stored[key]
    done = await written(store, of(one("a"), one("b")), tmp_path)
    assert done.captures == {"train": 2}
    assert written_at(tmp_path) == first
    assert pl.read_parquet(tmp_path / "query-train.parquet").equals(table)


async def test_a_picture_that_was_cut_off_by_a_stop_is_copied_again(tmp_path: Path) -> None:
    store = Store()
    store.capture("a")
    await written(store, of(one("a")), tmp_path)
    (query,) = rows(tmp_path)
    query.query_image.write_bytes(b"half")
    await written(store, of(one("a")), tmp_path)
    assert query.query_image.read_bytes() == picture(200)


async def test_an_earlier_exports_tables_do_not_outlive_what_they_told_of(tmp_path: Path) -> None:
    store = Store()
    for name in ("a", "b"):
        store.capture(name)
    await written(store, of(one("a"), one("b", IN_VALIDATION)), tmp_path)
    await written(store, of(one("a")), tmp_path)
    assert not (tmp_path / "query-validation.parquet").exists()


async def test_nothing_tells_who_labelled_it_whose_it_was_or_which_item_it_is(tmp_path: Path) -> None:
    store = Store()
    store.capture("item-of-somebody")
    await written(
        store, of(one("item-of-somebody", annotator="annotator-7", order_line_id="line-9")), tmp_path
    )
    for word in (b"item-of-somebody", b"annotator-7", b"line-9"):
        assert word not in tables(tmp_path)
    assert "somebody" not in names(tmp_path)


async def test_a_material_that_the_format_does_not_know_is_other(tmp_path: Path) -> None:
    store = Store()
    store.capture("a")
    await written(store, of(one("a", product=facts(material="jute"))), tmp_path)
    assert rows(tmp_path)[0].item_material == "other"


# -- words --------------------------------------------------------------------------------------------------------


def test_since_takes_a_date_a_moment_or_days() -> None:
    now = datetime(2026, 3, 15, 12, tzinfo=UTC)
    assert moment_of(None, now) is None
    assert moment_of("2026-03-01", now) == datetime(2026, 3, 1, tzinfo=UTC)
    assert moment_of("2026-03-01T08:00", now) == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert moment_of("14d", now) == now - timedelta(days=14)


@pytest.mark.parametrize("since", ["yesterday", "d", "-3d", "2026-13-01", "99999999999d"])
def test_any_other_since_is_refused(since: str) -> None:
    with pytest.raises(Problem, match="not a date, like 2026-03-01, nor days, like 14d"):
        moment_of(since, NOON)


def test_without_labels_it_says_how_to_label_and_what_was_left_out() -> None:
    empty = Found(captures=(), references={}, left_out=Counter({"people differ about them": 2}))
    said = nothing(empty, NOON)
    assert "nobody has confirmed a capture since 2026-03-01 12:00 UTC" in said
    assert "./intact label ITEM" in said
    assert "2, since people differ about them" in said


def test_the_summary_counts_what_was_written_and_what_was_not() -> None:
    done = Exported(
        captures={"train": 5},
        damaged={"train": 2},
        products={"train": 3},
        references=4,
        unknown_weight=1,
        left_out=Counter({GONE: 6}),
    )
    lines = told(Path("out"), done)
    assert lines[0] == "train: 5 captures (2 damaged) of 3 products"
    assert "1 were labelled without having been drawn" in lines[2]
    assert lines[3] == f"left out: 6, since {GONE}"
    assert "validation and test" in lines[4]
