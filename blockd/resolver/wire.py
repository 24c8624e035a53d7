"""DNS messages as bytes: what the hot path must see of a query or a reply, by peeking.

No message objects, no sockets. Offsets count from the start of the message. Messages that
break RFC 1035 raise FormError, whatever the bytes are.
"""

import struct
from typing import NamedTuple

from blockd.errors import FormError

HEADER = struct.Struct("!HHHHHH")  # id, flags, question, answer, authority, additional counts
RECORD = struct.Struct("!HHIH")  # type, class, TTL, length: RFC 1035 4.1.3

QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
OPCODE = 0x7800
DO, CO = 0x8000, 0x4000  # in OPT's TTL field: RFC 3225 3, and the compact-answers flag of 9824

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16

A, NS, CNAME, SOA, AAAA, DNAME, OPT = 1, 2, 5, 6, 28, 39, 41
SVCB, HTTPS, NXNAME, ANY = 64, 65, 128, 255
IN, CHAOS = 1, 3

LEAST_UDP = 512  # RFC 1035 4.2.1
OWN_UDP = 1232  # what fits every path without fragments: DNS flag day 2020
SUBNET, COOKIE, KEEPALIVE, PADDING, EDE = 8, 10, 11, 12, 15
"""EDNS option codes: RFC 7871, 7873, 7828, 7830, 8914."""


class Edns(NamedTuple):
    """The OPT record of a query."""

    size: int
    """The largest UDP reply that the client takes, at least 512 (RFC 6891 6.2.3)."""
    version: int
    flags: int
    """DO and CO, as they stand in the TTL field's lower half; other bits are left out."""
    cookie: bytes = b""
    """The client's cookie option: 8 octets, or with the server's 16 to 40 (RFC 7873 4)."""
    subnet: bytes = b""
    """The client-subnet option's content (RFC 7871)."""
    extra: bool = False
    """Whether there are options other than a cookie."""


class Query(NamedTuple):
    """What is asked, and how.

    Names are folded with `bytes.lower`: it touches ASCII letters alone, and length octets,
    which are at most 63, are none.
    """

    id: bytes
    flags: int
    question: bytes
    """Name, type and class as the client wrote them; echoed in the reply."""
    name: bytes
    """Canonical wire form without the root's octet, see `blockd.names`."""
    qtype: int
    qclass: int
    edns: Edns | None
    key: bytes
    """What tells answers apart; see `key_tail`."""
    judged: int = 0
    """The engine's epoch in which the policy was asked about the name, and does not block it."""
    excepted: bool = False
    """Whether that is because of an exception, which covers what the name leads to as well."""
    garden: "Query | None" = None
    """The client's query, where this one asks for the name that a listed one is sent to."""


def parse_query(packet: bytes) -> Query:
    """Return the query in a packet whose header was looked at by `unanswerable`.

    Raises:
        FormError: the question or a record does not parse, or there are two OPT records.
    """
    end = _question_end(packet)
    question = packet[12:end]
    qtype, qclass = question[-4] << 8 | question[-3], question[-2] << 8 | question[-1]
    edns = None
    records = packet[6:12]
    if records == b"\0\0\0\0\0\1" and packet[end : end + 3] == b"\0\0\x29":
        edns = _edns(packet, end + 1)  # the usual query: one OPT and nothing else
    elif records != b"\0\0\0\0\0\0":
        edns = _find_edns(packet, end)
    flags = packet[2] << 8 | packet[3]
    name = question[:-5].lower()
    key = name + key_tail(question[-4:], flags, edns)
    return Query(packet[:2], flags, question, name, qtype, qclass, edns, key)


def key_tail(kind: bytes, flags: int, edns: Edns | None) -> bytes:
    """Return what follows the name in `Query.key`: type, class, RD, AD, CD, DO and CO.

    The last one, since it changes the rcode of denials (RFC 9824).
    """
    bits = flags & (RD | AD | CD) | (edns.flags if edns else 0)
    return kind + bits.to_bytes(2, "big")


