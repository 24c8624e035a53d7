"""What the journal can be searched for after a compile."""

import logging
from types import SimpleNamespace

import pytest

from blockd.compiler import tidings
from blockd.watchlist.model import Issue, Origin, Severity


def outcome(**changes):
    kinds = {kind: tuple(changes.get(kind, ())) for kind in ("added", "removed", "changed")}
    return SimpleNamespace(number=7, difference=SimpleNamespace(**kinds))


@pytest.fixture
def logged(caplog):
    """Return what was logged since: text, generation, platform."""
    caplog.set_level(logging.INFO)

    def read():
        return [
            (each.getMessage(), each.generation, getattr(each, "platform", None))
            for each in caplog.records
        ]

    return read


def test_a_change_is_told_as_a_whole_and_by_platform(logged):
    tidings.committed(
        outcome(
            added=[("a.test", "p2"), ("b.test", "p2"), ("c.test", "p1")], changed=[("d.test", "p2")]
        )
    )
    assert logged() == [
        ("generation 7: 3 added, 0 removed, 1 changed", 7, None),
        ("generation 7: p1: 1 added", 7, "p1"),
        ("generation 7: p2: 2 added, 1 changed", 7, "p2"),
    ]


def test_of_very_many_platforms_the_first_have_a_line(logged, monkeypatch):
    monkeypatch.setattr(tidings, "MOST_PLATFORMS", 2)
    tidings.committed(outcome(removed=[(f"{n}.test", f"p{n}") for n in range(5)]))
    assert [platform for _, _, platform in logged()] == [None, "p0", "p1", None]
    assert logged()[-1][0] == "generation 7: and 3 more platforms: see `blockd history`"


def test_a_person_is_shown_the_first_platforms_and_the_journal_all(caplog):
    caplog.set_level(logging.INFO)
    tidings.committed(outcome(added=[(f"{n}.test", f"p{n}") for n in range(9)]))

    def told(reader):
        return [
            each.getMessage().removeprefix("generation 7: ")
            for each in caplog.records[1:]
            if getattr(each, "reader", reader) == reader
        ]

    platforms = [f"p{n}: 1 added" for n in range(9)]
    assert told("journal") == platforms
    more = "and 4 more platforms; `blockd report` shows all that is in force"
    assert told("person") == [*platforms[:5], more]


@pytest.mark.parametrize("count", [1, 5, 6])
def test_one_more_is_shown_rather_than_counted(logged, count):
    tidings.committed(outcome(added=[(f"{n}.test", f"p{n}") for n in range(count)]))
    assert [platform for _, _, platform in logged()] == [None, *(f"p{n}" for n in range(count))]


def test_a_flood_is_told_as_a_whole_alone_and_nothing_is_looked_at(logged, monkeypatch):
    class Many(tuple):
        __slots__ = ()

        def __iter__(self):
            raise AssertionError("a million texts would be made")

    monkeypatch.setattr(tidings, "MOST_ENTRIES", 2)
    made = outcome()
    made.difference.added = Many((1, 2, 3))
    tidings.committed(made)
    assert logged() == [("generation 7: 3 added, 0 removed, 0 changed", 7, None)]


def test_why_every_change_reads_every_list_is_told(logged):
    tidings.whole(7, "the same list is configured twice")
    said = "generation 7: each change reads every list anew: the same list is configured twice"
    assert logged() == [(said, 7, None)]


@pytest.mark.parametrize(
    ("count", "more"), [(1, []), (20, []), (23, ["and 3 more: see `blockd check`"])]
)
def test_issues_carry_source_and_line(caplog, count, more):
    found = [Issue(Origin("a.toml", n), Severity.ERROR, "wrong") for n in range(1, count + 1)]
    tidings.issues(found, logging.ERROR)
    assert {each.levelno for each in caplog.records} == {logging.ERROR}
    told = [(each.source, each.line) for each in caplog.records[:20]]
    assert told == [("a.toml", n) for n in range(1, min(count, 20) + 1)]
    assert [each.getMessage() for each in caplog.records[20:]] == more
