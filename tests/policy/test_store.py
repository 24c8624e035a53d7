"""The store: one switch, whole files, one writer, and a way back from damage."""

import hashlib
import os
import shutil
import stat
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blockd.errors import BusyError, NoPolicyError, StoreError
from blockd.policy import store as stores
from blockd.policy.record import Record, SourceRecord
from blockd.policy.store import KEPT, Store, digest, write_whole
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from tests import entries
from tests.topology import require

NOBODY = 65534


def commit(store, *sources):
    """Commit an empty generation that was made from sources of the given digests."""
    with store.lock():
        number = (store.current() or 0) + 1
        scratch = store.scratch()
        content = write(scratch, number, compile_rules([], entries.TODAY))
        for sha256 in sources:
            write_whole(store.source_path(sha256), b"")
        record = Record(
            number=number, committed=datetime(2026, 3, 1, tzinfo=UTC), reason="changed", inputs="",
            content=content, file_sha256=digest(scratch), rules=0, names=0, prefixes=0, added=0,
            removed=0, changed=0, shortest_v4=16, shortest_v6=32,
            sources=tuple(
                SourceRecord(path=s, sha256=s, names=0, prefixes=0, dropped=0) for s in sources
            ),
        )  # fmt: skip
        store.publish(record, scratch)
        store.prune()
    return number


def number_opened(store, held=None):
    policy = store.open_after(held)
    if policy is None:
        return None
    policy.close()
    return policy.number


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "state")


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o640)
    path.write_bytes(content)


def test_before_the_first_commit_there_is_no_policy_and_nothing_is_made(store):
    assert store.current() is None
    assert store.history() == []
    with pytest.raises(NoPolicyError, match="run `blockd compile`"):
        store.open()
    assert not store.state.exists()


def test_a_commit_is_current_at_once_and_recorded(store):
    for number in (1, 2, 3):
        assert commit(store) == number
        assert store.current() == number == number_opened(store)
    assert [record.number for record in store.history()] == [3, 2, 1]
    assert store.record(2).number == 2
    assert store.state.joinpath("current").resolve() == store.generation_path(3)


def test_the_state_may_be_moved_to_another_place(store, tmp_path):
    commit(store)
    store.state.rename(tmp_path / "elsewhere")
    assert number_opened(Store(tmp_path / "elsewhere")) == 1


def test_what_is_held_is_not_opened_twice(store):
    commit(store)
    assert number_opened(store, held=1) is None
    commit(store)
    assert number_opened(store, held=1) == 2
    assert number_opened(store, held=2) is None


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_files_can_be_read_by_the_group_and_by_nobody_else(store, mask):
    before = os.umask(mask)
    try:
        commit(store, "s1")
    finally:
        os.umask(before)
    files = [store.generation_path(1), store.record_path(1), store.source_path("s1")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}
    directories = [store.state, *(path.parent for path in files)]
    assert not any(path.stat().st_mode & 0o027 for path in directories)


@pytest.mark.parametrize("harm", [damage, Path.unlink, lambda path: os.truncate(path, 4096)])
def test_a_damaged_generation_gives_way_to_the_newest_good_one(store, harm):
    for _ in range(3):
        commit(store)
    assert store.is_whole(3)
    harm(store.generation_path(3))
    assert not store.is_whole(3)
    assert store.current() == 3
    assert number_opened(store) == 2
    assert number_opened(store, held=2) is None
    harm(store.generation_path(2))
    assert number_opened(store) == 1
    with pytest.raises(StoreError, match="00000003.mdb"):
        store.open_generation(3)


def test_a_generation_without_a_readable_record_is_not_adopted(store):
    commit(store)
    commit(store)
    store.record_path(2).write_bytes(b"{")
    assert number_opened(store) == 1


def test_when_no_generation_is_whole_the_first_damage_is_named(store):
    commit(store)
    commit(store)
    for number in (1, 2):
        damage(store.generation_path(number))
    with pytest.raises(StoreError, match="00000002.mdb: the file is damaged.*`blockd compile`"):
        store.open()


@pytest.mark.parametrize("target", ["generations", "generations/x.mdb", "/"])
def test_a_link_to_something_else_is_no_generation(store, target):
    store.state.mkdir()
    (store.state / "current").symlink_to(target)
    assert store.current() is None
    with pytest.raises(NoPolicyError):
        store.open()


