"""Probes for loops: a question to one upstream, again until that one answers.

What is asked, and how it shows that it has come back to us, is `forward`'s and `engine`'s
business. It goes by a socket of its own, so that its reply is none that nobody asked for.
"""

import asyncio
import contextlib
import socket

from blockd.config import Upstream
from blockd.resolver.streams import Stream

AGAIN = (1.0, 4.0, 16.0, 64.0, 256.0)
"""Seconds to wait after each try: one may be lost, or the network not be there at boot."""


class Circle:
    """One upstream's probe."""

    def __init__(self, upstream: Upstream, stream: Stream, message: bytes) -> None:
        """Ask for the first time; needs a running event loop.

        Args:
            upstream: who is asked.
            stream: to it; used where it takes no UDP.
            message: the query.
        """
        self._upstream, self._stream, self._message = upstream, stream, message
        self._loop = asyncio.get_running_loop()
        self._sock: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tries = 0
        self._over = False
        self._ask()

    def close(self) -> None:
        """Ask no more."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self._shut()

    def _ask(self) -> None:
        self._shut()  # a route there may be another one by now
        if self._tries == len(AGAIN):
            return
        self._timer = self._loop.call_later(AGAIN[self._tries], self._ask)
        self._tries += 1
        if self._upstream.scheme != "udp":
            self._stream.ask(self._message, self._heard)
            return
        with contextlib.suppress(OSError):  # the next try may find a way
            self._send()

    def _send(self) -> None:
        endpoint = self._upstream.endpoint
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock = sock
        self._loop.add_reader(sock, self._readable, sock)
        sock.connect((endpoint.address, endpoint.port))
        sock.send(self._message)

    def _readable(self, sock: socket.socket) -> None:
        try:
            packet = sock.recv(len(self._message) + 512)
        except OSError:
            return  # refused, or not there yet: the time for it runs on
        if packet[:2] == self._message[:2]:
            self.close()

    def _heard(self, packet: bytes | None) -> None:
        if packet and not self._over:
            self.close()

    def _shut(self) -> None:
        if self._sock is not None:
            self._loop.remove_reader(self._sock)
            self._sock.close()
            self._sock = None
