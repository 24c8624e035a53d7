"""What is typed as NAME or ADDRESS: what it stands for, or what to type instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names, prefixes
from blockd.cli import asked
from blockd.errors import UsageError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("listed.example", "listed.example"),
        ("Listed.EXAMPLE.", "listed.example"),
        (" listed.example ", "listed.example"),
        ("*.listed.example", "listed.example"),
        ("=listed.example", "listed.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("dead.beef", "dead.beef"),
        ("198-18-1-1.example", "198-18-1-1.example"),
        ("198.18.1.1", "198.18.1.1/32"),
        ("198.18.1.0/28", "198.18.1.0/28"),
        ("2001:DB8::1", "2001:db8::1/128"),
    ],
)
def test_a_name_and_an_address_are_what_they_stand_for(text, meant):
    found = asked.read(text)
    assert meant == (names.to_text(found) if isinstance(found, bytes) else str(found))


INSTEAD = [
    ("300.1.1.1", "is no address, which is four numbers from 0 to 255"),
    ("300.1.1.1", "no name either, whose last label is never all digits; write an address such as"),
    ("198.18.1", "no name either"),
    ("198.18.1.0/99", "a length from 0 to 32, such as 198.18.1.0/28"),
    ("198.18.1.1/28", "198.18.1.0/28 was probably meant"),
    ("010.1.1.1", "'010.1.1.1' is no address"),
    ("300.1.1.1-300.1.1.9", "ends in a number"),
    ("2001:db8:::1", "'2001:db8:::1' is no IPv6 address or prefix"),
    ("2001:db8::zz", "is no IPv6 address or prefix"),
    ("2001:db8::/129", "is no IPv6 address or prefix"),
    ("https://listed.example/a?b=c", "is a URL; write the name alone: 'listed.example'"),
    ("http://u:p@listed.example:8080/", "is a URL; write the name alone: 'listed.example'"),
    ("listed.example/a", "is a URL; write the name alone: 'listed.example'"),
    ("http://198.18.1.1/a", "is a URL; write the address alone: 198.18.1.1"),
    ("http://[2001:db8::1]:80/a", "is a URL; write the address alone: 2001:db8::1"),
    ("listed.example:443", "names a port; write the name alone"),
    ("198.18.1.1:443", "names a port; write the address alone: 198.18.1.1"),
    ("[2001:db8::1]:443", "names a port; write the address alone: 2001:db8::1"),
    ("desk@listed.example", "is a mail address; write the name alone"),
    ("||listed.example^", "is an AdBlock rule; write the name alone"),
    ("a.example b.example", "holds a blank"),
    ("a..example", "empty label"),
    (".", "is the root"),
    ("", "the entry is empty"),
]


@pytest.mark.parametrize(("text", "said"), INSTEAD)
def test_of_anything_else_is_said_what_to_type_instead(text, said):
    with pytest.raises(UsageError) as caught:
        asked.read(text)
    assert said in str(caught.value)


@given(st.text(alphabet="0123456789abcxyz.:/[]@=*-% ", max_size=40) | st.text(max_size=40))
def test_whatever_is_typed_is_read_or_refused_with_a_sentence(text):
    try:
        found = asked.read(text)
    except UsageError as error:
        found = str(error)
    assert found  # nothing else is raised, and the root is no name to ask about
    if isinstance(found, bytes):
        assert found == names.parse(names.to_text(found))
    elif not isinstance(found, str):
        assert found == prefixes.parse(str(found))
