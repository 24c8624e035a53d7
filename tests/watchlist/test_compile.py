"""From parsed sources to what is in force on a day, whatever the order they come in."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd import names
from blockd.watchlist import formats
from blockd.watchlist.compile import Slots, compile_rules, slots
from blockd.watchlist.model import NameEntry, Parsed, Rule, Scope, Severity
from tests import entries
from tests.entries import TODAY

HEAD = "[[platform]]\nid = 'p'\n"
ONE = HEAD + "domains = ['a.example']\n"


def parsed(text, source="a.toml"):
    return formats.parse(text.encode(), source)


def rules_of(*texts, today=TODAY):
    return compile_rules([parsed(t, f"{n}.toml") for n, t in enumerate(texts)], today)


def shuffled(sources, random):
    """The same lists in another order of sources and entries."""
    other = [
        Parsed(
            source=source.source,
            feed=source.feed,
            names=random.sample(source.names, len(source.names)),
            prefixes=random.sample(source.prefixes, len(source.prefixes)),
        )
        for source in sources
    ]
    random.shuffle(other)
    return other


@settings(max_examples=150)
@given(entries.lists, st.randoms(use_true_random=False))
def test_the_order_of_sources_and_entries_does_not_matter(sources, random):
    assert compile_rules(shuffled(sources, random), TODAY) == compile_rules(sources, TODAY)


@settings(max_examples=100)
@given(entries.lists)
def test_what_is_left_out_is_counted_and_the_rest_has_its_rule(sources):
    rules = compile_rules(sources, TODAY)
    listed = [entry for source in sources for entry in [*source.names, *source.prefixes]]
    over = [e for e in listed if e.rule.expires is not None and e.rule.expires < TODAY]
    shadowed = [e for e in listed if not e.rule.enforce and e not in over]
    assert (rules.expired, rules.shadowed) == (len(over), len(shadowed))
    live = [e for e in listed if entries.in_force(e.rule)]
    assert rules.listed == len({e.name for e in live if isinstance(e, NameEntry)})
    assert {p.prefix for p in rules.prefixes} == {
        e.prefix for e in live if not isinstance(e, NameEntry)
    }
    used = {slot.rule for entry in rules.names.values() for slot in slots(entry) if slot}
    assert set(rules.rules) == used | {p.rule for p in rules.prefixes}
    assert not rules.between & rules.names.keys()
    matched = [e for e in shadowed if not e.rule.allow]
    assert {e.prefix for e in matched if not isinstance(e, NameEntry)} == {
        e.prefix for e in rules.shadow.prefixes
    }
    assert {e.name for e in matched if isinstance(e, NameEntry)} == rules.shadow.names.keys()
    ends = [e.rule.expires for e in [*live, *matched] if e.rule.expires is not None]
    assert rules.changes_on == (min(ends) + timedelta(days=1) if ends else None)


@settings(max_examples=50)
@given(entries.lists)
def test_nothing_changes_before_the_day_it_says(sources):
    today = compile_rules(sources, TODAY)
    for day in range(1, 4):
        later = TODAY + timedelta(days=day)
        found = compile_rules(sources, later)
        same = found.names == today.names and found.prefixes == today.prefixes
        if today.changes_on is None or later < today.changes_on:
            assert same


@pytest.mark.parametrize(
    ("day", "listed", "changes_on"),
    [
        (date(2026, 2, 28), 1, date(2026, 3, 2)),
        (date(2026, 3, 1), 1, date(2026, 3, 2)),
        (date(2026, 3, 2), 0, None),
    ],
)
def test_an_entry_is_in_force_to_the_end_of_its_day(day, listed, changes_on):
    rules = rules_of(ONE + "expires = 2026-03-01\n", today=day)
    assert (rules.listed, rules.expired) == (listed, 1 - listed)
    assert rules.changes_on == changes_on


def test_an_expired_exception_no_longer_helps():
    allow = "[[allow]]\nreason = 'x'\ndomains = ['a.example']\nexpires = 2026-02-28\n"
    (entry,) = rules_of(ONE + allow).names.values()
    assert not entry.rule.allow


def test_a_shadow_rule_is_counted_and_blocks_nothing():
    rules = rules_of(ONE + "prefixes = ['198.18.1.0/28']\nenforce = false\n")
    assert (rules.shadowed, rules.listed, rules.prefixes, rules.rules) == (2, 0, (), ())


# What decides about a.example itself and about the names below it, by platform.
CONFLICTS = [
    (["a.example"], [], "p p"),
    (["=a.example"], [], "p -"),
    (["*.a.example"], [], "- p"),
    (["=a.example", "*.a.example"], [], "p p"),
    (["a.example"], ["a.example"], "allow allow"),
    (["a.example"], ["=a.example"], "allow p"),
    (["a.example"], ["*.a.example"], "p allow"),
    (["=a.example"], ["*.a.example"], "p allow"),
    (["*.a.example"], ["a.example"], "allow allow"),
]


@pytest.mark.parametrize(("domains", "allowed", "wanted"), CONFLICTS)
def test_an_exception_wins_where_both_speak_of_the_same_names(domains, allowed, wanted):
    text = HEAD + f"domains = {domains}\n"
    if allowed:
        text += f"[[allow]]\nreason = 'x'\ndomains = {allowed}\n"
    rules = rules_of(text)
    assert rules.issues == ()
    found = slots(rules.names[names.parse("a.example")])
    assert " ".join(slot.rule.id if slot else "-" for slot in found) == wanted


def test_the_more_exact_scope_wins_and_then_the_earlier_place():
    later = ONE.replace("'p'", "'q'").replace("a.example", "=a.example")
    found = slots(rules_of(ONE, later).names[names.parse("a.example")])
    assert (found.itself.rule.id, found.below.rule.id) == ("q", "p")
    found = rules_of(ONE.replace("'p'", "'q'"), ONE).names[names.parse("a.example")]
    assert found.rule.id == "q"


def test_duplicates_between_sources_are_warnings_and_the_first_place_counts():
    both = "domains = ['a.example']\nprefixes = ['198.18.1.0/28']\n"
    rules = rules_of(HEAD + both, "# c\n" + HEAD + both)
    assert [str(issue) for issue in rules.issues] == [
        "1.toml:4: warning: a.example is listed at 0.toml:3 too; that entry counts",
        "1.toml:5: warning: 198.18.1.0/28 is listed at 0.toml:4 too; that entry counts",
    ]
    assert {issue.severity for issue in rules.issues} == {Severity.WARNING}
    assert [rule.source for rule in rules.rules] == ["0.toml"]


def test_an_exception_elsewhere_and_a_duplicate_within_one_source_are_no_warnings():
    allow = "[[allow]]\nreason = 'x'\ndomains = ['a.example']\n"
    assert rules_of(ONE, allow).issues == ()
    assert rules_of(ONE + ONE.replace("'p'", "'q'")).issues == ()


def between(*texts):
    return {names.to_text(name) for name in rules_of(*texts).between}


def test_names_between_a_block_and_an_exception_are_noted():
    def excepting(*domains):
        return f"[[allow]]\nreason = 'x'\ndomains = {list(domains)}\n"

    assert between(ONE + excepting("z.y.a.example")) == {"y.a.example"}
    assert between(ONE + excepting("=z.y.x.a.example")) == {"y.x.a.example", "x.a.example"}
    assert between(ONE + excepting("y.a.example")) == set()
    assert between(ONE + excepting("z.y.a.example", "y.a.example")) == set()
    assert between(ONE + excepting("z.y.b.example")) == set()
    assert between(HEAD + "domains = ['=a.example']\n" + excepting("z.y.a.example")) == set()
    assert between(HEAD + "domains = ['*.a.example']\n" + excepting("z.y.a.example")) == {
        "y.a.example"
    }
    # Below the first exception nothing is blocked until the next block.
    inner = "[[platform]]\nid = 'q'\ndomains = ['x.w.a.example']\n"
    assert between(
        ONE + inner + excepting("a.example", "=z.y.x.w.a.example").replace("a.ex", "w.a.ex", 1)
    ) == {"y.x.w.a.example"}


def test_an_entry_fills_the_slots_that_its_scope_says():
    rule = Rule(id="p", source="a.toml")
    subtree, exact, below = (NameEntry(b"\x01a", scope, rule, 1) for scope in Scope)
    assert slots(subtree) == (subtree, subtree)
    assert slots(exact) == (exact, None)
    assert slots(below) == (None, below)
    assert slots(Slots(exact, below)) == (exact, below)


def test_nothing_gives_nothing():
    rules = compile_rules([], TODAY)
    assert (rules.rules, rules.names, rules.prefixes, rules.changes_on) == ((), {}, (), None)
