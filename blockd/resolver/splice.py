"""An upstream's answer for the target of a CNAME, packed anew to follow another question.

Its names were compressed against the target's question, so each is read whole and packed again
behind the CNAME. Which name leads to which target, and what else is said, is `answers`' business.
"""

import struct
from contextlib import suppress
from typing import NamedTuple

import dnslib

from blockd.errors import FormError
from blockd.resolver import wire
from blockd.resolver.reply import Answer

_MOST = 256
"""Records of a target that are passed on; a garden has a handful."""

_LAST_POINTED = 0x3FFF  # RFC 1035 4.1.4: fourteen bits; dnslib would overrun them

_LAYOUT = {
    wire.NS: (0, 1), wire.CNAME: (0, 1), wire.SOA: (0, 2), 7: (0, 1), 8: (0, 1), 9: (0, 1),
    12: (0, 1), 14: (0, 2), 15: (2, 1),  # PTR, MINFO, MX; 7 to 9 are MB, MG, MR
    17: (0, 2), 18: (2, 1), 21: (2, 1), 33: (6, 1), 36: (2, 1), wire.DNAME: (0, 1),
}  # fmt: skip
"""Octets before the names in a type's data, and how many names there are; what follows them is
copied. The data of all other types holds no compressed names: RFC 3597 4."""

_COMPRESSED = frozenset({2, 5, 6, 7, 8, 9, 12, 14, 15})
"""Types whose names may be compressed: those of RFC 1035, no newer ones."""

_Name = tuple[bytes, ...]


class Spliced(NamedTuple):
    """A CNAME and what its target was found to be, without header, question and OPT."""

    rcode: int
    """That of the chain's end (RFC 6604 3)."""
    counts: bytes
    """Answer, authority and additional counts in wire form."""
    body: bytes
    """All records; good behind a question of the size that was given alone."""


def splice(target: bytes, ttl: int, answer: Answer | None, question: int, age: int = 0) -> Spliced:
    """Return a CNAME for the name asked for, followed by its target's records.

    The CNAME stands alone where the target's answer is missing, a failure, or does not parse:
    what is listed stays blocked, and a resolver behind us may look the target up itself.

    Args:
        target: the CNAME's data: the target in wire form, the root's octet included.
        ttl: the CNAME's, in seconds.
        answer: the upstream's answer to the same question for the target.
        question: the octets of the question that will stand before the records.
        age: seconds since the answer came, by which its TTLs are counted down.
    """
    if answer is not None and answer.rcode in {wire.NOERROR, wire.NXDOMAIN}:
        with suppress(Exception):  # dnslib raises whatever the names provoke
            return _followed(target, ttl, answer, question, age)
    packing = _Packing(question)
    packing.cname(target, ttl)
    return Spliced(wire.NOERROR, b"\0\1\0\0\0\0", packing.body())


def _followed(target: bytes, ttl: int, answer: Answer, question: int, age: int) -> Spliced:
    # The message as it came, but for its header: pointers are offsets from its start.
    packet = bytes(12) + target + bytes(4) + answer.aged(age)
    answers, authorities, _ = struct.unpack("!HHH", answer.counts)
    if answers + authorities > _MOST:
        raise FormError("more records than a garden has")
    packing = _Packing(question)
    packing.cname(target, ttl)
    at = 12 + len(target) + 4
    kept = 0
    for number in range(answers + authorities):
        owner, at = _name(packet, at)
        rtype, rclass, own_ttl, length = wire.RECORD.unpack_from(packet, at)
        at += 10 + length
        if at > len(packet):
            raise FormError("the answer ends within a record's data")
        # Of the authority, what lets a denial be cached (RFC 2308 2.1) and nothing else.
        if number < answers or rtype == wire.SOA:
            packing.record(owner, (rtype, rclass, own_ttl), packet, at - length, at)
            kept += number >= answers
    return Spliced(answer.rcode, struct.pack("!HHH", 1 + answers, kept, 0), packing.body())


class _Packing:
    """Records on their way behind a question of a known size."""

    def __init__(self, question: int) -> None:
        self._start = 12 + question
        self._buffer = dnslib.DNSBuffer()
        self._buffer.append(bytes(self._start))

    def cname(self, target: bytes, ttl: int) -> None:
        self._buffer.append(b"\xc0\x0c")
        self._data((wire.CNAME, wire.IN, ttl), b"", [_name(target, 0)[0]], b"")

    def record(
        self, owner: _Name, head: tuple[int, int, int], packet: bytes, at: int, end: int
    ) -> None:
        """Add a record whose data lies in the packet from `at` to `end`."""
        before, count = _LAYOUT.get(head[0], (0, 0))
        prefix = packet[at : at + before]
        at += before
        found = []
        for _ in range(count):
            name, at = _name(packet, at)
            found.append(name)
        if at > end:
            raise FormError("a name ends behind its record")
        if self._buffer.offset > _LAST_POINTED:
            raise FormError("more octets than a garden has")
        self._buffer.encode_name(dnslib.DNSLabel(owner))
        self._data(head, prefix, found, packet[at:end])

    def _data(
        self, head: tuple[int, int, int], prefix: bytes, names: list[_Name], rest: bytes
    ) -> None:
        buffer = self._buffer
        rtype, rclass, ttl = head
        buffer.pack("!HHIH", rtype, rclass, ttl, 0)
        start = buffer.offset
        buffer.append(prefix)
        for name in names:
            label = dnslib.DNSLabel(name)
            if rtype in _COMPRESSED:
                buffer.encode_name(label)
            else:
                buffer.encode_name_nocompress(label)
        buffer.append(rest)
        buffer.update(start - 2, "!H", buffer.offset - start)

    def body(self) -> bytes:
        if self._buffer.offset > _LAST_POINTED:
            raise FormError("more octets than a garden has")
        return bytes(self._buffer.data[self._start :])


def _name(packet: bytes, at: int) -> tuple[_Name, int]:
    """Return a name's labels and the offset behind it."""
    read = wire.whole_name(packet, at)
    if read is None:
        raise FormError("a name that is malformed")
    name, behind = read
    labels = []
    at = 0
    while at < len(name):
        labels.append(name[at + 1 : at + 1 + name[at]])
        at += 1 + name[at]
    return tuple(labels), behind
