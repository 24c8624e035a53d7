"""The resolver's decision for one packet: refuse, sinkhole, answer from cache, or forward.

Composes the pure parts; holds no socket. A policy is adopted whole, and every answer, kept
or late, is judged by the policy in force at the moment when it is sent.

Longer than most modules: each way that a query can go is decided here, to be read in one place.
"""

from collections.abc import Callable
from typing import Any, Final

from blockd.config import ResolverSection
from blockd.errors import FormError
from blockd.policy.reader import Policy, Verdict
from blockd.resolver import answers, extended, wire
from blockd.resolver.answers import Answers
from blockd.resolver.cache import RETRY, Cache, Kept
from blockd.resolver.counters import Counters
from blockd.resolver.detour import Detour
from blockd.resolver.local import Local
from blockd.resolver.quick import Quick, Reply
from blockd.resolver.reply import Answer
from blockd.resolver.verdicts import Verdicts
from blockd.resolver.wire import Query
from blockd.terms import Denied

__all__ = ["TCP_LIMIT", "Detour", "Engine", "Reply", "limit", "zones"]

TCP_LIMIT: Final = 65_535

MOST_HOT = 30_000
"""Finished replies remembered for a second."""

STALE_TTL: Final = 30
"""Seconds: RFC 8767 4."""

_PREFETCH_USES: Final = 3  # seconds in which an answer was wanted
_PREFETCH_SHARE: Final = 0.1  # of its lifetime is left
_PREFETCH_LEAST: Final = 10  # seconds of lifetime

_TRANSFERS = frozenset({251, 252})  # IXFR and AXFR: nothing here is a zone to transfer
_META = frozenset({wire.OPT, wire.NXNAME})  # RFC 6891 6.1.1, RFC 9824 3.2: no question at all

_NO_MORE: Final = bytes(2)  # additional records

_LONGEST_SUBNET: Final = 20
"""Octets of a client-subnet option: family, two lengths, an IPv6 address (RFC 7871 6)."""


