"""What one rule had in a generation: its own entries, alone or beside those of others."""

import pytest

from blockd import prefixes
from blockd.policy.entries import Entries
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope
from tests import entries

OWN, OTHER = Rule(id="own", source="own.txt"), Rule(id="other", source="other.txt")
IDLE = Rule(id="idle", source="idle.txt", enforce=False)
ALONE, SHARED = b"\5alone\7example", b"\6shared\7example"
PREFIX, BOTH = prefixes.parse("198.18.0.0/24"), prefixes.parse("198.18.1.0/24")


@pytest.fixture
def lookup(tmp_path):
    """Entries of a rule in a generation that holds three."""
    listed = [
        (OWN, [(ALONE, Scope.SUBTREE, 1), (SHARED, Scope.SUBTREE, 2), (SHARED, Scope.EXACT, 3)]),
        (OTHER, [(SHARED, Scope.SUBTREE, 7)]),
        (IDLE, [(ALONE, Scope.EXACT, 4)]),
    ]
    covered = [(OWN, PREFIX, 5), (OWN, BOTH, 6), (OTHER, BOTH, 8), (IDLE, PREFIX, 9)]
    rules = compile_rules(
        [
            Parsed(
                source=rule.source,
                feed=True,
                names=[NameEntry(name, scope, rule, line) for name, scope, line in found],
                prefixes=[PrefixEntry(each, r, line) for r, each, line in covered if r is rule],
            )
            for rule, found in listed
        ],
        entries.TODAY,
    )
    write(tmp_path / "1.mdb", 1, rules)
    policy = Policy(tmp_path / "1.mdb")
    yield lambda rule: Entries(policy, (rules.rivals, rules.shadow.rivals), rules.lost, rule)
    policy.close()


@pytest.mark.parametrize(
    ("rule", "name", "lines"),
    [
        (OWN, ALONE, {Scope.SUBTREE: 1}),
        (OWN, SHARED, {Scope.SUBTREE: 2, Scope.EXACT: 3}),
        (OTHER, SHARED, {Scope.SUBTREE: 7}),
        (OTHER, ALONE, {}),
        (IDLE, ALONE, {Scope.EXACT: 4}),
        (OWN, b"\4none\7example", {}),
    ],
)
def test_a_name_has_the_entries_of_the_rule_alone(lookup, rule, name, lines):
    found = list(lookup(rule).of_name(name))
    assert {entry.scope: entry.line for entry in found} == lines
    assert all(entry.rule is rule for entry in found)


@pytest.mark.parametrize(
    ("rule", "prefix", "lines"),
    [
        (OWN, PREFIX, [5]),
        (OWN, BOTH, [6]),
        (OTHER, BOTH, [8]),
        (OTHER, PREFIX, []),
        (IDLE, PREFIX, [9]),
    ],
)
def test_a_prefix_has_the_entry_of_the_rule_alone(lookup, rule, prefix, lines):
    assert [entry.line for entry in lookup(rule).of_prefix(prefix)] == lines
