"""All sockets that clients reach one resolver process by: opened together, ended together.

Which sockets there are is `service.sockets`' business, what one of them does that of `udp`,
`tcp` and `tls`.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence

from blockd.resolver.clients import Clients
from blockd.resolver.engine import Engine
from blockd.resolver.exchange import Waiter
from blockd.resolver.tcp import TcpListener
from blockd.resolver.tls import Certificate
from blockd.resolver.udp import UdpListener
from blockd.service.sockets import BACKLOG, Listening


class Listeners:
    """The listeners of one process; it owns none of their sockets."""

    def __init__(
        self,
        engine: Engine,
        clients: Clients,
        forward: Callable[[Waiter], None],
        before_batch: Callable[[], float],
        certificate: Certificate | None,
    ) -> None:
        """Take what every listener needs; see `UdpListener` and `TcpListener`.

        Args:
            engine: answers, or says what has to be forwarded.
            clients: who may ask, and how often.
            forward: takes a question to the upstreams.
            before_batch: called before each batch of queries; returns the time.
            certificate: for DNS over TLS; None: there is none.
        """
        self._parts = engine, clients, forward, before_batch
        self._certificate = certificate
        self._udp: list[UdpListener] = []
        self._tcp = TcpListener(*self._parts)
        self._servers: list[asyncio.Server] = []

    @property
    def unsent(self) -> int:
        """How many datagrams the kernel did not take."""
        return sum(listener.unsent for listener in self._udp)

    async def open(self, sockets: Listening) -> None:
        """Begin to serve bound sockets; they are the caller's to close."""
        loop = asyncio.get_running_loop()
        for sock in sockets.udp:
            listener = UdpListener(sock, *self._parts)
            loop.add_reader(sock.fileno(), listener.readable)
            self._udp.append(listener)
        await self._listen(self._tcp, sockets.tcp)
        if self._certificate is not None:
            await self._listen(self._tcp.over_tls(self._certificate), sockets.tls)

    async def _listen(
        self, protocol: Callable[[], asyncio.BaseProtocol], sockets: Sequence[socket.socket]
    ) -> None:
        loop = asyncio.get_running_loop()
        for sock in sockets:
            self._servers.append(await loop.create_server(protocol, sock=sock))
            # asyncio takes as many connections at a time as may wait, and has told the kernel so;
            # that few at a time hold up no datagram, but a burst needs more room.
            sock.listen(BACKLOG)

    def look(self) -> None:
        """Read what the kernel holds, whether or not it woke this process for it."""
        for listener in self._udp:
            listener.readable()

    def flush(self) -> None:
        """Send the datagrams that wait to be sent together."""
        for listener in self._udp:
            listener.flush()

    def stop(self) -> None:
        """Take no new question; answers that are due can still be given."""
        loop = asyncio.get_running_loop()
        for server in self._servers:
            server.close()
        for listener in self._udp:
            loop.remove_reader(listener.sock.fileno())
        self._tcp.stop()

    def close(self) -> None:
        """Send what there is, and end every connection."""
        self._tcp.close()
        self.flush()
