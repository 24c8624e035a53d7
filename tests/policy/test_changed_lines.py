"""Lines that have gone and come, each by itself: what they add up to, and what needs the rest."""

from array import array
from types import SimpleNamespace

import pytest

from blockd import names
from blockd.policy.changed_lines import Lines, Unclear
from blockd.policy.heads import Head
from blockd.watchlist.formats.found import Top
from blockd.watchlist.model import NameEntry, Rule, Scope
from tests.policy.test_patch import kept

RULE = Rule(id="x", source="x.txt")
TEXT = "a.example\n# c\nb.example\n\n"
HEAD = Head("", Top("", 0, 0))


@pytest.fixture
def lines():
    """A source of four lines of which the second and the fourth list nothing."""
    listed = {
        names.parse(f"{name}.example"): [
            NameEntry(names.parse(f"{name}.example"), Scope.SUBTREE, RULE, line)
        ]
        for name, line in (("a", 1), ("b", 3))
    }
    last = SimpleNamespace(of_name=lambda name: listed.get(name, []), of_prefix=lambda _: [])
    return Lines(kept(TEXT, "x.txt"), last, array("I", [0, 1, 2, 0, 4]), (HEAD, HEAD))


def counts(read):
    return read.entries, read.comments, read.blanks, dict(read.counted)


def test_a_line_in_place_of_another_changes_the_entry_and_no_count(lines):
    lines.leave(3, "b.example\n", is_counted=True)
    lines.enter(3, "c.example\n")
    read = lines.taken()
    assert [(names.to_text(entry.name), entry.line) for entry in read.names] == [("c.example", 3)]
    assert counts(read) == (2, 1, 1, {})
    assert lines.left() == {False: 1}
    assert lines.touched() == {names.parse("b.example"), names.parse("c.example")}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("# more\n", (2, 2, 1)), ("\n", (2, 1, 2)), ("c.example\n", (3, 1, 1)), ("c..d\n", (2, 1, 1))],
)
def test_a_line_more_is_counted_as_what_it_is(lines, line, wanted):
    lines.enter(5, line)
    read = lines.taken()
    assert counts(read)[:3] == wanted
    assert read.faults == ("c..d" in line)


def test_a_repetition_is_told_with_the_line_above(lines):
    lines.enter(5, "a.example\n")
    (issue,) = lines.taken().issues
    assert (issue.origin.line, "line 1" in issue.message) == (5, True)


@pytest.mark.parametrize(
    ("gone", "came"),
    [
        ((3, "a.example\n"), None), (None, (5, "=a.example\n")), (None, (5, "*.a.example\n")),
    ],
)  # fmt: skip
def test_what_needs_other_lines_is_unclear(lines, gone, came):
    with pytest.raises(Unclear):
        if gone:
            lines.leave(*gone, is_counted=True)
        if came:
            lines.enter(*came)
