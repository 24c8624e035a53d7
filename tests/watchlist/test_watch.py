"""The watch: every way of changing a list is noticed, once, and nothing else is."""

import asyncio
import contextlib
import os

import pytest

from blockd.watchlist import watch
from blockd.watchlist.watch import ListWatch

SOON = 5.0
"""Seconds within which a change must be noticed; it takes some hundredths."""

QUIET = 0.15
"""Seconds of silence that show that nothing was noticed."""


@pytest.fixture
def lists(tmp_path):
    directory = tmp_path / "rules.d"
    directory.mkdir()
    (directory / "a.toml").write_text("old\n")
    return directory


async def noticed(watching, seconds=SOON):
    try:
        async with asyncio.timeout(seconds):
            await watching.changed()
    except TimeoutError:
        return False
    return True


def by_rename(lists):
    new = lists / ".a.toml.new"
    new.write_text("new\n")
    new.replace(lists / "a.toml")


def from_elsewhere(lists):
    new = lists.parent / "b.toml"
    new.write_text("new\n")
    new.rename(lists / "b.toml")


def elsewhere(lists):
    path = lists.parent / "elsewhere"
    path.write_text("new\n")
    return path


def as_editors_do(lists):
    (lists / "a.toml").rename(lists / "a.toml~")
    (lists / "a.toml").write_text("new\n")
    (lists / "a.toml~").unlink()


WAYS = {
    "in place": lambda lists: (lists / "a.toml").write_text("new\n"),
    "appended": lambda lists: os.truncate(lists / "a.toml", 1) or append(lists / "a.toml"),
    "by rename": by_rename,
    "from elsewhere": from_elsewhere,
    "as editors do": as_editors_do,
    "a new file": lambda lists: (lists / "b.txt").write_text("a.example\n"),
    "a new signature": lambda lists: (lists / "a.toml.minisig").write_text("signed\n"),
    "a symbolic link": lambda lists: (lists / "b.toml").symlink_to(elsewhere(lists)),
    "a hard link": lambda lists: (lists / "b.toml").hardlink_to(elsewhere(lists)),
    "deleted": lambda lists: (lists / "a.toml").unlink(),
    "renamed away": lambda lists: (lists / "a.toml").rename(lists.parent / "a.toml"),
    "set aside": lambda lists: (lists / "a.toml").rename(lists / "a.toml.off"),
}


def append(path):
    with path.open("a") as file:
        file.write("more\n")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("named", [False, True], ids=["directory", "file"])
def test_every_way_of_changing_a_list_is_noticed_once(lists, way, named):
    async def run():
        paths = [str(lists / "a.toml"), str(lists / "b.toml")] if named else [str(lists)]
        with ListWatch(paths) as watching:
            way(lists)
            assert await noticed(watching)
            assert not await noticed(watching, QUIET)

    asyncio.run(run())


def test_the_signature_of_a_list_of_any_name_is_noticed(lists):
    async def run():
        with ListWatch([str(lists / "list")]) as watching:
            (lists / "other.minisig").write_text("signed\n")
            assert not await noticed(watching, QUIET)
            (lists / "list.minisig").write_text("signed\n")
            assert await noticed(watching)

    asyncio.run(run())


OTHER = {
    "hidden": lambda lists: (lists / ".a.toml.swp").write_text("x"),
    "backup": lambda lists: (lists / "a.toml~").write_text("x"),
    "no list": lambda lists: (lists / "notes").write_text("x"),
    "a directory": lambda lists: (lists / "below").mkdir(),
    "read": lambda lists: (lists / "a.toml").read_text(),
    "opened": lambda lists: (lists / "a.toml").open("r").close(),
    "mode": lambda lists: (lists / "a.toml").chmod(0o600),
    "beside": lambda lists: (lists.parent / "b.toml").write_text("x"),
}


@pytest.mark.parametrize("way", OTHER.values(), ids=OTHER)
def test_what_changes_no_list_is_not_noticed(lists, way):
    async def run():
        with ListWatch([str(lists)]) as watching:
            way(lists)
            assert not await noticed(watching, QUIET)

    asyncio.run(run())


def test_a_file_that_is_still_being_written_is_not_noticed_before_its_end(lists):
    async def run():
        with ListWatch([str(lists)]) as watching:
            with (lists / "b.txt").open("w") as file:
                file.write("a.example\n")
                file.flush()
                assert not await noticed(watching, QUIET)
            assert await noticed(watching)

    asyncio.run(run())


def test_a_named_file_is_watched_whatever_it_is_called(lists):
    path = lists / "blocklist.bak"

    async def run():
        with ListWatch([str(path)]) as watching:
            path.write_text("a.example\n")
            assert await noticed(watching)

    asyncio.run(run())


def test_a_burst_is_one_change(lists, monkeypatch):
    # On a busy machine the hundreds of events are not read within some hundredths of each other.
    monkeypatch.setattr(watch, "SETTLE", QUIET)
    monkeypatch.setattr(watch, "LONGEST", SOON)

    async def run():
        with ListWatch([str(lists)]) as watching:
            for number in range(200):
                (lists / f"{number}.txt").write_text("a.example\n")
            assert await noticed(watching)
            assert not await noticed(watching, watch.SETTLE + QUIET)

    asyncio.run(run())


def test_a_change_that_never_ends_is_noticed_all_the_same(lists):
    async def write_on():
        while True:
            (lists / "a.toml").write_text("new\n")
            await asyncio.sleep(watch.SETTLE / 4)

    async def run():
        with ListWatch([str(lists)]) as watching:
            writing = asyncio.create_task(write_on())
            assert await noticed(watching)
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing

    asyncio.run(run())


def test_a_replaced_directory_is_watched_again(lists):
    # A deleted directory's inode number goes to the next one; the watch must not trust it.
    async def run():
        with ListWatch([str(lists)]) as watching:
            assert not watching.renew()
            for _ in range(3):
                for path in lists.iterdir():
                    path.unlink()
                lists.rmdir()
                lists.mkdir()
                assert await noticed(watching)
                assert watching.renew()
                assert not watching.renew()
                (lists / "a.toml").write_text("new\n")
                assert await noticed(watching)

    asyncio.run(run())


def test_a_directory_swapped_by_rename_is_watched_again(lists):
    async def run():
        with ListWatch([str(lists)]) as watching:
            lists.rename(lists.with_name("before"))
            lists.mkdir()
            assert await noticed(watching)
            assert watching.renew()
            (lists / "a.toml").write_text("new\n")
            assert await noticed(watching)

    asyncio.run(run())


def test_a_directory_that_comes_later_is_found_by_a_later_look(tmp_path):
    late = tmp_path / "late"

    async def run():
        with ListWatch([str(late / "x.toml")]) as watching:
            assert not watching.renew()
            late.mkdir()
            assert watching.renew()
            (late / "x.toml").write_text("new\n")
            assert await noticed(watching)

    asyncio.run(run())
