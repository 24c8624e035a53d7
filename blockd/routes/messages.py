"""rtnetlink messages as bytes: requests packed, dumps parsed. Pure; who sends them is `kernel`.

By struct rather than by a message class, because a class costs about 0.2 ms a message and a
table has a hundred thousand. Layouts and numbers: linux/netlink.h, linux/rtnetlink.h,
linux/fib_rules.h, linux/if_addr.h; integers are in the machine's order.
"""

import struct
import sys
from collections.abc import Iterator

from blockd.prefixes import WIDTH, Prefix
from blockd.routes.model import METRIC, FibRule, Install, Kind, Route

ORDER = sys.byteorder
ADDRESS_FAMILY = {4: 2, 6: 10}  # AF_INET, AF_INET6
FAMILY = {2: 4, 10: 6}

# linux/netlink.h
REQUEST, ACK, DUMP_INTERRUPTED = 0x01, 0x04, 0x10
DUMP, EXCLUSIVE, REPLACE, CREATE = 0x300, 0x200, 0x100, 0x400
ERROR, DONE = 2, 3

# linux/rtnetlink.h
NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
NEW_RULE, DEL_RULE, GET_RULE = 32, 33, 34
NEW_NEXTHOP, DEL_NEXTHOP, GET_NEXTHOP = 104, 105, 106
TABLE_ABOVE_255 = 252  # RT_TABLE_COMPAT: the number stands in the attribute
DST, GATEWAY, _PRIORITY, MULTIPATH, TABLE, VIA = 1, 5, 6, 9, 15, 18
_SRC, _COMES_IN = 2, 3  # RTA_SRC, RTA_IIF
_FIB_MATCH, _LOOKUP_TABLE = 0x2000, 0x1000  # RTM_F_*
UNICAST = 1
_ANY_SCOPE = 255  # RT_SCOPE_NOWHERE, in a deletion

_TYPE = {Kind.BLACKHOLE: 6, Kind.UNREACHABLE: 7, Kind.PROHIBIT: 8, Kind.THROW: 9}
_KIND = {number: kind for kind, number in _TYPE.items()}
_TYPE_NAMES = ("unspecified", "unicast", "local", "broadcast", "anycast", "multicast",
               "blackhole", "unreachable", "prohibit", "throw")  # fmt: skip

_RULE_GOTO, _RULE_PRIORITY, _RULE_REALM, _RULE_TABLE = 4, 6, 11, 15
_RULE_SUPPRESS_GROUP, _RULE_SUPPRESS_LENGTH = 13, 14
_RULE_PADDING, _RULE_L3MDEV, _RULE_PROTOCOL = 18, 19, 21
_TO_TABLE = 1  # FR_ACT_TO_TBL
_ACTION = {_TO_TABLE: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable",
           8: "prohibit"}  # fmt: skip
_INVERT = 0x2  # FIB_RULE_INVERT
_NO_LENGTH = b"\xff\xff\xff\xff"
_NO_SELECTOR = {_RULE_GOTO, _RULE_PRIORITY, _RULE_REALM, _RULE_TABLE, _RULE_SUPPRESS_GROUP,
                _RULE_SUPPRESS_LENGTH, _RULE_PADDING, _RULE_L3MDEV, _RULE_PROTOCOL}  # fmt: skip
_LINK_MASK, _WITHOUT_STATISTICS = 29, 8  # IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS

HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
_FULL_ROUTE = {
    4: struct.Struct("=IHHII8BIHH4sHHIHHI"),
    6: struct.Struct("=IHHII8BIHH16sHHIHHI"),
}
"""nlmsghdr, rtmsg, then destination, table and metric: every change is this one shape."""
_RTMSG = struct.Struct("=8BI")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=I")
_BARE = struct.Struct("=IHHII8BIHHIHH4s")
"""The kernel's own shape of an IPv4 null route of metric 0: table, then destination."""
_BARE_SIX = struct.Struct("=IHHII8BIHHIHH16sHHI")
"""That of an IPv6 route, as far as it matters: table, destination, metric."""


def pack_change(
    change: Install | Route, table: int, protocol: int, sequence: int, flags: int
) -> bytes:
    """Return the request that carries out one change; `flags` is ACK or 0.

    A deletion names protocol, type and metric, so that the kernel answers ESRCH for any route
    that is not the one that was seen.
    """
    if isinstance(change, Install):
        kind: Kind | None = change.kind
        metric = METRIC[change.prefix.family]
        message, scope = NEW_ROUTE, 0
        flags |= REQUEST | CREATE | (REPLACE if change.replaces else EXCLUSIVE)
    else:
        kind, metric = change.kind, change.metric
        message, scope = DEL_ROUTE, _ANY_SCOPE
        flags |= REQUEST
    family, network, length = change.prefix
    layout = _FULL_ROUTE[family]
    octets = WIDTH[family] >> 3
    return layout.pack(
        layout.size, message, flags, sequence, 0,
        ADDRESS_FAMILY[family], length, 0, 0,
        table if table < 256 else TABLE_ABOVE_255, protocol, scope, _TYPE[kind] if kind else 0, 0,
        4 + octets, DST, network.to_bytes(octets, "big"),
        8, TABLE, table,
        8, _PRIORITY, metric,
    )  # fmt: skip


