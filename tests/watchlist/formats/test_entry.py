"""One listed name as people write it, and what they are told when it is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.errors import NameFormError
from blockd.watchlist.formats.entry import ROOT, name_entry, shown
from blockd.watchlist.model import Scope

GOOD = [
    ("a.example", "a.example", Scope.SUBTREE),
    ("A.Example.", "a.example", Scope.SUBTREE),
    ("=a.example", "a.example", Scope.EXACT),
    ("= a.example", "a.example", Scope.EXACT),
    ("*.a.example", "a.example", Scope.BELOW),
    ("*.示例.example", "xn--fsq092h.example", Scope.BELOW),
    ("xn--fsq092h.example", "xn--fsq092h.example", Scope.SUBTREE),
    ("_sip._tcp.a.example", "_sip._tcp.a.example", Scope.SUBTREE),
    ("1.a.example", "1.a.example", Scope.SUBTREE),
    ("a.example1", "a.example1", Scope.SUBTREE),
]


@pytest.mark.parametrize(("text", "name", "scope"), GOOD)
def test_names_and_their_scopes(text, name, scope):
    assert name_entry(text) == (names.parse(name), scope)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        (".", Scope.SUBTREE),
        ("*", Scope.SUBTREE),
        ("=.", Scope.EXACT),
        ("*.", Scope.BELOW),
        ("*..", Scope.BELOW),
    ],
)
def test_the_root_is_well_formed(text, scope):
    assert name_entry(text) == (ROOT, scope)


BAD = [
    ("", "the entry is empty"),
    ("=", "the entry is empty"),
    ("198.18.1.1", "is an address; list it under `prefixes`"),
    ("2001:db8::/32", "is an address"),
    ("198.18.1.1/28", "is an address"),
    ("*.198.18.1.1", "is an address"),
    ("198.18.1", "ends in a number"),
    ("https://me@a.example:8443/x?y=z", "is a URL; write the name alone: 'a.example'"),
    ("a.example/x", "is a URL; write the name alone: 'a.example'"),
    ("http://[2001:db8::1]:80/x", "is a URL; list 2001:db8::1 under `prefixes`"),
    ("http://198.18.0.1:80/x", "is a URL; list 198.18.0.1 under `prefixes`"),
    ("||a.example^", "is an AdBlock rule"),
    ("@@||a.example^", "is an AdBlock rule"),
    ("a.example:53", "names a port"),
    ("a.*.example", "a `*` that is not in front"),
    ("**.a.example", "a `*` that is not in front"),
    ("a=b.example", "a `=` that is not in front"),
    ("==a.example", "a `=` that is not in front"),
    ("me@a.example", "is a mail address"),
    ("a .example", "holds a blank"),
    (".a.example", "begins with a dot"),
    ("a..example", "empty label"),
    ("-a.example", "hyphen"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_no_name_is_told_with_what_to_write(text, said):
    with pytest.raises(NameFormError) as caught:
        name_entry(text)
    assert said in str(caught.value)


@given(st.text(st.sampled_from("a1.-_*=@:/|^ é\t"), max_size=12) | st.text(max_size=30))
def test_any_text_is_an_entry_or_told_why_in_one_line(text):
    try:
        wire, scope = name_entry(text)
    except NameFormError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert len(said) < 400
        assert said.isprintable()
        return
    sign = {Scope.SUBTREE: "", Scope.EXACT: "=", Scope.BELOW: "*."}[scope]
    assert name_entry(sign + names.to_text(wire)) == (wire, scope)


def test_long_texts_are_shortened():
    assert shown("a" * 60) == repr("a" * 60)
    assert shown("a" * 61) == repr("a" * 60) + "..."
