"""What an upstream said: its reply parsed once into an answer that can be kept and aged.

Records stay bytes; only their TTLs are known, so that unknown types pass untouched
(RFC 3597, RFC 5625). OPT is hop by hop and is taken out, but for its extended errors.
"""

import struct
from collections.abc import Iterable
from typing import Final

from blockd.errors import FormError
from blockd.resolver import extended, wire

LONGEST: Final = 86_400
"""The greatest TTL in seconds, here and with clients: it bounds what a slip upstream can do."""

LONGEST_NEGATIVE: Final = 3_600
"""The same for denials: RFC 2308 5 suggests one to three hours."""

_CHAIN = frozenset({wire.CNAME, wire.DNAME, 46})
"""Types that only lead on, and RRSIG."""

MOST_RECORDS = 500
"""Records of one answer, OPT included. Each is judged by itself, its name by every label, and
meanwhile nobody else is served; what somebody means to be looked up has some dozens."""

_MOST_OPTIONS: Final = 512  # octets of extended errors that are passed on


class Answer:
    """An upstream's answer without its header, question and OPT."""

    __slots__ = ("body", "counts", "flags", "lifetime", "options", "rcode", "ttls_at")

    def __init__(
        self,
        rcode: int,
        flags: int,
        counts: bytes,
        body: bytes,
        ttls_at: tuple[int, ...],
        lifetime: int,
        options: bytes = b"",
    ) -> None:
        self.rcode = rcode
        """The full code, OPT's upper bits included."""
        self.flags = flags
        """AA is never passed on; AD and TC as they came."""
        self.counts = counts
        """Answer, authority and additional counts in wire form, OPT not counted."""
        self.body = body
        """All records but OPT. Compression points behind a header and a question of equal size."""
        self.ttls_at = ttls_at
        """Where in the body each TTL stands, which is at most `LONGEST` seconds."""
        self.lifetime = lifetime
        """Seconds for which it may be kept: RFC 2181 8, RFC 2308 5. 0: not at all."""
        self.options = options
        """Extended errors of the upstream, as EDNS options (RFC 8914 3: may be passed on)."""

    @property
    def failed(self) -> bool:
        """Whether it says nothing of the name: RFC 8767 4 and RFC 9520 2, REFUSED included."""
        return self.rcode not in (wire.NOERROR, wire.NXDOMAIN)

    def aged(self, seconds: int) -> bytes:
        """Return the body with its TTLs counted down; they stop at zero."""
        if seconds <= 0 or not self.ttls_at:
            return self.body
        aged = bytearray(self.body)
        for at in self.ttls_at:
            left = int.from_bytes(aged[at : at + 4], "big") - seconds
            aged[at : at + 4] = left.to_bytes(4, "big") if left > 0 else bytes(4)
        return bytes(aged)

    def stale(self, ttl: int) -> bytes:
        """Return the body with every TTL set to that of stale data (RFC 8767 4)."""
        return _stamped(self.body, [(at, ttl) for at in self.ttls_at])

    def changed(
        self,
        *,
        rcode: int | None = None,
        body: bytes | None = None,
        lifetime: int | None = None,
        options: bytes | None = None,
    ) -> "Answer":
        """Return another answer, which differs in what is given."""
        return Answer(
            self.rcode if rcode is None else rcode,
            self.flags,
            self.counts,
            self.body if body is None else body,
            self.ttls_at,
            self.lifetime if lifetime is None else lifetime,
            self.options if options is None else options,
        )


def failure(rcode: int, lifetime: int) -> Answer:
    """Return what is kept of a question that could not be answered (RFC 9520 3.2)."""
    return Answer(rcode, 0, bytes(6), b"", (), lifetime)


