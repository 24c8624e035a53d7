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

A, NS, CNAME, SOA, AAAA, OPT, NXNAME, ANY = 1, 2, 5, 6, 28, 41, 128, 255
IN, CHAOS = 1, 3

LEAST_UDP = 512  # RFC 1035 4.2.1
OWN_UDP = 1232  # what fits every path without fragments: DNS flag day 2020
EDE = 15  # the option code of extended DNS errors, RFC 8914 2

_PLAIN_NAME = bytes(range(65, 91)), bytes(range(97, 123))
LOWER = bytes.maketrans(*_PLAIN_NAME)
"""Folds ASCII case; length octets are at most 63 and so stay as they are."""


class Edns(NamedTuple):
    """The OPT record of a query."""

    size: int
    """The largest UDP reply that the client takes, at least 512 (RFC 6891 6.2.3)."""
    version: int
    flags: int
    """DO and CO, as they stand in the TTL field's lower half; other bits are left out."""
    options: bool
    """Whether there is any option, which makes the packet unlike others of the question."""


class Query(NamedTuple):
    """What is asked, and how."""

    id: bytes
    flags: int
    question: bytes
    """Name, type and class as the client wrote them; echoed in the reply."""
    name: bytes
    """Canonical wire form without the root's octet, see `blockd.names`."""
    qtype: int
    qclass: int
    edns: Edns | None

    @property
    def key(self) -> bytes:
        """What tells answers apart: the question in lower case, and all bits that go upstream.

        These are RD, AD, CD, DO and CO; the last one, since it changes the rcode of denials
        (RFC 9824). The type and class are not letters of a name, so they are left as they are.
        """
        flags = self.flags & (RD | AD | CD) | (self.edns.flags if self.edns else 0)
        return self.name + self.question[-4:] + flags.to_bytes(2, "big")


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
    return Query(
        packet[:2],
        packet[2] << 8 | packet[3],
        question,
        question[:-5].translate(LOWER),
        qtype,
        qclass,
        edns,
    )


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
    return Edns(max(size, LEAST_UDP), flags >> 16 & 0xFF, flags & (DO | CO), length > 0)


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
    """Return a reply of a header alone, for a query whose question cannot be echoed."""
    flags = packet[2] << 8 | packet[3]
    return packet[:2] + struct.pack("!H", QR | flags & (OPCODE | RD) | rcode) + bytes(8)


def unanswerable(packet: bytes) -> int | None:
    """Look at the header: None for an ordinary query, else the rcode, or -1 for silence."""
    if len(packet) < 12 or packet[2] & 0x80:
        return -1  # answering answers would make loops of two servers
    if packet[2] & 0x78:
        return NOTIMP
    if packet[4:6] != b"\0\1":
        return FORMERR  # RFC 9619: one question, no more, no less
    return None
