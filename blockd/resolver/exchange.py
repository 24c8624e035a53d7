"""Questions in flight to upstreams, without sockets: events in, commands out.

Rules that hold here:
1. One exchange a question (`Query.key`): equal questions wait for the same reply, since asking
   them again would multiply an attacker's chances (RFC 5452 5). Whoever joins one that waits to
   leave by stream waits for its own turn there, not for that of who came first.
2. A reply counts when upstream, channel (source port), ID and question are those of a try
   that was sent; any other is ignored, and the exchange goes on waiting. Too many of these
   from one upstream look like somebody guessing: its questions go by TCP for a while.
3. Every exchange ends, with an answer: an upstream's, or a failure of our own.
4. When all room is taken, a client prefix that holds more than another makes room for it; see
   `shares`. While there is room, nobody counts who holds what.
5. IDs and channels come from the given source of randomness. IDs are drawn anew for each try;
   the channel is drawn for each flush, so that a batch leaves by one system call.

Longer than most modules, since it is one state machine.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from blockd.errors import FormError
from blockd.resolver import extended, question, wire
from blockd.resolver.channels import Channels
from blockd.resolver.health import Health, ranked
from blockd.resolver.inflight import UNSENT, AskByStream, Done, Exchange, Joined, Waiter
from blockd.resolver.probing import Lost, Probes
from blockd.resolver.reply import Answer, failure, parse_reply
from blockd.resolver.shares import Shares
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
CROWDED = MOST_IN_FLIGHT // 4
"""From so many on it is kept whose each is, until there are half as many: an account that is begun
anew reads all of them at once."""
MOST_WAITERS = 1_000
"""Clients that wait for one question; who comes later asks again, and finds it in the cache."""

DEADLINE = sum(PATIENCE)
"""Seconds from a question to its answer, or to the failure."""

_PARALLEL: Final = 3  # upstreams asked at once by the strategy `parallel`
_CROWD: Final = "too many questions are waiting"


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
        self.crowded_out = 0
        """Questions that were refused, or given up for others, for want of room."""
        self.displaced: list[Done] = []
        """Who is to be told that its question made room; the shell empties it."""
        self.outbox: list[list[bytes]] = [[] for _ in by_stream]
        """Datagrams to send to each upstream, all on the current channel; the shell empties it."""
        self.streams: list[AskByStream] = []
        """What to ask by stream; the shell empties it."""
        self.joined: list[Joined] = []
        """Who waits for it as well; the shell empties it, after `streams`."""
        self.channels = Channels(len(by_stream), channels, random_bits)
        self._by_stream = tuple(by_stream)
        self._random_bits = random_bits
        self._strategy = strategy
        self._random_case = random_case
        self._client_subnet = client_subnet
        self._by_question: dict[bytes, Exchange] = {}
        self._shares: Shares | None = None
        """Whose these are, while it is crowded."""
        self._roomy = CROWDED if self.health else 0
        """With so many in flight, a new one is to be asked whether there is room for it."""
        self._due: Sequence[deque[tuple[float, bytes]]] = [deque() for _ in PATIENCE]
        """When the tries of each number run out, by question: most are over by then, and what
        they held is not to be held for so long."""
        self._early: deque[tuple[float, Exchange]] = deque()
        self._resigning: deque[tuple[float, Exchange]] = deque()
        self._order: list[int] = list(range(len(self.health)))
        self._probes = Probes()

    def __len__(self) -> int:
        """Return the number of questions in flight."""
        return len(self._by_question)

    def ask(self, waiter: Waiter, now: float) -> Done | None:
        """Start an exchange, or join the one for the same question.

        When too many are in flight, one that has less claim is `displaced`, or the answer is a
        failure at once.
        """
        query = waiter.query
        exchange = self._by_question.get(query.key)
        if exchange is not None:
            if len(exchange.waiters) >= MOST_WAITERS:
                text = "too many wait for this answer"
                return Done(exchange, [waiter], _failed(text, lifetime=0), own=True)
            if exchange.resigned and self._in_vain(now):
                return Done(exchange, [waiter], self._failure(exchange, 0))
            if waiter.hasty and now - exchange.started >= EARLY:
                return Done(exchange, [waiter], None)  # it takes long already
            exchange.waiters.append(waiter)
            if exchange.streaming and waiter.client:
                self.joined.append(Joined(exchange, waiter.client))
            if self._shares is not None:
                self._shares.adopt(exchange, waiter.client)
            self._hurry(exchange, waiter, now)
            return None
        exchange = Exchange(query, [waiter], now)
        if len(self._by_question) >= self._roomy:
            refusal = self._admit(exchange, now)
            if refusal is not None:
                return Done(exchange, exchange.waiters, refusal, own=True)
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
        return not self.channels.pending[upstream][channel] and not self.outbox[upstream]

    def turn(self, now: float) -> None:
        """Draw another channel, and look who is to be asked first; after each flush."""
        self.channels.turn()
        if len(self.health) > 1:
            self._probes.look(self.health, now)
            self._order = ranked(self.health, self._strategy, self._random_bits)

    def received(self, upstream: int, channel: int, packet: bytes, now: float) -> Done | None:
        """Take a datagram from an upstream; None when it ends no exchange."""
        pending = self.channels.pending[upstream][channel]
        number = packet[0] << 8 | packet[1] if len(packet) >= 12 else -1
        exchange = pending.get(number)
        if exchange is None or not self._answers(
            exchange, upstream, packet, exact=self._random_case
        ):
            asked_at = self._probes.late(upstream, pending, number, packet, exact=self._random_case)
            if asked_at is not None:
                self.health[upstream].replied(now - asked_at)
                return None
            self.mismatched += 1
            if exchange is not None and self._answers(exchange, upstream, packet, exact=False):
                self._other_case(exchange, upstream, pending, number)
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
        """Take what a stream brought for an `AskByStream`.

        None as packet: it failed. `UNSENT`: for want of room of our own, so that it says nothing
        of the upstream.
        """
        if exchange.over:
            return None
        exchange.streaming &= ~(1 << upstream)
        if packet == UNSENT:
            return self._next(exchange, now)
        exchange.left = True
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
        for exchange in dict.fromkeys(self.channels.pending[upstream][channel].values()):
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

    def _admit(self, exchange: Exchange, now: float) -> Answer | None:
        """Have room for one more where it is crowded; returns the failure if there is none."""
        if not self.health:
            return _failed("no upstream", lifetime=0)
        shares = self._shares
        if shares is None:
            shares = self._shares = Shares(self._by_question.values())
            self._roomy = CROWDED // 2
        if len(self._by_question) >= MOST_IN_FLIGHT:
            self.crowded_out += 1
            failed = _failed(_CROWD, lifetime=0)
            going = shares.gives_way(exchange.waiters[0].client, now)
            if going is None:
                return failed
            done = self._done(going, failed, now)
            done.answer, done.own = failed, True
            self.displaced.append(done)
        shares.add(exchange)
        return None

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
        while self._probes.due:
            # A silent upstream is tried with a question that somebody else answers.
            upstream = self._probes.due.pop()
            if self.health[upstream].silent and not exchange.asked >> upstream & 1:
                self._send(exchange, upstream, now)

    def _send(self, exchange: Exchange, upstream: int, now: float) -> None:
        exchange.asked |= 1 << upstream
        health = self.health[upstream]
        health.sent += 1
        if self._by_stream[upstream] or now < health.suspected_until:
            self._by_tcp(exchange, upstream)
            return
        pending = self.channels.leaving[upstream]
        number = self.channels.unused(pending)
        pending[number] = exchange
        exchange.outstanding |= 1 << upstream
        exchange.keys.append((upstream, pending, number, now))
        self.outbox[upstream].append(self._message(exchange, upstream, number))

    def _by_tcp(self, exchange: Exchange, upstream: int) -> None:
        exchange.streaming |= 1 << upstream
        message = self._message(exchange, upstream, self.channels.draw())
        self.streams.append(AskByStream(exchange, upstream, message))

    def _message(self, exchange: Exchange, upstream: int, number: int) -> bytes:
        edns = not exchange.plain >> upstream & 1
        return number.to_bytes(2, "big") + question.message(
            exchange.query, exchange.question, edns=edns, subnet=self._client_subnet
        )

    def _answers(
        self, exchange: Exchange, upstream: int, packet: bytes, *, exact: bool = False
    ) -> bool:
        """Tell whether a message is a reply to what an upstream was asked.

        A datagram's case is compared where it was random. A stream's is not: it brings what its
        other side says and nobody else, who may have a case of its own.
        """
        return question.answered(packet, exchange.question, exact=exact) or (
            not exchange.plain >> upstream & 1 and question.is_bare_refusal(packet)
        )

    def _other_case(
        self, exchange: Exchange, upstream: int, pending: dict[int, Exchange], number: int
    ) -> None:
        """An upstream that folds case, or somebody who guessed the rest: TCP tells which."""
        del pending[number]
        exchange.outstanding &= ~(1 << upstream)
        if not exchange.streaming >> upstream & 1:
            self._by_tcp(exchange, upstream)

    def _hurry(self, exchange: Exchange, waiter: Waiter, now: float) -> None:
        if waiter.hasty and not exchange.hasty:
            exchange.hasty = True
            self._early.append((now + EARLY, exchange))

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
        if exchange.left or exchange.keys:
            return self._done(exchange, self._failure(exchange, FAILURE_TTL), now)
        self.crowded_out += 1
        failed = _failed(_CROWD, lifetime=0)
        done = self._done(exchange, failed, now)
        done.answer, done.own = failed, True
        return done

    def _in_vain(self, now: float) -> bool:
        """Tell whether every upstream is known not to answer."""
        return all(health.lost(now) for health in self.health)

    def _resign(self, exchange: Exchange) -> Done:
        """Tell who waits that it failed; the tries go on, for the upstreams may be back."""
        exchange.resigned = True
        waiters, exchange.waiters = exchange.waiters, []
        if self._shares is not None:
            self._shares.abandon(exchange)
        # Not to be kept: the end will be, whatever it is.
        return Done(exchange, waiters, self._failure(exchange, 0))

    def _failure(self, exchange: Exchange, lifetime: int) -> Answer:
        if exchange.network:
            return _failed("upstreams cannot be reached", extended.NETWORK, lifetime)
        return _failed("no upstream answered", lifetime=lifetime)

    def _done(self, exchange: Exchange, answer: Answer, now: float) -> Done:
        exchange.over = True
        for upstream, pending, number, _ in exchange.keys:
            if pending.get(number) is exchange:  # another one may have the ID by now
                del pending[number]
                self.health[upstream].given_up(now)
                if self.health[upstream].silent:
                    lost = Lost(pending, number, exchange.question, exchange.sent_at)
                    self._probes.lost(upstream, lost)
        exchange.keys.clear()
        del self._by_question[exchange.query.key]
        if self._shares is not None:
            self._left(exchange, self._shares)
        if answer.failed and not answer.lifetime:
            answer = answer.changed(lifetime=FAILURE_TTL)
        # Nothing of who waited is held for as long as its time would have run.
        waiters, exchange.waiters = exchange.waiters, []
        return Done(exchange, waiters, answer)

    def _left(self, exchange: Exchange, shares: Shares) -> None:
        """Take that a question is over; with few left, forget whose they are."""
        shares.remove(exchange)
        if len(self._by_question) < CROWDED // 2:
            self._shares = None
            self._roomy = CROWDED

    def _move(self, upstream: int) -> None:
        """Somebody is guessing: ask by TCP what this upstream has not answered yet."""
        for pending in self.channels.pending[upstream]:
            moved = dict.fromkeys(pending.values())
            pending.clear()
            for exchange in moved:
                exchange.outstanding &= ~(1 << upstream)
                if not exchange.streaming >> upstream & 1:
                    self._by_tcp(exchange, upstream)


def _failed(text: str, code: int = extended.NO_REACHABLE, lifetime: int = FAILURE_TTL) -> Answer:
    return failure(wire.SERVFAIL, lifetime).changed(options=extended.error(code, text))