def _question_end(packet: bytes) -> int:
    at = 12
    try:
        while length := packet[at]:
            if length > 63:  # no compression can point before the first name: RFC 1035 4.1.4
                raise FormError("a question's name holds a pointer or a label of another kind")
            at += 1 + length
    except IndexError:
        raise FormError("the message ends within the question") from None
    if at - 12 > 254 or at + 5 > len(packet):
        raise FormError("the question's name is too long, or its type is missing")
    return at + 5


def _edns(packet: bytes, at: int) -> Edns:
    try:
        _, size, flags, length = RECORD.unpack_from(packet, at)
    except struct.error:
        raise FormError("the message ends within OPT") from None
    if at + 10 + length > len(packet):
        raise FormError("the message ends within OPT")
    cookie = subnet = b""
    extra = False
    option, end = at + 10, at + 10 + length
    while option < end:
        if option + 4 > end:
            raise FormError("an EDNS option is cut off (RFC 6891 6.1.2)")
        code = packet[option] << 8 | packet[option + 1]
        octets = packet[option + 2] << 8 | packet[option + 3]
        content = packet[option + 4 : option + 4 + octets]
        option += 4 + octets
        if option > end:
            raise FormError("an EDNS option is cut off (RFC 6891 6.1.2)")
        if code == COOKIE and not cookie:
            if octets != 8 and not 16 <= octets <= 40:
                raise FormError("a cookie of a wrong length (RFC 7873 5.2.2)")
            cookie = content
        else:
            extra = True
            if code == SUBNET:
                subnet = content
    return Edns(
        max(size, LEAST_UDP), flags >> 16 & 0xFF, flags & (DO | CO), cookie, subnet, extra=extra
    )


def _find_edns(packet: bytes, at: int) -> Edns | None:
    found = None
    _, _, _, *counts = HEADER.unpack_from(packet)
    for section, count in enumerate(counts):
        for _ in range(count):
            owner = at
            at, rtype = skip_record(packet, at)
            if rtype == OPT and section == 2:
                if found is not None or packet[owner] != 0:
                    raise FormError("two OPT records, or one not at the root (RFC 6891 6.1.1)")
                found = _edns(packet, owner + 1)
    return found


def skip_name(packet: bytes, at: int) -> int:
    """Return the offset behind a possibly compressed name; pointers are not followed."""
    try:
        while length := packet[at]:
            if length >= 0xC0:
                return at + 2
            if length > 63:
                raise FormError("a label of an unknown kind (RFC 6891 5)")
            at += 1 + length
    except IndexError:
        raise FormError("the message ends within a name") from None
    return at + 1


def skip_record(packet: bytes, at: int) -> tuple[int, int]:
    """Return the offset behind a record, and its type."""
    at = skip_name(packet, at)
    try:
        rtype, _, _, length = RECORD.unpack_from(packet, at)
    except struct.error:
        raise FormError("the message ends within a record") from None
    at += 10 + length
    if at > len(packet):
        raise FormError("the message ends within a record's data")
    return at, rtype


def header_reply(packet: bytes, rcode: int) -> bytes:
    """Return a reply without a question, for a query whose question cannot be echoed.

    A plain OPT at the query's end is answered by ours (RFC 6891 6.1.1), although the query as
    a whole does not parse.
    """
    flags = packet[2] << 8 | packet[3]
    head = packet[:2] + struct.pack("!H", QR | flags & (OPCODE | RD) | rcode)
    if packet[10:12] == b"\0\1" and packet[-11:-8] == b"\0\0\x29" and packet[-2:] == b"\0\0":
        return head + bytes(7) + b"\1" + b"\0" + RECORD.pack(OPT, OWN_UDP, 0, 0)
    return head + bytes(8)


def unanswerable(packet: bytes) -> int | None:
    """Look at the header: None for an ordinary query, else the rcode, or -1 for silence."""
    if len(packet) < 12 or packet[2] & 0x80:
        return -1  # answering answers would make loops of two servers
    if packet[2] & 0x78:
        return NOTIMP
    if packet[4:6] != b"\0\1":
        return FORMERR  # RFC 9619: one question, no more, no less
    return None
