"""The spool: copies are whole, notes are for exactly what is there."""

import errno
import os
import stat
from datetime import UTC, datetime

import pytest

from blockd.errors import BusyError, StoreError
from blockd.fetch.spool import Copy, Note, Spool, digest
from blockd.minisign.signature import SUFFIX
from blockd.publishers import Url
from blockd.watchlist.configured import spooled

URL = Url.parse("https://lists.example/a.txt")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def note(content, signature=b"", **more):
    return Note(
        url=str(URL), etag='"7"', modified="today", sha256=digest(content, signature), changed=NOW,
        **more,
    )  # fmt: skip


@pytest.fixture
def spool(tmp_path):
    made = Spool(str(tmp_path / "spool"))
    with made.lock():
        yield made


def test_an_empty_spool_holds_nothing(spool):
    assert spool.copy(URL) == Copy(Note(url=str(URL)))
    assert spool.note(URL) is None


@pytest.mark.parametrize("signature", [b"", b"signed"])
def test_what_was_put_is_held_with_its_note_and_closed_to_strangers(spool, signature):
    spool.put(URL, b"a\n", signature)
    spool.remember(URL, note(b"a\n", signature))
    assert spool.copy(URL) == Copy(note(b"a\n", signature), b"a\n", signature)
    files = [path for path in spool.directory.iterdir() if path.name != ".lock"]
    assert len(files) == (3 if signature else 2)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}
    assert stat.S_IMODE(spool.directory.stat().st_mode) == 0o750


@pytest.mark.parametrize(
    ("content", "signature"), [(b"b\n", b"signed"), (b"a\n", b"other"), (b"a\n", b"")]
)
def test_what_was_said_of_other_files_is_not_believed(spool, content, signature):
    spool.put(URL, content, signature)
    spool.remember(URL, note(b"a\n", b"signed"))
    held = spool.copy(URL)
    assert (held.content, held.note.etag, held.note.modified) == (content, "", "")
    assert held.note.changed == NOW


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"url": 7}', b"\xff"])
def test_a_damaged_note_is_none(spool, text):
    spool.put(URL, b"a\n", b"")
    path = spooled(str(spool.directory), URL)
    path.with_name(path.name + ".json").write_bytes(text)
    assert spool.copy(URL) == Copy(Note(url=str(URL)), b"a\n")


def test_on_a_full_disk_the_copy_before_is_whole_and_nothing_is_left(spool, monkeypatch):
    spool.put(URL, b"a\n", b"signed")
    before = sorted((path.name, path.read_bytes()) for path in spool.directory.iterdir())

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "the spool")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="the spool: No space left on device; free space"):
        spool.put(URL, b"b\n", b"signed too")
    assert sorted((path.name, path.read_bytes()) for path in spool.directory.iterdir()) == before


def test_the_signature_is_in_place_before_the_list_is(spool, monkeypatch):
    seen = []
    path = spooled(str(spool.directory), URL)
    replace = type(path).replace
    monkeypatch.setattr(
        type(path), "replace", lambda here, to: (seen.append(to.name), replace(here, to))
    )
    spool.put(URL, b"a\n", b"signed")
    assert seen == [path.name + SUFFIX, path.name]


def test_a_fetcher_that_does_not_end_is_not_waited_for_for_ever(spool, monkeypatch):
    monkeypatch.setattr(Spool, "patience", 0.05)
    assert stat.S_IMODE((spool.directory / ".lock").stat().st_mode) == 0o600
    with pytest.raises(BusyError, match="another process holds"), spool.lock():
        pass  # the fixture has it


def test_a_spool_that_cannot_be_made_is_named_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(StoreError, match=r"choose another \[fetch\] spool"),
        Spool(str(tmp_path / "file" / "spool")).lock(),
    ):
        pass
