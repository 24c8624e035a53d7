"""Who is connected: so many at once, so many of one client, and who goes for whom. Pure.

A client is forgotten with its last connection.
"""

import ipaddress
from collections import Counter
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

C = TypeVar("C", bound=Hashable)


class Limits(NamedTuple):
    """What connections may cost. Times are seconds."""

    connections: int = 512
    """At once."""
    of_one: int = 32
    """At once of one client; a browser opens six to a name."""
    head: float = 10.0
    """For a whole head, however slowly it comes."""
    rest: float = 3.0
    """For the answer to be read, and the connection to be closed by the client."""
    unwanted: int = 1 << 20
    """Octets behind the head that are thrown away before the connection is dropped."""


class Room(Generic[C]):
    """The open connections, the oldest first."""

    def __init__(self, limits: Limits) -> None:
        """Start with none."""
        self._limits = limits
        self._clients: dict[C, str] = {}
        self._counts: Counter[str] = Counter()
        self.closed_for_others = 0
        """Connections that had to go for a newer one."""

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._clients)

    def admit(self, connection: C, client: str) -> C | None:
        """Add a connection; return the one that is to be closed for it.

        A browser asks at once, so the oldest has had the most time: of this client's where it has
        its share, else of the client that has most.
        """
        going = None
        if self._counts[client] >= self._limits.of_one:
            going = self._oldest(client)
        elif len(self._clients) >= self._limits.connections:
            going = self._oldest(max(self._counts, key=self._counts.__getitem__))
        if going is not None:
            self.remove(going)
            self.closed_for_others += 1
        self._clients[connection] = client
        self._counts[client] += 1
        return going

    def remove(self, connection: C) -> None:
        """Forget a connection, and its client with the last one; again is no harm."""
        client = self._clients.pop(connection, None)
        if client is None:
            return
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]

    def all(self) -> list[C]:
        """Return every open connection."""
        return list(self._clients)

    def _oldest(self, client: str) -> C:
        return next(each for each, owner in self._clients.items() if owner == client)


def client_of(address: str) -> str:
    """Return what stands for a client: an IPv4 address, or the /64 that an IPv6 host has."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.version == 4:
        return address
    return found.packed[:8].hex()
