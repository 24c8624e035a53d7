"""The sockets to upstream resolvers: carries out what `exchange` commands, and nothing more."""

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from blockd.config import Endpoint, ResolverSection, Upstream
from blockd.resolver.circles import Circle
from blockd.resolver.counters import Histogram
from blockd.resolver.exchange import DEADLINE, Done, Exchange, Exchanges, Waiter
from blockd.resolver.mmsg import BATCH, Connected
from blockd.resolver.reply import Answer
from blockd.resolver.streams import Stream
from blockd.resolver.wire import Query

CHANNELS: Final = 16
"""Source ports of each upstream; which one a query uses is random (RFC 5452 9.2)."""

TICK = 0.05
"""Seconds between looks at overdue tries."""

RENEW = 100
"""Ticks for which one channel of each upstream rests, so that nothing is awaited on it any more,
until it gets another source port."""

_ROUNDS: Final = 8
"""Batches of replies taken from one socket before the event loop may look at anything else."""

RECEIVE_BUFFER: Final = 1 << 20
"""Octets asked for by each socket: one that was away for a while asks much at once, and finds all
the replies at once. The kernel gives what net.core.rmem_max allows."""


class Upstreams:
    """Forwards queries to one set of upstreams and hands the answers to those who wait."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        settings: ResolverSection,
        keep: Callable[[Query, Answer | None, float], None],
        latency: Histogram,
    ) -> None:
        """Open the sockets; needs a running event loop.

        Args:
            upstreams: in order of preference.
            settings: strategy, and what is passed on.
            keep: takes each answer for the cache, with the time at which it came; None: we had
                no room for the question.
            latency: counts how long each question took.
        """
        self.upstreams = tuple(upstreams)
        self.exchanges = Exchanges(
            [upstream.scheme != "udp" for upstream in upstreams],
            CHANNELS,
            secrets.randbits,
            settings.strategy,
            random_case=settings.case_randomization,
            client_subnet=settings.client_subnet,
        )
        self._keep = keep
        self._latency = latency
        self._loop = asyncio.get_running_loop()
        self._connected = Connected()
        self._streams = [Stream(upstream) for upstream in upstreams]
        self._sockets: list[list[socket.socket | None]] = [
            [self._open(number, channel) for channel in range(CHANNELS)]
            if upstream.scheme == "udp"
            else []
            for number, upstream in enumerate(upstreams)
        ]
        self._circles: list[Circle] = []
        self._flushing = False
        self._begun = 0
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None
        self.exchanges.turn(time.monotonic())

    def inherit(self, earlier: "Upstreams") -> None:
        """Go on with what was learnt of each upstream that was asked before, too."""
        known = dict(zip(earlier.upstreams, earlier.exchanges.health, strict=True))
        exchanges = self.exchanges
        fresh = zip(self.upstreams, exchanges.health, strict=True)
        exchanges.health = [known.get(upstream, health) for upstream, health in fresh]
        exchanges.turn(time.monotonic())

    def forward(self, waiter: Waiter) -> None:
        """Ask an upstream; the waiter is called when there is an answer, or none to be had."""
        now = time.monotonic()
        done = self.exchanges.ask(waiter, now)
        if done is not None:
            self._finish(done, now)
            return
        self._begun += 1
        if self._begun >= BATCH:
            # More by one channel would find no room in its socket when the replies come.
            self._wake()
            self._flush()
        elif not self._flushing:
            # What one round of the loop asks leaves in one call.
            self._flushing = True
            self._loop.call_soon(self._flush)
            self._wake()

    def probe(self, number: int, name: bytes) -> None:
        """Ask one upstream for a name until it answers, a few times; nobody waits for that."""
        message = secrets.token_bytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\0\1\0\1"
        self._circles.append(Circle(self.upstreams[number], self._streams[number], message))

    def retire(self) -> None:
        """Answer who waits, and have nothing of it kept: others are asked from now on."""
        self._rest()
        self._keep = _not_kept

    def close(self) -> None:
        """Close the sockets; who still waits gets no answer."""
        if self._timer is not None:
            self._timer.cancel()
        self._rest()
        for stream in self._streams:
            stream.close()
        for channels in self._sockets:
            for sock in channels:
                self._shut(sock)

    def status(self) -> list[dict[str, object]]:
        """Return what is known of each upstream, for a status."""
        return [
            {
                "address": str(upstream),
                "sent": health.sent,
                "answered": health.answered,
                "timeouts": health.timeouts,
                "silent": health.silent,
                "suspected": health.suspected_until > time.monotonic(),
                "rtt_ms": round(health.rtt * 1000, 3),
            }
            for upstream, health in zip(self.upstreams, self.exchanges.health, strict=True)
        ]

    def _rest(self) -> None:
        """Look for loops no more."""
        for circle in self._circles:
            circle.close()

    def _open(self, number: int, channel: int) -> socket.socket | None:
        """Open a connected socket with a source port of its own; None where that fails now."""
        endpoint: Endpoint = self.upstreams[number].endpoint
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except OSError:
            return None  # too many are open
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            # Connected, so that the kernel drops what comes from anywhere else.
            sock.connect((endpoint.address, endpoint.port))
        except OSError:
            sock.close()
            return None
        self._loop.add_reader(sock.fileno(), self._readable, number, channel, sock.fileno())
        return sock

    def _shut(self, sock: socket.socket | None) -> None:
        if sock is not None:
            self._loop.remove_reader(sock.fileno())
            sock.close()

    def _readable(self, number: int, channel: int, descriptor: int) -> None:
        received = self.exchanges.received
        for _ in range(_ROUNDS):
            now = time.monotonic()
            try:
                packets = self._connected.receive(descriptor)
            except OSError:
                for refused in self.exchanges.refused(number, channel, now):
                    self._finish(refused, now)
                packets = []
            for packet in packets:
                done = received(number, channel, packet, now)
                if done is not None:
                    self._finish(done, now)
            if len(packets) < BATCH:
                break
        self._flush()

    def _flush(self) -> None:
        """Send what the exchanges want sent, and turn to another channel."""
        self._flushing = False
        self._begun = 0
        exchanges = self.exchanges
        channel = exchanges.channels.current
        for number, messages in enumerate(exchanges.outbox):
            if messages:
                sock = self._sockets[number][channel]
                if sock is None:
                    # There was no route when it was opened; there may be one by now.
                    sock = self._sockets[number][channel] = self._open(number, channel)
                if sock is not None:
                    self._connected.send(sock.fileno(), messages)
                exchanges.outbox[number] = []
        if exchanges.streams:
            asked, exchanges.streams = exchanges.streams, []
            for exchange, upstream, message in asked:
                took = partial(self._by_stream, exchange, upstream)
                # One deadline a question, whatever ways it goes.
                left = exchange.started + DEADLINE - time.monotonic()
                self._streams[upstream].ask(message, took, max(left, TICK), exchange)
        if exchanges.joined:
            joined, exchanges.joined = exchanges.joined, []
            for exchange, client in joined:
                for number, stream in enumerate(self._streams):
                    if exchange.streaming >> number & 1:
                        stream.join(exchange, client)
        exchanges.turn(time.monotonic())
        if exchanges.displaced:
            displaced, exchanges.displaced = exchanges.displaced, []
            for done in displaced:
                self._finish(done, time.monotonic())

    def _by_stream(self, exchange: Exchange, upstream: int, packet: bytes | None) -> None:
        now = time.monotonic()
        done = self.exchanges.by_stream(exchange, upstream, packet, now)
        if done is not None:
            self._finish(done, now)
        self._flush()

    def _finish(self, command: Done, now: float) -> None:
        answer = command.answer
        if answer is not None:
            exchange = command.exchange
            self._keep(exchange.query, None if command.own else answer, now)
            if exchange.over:  # once a question, at its end
                self._latency.add(now - exchange.started)
        for waiter in command.waiters:
            waiter.done(waiter, answer, now)

    def _wake(self) -> None:
        """Have the next look at overdue tries, unless there will be one."""
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None  # whatever happens here, the next question sees that none runs
        now = time.monotonic()
        for done in self.exchanges.due(now):
            self._finish(done, now)
        self._flush()
        self._ticks += 1
        if self._ticks % RENEW == 0:
            self._renew()
        if len(self.exchanges):  # nothing in flight, nothing to wake up for
            self._wake()

    def _renew(self) -> None:
        """Give the channel that has rested another source port, and let the next one rest."""
        resting = self.exchanges.channels.resting
        for number, channels in enumerate(self._sockets):
            if channels and resting >= 0 and self.exchanges.idle(number, resting):
                self._shut(channels[resting])
                channels[resting] = self._open(number, resting)
        self.exchanges.channels.resting = (resting + 1) % CHANNELS


def _not_kept(_query: Query, _answer: Answer | None, _now: float) -> None:
    return None
