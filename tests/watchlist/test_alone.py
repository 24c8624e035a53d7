"""Which names stand alone because an exception lies below them."""

import pytest

from blockd import names
from blockd.watchlist.alone import excepts, open_paths
from blockd.watchlist.conflicts import Slots
from blockd.watchlist.model import NameEntry, Rule, Scope

BLOCK, ALLOW = Rule(id="p", source="a.txt"), Rule(id="allow", source="a.txt", allow=True)


def entry(name, rule=BLOCK, scope=Scope.SUBTREE):
    return names.parse(name), NameEntry(names.parse(name), scope, rule, 1)


def paths(*entries):
    """Return what becomes of the entries: names between, and names that stand alone."""
    chosen = dict(entries)
    excepted = [name for name, each in chosen.items() if excepts(each)]
    between = open_paths(excepted, chosen)
    alone = [name for name, each in chosen.items() if isinstance(each, Slots)]
    return sorted(map(names.to_text, between)), sorted(map(names.to_text, alone))


CASES = [
    ([entry("a.example")], ([], [])),
    ([entry("a.example"), entry("x.a.example", ALLOW)], ([], ["a.example"])),
    ([entry("a.example"), entry("x.y.a.example", ALLOW)], (["y.a.example"], ["a.example"])),
    (
        [entry("a.example"), entry("b.a.example"), entry("x.y.b.a.example", ALLOW)],
        (["y.b.a.example"], ["a.example", "b.a.example"]),
    ),
    # Between an exception and another one below it nothing is blocked.
    (
        [entry("a.example"), entry("b.a.example", ALLOW), entry("x.y.b.a.example", ALLOW)],
        ([], ["a.example"]),
    ),
    ([entry("a.example", scope=Scope.EXACT), entry("x.y.a.example", ALLOW)], ([], ["a.example"])),
    ([entry("b.example"), entry("x.y.a.example", ALLOW)], ([], [])),
]


@pytest.mark.parametrize(("entries", "wanted"), CASES)
def test_what_is_blocked_above_an_exception_must_not_deny_it(entries, wanted):
    assert paths(*entries) == wanted


def test_an_exception_in_either_slot_is_one():
    _, block = entry("a.example")
    _, allow = entry("a.example", ALLOW, Scope.BELOW)
    assert [excepts(each) for each in (block, allow, Slots(block, allow), Slots(block, None))] == [
        False, True, True, False,
    ]  # fmt: skip
