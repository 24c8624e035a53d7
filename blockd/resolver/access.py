"""Who may ask: client addresses against the allowed networks. Pure; nothing is remembered."""

from collections.abc import Iterable

from blockd.prefixes import WIDTH, Prefix

_MAPPED = b"\0" * 10 + b"\xff\xff"
_OCTETS = {4: 4, 6: 16}


def unmapped(address: bytes) -> bytes:
    """Return a client's own address: an IPv6 socket shows IPv4 ones mapped (RFC 4291 2.5.5.2)."""
    return address.removeprefix(_MAPPED)


class Access:
    """The allowed networks; asked with an address in network byte order."""

    def __init__(self, allow: Iterable[Prefix]) -> None:
        """Allow these networks and nobody else."""
        self._networks: dict[int, list[tuple[int, int]]] = {4: [], 16: []}
        for family, network, length in allow:
            shift = WIDTH[family] - length
            self._networks[_OCTETS[family]].append((shift, network >> shift))

    def permits(self, address: bytes) -> bool:
        """Tell whether a client may ask; the address has 4 or 16 octets."""
        address = unmapped(address)
        number = int.from_bytes(address, "big")
        return any(number >> shift == wanted for shift, wanted in self._networks[len(address)])
