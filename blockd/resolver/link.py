"""One connection to an upstream over TCP or TLS: messages out, replies in, under IDs of its own.

When there is one, and what becomes of questions that it did not answer, is `streams`' business.
"""

import asyncio
import secrets
import ssl
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Protocol, cast

from blockd.resolver import edns
from blockd.resolver.collector import untie
from blockd.resolver.frames import Frames, framed
from blockd.resolver.inflight import Exchange
from blockd.resolver.places import Places
from blockd.resolver.tls import Session

CERTIFICATE = "its certificate is not good"
"""How the sentence begins that says so."""


class Owner(Protocol):
    """What a link reports to."""

    def ready(self, link: "Link") -> None:
        """Take that a connection can be used, or has room for more."""

    def lost(self, link: "Link", why: str) -> None:
        """Take that a connection is over."""


class Ask:
    """A question that waits for its reply."""

    __slots__ = ("again", "deadline", "done", "exchange", "message", "over", "sent_at", "site")

    def __init__(
        self,
        message: bytes,
        done: Callable[[bytes | None], None],
        deadline: float,
        exchange: Exchange | None = None,
        site: bytes = b"",
    ) -> None:
        self.message = message
        self.done = done
        self.deadline = deadline
        self.exchange = exchange
        self.site = site
        """The client prefix whose place it takes, from when it is sent."""
        self.sent_at = 0.0
        self.again = False
        self.over = False

    @property
    def wanted(self) -> bool:
        """Whether anything is to come of it: it, and what it is part of, may be over."""
        return not (self.over or (self.exchange is not None and self.exchange.over))

    def end(self, packet: bytes | None) -> None:
        """Hand over the reply, None or `UNSENT` for none; the first time counts."""
        if not self.over:
            self.over = True
            self.done(packet)


class Link(asyncio.Protocol):
    """One connection, from its beginning to its end."""

    def __init__(self, stream: Owner, session: Session | None, name: str, most: int) -> None:
        """Begin; with a session that has not begun for TLS, and the name that it is for.

        Args:
            stream: what it reports to.
            session: None for TCP.
            name: the name that the certificate is for.
            most: questions in flight at once.
        """
        self._stream = stream
        self._session = session
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._frames = Frames()
        self._why = "it closed the connection"
        self.places = Places(most)
        self.asked: dict[int, Ask] = {}
        """By the ID on the wire, as they were sent; each holds a place."""
        self._late: dict[int, float] = {}
        """When what is not waited for any more was sent, by its ID."""
        self.usable = False
        """Whether it is connected, and the other side is who it should be."""
        self.heard_at = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be usable, or begin the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        if self._session is None:
            self.usable = True
            self._stream.ready(self)
        else:
            self._transport.write(self._session.start())

    def data_received(self, data: bytes) -> None:
        """Hand out the replies."""
        self.heard_at = self._loop.time()
        session = self._session
        if session is not None:
            try:
                data = session.receive(data)
            except ssl.SSLError as error:
                self._why = _why(error, self._name)
                self._write(session.outgoing())
                self.end()
                self._stream.lost(self, self._why)
                return
            self._write(session.outgoing())
            if session.established and not self.usable:
                self.usable = True
                self._stream.ready(self)
        self._frames.feed(data)
        while (packet := self._frames.take()) is not None:
            if len(packet) < 12:
                continue
            number = packet[0] << 8 | packet[1]
            self._late.pop(number, None)
            ask = self.asked.pop(number, None)
            if ask is not None:
                self.places.leave(ask.site)
                ask.end(ask.message[:2] + packet[2:])
        if session is not None and session.ended:
            self.end()
            self._stream.lost(self, self._why)
        elif self.usable:
            self._stream.ready(self)  # there is room for more

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so."""
        if exc is not None:
            self._why = f"the connection broke: {exc}"
        self._stream.lost(self, self._why)
        if self._transport is not None:
            untie(self._transport)

    def send(self, asks: Iterable[Ask]) -> None:
        """Ask, in one write; whoever comes has a place before the next one is looked for."""
        now = self._loop.time()
        octets = b""
        for ask in asks:
            number = secrets.randbits(16)
            while number in self.asked or number in self._late:
                number = secrets.randbits(16)
            self.asked[number] = ask
            self.places.take(ask.site)
            ask.sent_at = now
            message = number.to_bytes(2, "big") + ask.message[2:]
            if self._session is not None:
                message = edns.padded(message, edns.QUERY_BLOCK)
            octets += framed(message)
        if octets:
            self._write(octets if self._session is None else self._session.send(octets))

    def give_up(self, sent: float, forgotten: float) -> bool:
        """Free the places of what has had its time; its IDs stay taken, for replies may come yet.

        Args:
            sent: when what is given up was sent, or before.
            forgotten: the same for what gives up its ID as well.

        Returns:
            Whether nothing at all was heard since one of these was sent.
        """
        # Both are in the order of sending.
        over = list(takewhile(lambda one: one[1].sent_at <= sent, self.asked.items()))
        for number, ask in over:
            del self.asked[number]
            self.places.leave(ask.site)
            self._late[number] = ask.sent_at
        for number, _ in tuple(takewhile(lambda one: one[1] <= forgotten, self._late.items())):
            del self._late[number]
        return any(self.heard_at < ask.sent_at for _, ask in over)

    def end(self) -> None:
        """Close, without waiting for anybody."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._session is not None:
            self._write(self._session.end())
        if transport.get_write_buffer_size():
            transport.abort()  # nobody reads there
        else:
            transport.close()

    def resumable(self) -> ssl.SSLSession | None:
        """Return what the next connection to the same server can begin with."""
        return self._session.session if self._session is not None and self.usable else None

    def _write(self, octets: bytes) -> None:
        if octets and self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)


def _why(error: ssl.SSLError, name: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{CERTIFICATE} for {name}: {error.verify_message}"
    return f"TLS fails: {error.reason or error}"
