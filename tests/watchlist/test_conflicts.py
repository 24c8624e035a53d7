"""Which of several entries for one name counts."""

import itertools

import pytest

from blockd import names
from blockd.watchlist import conflicts
from blockd.watchlist.conflicts import Slots
from blockd.watchlist.model import NameEntry, Rule, Scope

NAME = names.parse("a.example")


def entry(source, scope=Scope.SUBTREE, line=1, **rule):
    return NameEntry(NAME, scope, Rule(id="p", source=source, **rule), line)


FIRST, SECOND = entry("a.txt"), entry("b.txt")
LATER = entry("a.txt", line=9)
EXACT, BELOW = entry("c.txt", Scope.EXACT), entry("c.txt", Scope.BELOW)
ALLOWED = entry("z.txt", allow=True)
ALLOWED_BELOW = entry("z.txt", Scope.BELOW, allow=True)
CASES = [
    ([FIRST, SECOND], FIRST),
    ([FIRST, LATER], FIRST),
    ([FIRST, ALLOWED], ALLOWED),
    ([FIRST, EXACT], Slots(EXACT, FIRST)),
    ([FIRST, BELOW], Slots(FIRST, BELOW)),
    ([EXACT, BELOW], Slots(EXACT, BELOW)),
    ([EXACT, ALLOWED], ALLOWED),
    ([FIRST, ALLOWED_BELOW], Slots(FIRST, ALLOWED_BELOW)),
    ([BELOW, ALLOWED_BELOW], Slots(None, ALLOWED_BELOW)),
    ([entry("a.txt", name="x"), entry("a.txt", name="y")], entry("a.txt", name="x")),
]


@pytest.mark.parametrize(("several", "wanted"), CASES)
def test_an_exception_wins_then_the_more_exact_scope_then_the_earlier_place(several, wanted):
    for order in itertools.permutations(several):
        ranked = list(order)
        conflicts.rank(ranked)
        assert conflicts.deciding(ranked) == wanted


def test_only_what_another_source_says_again_is_worth_a_warning():
    ranked = [LATER, SECOND, ALLOWED, FIRST]
    conflicts.rank(ranked)
    assert list(conflicts.repeating(ranked)) == []
    ranked = [SECOND, LATER, FIRST]
    conflicts.rank(ranked)
    assert list(conflicts.repeating(ranked)) == [SECOND]
