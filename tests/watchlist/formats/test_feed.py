"""What the formats of feeds share: lines as editors count them, one rule, duplicates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.terms import Basis
from blockd.watchlist.formats import feed
from blockd.watchlist.model import Severity

LINES = [
    ("", []),
    ("a\n", ["a"]),
    ("a", ["a"]),
    ("a\r\nb\n", ["a", "b"]),
    ("\n\n", ["", ""]),
    ("a\fb\x0bc\x1cd\x85e\u2028f\n", ["a\fb\x0bc\x1cd\x85e\u2028f"]),
    ("a\rb\n", ["a\rb"]),
]


@pytest.mark.parametrize(("text", "wanted"), LINES)
def test_lines_end_at_line_feeds_alone(text, wanted):
    assert feed.lines(text) == wanted


@given(st.text(st.sampled_from("a\r\n\f\u2028"), max_size=20).map(lambda text: text + "\n"))
def test_there_are_as_many_lines_as_line_feeds(text):
    assert len(feed.lines(text)) == text.count("\n")


@pytest.mark.parametrize(
    ("source", "rule_id"),
    [
        ("phishing.txt", "phishing"),
        ("/etc/blockd/rules.d/a.b.hosts", "a.b"),
        ("feeds/noname", "noname"),
        ("feeds.d/.txt", ".txt"),
    ],
)
def test_the_rule_is_called_after_the_file(source, rule_id):
    rule = feed.rule(source)
    assert (rule.id, rule.source, rule.line, rule.basis) == (rule_id, source, 0, Basis.POLICY)


def test_a_duplicate_says_where_the_first_stands():
    issue = feed.duplicate("a.txt", 7, "a.example", 3)
    assert str(issue) == "a.txt:7: warning: a.example is listed at line 3 already"
    assert issue.severity is Severity.WARNING
