"""Questions to one upstream over one lasting TCP or TLS connection (RFC 7766, RFC 7858).

Messages are pipelined under IDs of the connection's own; replies come in any order. Which
question goes where, and what its reply is worth, is `exchange`'s business.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator
from typing import NamedTuple

from blockd.config import Upstream
from blockd.errors import ConfigError
from blockd.resolver.clients import site_of
from blockd.resolver.inflight import UNSENT, Exchange
from blockd.resolver.link import CERTIFICATE, Ask, Link
from blockd.resolver.places import Places
from blockd.resolver.shares import sites_of_question
from blockd.resolver.tls import Session, client_context
from blockd.resolver.turns import Turns

TICK = 0.1
"""Seconds between looks at what is overdue."""

log = logging.getLogger(__name__)


class Patience(NamedTuple):
    """Times in seconds, and how much is asked at once."""

    reply: float = 2.5
    """For a reply, its connection included; and that a question without one holds its place, for
    the upstream may be at work on what was given up sooner."""
    late: float = 30.0
    """After which no reply is taken for another question's, so that its ID is free again."""
    idle: float = 10.0
    """Without a question, after which the connection is closed (RFC 7766 6.2.3)."""
    in_flight: int = 512
    """Questions at once on a connection of one client prefix, and twice as many of all: see
    `places`. Further ones wait."""
    waiting: int = 40_000
    """Questions that wait; further ones fail at once. More than can be in flight (`exchange`), for
    what is over leaves by and by."""


