"""One client's connection over TCP (RFC 7766) or TLS (RFC 7858): what it reads and asks, when.

Every connection is bounded in what it may keep waiting, unread and open, and takes its turn
after some queries, so that a slow client and a busy one cost nobody else. How replies are written
is in `outgoing`. How many connections there may be, and how they share the rest of the resolver,
is the listener's business (`tcp`).
"""

import asyncio
import socket
import ssl
from functools import partial
from typing import Protocol, cast

from blockd.resolver import edns
from blockd.resolver.clients import Client, Clients
from blockd.resolver.collector import untie
from blockd.resolver.connections import STRANGERS, Connections, Limits, client_of
from blockd.resolver.edns import NOTHING, Wanted
from blockd.resolver.engine import Engine, Reply
from blockd.resolver.exchange import Waiter
from blockd.resolver.frames import Frames
from blockd.resolver.outgoing import LOW, Outgoing
from blockd.resolver.overdue import Due, Waits
from blockd.resolver.reply import Answer
from blockd.resolver.tls import Certificate, Session
from blockd.resolver.wire import Query

BATCH = 64
"""Queries taken from one connection before others have their turn."""


class Listener(Protocol):
    """What a connection shares with the others; see `tcp.TcpListener`."""

    engine: Engine
    limits: Limits
    clients: Clients
    connections: Connections["Connection"]
    room: memoryview

    def before_batch(self) -> float:
        """Look for what is new, and return the time."""

    def forward(self, waiter: Waiter) -> None:
        """Have an upstream asked."""

    def client(self, address: bytes) -> Client:
        """Return what is known of a client in this second."""

    def began(self, connection: "Connection", client: bytes) -> bool:
        """Take a new connection; False where there is no room."""

    def ended(self, connection: "Connection") -> None:
        """Forget a connection."""


