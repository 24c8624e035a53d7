"""What stays of a name: what rows tell, what is beside them, and what an earlier zone decides."""

import pytest

from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.policy.standing import Standing, Unlike
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.model import NameEntry, Parsed, Rule, Scope
from tests import entries

FIRST, SECOND, PLAIN = (
    Rule(id=name, source=f"{name}.rpz") for name in ("first", "second", "plain")
)
X, Y, Z = b"\1x\7example", b"\1y\7example", b"\1z\7example"


def listed(rule, *found, order=0):
    """A source that lists names on lines."""
    names = [NameEntry(name, scope, rule, line) for name, scope, line in found]
    return Parsed(source=rule.source, feed=True, names=names, order=order)


SOURCES = [
    listed(FIRST, (X, Scope.EXACT, 1), order=1),
    listed(SECOND, (X, Scope.SUBTREE, 2), (Y, Scope.SUBTREE, 3), (Z, Scope.SUBTREE, 0), order=2),
    listed(PLAIN, (Y, Scope.EXACT, 4)),
]


@pytest.fixture
def standing(tmp_path):
    """A function of the rules that stay and those whose lines may have gone."""
    rules = compile_rules(SOURCES, entries.TODAY)
    write(tmp_path / "1.mdb", 1, rules)
    policy = Policy(tmp_path / "1.mdb")
    same = {rule: rule for rule in (FIRST, SECOND, PLAIN)}
    by_number = [same[rule] for rule in policy.every_rule()]
    lost = {entry.name: [entry] for entry in rules.lost.names}

    def made(*staying, patched=(), rivals=None):
        return Standing(
            policy.table(layout.NAMES), by_number,
            rules.rivals.names if rivals is None else rivals, lost,
            set(map(id, staying)), set(map(id, patched)),
        )  # fmt: skip

    yield made
    policy.close()


def shown(found):
    return {(entry.rule.id, entry.scope, entry.line) for entry in found}


def test_what_an_earlier_zone_decides_is_listed_all_the_same(standing):
    here = standing(FIRST, SECOND, PLAIN)
    one, two = ("first", Scope.EXACT, 1), ("second", Scope.SUBTREE, 2)
    assert shown(here.decided(X)) == {one, ("second", Scope.BELOW, 2)}
    assert shown(here.before(X)) == shown(here.listed(X)) == {one, two}


@pytest.mark.parametrize(
    ("staying", "name", "left"),
    [
        ((SECOND, PLAIN), X, {("second", Scope.SUBTREE, 2)}),
        ((FIRST, PLAIN), X, {("first", Scope.EXACT, 1)}),
        ((PLAIN,), Y, {("plain", Scope.EXACT, 4)}),
        ((), Y, set()),
        ((FIRST, SECOND, PLAIN), b"\4none\7example", set()),
    ],
)
def test_what_does_not_count_any_more_has_gone(standing, staying, name, left):
    assert shown(standing(*staying).listed(name)) == left


def test_of_a_patched_source_a_line_that_is_nowhere_has_gone(standing):
    everyone = FIRST, SECOND, PLAIN
    assert shown(standing(*everyone).listed(Z)) == {("second", Scope.SUBTREE, 0)}
    assert shown(standing(*everyone, patched=[SECOND]).listed(Z)) == set()


def test_a_row_of_several_entries_that_nothing_tells_of_is_no_beginning(standing):
    with pytest.raises(Unlike):
        standing(FIRST, SECOND, PLAIN, rivals={}).decided(X)
