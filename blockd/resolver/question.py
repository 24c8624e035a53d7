"""The questions that go upstream, and whether a message answers one. Pure bytes.

OPT is hop by hop: upstream gets our own, with DO and CO copied, and without the client's
cookie, padding and keepalive. Everything else of the question passes untouched (RFC 5625).
"""

from collections.abc import Callable

from blockd.resolver import wire
from blockd.resolver.wire import Query

_HEAD: dict[tuple[int, bool], bytes] = {
    (rd | ad | cd, edns): wire.HEADER.pack(0, rd | ad | cd, 1, 0, 0, int(edns))[2:]
    for rd in (0, wire.RD)
    for ad in (0, wire.AD)
    for cd in (0, wire.CD)
    for edns in (False, True)
}
_OPT = {
    bits: b"\0" + wire.RECORD.pack(wire.OPT, wire.OWN_UDP, bits, 0)
    for bits in (0, wire.DO, wire.CO, wire.DO | wire.CO)
}
_PROXIED = wire.RD | wire.AD | wire.CD


def message(query: Query, question: bytes, *, edns: bool, subnet: bool) -> bytes:
    """Return the message that asks upstream, without its ID.

    Args:
        query: the client's.
        question: as it is to be sent.
        edns: whether the upstream takes EDNS.
        subnet: whether a client's own subnet option goes with it (RFC 7871).
    """
    head = _HEAD[query.flags & _PROXIED, edns] + question
    if not edns:
        return head
    own = query.edns
    if own is None:
        return head + _OPT[0]
    if own.subnet and subnet:
        option = wire.SUBNET.to_bytes(2, "big") + len(own.subnet).to_bytes(2, "big") + own.subnet
        return (
            head + b"\0" + wire.RECORD.pack(wire.OPT, wire.OWN_UDP, own.flags, len(option)) + option
        )
    return head + _OPT[own.flags]


def answered(packet: bytes, question: bytes, *, exact: bool) -> bool:
    """Tell whether a message of at least 12 octets is a reply to the question (RFC 5452 9.1).

    Args:
        packet: the message.
        question: as it was sent.
        exact: the case must be the same: it was random (draft-vixie-dnsext-dns0x20).
    """
    if packet[2] & 0xF8 != 0x80 or packet[4:6] != b"\0\1":
        return False
    asked = packet[12 : 12 + len(question)]
    if asked == question:
        return True
    return not exact and asked[-4:] == question[-4:] and asked[:-4].lower() == question[:-4].lower()


def is_bare_refusal(packet: bytes) -> bool:
    """Tell whether a message is FORMERR or NOTIMP with a header alone, as old servers say it."""
    return len(packet) == 12 and packet[2] & 0x80 != 0 and packet[3] & 0xF in {1, 4}


def in_random_case(question: bytes, random_bits: Callable[[int], int]) -> bytes:
    """Return the question with the case of each letter of its name drawn by lot."""
    bits = random_bits(8 * len(question)).to_bytes(len(question), "big")
    name = bytes(
        octet ^ 0x20 if 0x41 <= octet & 0xDF <= 0x5A and bit & 1 else octet
        for octet, bit in zip(question[:-4], bits, strict=False)
    )
    return name + question[-4:]
