"""Which form a client gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.notice.media import HTML, PROBLEM, TEXT, chosen

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", HTML), ("*/*", HTML), (BROWSER, HTML), ("image/webp,*/*;q=0.8", HTML),
        ("application/json", PROBLEM), ("application/problem+json", PROBLEM),
        ("application/json, text/plain, */*", PROBLEM), ("application/*", PROBLEM),
        ("text/plain", TEXT), ("TEXT/PLAIN;format=flowed", TEXT), ("text/*", HTML),
        ("text/html;q=0.5, text/plain", TEXT), ("text/html;q=0.5, application/json;q=0.4", HTML),
        ("text/html;level=1;q=0.1, text/plain;q=0.2", TEXT), ("text/html;q=0, */*", PROBLEM),
        ("*/*;q=0", HTML), ("image/png", HTML), (",;,q", HTML),
    ],
)  # fmt: skip
def test_the_form_that_is_wanted_most_is_chosen(header, form):
    assert chosen(header) == form


@given(st.text(max_size=80))
def test_whatever_a_client_sends_there_is_a_form(header):
    assert chosen(header) in {HTML, PROBLEM, TEXT}


def test_a_long_header_is_looked_at_in_part():
    assert chosen("a/b," * 31 + "text/plain") == TEXT
    assert chosen("a/b," * 32 + "text/plain") == HTML