def pack_dump(family: int, table: int, sequence: int, kind: int = 0) -> bytes:
    """Return the request for all routes of one table (with strict checking, exactly those).

    `kind` is the number of a route type (rtm_type) that alone is wanted; 0: all of them.
    """
    body = _RTMSG.pack(ADDRESS_FAMILY[family], 0, 0, 0, 0, 0, 0, kind, 0)
    return _request(GET_ROUTE, REQUEST | DUMP, sequence, body + _attribute_u32(TABLE, table))


def pack_address_dump(sequence: int) -> bytes:
    """Return the request for all addresses of the host (ifaddrmsg is eight octets of zero)."""
    return _request(GET_ADDRESS, REQUEST | DUMP, sequence, bytes(8))


def pack_link_dump(sequence: int) -> bytes:
    """Return the request for all links (ifinfomsg is sixteen octets of zero)."""
    body = bytes(16) + _attribute_u32(_LINK_MASK, _WITHOUT_STATISTICS)
    return _request(GET_LINK, REQUEST | DUMP, sequence, body)


def pack_nexthop_dump(sequence: int) -> bytes:
    """Return the request for all nexthop objects (nhmsg is eight octets of zero)."""
    return _request(GET_NEXTHOP, REQUEST | DUMP, sequence, bytes(8))


def pack_rule_dump(family: int, sequence: int) -> bytes:
    """Return the request for all rules of one family."""
    body = _RTMSG.pack(ADDRESS_FAMILY[family], 0, 0, 0, 0, 0, 0, 0, 0)
    return _request(GET_RULE, REQUEST | DUMP, sequence, body)


def pack_rule(rule: FibRule, sequence: int, *, add: bool) -> bytes:
    """Return the request that adds or removes a plain rule; a removal names its protocol."""
    low = rule.table if rule.table < 256 else 0
    body = _RTMSG.pack(ADDRESS_FAMILY[rule.family], 0, 0, 0, low, 0, 0, _TO_TABLE, 0)
    body += _attribute_u32(_RULE_PRIORITY, rule.preference)
    body += _attribute_u32(_RULE_TABLE, rule.table)
    body += _ATTRIBUTE.pack(5, _RULE_PROTOCOL) + bytes((rule.protocol, 0, 0, 0))
    flags = REQUEST | ACK | (CREATE | EXCLUSIVE if add else 0)
    return _request(NEW_RULE if add else DEL_RULE, flags, sequence, body)


def pack_lookup(
    address: Prefix, sequence: int, source: Prefix | None = None, link: int = 0
) -> bytes:
    """Return the question which route a packet to that address would take.

    A packet of this host; with a source and the link that it comes in by, one that is forwarded.
    """
    octets = WIDTH[address.family] >> 3
    # IPv6 always tells the table, and with strict checking refuses to be asked for it.
    wanted = _FIB_MATCH | (_LOOKUP_TABLE if address.family == 4 else 0)
    family, long = ADDRESS_FAMILY[address.family], source.length if source else 0
    body = _RTMSG.pack(family, address.length, long, 0, 0, 0, 0, 0, wanted)
    body += _ATTRIBUTE.pack(4 + octets, DST) + address.network.to_bytes(octets, "big")
    if source:
        body += _ATTRIBUTE.pack(4 + octets, _SRC) + source.network.to_bytes(octets, "big")
        body += _attribute_u32(_COMES_IN, link)
    return _request(GET_ROUTE, REQUEST, sequence, body)


def pack_probe(sequence: int) -> bytes:
    """Return a request to change a route that no kernel can carry out (an IPv4 prefix of 255).

    Its answer is EPERM where changing routes is not permitted, and EINVAL where it is.
    """
    body = _RTMSG.pack(ADDRESS_FAMILY[4], 255, 0, 0, 0, 0, 0, 0, 0)
    return _request(NEW_ROUTE, REQUEST | ACK, sequence, body)


def _request(message: int, flags: int, sequence: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), message, flags, sequence, 0) + body


