"""Lines taken a thousand at a time: what is taken is what reading them singly gives."""

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist.formats import address_runs, addresses, delimited
from blockd.watchlist.formats.feed import Feed
from tests.watchlist.formats.accounting import accounted

SIX = st.integers(0, (1 << 128) - 1) | st.integers(0, 1 << 16) | st.just(0x20010DB8 << 96)
FOUR = st.integers(0, (1 << 32) - 1) | st.integers(198 << 24, (198 << 24) + 40)


@st.composite
def lines(draw):
    """One line of a feed: mostly right, of either family, at times wrong."""
    if draw(st.booleans()):
        address = ipaddress.IPv6Address(draw(SIX))
        texts = [str(address), address.exploded, str(address).upper()]
        texts += [f"{address}/{draw(st.integers(0, 130))}", f"{address}:1", f"::{address}"]
        texts += [f"{address}/64", str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))]
    else:
        first = draw(FOUR)
        address, last = (ipaddress.IPv4Address(first % (1 << 32)) for first in (first, first + 7))
        texts = [str(address), f"{address}/{draw(st.integers(0, 33))}", f"{address}/31"]
        texts += [f"{address}-{last}", f"{last} - {address}", f"{address}-{address}"]
    return draw(st.sampled_from(texts)) + draw(st.sampled_from(["", " ", " # why", "\r", "x"]))


def singly(text):
    feed = Feed("x", "addresses")
    feed.linewise = True
    return feed.read(text, lambda line: addresses.meaning(line, feed.rule))


@given(st.lists(lines(), max_size=30))
def test_reading_at_once_and_singly_give_the_same(found):
    text = "".join(f"{line}\n" for line in found)
    parsed = addresses.parse(text, "x")
    assert parsed == singly(text)
    assert accounted(parsed)


@given(st.lists(lines(), min_size=1, max_size=30))
def test_what_is_taken_at_once_stands_at_the_lines_that_say_it(found):
    taken = address_runs.run("".join(f"{line}\n" for line in found), 0)
    read = address_runs.read(taken) if taken else None
    if read is not None:
        expected = singly(taken)
        first = {}
        for prefix, place in zip(*read, strict=True):
            first.setdefault(prefix, place + 1)
        assert list(first.items()) == [(entry.prefix, entry.line) for entry in expected.prefixes]
        assert sorted(read[1]) == list(read[1])
        assert {*read[1]} == {*range(taken.count("\n"))}


def test_the_families_and_ranges_may_take_turns():
    text = "198.18.0.1\n2001:db8::1\n198.18.0.4-198.18.0.7\n2001:db8:1::/48 ; why\n"
    parsed = addresses.parse(text, "x")
    assert [(str(entry.prefix), entry.line) for entry in parsed.prefixes] == [
        ("198.18.0.1/32", 1), ("2001:db8::1/128", 2), ("198.18.0.4/30", 3), ("2001:db8:1::/48", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("behind", "ends"), [("a.example\n", True), ("198.18.0.4 - 198.18.0.7\n", False)]
)
def test_a_run_ends_before_a_line_of_another_form(behind, ends):
    before = "198.18.0.1 # why\n2001:db8::/32\r\n"
    assert address_runs.run(before + behind, 0) == (before if ends else before + behind)


def test_a_run_is_bounded():
    assert address_runs.run("::\n" * 5000, 3).count("\n") == 1000


ROW = st.one_of(
    st.sampled_from(["a.example", "b.example", "b..example", "a.example1", "*.c.example", "", "x"]),
    st.integers(0, 40).map(lambda number: f"n{number}.example"),
    lines(),
)


@given(st.lists(ROW, max_size=30), st.sampled_from(["indicator", "ip", "domain"]))
def test_tables_of_names_and_addresses_are_read_at_once_as_singly(rows, column):
    head = f"{column},reason\n"
    text = head + "".join(f"{row.strip()},why\n" for row in rows)
    # A comment between any two has each row read by itself.
    apart = head + "".join(f"{row.strip()},why\n#\n" for row in rows)
    once, each = (delimited.parse(written, "x.csv") for written in (text, apart))
    assert accounted(once)
    assert (once.entries, len(once.issues)) == (each.entries, len(each.issues))
    assert [entry[:2] for entry in once.names] == [entry[:2] for entry in each.names]
    assert [entry.prefix for entry in once.prefixes] == [entry.prefix for entry in each.prefixes]
    assert [2 * (e.line - 2) + 2 for e in (*once.names, *once.prefixes)] == [
        e.line for e in (*each.names, *each.prefixes)
    ]


@pytest.mark.parametrize(
    "line", ["f:" * 50_000 + "x", "1" * 100_000, "198.18.0.1" + " " * 100_000 + "x"]
)
def test_no_line_is_tried_in_many_ways(line):
    started = time.process_time()
    assert address_runs.run(line + "\n", 0) == ""
    assert time.process_time() - started < 1
