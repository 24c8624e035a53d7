"""The filter by its own logic: which notices it lets through, for any table and any gateway."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from blockd.prefixes import WIDTH, Prefix
from blockd.routes import messages, notices
from tests.routes.test_kernel import TABLE

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
            case notices.LOAD if k == notices.FIND_ATTRIBUTE:
                a = attribute(packet, a, x)
            case notices.LOAD:
                a = int.from_bytes(packet[k : k + 4], "big")
            case notices.LOAD_HALF:
                a = int.from_bytes(packet[k : k + 2], "big")
            case notices.LOAD_OCTET:
                a = packet[k]
            case notices.LOAD_AT_X:
                a = int.from_bytes(packet[x + k : x + k + 4], "big")
            case notices.SET_A:
                a = k
            case notices.SET_X:
                x = k
            case notices.TO_X:
                x = a
            case notices.AND:
                a &= k
            case notices.JUMP:
                at += k
            case notices.IF_EQUAL:
                at += yes if a == k else no
            case notices.RETURN:
                return k > 0


def attribute(packet, at, wanted):
    """Return where an attribute stands; 0 where there is none (SKF_AD_NLATTR)."""
    while at + 4 <= len(packet):
        length, number = struct.unpack_from("=HH", packet, at)
        if number == wanted:
            return at
        at += (length + 3) & ~3
    return 0


def attributed(number, value):
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def packet(kind, port, *, table=TABLE, marked=True, interface=1, info=False):
    """Return a notice; `marked`: the table stands in an attribute as well, as it always does."""
    if kind in {messages.NEW_LINK, messages.DEL_LINK}:
        body = struct.pack("=BBHiII", 0, 0, 1, interface, 0, 0)
        body += attributed(3, b"veth0\0") + (attributed(18, b"\0\0\0\0") if info else b"")
        return headed(kind, port, body)
    return route(kind, port, table=table, marked=marked, kind_of_route=6)


def route(
    kind, port, *, table, family=4, length=24, protocol=4, kind_of_route=1, gateway=None,
    marked=True, other_way=None,
):  # fmt: skip
    low = table if table < 256 else messages.TABLE_ABOVE_255
    octets = WIDTH[family] >> 3
    body = struct.pack(
        "=8BI", messages.ADDRESS_FAMILY[family], length, 0, 0, low, protocol, 0, kind_of_route, 0
    )
    body += attributed(messages.DST, bytes(octets)) if length else b""
    body += attributed(messages.TABLE, struct.pack("=I", table)) if marked else b""
    if gateway is not None:
        body += attributed(messages.GATEWAY, gateway.to_bytes(octets, "big"))
    elif other_way is not None:
        body += attributed(other_way, bytes(16))
    return headed(kind, port, body)


def headed(kind, port, body):
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, port) + body


@given(
    st.sampled_from(TYPES), TABLES, TABLES, st.sampled_from([0, 1, None]), st.integers(1, 9),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_it_lets_through_what_concerns_our_tables(kind, own, other, which, interface, info, ours):
    tables = (own, own + 1)
    table = other if which is None else tables[which]
    program = notices.program(tables, own_port=77)
    for marked in (True, False) if table < 256 else (True,):
        notice = packet(
            kind, 77 if ours else 0, table=table, marked=marked, interface=interface, info=info
        )
        if ours:
            expected = False
        elif kind in {messages.NEW_ROUTE, messages.DEL_ROUTE}:
            expected = table in tables
        elif kind in {messages.NEW_LINK, messages.DEL_LINK}:
            expected = interface == 1 or info
        else:
            expected = True
        assert passes(program, notice) is expected


def prefix_of(family):
    width = WIDTH[family]
    return st.builds(
        lambda at, length: Prefix(family, at, width).supernet(length),
        st.integers(0, 2**width - 1),
        st.integers(1, width),
    )


PREFIXES = st.one_of(prefix_of(4), prefix_of(6))


@given(
    st.lists(PREFIXES, max_size=12),
    PREFIXES,
    st.booleans(),
    st.booleans(),
    st.sampled_from([messages.NEW_ROUTE, messages.DEL_ROUTE]),
    st.sampled_from([1, 6]),
    st.sampled_from([0, 24]),
    st.sampled_from([2, 4, 9, 12, 16, 177]),
    st.sampled_from([None, messages.MULTIPATH, messages.VIA]),
    st.sampled_from([None, (), (7,), (7, 254), (100_000,), tuple(range(300, 400))]),
    st.sampled_from([7, 254, 100_000]),
)
def test_of_others_routes_it_lets_through_what_may_teach_something(
    spared, hop, inside, through, kind, kind_of_route, length, protocol, other_way, others, table
):
    family = hop.family
    known = [prefix for prefix in spared if prefix.family == family]
    gateway = known[0].last if inside and known else hop.network
    notice = route(
        kind, 0, table=table, family=family, length=length, protocol=protocol,
        kind_of_route=kind_of_route, gateway=gateway if through else None, other_way=other_way,
    )  # fmt: skip
    # Too many tables to tell apart are all heeded.
    heeded = others is None or len(others) > 50 or table in others
    if not heeded or kind_of_route != messages.UNICAST:
        expected = False
    elif length == 0:
        expected = True
    elif through:
        within = any(prefix.network <= gateway <= prefix.last for prefix in known)
        expected = bool(known) and not within and kind == messages.NEW_ROUTE
    else:
        expected = protocol in {2, 9, 16} or (protocol == 4 and other_way is not None)
    assert passes(notices.program((TABLE, TABLE + 1), 77, spared, others), notice) is expected


def test_a_program_never_grows_beyond_what_the_kernel_takes():
    four = [Prefix(4, n << 12, 20) for n in range(2000)]
    six = [Prefix(6, n << 8, 124) for n in range(2000)]
    hop = route(messages.NEW_ROUTE, 0, table=254, gateway=5000 << 12)
    for count in (0, 10, notices.MOST[6], notices.MOST[4], 2000):
        program = notices.program((TABLE, TABLE + 1), 77, four[:count] + six[:count])
        assert len(program) <= 4096  # BPF_MAXINSNS
        # With more than it can tell apart, it wakes nobody for any gateway.
        assert passes(program, hop) is (0 < count <= notices.MOST[4])