class Engine:
    """One resolver's state: policy, cache, counters, and finished replies of this second."""

    def __init__(self, settings: ResolverSection, policy: Policy | None) -> None:
        """Start with a policy; None forwards everything (`start_without_list`)."""
        self.counters = Counters()
        self.prefetch: Callable[[Query], None] = _nothing
        """Asks a question again whose answer is about to leave the cache."""
        self.loop = b""
        """Names below it are asked of upstreams alone: who asks us for one is one of them."""
        self.looped: Callable[[Query], None] = _nothing
        self._settings = settings
        self.cache = Cache(settings.cache.octets, settings.stale.seconds)
        self._local = Local(zones(settings))
        self._hot_second = 0
        self._epoch = 0
        """Counts the policies and configurations: what was judged under another is judged anew."""
        self._use(policy)

    def _use(self, policy: Policy | None) -> None:
        self.policy = policy
        self._epoch += 1
        self._verdicts = Verdicts(policy, self._settings, self._epoch)
        self._answers = Answers(
            self._settings.action, self._settings.ttl, policy.number if policy is not None else 0
        )
        # Made anew, so that nothing that was finished under the old policy is ever sent.
        self._quick = Quick(policy, self._epoch, self._answers, self.counters, self._serve)

    def adopt(self, policy: Policy) -> Policy | None:
        """Judge by this policy from now on; returns the one before, for closing.

        The cache stays: whatever is taken from it passes the new policy first.
        """
        before = self.policy
        self._use(policy)
        return before

    def configure(self, settings: ResolverSection) -> None:
        """Take changed settings; the cache is emptied where those that shape it changed.

        Where other upstreams are asked from now on, whoever asks them empties it.
        """
        old, self._settings = self._settings, settings
        keep = ("cache", "stale", "client_subnet", "check_cname", "check_addresses")
        if any(getattr(old, key) != getattr(settings, key) for key in keep):
            self.cache = Cache(settings.cache.octets, settings.stale.seconds)
        self._local = Local(zones(settings))
        self._use(self.policy)

    def tick(self, now: float) -> tuple[dict[bytes, Reply], dict[bytes, Reply]]:
        """Return the finished replies that are good at this time; call it once a batch.

        They are made anew each second: that is how TTLs of kept answers are aged.

        Returns:
            Those for queries without a cookie, and those for queries with one; see `Quick`.
        """
        second = int(now)
        quick = self._quick
        if second != self._hot_second or len(quick.hot) + len(quick.hot_cookies) > MOST_HOT:
            self._hot_second = second
            quick.cool()
        return quick.hot, quick.hot_cookies

    def answer(
        self, packet: bytes, now: float, *, tcp: bool = False, cookie: bytes = b""
    ) -> Reply | Query | None:
        """Return the reply to a packet, the query when it must be forwarded, or None for silence.

        Never raises for any bytes.

        Args:
            packet: the message.
            now: monotonic seconds.
            tcp: it came over TCP or TLS.
            cookie: the server cookie for this client, used where the query has a cookie.
        """
        if not tcp:
            quick = self._quick.answer(packet, now, cookie)
            if quick is not None:
                return quick
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
        reply = self._protocol(query, cookie, tcp=tcp)
        if reply is not None:
            return reply
        if not tcp:
            self._quick.learn(packet, query, limit(query, tcp=False))
        if self._settings.client_subnet and query.edns is not None and query.edns.subnet:
            # RFC 7871 7.3: what is said to one network is not for the others.
            query.key += query.edns.subnet
        verdict = self._verdicts.of(query.name)
        if verdict is not None and self._verdicts.blocks(verdict, tcp=tcp):
            return self._block(query, verdict, now, cookie, tcp=tcp)
        query.judged = self._epoch
        query.excepted = verdict is not None and verdict.rule.allow
        return self._serve(query, now, cookie, tcp=tcp)

    def _block(
        self, query: Query, verdict: Verdict, now: float, cookie: bytes, *, tcp: bool
    ) -> Reply | Query | None:
        """Return what a rule answers, the query that this takes, or None for silence."""
        target = self._answers.garden(verdict, query.qtype)
        if target is not None:
            return self._ask_garden(query, target, verdict, now, cookie, tcp=tcp)
        message = self._answers.sinkhole(query, verdict, limit(query, tcp=tcp), cookie)
        platform = self.counters.platform(verdict.rule.id)
        if message is None:
            self.counters["dropped"].n += 1
            platform.n += 1
            return None
        return Reply(message, self.counters["sinkholed"], platform)

    def _ask_garden(
        self, query: Query, target: bytes, verdict: Verdict, now: float, cookie: bytes,
        *, tcp: bool,
    ) -> Reply | Query:  # fmt: skip
        """Answer a query that a rule sends to another name, or return the query for that one.

        Nothing listed is sent on from there in turn, lest a name lead to itself for ever.
        """
        asked = Detour(query, target, verdict, self._epoch)
        kept = self.cache.get(asked.key, now)
        if kept is not None:
            found = self._verdicts.hidden_in(asked, kept)
            age = int(now - kept.since)
            return self._splice(asked, verdict, kept.answer, found, age, cookie, tcp=tcp)
        stale = self.cache.stale(asked.key, now)
        if stale is not None and now < stale.retry_at:
            found = self._verdicts.hidden_in(asked, stale)
            return self._splice(
                asked, verdict, _past_its_time(stale), found, 0, cookie, tcp=tcp
            )  # fmt: skip
        return asked

    def _splice(
        self, asked: Detour, verdict: Verdict, target: Answer | None, hidden: Verdict | None,
        age: int, cookie: bytes, *, tcp: bool,
    ) -> Reply:  # fmt: skip
        query = asked.instead_of
        withheld = self._verdicts.withholds(asked.name, verdict, hidden, tcp=tcp)
        message = answers.spliced(
            query, verdict.rule, target, self._settings.ttl, limit(query, tcp=tcp), age, cookie,
            withheld=withheld,
        )  # fmt: skip
        platform = self.counters.platform(verdict.rule.id)
        return Reply(message, self.counters["sinkholed"], platform)

    def _finish_garden(
        self, asked: Detour, answer: Answer | None, now: float, cookie: bytes, *, tcp: bool
    ) -> Reply | Query | None:
        """Answer a client's query with what was found for the name that it is sent to.

        Under the same policy this is its end, whatever was found: nothing is asked in a circle.
        """
        query = asked.instead_of
        verdict = asked.verdict
        if asked.epoch != self._epoch:
            found = self._verdicts.of(query.name)
            if found is None or not self._verdicts.blocks(found, tcp=tcp):
                # Not listed, or unlisted meanwhile: what it leads to is judged anew.
                query.judged = self._epoch
                query.excepted = found is not None and found.rule.allow
                return self._serve(query, now, cookie, tcp=tcp)
            if self._answers.garden(found, query.qtype) != asked.name:
                return self._block(query, found, now, cookie, tcp=tcp)
            verdict = found
        hidden = None
        if answer is None or answer.failed:
            stale = self.cache.stale(asked.key, now)
            if stale is not None:
                hidden = self._verdicts.hidden_in(asked, stale)
                answer = _past_its_time(stale)
        else:
            hidden = self._verdicts.hidden(asked, answer)
        return self._splice(asked, verdict, answer, hidden, 0, cookie, tcp=tcp)

    def _serve(self, query: Query, now: float, cookie: bytes, *, tcp: bool) -> Reply | Query:
        """Answer what is not listed: locally, from cache; or return the query to be forwarded."""
        local = self._local.answer(query)
        if local is None and query.qtype == wire.ANY:
            local = self._local.any_answer(query)
        if local is not None:
            message = answers.assemble(
                query, local.rcode, local.counts, local.body, local.options,
                limit(query, tcp=tcp), cookie=cookie,
            )  # fmt: skip
            return Reply(message, self.counters["local"])
        kept = self.cache.get(query.key, now)
        if kept is None:
            if self.loop and query.name.endswith(self.loop):
                self.looped(query)
                message = answers.error(query, wire.REFUSED, limit(query, tcp=tcp), cookie=cookie)
                return Reply(message, self.counters["refused"])
            stale = self.cache.stale(query.key, now)
            if (
                stale is not None
                and now < stale.retry_at
                and not self._verdicts.drops(query, stale)
            ):
                return self._stale(query, stale, now, cookie, tcp=tcp) or query
            return query
        if not query.excepted and kept.judged != self._epoch:
            hidden = self._verdicts.hidden_in(query, kept)
            if hidden is not None and self._verdicts.blocks(hidden, tcp=tcp):
                found = None
                if not self._verdicts.drops(query, kept):
                    found = self._block(query, hidden, now, cookie, tcp=tcp)
                return found or query
            if hidden is None:
                kept.judged = self._epoch
        kept.used += 1
        lifetime = kept.answer.lifetime
        if (
            kept.used >= _PREFETCH_USES
            and kept.until - now < lifetime * _PREFETCH_SHARE
            and lifetime >= _PREFETCH_LEAST
            and not kept.fetching
        ):
            kept.fetching = True
            self.prefetch(query)
        age = int(now - kept.since)
        return self._relay(query, kept.answer, kept.answer.aged(age), "cached", cookie, tcp=tcp)

    def hasty(self, query: Query, now: float) -> bool:
        """Tell whether there is stale data to give when the upstreams take long (RFC 8767 5)."""
        return self.cache.stale(query.key, now) is not None

    def finish(
        self, query: Query, answer: Answer | None, now: float, *, tcp: bool = False,
        cookie: bytes = b"",
    ) -> Reply | Query | None:  # fmt: skip
        """Return the reply to a forwarded query, or another query that must be forwarded for it.

        The answer None means that it takes long.

        The policy may have changed since the query was forwarded, so it is asked again.
        """
        if isinstance(query, Detour):
            return self._finish_garden(query, answer, now, cookie, tcp=tcp)
        if query.judged != self._epoch and self.policy is not None:
            verdict = self.policy.match(query.name)
            if verdict is not None and self._verdicts.blocks(verdict, tcp=tcp):
                return self._block(query, verdict, now, cookie, tcp=tcp)
            query.judged = self._epoch
            query.excepted = verdict is not None and verdict.rule.allow
        if answer is None or answer.failed:
            stale = self.cache.stale(query.key, now)
            if stale is not None:
                return self._stale(query, stale, now, cookie, tcp=tcp)
        if answer is None:
            options = extended.error(extended.NO_REACHABLE, "no upstream answered")
            message = answers.error(
                query, wire.SERVFAIL, limit(query, tcp=tcp), options, cookie=cookie
            )
            return Reply(message, self.counters["failed"])
        if not query.excepted:
            hidden = self._verdicts.hidden(query, answer)
            if hidden is not None and self._verdicts.blocks(hidden, tcp=tcp):
                return self._block(query, hidden, now, cookie, tcp=tcp)
        outcome = "failed" if answer.failed else "forwarded"
        return self._relay(query, answer, answer.body, outcome, cookie, tcp=tcp)

    def keep(self, query: Query, answer: Answer | None, now: float) -> None:
        """Keep an upstream's answer for later queries, and judge it once for all who wait.

        None: we had no room for the question, which may be asked again at once.
        """
        if answer is None:
            self.cache.give_up(query.key)
            return
        kept = self.cache.put(query.key, answer, now)
        if kept is None:
            return
        if kept.answer is not answer:
            kept.retry_at = now + RETRY  # a failure: what was kept before goes on, stale
        elif self._verdicts.hidden(query, answer) is None:
            kept.judged = self._epoch

    def refuse(self, packet: bytes, *, tcp: bool = False, cookie: bytes = b"") -> Reply | None:
        """Return the answer to a client that may not ask: REFUSED with EDE 18 (RFC 8914 4.19).

        None where there is none to be given, or `denied` says so.
        """
        query = _readable(packet)
        if query is None or self._settings.denied is Denied.DROP:
            self.counters["dropped"].n += 1
            return None
        options = extended.error(extended.PROHIBITED, "not an allowed network")
        most = TCP_LIMIT if tcp else wire.LEAST_UDP
        message = answers.error(query, wire.REFUSED, most, options, cookie)
        return Reply(message, self.counters["refused"])

    def slip(self, packet: bytes, cookie: bytes = b"") -> Reply | None:
        """Return the answer to one query of many too many: empty, and to be asked by TCP again.

        Or with the cookie that it brings, which proves where the client is (RFC 7873 5.2.3).
        """
        query = _readable(packet)
        if query is None:
            self.counters["dropped"].n += 1
            return None
        message = answers.assemble(
            query, wire.NOERROR, bytes(4), b"", b"", wire.LEAST_UDP, wire.TC, cookie
        )
        return Reply(message, self.counters["limited"])

    def _protocol(self, query: Query, cookie: bytes, *, tcp: bool) -> Reply | None:
        """Return the answer to what is no question for the policy or an upstream."""
        rcode = None
        if query.edns is not None and query.edns.version > 0:
            rcode = wire.BADVERS  # RFC 6891 6.1.3
        elif query.qtype in _META or (query.edns and len(query.edns.subnet) > _LONGEST_SUBNET):
            rcode = wire.FORMERR
        elif query.qclass != wire.IN or query.qtype in _TRANSFERS:
            rcode = wire.REFUSED
        if rcode is None:
            return None
        cell = self.counters["refused" if rcode == wire.REFUSED else "malformed"]
        message = answers.error(query, rcode, limit(query, tcp=tcp), cookie=cookie)
        return Reply(message, cell)

    def _stale(
        self, query: Query, kept: Kept, now: float, cookie: bytes, *, tcp: bool
    ) -> Reply | Query | None:
        """Return what is kept past its time, or what the policy says of it by now."""
        hidden = None if query.excepted else self._verdicts.hidden_in(query, kept)
        if hidden is not None and self._verdicts.blocks(hidden, tcp=tcp):
            return self._block(query, hidden, now, cookie, tcp=tcp)
        answer = _past_its_time(kept)
        return self._relay(query, answer, answer.body, "stale", cookie, tcp=tcp)

    def _relay(
        self, query: Query, answer: Answer, body: bytes, outcome: str, cookie: bytes, *, tcp: bool
    ) -> Reply:
        flags = answer.flags & wire.TC
        if query.flags & wire.AD or (query.edns and query.edns.flags & wire.DO):
            flags |= answer.flags & wire.AD  # RFC 6840 5.7: for those who asked for it
        rcode = answer.rcode
        if rcode > 0xF and query.edns is None:
            rcode = wire.SERVFAIL  # what only OPT could say
        counts = answer.counts
        if counts[4:] != _NO_MORE:
            begin = self._verdicts.beside(query, answer)
            if begin >= 0:
                counts, body = counts[:4] + _NO_MORE, body[:begin]
        message = answers.assemble(
            query, rcode, counts, body, answer.options, limit(query, tcp=tcp), flags, cookie
        )
        # A finished reply keeps the counter, so that the quick way counts it without asking again.
        would = self._verdicts.shadowed(query, answer)
        shadow = None if would is None else self.counters.shadow(would.rule.id)
        return Reply(message, self.counters[outcome], shadow)


def limit(query: Query, *, tcp: bool) -> int:
    """Return the most octets that a reply to this query may have."""
    if tcp:
        return TCP_LIMIT
    return wire.LEAST_UDP if query.edns is None else min(query.edns.size, wire.OWN_UDP)


def zones(settings: ResolverSection) -> dict[bytes, Any]:
    """Return the configured zones by wire name, with their upstreams."""
    from blockd import names  # noqa: PLC0415 - IDNA is wanted here alone

    return {names.parse(text): upstreams for text, upstreams in settings.zones.items()}


def _past_its_time(kept: Kept) -> Answer:
    """Return a kept answer as stale data: it says so, and has a TTL of its own."""
    answer = kept.answer
    code = extended.STALE_NXDOMAIN if answer.rcode == wire.NXDOMAIN else extended.STALE
    options = extended.error(code, "") + answer.options
    return answer.changed(body=answer.stale(STALE_TTL), options=options)


def _readable(packet: bytes) -> Query | None:
    if wire.unanswerable(packet) is not None:
        return None
    try:
        return wire.parse_query(packet)
    except FormError:
        return None


def _nothing(_query: Query) -> None:
    return None