def test_old_generations_and_the_sources_that_none_needs_are_deleted(store):
    for number in range(1, KEPT + 4):
        commit(store, "always", f"s{number}")
    current = KEPT + 3
    kept = range(current - KEPT + 1, current + 1)
    generations = {path.name for path in (store.state / "generations").iterdir()}
    assert generations == {f"{number:08d}.mdb" for number in kept}
    sources = {path.name for path in (store.state / "sources").iterdir()}
    assert sources == {"always.gz", *(f"s{number}.gz" for number in kept)}
    assert len(store.history()) == current


def test_leftovers_of_a_killed_commit_go(store):
    commit(store, "s1")
    leftovers = [
        store.state / "generations" / ".next.mdb",
        store.generation_path(2),
        store.record_path(2),
        store.record_path(2).with_name(".00000002.json"),
        store.state / ".current",
        store.state / "sources" / ".s9.gz",
        store.source_path("s9"),
    ]
    for path in leftovers:
        path.write_bytes(b"half")
    assert commit(store, "s1") == 2
    assert number_opened(store) == 2
    left = {path.relative_to(store.state) for path in store.state.rglob("*") if path.is_file()}
    assert sorted(map(str, left)) == [
        "current",
        "generations/00000001.mdb",
        "generations/00000002.mdb",
        "lock",
        "records/00000001.json",
        "records/00000002.json",
        "sources/s1.gz",
    ]


def test_a_second_writer_waits_for_the_first(store):
    entered = threading.Event()

    def write_too():
        with store.lock():
            entered.set()

    second = threading.Thread(target=write_too)
    with store.lock():
        second.start()
        assert not entered.wait(0.05)
    assert entered.wait(10)
    second.join(10)


def test_a_writer_that_does_not_end_is_not_waited_for_for_ever(store, monkeypatch):
    monkeypatch.setattr(Store, "patience", 0.05)
    with store.lock():
        assert stat.S_IMODE((store.state / "lock").stat().st_mode) == 0o600
        for wait in (True, False):
            with pytest.raises(BusyError, match="another process holds"), store.lock(wait=wait):
                pass
    assert commit(store) == 1


def test_readers_do_not_wait_for_a_writer(store):
    commit(store)
    with store.lock():
        assert number_opened(store) == 1


@pytest.mark.parametrize("inside", [False, True])
def test_a_state_that_cannot_be_written_is_the_stores_error(tmp_path, inside):
    store = Store(tmp_path / "state")
    if inside:
        commit(store)
        (store.state / "records" / ".00000002.json").mkdir()
    else:
        store.state.write_bytes(b"a file is in the way")
    with pytest.raises(StoreError, match=str(store.state)):
        commit(store)
    assert store.current() == (1 if inside else None)


def test_a_file_is_put_in_place_whole(tmp_path):
    path = tmp_path / "x"
    for content in (b"old", b"", b"new" * 10**5):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.root
def test_root_takes_on_the_owner_and_leaves_nothing_of_its_own():
    require()
    top = Path(tempfile.mkdtemp(prefix="blockd-test-"))  # pytest's own are closed to others
    try:
        top.chmod(0o755)
        store = Store(top / "state")
        store.state.mkdir()
        os.chown(store.state, NOBODY, NOBODY)
        child = os.fork()
        if child == 0:
            try:
                commit(store, "s1")
            finally:
                os._exit(0 if (os.geteuid(), os.getegid()) == (NOBODY, NOBODY) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert number_opened(store) == 1
        owners = {path.lstat().st_uid for path in store.state.rglob("*")}
        assert owners == {NOBODY}
    finally:
        shutil.rmtree(top)


def test_a_directory_of_ones_own_changes_nobody(store):
    commit(store)
    before = os.geteuid()
    stores.become_owner(store.state)
    assert os.geteuid() == before


@pytest.mark.parametrize(("octets", "slices"), [(0, 0), (1, 1), (1 << 19, 1), (1_300_000, 3)])
def test_a_digest_beside_queries_rests_after_each_slice(tmp_path, monkeypatch, octets, slices):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(octets))
    rests = []
    monkeypatch.setattr(stores.time, "sleep", rests.append)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest(path) == expected
    assert rests == []
    assert digest(path, 0.001) == expected
    assert rests == [0.001] * slices
