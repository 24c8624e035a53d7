"""The kernel's notices: which are let through, by the filter's own logic and by the kernel's."""

import select
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.errors import KernelError
from blockd.routes import events, messages
from blockd.routes.events import Touched
from tests import topology
from tests.routes.test_kernel import TABLE, ip, kernel

TABLES = st.one_of(st.integers(1, 300), st.integers(1, 2**32 - 2), st.sampled_from([252, TABLE]))
TYPES = (
    messages.NEW_LINK, messages.DEL_LINK, messages.NEW_ADDRESS, messages.DEL_ADDRESS,
    messages.NEW_ROUTE, messages.DEL_ROUTE, messages.NEW_RULE, messages.DEL_RULE,
)  # fmt: skip


def passes(program, packet):
    """Run a classic BPF program as the kernel does: linux/filter.h, bpf(4)."""
    a = x = at = 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        match code:
            case events._LOAD if k == events._FIND_ATTRIBUTE:
                a = attribute(packet, a, x)
            case events._LOAD:
                a = int.from_bytes(packet[k : k + 4], "big")
            case events._LOAD_HALF:
                a = int.from_bytes(packet[k : k + 2], "big")
            case events._LOAD_OCTET:
                a = packet[k]
            case events._LOAD_AT_X:
                a = int.from_bytes(packet[x + k : x + k + 4], "big")
            case events._SET_A:
                a = k
            case events._SET_X:
                x = k
            case events._TO_X:
                x = a
            case events._IF_EQUAL:
                at += yes if a == k else no
            case events._RETURN:
                return k > 0


def attribute(packet, at, wanted):
    """Return where an attribute stands; 0 where there is none (SKF_AD_NLATTR)."""
    while at + 4 <= len(packet):
        length, number = struct.unpack_from("=HH", packet, at)
        if number == wanted:
            return at
        at += (length + 3) & ~3
    return 0


def packet(kind, port, *, table=TABLE, marked=True, interface=1):
    """Return a notice; `marked`: the table stands in an attribute as well, as it always does."""
    if kind in {messages.NEW_LINK, messages.DEL_LINK}:
        body = struct.pack("=BBHiII", 0, 0, 1, interface, 0, 0)
    else:
        low = table if table < 256 else messages.TABLE_ABOVE_255
        body = struct.pack("=8BI", 2, 24, 0, 0, low, 4, 0, 6, 0)
        body += struct.pack("=HH4s", 8, messages.DST, b"\xc6\x12\x01\0")
        body += struct.pack("=HHI", 8, 15, table) if marked else b""
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, port) + body


@given(st.sampled_from(TYPES), TABLES, TABLES, st.booleans(), st.integers(1, 9), st.booleans())
def test_the_filter_lets_through_what_concerns_the_table(kind, own, other, same, interface, ours):
    table = own if same else other
    program = events._program(own, own_port=77)
    for marked in (True, False) if table < 256 else (True,):
        notice = packet(kind, 77 if ours else 0, table=table, marked=marked, interface=interface)
        if ours:
            expected = False
        elif kind in {messages.NEW_ROUTE, messages.DEL_ROUTE}:
            expected = table == own
        elif kind in {messages.NEW_LINK, messages.DEL_LINK}:
            expected = interface == 1
        else:
            expected = True
        assert passes(program, notice) is expected


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


@pytest.mark.root
def test_each_notice_says_what_may_differ_and_the_descriptor_wakes(space):
    def inside():
        with kernel() as table:
            listening = events.Events(TABLE, table.port)
            assert listening.read() is Touched.NOTHING
            for words, touched in (
                ("route add blackhole 198.18.1.0/24 table 5354", Touched.ROUTES),
                ("route del blackhole 198.18.1.0/24 table 5354", Touched.ROUTES),
                ("-6 route add blackhole 2001:db8::/32 table 5354", Touched.ROUTES),
                ("rule add pref 9 table 5354", Touched.RULES),
                ("rule del pref 9", Touched.RULES),
                ("-6 rule add pref 9 table 5399", Touched.RULES),
                ("addr add 198.18.7.1/32 dev lo", Touched.HOST),
                ("-6 addr add 2001:db8:7::1/128 dev lo", Touched.HOST),
            ):
                ip(words)
                readable, _, _ = select.select([listening], [], [], 5)
                assert readable, words
                assert touched in listening.read(), words
                while listening.read():
                    pass
            listening.close()

    space.call(inside)


@pytest.mark.root
def test_another_namespace_is_listened_to_by_name(space):
    with topology.namespace("other") as other:

        def inside():
            with kernel() as table:
                listening = events.Events(TABLE, table.port, netns=other.name)
                ip("route add blackhole 198.18.1.0/24 table 5354")
                assert listening.read() is Touched.NOTHING
                other.ip("route add blackhole 198.18.1.0/24 table 5354")
                assert listening.read() is Touched.ROUTES
                listening.close()

        space.call(inside)


@pytest.mark.root
def test_a_subscription_that_is_closed_is_an_error_that_has_the_remedy(space):
    def inside():
        with kernel() as table:
            listening = events.Events(TABLE, table.port)
            listening.close()
            with pytest.raises(KernelError, match="all is scanned anew"):
                listening.read()

    space.call(inside)
