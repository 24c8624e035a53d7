"""Who may ask: client addresses against the allowed networks. Pure; nothing is recorded.

The verdicts are remembered by address for speed only, in memory, bounded, and without any
other trace.
"""

from collections.abc import Iterable

from blockd.prefixes import Prefix, longest_match

_MOST = 65_536


class Access:
    """The allowed networks; asked with an address in network byte order."""

    def __init__(self, allow: Iterable[Prefix]) -> None:
        """Allow these networks and nobody else."""
        self._allow = dict.fromkeys(allow, True)
        self._known: dict[bytes, bool] = {}

    def permits(self, address: bytes) -> bool:
        """Tell whether a client may ask; the address has 4 or 16 octets."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[address] = self._judge(address)
        return known

    def _judge(self, address: bytes) -> bool:
        if len(address) == 16 and address.startswith(b"\0" * 10 + b"\xff\xff"):
            address = address[12:]  # an IPv4 client on an IPv6 socket: RFC 4291 2.5.5.2
        family = 4 if len(address) == 4 else 6
        client = Prefix(family, int.from_bytes(address, "big"), 8 * len(address))
        return longest_match(client, self._allow) is not None
