"""What an upstream said: its reply parsed once into an answer that can be kept and aged.

Records stay bytes; only their TTLs are known, so that unknown types pass untouched
(RFC 3597, RFC 5625). OPT is hop by hop and is taken out.
"""

import struct
from typing import NamedTuple

import dnslib

from blockd.errors import FormError
from blockd.resolver import wire

LONGEST = 86_400
"""Seconds that an answer is kept at most; a day bounds what a typing error upstream can do."""


class Answer(NamedTuple):
    """An upstream's answer without its header, question and OPT."""

    rcode: int
    """The full code, OPT's upper bits included."""
    flags: int
    """AD and TC as they came."""
    counts: bytes
    """Answer, authority and additional counts in wire form, OPT not counted."""
    body: bytes
    """All records but OPT. Compression points behind a header and a question of equal size."""
    ttls: tuple[tuple[int, int], ...]
    """Where in the body each TTL stands, and its value in seconds."""
    lifetime: int
    """Seconds for which it may be kept: RFC 2181 8, RFC 2308 5. 0: not at all."""

    def aged(self, seconds: int) -> bytes:
        """Return the body with its TTLs counted down; they stop at zero."""
        if seconds <= 0 or not self.ttls:
            return self.body
        body = bytearray(self.body)
        for at, ttl in self.ttls:
            body[at : at + 4] = max(0, ttl - seconds).to_bytes(4, "big")
        return bytes(body)


def parse_reply(packet: bytes, question_end: int) -> Answer:
    """Return the answer in a reply whose header and question were compared with the query's.

    Args:
        packet: the whole message.
        question_end: the offset behind the question.

    Raises:
        FormError: records do not parse. Bytes behind them are left out of the answer.
    """
    _, flags, _, answers, authorities, additional = wire.HEADER.unpack_from(packet)
    ttls: list[tuple[int, int]] = []
    least = LONGEST
    negative = 0
    opt_start = opt_end = 0
    extended = 0
    at = question_end
    total = answers + authorities + additional
    unpack = wire.RECORD.unpack_from
    try:
        for number in range(total):
            start = at
            at = at + 2 if packet[at] >= 0xC0 else wire.skip_name(packet, at)
            rtype, _, ttl, length = unpack(packet, at)
            if rtype == wire.OPT:
                if opt_end or number < answers + authorities:
                    raise FormError("OPT twice, or out of place (RFC 6891 6.1.1)")
                extended = ttl >> 24
                opt_start, opt_end = start, at + 10 + length
            else:
                if ttl > 0x7FFFFFFF:
                    ttl = 0  # RFC 2181 8
                ttls.append((at + 4 - question_end, ttl))
                if number < answers:
                    least = min(least, ttl)
                elif rtype == wire.SOA and number < answers + authorities and length >= 22:
                    # RFC 2308 5: the lesser of the SOA's own TTL and its MINIMUM field.
                    end = at + 10 + length
                    negative = min(ttl, int.from_bytes(packet[end - 4 : end], "big"))
            at += 10 + length
    except (IndexError, struct.error):
        raise FormError("the reply ends within a record") from None
    if at > len(packet):
        raise FormError("the reply ends within a record's data")
    rcode = flags & 0xF | extended << 4
    if opt_end and opt_end != at:
        return parse_reply(_without_opt(packet), question_end)
    body = packet[question_end : opt_start if opt_end else at]
    counts = struct.pack("!HHH", answers, authorities, additional - (1 if opt_end else 0))
    lifetime = 0
    if rcode == wire.NOERROR and answers:
        lifetime = least
    elif rcode in (wire.NOERROR, wire.NXDOMAIN):
        lifetime = min(negative, least)
    if flags & wire.TC:
        lifetime = 0
    return Answer(rcode, flags & (wire.AD | wire.TC), counts, body, tuple(ttls), lifetime)


def _without_opt(packet: bytes) -> bytes:
    """Take an OPT out of the middle: later names may point behind it, so all is packed anew."""
    try:
        message = dnslib.DNSRecord.parse(packet)
        message.ar = [record for record in message.ar if record.rtype != wire.OPT]
        return bytes(message.pack())
    except Exception as error:  # noqa: BLE001 - dnslib's parser raises whatever the bytes provoke
        raise FormError(f"the reply does not parse: {error}") from None
