"""Halves of subtrees: they go together, and come as one."""

import pytest

from blockd.policy.halves import Halves
from blockd.watchlist.model import NameEntry, Rule, Scope

RULE = Rule(id="x", source="x.rpz")
A, B = b"\1a\7example", b"\1b\7example"


@pytest.mark.parametrize(
    ("gone", "all_gone"),
    [
        ([], True), ([(A, Scope.EXACT)], False), ([(A, Scope.BELOW)], False),
        ([(A, Scope.EXACT), (A, Scope.BELOW)], True),
        ([(A, Scope.EXACT), (B, Scope.BELOW)], False),
    ],
)  # fmt: skip
def test_a_half_that_stays_is_noticed(gone, all_gone):
    halves = Halves()
    for name, scope in gone:
        halves.left(name, scope, 7, 3)
    assert halves.all_gone() is all_gone


def test_a_subtree_is_known_by_the_line_of_its_name_alone():
    halves = Halves()
    assert halves.left(A, Scope.EXACT, 3, 3) == 3
    assert halves.left(A, Scope.EXACT, 9, 3) == 3  # so that line 9 is not where it stood
    assert halves.left(A, Scope.BELOW, 4, 3) == 4


def test_two_halves_that_come_are_one_entry():
    came = [
        NameEntry(A, Scope.BELOW, RULE, 5), NameEntry(B, Scope.EXACT, RULE, 6),
        NameEntry(A, Scope.EXACT, RULE, 7),
    ]  # fmt: skip
    assert sorted(Halves().joined(came), key=lambda entry: entry.line) == [
        NameEntry(B, Scope.EXACT, RULE, 6), NameEntry(A, Scope.SUBTREE, RULE, 7),
    ]  # fmt: skip
