"""The platforms: the most blocked first, filtered, and not more than a page holds."""

import pytest

from blockd.watchlist.model import Rule
from blockd.web.pages import platforms
from blockd.web.words import Words
from tests.hypertext.test_markup import read

RULES = [
    Rule(id="p001", source="a.toml", name="First", list_name="Orders", reference="N 1"),
    Rule(id="p002", source="a.toml", name="Second", authority="Authority"),
    Rule(id="p003", source="a.toml", name="Third", enforce=False),
    Rule(id="allow", source="a.toml", allow=True, reason="Refunds"),
]


def page(wanted="", counted=None, rules=RULES):
    return read(platforms.show(Words("en"), rules, counted or {}, {"p003": 77}, wanted)).text


def test_the_most_blocked_stands_first_and_an_exception_last():
    text = page(counted={"p002": 12345, "allow": 99999})
    places = [text.index(name) for name in ("Second", "First", "Third", "Refunds")]
    assert places == sorted(places)
    assert "12,345" in text
    assert "99,999" not in text
    assert "Third (not enforced)would be 77" in text


@pytest.mark.parametrize(
    ("wanted", "names"),
    [("first", {"First"}), ("P00", {"First", "Second", "Third"}), ("refund", {"Refunds"}),
     (" n 1 ", {"First"}), ("authority", {"Second"}), ("nobody", set())],
)  # fmt: skip
def test_the_filter_looks_in_every_text(wanted, names):
    text = page(wanted)
    assert {name for name in ("First", "Second", "Third", "Refunds") if name in text} == names
    assert f"{len(names)} of 4 platforms and exceptions" in text


def test_a_long_list_is_cut_and_says_so():
    many = [Rule(id=f"p{number:06d}", source="feed.csv") for number in range(10_000)]
    text = page(rules=many)
    assert text.count("p00") == platforms.MOST
    assert "Only the first 500 are shown" in text
    assert "10,000 platforms" in text
