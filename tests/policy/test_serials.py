"""Editions of signed sources: forward, or not at all, through rollbacks and changes of keys."""

import json

import pytest

from blockd.errors import ListError, StoreError
from blockd.minisign.signature import Signed
from blockd.policy import serials
from blockd.policy.store import Store
from blockd.watchlist.sources import Source


def signed(serial, key="A", keys=("A",), path="x"):
    return Source(path, b"", signed=Signed(key, serial, ""), keys=keys)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "state")
    with made.lock():
        yield made


def takes(store, *sources):
    try:
        serials.require_forward(store, sources)
    except ListError:
        return False
    serials.keep(store, sources)
    return True


def test_editions_go_forward_or_stay(store):
    assert [takes(store, signed(n)) for n in (5, 5, 4, 9, 8, 9)] == [
        True, True, False, True, False, True,
    ]  # fmt: skip
    assert serials.read(store) == {"x": {"A": 9}}


def test_sources_do_not_count_for_each_other(store):
    assert takes(store, signed(9), signed(1, path="y"))
    assert not takes(store, signed(9), signed(0, path="y"))


def test_while_two_keys_are_pinned_neither_goes_back_behind_the_other(store):
    assert takes(store, signed(5, "A", ("A", "B")))
    assert not takes(store, signed(4, "B", ("A", "B")))
    assert takes(store, signed(6, "B", ("A", "B")))
    assert not takes(store, signed(5, "A", ("A", "B")))


def test_a_new_key_begins_anew_once_the_old_one_has_gone(store):
    assert takes(store, signed(5, "A", ("A",)))
    assert takes(store, signed(1, "B", ("B",)))
    assert not takes(store, signed(4, "A", ("A",)))


def test_unsigned_sources_leave_no_trace(store):
    assert takes(store, Source("x", b""))
    assert not (store.state / "serials.json").exists()


def test_accepting_older_content_again_forgets_nothing(store):
    assert takes(store, signed(9))
    serials.keep(store, [signed(3)])
    assert serials.read(store) == {"x": {"A": 9}}


def test_the_file_is_written_only_when_something_is_new(store):
    takes(store, signed(9))
    path = store.state / "serials.json"
    assert json.loads(path.read_text()) == {"x": {"A": 9}}
    before = path.stat().st_ino
    takes(store, signed(9))
    assert path.stat().st_ino == before


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"x": 5}', b"\0" * 20])
def test_a_damaged_file_does_not_let_the_past_in(store, text):
    (store.state / "serials.json").write_bytes(text)
    with pytest.raises(StoreError, match=r"serials\.json: which editions.*restore the file"):
        serials.require_forward(store, [signed(9)])
    serials.require_forward(store, [Source("x", b"")])
