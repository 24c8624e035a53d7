"""What the formats of feeds share: lines as editors count them, one count each, rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.terms import Action, Basis
from blockd.watchlist.formats import feed, hosts
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING


def seen(text):
    """Return the lines that a format is asked about."""
    lines = []
    parsed = Feed("x.txt", "x").read(text, lambda line: lines.append(line) or NOTHING)
    return lines, parsed


LINES = [
    ("", []),
    ("a\n", ["a"]),
    ("a", ["a"]),
    ("a\r\n b \n", ["a", "b"]),
    ("a\n \t\nb\n", ["a", "b"]),
    ("a\fb\x0bc\x1cd\x85e\u2028f\n", ["a\fb\x0bc\x1cd\x85e\u2028f"]),
    ("a\rb\n", ["a\rb"]),
]


@pytest.mark.parametrize(("text", "wanted"), LINES)
def test_lines_end_at_line_feeds_alone(text, wanted):
    assert seen(text)[0] == wanted


@given(st.text(st.sampled_from("a\r\n\f\u2028 "), max_size=20).map(lambda text: text + "\n"))
def test_there_are_as_many_lines_as_line_feeds(text):
    lines, parsed = seen(text)
    assert parsed.lines == text.count("\n") == parsed.comments + parsed.blanks
    assert parsed.comments == len(lines)


@pytest.mark.parametrize(
    ("source", "rule_id"),
    [
        ("phishing.txt", "phishing"),
        ("/etc/blockd/rules.d/a.b.hosts", "a.b"),
        ("feeds/noname", "noname"),
        ("feeds.d/.txt", ".txt"),
        ("feeds/phishing.txt.gz", "phishing"),
    ],
)
def test_the_rule_is_called_after_the_file(source, rule_id):
    rule = feed.rule(source)
    assert (rule.id, rule.source, rule.line, rule.basis) == (rule_id, source, 0, Basis.POLICY)


def test_variants_of_the_rule_are_one_object_each_and_told_apart():
    reading = Feed("x.txt", "x")
    reading.line = 7
    drop = reading.variant(action=Action.DROP)
    reading.line = 9
    assert reading.variant(action=Action.DROP) is drop
    assert reading.variant() is reading.rule
    assert drop.line == 7
    assert len({drop, reading.rule, reading.variant(action=Action.ZERO)}) == 3


def test_rules_that_bad_lines_ask_for_are_not_kept_for_ever(monkeypatch):
    monkeypatch.setattr(feed, "_MOST_IDLE", 10)
    reading = Feed("x.txt", "x")
    for number in range(100):
        reading.line += 1
        reading.variant(reference=str(number))
    assert len(reading._variants) <= 11


@pytest.mark.parametrize(
    ("text", "linewise"),
    [
        ("0.0.0.0 a.example\n:: a.example\n", False),
        ("0.0.0.0 a.example\n0.0.0.0 b.example\n:: a.example\n", False),
        ("0.0.0.0 a.example\n0.0.0.0 b.example\n# :: a.example\n", True),
    ],
)
def test_lines_of_two_families_depend_on_each_other(text, linewise):
    assert hosts.parse(text, "x").linewise == linewise
