"""Prefix arithmetic: tables for what is written, properties against a naive oracle."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.errors import PrefixFormError
from blockd.prefixes import WIDTH, Prefix

# A corner of the address space that is small enough to compare address by address.
_BASE = 198 << 24 | 18 << 16
_CORNER = range(_BASE, _BASE + 64)


@st.composite
def corner_prefixes(draw):
    length = draw(st.integers(26, 32))
    network = _BASE + draw(st.integers(0, 63))
    return Prefix(4, network, 32).supernet(length)


@st.composite
def any_prefixes(draw):
    family = draw(st.sampled_from((4, 6)))
    width = WIDTH[family]
    return Prefix(family, draw(st.integers(0, (1 << width) - 1)), width).supernet(
        draw(st.integers(0, width))
    )


tables = st.dictionaries(corner_prefixes(), st.sampled_from("abc"), max_size=20)


def oracle(address, table):
    covers = [(p.length, v) for p, v in table.items() if p.network <= address <= p.last]
    return max(covers)[1] if covers else None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("198.18.0.1", "198.18.0.1/32"),
        ("198.18.0.0/15", "198.18.0.0/15"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
    ],
)
def test_parse_reads_addresses_and_prefixes(text, shown):
    assert str(prefixes.parse(text)) == shown


@pytest.mark.parametrize("text", ["", "x", "198.18.0.256", "198.18.0.0/33", "2001:db8::/129", "1/"])
def test_parse_refuses_what_is_none(text):
    with pytest.raises(PrefixFormError, match="is not an IPv4 or IPv6 address or prefix"):
        prefixes.parse(text)


def test_parse_shows_what_was_meant_where_host_bits_are_set():
    with pytest.raises(PrefixFormError, match="198.18.1.0/24 was probably meant"):
        prefixes.parse("198.18.1.7/24")


@given(any_prefixes())
def test_parse_and_print_are_inverse(prefix):
    assert prefixes.parse(str(prefix)) == prefix


@given(corner_prefixes(), corner_prefixes())
def test_covers_means_every_address(one, other):
    inside = one.network <= other.network and other.last <= one.last
    assert one.covers(other) == inside
    assert one.overlaps(other) == (inside or other.covers(one))


@given(any_prefixes(), any_prefixes())
def test_families_never_cover_each_other(one, other):
    if one.family != other.family:
        assert not one.overlaps(other)


@given(tables, st.sampled_from(_CORNER))
def test_longest_match_is_the_oracles(table, address):
    found = prefixes.longest_match(Prefix(4, address, 32), table)
    assert (found[1] if found else None) == oracle(address, table)


@given(tables)
def test_collapse_keeps_every_addresss_longest_match(table):
    collapsed = prefixes.collapse(table)
    assert len(collapsed) <= len(table)
    assert [oracle(a, collapsed) for a in _CORNER] == [oracle(a, table) for a in _CORNER]


@given(tables)
def test_collapse_is_in_order_and_at_rest(table):
    collapsed = prefixes.collapse(table)
    assert list(collapsed) == sorted(collapsed)
    assert prefixes.collapse(collapsed) == collapsed


@given(tables)
def test_flatten_keeps_every_addresss_longest_match(table):
    ranges = prefixes.flatten(table)
    found = {a: r.value for r in ranges for a in range(r.first, r.last + 1)}
    assert [found.get(a) for a in _CORNER] == [oracle(a, table) for a in _CORNER]
    assert found.keys() <= set(_CORNER)


@given(st.dictionaries(st.one_of(corner_prefixes(), any_prefixes()), st.sampled_from("ab")))
def test_flatten_gives_few_ranges_in_order_that_neither_overlap_nor_could_be_one(table):
    ranges = prefixes.flatten(table)
    assert len(ranges) <= max(0, 2 * len(table) - 1)
    assert all(r.first <= r.last < 1 << WIDTH[r.family] for r in ranges)
    for one, other in pairwise(ranges):
        if one.family == other.family:
            assert one.last < other.first
            assert one.last + 1 < other.first or one.value != other.value
        else:
            assert (one.family, other.family) == (4, 6)


def test_covered_asks_all_of_them():
    inside = prefixes.parse("198.18.1.0/24")
    around = [prefixes.parse("2001:db8::/32"), prefixes.parse("198.18.0.0/15")]
    assert prefixes.covered(inside, around)
    assert not prefixes.covered(around[1], [inside])