def parse_reply(packet: bytes, question_end: int) -> Answer:
    """Return the answer in a reply whose header and question were compared with the query's.

    Args:
        packet: the whole message.
        question_end: the offset behind the question.

    Returns:
        A failure in place of an answer that has more records than are looked at.

    Raises:
        FormError: records do not parse. Bytes behind them are left out of the answer, as are
            records behind OPT: names in these may point behind it, and nobody asked for them.
    """
    total = sum(wire.HEADER.unpack_from(packet)[3:])
    if total > MOST_RECORDS:
        text = f"an answer of {total} records, more than {MOST_RECORDS}"
        return failure(wire.SERVFAIL, 0).changed(options=extended.error(extended.OTHER, text))
    return _parsed(packet, question_end)


def _parsed(packet: bytes, question_end: int) -> Answer:
    _, flags, _, answers, authorities, additional = wire.HEADER.unpack_from(packet)
    ttls_at: list[int] = []
    clamped: list[tuple[int, int]] = []
    total, least, negative = answers + authorities + additional, LONGEST, -1
    direct = False
    opt_start = opt_end = upper = 0
    at = question_end
    unpack = wire.RECORD.unpack_from
    options = b""
    try:
        for number in range(total):
            start = at
            at = at + 2 if packet[at] >= 0xC0 else wire.skip_name(packet, at)
            rtype, _, ttl, length = unpack(packet, at)
            if rtype == wire.OPT:
                if opt_end or number < answers + authorities:
                    raise FormError("OPT twice, or out of place (RFC 6891 6.1.1)")
                upper = ttl >> 24
                opt_start, opt_end = start, at + 10 + length
                additional = number - answers - authorities
                if length:
                    options = _errors(packet[at + 10 : opt_end])
            elif not opt_end:
                if ttl > LONGEST:
                    ttl = LONGEST if ttl <= 0x7FFFFFFF else 0  # RFC 2181 8
                    clamped.append((at + 4 - question_end, ttl))
                ttls_at.append(at + 4 - question_end)
                if number < answers:
                    least = min(least, ttl)
                    direct = direct or rtype not in _CHAIN
                elif rtype == wire.SOA and number < answers + authorities and length >= 22:
                    # RFC 2308 5: the lesser of the SOA's own TTL and its MINIMUM field.
                    end = at + 10 + length
                    negative = min(ttl, int.from_bytes(packet[end - 4 : end], "big"))
            at += 10 + length
    except (IndexError, struct.error):
        raise FormError("the reply ends within a record") from None
    if at > len(packet):
        raise FormError("the reply ends within a record's data")
    rcode = flags & 0xF | upper << 4
    body = packet[question_end : opt_start if opt_end else at]
    if clamped:
        body = _stamped(body, clamped)
    counts = struct.pack("!HHH", answers, authorities, additional)
    lifetime = 0
    if rcode in (wire.NOERROR, wire.NXDOMAIN) and not flags & wire.TC:
        lifetime = least
        # A chain that ends in nothing is a denial too: RFC 2308 2.2.
        if rcode or not answers or (negative >= 0 and not direct):
            lifetime = min(max(negative, 0), least, LONGEST_NEGATIVE)
    return Answer(
        rcode, flags & (wire.AD | wire.TC), counts, body, tuple(ttls_at), lifetime, options
    )


def _stamped(body: bytes, ttls: Iterable[tuple[int, int]]) -> bytes:
    """Return the records with these TTLs at their places."""
    stamped = bytearray(body)
    for at, ttl in ttls:
        stamped[at : at + 4] = ttl.to_bytes(4, "big")
    return bytes(stamped)


def _errors(rdata: bytes) -> bytes:
    """Return the extended errors among OPT's options; what is malformed ends the search."""
    found = b""
    at = 0
    while at + 4 <= len(rdata):
        end = at + 4 + (rdata[at + 2] << 8 | rdata[at + 3])
        if end > len(rdata):
            break
        if rdata[at : at + 2] == b"\0\x0f" and end - at >= 6:
            found += rdata[at:end]
        at = end
    return found if len(found) <= _MOST_OPTIONS else b""
