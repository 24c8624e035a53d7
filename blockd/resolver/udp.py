"""Queries over UDP: the loop that is the hot path, from received batch to sent batch.

A packet that was seen within this second is answered by one dictionary look-up; everything
else is the engine's. The client's address stays in the receive buffer, or with the query
while it is in flight.
"""

import asyncio
import socket
from collections.abc import Callable

from blockd.resolver.engine import Engine, Reply
from blockd.resolver.exchange import Waiter
from blockd.resolver.mmsg import BATCH, NAME, RECEIVE, Datagrams
from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query

_ROUNDS = 8
"""Batches taken before the event loop may look at anything else."""

_ADDRESS = {socket.AF_INET: (4, 8), socket.AF_INET6: (8, 24)}
"""Where the address stands in sockaddr_in and sockaddr_in6: ip(7), ipv6(7)."""

_PKTINFO = {
    socket.AF_INET: (socket.IPPROTO_IP, 8),  # IP_PKTINFO, linux/in.h
    socket.AF_INET6: (socket.IPPROTO_IPV6, 49),  # IPV6_RECVPKTINFO, linux/in6.h
}


class UdpListener:
    """Serves one UDP socket."""

    def __init__(
        self,
        sock: socket.socket,
        engine: Engine,
        forward: Callable[[Waiter], None],
        before_batch: Callable[[], float],
    ) -> None:
        """Serve a bound socket from the running event loop.

        Args:
            sock: bound, of either family.
            engine: decides.
            forward: takes a query that an upstream must answer.
            before_batch: looks for a new generation, and returns the time (monotonic seconds).
        """
        sock.settimeout(0)
        sock.setsockopt(*_PKTINFO[sock.family], 1)
        self._sock = sock
        self._engine = engine
        self._forward = forward
        self._before_batch = before_batch
        self._datagrams = Datagrams(sock)
        self._address = _ADDRESS[sock.family]
        self._late: list[tuple[tuple[bytes, bytes], bytes]] = []
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def unsent(self) -> int:
        """Replies that the kernel did not take."""
        return self._datagrams.unsent

    def stop(self) -> None:
        """Receive no more; replies to queries in flight are still sent."""
        self._loop.remove_reader(self._sock.fileno())

    def close(self) -> None:
        """Send what waits, after `stop`; the socket is the owner's to close."""
        self._flush()

    def _readable(self) -> None:
        datagrams, engine = self._datagrams, self._engine
        packets, names, put = datagrams.packets, datagrams.names, datagrams.put
        first, last = self._address
        for _ in range(_ROUNDS):
            now = self._before_batch()
            hot_reply = engine.tick(now).get
            permits = engine.access.permits
            lengths = datagrams.receive()
            ready = 0
            for place, length in enumerate(lengths):
                start = place * RECEIVE
                packet = packets[start : start + length]
                name = place * NAME
                if permits(names[name + first : name + last]):
                    reply = hot_reply(packet[2:])
                    if reply is not None:
                        message, outcome, platform = reply
                        message = packet[:2] + message
                    else:
                        made = self._answer(packet, place, now)
                        if made is None:
                            continue
                        message, outcome, platform = made
                else:
                    made = engine.refuse(packet)
                    if made is None:
                        continue
                    message, outcome, platform = made
                put(ready, place, message)
                ready += 1
                outcome.n += 1
                if platform is not None:
                    platform.n += 1
            if ready:
                datagrams.send(ready)
            if len(lengths) < BATCH:
                return

    def _answer(self, packet: bytes, place: int, now: float) -> Reply | None:
        answered = self._engine.answer(packet, now)
        if not isinstance(answered, Query):
            return answered
        back = self._datagrams.whence(place)

        def done(query: Query, answer: Answer | None) -> None:
            self._send_late(back, self._engine.finish(query, answer))

        self._forward(Waiter(answered, done))
        return None

    def _send_late(self, back: tuple[bytes, bytes], reply: Reply | None) -> None:
        if reply is None:
            return
        reply.outcome.n += 1
        if reply.platform is not None:
            reply.platform.n += 1
        if not self._late:
            # Replies that come in the same round of the loop leave in one call.
            self._loop.call_soon(self._flush)
        self._late.append((back, reply.message))

    def _flush(self) -> None:
        late, self._late = self._late, []
        self._datagrams.send_late(late)
