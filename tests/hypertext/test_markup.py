"""HTML: what goes in as text comes out as text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.hypertext.markup import Markup, e, joined


class Reader(HTMLParser):
    """Keeps what a browser would see."""

    def __init__(self):
        super().__init__()
        self.tags, self.text, self.attributes = [], "", {}

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data):
        self.text += data


def read(markup):
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(PLAIN, PLAIN)
def test_no_text_becomes_an_element_or_an_attribute(text, value):
    found = read(e("p", text, title=value))
    assert found.tags == ["p"]
    assert found.attributes == {"title": value}
    assert found.text == text


@pytest.mark.parametrize(
    ("made", "html"),
    [
        (e("p"), "<p></p>"),
        (e("p", None, "a", 1, ["b", [e("i", "c")]]), "<p>a1b<i>c</i></p>"),
        (e("input", name="q", value='"'), '<input name="q" value="&quot;">'),
        (e("label", "x", for_="q", class_="a", aria_label="y"),
         '<label for="q" class="a" aria-label="y">x</label>'),
        (e("a", "x", href=None), "<a>x</a>"),
        (joined("<", Markup("<b>")), "&lt;<b>"),
    ],
)  # fmt: skip
def test_elements_are_written_as_html_wants_them(made, html):
    assert made == html
