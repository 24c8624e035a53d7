"""One connection: takes octets until a head is whole, has it answered, and sees to its end.

Bounded in octets and in time, whatever the other side does. What is answered is decided in
`answer`, how many there may be in `room`. No address leaves this module.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast

from blockd.notice.answer import Answer
from blockd.notice.exchange import Exchange
from blockd.notice.request import Request
from blockd.notice.room import Limits, Room, client_of

Answering = Callable[[Request | HTTPStatus, str], Awaitable[Answer]]
"""Gives the answer to a request, or to what is none; the text is this server as a URI."""


class Connection(asyncio.Protocol):
    """A connection that answers one request and ends (RFC 9112 9.6)."""

    def __init__(self, room: "Room[Connection]", limits: Limits, answering: Answering) -> None:
        """Wait to be connected."""
        self._room = room
        self._limits = limits
        self._answering = answering
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle
        self._exchange = Exchange()
        self._unwanted = 0
        self._answer: asyncio.Task[None] | None = None
        self._answered = self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place in the room, and begin to count the time."""
        self._transport = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(self._limits.head, self._late)
        peer = transport.get_extra_info("peername")
        if not peer:  # it has gone already
            self.drop()
            return
        going = self._room.admit(self, client_of(peer[0]))
        if going is not None:
            going.drop()

    def data_received(self, data: bytes) -> None:
        """Take octets of the head; what comes behind it is thrown away."""
        if self._answer is not None:
            self._unwanted += len(data)
            if self._unwanted > self._limits.unwanted:
                self.drop()
            return
        asked = self._exchange.take(data)
        if asked is not None:
            self._begin(asked)

    def eof_received(self) -> bool:
        """Go on while an answer is due: the other side may have said all that it had to say."""
        self._ended = True
        return self._answer is not None and not self._answered

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give the place back."""
        self._timer.cancel()
        self._room.remove(self)
        if self._answer is not None and not self._answered:
            self._answer.cancel()

    def drop(self) -> None:
        """End it at once."""
        self._transport.abort()

    def _begin(self, asked: Request | HTTPStatus) -> None:
        self._answer = asyncio.create_task(self._give(asked))

    async def _give(self, asked: Request | HTTPStatus) -> None:
        answer = await self._answering(asked, self._place())
        self._answered = True
        if self._transport.is_closing():
            return
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._limits.rest, self.drop)
        self._transport.write(self._exchange.give(answer))
        if self._ended:
            self._transport.close()
        else:
            # RFC 9112 9.6: this side alone is closed yet. Closed both ways while octets come, the
            # connection would be reset, and the answer could be lost.
            self._transport.write_eof()

    def _late(self) -> None:
        if self._exchange.begun and self._answer is None:
            self._begin(HTTPStatus.REQUEST_TIMEOUT)
        else:  # a browser opens connections ahead, and expects no answer on them
            self.drop()

    def _place(self) -> str:
        """Return the address that was connected to as a URI; empty for one that names nothing."""
        address, port = self._transport.get_extra_info("sockname")[:2]
        if "%" in address:  # a link-local one, which means nothing elsewhere
            return ""
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}/" if port == 80 else f"http://{host}:{port}/"
