"""What all pages have in common."""

from datetime import UTC, datetime

import pytest

from blockd.web.pages import frame
from blockd.web.words import Words
from tests.hypertext.test_markup import read


def test_the_section_that_is_shown_is_marked_once():
    document = frame.page(Words("en"), "T", "body", at="/history")
    assert document.count("aria-current") == 1
    assert '<a href="/history" aria-current="page">' in document


def test_texts_of_a_list_cannot_break_out():
    document = frame.page(Words("en"), "</title><script>", frame.table(["<b>"], [["<i>"]]))
    assert not {"script", "b", "i"} & set(read(document).tags)


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (0, "1970-01-01 00:00:00 UTC"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02 03:04:05 UTC"),
    ],
)
def test_times_are_shown_in_utc(moment, shown):
    assert read(frame.time(moment)).text == shown
    assert frame.time(None) is None


def test_what_has_no_value_is_left_out():
    assert read(frame.pairs([("a", ""), ("b", None), ("c", "d"), ("e", 0)])).text == "cde0"
