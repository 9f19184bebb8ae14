from __future__ import annotations

from pathlib import Path

import pytest

from services.kernel.records import ImageRole
from services.stack.photos import folder_plan, folder_products, read_photo, read_photos
from services.stack.problems import Problem
from services.stack.sample import sample

PHOTOS = {(photo.camera, photo.role): photo for photo in sample().taken[0].photos}
PICTURE = PHOTOS["top", ImageRole.RGB].data
DEPTH = PHOTOS["top", ImageRole.DEPTH].data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mug").mkdir()
    for name in ("mug/ref1.jpg", "mug/a.jpg", "mug/b.JPG", "loose one.jpg"):
        (tmp_path / name).write_bytes(PICTURE)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder_of_a_product_gives_references_and_captures(folder: Path) -> None:
    references, captures = folder_plan(folder, 1)
    assert [p.enrol_product_id for p in references] == ["mug"]
    assert sorted((p.barcode or "-") for p in captures) == ["-", "mug", "mug"]
    assert len({p.capture_id for p in (*references, *captures)}) == 4
    assert [p.barcode for p in folder_products(folder)] == ["mug"]


def test_a_folder_without_pictures_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"holds no \.jpg"):
        folder_plan(tmp_path, 1)
    with pytest.raises(Problem, match="is no folder"):
        folder_plan(tmp_path / "none", 1)


def test_a_folder_name_that_is_no_product_id_is_a_problem(folder: Path) -> None:
    (folder / "mug").rename(folder / "my mug")
    with pytest.raises(Problem, match="is named with letters"):
        folder_plan(folder, 1)


def test_content_decides_what_a_picture_is(tmp_path: Path) -> None:
    path = tmp_path / "wrong.png"
    path.write_bytes(PICTURE)
    photo = read_photo(path, "top")
    assert (photo.media_type, photo.width) == ("image/jpeg", 384)


def test_what_is_no_picture_or_not_there_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"hello")
    with pytest.raises(Problem, match="is no picture"):
        read_photo(tmp_path / "a.jpg", "top")
    with pytest.raises(Problem, match="cannot be read"):
        read_photo(tmp_path / "b.jpg", "top")


def test_depth_is_a_16_bit_png(tmp_path: Path) -> None:
    for name, data in (("d.png", DEPTH), ("c.jpg", PICTURE)):
        (tmp_path / name).write_bytes(data)
    photos = read_photos([tmp_path / "c.jpg"] * 3, tmp_path / "d.png")
    assert [(p.camera, p.role) for p in photos[2:]] == [
        ("camera-3", ImageRole.RGB),
        ("top", ImageRole.DEPTH),
    ]
    assert photos[3].width == 384
    with pytest.raises(Problem, match="no depth image"):
        read_photos([tmp_path / "c.jpg"], tmp_path / "c.jpg")
