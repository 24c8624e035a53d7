"""The quick way for the usual query: its bytes compared with ones that were parsed before.

A shape is all of a query but its ID, its name and its cookie. Queries come in a few dozen
shapes; one that parsed once lets all others of its shape go without parsing. A stamp is the
answer to a listed name in one shape, but for ID, question, cookie and the place of the SOA's
owner. What the answers say is `answers`' business.
"""

from typing import Final, NamedTuple

from blockd.resolver import wire
from blockd.resolver.counters import Count
from blockd.resolver.wire import Edns, Query

MOST = 4096
"""Shapes that are remembered; only somebody who plays with bits comes near."""
MOST_STAMPS = 50_000
"""Stamps of all shapes together, some 500 octets each; beyond either all is learnt anew."""

CLIENT_COOKIE = b"\0\x0a\0\x08"  # the option's code and its length: RFC 7873 4
_BOTH_COOKIES = b"\0\x0a\0\x18"
COOKIE: Final = 24
"""Octets of the cookie in our replies: the client's and ours."""

_LONGEST = 255 + 4


class Stamp(NamedTuple):
    """An answer to be completed."""

    head: bytes
    """What follows the ID: flags and counts."""
    pointed: bool
    """Whether the records begin with a pointer to the SOA's owner."""
    rest: bytes
    """What follows the question, without that pointer and without the cookie."""
    outcome: Count
    platform: Count


class Shape:
    """What all queries of one shape have in common."""

    __slots__ = (
        "cookie",
        "edns",
        "flags",
        "key_tail",
        "kind",
        "limit",
        "stamps",
    )

    def __init__(self, query: Query, limit: int) -> None:
        self.flags = query.flags
        self.kind = query.question[-4:]
        edns = query.edns
        self.edns: Edns | None = edns._replace(cookie=b"") if edns is not None else None
        self.cookie = bool(edns and edns.cookie)
        self.key_tail = wire.key_tail(self.kind, query.flags, query.edns)
        self.limit = limit
        self.stamps: dict[bytes, Stamp | None] = {}
        """By the stored slots' rule; None: not to be stamped, take the long way."""


def split(packet: bytes) -> tuple[bytes, bytes]:
    """Return a query without its cookie's octets, and these; both cookies are cut alike."""
    if packet[-12:-8] == CLIENT_COOKIE:
        return packet[:-8], packet[-8:]
    if packet[-28:-24] == _BOTH_COOKIES:
        return packet[:-24], packet[-24:]
    return packet, b""


def learnt(packet: bytes, query: Query, limit: int) -> tuple[bytes, Shape] | None:
    """Return what a packet that parsed teaches: its key and shape; None: it is too special."""
    if query.edns is not None and query.edns.extra:
        return None
    opt = packet[12 + len(query.question) :]
    if opt and (opt[:3] != b"\0\0\x29" or len(opt) != 11 + int.from_bytes(opt[9:11], "big")):
        return None  # other records, or octets behind the last, which may look like a cookie
    body, cookie = split(packet)
    if cookie != (query.edns.cookie if query.edns else b""):
        return None
    end = 11 + len(query.question) - 4
    if body.find(0, 12) != end:  # a label that holds a zero octet
        return None
    return body[2:12] + body[end + 1 :], Shape(query, limit)


def stamp(
    message: bytes, query: Query, limit: int, outcome: Count, platform: Count
) -> Stamp | None:
    """Return the stamp that a whole answer shows; None where a longer name might not fit."""
    start = 12 + len(query.question)
    rest = message[start:]
    if 12 + _LONGEST + len(rest) > limit or message[2] & 0x02:
        return None
    if query.edns is not None and query.edns.cookie:
        rest = rest[:-COOKIE]
    pointed = message[6:8] == b"\0\0" and message[8:10] == b"\0\1"
    return Stamp(message[2:12], pointed, rest[2:] if pointed else rest, outcome, platform)


POINTERS = tuple((0xC00C + at).to_bytes(2, "big") for at in range(256))
"""Compression pointers into the question's name, by the offset in it (RFC 1035 4.1.4)."""
