"""Values of rows: what an entry becomes, and what comes back of it."""

import pytest

from blockd import names
from blockd.policy import layout, rows
from blockd.policy.rows import Numbers
from blockd.watchlist.compile import Slots, slots
from blockd.watchlist.model import NameEntry, Rule, Scope

RULES = [Rule(id=f"p{n}", source="a.toml", line=n) for n in range(4)]
NAME = names.parse("a.example")


def entry(scope, rule=1, line=7):
    return NameEntry(NAME, scope, RULES[rule], line)


@pytest.mark.parametrize("scope", Scope)
def test_a_single_entry_comes_back_as_it_was(scope):
    value = rows.pack(entry(scope), Numbers(RULES).of)
    assert rows.single(NAME, value, RULES) == entry(scope)


def test_an_entry_that_stands_alone_for_an_exceptions_sake_is_still_one():
    value = rows.pack(slots(entry(Scope.SUBTREE)), Numbers(RULES).of)
    assert len(value) == layout.TWO.size
    assert rows.single(NAME, value, RULES) == entry(Scope.SUBTREE)


@pytest.mark.parametrize("below", [entry(Scope.BELOW, rule=2), entry(Scope.BELOW, line=8)])
def test_of_two_entries_none_is_the_single_one(below):
    value = rows.pack(Slots(entry(Scope.EXACT), below), Numbers(RULES).of)
    assert rows.single(NAME, value, RULES) is None


@pytest.mark.parametrize("mixed", [False, True])
def test_under_other_numbers_values_say_the_same(mixed):
    listed = [entry(Scope.SUBTREE, rule) for rule in (0, 3, 2)]
    listed += [entry(Scope.EXACT, 2), entry(Scope.BELOW, 3)] * mixed
    values = [rows.pack(each, Numbers(RULES).of) for each in listed]
    turned = Numbers(RULES[::-1])
    now = {number: turned.of(rule) for number, rule in enumerate(RULES)}
    wanted = [rows.pack(each, turned.of) for each in listed]
    assert rows.renumbered(values, now) == wanted
    between = [*values, layout.BETWEEN]
    assert rows.renumbered(between, now) == [*wanted, layout.BETWEEN]


def test_equal_rules_of_two_objects_have_one_number():
    again = Rule(id="p2", source="a.toml", line=2)
    numbers = Numbers(RULES)
    assert numbers.of(again) == numbers.of(RULES[2]) == 2
    assert numbers.has(again)
    assert not numbers.has(Rule(id="p2", source="b.toml"))


def test_numbers_are_read_from_values_of_any_kind():
    number = Numbers(RULES).of
    values = [rows.pack(entry(scope), number) for scope in Scope]
    assert rows.numbers_in(values) == (1, 1, layout.NONE, layout.NONE, 1)
    assert rows.numbers_in([]) == ()


@pytest.mark.parametrize("odd", [None, slots(entry(Scope.SUBTREE)), entry(Scope.EXACT)])
def test_entries_are_plain_when_each_covers_itself_and_all_below(odd):
    listed = [entry(Scope.SUBTREE, rule) for rule in (0, 1, 1)]
    assert rows.plain(listed) == [RULES[0], RULES[1], RULES[1]]
    assert rows.plain([*listed, odd]) is None
