"""What one connection writes: replies framed, padded and encrypted, sent together, and bounded.

Which replies there are, and when a client has had its time, is `connection`'s business.
"""

import asyncio
import ssl

from blockd.resolver import edns
from blockd.resolver.frames import framed
from blockd.resolver.tls import Session

_HIGH = 65_536
"""Octets that wait to be read, from which on the protocol is told to pause."""

LOW = 16_384
"""Octets to which they have to sink before it goes on; and what is worth a flush of its own."""


class Outgoing:
    """The writing side of a connection over TCP or, with a session, TLS."""

    __slots__ = ("_replies", "_session", "_transport", "_unread", "waiting")

    def __init__(self, transport: asyncio.Transport, session: Session | None, unread: int) -> None:
        """Bound the transport.

        Args:
            transport: takes the octets.
            session: encrypts them; None: the connection is plain.
            unread: octets that may wait to be read; with more the connection is dropped.
        """
        transport.set_write_buffer_limits(_HIGH, LOW)
        self._transport = transport
        self._session = session
        self._unread = unread
        self._replies: list[bytes] = []
        self.waiting = 0
        """Octets of the replies that wait for the next flush."""

    def add(self, message: bytes, *, padded: bool) -> None:
        """Have a reply sent with the next flush.

        Args:
            message: the reply.
            padded: whether the client asked for padding, which hides lengths under TLS alone.
        """
        if padded and self._session is not None:
            message = edns.padded(message, edns.REPLY_BLOCK)  # RFC 8467 4.1
        self._replies.append(framed(message))
        self.waiting += len(message)

    def flush(self) -> None:
        """Send what waits: one write, and one TLS record where it fits."""
        if not self._replies:
            return
        octets = b"".join(self._replies)
        self._replies.clear()
        self.waiting = 0
        if self._transport.is_closing():
            return
        if self._session is not None:
            try:
                octets = self._session.send(octets)
            except ssl.SSLError:
                self._transport.abort()
                return
        self.write(octets)

    def write(self, octets: bytes) -> None:
        """Write octets as they are: those of the handshake, or what is encrypted already."""
        if not octets or self._transport.is_closing():
            return
        self._transport.write(octets)
        if self._transport.get_write_buffer_size() > self._unread:
            self._transport.abort()
