"""Lines for a terminal: never wider or higher than it, and marked where they differ."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.cli.glance.frame import frame, printable

MARKS = re.compile(r"\x1b\[[07]m")
LINES = st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126)), max_size=12)
SIZES = st.integers(1, 40)


@given(LINES, st.none() | LINES, SIZES, SIZES)
def test_it_fits_and_marks_change_no_letter(lines, before, columns, rows):
    plain = [MARKS.sub("", line) for line in frame(lines, before, columns, rows)]
    assert len(plain) == min(len(lines), rows)
    assert all(len(line) <= columns for line in plain)
    whole = plain if len(lines) <= rows else plain[:-1]
    assert whole == [line[:columns] for line in lines[: len(whole)]]


@given(LINES, SIZES, SIZES)
def test_what_is_the_same_is_not_marked(lines, columns, rows):
    assert frame(lines, lines, columns, rows) == frame(lines, None, columns, rows)


@pytest.mark.parametrize(
    ("before", "line", "marked"),
    [
        ("queries  forwarded 7", "queries  forwarded 12", ["12"]),
        ("queries  forwarded 12", "queries  forwarded 1", ["1"]),
        ("queries  none yet", "queries  blocked 1", ["blocked", "1"]),
        ("cache  1 answers", "queries  none", ["queries", "none"]),
        ("a  1", "a  1 more", ["more"]),
    ],
)
def test_words_that_differ_in_their_place_are_marked(before, line, marked):
    (shown,) = frame([line], [before], 80, 24)
    assert re.findall(r"\x1b\[7m(\S+)\x1b\[0m", shown) == marked


def test_of_lines_about_the_same_each_is_compared_with_its_own():
    before = ["cut  a", "cut  b"]
    assert frame(["cut  a", "cut  b", "cut  c"], before, 80, 24)[:2] == before


def test_what_does_not_fit_is_counted():
    assert frame(list("abcd"), None, 80, 2) == ["a", "... 3 more lines: make the window higher"]


@pytest.mark.parametrize(("columns", "shown"), [(6, "名a字b"), (5, "名a字"), (4, "名a"), (1, "")])
def test_a_wide_character_takes_two_columns(columns, shown):
    assert frame(["名a字b"], None, columns, 24) == [shown]


def test_nothing_that_is_shown_steers_the_terminal():
    assert printable("a\x1b[2J\nü") == r"a\x1b[2J\nü"
