"""Who is connected: so many at once, so many of one client, and the longest idle one goes first.

Bookkeeping without sockets or clocks. A client is the octets that stand for it here; they are
forgotten with its last connection.
"""

from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from blockd.resolver.access import unmapped

C = TypeVar("C", bound=Hashable)

STRANGERS = b""
"""All clients that may not ask, together: they share the room of one."""


class Limits(NamedTuple):
    """What connections may cost. Times are seconds."""

    connections: int = 512
    """At once, TCP and TLS together."""
    of_one: int = 64
    """At once of one client."""
    in_flight: int = 64
    """Unanswered queries of one connection; until some are answered, no more are read."""
    idle: float = 10.0
    """Without a query, after which a connection is closed (RFC 7766 6.2.3)."""
    least_idle: float = 1.0
    """The same when there is no room left for others."""
    stall: float = 5.0
    """For the rest of a query or a TLS handshake that has begun, and for answers that wait in
    the connection without being read."""
    unread: int = 262_144
    """Octets of answers that wait to be read; with more the connection is dropped."""


class Connections(Generic[C]):
    """The open connections, by client and by how long they have been idle."""

    def __init__(self, limits: Limits) -> None:
        """Start with none."""
        self._limits = limits
        self._client: dict[C, bytes] = {}
        self._counts: dict[bytes, int] = {}
        self._idle: dict[C, None] = {}
        """The longest idle one comes first."""

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._client)

    def admit(self, connection: C, client: bytes) -> tuple[bool, C | None]:
        """Add a connection; returns whether there is room, and who is to be closed for it.

        A client that has its share makes room itself. Whoever awaits an answer is closed for
        others only where its client has more connections than they: few addresses must not
        take all the room.
        """
        limits = self._limits
        going = None
        if self._counts.get(client, 0) >= limits.of_one:
            going = next((c for c in self._idle if self._client[c] == client), None)
            if going is None:
                return False, None
        elif len(self._client) >= limits.connections:
            going = next(iter(self._idle), None)
            if going is None:
                going = self._of_the_greediest(client)
            if going is None:
                return False, None
        if going is not None:
            self.remove(going)
        self._client[connection] = client
        self._counts[client] = self._counts.get(client, 0) + 1
        self._idle[connection] = None
        return True, going

    def _of_the_greediest(self, client: bytes) -> C | None:
        """Return the oldest connection of the client that has most, if that is more than ours."""
        most = max(self._counts, key=self._counts.__getitem__)
        if self._counts[most] <= self._counts.get(client, 0) + 1:
            return None
        return next(c for c, owner in self._client.items() if owner == most)

    def remove(self, connection: C) -> None:
        """Forget a connection, and its client with the last one; again is no harm."""
        client = self._client.pop(connection, None)
        if client is None:
            return
        self._idle.pop(connection, None)
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]

    def busy(self, connection: C) -> None:
        """Take that a query of a connection is in flight: it is not idle."""
        self._idle.pop(connection, None)

    def idle(self, connection: C) -> None:
        """Take that a connection is idle from now on."""
        self._idle.pop(connection, None)
        if connection in self._client:
            self._idle[connection] = None

    def patience(self) -> float:
        """Return the seconds that a connection may be idle, fewer the more there are.

        The whole time up to half of the room, then down to the least (RFC 7766 6.2.3).
        """
        limits = self._limits
        free = max(0.0, 1 - len(self._client) / limits.connections)
        return max(limits.least_idle, limits.idle * min(1.0, 2 * free))


def client_of(address: bytes) -> bytes:
    """Return what stands for a client: an IPv4 address, or the /64 that an IPv6 host has."""
    own = unmapped(address)
    return own if len(own) == 4 else own[:8]
