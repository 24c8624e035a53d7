"""Canonical names: spelling, limits, and the forms they are kept in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.errors import NameFormError

SAME = [
    ("exchange-001.example", "exchange-001.example"),
    ("Exchange-001.EXAMPLE.", "exchange-001.example"),
    ("示例交易所.example", "xn--tlquv626b4sdm73a.example"),
    ("XN--TLQUV626B4SDM73A.example", "xn--tlquv626b4sdm73a.example"),
    ("BÜCHER.example", "xn--bcher-kva.example"),
    ("a。example", "a.example"),
    ("_dmarc.mail.example", "_dmarc.mail.example"),
    ("xn--17g.example", "xn--17g.example"),  # no IDNA 2008: a sign, as emoji are; names have them
    ("XN--I-7IQ.example", "xn--i-7iq.example"),
    ("straße.example", "xn--strae-oqa.example"),  # non-transitional: ß stays
]

WRONG = [
    ("", "root"),
    ("a..example", "empty label"),
    (".example", "empty label"),
    ("a" * 64 + ".example", "63 are the most"),
    (".".join(["a" * 60] * 5), "253 are the most"),
    ("-a.example", "hyphen"),
    ("a-.example", "hyphen"),
    ("a b.example", "characters other than"),
    ("a$.example", "characters other than"),
    ("xn--a.example", "IDNA"),
    ("☃☃.example", "IDNA"),
    ("xn--zzzzzzzzzz99999999.example", "no punycode"),
    ("xn--abc-.example", "no punycode"),
    ("xn--.example", "no punycode"),
    ("a" * 5000, "that is no name"),
]


@pytest.mark.parametrize(("text", "canonical"), SAME)
def test_spellings_are_one_name(text, canonical):
    assert names.canonical(text) == canonical
    assert names.to_text(names.parse(text)) == canonical


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_no_name_is_told_why(text, said):
    with pytest.raises(NameFormError, match=said):
        names.parse(text)


LABEL = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True).filter(
    lambda label: not label.startswith("xn--")
)
NAME = st.lists(LABEL, min_size=1, max_size=6).map(".".join)


@given(NAME)
def test_case_and_the_final_dot_do_not_matter(name):
    wire = names.parse(name)
    assert names.parse(name.upper() + ".") == wire
    assert names.plain_wire(name) in {wire, None}
    assert names.to_text(wire) == name


@given(st.text())
def test_any_text_is_a_name_or_told_why(text):
    try:
        wire = names.parse(text)
    except NameFormError:
        return
    assert names.parse(names.to_text(wire)) == wire
    assert len(wire) < names.MAX_WIRE
    assert names.plain_wire(text) in {None, wire}


@given(st.lists(NAME, min_size=1, max_size=8))
def test_many_names_at_once_are_the_same_as_one_by_one(listed):
    listed = [name for name in listed if "xn--" not in name]
    if listed:
        wires = [names.parse(name) for name in listed]
        assert names.plain_wires(listed) == wires
        assert names.plain_wires([name.upper() for name in listed]) == wires


@pytest.mark.parametrize("name", ["a" * 64 + ".example", ".".join(["a" * 63] * 4)])
def test_a_name_that_is_too_long_among_many_is_noticed(name):
    assert names.plain_wires(["a.example", name]) is None
    assert names.plain_wires(["a.example", "b" * 63]) is not None


@given(st.text(st.sampled_from("ab-0189z"), max_size=30))
def test_whatever_follows_xn_is_kept_as_it_stands_or_told(text):
    try:
        wire = names.parse(f"xn--{text}.example")
    except NameFormError:
        return
    assert names.to_text(wire) == f"xn--{text}.example"
    assert names.parse(names.to_unicode(wire)) == wire


def test_the_walk_goes_from_the_name_to_the_top_level():
    wire = names.parse("a.b.example")
    assert [names.to_text(suffix) for suffix in names.suffixes(wire)] == [
        "a.b.example",
        "b.example",
        "example",
    ]
    assert names.labels(wire) == [b"a", b"b", b"example"]


def test_a_name_is_shown_as_a_person_writes_it():
    assert names.to_unicode(names.parse("示例交易所.example")) == "示例交易所.example"
    assert names.to_text(b"") == "."
    assert names.to_text(b"\x03a.b\x07example") == r"a\046b.example"
