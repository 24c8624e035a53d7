"""Queries over TCP (RFC 7766, RFC 9210) and TLS (RFC 7858): the connections, taken together.

How many there may be, who goes first when there are too many, and when each is looked at. What
one connection does is in `connection`. What is known of a client goes with its connections.
"""

import asyncio
from collections.abc import Callable

from blockd.resolver.clients import Client, Clients
from blockd.resolver.connection import Connection
from blockd.resolver.connections import Connections, Limits
from blockd.resolver.engine import Engine
from blockd.resolver.exchange import Waiter
from blockd.resolver.tls import Certificate

LOOK = 0.2
"""Seconds between looks at who is idle, stalled or deaf."""

_PIECE = 65_536
"""Octets read at once."""


class TcpListener:
    """The open connections of all TCP and TLS sockets, and the protocol that each one speaks."""

    def __init__(
        self,
        engine: Engine,
        clients: Clients,
        forward: Callable[[Waiter], None],
        before_batch: Callable[[], float],
        limits: Limits = Limits(),  # noqa: B008 - it is immutable
    ) -> None:
        """Share engine, clients and forwarding with the other listeners; see `UdpListener`.

        Rate limits are for UDP alone: who asks by TCP cannot pretend to be somebody else, and
        waits for room in its connection.
        """
        self.engine = engine
        self.clients = clients
        self.forward = forward
        self.before_batch = before_batch
        self.limits = limits
        self.connections: Connections[Connection] = Connections(limits)
        self.open: set[Connection] = set()
        self.room = memoryview(bytearray(_PIECE))
        """Where the connections read into, one after the other."""
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> asyncio.BaseProtocol:
        """Return the protocol of a new TCP connection, as `loop.create_server` wants it."""
        return Connection(self, None)

    def over_tls(self, certificate: Certificate) -> Callable[[], asyncio.BaseProtocol]:
        """Return the same for TLS; the server itself takes no `ssl` argument.

        Each new connection takes the certificate that is in force by then.
        """
        return lambda: Connection(self, certificate)

    def stop(self) -> None:
        """Take no more queries; a connection ends with the last of its answers."""
        self._stopped = True
        for connection in tuple(self.open):
            connection.finish()

    def close(self) -> None:
        """Close every connection."""
        self._stopped = True
        for connection in tuple(self.open):
            connection.end()

    def client(self, address: bytes) -> Client:
        """Return what is known of a client in this second."""
        return self.clients.known.get(address) or self.clients.admit(address)

    def began(self, connection: Connection, client: bytes) -> bool:
        """Take a new connection; False where there is no room."""
        if self._stopped:
            return False
        admitted, going = self.connections.admit(connection, client)
        if going is not None:
            going.make_room()
        if admitted:
            self.open.add(connection)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(LOOK, self._look)
        return admitted

    def ended(self, connection: Connection) -> None:
        """Forget a connection."""
        self.open.discard(connection)
        self.connections.remove(connection)
        if not self.open and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now, patience = loop.time(), self.connections.patience()
        for connection in tuple(self.open):
            connection.look(now, patience)
        self._timer = loop.call_later(LOOK, self._look) if self.open else None