class Stream:
    """One upstream's connection; made when there is something to ask."""

    def __init__(
        self,
        upstream: Upstream,
        context: ssl.SSLContext | None = None,
        patience: Patience = Patience(),  # noqa: B008 - it is immutable
    ) -> None:
        """Connect nothing yet; needs a running event loop.

        Args:
            upstream: where, and with `tls` by which name; any other scheme is asked by TCP.
            context: for TLS, whom to trust; None: the system's authorities.
            patience: how long, and how much.

        Raises:
            ConfigError: the name is none.
        """
        self.upstream = upstream
        self.problem = ""
        """Why the last connection failed; empty once one works."""
        self.connections = 0
        """How many there have been."""
        self._patience = patience
        self._context = None
        if upstream.scheme == "tls":
            self._context = context or client_context()
            try:
                Session(self._context, upstream.name)
            except ValueError:
                raise ConfigError(
                    f"{upstream}: no certificate can be for {upstream.name!r}; write"
                    " tls://ADDRESS#NAME, the name that the server's certificate is for"
                ) from None
        self._session: ssl.SSLSession | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: Turns[Ask] = Turns()
        self._parts: dict[Exchange, Ask] = {}
        """The latest that was asked as part of each, until a tick finds that it waits no more."""
        self._link: Link | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._sending = False
        self._used_at = self._opened_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ticking = False
        self._closed = False

    def ask(
        self,
        message: bytes,
        done: Callable[[bytes | None], None],
        patience: float | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        """Ask; `done` is called later with the reply under the message's own ID, or without.

        What cannot go at once waits, and the prefixes of those who ask take turns.

        Args:
            message: a query of at most 65,535 octets. Over TLS it is padded (RFC 8467 4.1).
            done: called once, never from within `ask`, and not at all after `close`. Takes None
                where no reply came, `UNSENT` where there was no place for the question.
            patience: seconds that it may take, where that is less than usual.
            exchange: what it is part of; once that is over, `done` need not be called.
        """
        now = self._used_at = self._loop.time()
        deadline = now + min(patience or self._patience.reply, self._patience.reply)
        ask = Ask(message, done, deadline, exchange)
        if len(self._waiting) >= self._patience.waiting:
            self._waiting.keep(_wanted)
        if self._closed or len(self._waiting) >= self._patience.waiting:
            self._loop.call_soon(self._fail, ask, UNSENT)
            return
        if exchange is None:
            self._waiting.add(ask, ask.site)
        else:
            self._parts[exchange] = ask
            for site in sites_of_question(exchange):
                self._waiting.add(ask, site)
        self._pump_soon()
        if not self._ticking:
            self._ticking = True
            self._set_timer(TICK)

    def join(self, exchange: Exchange, client: bytes) -> None:
        """Have what waits as part of a question wait in the line of one more address as well.

        Else the others of a prefix that asks too much would be before whatever it asked first.
        """
        ask = self._parts.get(exchange)
        if ask is not None and ask in self._waiting:
            self._waiting.add(ask, site_of(client))
            self._pump_soon()

    def close(self) -> None:
        """Close the connection; who still waits is not called any more."""
        self._closed = True
        self._waiting = Turns()
        self._parts = {}
        if self._timer is not None:
            self._timer.cancel()
        self._drop()

    def ready(self, link: Link) -> None:
        """Take that a connection can be used."""
        if link is self._link:
            self.problem = ""
            self._pump()

    def lost(self, link: Link, why: str) -> None:
        """Take that a connection is over; what it has not answered is asked once more."""
        if link is not self._link:
            return
        self._session = link.resumable() or self._session
        self._link = None
        if not link.usable:
            self._failed(why)
            return
        # RFC 7766 6.2.4: a server may close at any time, with queries on their way to it.
        pending = [ask for ask in link.asked.values() if not ask.over]
        once, twice = ([a for a in pending if a.again is again] for again in (False, True))
        for ask in once:
            ask.again = True
        self._waiting.go_ahead(once)
        for ask in twice:
            ask.end(None)
        self._pump_soon()

    def _fail(self, ask: Ask, packet: bytes | None = None) -> None:
        if not self._closed:
            ask.end(packet)

    def _failed(self, why: str) -> None:
        """No connection could be made: everyone who waits is told so."""
        self._session = None  # perhaps it was not to be resumed
        if why != self.problem and why.startswith(CERTIFICATE):
            log.warning("upstream %s: %s", self.upstream, why)
        self.problem = why
        waiting, self._waiting = self._waiting, Turns()
        for ask in waiting:
            self._fail(ask)

    def _pump_soon(self) -> None:
        if not self._sending:
            # What one round of the loop asks leaves in one call.
            self._sending = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._sending = False
        if self._closed or not self._waiting:
            return
        link = self._link
        if link is None:
            self._connect()
        elif link.usable:
            link.send(self._going(link.places))

    def _going(self, places: Places) -> Iterator[Ask]:
        while places.left and (turn := self._waiting.next(places.open_to)) is not None:
            ask, site = turn
            if ask.wanted:
                if site is not None:
                    ask.site = site
                yield ask

    def _connect(self) -> None:
        session = None
        if self._context is not None:
            session = Session(self._context, self.upstream.name, self._session)
        self.connections += 1
        self._opened_at = self._loop.time()
        self._link = Link(self, session, self.upstream.name, 2 * self._patience.in_flight)
        self._connecting = self._loop.create_task(self._open(self._link))

    async def _open(self, link: Link) -> None:
        endpoint = self.upstream.endpoint
        try:
            await self._loop.create_connection(lambda: link, endpoint.address, endpoint.port)
        except OSError as error:
            self.lost(link, f"it cannot be reached: {error.strerror or error}")

    def _drop(self) -> None:
        """Give up the connection, at whatever stage it is."""
        link, self._link = self._link, None
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if link is not None:
            self._session = link.resumable() or self._session
            link.end()

    def _tick(self) -> None:
        now = self._loop.time()
        patience = self._patience
        link = self._link
        if link is not None:
            for ask in [ask for ask in link.asked.values() if ask.deadline <= now]:
                ask.end(None)
            # Not sooner, nor for what others leave unanswered: a flood of questions that nobody
            # can answer would have it replaced all the time, and all in flight asked again.
            if link.give_up(now - patience.reply, now - patience.late):
                self._drop_dead(link)
            else:
                self._pump_soon()  # there may be places
        full = link is not None and link.usable
        for ask in tuple(self._waiting):
            if ask.deadline <= now:
                ask.end(UNSENT if full and not ask.sent_at else None)
        self._waiting.keep(_wanted)
        self._parts = {ask.exchange: ask for ask in self._waiting if ask.exchange is not None}
        opening = link is not None and link is self._link and not link.usable
        if opening and now - self._opened_at > patience.reply:
            self._drop()
            self._failed(f"no connection within {patience.reply:g} s")
        busy = bool(self._waiting) or (self._link is not None and bool(self._link.asked))
        self._ticking = busy
        if busy:
            self._set_timer(TICK)
        elif self._link is not None:
            left = self._used_at + patience.idle - now
            if left <= 0:
                self._drop()
            else:
                self._set_timer(left)

    def _drop_dead(self, link: Link) -> None:
        """The connection brings nothing any more; what else waits for it gets another one."""
        link.end()
        self.lost(link, "")

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._tick)


def _wanted(ask: Ask) -> bool:
    return ask.wanted
