"""Questions in flight to upstreams, without sockets: events in, commands out.

Rules that hold here:
1. One exchange a question (`Query.key`): equal questions wait for the same reply, since asking
   them again would multiply an attacker's chances (RFC 5452 5).
2. A reply counts when upstream, channel (source port), ID and question are those of a try
   that was sent; any other is ignored, and the exchange goes on waiting.
3. Every exchange ends: with an answer, or with None when its last try is over.
4. IDs and channels come from the given source of randomness, anew for each try.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from blockd.errors import FormError
from blockd.resolver import wire
from blockd.resolver.reply import Answer, parse_reply
from blockd.resolver.wire import Query

PATIENCE = (0.7, 1.3, 2.4)
"""Seconds that each try waits: 4.4 in all, within the 5 of a stub. RFC 9520 3.1 allows three."""

BACK_OFF = 5.0
"""Seconds for which a silent upstream is asked only when there is no better one."""
SILENT = 3
"""Tries in a row without a reply after which an upstream counts as silent."""

MOST_IN_FLIGHT = 20_000
"""Exchanges at once; without a bound, a dead upstream would let queries eat the memory."""
MOST_WAITERS = 1_000
"""Clients that wait for one question; who comes later asks again, and finds it in the cache."""


class Waiter(NamedTuple):
    """A client's query, and what takes its answer (None: no upstream answered)."""

    query: Query
    done: Callable[[Query, Answer | None], None]


@dataclass(slots=True, eq=False)
class Exchange:
    """One question on its way."""

    query: Query
    waiters: list[Waiter]
    edns: bool = True
    tries: int = 0
    upstream: int = -1
    keys: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    over: bool = False


class Send(NamedTuple):
    """Command: send a datagram to an upstream on one of its channels."""

    upstream: int
    channel: int
    message: bytes


class AskByTcp(NamedTuple):
    """Command: ask the upstream by TCP, and hand the reply to `by_tcp`."""

    exchange: Exchange
    upstream: int
    message: bytes


class Done(NamedTuple):
    """Command: give the answer (None: failure) to everyone who waits."""

    exchange: Exchange
    answer: Answer | None


Command = Send | AskByTcp | Done


@dataclass(slots=True)
class Health:
    """What is known of an upstream."""

    failures: int = 0
    """Tries without a reply since the last one."""
    retry_at: float = 0.0
    sent: int = 0
    answered: int = 0
    timeouts: int = 0


