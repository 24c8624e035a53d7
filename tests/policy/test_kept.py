"""Kept copies of sources: whole as they were read, stored once, and damage is never compiled."""

import gzip
import hashlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.config import Terms
from blockd.errors import StoreError
from blockd.policy import kept
from blockd.policy.record import Record, SourceRecord
from blockd.policy.store import Store
from blockd.terms import Action
from blockd.values import Target
from blockd.watchlist.never import Never, Untouchable
from blockd.watchlist.sources import Source


def recorded(*sources, never=""):
    """A generation that was made from these."""
    return Record(
        number=7, committed=datetime(2026, 3, 1, tzinfo=UTC), reason="changed", inputs="",
        content="", file_sha256="", rules=0, names=0, prefixes=0, added=0, removed=0, changed=0,
        shortest_v4=16, shortest_v6=32, never=never,
        sources=tuple(
            SourceRecord(
                path=each.path, sha256=hashlib.sha256(each.content).hexdigest(), names=0,
                prefixes=0, dropped=0, terms=each.terms, signed=each.signed,
            )
            for each in sources
        ),
    )  # fmt: skip


def made(state):
    store = Store(Path(state))
    with store.lock():  # makes the directories
        return store


@pytest.fixture
def store(tmp_path):
    return made(tmp_path / "state")


def files(store):
    return sorted((store.state / "sources").iterdir())


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=300), max_size=4))
def test_every_source_comes_back_octet_by_octet_in_its_order(contents):
    given_ = [Source(f"/lists/{n}.txt", content) for n, content in enumerate(contents)]
    with tempfile.TemporaryDirectory() as scratch:
        store = made(scratch)
        for source in given_:
            kept.keep(store, source)
        assert kept.sources(store, recorded(*given_)) == given_
        assert len(files(store)) == len(set(contents))


def test_what_was_said_of_a_source_comes_from_the_record_and_not_from_today(store):
    source = Source("/lists/a.rpz", b"x.example CNAME .\n", Terms(action=Action.DROP))
    kept.keep(store, Source(source.path, source.content))
    assert kept.sources(store, recorded(source)) == [source]


def test_a_content_that_is_kept_already_is_not_written_again(store):
    kept.keep(store, Source("/lists/a.txt", b"a.example\n"))
    (path,) = files(store)
    before = path.stat()
    kept.keep(store, Source("/lists/b.txt", b"a.example\n"))
    assert files(store) == [path]
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_copy_holds_neither_a_time_nor_the_name_of_a_file(store):
    kept.keep(store, Source("a.txt", b"a.example\n"))
    (path,) = files(store)
    # RFC 1952 2.3: no flags, MTIME 0; so equal contents are equal files whenever they were kept.
    assert path.read_bytes()[:8] == b"\x1f\x8b\x08" + bytes(5)


NEVER = Never([
    Untouchable(Target.parse("bank.example"), "[guard] never"),
    Untouchable(Target.parse("=www.bank.example"), "never.txt:3 (its front page)"),
    Untouchable(Target.parse("198.18.0.0/24"), "an upstream"),
    Untouchable(Target.parse("2001:db8::/48"), "an upstream"),
])  # fmt: skip


def test_what_no_list_may_touch_comes_back_with_its_reasons(store):
    digest = kept.keep_never(store, NEVER)
    assert kept.never(store, recorded(never=digest)).items == NEVER.items
    assert files(store) == [store.source_path(digest)]


def test_where_nothing_was_untouchable_nothing_is_kept(store):
    assert kept.keep_never(store, Never()) == ""
    assert files(store) == []
    assert not kept.never(store, recorded())


CONTENT = b"a.example\nb.example\n"
COPY = gzip.compress(CONTENT, mtime=0)
GONE, DAMAGED = "sources of generation 7 are not kept any more: ", "the kept copy of .* is damaged"
HARMED = [
    (None, GONE),
    (b"", DAMAGED),
    (b"no gzip", GONE),
    (COPY[:-9], GONE),
    (COPY[:12] + bytes([COPY[12] ^ 0xFF]) + COPY[13:], GONE),
    (COPY + b"behind it", GONE),
    (gzip.compress(b"another list\n", mtime=0), DAMAGED),
]


@pytest.mark.parametrize(("harmed", "said"), HARMED)
def test_a_copy_that_is_not_what_was_accepted_is_refused(store, harmed, said):
    source = Source("/lists/a.txt", CONTENT)
    kept.keep(store, source)
    (path,) = files(store)
    path.unlink()
    if harmed is not None:
        path.write_bytes(harmed)
    record = recorded(source, never=path.name.removesuffix(".gz"))
    for read in (kept.sources, kept.never):
        with pytest.raises(StoreError, match=said):
            read(store, record)
