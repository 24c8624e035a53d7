"""What a feed lists: one count for each line, as what it is, and each entry once."""

import pytest

from blockd import names, prefixes
from blockd.watchlist.formats import feed
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.listed import repetition
from blockd.watchlist.model import Scope, Severity

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


@pytest.mark.parametrize(
    ("what", "text"),
    [(P, str(P)), ((A, Scope.SUBTREE), "a.example"), ((A, Scope.BELOW), "*.a.example")],
)
def test_a_repetition_is_told_of_names_and_prefixes_alike(what, text):
    assert repetition(what, 7) == f"{text} is listed at line 7 already"
