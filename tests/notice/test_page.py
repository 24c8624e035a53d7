"""The page of a notice: what a list holds stays text, and nothing is fetched."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.notice import facts, page
from blockd.notice.words import Words
from tests.hypertext.test_markup import read
from tests.notice.rules import FULL, NAME, OPERATOR, verdict

STYLE = "p { color: red }"
HOSTILE = '<script src="//x.example/">alert(1)</script>"\'></style><img src=x>'


def shown(language="en", operator=OPERATOR, **rule):
    about = facts.blocked(NAME, verdict(**FULL | rule), operator)
    return page.of_blocked(Words(language), about, STYLE)


@pytest.mark.parametrize(
    ("language", "tag", "heading"),
    [
        ("en", "en", "www.listed.example is blocked"),
        ("zh", "zh-Hans", "www.listed.example 已被封锁"),
    ],
)
def test_it_says_so_in_the_readers_language(language, tag, heading):
    found = shown(language)
    assert f'<html lang="{tag}">' in found
    assert f"<h1>{heading}</h1>" in found
    for fact in ("Example Authority", "Notice 7", "2099-12-31", OPERATOR):
        assert fact in found


def test_its_parts_make_no_request():
    found = shown()
    assert set(re.findall(r'(?:src|href)="([^"]*)"', found)) == {
        "data:,", "mailto:desk@authority.example", OPERATOR,
    }  # fmt: skip
    assert not re.search(r"url\(|@import|<script", found)
    assert f"<style>{STYLE}</style>" in found


@pytest.mark.parametrize("key", ["name", "list_name", "authority", "reference", "contact"])
def test_markup_in_a_list_is_text(key):
    plain, hostile = read(shown()), read(shown(**{key: HOSTILE}))
    ours = {"a", "bdi"}
    assert [tag for tag in hostile.tags if tag not in ours] == [
        tag for tag in plain.tags if tag not in ours
    ]
    assert HOSTILE in hostile.text


@pytest.mark.parametrize("key", ["name", "list_name", "authority", "reference", "contact"])
@pytest.mark.parametrize("text", ["\u202ebank", "a\u2069\u202eb", "\u05d0\u05d1 7", "\u202e"])
def test_a_list_turns_nothing_round_but_its_own_text(key, text):
    found = shown(**{key: text})
    kept = re.sub("[\u202a-\u202e\u2066-\u2069]", "", text)
    outside = re.sub(r"<bdi>.*?</bdi>", "", found)
    assert not re.search("[\u05d0\u05d1\u202a-\u202e\u2066-\u2069]", outside)
    assert re.search(f"<bdi>[^<]*{kept}</bdi>", found)


@pytest.mark.parametrize(
    ("contact", "linked"),
    [
        ("mailto:desk@authority.example", True), ("https://authority.example/%20x", True),
        ("tel:+1-555-0100", True), ("javascript:alert(1)", False), ("data:text/html,x", False),
        ("desk@authority.example", False), ('https://x.example/"x', False), ("HTTPS:x", False),
        ("https://x.example/ü", False), ("mailto:", False), ("https://x.example/%zz", False),
    ],
)  # fmt: skip
def test_a_contact_is_a_link_where_it_is_a_uri_that_does_nothing(contact, linked):
    found = shown(operator="", contact=contact)
    assert (f'<a href="{contact}">' in found) is linked
    assert ("<a " in found) is linked


@given(st.from_regex(r"[a-z0-9]{1,20}\.example", fullmatch=True))
def test_a_name_that_no_list_has_is_named(name):
    found = read(page.of_other(Words("en"), name, STYLE))
    assert name in found.text
    assert "a" not in found.tags
