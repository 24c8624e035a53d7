"""What several sources list is a warning each, up to a bound, whatever the order they come in."""

import random

import pytest

from blockd import names, prefixes
from blockd.watchlist import conflicts, repeats
from blockd.watchlist.model import MOST_ISSUES, NameEntry, PrefixEntry, Rule, Scope

SOURCES = [Rule(id="p", source=source) for source in ("a.txt", "b.txt", "c.txt")]


def everywhere(number):
    """That many names, each at the same line of three sources."""
    listed = {}
    for line in range(1, number + 1):
        wire = names.parse(f"n{line}.example")
        listed[wire] = [NameEntry(wire, Scope.SUBTREE, rule, line) for rule in SOURCES]
    return listed


def test_a_name_and_a_prefix_of_another_source_are_told_with_the_first_place():
    prefix = prefixes.parse("198.18.0.0/24")
    covered = {prefix: [PrefixEntry(prefix, rule, 7) for rule in SOURCES[:2]]}
    assert [str(issue) for issue in repeats.warnings(everywhere(1), covered)] == [
        "b.txt:1: warning: n1.example is listed at a.txt:1 too; that entry counts",
        "b.txt:7: warning: 198.18.0.0/24 is listed at a.txt:7 too; that entry counts",
        "c.txt:1: warning: n1.example is listed at a.txt:1 too; that entry counts",
    ]


@pytest.mark.parametrize("number", [MOST_ISSUES, MOST_ISSUES + 1, 3 * MOST_ISSUES])
def test_of_each_source_the_first_lines_are_kept_and_all_are_counted(number):
    listed = everywhere(number)
    found = repeats.warnings(listed, {})
    for source in ("b.txt", "c.txt"):
        own = [issue for issue in found if issue.origin.source == source]
        if number > MOST_ISSUES:
            said = f"{number:,} entries are listed elsewhere too; the first 1,000 are shown"
            assert str(own.pop(0)) == f"{source}: warning: {said}"
        assert [issue.origin.line for issue in own] == [*range(1, MOST_ISSUES + 1)]
    shuffled = list(listed.items())
    random.Random(1).shuffle(shuffled)
    assert sorted(repeats.warnings(dict(shuffled), {})) == sorted(found)


def test_exceptions_and_entries_of_one_source_are_none():
    wire = names.parse("a.example")
    allow = Rule(id="allow", source="z.txt", allow=True)
    for rules in ([SOURCES[0], allow], [SOURCES[0], SOURCES[0]]):
        ranked = [NameEntry(wire, Scope.SUBTREE, rule, line) for line, rule in enumerate(rules, 1)]
        conflicts.rank(ranked)
        assert repeats.warnings({wire: ranked}, {}) == []
