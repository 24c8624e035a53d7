"""What the formats of feeds share: lines as editors count them, one count each, rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names, prefixes
from blockd.terms import Action, Basis
from blockd.watchlist.formats import feed
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.ordinary import COMMENTED, ordinary
from blockd.watchlist.model import Scope, Severity


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


A, B = (names.parse(f"{label}.example") for label in "ab")
P = prefixes.parse("198.18.0.0/24")


def taken(*found):
    """Return what is counted and kept of lines with these meanings."""
    reading = Feed("x.txt", "x")
    for each in found:
        reading.line += 1
        reading.take(each)
    return reading.finished()


def listing(*wires, **more):
    rule = feed.rule("x.txt")
    return Found([(wire, Scope.SUBTREE, rule) for wire in wires], **more)


COUNTS = [
    ([NOTHING], (0, 1, [])),
    ([listing(A), listing(A, B)], (1, 0, ["a.example is listed at line 1 already"])),
    ([listing(A, A)], (1, 0, [])),
    ([Found(prefixes=[(P, feed.rule("x"))])] * 2, (1, 0, ["198.18.0.0/24 is listed at line 1"])),
    ([listing(A, problems=["bad", "worse"])], (0, 0, ["bad (and 1 more on this line)"])),
    ([Found(unsupported="a thing", detail=": why")], (0, 0, ["not taken: a thing: why"])),
    ([Found(is_entry=True)], (1, 0, [])),
    ([listing(A), listing(A, is_second_family=True)], (2, 0, [])),
    ([listing(A, is_second_family=True), listing(A)], (2, 0, [])),
    ([listing(A, is_second_family=True)] * 2, (1, 0, ["a.example is listed at line 1 already"])),
    ([listing(A), listing(A, is_second_family=True), listing(A)], (2, 0, ["a.example is listed"])),
]


@pytest.mark.parametrize(("found", "wanted"), COUNTS)
def test_a_line_counts_once_as_what_it_is(found, wanted):
    parsed = taken(*found)
    entries, comments, said = wanted
    assert (parsed.entries, parsed.comments) == (entries, comments)
    assert len(parsed.issues) == len(said)
    for issue, part in zip(parsed.issues, said, strict=True):
        assert part in issue.message
    assert len(parsed.names) == len({e.name for e in parsed.names})


def test_kinds_of_what_is_not_taken_are_counted():
    parsed = taken(Found(unsupported="x"), Found(unsupported="y"), Found(unsupported="x"))
    assert parsed.unsupported == {"x": 2, "y": 1}
    assert {issue.severity for issue in parsed.issues} == {Severity.WARNING}


LABEL = "a" * 63
TEXTS = st.sampled_from([
    "a.example", "b.example", "A.example", "xn--fsq092h.example", f"{LABEL}.example",
    f"{LABEL}b.example", ".".join([LABEL] * 4), "a.example.1", "example", "-a.example",
    "a.example # why", "", "#", "a b",
    *(f"a{number}.example" for number in range(20)),
])  # fmt: skip


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["", " ", "\r"])), max_size=40))
def test_reading_at_once_and_singly_give_the_same(lines):
    text = "".join(f"{line}{end}\n" for line, end in lines)

    def parsed(shapes):
        reading = Feed("x.txt", "x")
        reading.shapes = shapes

        def meaning(line):
            try:
                return Found([(names.parse(line.partition(" ")[0]), Scope.SUBTREE, reading.rule)])
            except names.NameFormError as error:
                return Found(problems=[str(error)])

        return reading.read(text, meaning)

    assert parsed([ordinary("", COMMENTED)]) == parsed([])


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


def test_an_entry_that_is_withdrawn_makes_its_line_a_warning():
    reading = Feed("x.txt", "x")
    for wire in (A, B):
        reading.line += 1
        reading.take(listing(wire))
    reading.withdraw([(reading.parsed.names[0], "is beaten")])
    parsed = reading.finished()
    assert [entry.name for entry in parsed.names] == [B]
    assert [str(issue) for issue in parsed.issues] == ["x.txt:1: warning: is beaten"]
    assert parsed.entries == 1


def test_a_duplicate_says_where_the_first_stands():
    (issue,) = taken(NOTHING, listing(A), NOTHING, listing(A)).issues
    assert str(issue) == "x.txt:4: warning: a.example is listed at line 2 already"


def test_a_line_with_an_issue_that_lists_something_all_the_same_is_known_as_what_it_counts():
    found = [
        listing(A, problems=["one is bad"]),
        listing(A, B),
        listing(B),
        Found(unsupported="x", is_entry=True),
        Found(problems=["bad"]),
    ]
    parsed = taken(*found)
    assert parsed.mixed == {1: "error", 2: "warning", 4: "x"}
    assert (parsed.entries, parsed.faults) == (0, 5)


def test_rules_that_bad_lines_ask_for_are_not_kept_for_ever(monkeypatch):
    monkeypatch.setattr(feed, "_MOST_IDLE", 10)
    reading = Feed("x.txt", "x")
    for number in range(100):
        reading.line += 1
        reading.variant(reference=str(number))
    assert len(reading._variants) <= 11
