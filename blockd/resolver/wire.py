"""DNS messages as bytes: what the hot path must see of a query or a reply, by peeking.

No message objects, no sockets. Offsets count from the start of the message. Messages that
break RFC 1035 raise FormError, whatever the bytes are.
"""

import struct
from typing import Final, NamedTuple

from blockd.errors import FormError

HEADER = struct.Struct("!HHHHHH")  # id, flags, question, answer, authority, additional counts
RECORD = struct.Struct("!HHIH")  # type, class, TTL, length: RFC 1035 4.1.3

QR: Final = 0x8000
AA: Final = 0x0400
TC: Final = 0x0200
RD: Final = 0x0100
RA: Final = 0x0080
AD: Final = 0x0020
CD: Final = 0x0010
OPCODE: Final = 0x7800
DO: Final = 0x8000  # in OPT's TTL field: RFC 3225 3, and the compact-answers flag of 9824
CO: Final = 0x4000

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
AAAA: Final = 28
DNAME: Final = 39
OPT: Final = 41
SVCB: Final = 64
HTTPS: Final = 65
NXNAME: Final = 128
ANY: Final = 255
IN: Final = 1
CHAOS: Final = 3

LONGEST_NAME: Final = 254  # octets without the root's: RFC 1035 2.3.4
_MOST_POINTERS: Final = 127  # no name has more labels

LEAST_UDP: Final = 512  # RFC 1035 4.2.1
OWN_UDP: Final = 1232  # what fits every path without fragments: DNS flag day 2020
SUBNET: Final = 8
COOKIE: Final = 10
KEEPALIVE: Final = 11
PADDING: Final = 12
EDE: Final = 15
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


class Query:
    """What is asked, and how.

    Names are folded with `bytes.lower`: it touches ASCII letters alone, and length octets,
    which are at most 63, are none.
    """

    __slots__ = (
        "edns", "excepted", "flags", "id", "judged", "key", "name", "qclass", "qtype", "question",
    )  # fmt: skip

    def __init__(
        self,
        number: bytes,
        flags: int,
        question: bytes,
        name: bytes,
        edns: Edns | None,
        key: bytes,
    ) -> None:
        self.id = number
        """Two octets."""
        self.flags = flags
        self.question = question
        """Name, type and class as the client wrote them; echoed in the reply."""
        self.name = name
        """Canonical wire form without the root's octet, see `blockd.names`."""
        self.qtype = question[-4] << 8 | question[-3]
        self.qclass = question[-2] << 8 | question[-1]
        self.edns = edns
        self.key = key
        """What tells answers apart; see `key_tail`."""
        self.judged = 0
        """The engine's epoch in which the policy was asked of the name, and does not block it."""
        self.excepted = False
        """Whether that is because of an exception, which covers what the name leads to as well."""


def parse_query(packet: bytes) -> Query:
    """Return the query in a packet whose header was looked at by `unanswerable`.

    Raises:
        FormError: the question or a record does not parse, or there are two OPT records.
    """
    end = _question_end(packet)
    question = packet[12:end]
    edns = None
    records = packet[6:12]
    if records == b"\0\0\0\0\0\1" and packet[end : end + 3] == b"\0\0\x29":
        edns = _edns(packet, end + 1)  # the usual query: one OPT and nothing else
    elif records != b"\0\0\0\0\0\0":
        edns = _find_edns(packet, end)
    flags = packet[2] << 8 | packet[3]
    name = question[:-5].lower()
    key = name + key_tail(question[-4:], flags, edns)
    return Query(packet[:2], flags, question, name, edns, key)


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


def whole_name(message: bytes, at: int) -> tuple[bytes, int] | None:
    """Return a name as it was written, in wire form without pointers and the root's octet.

    Pointers lead backwards (RFC 1035 4.1.4: to a prior occurrence), so that none makes a loop,
    and there are not so many that a long message of them takes long.

    Returns:
        The name, and the offset behind it; None where it is malformed.
    """
    name = b""
    behind = 0
    try:
        for _ in range(_MOST_POINTERS + 1):
            start = at
            while 0 < (length := message[at]) < 64:
                at += 1 + length
                if at - start > LONGEST_NAME:
                    return None
            name += message[start:at]
            if length == 0:
                return (name, behind or at + 1) if len(name) <= LONGEST_NAME else None
            pointer = (length & 0x3F) << 8 | message[at + 1]
            if length < 0xC0 or not 12 <= pointer < start:
                return None
            behind = behind or at + 2
            at = pointer
    except IndexError:
        pass
    return None


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
