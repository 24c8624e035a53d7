"""Who makes room when many questions are in flight: each client prefix has its share of them.

Kept only while it is crowded (see `exchange`), of questions in flight alone, and forgotten with
each: nothing here outlives a question. No sockets, no clock: times are passed in.

The share is no number. Whoever holds most gives way to whoever holds less, so that what one
prefix leaves is the others', and a lone one may have it all. A question belongs to the prefix
that asked it first; whoever joined it goes with it, and asks the next one for itself.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from blockd.resolver.clients import site_of
from blockd.resolver.inflight import Exchange

WAITED = 1.0
"""Seconds after which a question has had its chance, though it is still at its first try: one by
stream may be for long."""

_NOBODY: Final = b""
"""The prefix of questions that nobody waits for: what is fetched ahead, or was told it failed."""


class Site:
    """The questions of one client prefix, the oldest first."""

    __slots__ = ("prefix", "questions")

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        # Unlike a dict's, its ends are found at once, however many were removed before.
        self.questions: OrderedDict[Exchange, None] = OrderedDict()


class Shares:
    """Whose each question in flight is, and who holds most."""

    __slots__ = ("_most", "_of", "_ranks", "_sites")

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        """Begin with what is in flight, the oldest first."""
        self._sites: dict[bytes, Site] = {}
        self._of: dict[Exchange, Site] = {}
        self._ranks: dict[int, OrderedDict[Site, None]] = {}
        """The prefixes by how many questions they hold, `_NOBODY` left out."""
        self._most = 0
        for exchange in exchanges:
            self.add(exchange)

    def add(self, exchange: Exchange) -> None:
        """Take a question that is in flight from now on, with whoever asked it."""
        self._put(exchange, site_of_question(exchange))

    def remove(self, exchange: Exchange) -> None:
        """Forget a question, and its prefix with the last one; again is no harm."""
        site = self._of.pop(exchange, None)
        if site is None:
            return
        del site.questions[exchange]
        left = len(site.questions)
        if site.prefix:
            self._rank(site, left + 1, left)
        if not left:
            del self._sites[site.prefix]

    def abandon(self, exchange: Exchange) -> None:
        """Take that nobody waits for a question any more, though it goes on."""
        self.remove(exchange)
        self._put(exchange, _NOBODY)

    def adopt(self, exchange: Exchange, client: bytes) -> None:
        """Take that an address joined a question: what was nobody's is its prefix's."""
        site = self._of.get(exchange)
        if client and site is not None and not site.prefix:
            self.remove(exchange)
            self._put(exchange, _prefix(client))

    def gives_way(self, client: bytes, now: float) -> Exchange | None:
        """Return the question to be given up for a new one; None: the new one has no claim.

        First what nobody waits for. Then a question of the prefix that holds most, if the new
        one's would still not hold more than that. Otherwise one that has had its chance, of the
        prefix itself, or of any where all hold one: those who asked too much change places with
        themselves, and not so fast that no question lives to be answered.

        Args:
            client: the address that asks, in network order; empty: nobody's.
            now: monotonic seconds.
        """
        idle = self._sites.get(_NOBODY)
        if idle is not None:
            return next(iter(idle.questions))
        prefix = _prefix(client)
        if not self._most or not prefix:
            return None
        own = self._sites.get(prefix)
        greediest = next(iter(self._ranks[self._most]))
        held = len(own.questions) if own is not None else 0
        if self._most > held + 1:
            oldest = next(iter(greediest.questions))
            # The latest has waited for the least: the others may be about to be answered.
            return oldest if _tried(oldest, now) else next(reversed(greediest.questions))
        oldest = next(iter((own or greediest).questions))
        return oldest if _tried(oldest, now) else None

    def _put(self, exchange: Exchange, prefix: bytes) -> None:
        site = self._sites.get(prefix)
        if site is None:
            site = self._sites[prefix] = Site(prefix)
        self._of[exchange] = site
        site.questions[exchange] = None
        if prefix:
            held = len(site.questions)
            self._rank(site, held - 1, held)

    def _rank(self, site: Site, before: int, after: int) -> None:
        ranks = self._ranks
        if before:
            rank = ranks[before]
            del rank[site]
            if not rank:
                del ranks[before]
        if after:
            place = ranks.get(after)
            if place is None:
                place = ranks[after] = OrderedDict()
            place[site] = None
        if after > self._most or self._most not in ranks:
            self._most = after  # counts go by one: the next one is who has just gone there


def site_of_question(exchange: Exchange) -> bytes:
    """Return the prefix that a question belongs to; empty: nobody waits for it."""
    for waiter in exchange.waiters:
        if waiter.client:
            return site_of(waiter.client)
    return _NOBODY


def sites_of_question(exchange: Exchange) -> list[bytes]:
    """Return the prefixes of all who wait for a question, each once; at least nobody's."""
    sites = {_prefix(waiter.client): None for waiter in exchange.waiters}
    return list(sites) or [_NOBODY]


def _prefix(client: bytes) -> bytes:
    return site_of(client) if client else _NOBODY


def _tried(exchange: Exchange, now: float) -> bool:
    """Tell whether a question has had its first try, and was not answered."""
    return exchange.tries > 1 or now - exchange.started >= WAITED
