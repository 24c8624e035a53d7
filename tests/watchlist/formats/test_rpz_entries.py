"""Entries of a zone while it is read: one policy an owner, and all at once is as one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names, prefixes, records
from blockd.terms import Action
from blockd.watchlist.formats.rpz_actions import PASSTHRU, Local, Outcome
from blockd.watchlist.formats.rpz_entries import Entries, Instead, Objection, Repeated
from blockd.watchlist.model import Parsed, Scope

DENY, EMPTY = Outcome(Action.NXDOMAIN), Outcome(Action.NODATA)
SIGN = {Scope.SUBTREE: "", Scope.EXACT: "=", Scope.BELOW: "*."}
X = names.parse("x.example")


def local(text, ttl=None):
    return Local(records.parse(text), ttl)


A, OTHER, CNAME = local("A 198.18.0.1"), local("A 198.18.0.2"), local("CNAME garden.test.")


def put(entries, text, said, line):
    """Take one record; return what was said against it."""
    wild = text.startswith("*.")
    try:
        if prefixes.is_meant(text):
            entries.prefix(prefixes.parse(text), said, line)
        else:
            scope = Scope.BELOW if wild else Scope.EXACT
            entries.name(scope, names.parse(text.removeprefix("*.")), said, line)
    except Objection as objection:
        return objection
    return None


def listed(entries):
    """Each entry as text with what it leads to and its line."""
    parsed = Parsed(source="z.rpz", feed=True)
    entries.finish(parsed)
    rows = [(SIGN[e.scope] + names.to_text(e.name), e.rule, e.line) for e in parsed.names]
    rows += [(str(e.prefix), e.rule, e.line) for e in parsed.prefixes]
    return [
        (text, "passthru" if rule.allow else rule.records or str(rule.action), line)
        for text, rule, line in rows
    ]


REPEATS = [
    (DENY, DENY, Repeated, "stands at line 1 already", "nxdomain"),
    (A, A, Repeated, "has the same record", ("A 198.18.0.1",)),
    (A, OTHER, None, "", ("A 198.18.0.1", "A 198.18.0.2")),
    (A, CNAME, Objection, "stands alone .*; the records from line 1 on", ("A 198.18.0.1",)),
    (CNAME, local("CNAME b."), Objection, "stands alone", ("CNAME garden.test.",)),
    (DENY, PASSTHRU, Instead, "at line 1 says otherwise; the exception counts", "passthru"),
    (A, PASSTHRU, Instead, "the exception counts", "passthru"),
    (PASSTHRU, DENY, Objection, "that one counts", "passthru"),
    (PASSTHRU, A, Objection, "that one counts", "passthru"),
    (DENY, EMPTY, Objection, "at line 1 says otherwise; that one counts", "nxdomain"),
    (DENY, A, Objection, "that one counts", "nxdomain"),
    (A, DENY, Objection, "that one counts", ("A 198.18.0.1",)),
]


@pytest.mark.parametrize("owner", ["x.example", "*.x.example", "198.18.1.0/24"])
@pytest.mark.parametrize(("first", "second", "kind", "part", "wanted"), REPEATS)
def test_of_two_policies_of_one_owner_the_first_counts_but_for_an_exception(
    owner, first, second, kind, part, wanted
):
    entries = Entries("z.rpz")
    assert put(entries, owner, first, 1) is None
    if kind is None:
        assert put(entries, owner, second, 2) is None
    else:
        with pytest.raises(kind, match=part) as said:
            raise put(entries, owner, second, 2)
        assert type(said.value) is kind
    line = 2 if (first, second) in {(DENY, PASSTHRU), (A, PASSTHRU)} else 1
    text = owner if owner[0] in "*1" else f"={owner}"
    assert listed(entries) == [(text, wanted, line)]


HALVES = [
    (DENY, DENY, [("x.example", "nxdomain", 1)]),
    (DENY, EMPTY, [("=x.example", "nxdomain", 1), ("*.x.example", "nodata", 2)]),
    (A, A, [("x.example", ("A 198.18.0.1",), 1)]),
    (A, local("A 198.18.0.1", 60), [("=x.example", ("A 198.18.0.1",), 1),
                                   ("*.x.example", ("A 198.18.0.1",), 2)]),
    (PASSTHRU, PASSTHRU, [("x.example", "passthru", 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("itself", "below", "wanted"), HALVES)
def test_a_name_and_its_wildcard_are_one_subtree_where_they_say_the_same(itself, below, wanted):
    entries = Entries("z.rpz")
    put(entries, "x.example", itself, 1)
    put(entries, "*.x.example", below, 2)
    assert listed(entries) == wanted


@pytest.mark.parametrize("wires", [[X, b"\1*" + X], [X, b"\1*" + X, names.parse("a.example")]])
@pytest.mark.parametrize("half", ["x.example", "*.x.example"])
def test_an_exception_for_one_half_of_a_subtree_leaves_the_other(wires, half):
    entries = Entries("z.rpz")
    assert entries.bulk(wires, DENY, 1)
    assert "exception counts" in str(put(entries, half, PASSTHRU, 9))
    found = {text: said for text, said, _ in listed(entries) if text != "=a.example"}
    marked = {"x.example": "=x.example"}
    assert found == {
        marked.get(text, text): "passthru" if text == half else "nxdomain"
        for text in ("x.example", "*.x.example")
    }


def test_entries_that_lead_to_the_same_have_one_rule_of_the_line_that_first_did():
    entries = Entries("z.rpz")
    for line, owner in enumerate(["x.example", "198.18.1.0/24", "*.y.example"], 1):
        put(entries, owner, DENY, line)
    put(entries, "w.example", EMPTY, 4)
    parsed = Parsed(source="z.rpz", feed=True)
    entries.finish(parsed)
    rules = {id(e.rule): e.rule for e in (*parsed.names, *parsed.prefixes)}
    assert sorted((rule.line, rule.action) for rule in rules.values()) == [
        (1, Action.NXDOMAIN), (4, Action.NODATA),
    ]  # fmt: skip
    assert entries.rule(DENY, 9) in rules.values()


OWNERS = st.lists(
    st.sampled_from([f"{wild}{name}.example" for name in "abc" for wild in ("", "*.")]),
    min_size=1, max_size=6,
)  # fmt: skip
OUTCOMES = st.sampled_from([DENY, EMPTY, PASSTHRU])


@given(st.lists(st.tuples(OWNERS, OUTCOMES), max_size=4))
def test_names_taken_at_once_are_as_if_taken_one_by_one(runs):
    at_once, singly = Entries("z.rpz"), Entries("z.rpz")
    line = 1
    for owners, outcome in runs:
        wires = [
            (b"\1*" if owner.startswith("*") else b"") + names.parse(owner.removeprefix("*."))
            for owner in owners
        ]
        said = [put(singly, owner, outcome, n) for n, owner in enumerate(owners, line)]
        taken = at_once.bulk(wires, outcome, line)
        assert taken is not any(said), "all of them, or none"
        if not taken:
            for number, owner in enumerate(owners, line):
                put(at_once, owner, outcome, number)
        line += len(owners)
    assert sorted(listed(at_once)) == sorted(listed(singly))