class Exchanges:
    """All questions in flight."""

    def __init__(self, upstreams: int, channels: int, random_bits: Callable[[int], int]) -> None:
        """Start with nothing in flight.

        Args:
            upstreams: how many there are; they are numbered from 0 in order of preference.
            channels: source ports of each, a power of two.
            random_bits: returns that many unpredictable bits, such as `secrets.randbits`.
        """
        self.health = [Health() for _ in range(upstreams)]
        self.mismatched = 0
        self._channel_bits = channels.bit_length() - 1
        self._random_bits = random_bits
        self._by_question: dict[bytes, Exchange] = {}
        self._by_key: dict[int, Exchange] = {}
        self._due: Sequence[deque[tuple[float, Exchange]]] = [deque() for _ in PATIENCE]

    def __len__(self) -> int:
        """Return the number of questions in flight."""
        return len(self._by_question)

    def ask(self, waiter: Waiter, now: float) -> Command | None:
        """Start an exchange, or join the one for the same question (then None).

        When too many are in flight the answer is a failure at once.
        """
        key = waiter.query.key
        exchange = self._by_question.get(key)
        if exchange is not None:
            if len(exchange.waiters) < MOST_WAITERS:
                exchange.waiters.append(waiter)
            return None
        exchange = Exchange(waiter.query, [waiter])
        if len(self._by_question) >= MOST_IN_FLIGHT or not self.health:
            return Done(exchange, None)
        self._by_question[key] = exchange
        return self._try(exchange, now)

    def received(self, upstream: int, channel: int, packet: bytes, now: float) -> Command | None:
        """Take a datagram from an upstream; None when it answers nothing that was asked."""
        if len(packet) < 12:
            self.mismatched += 1
            return None
        exchange = self._by_key.get(_key(upstream, channel, packet[0] << 8 | packet[1]))
        if exchange is None or not _answers(packet, exchange.query):
            self.mismatched += 1
            return None
        health = self.health[upstream]
        health.failures = 0
        health.answered += 1
        if packet[2] & 0x02:  # TC: RFC 7766 5
            self._forget_keys(exchange)  # a later duplicate must not start a second one
            return AskByTcp(exchange, upstream, self._message(exchange, self._random_bits(16)))
        return self._judge(exchange, upstream, packet, now)

    def by_tcp(
        self, exchange: Exchange, upstream: int, packet: bytes | None, now: float
    ) -> Command | None:
        """Take what TCP brought for an `AskByTcp`; None as packet: it failed."""
        if exchange.over:
            return None
        if packet is None or len(packet) < 12 or not _answers(packet, exchange.query):
            return self._next(exchange, now)
        return self._judge(exchange, upstream, packet, now)

    def due(self, now: float) -> list[Command]:
        """Return what is to be done about tries whose patience is over."""
        commands: list[Command] = []
        for place, waiting in enumerate(self._due):
            while waiting and waiting[0][0] <= now:
                _, exchange = waiting.popleft()
                if exchange.over or exchange.tries != place + 1:
                    continue
                health = self.health[exchange.upstream]
                health.timeouts += 1
                health.failures += 1
                if health.failures >= SILENT:
                    health.retry_at = now + BACK_OFF
                commands.append(self._next(exchange, now))
        return commands

    def _judge(self, exchange: Exchange, upstream: int, packet: bytes, now: float) -> Command:
        try:
            answer = parse_reply(packet, 12 + len(exchange.query.question))
        except FormError:
            return self._next(exchange, now)
        if answer.rcode in (wire.FORMERR, wire.NOTIMP) and exchange.edns:
            # RFC 6891 7: a server from before EDNS; once more without OPT.
            exchange.edns = False
            return (
                self._try(exchange, now, upstream)
                if self._may_try(exchange)
                else (self._done(exchange, answer))
            )
        if answer.rcode in (wire.SERVFAIL, wire.REFUSED) and self._untried(exchange):
            return self._next(exchange, now)
        return self._done(exchange, answer)

    def _may_try(self, exchange: Exchange) -> bool:
        return exchange.tries < len(PATIENCE)

    def _untried(self, exchange: Exchange) -> bool:
        return self._may_try(exchange) and len(set(exchange.asked)) < len(self.health)

    def _next(self, exchange: Exchange, now: float) -> Command:
        if not self._may_try(exchange):
            return self._done(exchange, None)
        return self._try(exchange, now)

    def _try(self, exchange: Exchange, now: float, upstream: int = -1) -> Send:
        if upstream < 0:
            upstream = self._choose(exchange, now)
        exchange.upstream = upstream
        exchange.asked.append(upstream)
        self._due[exchange.tries].append((now + PATIENCE[exchange.tries], exchange))
        exchange.tries += 1
        while True:
            bits = self._random_bits(16 + self._channel_bits)
            channel, number = bits >> 16, bits & 0xFFFF
            key = _key(upstream, channel, number)
            if key not in self._by_key:
                break
        self._by_key[key] = exchange
        exchange.keys.append(key)
        self.health[upstream].sent += 1
        return Send(upstream, channel, self._message(exchange, number))

    def _choose(self, exchange: Exchange, now: float) -> int:
        """The first in order that is not silent and was asked least for this question."""
        if len(self.health) == 1:
            return 0
        return min(
            range(len(self.health)),
            key=lambda i: (
                exchange.asked.count(i),
                self.health[i].failures >= SILENT and now < self.health[i].retry_at,
                i,
            ),
        )

    def _message(self, exchange: Exchange, number: int) -> bytes:
        query = exchange.query
        flags = query.flags & (wire.RD | wire.AD | wire.CD)
        head = wire.HEADER.pack(number, flags, 1, 0, 0, 1 if exchange.edns else 0)
        if not exchange.edns:
            return head + query.question
        bits = query.edns.flags if query.edns is not None else 0
        return head + query.question + b"\0" + wire.RECORD.pack(wire.OPT, wire.OWN_UDP, bits, 0)

    def _done(self, exchange: Exchange, answer: Answer | None) -> Done:
        exchange.over = True
        self._forget_keys(exchange)
        del self._by_question[exchange.query.key]
        return Done(exchange, answer)

    def _forget_keys(self, exchange: Exchange) -> None:
        for key in exchange.keys:
            del self._by_key[key]
        exchange.keys.clear()


def _key(upstream: int, channel: int, number: int) -> int:
    return upstream << 32 | channel << 16 | number


def _answers(packet: bytes, query: Query) -> bool:
    """Tell whether a reply's header and question are the query's (RFC 5452 9.1)."""
    question = query.question
    end = 12 + len(question)
    return (
        packet[2] & 0xF8 == 0x80  # a response to a standard query
        and packet[4:6] == b"\0\1"
        and packet[end - 4 : end] == question[-4:]
        and packet[12 : end - 4].translate(wire.LOWER) == question[:-4].translate(wire.LOWER)
    )
