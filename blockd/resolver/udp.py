"""Queries over UDP: the loop that is the hot path, from received batch to sent batch.

A packet that was seen within this second is answered by one dictionary look-up; everything
else is the engine's. The client's address stays in the receive buffer, in the table of this
second, or with the query while it is in flight.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from blockd.resolver import shapes
from blockd.resolver.clients import Client, Clients
from blockd.resolver.engine import Engine, Reply
from blockd.resolver.exchange import Waiter
from blockd.resolver.mmsg import BATCH, NAME, RECEIVE, SEND, Datagrams
from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query

_ROUNDS: Final = 2
"""Batches taken before the event loop may look at anything else, upstreams' replies among it: after
a pause there are many, and each may take long."""

_SLIP: Final = 2
"""Of the queries over the limit, one in so many is answered with TC; the rest are dropped."""

_REFUSALS: Final = 20
"""How often in a second an address is told that it may not ask; it may be somebody else's."""

_ADDRESS = {socket.AF_INET: (4, 8), socket.AF_INET6: (8, 24)}
"""Where the address stands in sockaddr_in and sockaddr_in6: ip(7), ipv6(7)."""


class UdpListener:
    """Serves one UDP socket."""

    def __init__(
        self,
        sock: socket.socket,
        engine: Engine,
        clients: Clients,
        forward: Callable[[Waiter], None],
        before_batch: Callable[[], float],
    ) -> None:
        """Serve a bound socket, once it is watched by the event loop: see `readable`.

        Args:
            sock: bound, of either family.
            engine: decides.
            clients: who may ask, and how often; its `known` begins anew each second.
            forward: takes a query that an upstream must answer.
            before_batch: looks for a new generation and a new second, and returns the time
                (monotonic seconds).
        """
        sock.settimeout(0)
        self.sock = sock
        self._engine = engine
        self._clients = clients
        self._forward = forward
        self._before_batch = before_batch
        self._datagrams = Datagrams(sock)
        self._address = _ADDRESS[sock.family]
        self._late: list[tuple[tuple[bytes, bytes], bytes]] = []
        self._over = 0
        self._done = self._finish
        self._loop = asyncio.get_running_loop()

    @property
    def unsent(self) -> int:
        """Replies that the kernel did not take."""
        return self._datagrams.unsent

    def flush(self) -> None:
        """Send the late replies that wait, as they were judged."""
        late, self._late = self._late, []
        self._datagrams.send_late(late)

    def readable(self) -> None:  # noqa: PLR0915 - the hot path: a call costs what it may not
        """Serve what is there."""
        datagrams, engine, clients = self._datagrams, self._engine, self._clients
        packets, names = datagrams.packets, datagrams.names
        out, sizes, origins = datagrams.out, datagrams.sizes, datagrams.origins
        first, last = self._address
        split, with_cookie = shapes.split, shapes.CLIENT_COOKIE
        for _ in range(_ROUNDS):
            now = self._before_batch()
            hot, hot_cookies = engine.tick(now)
            known = clients.known
            lengths = datagrams.receive()
            ready = start = name = at = 0
            for place, length in enumerate(lengths):
                packet = packets[start : start + length]
                start += RECEIVE
                address = names[name + first : name + last]
                name += NAME
                client = known.get(address) or clients.admit(address)
                bucket = client.bucket
                bucket.left -= 1
                if bucket.left >= 0:
                    own = b""
                    if length > 39 and packet[-12:-8] == with_cookie:
                        own = packet[-8:]
                        reply = hot_cookies.get(packet[2:-8])
                    else:
                        reply = hot.get(packet[2:])
                        if reply is None:
                            body, own = split(packet)
                            if own:
                                reply = hot_cookies.get(body[2:])
                    if reply is not None:
                        if own:
                            cookie = client.cookie or clients.cookie(address, client)
                            message = packet[:2] + reply.message + own[:8] + cookie
                        else:
                            message = packet[:2] + reply.message
                    else:
                        reply = self._answer(packet, address, client, place, now)
                        if reply is None:
                            continue
                        message = reply.message
                else:
                    reply = self._beyond(packet, address, client, place, now)
                    if reply is None:
                        continue
                    message = reply.message
                # In place: a call here would cost a tenth of the whole.
                size = len(message)
                out[at : at + size] = message
                sizes[ready] = size
                if origins[ready] != place:
                    datagrams.point(ready, place)
                at += SEND
                ready += 1
                reply.outcome.n += 1
                platform = reply.platform
                if platform is not None:
                    platform.n += 1
            if ready:
                datagrams.send(ready)
            if len(lengths) < BATCH:
                return

    def _answer(
        self, packet: bytes, address: bytes, client: Client, place: int, now: float
    ) -> Reply | None:
        cookie = client.cookie or self._clients.cookie(address, client)
        engine = self._engine
        answered = engine.answer(packet, now, cookie=cookie)
        if not isinstance(answered, Query):
            return answered
        origin = self._datagrams.whence(place)
        hasty = engine.hasty(answered, now)
        self._forward(
            Waiter(answered, self._done, hasty=hasty, cookie=cookie, origin=origin, client=address)
        )
        return None

    def _finish(self, waiter: Waiter, answer: Answer | None, now: float) -> None:
        """Send what an upstream's answer leads to, with the others of this round."""
        found = self._engine.finish(waiter.query, answer, now, cookie=waiter.cookie)
        origin = waiter.origin
        if isinstance(found, Query):
            hasty = self._engine.hasty(found, now)
            again = Waiter(
                found, self._done, hasty=hasty, cookie=waiter.cookie, origin=origin,
                client=waiter.client,
            )  # fmt: skip
            self._forward(again)
        elif found is not None and origin is not None:
            found.count()
            if not self._late:
                # Replies that come in the same round of the loop leave in one call.
                self._loop.call_soon(self.flush)
            self._late.append((origin, found.message))

    def _beyond(
        self, packet: bytes, address: bytes, client: Client, place: int, now: float
    ) -> Reply | None:
        """Answer a client that may not ask, or asks too often."""
        engine = self._engine
        cookie = client.cookie or self._clients.cookie(address, client)
        if not client.permitted:
            if client.bucket.left < -_REFUSALS - 1:
                engine.counters["dropped"].n += 1
                return None
            return engine.refuse(packet, cookie=cookie)
        _, own = shapes.split(packet)
        if own and client.own > 0 and self._clients.proven(address, own):
            # Nobody else's address: what others ask in its prefix's name is not its fault.
            client.own -= 1
            return self._answer(packet, address, client, place, now)
        self._over += 1
        if self._over % _SLIP:
            engine.counters["limited"].n += 1
            return None
        return engine.slip(packet, cookie)
