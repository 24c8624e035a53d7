"""Columns of addresses: what is read of them is what reading each by itself gives, or nothing."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.errors import PrefixFormError
from blockd.watchlist.formats import address_columns, addresses

FOUR = st.integers(0, (1 << 32) - 1) | st.integers(0, 9)
SIX = st.integers(0, (1 << 128) - 1) | st.integers(0, 9) | st.just(0x20010DB8 << 96)


@st.composite
def right(draw):
    """One address or prefix, of either family, in one of its spellings."""
    family = draw(st.sampled_from([ipaddress.IPv4Network, ipaddress.IPv6Network]))
    number = draw(FOUR if family is ipaddress.IPv4Network else SIX)
    length = draw(st.integers(0, 32 if family is ipaddress.IPv4Network else 128))
    network = family((number, length), strict=False)
    texts = [str(network), network.exploded.upper(), str(network.network_address)]
    return draw(st.sampled_from([*texts, network.network_address.exploded]))


WRONG = st.text(st.sampled_from("0123456789abf:./- \0é%[]"), max_size=12)
NEARLY = st.sampled_from([
    "198.18.0.1/", "198.18.0.1/32/", "198.18.0.01", "198.18.0.1/24", "198.18.0.0/024", "1.2.3",
    "198.18.0.0/255.255.0.0", "2001:db8::1/64", "2001:db8::/064", "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", ":1", "1:",
    "::ffff:198.18.0.1", "12345::", "198.18.0.1-198.18.0.2", "[::1]", "fe80::1%eth0",
    "5", "", "/", "-", "::-::1",
])  # fmt: skip


def each(texts):
    """What reading each text by itself gives; None: one of them is wrong."""
    try:
        return [prefixes.parse(text) for text in texts]
    except PrefixFormError:
        return None


@given(st.lists(right(), min_size=1, max_size=12))
def test_what_is_right_is_read_at_once_as_singly(texts):
    assert address_columns.prefixes(texts) == each(texts)


@given(st.lists(right(), max_size=4), WRONG | NEARLY, st.lists(right(), max_size=4))
def test_what_is_wrong_anywhere_gives_nothing(before, text, behind):
    texts = [*before, text, *behind]
    found = address_columns.prefixes(texts)
    assert found is None or found == each(texts)


def ends(first, size):
    return f"{ipaddress.IPv4Address(first)}-{ipaddress.IPv4Address(min(first + size, 2**32 - 1))}"


@given(
    st.lists(right() | st.builds(ends, FOUR, st.integers(0, 40) | FOUR), min_size=1, max_size=12)
)
def test_ranges_among_them_are_the_fewest_prefixes_each(texts):
    listed, places = address_columns.read(texts, ranges=True)
    assert list(zip(places, listed, strict=True)) == [
        (place, prefix)
        for place, text in enumerate(texts)
        for prefix in (addresses.between(*text.split("-")) if "-" in text else each([text]))
    ]


@pytest.mark.parametrize(
    "text", ["198.18.0.2-198.18.0.1", "198.18.0.1-", "-", "198.18.0.1-198.18.0.2-", "::-::1"]
)
@pytest.mark.parametrize("others", [[], ["198.18.0.0-198.18.0.6"], ["::1", "198.18.0.1"]])
def test_a_range_that_is_none_gives_nothing(text, others):
    assert address_columns.read([*others, text, *others], ranges=True) is None