class Connection(asyncio.BufferedProtocol):
    """The protocol of one connection."""

    def __init__(self, listener: Listener, certificate: Certificate | None) -> None:
        self._listener = listener
        self._certificate = certificate
        self._session: Session | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._outgoing: Outgoing
        self._address = b""
        self._frames = Frames()
        self._in_flight = 0
        self._taking = False
        self._next_turn = False
        self._last = False  # no more queries are read
        self._waits = Waits(self._loop.time(), handshake=certificate is not None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there is room."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer is None:  # it has gone already
            self._transport.abort()
            return
        self._address = _packed(peer[0])
        listener = self._listener
        permitted = listener.client(self._address).permitted
        if not listener.began(self, client_of(self._address) if permitted else STRANGERS):
            self._transport.abort()
            return
        if self._certificate is not None:
            self._session = Session(self._certificate.context)
        self._outgoing = Outgoing(self._transport, self._session, listener.limits.unread)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget it, and with it what is known of the client."""
        self._listener.ended(self)
        untie(self._transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Read into the room that all connections share, one after the other."""
        return self._listener.room

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        octets: bytes | memoryview = self._listener.room[:nbytes]
        session = self._session
        if session is not None:
            try:
                octets = session.receive(octets)
            except ssl.SSLError:
                self._outgoing.write(session.outgoing())  # the alert that says why
                self.end()
                return
            self._outgoing.write(session.outgoing())
        if self._last:
            return
        self._frames.feed(octets)
        self._take()
        if session is not None and session.ended:
            self.eof_received()

    def eof_received(self) -> bool:
        """Answer what was asked: a client may close its side and read on.

        RFC 7766 6.2.4, and for TLS RFC 8446 6.1.
        """
        self._last = True
        self._transport.pause_reading()
        self._go_on()
        return True

    def pause_writing(self) -> None:
        """Take no more queries from a client that does not read."""
        self._waits.deaf = self._loop.time()

    def resume_writing(self) -> None:
        """Go on with a client that has read."""
        self._waits.deaf = None
        self._take()

    def look(self, now: float, patience: float) -> None:
        """End a connection that has had its time."""
        due = self._waits.due(
            now,
            closing=self._transport.is_closing(),
            in_flight=self._in_flight,
            patience=patience,
            stall=self._listener.limits.stall,
        )
        if due is Due.ABORT:
            self._transport.abort()
        elif due is Due.FINISH:
            self.finish()
        elif due is Due.END:
            self.end()

    def finish(self) -> None:
        """Take no more queries; end with the last answer."""
        self._last = True
        self._frames = Frames()
        self._transport.pause_reading()
        if not self._taking:
            self._go_on()

    def end(self) -> None:
        """Close; what was written still leaves, if it is read soon."""
        if self._transport.is_closing():
            return
        self._waits.ending = self._loop.time()
        if self._session is not None:
            self._outgoing.write(self._session.end())
        self._transport.close()

    def make_room(self) -> None:
        """Close for somebody else's sake."""
        if self._transport.is_closing() or self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self.end()

    def _take(self) -> None:
        """Take queries, as many as it is this connection's turn for, and send what there is."""
        if self._taking:
            return  # an answer that came at once; the loop below goes on with the next query
        listener = self._listener
        most = listener.limits.in_flight
        now = 0.0
        taken = 0
        self._taking = True
        while (
            taken < BATCH
            and self._in_flight < most
            and self._waits.deaf is None
            and not self._transport.is_closing()
        ):
            packet = self._frames.take()
            if packet is None:
                break
            now = now or listener.before_batch()
            taken += 1
            self._query(packet, now)
            if self._outgoing.waiting > LOW:
                self._outgoing.flush()
        self._taking = False
        if taken:
            self._waits.quiet = self._loop.time()
            self._waits.cut = None
            if not self._in_flight:
                listener.connections.idle(self)
        self._outgoing.flush()
        self._go_on()

    def _go_on(self) -> None:
        """Decide what comes next: another turn, more to read, or the end."""
        if self._transport.is_closing():
            return
        whole = self._frames.whole
        full = self._in_flight >= self._listener.limits.in_flight or self._waits.deaf is not None
        if whole and not full and not self._next_turn:
            self._next_turn = True
            self._loop.call_soon(self._turn)
        if self._last:
            self._waits.cut = None
            if not whole and not self._in_flight:
                self.end()
        elif whole or full:
            self._waits.cut = None  # it is not the client that is waited for
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
            if not self._frames.cut and (self._session is None or self._session.established):
                self._waits.cut = None
            elif self._waits.cut is None:
                self._waits.cut = self._loop.time()

    def _turn(self) -> None:
        self._next_turn = False
        self._take()

    def _query(self, packet: bytes, now: float) -> None:
        listener = self._listener
        engine = listener.engine
        client = listener.client(self._address)
        if not client.permitted:
            self._send(engine.refuse(packet, tcp=True), NOTHING)
            self.finish()
            return
        cookie = client.cookie or listener.clients.cookie(self._address, client)
        wanted = edns.wanted(packet)
        answered = engine.answer(packet, now, tcp=True, cookie=cookie)
        if not isinstance(answered, Query):
            self._send(answered, wanted)
            return
        self._in_flight += 1
        listener.connections.busy(self)
        hasty = engine.hasty(answered, now)
        done = partial(self._answered, wanted)
        listener.forward(Waiter(answered, done, hasty=hasty, cookie=cookie, client=self._address))

    def _answered(self, wanted: Wanted, waiter: Waiter, answer: Answer | None, now: float) -> None:
        """Send what an upstream's answer leads to, and take what has waited for it."""
        listener = self._listener
        found = None
        if not self._transport.is_closing():
            found = listener.engine.finish(
                waiter.query, answer, now, tcp=True, cookie=waiter.cookie
            )
        if isinstance(found, Query):
            hasty = listener.engine.hasty(found, now)
            cookie, client = waiter.cookie, waiter.client
            listener.forward(Waiter(found, waiter.done, hasty=hasty, cookie=cookie, client=client))
            return
        self._in_flight -= 1
        if self._transport.is_closing():
            return
        self._send(found, wanted)
        if not self._in_flight:
            self._waits.quiet = now
            listener.connections.idle(self)
        self._take()

    def _send(self, reply: Reply | None, wanted: Wanted) -> None:
        """Have a reply sent with the next flush, and counted."""
        if reply is None:
            return
        reply.count()
        message = reply.message
        if wanted.keepalive:
            message = edns.with_keepalive(message, self._listener.connections.patience())
        self._outgoing.add(message, padded=wanted.padding)


def _packed(address: str) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address.partition("%")[0])
