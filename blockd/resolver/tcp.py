"""Queries over TCP (RFC 7766): pipelined, answered out of order, idle and slow clients cut off."""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from blockd.resolver.engine import Engine, Reply
from blockd.resolver.exchange import Waiter
from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query

IDLE = 10.0
"""Seconds without a whole query after which the connection is closed (RFC 7766 6.2.3)."""

MOST_CONNECTIONS = 512
MOST_IN_FLIGHT = 64
"""Unanswered queries of one connection; reading stops until some are answered."""

_SLOW = 262_144
"""Octets that wait for a client that does not read; beyond it the connection is dropped."""


class TcpListener:
    """The open connections of all TCP sockets, and the protocol that each one speaks."""

    def __init__(
        self,
        engine: Engine,
        forward: Callable[[Waiter], None],
        before_batch: Callable[[], float],
    ) -> None:
        """Share engine and forwarding with the other listeners; see `UdpListener`."""
        self.engine = engine
        self.forward = forward
        self.before_batch = before_batch
        self.open: set[asyncio.Transport] = set()

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection, as `loop.create_server` wants it."""
        return _Connection(self)

    def close(self) -> None:
        """Close every connection."""
        for transport in tuple(self.open):
            transport.close()


class _Connection(asyncio.Protocol):
    def __init__(self, listener: TcpListener) -> None:
        self._listener = listener
        self._buffer = bytearray()
        self._in_flight = 0
        self._taking = False
        self._ended = False
        self._transport: asyncio.Transport
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        peer = sock.getpeername() if sock.fileno() >= 0 else None
        if len(self._listener.open) >= MOST_CONNECTIONS or peer is None:
            transport.abort()  # type: ignore[attr-defined]  # every TCP transport has it
            return
        self._permitted = self._listener.engine.access.permits(_packed(peer[0]))
        self._listener.open.add(self._transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._listener.open.discard(self._transport)
        if self._idle is not None:
            self._idle.cancel()

    def eof_received(self) -> bool:
        self._ended = True
        return self._in_flight > 0  # a client may close its side and still read: RFC 7766 6.2.4

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._take()

    def _take(self) -> None:
        if self._taking or self._transport.is_closing():
            return  # an answer came at once: the loop below takes the next query
        self._taking = True
        buffer = self._buffer
        while len(buffer) >= 2 and self._in_flight < MOST_IN_FLIGHT:
            length = buffer[0] << 8 | buffer[1]
            if len(buffer) < 2 + length:
                break
            packet = bytes(buffer[2 : 2 + length])
            del buffer[: 2 + length]
            self._wait()
            self._query(packet)
        self._taking = False
        if self._transport.is_closing():
            return
        if self._ended and self._in_flight == 0:
            self._transport.close()  # the last answer to a client that closed its side
        elif self._in_flight >= MOST_IN_FLIGHT:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _query(self, packet: bytes) -> None:
        listener = self._listener
        now = listener.before_batch()
        if not self._permitted:
            self._send(listener.engine.refuse(packet))
            self._transport.close()
            return
        answered = listener.engine.answer(packet, now, tcp=True)
        if isinstance(answered, Query):
            self._in_flight += 1
            listener.forward(Waiter(answered, self._done))
        else:
            self._send(answered)

    def _done(self, query: Query, answer: Answer | None) -> None:
        self._in_flight -= 1
        self._send(self._listener.engine.finish(query, answer, tcp=True))
        self._take()

    def _send(self, reply: Reply | None) -> None:
        if reply is None or self._transport.is_closing():
            return
        reply.outcome.n += 1
        if reply.platform is not None:
            reply.platform.n += 1
        # Length and message in one write: RFC 7766 8.
        self._transport.write(len(reply.message).to_bytes(2, "big") + reply.message)
        if self._transport.get_write_buffer_size() > _SLOW:
            self._transport.abort()

    def _wait(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(IDLE, self._transport.close)


def _packed(address: str) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address.partition("%")[0])
