"""The sockets to upstream resolvers: carries out what `exchange` commands, and nothing more."""

import asyncio
import contextlib
import logging
import secrets
import socket
import time
from collections.abc import Callable, Sequence

from blockd.config import Endpoint
from blockd.resolver.exchange import AskByTcp, Command, Done, Exchange, Exchanges, Send, Waiter
from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query

CHANNELS = 16
"""Source ports of each upstream; which one a query uses is random (RFC 5452 9.2)."""

TICK = 0.05
"""Seconds between looks at overdue tries."""

TCP_PATIENCE = 2.5
"""Seconds that a try by TCP may take."""

_MOST_REPLY = 65_535
_REPLIES = 64
"""Replies taken from one socket before the event loop may look at anything else."""

log = logging.getLogger(__name__)


class Upstreams:
    """Forwards queries and hands the answers to those who wait for them."""

    def __init__(
        self, endpoints: Sequence[Endpoint], keep: Callable[[Query, Answer, float], None]
    ) -> None:
        """Open the sockets; needs a running event loop.

        Args:
            endpoints: the upstreams in order of preference.
            keep: takes each answer for the cache, with the time at which it came.
        """
        self.endpoints = tuple(endpoints)
        self.exchanges = Exchanges(len(endpoints), CHANNELS, secrets.randbits)
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: list[list[socket.socket | None]] = []
        for number, endpoint in enumerate(endpoints):
            self._sockets.append(
                [self._open(number, channel, endpoint) for channel in range(CHANNELS)]
            )
        self._timer: asyncio.TimerHandle | None = None

    def forward(self, waiter: Waiter) -> None:
        """Ask an upstream; the waiter is called when there is an answer, or none to be had."""
        command = self.exchanges.ask(waiter, time.monotonic())
        if command is not None:
            self._obey(command)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)

    def close(self) -> None:
        """Close the sockets; who still waits gets no answer."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        for channels in self._sockets:
            for sock in channels:
                if sock is not None:
                    self._loop.remove_reader(sock.fileno())
                    sock.close()

    def status(self) -> list[dict[str, object]]:
        """Return what is known of each upstream, for a status."""
        return [
            {
                "address": str(endpoint),
                "sent": health.sent,
                "answered": health.answered,
                "timeouts": health.timeouts,
                "failures": health.failures,
            }
            for endpoint, health in zip(self.endpoints, self.exchanges.health, strict=True)
        ]

    def _open(self, number: int, channel: int, endpoint: Endpoint) -> socket.socket | None:
        """Open a connected socket with a source port of its own; None where there is no route."""
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            # Connected, so that the kernel drops what comes from anywhere else.
            sock.connect((endpoint.address, endpoint.port))
        except OSError:
            sock.close()
            return None
        self._loop.add_reader(sock.fileno(), self._readable, number, channel, sock)
        return sock

    def _readable(self, number: int, channel: int, sock: socket.socket) -> None:
        now = time.monotonic()
        for _ in range(_REPLIES):
            try:
                packet = sock.recv(_MOST_REPLY)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier send; the try's time-out deals with it
            command = self.exchanges.received(number, channel, packet, now)
            if command is not None:
                self._obey(command)

    def _obey(self, command: Command) -> None:
        match command:
            case Send(upstream, channel, message):
                self._send(upstream, channel, message)
            case Done(exchange, answer):
                self._finish(exchange, answer)
            case AskByTcp(exchange, upstream, message):
                task = self._loop.create_task(self._by_tcp(exchange, upstream, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _send(self, upstream: int, channel: int, message: bytes) -> None:
        sock = self._sockets[upstream][channel]
        if sock is None:
            # There was no route when it was opened; there may be one by now.
            sock = self._open(upstream, channel, self.endpoints[upstream])
            self._sockets[upstream][channel] = sock
        if sock is not None:
            with contextlib.suppress(OSError):  # counts as a lost datagram
                sock.send(message)

    def _finish(self, exchange: Exchange, answer: Answer | None) -> None:
        if answer is not None:
            self._keep(exchange.query, answer, time.monotonic())
        for query, done in exchange.waiters:
            done(query, answer)

    def _tick(self) -> None:
        for command in self.exchanges.due(time.monotonic()):
            self._obey(command)
        # Nothing in flight, nothing to wake up for.
        again = len(self.exchanges) > 0
        self._timer = self._loop.call_later(TICK, self._tick) if again else None

    async def _by_tcp(self, exchange: Exchange, upstream: int, message: bytes) -> None:
        packet: bytes | None = None
        try:
            async with asyncio.timeout(TCP_PATIENCE):
                packet = await _ask_by_tcp(self.endpoints[upstream], message)
        except (OSError, asyncio.IncompleteReadError):
            packet = None
        command = self.exchanges.by_tcp(exchange, upstream, packet, time.monotonic())
        if command is not None:
            self._obey(command)


async def _ask_by_tcp(endpoint: Endpoint, message: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port)
    try:
        writer.write(len(message).to_bytes(2, "big") + message)
        length = int.from_bytes(await reader.readexactly(2), "big")
        packet = await reader.readexactly(length)
    finally:
        writer.close()
    if packet[:2] != message[:2]:
        raise OSError("the upstream answered another query")
    return packet
