"""A folder keeps what was put into it, also when many put at once and some of them cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.kernel.folder import Folder


async def test_of_what_is_written_together_only_what_cannot_be_written_fails(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "taken").write_bytes(b"a file where a folder must be")
    outcomes = await asyncio.gather(
        folder.put([("a/one", b"1"), ("a/two", b"2")]),
        folder.put([("taken/three", b"3")]),
        folder.put_new("b/four", b"4"),
        folder.put_new("b/four", b"5"),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], NotADirectoryError)
    assert outcomes[2:] == [True, False]
    assert [folder.read(key, 0, None) for key in ("a/one", "a/two", "b/four")] == [b"1", b"2", b"4"]


async def test_what_comes_while_others_are_written_is_written_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    async def put(number: int) -> None:
        await asyncio.sleep(number / 5000)
        await folder.put([(f"{number % 3}/{number}", b"%d" % number)])

    async with asyncio.timeout(30):
        await asyncio.gather(*(put(n) for n in range(60)))
    assert all(folder.read(f"{n % 3}/{n}", 0, None) == b"%d" % n for n in range(60))


async def test_one_who_gives_up_does_not_stop_the_writing(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    gives_up = asyncio.create_task(folder.put([("a", b"1")]))
    stays = asyncio.create_task(folder.put([("b", b"2")]))
    await asyncio.sleep(0)
    gives_up.cancel()
    async with asyncio.timeout(10):
        await stays
    with pytest.raises(asyncio.CancelledError):
        await gives_up
    await folder.put([("c", b"3")])
    assert (folder.read("b", 0, None), folder.read("c", 0, None)) == (b"2", b"3")


async def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "store")
    await folder.put([("deep/er/a", b"1")])
    (tmp_path / "store/deep/er/a").unlink()
    (tmp_path / "store/deep/er").rmdir()
    with pytest.raises(FileNotFoundError):
        await folder.put([("deep/er/b", b"2")])
    await folder.put([("deep/er/b", b"2")])
    assert folder.read("deep/er/b", 0, None) == b"2"


def test_a_part_is_cut_where_the_object_ends(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    folder = Folder(tmp_path)
    assert [folder.read("a", *part) for part in ((0, None), (3, 5), (8, 20), (20, None))] == [
        b"0123456789",
        b"34",
        b"89",
        b"",
    ]
