"""Plain domains: entries, scopes, issues, and that every line is counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.terms import Basis
from blockd.watchlist.formats import domains
from blockd.watchlist.model import Scope, Severity


def accounted(parsed):
    return parsed.entries + parsed.comments + parsed.blanks + parsed.faults == parsed.lines


def test_a_list():
    parsed = domains.parse(
        "# a comment\n! another\n\na.example\r\n  B.Example.  # why\n*.c.example\n= d.example\n"
        "示例.example\ne.example\t! why\n \t \na_b-c.example\n",
        "feeds/phishing.2026.txt",
    )
    assert parsed.issues == []
    assert [(names.to_unicode(e.name), e.scope, e.line) for e in parsed.names] == [
        ("a.example", Scope.SUBTREE, 4),
        ("b.example", Scope.SUBTREE, 5),
        ("c.example", Scope.BELOW, 6),
        ("d.example", Scope.EXACT, 7),
        ("示例.example", Scope.SUBTREE, 8),
        ("e.example", Scope.SUBTREE, 9),
        ("a_b-c.example", Scope.SUBTREE, 11),
    ]
    assert (parsed.lines, parsed.entries, parsed.comments, parsed.blanks) == (11, 7, 2, 2)
    rule = parsed.names[0].rule
    assert (rule.id, rule.basis, rule.source) == (
        "phishing.2026",
        Basis.POLICY,
        "feeds/phishing.2026.txt",
    )
    assert all(entry.rule is rule for entry in parsed.names)
    assert parsed.feed
    assert parsed.format == "domains"


BAD = [
    ("198.18.1.1", "is an address; list it under `prefixes`"),
    ("198.18.1.0/24", "is an address"),
    ("198.18.1.1/24", "is an address"),
    ("2001:db8::1", "is an address"),
    ("=198.18.1.1", "is an address"),
    ("198.18.1", "ends in a number"),
    ("a.example.7", "ends in a number"),
    ("http://a.example/", "write the name alone: 'a.example'"),
    ("a.example/path", "is a URL"),
    ("a.example b.example", "holds a blank"),
    ("*a.example", "has a `*` that is not in front"),
    ("a..example", "empty label"),
    ("a.example:53", "names a port"),
    ("me@a.example", "is a mail address"),
    ("a" * 64 + ".example", "63 are the most"),
    ("a\u2028b.example", "holds a blank"),
    ("a#b.example", "characters other than"),
]


@pytest.mark.parametrize(("line", "part"), BAD)
def test_a_bad_line_is_one_issue_at_its_line(line, part):
    parsed = domains.parse(f"a.example\n{line}\nb.example\n", "x.txt")
    (issue,) = parsed.issues
    assert issue.origin == ("x.txt", 2)
    assert issue.severity is Severity.ERROR
    assert part in issue.message
    assert [e.line for e in parsed.names] == [1, 3]
    assert accounted(parsed)


@pytest.mark.parametrize("twin", ["a.example", "A.EXAMPLE", "a.example. # again"])
def test_a_duplicate_is_a_warning(twin):
    parsed = domains.parse(f"a.example\n=a.example\n{twin}\n", "x.txt")
    (issue,) = parsed.issues
    assert (issue.origin.line, issue.severity) == (3, Severity.WARNING)
    assert "listed at line 1 already" in issue.message
    assert parsed.entries == 2
    assert accounted(parsed)


PART = st.sampled_from(
    ["a.example", "b.example", "*.", "=", "#", "!", " ", "\t", "\r", "xn--", "1.2.3.4", "é", "."]
)
LINE = st.one_of(st.lists(PART, max_size=5).map("".join), st.text(max_size=20))


@given(st.lists(LINE, max_size=30).map(lambda lines: "".join(line + "\n" for line in lines)))
def test_every_line_is_counted_once(text):
    parsed = domains.parse(text, "x")
    assert accounted(parsed)
    assert parsed.lines == text.count("\n")
    assert len({(e.name, e.scope) for e in parsed.names}) == len(parsed.names)
