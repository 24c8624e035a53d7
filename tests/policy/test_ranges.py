"""Addresses by one search among ranges: the same entry as by asking for every length."""

import tempfile
from datetime import date
from pathlib import Path

import lmdb
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blockd import prefixes
from blockd.errors import StoreError
from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.prefixes import WIDTH, Prefix, Range
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


@given(st.sets(st.sampled_from(ADDRESSES)))
def test_keys_of_ranges_sort_as_ranges_do(firsts):
    found = sorted(Range(family, first, first, bytes(8)) for family, first in firsts)
    rows = [layout.pack_range(each) for each in found]
    assert rows == sorted(rows)
    assert [key for key, _ in rows] == [
        layout.range_key(packed(each.family, each.first)) for each in found
    ]


def test_a_file_of_the_version_without_ranges_is_refused_by_its_version(tmp_path):
    path = tmp_path / "1.mdb"
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=4) as env:
        for name in (layout.NAMES, layout.PREFIXES, layout.RULES):
            env.open_db(name)
        about = msgspec.json.encode(layout.About(1, 1, 0, 0))
        with env.begin(write=True, db=env.open_db(layout.ABOUT)) as transaction:
            transaction.put(layout.GENERATION, about)
    with pytest.raises(StoreError, match="another version of blockd .layout 1.*blockd compile"):
        Policy(path)
