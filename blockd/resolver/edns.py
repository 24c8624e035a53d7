"""EDNS options that belong to one stream: keepalive (RFC 7828) and padding (RFC 7830).

They are looked for in a query's octets, and put into a message that is finished otherwise;
neither is ever part of what is cached or passed on. Pure.
"""

from typing import NamedTuple

from blockd.errors import FormError
from blockd.resolver import wire

QUERY_BLOCK, REPLY_BLOCK = 128, 468
"""Octets to whose multiples messages are padded: RFC 8467 4.1."""

_LONGEST = 65_535
_KEEPALIVE = wire.KEEPALIVE.to_bytes(2, "big")
_PADDING = wire.PADDING.to_bytes(2, "big")


class Wanted(NamedTuple):
    """What a query's OPT asks of the stream that it came by."""

    keepalive: bool = False
    padding: bool = False


NOTHING = Wanted()


def wanted(packet: bytes) -> Wanted:
    """Return what a query asks for; nothing where it does not parse."""
    if _KEEPALIVE not in packet and _PADDING not in packet:
        return NOTHING  # nearly every query, without parsing it
    place = _opt(packet)
    if place is None:
        return NOTHING
    at, end = place
    keepalive = padding = False
    while at + 4 <= end:
        code = packet[at : at + 2]
        length = packet[at + 2] << 8 | packet[at + 3]
        if code == _KEEPALIVE:
            keepalive = length == 0  # a client leaves the time out: RFC 7828 3.2.1
        elif code == _PADDING:
            padding = True
        at += 4 + length
    return Wanted(keepalive, padding)


def with_keepalive(message: bytes, seconds: float) -> bytes:
    """Return a reply that says how long its connection may be idle (RFC 7828 3.3.2)."""
    tenths = min(max(int(seconds * 10), 0), 0xFFFF)
    return _with(message, _KEEPALIVE + b"\0\2" + tenths.to_bytes(2, "big"))


def padded(message: bytes, block: int) -> bytes:
    """Return a message whose length is a multiple of `block`, where it has an OPT.

    One that is too long for that gets the greatest length there is.
    """
    size = len(message) + 4
    room = min(-(-size // block) * block, _LONGEST) - size
    if room < 0:
        return message
    return _with(message, _PADDING + room.to_bytes(2, "big") + bytes(room))


def _with(message: bytes, option: bytes) -> bytes:
    """Put an option behind those of OPT, if that is the last record, as ours always is."""
    place = _opt(message)
    if place is None or place[1] != len(message) or len(message) + len(option) > _LONGEST:
        return message
    at, end = place
    length = end - at + len(option)
    return message[: at - 2] + length.to_bytes(2, "big") + message[at:] + option


def _opt(message: bytes) -> tuple[int, int] | None:
    """Return where OPT's options begin and end; None without OPT, or if it does not parse."""
    if len(message) < 12:
        return None
    _, _, questions, *counts = wire.HEADER.unpack_from(message)
    at = 12
    try:
        for _ in range(questions):
            at = wire.skip_name(message, at) + 4
        for _ in range(sum(counts)):
            start = at
            at, rtype = wire.skip_record(message, at)
            if rtype == wire.OPT:
                return wire.skip_name(message, start) + 10, at
    except FormError:
        return None
    return None
