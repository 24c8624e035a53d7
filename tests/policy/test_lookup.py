"""Look-ups of addresses: one search among ranges finds what asking for every length does."""

import ipaddress
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blockd import prefixes
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.prefixes import WIDTH, Prefix
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.model import Parsed, PrefixEntry, Rule

# Corners that are small enough to ask for each address: two inside the address spaces, and
# the four ends of these.
CORNERS = [
    (4, prefixes.parse("198.18.0.0").network),
    (6, prefixes.parse("2001:db8::").network),
    *((family, at) for family in (4, 6) for at in (0, (1 << WIDTH[family]) - 16)),
]
ADDRESSES = [(family, base + at) for family, base in CORNERS for at in range(16)]
RULES = [Rule(id=f"r{n}", source="a.toml", line=10 * n, allow=n == 2) for n in range(3)]


@st.composite
def prefix(draw):
    family, base = draw(st.sampled_from(CORNERS))
    width = WIDTH[family]
    length = draw(st.one_of(st.integers(width - 4, width), st.sampled_from([0, 1, width - 5])))
    return Prefix(family, base + draw(st.integers(0, 15)), width).supernet(length)


listed = st.lists(
    st.builds(PrefixEntry, prefix(), st.sampled_from(RULES), st.integers(0, 3)), max_size=12
)


def packed(family, address):
    return address.to_bytes(WIDTH[family] // 8, "big")


def opened(directory, found):
    path = Path(directory) / "1.mdb"
    parsed = Parsed(source="a.toml", feed=False, prefixes=found)
    write(path, 1, compile_rules([parsed], date(2026, 1, 1)))
    return Policy(path)


@settings(max_examples=100)
@given(listed)
@example([])
@example([PrefixEntry(Prefix(family, 0, 0), RULES[0], family) for family in (4, 6)])
def test_an_addresss_rule_and_line_are_its_longest_prefixs(found):
    with tempfile.TemporaryDirectory() as scratch:
        policy = opened(scratch, found)
        for family, address in ADDRESSES:
            entry = policy.match_prefix(Prefix(family, address, WIDTH[family]))
            covering = policy.match_address(packed(family, address))
            assert covering == (None if entry is None else entry[1:])
        policy.close()


@pytest.mark.parametrize(("found", "wanted"), [([], False), (["198.18.1.1/32"], True)])
def test_a_policy_knows_whether_it_holds_prefixes(tmp_path, found, wanted):
    policy = opened(tmp_path, [PrefixEntry(prefixes.parse(text), RULES[0], 1) for text in found])
    assert policy.has_prefixes is wanted
    policy.close()


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ("198.18.1.7", True),
        ("::ffff:198.18.1.7", True),  # mapped
        ("64:ff9b::198.18.1.7", True),  # translated
        ("::198.18.1.7", False),
        ("64:ff9b:1::198.18.1.7", False),  # RFC 8215: how IPv4 lies in it is the operator's word
        ("::ffff:198.18.1.16", False),
    ],
)
def test_ipv4_within_ipv6_is_looked_up_as_the_ipv4_that_it_is(tmp_path, asked, matches):
    policy = opened(tmp_path, [PrefixEntry(prefixes.parse("198.18.1.0/28"), RULES[0], 1)])
    found = policy.match_address(ipaddress.ip_address(asked).packed)
    assert found == ((RULES[0], 1) if matches else None)
    policy.close()


def test_each_rule_is_read_once_and_then_the_same_object(tmp_path):
    listed = [PrefixEntry(prefixes.parse(f"198.18.{n}.0/28"), RULES[0], n) for n in range(3)]
    policy = opened(tmp_path, listed)
    assert len({id(entry.rule) for entry in policy.prefixes()}) == 1
    assert list(policy.prefix_rules()) == [0, 0, 0]
    policy.close()
