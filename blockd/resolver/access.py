"""Who may ask: client addresses against the allowed networks. Pure; nothing is remembered."""

from collections.abc import Iterable

from blockd.prefixes import WIDTH, Prefix

_MAPPED = b"\0" * 10 + b"\xff\xff"  # an IPv4 client on an IPv6 socket: RFC 4291 2.5.5.2
_OCTETS = {4: 4, 6: 16}


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
        address = address.removeprefix(_MAPPED) if len(address) == 16 else address
        number = int.from_bytes(address, "big")
        return any(number >> shift == wanted for shift, wanted in self._networks[len(address)])
