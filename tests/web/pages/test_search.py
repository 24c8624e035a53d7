"""The search: a verdict in words, and only what is known of it."""

import pytest

from blockd.watchlist.model import Rule
from blockd.web.pages import search
from blockd.web.shelf import Found
from blockd.web.words import Words
from tests.hypertext.test_markup import read

LISTED = Rule(id="p001", source="a.toml", name="First")


def page(rule, language="en", unicode=""):
    found = Found("a.example", unicode, "a.example", rule, "a.toml:3", 7)
    return read(search.show(Words(language), "a.example", found)).text


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        (LISTED, "a.example is blocked", "a.example 已被封锁"),
        (None, "no entry covers it", "没有条目涵盖它"),
        (Rule(id="allow", source="a", allow=True, reason="R"), "it is excepted", "属于例外"),
        (Rule(id="p", source="a", enforce=False), "listed, but not enforced", "但不执行"),
    ],
)
def test_the_verdict_is_a_sentence(rule, english, chinese):
    assert english in page(rule)
    assert chinese in page(rule, "zh")


def test_what_a_list_does_not_say_is_not_shown():
    text = page(LISTED)
    assert "a.toml:3" in text
    assert "expires" not in text
    assert "contact" not in text


def test_an_international_name_is_shown_as_people_write_it():
    assert "a.example (ä.example) is blocked" in page(LISTED, unicode="ä.example")
