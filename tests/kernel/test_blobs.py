"""The store keeps what it says it keeps, and a key cannot lead out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kernel.blobs import Blobs
from services.kernel.faults import ConfigurationFault, DataFault, DependencyFault
from services.kernel.keys import checked_key, part_key

BAD_KEYS = {
    "climbs": "captures/../../etc/passwd",
    "begins with dots": "../x",
    "dots inside": "a..b",
    "absolute": "/etc/passwd",
    "backslash": "captures\\..\\x",
    "NUL": "captures/a\0b",
    "unicode": "captures/größe",
    "fullwidth dots": "captures/．．/x",
    "line end": "captures/a\n",
    "space": "captures/a b",
    "percent": "captures/%2e%2e/x",
    "URL": "file:///etc/passwd",
    "empty": "",
    "empty part": "a//b",
    "ends with a slash": "a/",
    "hidden file": "a/.b",
    "too long": "/".join(["a" * 100] * 6),
    "part longer than a file name": "a" * 256,
}


@pytest.fixture(params=["file", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Blobs]:
    return Blobs((tmp_path / "store").as_uri() if request.param == "file" else "memory://")


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
async def test_a_key_that_is_not_ours_is_a_data_fault_for_every_operation(blobs: Blobs, key: str) -> None:
    for act in (
        lambda: blobs.get(key),
        lambda: blobs.put([("good", b""), (key, b"")]),
        lambda: blobs.put_new(key, b""),
    ):
        with pytest.raises(DataFault) as caught:
            await act()
        assert caught.value.reason == "bad_store_key"
    with pytest.raises(DataFault, match="nothing is stored"):
        await blobs.get("good")


@pytest.mark.parametrize("key", ["a", "captures/2026/ab-c_d.e=f/0", "A" * 200])
async def test_what_was_put_is_read_back(blobs: Blobs, key: str) -> None:
    assert checked_key(key) == key
    await blobs.put([(key, b"one"), ("other/key", b"")])
    await blobs.put([(key, b"two")])
    assert await blobs.get(key) == b"two"
    assert await blobs.get("other/key") == b""


async def test_put_new_stores_once_and_keeps_the_first(blobs: Blobs) -> None:
    assert await blobs.put_new("captures/m", b"first")
    assert not await blobs.put_new("captures/m", b"second")
    assert await blobs.get("captures/m") == b"first"


async def test_of_many_that_race_to_store_a_key_exactly_one_wins(blobs: Blobs) -> None:
    won = await asyncio.gather(*(blobs.put_new("captures/race", b"%d" % n) for n in range(32)))
    assert sum(won) == 1
    assert await blobs.get("captures/race") == b"%d" % won.index(True)


async def test_a_missing_object_is_a_data_fault(blobs: Blobs) -> None:
    await blobs.put([("captures/file", b"x")])
    for key in ("captures/none", "captures/file/below", "nothing"):
        with pytest.raises(DataFault) as caught:
            await blobs.get(key)
        assert caught.value.reason == "missing_blob"


async def test_a_folder_is_no_object(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path.as_uri())
    await blobs.put([("captures/file", b"x")])
    with pytest.raises(DataFault) as caught:
        await blobs.get("captures")
    assert caught.value.reason == "missing_blob"


def on_disk(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


async def test_when_put_returns_the_file_is_there_under_its_key_and_nothing_else_is(tmp_path: Path) -> None:
    blobs = Blobs((tmp_path / "a store").as_uri())
    await blobs.put([("a/b/c.jpg", b"1")])
    await blobs.put_new("a/d", b"2")
    assert on_disk(tmp_path / "a store") == {"a/b/c.jpg": b"1", "a/d": b"2"}


async def test_a_store_that_cannot_write_is_a_dependency_fault(tmp_path: Path) -> None:
    blobs = Blobs((tmp_path / "store").as_uri())
    (tmp_path / "store" / "captures").write_bytes(b"a file where a folder must be")
    with pytest.raises(DependencyFault):
        await blobs.put([("captures/x", b"1")])
    with pytest.raises(DependencyFault):
        await blobs.put_new("captures/y", b"1")


def test_an_unknown_kind_of_store_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationFault, match="use file:///folder"):
        Blobs("ftp://somewhere")


async def test_a_part_of_an_object_has_a_key_of_its_own(blobs: Blobs) -> None:
    assert await blobs.put_new("captures/x.bundle", b"0123456789")
    assert await blobs.get(part_key("captures/x.bundle", 2, 5)) == b"234"
    assert await blobs.get(part_key("captures/x.bundle", 4)) == b"456789"
    assert await blobs.get(part_key("captures/x.bundle", 0, 10)) == await blobs.get("captures/x.bundle")


@pytest.mark.parametrize("part", ["8-11", "12-14", "5-4", "0-999999999999999"])
async def test_a_part_that_an_object_does_not_have_is_a_data_fault(blobs: Blobs, part: str) -> None:
    await blobs.put_new("captures/x.bundle", b"0123456789")
    with pytest.raises(DataFault) as caught:
        await blobs.get(f"captures/x.bundle/{part}")
    assert caught.value.reason == "cut_off"


async def test_only_what_is_called_a_bundle_has_parts(blobs: Blobs) -> None:
    await blobs.put([("captures/x.jpg", b"0123456789")])
    with pytest.raises(DataFault, match="nothing is stored"):
        await blobs.get("captures/x.jpg/2-5")
