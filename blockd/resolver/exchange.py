"""Questions in flight to upstreams, without sockets: events in, commands out.

Rules that hold here:
1. One exchange a question (`Query.key`): equal questions wait for the same reply, since asking
   them again would multiply an attacker's chances (RFC 5452 5).
2. A reply counts when upstream, channel (source port), ID and question are those of a try
   that was sent; any other is ignored, and the exchange goes on waiting. Too many of these
   from one upstream look like somebody guessing: its questions go by TCP for a while.
3. Every exchange ends, with an answer: an upstream's, or a failure of our own.
4. IDs and channels come from the given source of randomness. IDs are drawn anew for each try;
   the channel is drawn for each flush, so that a batch leaves by one system call.

Longer than most modules, since it is one state machine.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from blockd.errors import FormError
from blockd.resolver import question, wire
from blockd.resolver.answers import EDE_NETWORK, EDE_NO_REACHABLE, extended_error
from blockd.resolver.health import Health, ranked
from blockd.resolver.inflight import AskByStream, Done, Exchange, Waiter
from blockd.resolver.reply import Answer, failure, parse_reply
from blockd.terms import Strategy

__all__ = ["AskByStream", "Done", "Exchange", "Exchanges", "Waiter"]

PATIENCE = (0.7, 1.3, 2.4)
"""Seconds that each try waits: 4.4 in all, within the 5 of a stub. RFC 9520 3.1 allows three.
A try by stream waits as long as the stream does, but none begins after those 4.4."""

EARLY = 1.8
"""Seconds after which a client gets stale data rather than waiting on (RFC 8767 5)."""

RESIGNED = 1.0
"""Seconds after which a client is told of the failure where no upstream has answered for long
(RFC 9520 2.3): enough for a second try, since one lost datagram costs nobody the first answer after
an outage. The question goes on without a client, and what comes of it is kept."""

FAILURE_TTL: Final = 5
"""Seconds for which a failure is kept (RFC 9520 3.2: one second to five minutes)."""

MOST_IN_FLIGHT = 20_000
"""Exchanges at once; without a bound, a dead upstream would let queries eat the memory."""
MOST_WAITERS = 1_000
"""Clients that wait for one question; who comes later asks again, and finds it in the cache."""

DEADLINE = sum(PATIENCE)
"""Seconds from a question to its answer, or to the failure."""

_PARALLEL: Final = 3  # upstreams asked at once by the strategy `parallel`
_POOL: Final = 256  # IDs drawn at a time


class Exchanges:
    """All questions in flight to one set of upstreams."""

    def __init__(
        self,
        by_stream: Sequence[bool],
        channels: int,
        random_bits: Callable[[int], int],
        strategy: Strategy = Strategy.ORDERED,
        *,
        random_case: bool = False,
        client_subnet: bool = False,
    ) -> None:
        """Start with nothing in flight.

        Args:
            by_stream: for each upstream, in order of preference, whether it takes no UDP.
            channels: source ports of each, a power of two.
            random_bits: returns that many unpredictable bits, such as `secrets.randbits`.
            strategy: which upstream is asked first.
            random_case: ask in random case, and compare it (draft-vixie-dnsext-dns0x20).
            client_subnet: pass a client's own subnet option on.
        """
        self.health = [Health() for _ in by_stream]
        self.mismatched = 0
        self.outbox: list[list[bytes]] = [[] for _ in by_stream]
        """Datagrams to send to each upstream, all on `channel`; the shell empties it."""
        self.streams: list[AskByStream] = []
        """What to ask by stream; the shell empties it."""
        self.channel = 0
        self.resting = -1
        """The channel on which nothing is sent, so that it can get another source port."""
        self._by_stream = tuple(by_stream)
        self._channel_bits = channels.bit_length() - 1
        self._random_bits = random_bits
        self._strategy = strategy
        self._random_case = random_case
        self._client_subnet = client_subnet
        self._by_question: dict[bytes, Exchange] = {}
        self._pending: list[list[dict[int, Exchange]]] = [
            [{} for _ in range(channels)] for _ in by_stream
        ]
        self._due: Sequence[deque[tuple[float, bytes]]] = [deque() for _ in PATIENCE]
        """When the tries of each number run out, by question: most are over by then, and what
        they held is not to be held for so long."""
        self._early: deque[tuple[float, Exchange]] = deque()
        self._resigning: deque[tuple[float, Exchange]] = deque()
        self._ids: list[int] = []
        self._order: list[int] = list(range(len(self.health)))
        self._probes: list[int] = []
        self._probed: dict[int, tuple[dict[int, Exchange], int, bytes, float]] = {}
        """The last question that each silent upstream lost the race for: where its reply would
        come, its ID, question and time."""

    def __len__(self) -> int:
        """Return the number of questions in flight."""
        return len(self._by_question)

    def ask(self, waiter: Waiter, now: float) -> Done | None:
        """Start an exchange, or join the one for the same question.

        When too many are in flight the answer is a failure at once.
        """
        query = waiter.query
        exchange = self._by_question.get(query.key)
        if exchange is not None:
            if len(exchange.waiters) >= MOST_WAITERS:
                text = "too many wait for this answer"
                return Done(exchange, [waiter], _failed(text, lifetime=0))
            if exchange.resigned and self._in_vain(now):
                return Done(exchange, [waiter], self._failure(exchange, 0))
            if waiter.hasty and now - exchange.started >= EARLY:
                return Done(exchange, [waiter], None)  # it takes long already
            exchange.waiters.append(waiter)
            self._hurry(exchange, waiter, now)
            return None
        exchange = Exchange(query, [waiter], now)
        if len(self._by_question) >= MOST_IN_FLIGHT or not self.health:
            text = "too many questions are waiting" if self.health else "no upstream"
            # Not to be kept: it says something of us, and nothing of the name.
            return Done(exchange, exchange.waiters, _failed(text, lifetime=0))
        self._by_question[query.key] = exchange
        if self._random_case:
            exchange.question = question.in_random_case(query.question, self._random_bits)
        self._hurry(exchange, waiter, now)
        if self.health[self._order[0]].failures:
            self._resigning.append((now + RESIGNED, exchange))
        self._round(exchange, now)
        return None

    def idle(self, upstream: int, channel: int) -> bool:
        """Tell whether no reply is awaited, and nothing is to be sent, on a channel."""
        return not self._pending[upstream][channel] and not self.outbox[upstream]

    def turn(self, now: float) -> None:
        """Draw another channel, and look who is to be asked first; after each flush."""
        self.channel = self._random_bits(self._channel_bits) if self._channel_bits else 0
        if self.channel == self.resting:
            self.channel = (self.channel + 1) % (1 << self._channel_bits)
        if len(self.health) > 1:
            self._order = self._ranked(now)

    def received(self, upstream: int, channel: int, packet: bytes, now: float) -> Done | None:
        """Take a datagram from an upstream; None when it ends no exchange."""
        pending = self._pending[upstream][channel]
        number = packet[0] << 8 | packet[1] if len(packet) >= 12 else -1
        exchange = pending.get(number)
        if exchange is None or not self._answers(exchange, upstream, packet):
            if self._is_back(upstream, pending, number, packet, now):
                return None
            self.mismatched += 1
            if self.health[upstream].odd(now):
                self._move(upstream)
            return None
        del pending[number]  # one reply each: a duplicate says nothing new
        sent_at = exchange.sent_at
        if exchange.tries > 1:  # RFC 6298 3: a late reply to an earlier try was not fast
            sent_at = next(
                key[3] for key in exchange.keys if key[1] is pending and key[2] == number
            )
        self.health[upstream].replied(now - sent_at)
        exchange.outstanding &= ~(1 << upstream)
        if packet[2] & 0x02:  # TC: RFC 7766 5
            if not exchange.streaming >> upstream & 1:
                self._by_tcp(exchange, upstream)
            return None
        return self._judge(exchange, upstream, packet, now)

    def by_stream(
        self, exchange: Exchange, upstream: int, packet: bytes | None, now: float
    ) -> Done | None:
        """Take what a stream brought for an `AskByStream`; None as packet: it failed."""
        if exchange.over:
            return None
        exchange.streaming &= ~(1 << upstream)
        health = self.health[upstream]
        if packet is None or len(packet) < 12 or not self._answers(exchange, upstream, packet):
            exchange.network = True
            health.timed_out(now, now - exchange.sent_at, exchange.query.key)
            return self._next(exchange, now)
        health.replied(now - exchange.sent_at)
        return self._judge(exchange, upstream, packet, now)

    def refused(self, upstream: int, channel: int, now: float) -> list[Done]:
        """Take an ICMP error: who can be asked elsewhere is, and who hopes in vain is told.

        The others wait for their time: whoever it was may be starting again, and anybody can
        forge such an error (RFC 5927). So it ends nothing, counts once a try, and a reply that
        comes all the same is taken.
        """
        found: list[Done] = []
        bit = 1 << upstream
        for exchange in dict.fromkeys(self._pending[upstream][channel].values()):
            exchange.network = True
            if exchange.outstanding & bit:
                self.health[upstream].refused(now, exchange.query.key)
                exchange.outstanding &= ~bit
                if self._untried(exchange):
                    self._round(exchange, now)
                    continue
            if exchange.outstanding or exchange.streaming or exchange.resigned:
                continue
            if now - exchange.started >= RESIGNED and self._in_vain(now):
                found.append(self._resign(exchange))
        return found

    def due(self, now: float) -> list[Done]:
        """Return what is to be done about tries whose patience is over."""
        found: list[Done] = []
        while self._early and self._early[0][0] <= now:
            _, exchange = self._early.popleft()
            hasty = [waiter for waiter in exchange.waiters if waiter.hasty]
            if hasty and not exchange.over:
                exchange.waiters = [waiter for waiter in exchange.waiters if not waiter.hasty]
                found.append(Done(exchange, hasty, None))
        while self._resigning and self._resigning[0][0] <= now:
            _, exchange = self._resigning.popleft()
            if not (exchange.over or exchange.resigned) and self._in_vain(now):
                found.append(self._resign(exchange))
        for place, waiting in enumerate(self._due):
            while waiting and waiting[0][0] <= now:
                _, key = waiting.popleft()
                late = self._by_question.get(key)
                if late is None or late.tries != place + 1:
                    continue
                if now < late.sent_at + PATIENCE[place]:
                    continue  # the same question once more; its own time stands further behind
                silent, late.outstanding = late.outstanding, 0
                for upstream, health in enumerate(self.health):
                    if silent >> upstream & 1:
                        health.timed_out(now, PATIENCE[place], key)
                if late.streaming:
                    # A stream has a time-out of its own, which `by_stream` hears of; whoever is
                    # left may overtake it.
                    if self._untried(late):
                        self._round(late, now)
                    continue
                done = self._next(late, now)
                if done is not None:
                    found.append(done)
        return found

    def _round(self, exchange: Exchange, now: float) -> None:
        """Make a try: ask whoever is first in order and was not asked yet."""
        place = exchange.tries
        exchange.tries += 1
        exchange.sent_at = now
        self._due[place].append((now + PATIENCE[place], exchange.query.key))
        order = self._order
        fresh = [u for u in order if not exchange.asked >> u & 1] if place else order
        if not fresh:
            exchange.asked = exchange.failed
            fresh = [u for u in order if not exchange.asked >> u & 1]
        if self._strategy is Strategy.PARALLEL:
            for upstream in fresh[:_PARALLEL]:
                self._send(exchange, upstream, now)
        else:
            self._send(exchange, fresh[0], now)
        while self._probes:
            # A silent upstream is tried with a question that somebody else answers.
            upstream = self._probes.pop()
            if self.health[upstream].silent and not exchange.asked >> upstream & 1:
                self._send(exchange, upstream, now)

    def _send(self, exchange: Exchange, upstream: int, now: float) -> None:
        exchange.asked |= 1 << upstream
        health = self.health[upstream]
        health.sent += 1
        if self._by_stream[upstream] or now < health.suspected_until:
            self._by_tcp(exchange, upstream)
            return
        pending = self._pending[upstream][self.channel]
        number = self._number()
        while number in pending:
            number = self._number()
        pending[number] = exchange
        exchange.outstanding |= 1 << upstream
        exchange.keys.append((upstream, pending, number, now))
        self.outbox[upstream].append(self._message(exchange, upstream, number))

    def _by_tcp(self, exchange: Exchange, upstream: int) -> None:
        exchange.streaming |= 1 << upstream
        message = self._message(exchange, upstream, self._number())
        self.streams.append(AskByStream(exchange, upstream, message))

    def _message(self, exchange: Exchange, upstream: int, number: int) -> bytes:
        edns = not exchange.plain >> upstream & 1
        return number.to_bytes(2, "big") + question.message(
            exchange.query, exchange.question, edns=edns, subnet=self._client_subnet
        )

    def _answers(self, exchange: Exchange, upstream: int, packet: bytes) -> bool:
        """Tell whether a message is a reply to what an upstream was asked."""
        return question.answered(packet, exchange.question, exact=self._random_case) or (
            not exchange.plain >> upstream & 1 and question.is_bare_refusal(packet)
        )

    def _hurry(self, exchange: Exchange, waiter: Waiter, now: float) -> None:
        if waiter.hasty and not exchange.hasty:
            exchange.hasty = True
            self._early.append((now + EARLY, exchange))

    def _number(self) -> int:
        if not self._ids:
            drawn = self._random_bits(16 * _POOL).to_bytes(2 * _POOL, "big")
            self._ids = list(memoryview(drawn).cast("H"))
        return self._ids.pop()

    def _judge(self, exchange: Exchange, upstream: int, packet: bytes, now: float) -> Done | None:
        try:
            answer = parse_reply(packet, 12 + len(exchange.question))
        except FormError:
            if not question.is_bare_refusal(packet):
                return self._next(exchange, now)
            answer = failure(packet[3] & 0xF, 0)
        rcode = answer.rcode
        if answer.failed:
            exchange.worst = answer
            bit = 1 << upstream
            if rcode in (wire.FORMERR, wire.NOTIMP) and not exchange.plain & bit:
                # RFC 6891 7: a server from before EDNS; once more without OPT.
                exchange.plain |= bit
                exchange.asked &= ~bit
            else:
                exchange.failed |= bit
            return self._next(exchange, now)
        return self._done(exchange, answer, now)

    def _untried(self, exchange: Exchange) -> bool:
        return exchange.tries < len(PATIENCE) and exchange.asked != (1 << len(self.health)) - 1

    def _hopeful(self, exchange: Exchange) -> bool:
        """Tell whether somebody is left who may know better than what was heard."""
        return exchange.worst is None or any(
            not (exchange.failed >> u & 1 or (exchange.asked >> u & 1 and health.silent))
            for u, health in enumerate(self.health)
        )

    def _next(self, exchange: Exchange, now: float) -> Done | None:
        if exchange.outstanding or exchange.streaming:
            return None  # another one may still answer
        in_time = exchange.tries < len(PATIENCE) and now - exchange.started < DEADLINE
        if in_time and self._hopeful(exchange):
            self._round(exchange, now)
            return None
        if exchange.worst is not None:
            return self._done(exchange, exchange.worst, now)
        return self._done(exchange, self._failure(exchange, FAILURE_TTL), now)

    def _in_vain(self, now: float) -> bool:
        """Tell whether every upstream is known not to answer."""
        return all(health.lost(now) for health in self.health)

    def _resign(self, exchange: Exchange) -> Done:
        """Tell who waits that it failed; the tries go on, for the upstreams may be back."""
        exchange.resigned = True
        waiters, exchange.waiters = exchange.waiters, []
        # Not to be kept: the end will be, whatever it is.
        return Done(exchange, waiters, self._failure(exchange, 0))

    def _failure(self, exchange: Exchange, lifetime: int) -> Answer:
        if exchange.network:
            return _failed("upstreams cannot be reached", EDE_NETWORK, lifetime)
        return _failed("no upstream answered", lifetime=lifetime)

    def _done(self, exchange: Exchange, answer: Answer, now: float) -> Done:
        exchange.over = True
        for upstream, pending, number, _ in exchange.keys:
            if pending.get(number) is exchange:  # another one may have the ID by now
                del pending[number]
                self.health[upstream].given_up(now)
                if self.health[upstream].silent:
                    self._probed[upstream] = (pending, number, exchange.question, exchange.sent_at)
        exchange.keys.clear()
        del self._by_question[exchange.query.key]
        if answer.failed and not answer.lifetime:
            answer = answer.changed(lifetime=FAILURE_TTL)
        # Nothing of who waited is held for as long as its time would have run.
        waiters, exchange.waiters = exchange.waiters, []
        return Done(exchange, waiters, answer)

    def _is_back(
        self, upstream: int, pending: dict[int, Exchange], number: int, packet: bytes, now: float
    ) -> bool:
        """Take a silent upstream's late reply: it is back, although another one was faster."""
        probed = self._probed.get(upstream)
        if (
            probed is None
            or probed[0] is not pending
            or probed[1] != number
            or not question.answered(packet, probed[2], exact=self._random_case)
        ):
            return False
        del self._probed[upstream]
        self.health[upstream].replied(now - probed[3])
        return True

    def _move(self, upstream: int) -> None:
        """Somebody is guessing: ask by TCP what this upstream has not answered yet."""
        for pending in self._pending[upstream]:
            moved = dict.fromkeys(pending.values())
            pending.clear()
            for exchange in moved:
                exchange.outstanding &= ~(1 << upstream)
                if not exchange.streaming >> upstream & 1:
                    self._by_tcp(exchange, upstream)

    def _ranked(self, now: float) -> list[int]:
        """Return the upstreams, the first to be asked first; silent ones last."""
        health = self.health
        places = range(len(health))
        # Kept until a question comes that can go there: a probe is told of once.
        self._probes += [u for u in places if u not in self._probes and health[u].wants_probe(now)]
        return ranked(health, self._strategy, self._random_bits)


def _failed(text: str, code: int = EDE_NO_REACHABLE, lifetime: int = FAILURE_TTL) -> Answer:
    return failure(wire.SERVFAIL, lifetime).changed(options=extended_error(code, text))
