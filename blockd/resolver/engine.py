"""The resolver's decision for one packet: refuse, sinkhole, answer from cache, or forward.

Composes the pure parts; holds no socket. A policy is adopted whole, and every answer, kept
or late, is judged by the policy in force at the moment when it is sent.
"""

from typing import NamedTuple

from blockd.config import ResolverSection
from blockd.errors import FormError
from blockd.policy.reader import Policy, Verdict
from blockd.resolver import answers, wire
from blockd.resolver.access import Access
from blockd.resolver.answers import Answers
from blockd.resolver.cache import Cache
from blockd.resolver.counters import Count, Counters
from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query

TCP_LIMIT = 65_535

_TRANSFERS = frozenset({251, 252})  # IXFR and AXFR: nothing here is a zone to transfer
_META = frozenset({wire.OPT, wire.NXNAME})  # RFC 6891 6.1.1, RFC 9824 3.2: no question at all


class Reply(NamedTuple):
    """An answer to send, and the counters that sending it raises."""

    message: bytes
    outcome: Count
    platform: Count | None = None


class Engine:
    """One resolver's state: policy, cache, counters, and finished replies of this second."""

    def __init__(self, settings: ResolverSection, policy: Policy | None) -> None:
        """Start with a policy; None forwards everything (`start_without_list`)."""
        self.counters = Counters()
        self.cache = Cache(settings.cache.octets)
        self.access = Access(network.prefix for network in settings.allow)
        self.policy = policy
        self._settings = settings
        self._answers = self._make_answers()
        self.hot: dict[bytes, Reply] = {}
        """Replies to whole UDP packets, both without their first two octets, the ID."""
        self._hot_second = 0

    def adopt(self, policy: Policy) -> Policy | None:
        """Judge by this policy from now on; returns the one before, for closing.

        The cache stays: whatever is taken from it passes the new policy first.
        """
        before, self.policy = self.policy, policy
        self._answers = self._make_answers()
        self.hot = {}
        return before

    def configure(self, settings: ResolverSection) -> None:
        """Take changed settings: who may ask, action, TTL, size of the cache."""
        if settings.cache.octets != self._settings.cache.octets:
            self.cache = Cache(settings.cache.octets)
        self._settings = settings
        self.access = Access(network.prefix for network in settings.allow)
        self._answers = self._make_answers()
        self.hot = {}

    def tick(self, now: float) -> dict[bytes, Reply]:
        """Return the finished replies that are good at this time; call it once a batch.

        They are made anew each second: that is how TTLs of kept answers are aged.
        """
        second = int(now)
        if second != self._hot_second or len(self.hot) > 50_000:
            self._hot_second = second
            self.hot = {}
        return self.hot

    def answer(self, packet: bytes, now: float, *, tcp: bool = False) -> Reply | Query | None:
        """Return the reply to a packet, the query when it must be forwarded, or None for silence.

        Never raises for any bytes.
        """
        broken = wire.unanswerable(packet)
        if broken is None:
            try:
                query = wire.parse_query(packet)
            except FormError:
                broken = wire.FORMERR
        if broken is not None:
            if broken < 0:
                self.counters["dropped"].n += 1
                return None
            cell = "malformed" if broken == wire.FORMERR else "not_implemented"
            return Reply(wire.header_reply(packet, broken), self.counters[cell])
        reply = self._protocol(query, tcp=tcp) or self._decide(query, now, tcp=tcp)
        # Options make a packet its client's own; long ones would make `hot` large.
        common = len(packet) <= wire.LEAST_UDP and not (query.edns and query.edns.options)
        if isinstance(reply, Reply) and common and not tcp:
            self.hot[packet[2:]] = Reply(reply.message[2:], reply.outcome, reply.platform)
        return reply

    def finish(self, query: Query, answer: Answer | None, *, tcp: bool = False) -> Reply | None:
        """Return the reply to a forwarded query; the answer None means that none was had.

        The policy may have changed since the query was forwarded, so it is asked again.
        """
        verdict = self._verdict(query)
        if verdict is not None:
            return self._sinkhole(query, verdict, limit(query, tcp=tcp))
        if answer is None or answer.rcode > 0xF:
            options = answers.extended_error(answers.EDE_NO_REACHABLE, "no upstream answered")
            message = answers.error(query, wire.SERVFAIL, limit(query, tcp=tcp), options)
            return Reply(message, self.counters["failed"])
        return Reply(self._relay(query, answer, 0, tcp=tcp), self.counters["forwarded"])

    def keep(self, query: Query, answer: Answer, now: float) -> None:
        """Keep an upstream's answer for later queries."""
        self.cache.put(query.key, answer, now)

    def refuse(self, packet: bytes) -> Reply | None:
        """Return the answer to a client that may not ask: REFUSED with EDE 18 (RFC 8914 4.19)."""
        if wire.unanswerable(packet) is not None:
            return None
        try:
            query = wire.parse_query(packet)
        except FormError:
            return None
        options = answers.extended_error(answers.EDE_PROHIBITED, "not an allowed network")
        message = answers.error(query, wire.REFUSED, wire.LEAST_UDP, options)
        return Reply(message, self.counters["refused"])

    def _protocol(self, query: Query, *, tcp: bool) -> Reply | None:
        """Return the answer to what is no question for the policy or an upstream."""
        rcode = None
        if query.edns is not None and query.edns.version > 0:
            rcode = wire.BADVERS  # RFC 6891 6.1.3
        elif query.qtype in _META:
            rcode = wire.FORMERR
        elif query.qclass != wire.IN or query.qtype in _TRANSFERS:
            rcode = wire.REFUSED
        if rcode is None:
            return None
        cell = self.counters["refused" if rcode == wire.REFUSED else "malformed"]
        return Reply(answers.error(query, rcode, limit(query, tcp=tcp)), cell)

    def _decide(self, query: Query, now: float, *, tcp: bool) -> Reply | Query | None:
        verdict = self._verdict(query)
        if verdict is not None:
            return self._sinkhole(query, verdict, limit(query, tcp=tcp))
        kept = self.cache.get(query.key, now)
        if kept is None:
            return query
        age = int(now - kept.since)
        return Reply(self._relay(query, kept.answer, age, tcp=tcp), self.counters["cached"])

    def _verdict(self, query: Query) -> Verdict | None:
        """Return the rule that blocks a query, if any; an exception blocks nothing."""
        if self.policy is None or not query.name:
            return None
        verdict = self.policy.match(query.name)
        return None if verdict is None or verdict.rule.allow else verdict

    def _sinkhole(self, query: Query, verdict: Verdict, most: int) -> Reply | None:
        message = self._answers.sinkhole(query, verdict, most)
        platform = self.counters.platform(verdict.rule.id)
        if message is None:
            self.counters["dropped"].n += 1
            platform.n += 1
            return None
        return Reply(message, self.counters["sinkholed"], platform)

    def _relay(self, query: Query, answer: Answer, age: int, *, tcp: bool) -> bytes:
        flags = answer.flags & wire.TC
        if query.flags & wire.AD or (query.edns and query.edns.flags & wire.DO):
            flags |= answer.flags & wire.AD  # RFC 6840 5.7: for those who asked for it
        return answers.assemble(
            query, answer.rcode, answer.counts, answer.aged(age), b"", limit(query, tcp=tcp), flags
        )

    def _make_answers(self) -> Answers:
        serial = self.policy.number if self.policy is not None else 0
        return Answers(self._settings.action, self._settings.ttl, serial)


def limit(query: Query, *, tcp: bool) -> int:
    """Return the most octets that a reply to this query may have."""
    if tcp:
        return TCP_LIMIT
    return wire.LEAST_UDP if query.edns is None else min(query.edns.size, wire.OWN_UDP)
