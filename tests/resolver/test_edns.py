"""Options of streams: found in what others send, added to what we send, without other harm."""

import struct

import dns.edns
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver import edns
from tests.resolver.streaming import options, query

COOKIE, KEEPALIVE, PADDING = (10, b"12345678"), (11, b""), (12, bytes(20))


@pytest.mark.parametrize(
    ("given_options", "wanted"),
    [
        ([], (False, False)),
        ([COOKIE], (False, False)),
        ([KEEPALIVE], (True, False)),
        ([PADDING], (False, True)),
        ([(12, b"")], (False, True)),
        ([COOKIE, PADDING, KEEPALIVE], (True, True)),
        ([(11, b"\0\1")], (False, False)),  # a query has no time in it: RFC 7828 3.2.1
        ([(99, b"\0\x0b\0\0\0\x0c\0\0")], (False, False)),  # within another option
    ],
)
def test_what_a_query_wants_is_seen(given_options, wanted):
    assert edns.wanted(query(options=given_options)) == wanted


def test_a_query_without_opt_wants_nothing_whatever_its_name():
    message = dns.message.make_query(b"\0\x0b\0\x0c.example".decode("latin-1"), "A")
    assert edns.wanted(message.to_wire()) == edns.NOTHING


@given(st.binary(max_size=80), st.integers(1, 600))
def test_no_octets_are_an_error(octets, block):
    edns.wanted(octets + b"\0\x0b\0\x0c")
    edns.padded(octets, block)
    edns.with_keepalive(octets, 1.0)


@given(
    st.lists(st.sampled_from([COOKIE, KEEPALIVE, (99, bytes(7))]), max_size=3),
    st.integers(0, 40),
    st.sampled_from([128, 468]),
)
def test_a_padded_message_fills_its_blocks_and_says_the_same(given_options, records, block):
    message = dns.message.from_wire(query(options=given_options))
    if records:
        addresses = [f"198.18.0.{number}" for number in range(records)]
        message.answer.append(dns.rrset.from_text("now.example.", 60, "IN", "A", *addresses))
    before = message.to_wire()
    after = edns.padded(before, block)
    assert len(after) % block == 0
    assert len(after) - len(before) < block + 4
    read = dns.message.from_wire(after)
    assert read.answer == message.answer
    assert options(after)[:-1] == options(before)
    code, padding = options(after)[-1]
    assert (code, padding.strip(b"\0")) == (12, b"")


@pytest.mark.parametrize(
    ("short", "length"), [(100, 65_520), (10, 65_535), (4, 65_535), (3, 65_532)]
)
def test_what_is_nearly_as_long_as_can_be_is_padded_to_the_end(short, length):
    room = 65_535 - len(query()) - 4 - short
    option = struct.pack("!HHH", 4 + room, 99, room) + bytes(room)
    whole = query()[:-2] + option
    assert len(whole) == 65_535 - short
    assert len(edns.padded(whole, 468)) == length


@pytest.mark.parametrize(
    ("seconds", "tenths"), [(10, b"\0\x64"), (0.05, b"\0\0"), (-1, b"\0\0"), (1e9, b"\xff\xff")]
)
def test_keepalive_is_said_in_tenths_of_seconds(seconds, tenths):
    assert options(edns.with_keepalive(query(), seconds)) == [(11, tenths)]


def test_a_message_without_opt_or_with_something_behind_it_stays_as_it_is():
    bare = dns.message.make_query("now.example", "A").to_wire()
    more = query() + b"\0\0\x01\0\x01" + bytes(6)
    more = more[:10] + b"\0\2" + more[12:]
    for message in (bare, more):
        assert edns.padded(message, 468) == message
        assert edns.with_keepalive(message, 1) == message