def _attribute_u32(attribute: int, value: int) -> bytes:
    return _ATTRIBUTE.pack(8, attribute) + _NUMBER.pack(value)


def split(datagram: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield each message of a datagram: type, flags, sequence, start and end of its payload."""
    at, end = 0, len(datagram)
    while at + 16 <= end:
        length, message, flags, sequence, _ = HEADER.unpack_from(datagram, at)
        if length < 16 or at + length > end:
            return
        yield message, flags, sequence, at + 16, at + length
        at += (length + 3) & ~3


def error_of(datagram: bytes, start: int) -> int:
    """Return the errno of an ERROR or DONE message; 0 is an acknowledgement."""
    return -int.from_bytes(datagram[start : start + 4], ORDER, signed=True)


def attributes(data: bytes, at: int, end: int) -> dict[int, bytes]:
    """Return the attributes (rtattr) between two offsets, by their number."""
    found = {}
    while at + 4 <= end:
        length, attribute = _ATTRIBUTE.unpack_from(data, at)
        if length < 4:
            break
        found[attribute & 0x3FFF] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def u32(value: bytes | None) -> int:
    """Return an attribute's number; 0 where it is absent."""
    return _NUMBER.unpack(value)[0] if value else 0


def to_prefix(family: int, address: bytes | None, length: int) -> Prefix:
    """Return the prefix of an address attribute; host bits are cleared."""
    number = int.from_bytes(address or b"", "big")
    shift = WIDTH[family] - length
    return Prefix(family, number >> shift << shift, length)


def parse_route(data: bytes, start: int, end: int) -> tuple[int, Route] | None:
    """Return table and route of a route message; None for other families' ones."""
    if end - start == 28 and data[start] == 2:
        # The one shape that a table of IPv4 null routes consists of; worth its own lines.
        fields = _BARE.unpack_from(data, start - 16)
        if fields[15] == TABLE and fields[18] == DST and fields[17] == 8:
            prefix = Prefix(4, int.from_bytes(fields[19], "big"), fields[6])
            return fields[16], Route(prefix, _KIND.get(fields[12]), fields[10], 0)
    elif end - start >= 48 and data[start] == 10:
        fields = _BARE_SIX.unpack_from(data, start - 16)
        if (fields[15], fields[17], fields[18]) == (TABLE, 20, DST) and fields[21] == _PRIORITY:
            prefix = Prefix(6, int.from_bytes(fields[19], "big"), fields[6])
            return fields[16], Route(prefix, _KIND.get(fields[12]), fields[10], fields[22])
    family = FAMILY.get(data[start])
    if family is None:
        return None
    found = attributes(data, start + 12, end)
    length, low, protocol, kind = data[start + 1], data[start + 4], data[start + 5], data[start + 7]
    prefix = to_prefix(family, found.get(DST), length)
    table = u32(found[TABLE]) if TABLE in found else low
    return table, Route(prefix, _KIND.get(kind), protocol, u32(found.get(_PRIORITY)))


def parse_rule(data: bytes, start: int, end: int) -> FibRule | None:
    """Return the rule of a rule message; None for other families' ones."""
    family = FAMILY.get(data[start])
    if family is None:
        return None
    found = attributes(data, start + 12, end)
    action = _ACTION.get(data[start + 7], "nop")
    if found.get(_RULE_L3MDEV, b"\0")[0]:
        action = "l3mdev"
    selective = (
        data[start + 1 : start + 4] != b"\0\0\0"
        or bool(u32(data[start + 8 : start + 12]) & _INVERT)
        or found.get(_RULE_SUPPRESS_LENGTH, _NO_LENGTH) != _NO_LENGTH
        or found.get(_RULE_SUPPRESS_GROUP, _NO_LENGTH) != _NO_LENGTH
        or not found.keys() <= _NO_SELECTOR
    )
    table = u32(found[_RULE_TABLE]) if _RULE_TABLE in found else data[start + 4]
    return FibRule(
        family,
        u32(found.get(_RULE_PRIORITY)),
        table,
        found.get(_RULE_PROTOCOL, b"\0")[0],
        plain=action == "lookup" and not selective,
        action=action,
        selective=selective,
        target=u32(found.get(_RULE_GOTO)),
    )


def parse_lookup(data: bytes, start: int, end: int) -> tuple[str, int, Prefix]:
    """Return type, table and prefix of the route that a lookup found."""
    family = FAMILY[data[start]]
    found = attributes(data, start + 12, end)
    kind = data[start + 7]
    name = _TYPE_NAMES[kind] if kind < len(_TYPE_NAMES) else str(kind)
    table = u32(found[TABLE]) if TABLE in found else data[start + 4]
    return name, table, to_prefix(family, found.get(DST), data[start + 1])
