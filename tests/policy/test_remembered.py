"""What is remembered of a compile: all of it comes back, or nothing does."""

import os

import pytest
from hypothesis import given, settings

from blockd.policy import remembered as remembering
from blockd.policy.record import Record
from blockd.policy.store import Store
from blockd.watchlist import compile as compiling
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.never import Exceptions
from tests import entries
from tests.entries import CORNER, UNIVERSE
from tests.policy.test_revise import remembered


@settings(max_examples=60)
@given(entries.lists)
def test_rivals_come_back_with_the_rules_of_their_sources(sources):
    rules = compile_rules(sources, entries.TODAY)
    found = remembered(sources, rules)
    block, shadow = found.rivals()
    assert (block, shadow) == (rules.rivals, rules.shadow.rivals)
    known = {id(rule) for source in found.sources for rule, _ in source.rules}
    for rivals in (block, shadow):
        for several in (*rivals.names.values(), *rivals.prefixes.values()):
            assert {id(entry.rule) for entry in several} <= known
    assert [source.rules for source in found.sources] == [
        tuple(compiling.counted(source)) for source in sources
    ]


def test_exceptions_come_back_as_the_guard_asks_for_them():
    given = Exceptions(frozenset(UNIVERSE[:3]), frozenset(UNIVERSE[3:5]), frozenset(CORNER[:4]))
    assert remembering.exceptions(remembering.excepted(given)) == given


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def record():
    return Record(
        number=1, committed="2026-03-01", reason="changed", inputs="", content="", file_sha256="",
        sources=(), rules=0, names=0, prefixes=0, added=0, removed=0, changed=0, shortest_v4=16,
        shortest_v6=32,
    )  # fmt: skip


def test_it_belongs_to_one_generation_and_to_one_program(store, record, monkeypatch):
    what = remembered([], compile_rules([], entries.TODAY))
    assert remembering.read(store, record) is None
    remembering.keep(store, what)
    assert remembering.read(store, record) == what
    assert (store.state / "recompile").stat().st_mode & 0o777 == 0o640
    assert remembering.read(store, record=other(record)) is None
    monkeypatch.setattr(remembering, "program", lambda: "another")
    assert remembering.read(store, record) is None
    remembering.keep(store, None)
    assert list(store.state.iterdir()) == []


def other(record):
    import msgspec

    return msgspec.structs.replace(record, file_sha256="1")


def test_any_octet_that_is_wrong_or_missing_makes_it_worthless(store, record):
    remembering.keep(store, remembered([], compile_rules([], entries.TODAY)))
    path = store.state / "recompile"
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        assert remembering.read(store, record) is None
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        assert remembering.read(store, record) is None


def test_an_edited_step_of_the_short_way_is_another_program(tmp_path, monkeypatch):
    package = tmp_path / "blockd" / "policy"
    package.mkdir(parents=True)
    for name in ("remembered.py", "revise.py"):
        (package / name).write_text("")
    monkeypatch.setattr(remembering, "__file__", str(package / "remembered.py"))
    before = remembering.program()
    assert remembering.program() == before
    os.utime(package / "revise.py", (1, 1))
    assert remembering.program() != before


def test_an_edited_parser_is_another_program(tmp_path, monkeypatch):
    package = tmp_path / "blockd" / "watchlist"
    package.mkdir(parents=True)
    for name in ("__init__.py", "guard.py"):
        (package / name).write_text("")
    monkeypatch.setattr(remembering.watchlist, "__file__", str(package / "__init__.py"))
    before = remembering.program()
    assert remembering.program() == before
    os.utime(package / "guard.py", (1, 1))
    assert remembering.program() != before
