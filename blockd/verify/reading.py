"""Reads answers by dnspython, so that nothing of the resolver's own code vouches for itself.

Answers of one rule differ in little but the question. What stands around it is read once and
remembered: a million names cost a look into a table each.
"""

from collections.abc import Callable

from blockd.errors import UnreachableError
from blockd.verify.expected import Said

_MOST = 4096  # forms of answers that are remembered

MISSING = "dnspython is not installed: pip install 'blockd[verify]'"


def reader() -> Callable[[bytes, int], Said | None]:
    """Return what reads an answer, given how many octets its question has.

    It gives None for what is no answer to a question that can be read.

    Raises:
        UnreachableError: dnspython is missing.
    """
    try:
        import dns.edns  # noqa: PLC0415 - optional, and 60 ms
        import dns.exception  # noqa: PLC0415
        import dns.flags  # noqa: PLC0415
        import dns.message  # noqa: PLC0415
        import dns.rdatatype  # noqa: PLC0415
    except ModuleNotFoundError:
        raise UnreachableError(MISSING) from None
    known: dict[tuple[int, bytes, bytes], Said | None] = {}
    types = {dns.rdatatype.A, dns.rdatatype.AAAA}

    def parse(packet: bytes) -> Said | None:
        try:
            message = dns.message.from_wire(packet)
        except (dns.exception.DNSException, ValueError):
            return None
        codes, cookie = set(), b""
        for option in message.options:
            octets = option.to_wire() or b""
            if option.otype == dns.edns.OptionType.EDE:
                codes.add(int.from_bytes(octets[:2], "big"))
            elif option.otype == dns.edns.OptionType.COOKIE:
                cookie = octets[8:]
        return Said(
            int(message.rcode()),
            bool(message.flags & dns.flags.TC),
            frozenset(codes),
            frozenset(
                data.address for found in message.answer if found.rdtype in types for data in found
            ),
            sum(map(len, message.answer)),
            cookie,
        )

    def read(packet: bytes, question: int) -> Said | None:
        key = question, packet[2:12], packet[12 + question :]
        if key not in known:
            if len(known) >= _MOST:
                known.clear()
            known[key] = parse(packet)
        return known[key]

    return read
